"""More training examples from those there are: say a sentence otherwise, keep its label.

    {"how": "back_translation", "language": "zh"}      to another language and back, by MarianMT (needs transformers)
    {"how": "word_dropout" | "swap" | "refill", "share": .1, "times": 1}

Notable choices:
- Every way gives a changed text for a text. A pair then becomes four, as in the report (P4): (s1, s2), (s1', s2), (s1, s2'),
  (s1', s2'); a single sentence becomes two. `times` does it again with other draws.
- Translations are kept, sentence by sentence, under MINBERT_HOME/translations: a run that stops goes on where it was. With
  `"fetch": False` nothing is downloaded: the translator, or its table, is here already or an error says what is missing.
- The rows carry a hash of their own: no record takes augmented data for the original.
"""

import hashlib
import itertools
import json
import random
import re
from dataclasses import replace

import torch

from ..errors import MinbertError
from ..files import locked, write_atomic
from ..home import home
from .rows import Example
from .tokenizer import truncate

CHUNK = 64  # sentences between two savings
OPTIONS = {
    "back_translation": {"language", "there", "back", "beams", "fetch"},
    "word_dropout": {"times", "share"},
    "swap": {"times", "share"},
    "refill": {"times", "share", "model", "top"},
}


def augment(rows, options, scale, seed=0):
    """Rows with the changed examples added after the original ones."""
    options = {"how": options} if isinstance(options, str) else options
    how = options.get("how") if isinstance(options, dict) else options
    if not isinstance(how, str) or how not in OPTIONS:
        raise MinbertError(f"augment: how={how!r}: it is one of {', '.join(OPTIONS)}")
    if unknown := sorted(set(options) - OPTIONS[how] - {"how"}):
        raise MinbertError(f"augment: {how} has no option {unknown[0]!r}: it has {', '.join(sorted(OPTIONS[how]))}")
    share, times = options.get("share", 0.1), options.get("times", 1)
    if type(share) not in (int, float) or not 0 < share <= 1 or type(times) is not int or times < 1:
        raise MinbertError(f"augment: share={share!r} is above 0 and up to 1, times={times!r} is 1 or more")
    for name in ("top", "beams"):
        if type(value := options.get(name, 1)) is not int or value < 1:
            raise MinbertError(f"augment: {name}={value!r} is a whole number from 1 on")
    texts = list(dict.fromkeys(text for example in rows.examples for text in example.texts))
    more = []
    for number in range(times):
        rng = random.Random(f"{how} {seed} {number}")
        changed = dict(zip(texts, CHANGES[how](texts, options, scale, rng)))
        more += [new for example in rows.examples for new in variants(example, changed, f"{how[0]}{number}")]
    digest = hashlib.sha256(rows.sha256.encode())
    for example in more:
        digest.update("\t".join(example.texts).encode())
    return replace(rows, examples=[*rows.examples, *more], sha256=digest.hexdigest())


def variants(example, changed, mark):
    """Every mixture of kept and changed texts but the original itself: 1 for a sentence, 3 for a pair."""
    choices = [(text, changed[text]) for text in example.texts]
    mixtures = list(itertools.product(*choices))[1:]
    return [Example(f"{example.id}-{mark}{place}", texts, example.label) for place, texts in enumerate(mixtures, 1)]


# Ways that need no download ------------------------------------------------------------------------------------------


def word_dropout(texts, options, scale, rng):
    """Each word is left out with probability `share`; one always stays."""
    share = options.get("share", 0.1)
    for text in texts:
        words = text.split()
        kept = [word for word in words if rng.random() >= share]
        yield " ".join(kept or [rng.choice(words)])


def swap(texts, options, scale, rng):
    """Neighbours change places, once for every 1 / `share` words (at least once)."""
    share = options.get("share", 0.1)
    for text in texts:
        words = text.split()
        count = min(len(words) - 1, max(1, round(share * len(words))))
        for place in rng.sample(range(len(words) - 1), count):  # no place twice, or one swap would undo another
            words[place : place + 2] = words[place + 1], words[place]
        yield " ".join(words)


def refill(texts, options, scale, rng):
    """A `share` of the word pieces is hidden, and BERT's own guesses (drawn from its `top` 10) take their place."""
    from ..model.mlm import MaskedLM
    from .batching import pad
    from .masking import mask_tokens, never_hidden
    from .tokenizer import Tokenizer

    source = options.get("model") or scale.weights
    model, tokenizer = MaskedLM.from_pretrained(source).eval(), Tokenizer(source)
    if model.fresh_head:
        raise MinbertError(
            f"augment: {source} has no masked-language head to refill with: give model= a pre-trained folder of yours"
        )
    generator = torch.Generator().manual_seed(rng.getrandbits(60))
    room = model.bert.config.max_position_embeddings - 2
    special, size = never_hidden(tokenizer), len(tokenizer)
    for start in range(0, len(texts), CHUNK):
        coded = tokenizer.encode(texts[start : start + CHUNK])
        rows = [[tokenizer.cls_id, *truncate(ids, room), tokenizer.sep_id] for ids in coded]
        ids, mask, _ = pad(rows, pad_id=tokenizer.pad_id)
        hide = dict(share=options.get("share", 0.1), replace="mask", generator=generator)
        masked, _ = mask_tokens(ids, mask, special, tokenizer.mask_id, size, **hide)
        asked = masked == tokenizer.mask_id
        with torch.no_grad():
            logits = model.head(model.hidden(masked, mask)[asked])  # (n, V)
        logits[:, special] = -torch.inf
        best, words = logits.topk(min(options.get("top", 10), size), dim=-1)
        if len(best):
            drawn = torch.multinomial(best.softmax(-1), 1, generator=generator)
            masked[asked] = words.gather(1, drawn).squeeze(1)
        for row, real in zip(masked, mask):
            yield tokenizer.decode(row[real][1:-1].tolist())


# Through another language --------------------------------------------------------------------------------------------


def back_translation(texts, options, scale, rng):
    """Each text in the words of a translation of its translation. Kept on disk; only what is missing is translated."""
    language = options.get("language", "zh")
    names = [options.get("there") or f"Helsinki-NLP/opus-mt-en-{language}"]
    names += [options.get("back") or f"Helsinki-NLP/opus-mt-{language}-en"]
    beams = options.get("beams", 4)
    path = home() / "translations" / (re.sub(r"[^\w.-]+", "_", "__".join(names))[-120:] + f"-beams{beams}.json")
    with locked(path.with_suffix(".lock")):
        known = _known(path)
        missing = sorted((text for text in texts if text not in known), key=len)
        translators = [_translator(name, options.get("fetch", True)) for name in names] if missing else []
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            said = part
            for tokenizer, model in translators:
                said = _translate(said, tokenizer, model, beams)
            known |= {text: back.strip() or text for text, back in zip(part, said)}
            write_atomic(path, json.dumps(known, ensure_ascii=False, indent=0))
    return [known[text] for text in texts]


def _known(path):
    try:
        return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise MinbertError(f"{path}: not a readable table of translations ({error}): remove it to begin again") from error


def _translator(name, fetch):
    try:
        from transformers import MarianMTModel, MarianTokenizer
    except ImportError as error:
        raise MinbertError(
            "back translation needs a translator: pip install 'transformers>=4.48,<6' sentencepiece (or minbert[translate])"
        ) from error
    try:
        model = MarianMTModel.from_pretrained(name, local_files_only=not fetch)
        tokenizer = MarianTokenizer.from_pretrained(name, local_files_only=not fetch)
    except (OSError, ValueError, TypeError, ImportError, RuntimeError) as error:  # TypeError: a file of the tokenizer is absent
        reason = str(error).strip().splitlines()[0][:120] if fetch else "it is not on this machine, and fetch is False"
        once = "go online once" if fetch else "have it fetched once"
        raise MinbertError(
            f"the translator {name!r} cannot be had ({reason}): {once}, or name folders with there= and back="
        ) from error
    return tokenizer, model.to("cuda" if torch.cuda.is_available() else "cpu").eval()


@torch.no_grad()
def _translate(texts, tokenizer, model, beams):
    batch = tokenizer(texts, return_tensors="pt", padding=True, truncation=True, max_length=256).to(model.device)
    longest = min(2 * batch["input_ids"].size(1) + 10, model.config.max_position_embeddings - 2)
    out = model.generate(**batch, num_beams=beams, do_sample=False, max_new_tokens=longest, max_length=None)
    return tokenizer.batch_decode(out, skip_special_tokens=True)


CHANGES = {"back_translation": back_translation, "word_dropout": word_dropout, "swap": swap, "refill": refill}
