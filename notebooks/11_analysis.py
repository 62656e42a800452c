# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 11 · Analysis
#
# A score says how often a model is wrong. It does not say *where*, and that is what you need to know before you change anything. So we look: at what is
# taken for what, at how far off, at how sure, and at the sentences themselves.
#
# **You will be able to** read a confusion matrix, recall and precision; tell whether a model is as sure as it is right; find what makes an example hard;
# and leaf through the worst cases of any recorded run.
#
# **You need** notebook 04, and its exercise `confusion`. **It takes** forty minutes to read; its two small training runs take about a minute.

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

from minbert_lib.workbook import start, yours

scale = start("11")

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from minbert_lib.lab import analysis, figures, records, run, system
from minbert_lib.lab.facts import scored
from minbert_lib.lab.figures import analysis as views
from minbert_lib.lab.figures import explorer
from minbert_lib.learn.metrics import decide
from minbert_lib.workbook.widgets import explore

# %% [markdown]
# ## Two runs to look at
#
# One on SST by itself, one on all three tasks. Every run keeps its predictions for dev beside its record, so nothing has to be predicted again: all
# that follows reads files.

# %%
longer = {"epochs": 8, "lr": 1e-3} if scale.name == "tiny" else {}
several = {"limit": {"sst": 300, "qqp": 1200, "sts": 1200}, "epochs": 4}
several |= {"lr": 1e-3} if scale.name == "tiny" else {}
single = run(system("C2", scale.name, **longer))
multi = run(system("S12", scale.name, **several))
pd.DataFrame({
    "SST alone (C2)": single["scores"], "three tasks (S12)": multi["scores"]
}).round(3)

# %% [markdown]
# ## What is taken for what
#
# `confusion`, from notebook 04: a row for each true class, a column for each predicted one. Yours, if it passed.

# %%
confusion = yours("confusion")
predictions, facts = scored(single, "sst")  # (n, 5) probabilities; {"labels", "words"}
labels = facts["labels"].astype(int)
counts = np.asarray(confusion(decide(predictions, "sst"), labels, 5)).astype(int)
analysis.per_class(counts).round(3)

# %% [markdown]
# *Recall* reads along a row: of the sentences that are "very negative", how many were found? *Precision* reads down a column: of those that were called so, how many
# are? `predicted` beside `n` shows which classes the model likes to say.

# %%
views.matrix(single, "sst", scale.name)

# %% [markdown]
# A model that has understood the order of the five classes errs beside the diagonal. The tiny BERT errs there in 35 of its 86 errors, and in 46 on the
# *other* diagonal: − called +, + called −, ++ called −−. It knows how strong a word is and not always which way it points. No wonder: "silly" and "witty" fit
# the same gaps, and nothing in its schooling asked which is praise. MiniLM, further down, has seen more of the world: its errors are mostly next door, though
# the loss treats the five classes as unrelated. How far off is it, all in all, and where do each class's errors go?

# %%
views.distance(single, scale.name)

# %% [markdown]
# SerBERTus reports no error of more than two classes; SMARTCS that 70 to 93 per cent of a class's errors fall next door. The grey band and the dotted line say so. For
# the two end classes there is one neighbour only, so the same share means more.
#
# ## How sure, and how right?
#
# The model gives probabilities. If it says 80 per cent, is it right in 80 of 100? Each point is a bin of sentences; below the dashed line the model is surer than it is right.

# %%
views.calibration(single, scale.name)

# %% [markdown]
# The number in the title is the mean distance from the line. Training on and on makes a model surer, not righter: dev loss climbs while accuracy stands
# (notebook 04). One temperature, a number by which all logits are divided, mends most of it and changes no answer. Try: which one brings the points to the
# line? (To report such a number, choose on one half of dev and read it on the other.)

# %%
def cooled(temperature):
    softened = predictions ** (1 / temperature)
    softened = softened / softened.sum(1, keepdims=True)  # the same as dividing the logits
    table = analysis.calibration(softened, labels)
    figure, axes = plt.subplots(figsize=(3.9, 3.4))
    axes.plot([0, 1], [0, 1], "--", color="#8A8A8A")
    axes.plot(table["confidence"], table["accuracy"], "o-")
    error = analysis.calibration_error(softened, labels)
    axes.set(
        xlabel="how sure", ylabel="how often right", xlim=(0, 1.05), ylim=(0, 1.05),
        title=f"{error:.3f} off on average",
    )
    plt.close(figure)
    return figure


explore(
    cooled, alt="Confidence against accuracy, for a temperature.", temperature=(0.3, 4.0, 1.0)
)

# %% [markdown]
# ![Confidence against accuracy in bins, beside the dashed line where the two are equal; temperature 1.](../figures/widgets/11_cooled.png)
#
# ## What makes a sentence hard?
#
# Long sentences may hold praise and blame at once. Bins hold about equally many sentences; the bars are 95 % intervals, and they are wide: five bins of one dev
# set can prove only large differences.

# %%
views.by_length(single, scale.name)

# %% [markdown]
# ## Pairs
#
# Quora's question: do these two ask the same? A column that is dark all the way down would be a model with a favourite answer, and a score alone does not
# show it: of the sample's dev pairs 59 in 100 are different, so "no" to everything scores .59 without a word read. The tiny run has no favourite.

# %%
views.matrix(multi, "qqp", scale.name)

# %%
views.by_overlap(multi, scale.name)

# %% [markdown]
# The left panel asks where the yes-or-no answers fail, the right one where similarity scores are far off, both against the share of words in common. A model
# that only counted shared words would fail on pairs that share all but one. Does yours? (At tiny scale QQP seems easiest at both ends, where nearly nothing or
# nearly everything is shared; the bars say how far to trust that. MiniLM, below, has the same shape.)
#
# ## Scores that people gave
#
# STS labels are means of several people's whole numbers, so on real data many of them *are* whole numbers, and the histogram has peaks there (see the last
# section; the sample's invented scores have one clear peak, at 5). The model, trained on squared errors, predicts means, which lie between; one that has
# learned little predicts little else than the mean of all.

# %%
views.sts(multi, scale.name)

# %% [markdown]
# SMARTCS wondered whether to round predictions near whole numbers. Rounding moves a prediction to where a label *may* be, and often to the wrong one. Does it
# help? Ask the records:

# %%
guessed, known = scored(multi, "sts")
steps = {
    "as predicted": guessed, "rounded to 0.5": np.round(2 * guessed) / 2,
    "rounded to 1": np.round(guessed),
}
pd.Series(
    {name: np.corrcoef(values, known["labels"])[0, 1] for name, values in steps.items()},
    name="Pearson r",
).round(4)

# %% [markdown]
# If $r$ falls as the steps get coarser, rounding has thrown away what the model knew about the places between. It could help only a model that is nearly always within half a step.
#
# ## The worst cases
#
# Numbers say where; sentences say why. These are the surest of the wrong answers, and for STS the scores furthest off. Leaf through them, of these two runs
# or of any recorded one (its dev sentences must be on this machine: without the real data only the tiny scale's are), and keep a tally: is it the model, is
# it the label, or would you too have hesitated?

# %%
def place(one):
    """Its place in the list: the run from above, then this scale's, those with most to see first."""
    here = one["config"]["scale"] == scale.name
    return one["key"] != multi["key"], not here, -len(views.scored_on(one))


recorded = {
    f"{one['name']} {one['config']['scale']}, seed {one['config']['seed']} ({one['key'][:6]})": one
    for one in sorted(records.load_all(), key=place) if explorer.views(one)
}


def leaf(run_of, task, page):
    return explorer.worst(recorded[run_of], task, page)


explore(
    leaf, alt="Sentences with their true and predicted labels, the worst first.",
    run_of=list(recorded), task=lambda run_of: views.scored_on(recorded[run_of]),
    page=(1, 8, 1),
)

# %% [markdown]
# ![Four sentences with their true and predicted labels, the surest mistakes first.](../figures/11_9_worst_cases.png)
#
# ## Any recorded run
#
# All the windows of this notebook, for every run that has been recorded, your own among them: choose a run, and the list of views is that of the tasks it was scored on.

# %%
def window(run_of, view):
    return explorer.views(recorded[run_of])[view]()


explore(
    window, alt="One recorded run through one window.",
    run_of=list(recorded), view=lambda run_of: list(explorer.views(recorded[run_of])),
)

# %% [markdown]
# ![The confusion matrix of a run on SST.](../figures/widgets/11_window.png)
#
# ## The same at mini scale
#
# MiniLM on the real data, from recorded runs, beside what the reports say of BERT-base.

# %%
figures.draw("11_1_sst_confusion")

# %%
figures.draw("11_2_sst_classes")

# %%
figures.draw("11_3_sst_distance")

# %% [markdown]
# ![SST: what was taken for what.](../figures/11_1_sst_confusion.png) ![Recall and precision of each class, beside SMARTCS'.](../figures/11_2_sst_classes.png)
# ![How far off, and errors next door.](../figures/11_3_sst_distance.png)
#
# The extreme classes are rarer than their neighbours, and a model that is not sure does well to answer with the milder one: half of −− (51 %) is called −, 46 %
# of ++ is called +. Of all errors 79 % fall next door; 14 of 1,101 are three or four classes off, where SerBERTus saw none.

# %%
figures.draw("11_4_qqp_confusion")

# %%
figures.draw("11_5_sts_scores")

# %%
figures.draw("11_6_calibration")

# %%
figures.draw("11_7_by_length")

# %%
figures.draw("11_8_by_overlap")

# %% [markdown]
# ![QQP: what was taken for what.](../figures/11_4_qqp_confusion.png) ![STS: true and predicted scores.](../figures/11_5_sts_scores.png)
# ![Calibration.](../figures/11_6_calibration.png) ![SST accuracy by length.](../figures/11_7_by_length.png) ![Pairs by shared words.](../figures/11_8_by_overlap.png)
#
# **QQP:** 90 % of the different pairs and 83 % of the equal ones are found; errors fall evenly on both sides. **STS:** labels have peaks at 0, 3, 4 and 5,
# predictions hardly: the mean of what a label may be lies between. **Calibration:** from .6 to .9 the SST model is surer than right, and a temperature would mend
# that. **Length:** all five intervals overlap, so nothing is shown. **Overlap:** pairs with hardly a common word are easiest, those that share half are hardest.
#
# ## What you have shown
#
# A model's errors have a shape: MiniLM's lie next door, the tiny BERT's mostly on the other diagonal; on QQP they gather where half of the words are shared. How
# sure it is and how right it is are two things, and one number mends the first.
#
# **Three questions**
#
# <details><summary>1. Recall of a class rises and its precision falls. What has happened?</summary>
#
# The model says this class more often. To make it say so where it should and not where it should not takes a better model; to move along the trade takes only a threshold.
# </details>
#
# <details><summary>2. Why does a model trained on squared errors not predict whole numbers, though labels are often whole?</summary>
#
# The squared error is least at the mean of what the label may be. Half 3 and half 4 gives 3.5, though no label is likely to be 3.5.
# </details>
#
# <details><summary>3. You have read twenty errors on dev and changed the recipe to mend them. What is dev's score worth now?</summary>
#
# Less: you have become a part of the training. Look at errors on a part of train that you keep aside, and leave dev for counting.
# </details>
#
# **Next:** [12 · Fast](12_fast.ipynb) measures where the time goes.
