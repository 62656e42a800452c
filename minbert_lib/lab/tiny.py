"""The tiny BERT that ships in data/tiny-bert, from nothing: vocabulary, weights, and the log of its loss.

    python -m minbert_lib.lab.tiny FOLDER      trains it again (a quarter of an hour on one core)

Notable choices:
- It is an ordinary BERT folder, made by `learn.pretrain` from text that `text.sample_corpus` writes.
- A model this small, on so little text, does not find out by itself that a word may stand in both sentences of a pair. So two
  heads begin as a search (`look_across`), and a first part of the training asks only [CLS], and only how pairs are related;
  once that is learned, the gaps follow. Asked for both from the start, it learns the gaps alone.
- The vocabulary holds the corpus's words, frequent beginnings and endings of words, and single letters, so that whatever a
  person types can be read. Weights are stored in 16 bits, which halves the file; loaded they are float32 like any others.
"""

import string
import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ..files import write_atomic
from ..learn.pretrain import Pretrainer, masked_score
from ..model import BertConfig, BertModel
from ..model.mlm import MaskedLM
from ..text.lines import Text
from ..text.sample_corpus import corpus
from ..text.tokenizer import SPECIALS, Tokenizer

SEED = 224
LINES, HELD_OUT = 60_000, 1_000
PIECES = 2_000
FIRST_STEPS, STEPS = 1_200, 4_000
REHEARSAL = 151, 51  # steps of the two parts that a test walks again
SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512, max_position_embeddings=128)
DROPOUT = dict(hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1)  # for whoever fine-tunes it; here none
FIRST = dict(lr=3e-4, batch_size=48, warmup=50, share=0.0, seed=1)  # no gaps yet
RECIPE = dict(lr=5e-4, batch_size=48, warmup=100, share=0.15, seed=SEED)


def vocabulary(lines, size=PIECES):
    """Special tokens, characters, then the corpus's words and the commonest parts of words, `size` in all."""
    cut, clean = BertPreTokenizer(), BertNormalizer(lowercase=True)
    words = Counter(word for line in lines for word, _ in cut.pre_tokenize_str(clean.normalize_str(line)))
    letters = string.ascii_lowercase + string.digits
    known = dict.fromkeys([*SPECIALS, *string.punctuation, *letters, *("##" + letter for letter in letters)])
    known |= dict.fromkeys(sorted(words, key=lambda word: (-words[word], word)))
    parts = Counter()
    for word in words:
        parts.update({word[:n] for n in range(2, min(6, len(word)))} | {"##" + word[-n:] for n in range(2, min(6, len(word)))})
    for part in sorted(parts, key=lambda part: (-parts[part] * len(part), part)):
        if len(known) >= size:
            break
        known.setdefault(part)
    return list(known)


def untrained(folder, lines):
    """(model, tokenizer) before the first step; the vocabulary is written to the folder."""
    write_atomic(Path(folder) / "vocab.txt", "\n".join(vocabulary(lines)) + "\n")
    tokenizer = Tokenizer(folder)
    torch.manual_seed(SEED)
    config = BertConfig(vocab_size=len(tokenizer), **dict.fromkeys(DROPOUT, 0.0), **SHAPE)
    model = MaskedLM(BertModel(config), fresh_head=False)
    look_across(model.bert, tokenizer.cls_id)
    return model, tokenizer


@torch.no_grad()
def look_across(bert, cls, heads=2, pull=8.0):
    """Let the first heads begin as a search: each word looks for itself in the other sentence, and at [CLS] if it is not there.

    Query and key are one projection q, but for the side t (which of the two sentences), whose sign is turned in the key. So of
    the scores, in units of `pull`, 1.5 go to the same word on the other side, 1 to [CLS], and at most .5 to anything else.
    """
    embeddings, mixing = bert.embeddings, bert.layers[0].attention["self"]
    width, size = bert.config.hidden_size, bert.config.hidden_size // mixing.heads
    words = embeddings.word_embeddings.weight
    t = torch.randn(width) * words.std() / 2**0.5
    embeddings.token_type_embeddings.weight.copy_(torch.stack([t, -t]))
    embeddings.position_embeddings.weight *= 0.2  # what a word is counts more, at first, than where it stands
    t, part = t / t.norm(), width / 1.5  # part: of a word's squared length after LayerNorm what is the word and not t
    for head in range(heads):
        q = torch.randn(size, width)
        q[1:] -= torch.outer(q[1:] @ t, t)
        q[0] = t
        q = torch.linalg.qr(q.T)[0].T * (pull * size**0.5 / (part * size / width)) ** 0.5  # (size, width): t, and size − 1 others
        q[0] *= (size / width) ** 0.5  # t is whole in q, of the word only this share
        place, found = slice(head * size, (head + 1) * size), q @ words[cls] / words[cls].norm() * part**0.5
        mixing.query.weight[place], mixing.key.weight[place] = q, q - 2 * torch.outer(q @ t, t)
        mixing.query.bias[place] = found * pull * size**0.5 / (found @ found)
    for layer in bert.layers:
        mixed, said = layer.attention["self"].value, layer.attention["output"].dense
        for dense in (mixed, said, layer.intermediate["dense"], layer.output.dense):
            dense.weight *= 2


def recipe(folder, lines=LINES):
    """Two Pretrainers of one model, everything as the shipped one had it, and the text that they do not learn from."""
    text = list(corpus(lines + HELD_OUT))
    model, tokenizer = untrained(folder, text[HELD_OUT:])
    twos = Text([line for line in text[HELD_OUT:] if line.count("\t") == 2], tokenizer)
    parts = Pretrainer(model, twos, **FIRST), Pretrainer(model, Text(text[HELD_OUT:], tokenizer), **RECIPE)
    return *parts, Text(text[:HELD_OUT], tokenizer)


def rehearse(folder):
    """The recipe in small, in seconds: the beginning of the first part, and from there the beginning of the second."""
    first, trainer, rest = recipe(folder)
    first.run(REHEARSAL[0])
    trainer.run(REHEARSAL[1])
    return first, trainer, rest


def make(folder, steps=STEPS, show=print):
    """Train the tiny BERT into `folder`. What is there already is replaced at the very end."""
    folder = Path(folder)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        rehearsal = rehearse(place)[1].losses()
        first, trainer, rest = recipe(place)
        show(f"{len(trainer.text):,} lines, {len(trainer.text.tokenizer):,} word pieces, {steps:,} steps", flush=True)

        def tell(at):
            if at is trainer and at.step == steps * 4 // 5:
                at.rates = [rate / 5 for rate in at.rates]  # the last steps are short ones
            if at.step % 250 == 0 or at.step == steps:
                loss, right = masked_score(at.model, rest)
                minutes = (time.perf_counter() - started) / 60
                told = f"held-out loss {loss:.3f}, {right:.1%} of hidden words right"
                show(f"step {at.step:,}: {told} ({minutes:.1f} min)", flush=True)

        first.run(FIRST_STEPS, on_step=tell)
        trainer.run(steps, on_step=tell)
        keep(first, trainer, folder, masked_score(trainer.model, rest), rehearsal)


def keep(first, trainer, folder, scores, rehearsal):
    """The finished model as the folder that ships."""
    loss, right = scores
    model, tokenizer, count = trainer.model, trainer.text.tokenizer, sum(p.numel() for p in trainer.model.parameters())
    facts = dict(SHAPE, count=f"{count:,}", pieces=f"{len(tokenizer):,}", before=f"{trainer.curve[0]['loss']:.2f}")
    facts |= dict(RECIPE, first_steps=f"{first.step:,}", steps=f"{trainer.step:,}", loss=f"{loss:.2f}", right=f"{right:.0%}")
    facts |= dict(lines=f"{len(trainer.text):,}", twos=f"{len(first.text):,}", early=REHEARSAL)
    write_atomic(folder / "vocab.txt", tokenizer.path.read_bytes())
    write_atomic(folder / "first.csv", first.losses())
    write_atomic(folder / "loss.csv", trainer.losses())
    write_atomic(folder / "rehearsal.csv", rehearsal)
    write_atomic(folder / "README.md", README.format(**facts))
    model.bert.config = replace(model.bert.config, **DROPOUT)
    model.save_pretrained(folder, torch.float16)


README = """# The tiny BERT

A BERT of {num_hidden_layers} layers, width {hidden_size} and {num_attention_heads} heads ({count} parameters), which knows
the little world of `data/sample` and nothing else.
It lets every notebook run in minutes, without a download. This command made it, and makes it again:

    make tiny-bert

(or `python -m minbert_lib.lab.tiny FOLDER`; about a quarter of an hour on one core). The recipe is
`minbert_lib/lab/tiny.py`, the text {lines} lines that `minbert_lib/text/sample_corpus.py` writes. No sentence of a dev
or test set is among them.

1. {twos} of the lines are two questions, two captions or two lists of words, and a word that says how they are
   related ("same", "different"; "unlike" … "exactly"). For {first_steps} steps `[CLS]` is asked for that word, and nothing else
   is asked: much as the first BERT's was asked whether one sentence follows the other. It is a lesson in comparing, by
   the same grammar that wrote the sample sets, so do not wonder that the tiny BERT is soon good at pairs.
2. Masked-language modelling by the library's own `learn/pretrain.py` on all the lines, with that question where there
   is one: {steps} steps of {batch_size} lines at a rate of {lr:g}, a fifth of it at the end, with {share:.0%} of the words
   hidden. Some lines are a thesaurus, and opinions often stand under their stars.

| file | what |
|---|---|
| `config.json`, `model.safetensors` | the weights, in 16 bits, with the head that guesses hidden words |
| `vocab.txt` | {pieces} word pieces: the words of the text, frequent parts of words, single letters |
| `first.csv`, `loss.csv` | the loss of the first part; of the second, from {before} |
| `rehearsal.csv` | the loss of the second part's first {early[1]} steps if the first part ends after {early[0]} |

`tests/test_tiny.py` holds the recipe to these losses: {early[0]} steps of the first part and the rehearsal always, all of it when
asked with `--remake`.

At the end it guesses {right} of the hidden words of lines it has not seen (loss {loss}).

Licence: CC0 1.0, do with it what you like.
"""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m minbert_lib.lab.tiny FOLDER")
    make(sys.argv[1])
