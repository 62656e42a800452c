# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# *The film is not exactly dull.* Is that praise? You knew at once, though the one word with a feeling in it says the opposite. In this
# course you build a machine that knows too, every part of it with your own hands, and at the end you set your model in a table beside five
# published ones.
#
# **You will be able to** say what the four tasks ask, find your way around the workbook, and name the score that a model has to beat before it
# deserves any credit.
#
# **You need** Python and a little numpy. **It takes** half an hour to do, under a minute to run at tiny scale.

# %%
# Set-up: the same cell in every notebook, on Colab, in JupyterLab and anywhere else; safe to run twice.
import importlib.util
import pathlib
import subprocess
import sys

ADDRESS = "https://github.com/OWNER/minbert-workbook"  # your copy; `minbert badges` fills it in
if importlib.util.find_spec("minbert_lib") is None:
    here = pathlib.Path.cwd().resolve()
    near = (folder for folder in (here, *here.parents) if (folder / "minbert_lib").is_dir())
    root = next(near, here / "minbert")
    if not root.is_dir():
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", ADDRESS, str(root)], check=True)
    sys.path.insert(0, str(root))

from minbert_lib.workbook import check, hint, progress, start

scale = start("00")

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from minbert_lib.lab import figures, probes
from minbert_lib.lab.stats import wilson
from minbert_lib.text import TASKS, read_rows
from minbert_lib.workbook import notebooks
from minbert_lib.workbook.exercises import EXERCISES
from minbert_lib.workbook.widgets import explore

pd.set_option("display.max_colwidth", 110)

# %% [markdown]
# ## What you will build
#
# A sentence goes in at the left, an answer comes out at the right. Each shaded box holds numbers that are *learned*: the loss says how wrong the answer
# was, the gradient says in which direction each number should move, and an optimiser moves it. Nothing else happens in this course, and every
# arrow of it is in one of the notebooks.

# %%
figures.draw("00_1_the_path")

# %% [markdown]
# ![Seven boxes from a sentence to an answer: tokens, embeddings, layers, the [CLS] vector, a head. An arrow leads back from the answer to what learns.](../figures/00_1_the_path.png)
#
# A token is a word or a piece of one; $L$ counts them, and $D$ is the width of the vectors that stand for them. These two letters mean the same in
# every notebook. Other words of the trade are in the [glossary](../notebooks/GLOSSARY.md), one sentence each.
#
# ## Three sizes of the same course
#
# Everything runs at one of three scales; the cell at the top said which one it chose.
#
# | scale | model | data | for |
# |---|---|---|---|
# | `tiny` | a BERT of 4 layers and width 128 that comes with the course | sentences that a program wrote, also in the course | any laptop, minutes, no download |
# | `mini` | MiniLM: 6 layers, width 384 | the real data | a laptop for an evening, or any GPU |
# | `base` | BERT-base: 12 layers, width 768 | the real data | a GPU, on Colab for example |
#
# To change it, write `start("00", scale="mini")` in the first cell and run all again. Nothing else changes. Scores at tiny scale say nothing about real
# sentences; they show how things behave.
#
# ## The notebooks
#
# This table is made from the notebooks themselves, and the times from recorded runs.

# %%
def title(script):
    return next(
        line[4:].strip()
        for line in script.read_text(encoding="utf-8").splitlines() if line.startswith("# # ")
    )


def contents(scale_name):
    costs, rows = notebooks.costs(), []
    for script in notebooks.scripts():
        mine = [
            exercise for exercise in EXERCISES.values() if exercise.where == script.stem[:2]
        ]
        cost = costs.get((script.stem, scale_name), {})
        rows.append({
            "notebook": title(script),
            "exercises": ", ".join(exercise.name for exercise in mine),
            "your minutes": sum(exercise.minutes for exercise in mine) or "",
            f"seconds to run at {scale_name}": cost.get("seconds", "not recorded"),
        })
    return pd.DataFrame(rows)


contents(scale.name)

# %% [markdown]
# ## How exercises work
#
# An exercise is a cell with a gap, `...`, and below it a cell that checks what you wrote and tells you one of three things:
#
# - **right**: from there on the notebook uses *yours*, and so do later notebooks;
# - **not yet**: with your mistake named in words, and the library's own stands in until you have mended it;
# - **blank**: the library's own stands in, and says so loudly.
#
# So you can always run a notebook to its end, in any state. `hint("name")` helps in three steps, the last of which is the solution.
# Your answers are kept: `progress()` lists them.
#
# Here is one to warm up. `predictions` and `labels` are numpy arrays of $n$ whole numbers each; wanted is the share of places where they are equal:
#
# $$\mathrm{accuracy} = \frac1n \sum_{i=1}^{n} \left[\,predictions_i = labels_i\,\right]$$
#
# where $[\dots]$ is 1 if what stands inside is true, else 0. Difficulty ●○○○○ · 3 minutes. Try a wrong answer too, and see what it says.

# %%
def accuracy(predictions, labels):
    ...  # your code here


# %%
accuracy = check("accuracy")

# %% [markdown]
# ## Four tasks
#
# SST asks how good a film is in one sentence, from 0 (awful) to 4 (wonderful). CFIMDB asks for or against, in a whole review. Quora asks whether two
# questions want the same answer. STS asks how alike two sentences are, from 0 to 5. Each has a part to learn from (train), a part to choose
# by (dev), and a part without labels (test).

# %%
rows = {
    task: {split: read_rows(task, split, scale.data) for split in ("train", "dev", "test")}
    for task in TASKS
}
pd.DataFrame([
    {
        "task": TASKS[task].title, **{split: len(part) for split, part in parts.items()},
        "labels": f"{TASKS[task].low} … {TASKS[task].high}",
        "one of them": " ‖ ".join(parts["dev"].examples[3].texts)[:105],
        "its label": parts["dev"].examples[3].label,
    }
    for task, parts in rows.items()
])

# %% [markdown]
# Two questions before any model: how long are the texts, because attention pays for every pair of words; and how are the labels spread, because
# whoever always says the commonest is right that often.

# %%
figure, panels = plt.subplots(2, 4, figsize=(9.2, 3.9))
for (task, parts), (above, below) in zip(rows.items(), panels.T):
    examples = parts["train"].examples
    above.hist(
        [sum(len(text.split()) for text in example.texts) for example in examples], bins=25
    )
    labels = [example.label for example in examples]
    steps = np.arange(TASKS[task].low, TASKS[task].high + 2) - 0.5
    below.hist(
        labels, bins=steps, rwidth=0.85, color="#E69F00",
        weights=np.full(len(labels), 1 / len(labels)),
    )
    above.set(title=TASKS[task].title, xlabel="words")
    below.set(xlabel="label")
panels[0, 0].set_ylabel("examples")
panels[1, 0].set_ylabel("share");

# %% [markdown]
# The reviews of CFIMDB are several times as long as anything else. In SST the outermost labels are the rarest; in Quora most pairs ask different things.
#
# ## Your own first prediction
#
# Read these ten sentences and write down what you think their labels are, before you look. Guess honestly; you are the first model of the course.

# %%
chosen = np.random.default_rng(7).choice(len(rows["sst"]["dev"]), 10, replace=False)
for number, place in enumerate(chosen):
    print(number, rows["sst"]["dev"].examples[place].texts[0])

# %%
my_guess = [2, 2, 2, 2, 2, 2, 2, 2, 2, 2]  # 0 awful, 1 poor, 2 neither, 3 good, 4 wonderful

# %%
truth = np.array([rows["sst"]["dev"].examples[place].label for place in chosen])
mine = float(accuracy(np.array(my_guess), truth))
print("the labels: ", truth.tolist())
print("your guess: ", my_guess, f"→ accuracy {mine:.2f}")
print("95 % interval:", wilson(round(10 * mine), 10))

# %% [markdown]
# The interval says which accuracies on *all* such sentences would make this result no surprise. With ten sentences it is so wide that it tells a poor model from
# an excellent one and no more. Keep that in mind wherever somebody compares two numbers: the dev set of the real SST has 1,101 sentences, and there
# the interval is still about ±3 points.
#
# ## What to beat
#
# Two models that know no grammar. One always says the commonest label. The other counts words: every word pushes the answer up or down by a
# fixed amount, and the amounts are fitted to the train set by least squares.

# %%
texts = {
    split: [example.texts[0] for example in rows["sst"][split].examples]
    for split in ("train", "dev")
}
labels = {
    split: np.array([example.label for example in rows["sst"][split].examples])
    for split in ("train", "dev")
}
counts, vocabulary = probes.word_counts(texts["train"])  # (n, words)
by_words = probes.probe(
    counts, labels["train"], probes.word_counts(texts["dev"], vocabulary)[0], 5
)
commonest = np.full(len(labels["dev"]), np.bincount(labels["train"]).argmax())
for name, said in (("always the commonest", commonest), ("counting words", by_words)):
    share = float(accuracy(said, labels["dev"]))
    print(f"{name:<22}", wilson(round(share * len(said)), len(said)))

# %% [markdown]
# Counting words beats the commonest label clearly. Where does it fail? Type a sentence, and see what each word adds on its own to the expected label. Ask
# it about *not exactly dull*.

# %%
by_hand = probes.ridge(counts, labels["train"], 5, 0.1)  # counts → a score for each class
nothing = by_hand(np.zeros((1, len(vocabulary)))) @ np.arange(5)


def pushes(sentence):
    words = sentence.lower().split()[:14]
    alone = [
        (by_hand(probes.word_counts([word], vocabulary)[0]) @ np.arange(5) - nothing).item()
        for word in words
    ]
    figure, axes = plt.subplots(figsize=(7.2, 2.7))
    axes.bar(
        range(len(words)), alone,
        color=["#0072B2" if value > 0 else "#D55E00" for value in alone],
    )
    axes.set_xticks(range(len(words)), words, rotation=35, ha="right")
    base = nothing.item()
    axes.set(
        ylabel="push on the label", ylim=(-1.2, 1.2),
        title=f"{base:.1f} without a word, {base + sum(alone):.1f} with these",
    )
    plt.close(figure)
    return figure


explore(
    pushes, alt="A bar for each word: above zero it praises, below it blames.",
    sentence="The plot is not exactly dull .",
)

# %% [markdown]
# ![Bars for the words of “The plot is not exactly dull .”: dull pulls down, not and exactly push up a little.](../figures/widgets/00_pushes.png)
#
# A word's push is the same wherever it stands. What turns it round, *not exactly* or *anything but*, is just another word with a push of its own.
# These are the dev sentences that word counts get most wrong:

# %%
off = np.abs(by_words - labels["dev"])
worst = np.argsort(-off, kind="stable")[:8]
pd.DataFrame({
    "sentence": [texts["dev"][i] for i in worst], "label": labels["dev"][worst],
    "by words": by_words[worst],
})

# %% [markdown]
# Some hold a phrase that turns a word round. In the sample data plain sentences fail too. In the train set their strong word mostly stood after such a phrase,
# or in the half of a sentence that does not decide the label. So the push that was fitted for that word is small, or points the wrong way.
#
# ## Pairs are harder
#
# In a pair, words matter even less by themselves. Below, the share of words that two sentences have in common, against what they were labelled with.

# %%
figure, panels = plt.subplots(1, 2, figsize=(8.2, 2.8))
for axes, task in zip(panels, ("qqp", "sts")):
    examples = rows[task]["dev"].examples[:400]
    sets = [[set(text.lower().split()) for text in example.texts] for example in examples]
    shared = [len(a & b) / len(a | b) for a, b in sets]
    jitter = np.random.default_rng(0).normal(0, 0.04, len(examples))
    axes.plot(shared, [example.label for example in examples] + jitter, "o", ms=3, alpha=0.5)
    axes.set(xlabel="shared words / all words", ylabel="label", title=TASKS[task].title)

# %% [markdown]
# Questions that share nearly all their words may still ask different things (who did what to whom?), and questions that share few may ask the same. Similarity
# follows the overlap more closely, with a wide spread. Who wants to do better has to read.
#
# ## What you have shown
#
# There are four tasks; a score means something only beside what is cheap to reach and within its interval; and words alone, without
# their order, get part of the way.
#
# **Three questions**
#
# <details><summary>1. A model reaches .91 on a task. Is that good?</summary>
#
# Not without more: what does the commonest label reach? If one letter in a hundred is spam, a filter that never finds any is right 99 times in 100.
# </details>
#
# <details><summary>2. Why are there a dev set and a test set?</summary>
#
# Whatever is chosen by its dev score (an epoch, a learning rate, a system) has a dev score that is a little too good: it was picked for being high. The
# test set is for one look at the end.
# </details>
#
# <details><summary>3. The sample sentences have 8 % of their labels moved to a neighbour on purpose. What is the best accuracy that a model can expect?</summary>
#
# About .92 (on these 400 dev sentences .91, for chance moved a few more): it cannot know which ones were moved. Real labels carry such noise too, only nobody knows how much.
# </details>
#
# **Next:** [01 · Attention](01_attention.ipynb).

# %%
progress()
