"""The tiny BERT that ships in data/tiny-bert, from nothing: vocabulary, weights, and the log of its loss.

    python -m minbert_lib.lab.tiny FOLDER      trains it again (a quarter of an hour on one core)

Notable choices: it is an ordinary BERT folder, made by `learn.pretrain` from text that `text.sample.corpus` writes. The
vocabulary holds the corpus's words, frequent beginnings and endings of words, and single letters, so that whatever a person
types can be read. Weights are stored in 16 bits, which halves the file; loaded they are float32 like any others.
"""

import string
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import torch
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ..files import write_atomic
from ..learn.pretrain import Pretrainer, masked_score
from ..model import BertConfig, BertModel
from ..model.mlm import MaskedLM
from ..text.lines import Text
from ..text.sample import corpus
from ..text.tokenizer import SPECIALS, Tokenizer

SEED = 224
LINES, HELD_OUT = 60_000, 1_000
PIECES = 2_000
STEPS = 5_000
SHAPE = dict(hidden_size=128, num_hidden_layers=4, num_attention_heads=4, intermediate_size=512, max_position_embeddings=128)
RECIPE = dict(lr=1e-3, batch_size=64, warmup=300, share=0.2, seed=SEED)


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
    return MaskedLM(BertModel(BertConfig(vocab_size=len(tokenizer), **SHAPE)), fresh_head=False), tokenizer


def recipe(folder, steps=STEPS, lines=LINES, **changes):
    """A Pretrainer at step 0 with everything as the shipped model had it, and the text that it does not learn from."""
    text = list(corpus(lines + HELD_OUT))
    model, tokenizer = untrained(folder, text[HELD_OUT:])
    rest = Text(text[:HELD_OUT], tokenizer)
    return Pretrainer(model, Text(text[HELD_OUT:], tokenizer), **{**RECIPE, **changes}), rest


def make(folder, steps=STEPS, show=print):
    """Train the tiny BERT into `folder`. What is there already is replaced at the very end."""
    folder = Path(folder)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as place:
        trainer, rest = recipe(place)
        show(f"{len(trainer.text):,} lines, {len(trainer.text.tokenizer):,} word pieces, {steps:,} steps", flush=True)

        def tell(at):
            if at.step % 250 == 0 or at.step == steps:
                loss, right = masked_score(at.model, rest)
                minutes = (time.perf_counter() - started) / 60
                told = f"held-out loss {loss:.3f}, {right:.1%} of hidden words right"
                show(f"step {at.step:,}: {told} ({minutes:.1f} min)", flush=True)

        trainer.run(steps, on_step=tell)
        scores = masked_score(trainer.model, rest)
        keep(trainer, folder, scores)


def keep(trainer, folder, scores):
    """The finished model as the folder that ships."""
    loss, right = scores
    tokenizer, count = trainer.text.tokenizer, sum(p.numel() for p in trainer.model.parameters())
    facts = dict(SHAPE, count=f"{count:,}", pieces=f"{len(tokenizer):,}", steps=f"{trainer.step:,}")
    facts |= dict(RECIPE, lines=f"{len(trainer.text):,}", before=f"{trainer.curve[0]['loss']:.2f}")
    facts |= dict(loss=f"{loss:.2f}", right=f"{right:.0%}")
    write_atomic(folder / "vocab.txt", tokenizer.path.read_bytes())
    write_atomic(folder / "loss.csv", trainer.losses())
    write_atomic(folder / "README.md", README.format(**facts))
    trainer.model.save_pretrained(folder, torch.float16)


README = """# The tiny BERT

A BERT of {num_hidden_layers} layers, width {hidden_size} and {num_attention_heads} heads ({count} parameters), which knows
the little world of `data/sample` and nothing else.
It lets every notebook run in minutes, without a download. This command made it, and makes it again:

    make tiny-bert

(or `python -m minbert_lib.lab.tiny FOLDER`; about ten minutes on one core). The recipe is `minbert_lib/lab/tiny.py`:
masked-language modelling by the library's own `learn/pretrain.py`, {steps} steps of {batch_size} lines at a rate of {lr:g}
with {share:.0%} of the words hidden, on {lines} lines that `minbert_lib/text/sample.py` writes. No sentence of a dev or
test set is among them.

| file | what |
|---|---|
| `config.json`, `model.safetensors` | the weights, in 16 bits, with the head that guesses hidden words |
| `vocab.txt` | {pieces} word pieces: the words of the text, frequent parts of words, single letters |
| `loss.csv` | the loss on its way down from {before}; `tests/test_tiny.py` holds the recipe to it |

At the end it guesses {right} of the hidden words of lines it has not seen (loss {loss}).

Licence: CC0 1.0, do with it what you like.
"""


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m minbert_lib.lab.tiny FOLDER")
    make(sys.argv[1])
