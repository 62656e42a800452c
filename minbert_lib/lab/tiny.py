"""The tiny BERT that ships in data/tiny-bert, from nothing: vocabulary, weights, and the log of its loss.

    python -m minbert_lib.lab.tiny FOLDER      trains it again (a quarter of an hour on one core)

Notable choices: it is an ordinary BERT folder, made by `learn.pretrain` from text that `text.sample.corpus` writes. The vocabulary
holds the corpus's words, then frequent beginnings and endings, then single letters, so that whatever a person types can be read.
Weights are stored in 16 bits, which halves the file; loaded they are float32 like any others.
"""

import random
import string
import sys
from collections import Counter
from pathlib import Path

import torch
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer

from ..files import write_atomic
from ..learn.pretrain import Pretrainer, Text, masked_score
from ..model import BertConfig, BertModel
from ..model.mlm import MaskedLM
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
