"""Which words are hidden in masked-language modelling, and what stands in their place.

Notable choices:
- Every token that may be hidden is hidden with probability `share`, each by itself: so the mask differs every time a sentence
  comes by, and the share is exact in the mean. Special tokens and padding are never hidden.
- `replace="80/10/10"` is BERT's: of the hidden ones 80 % become [MASK], 10 % another word, 10 % stay, because the [MASK] of
  pre-training never comes up later. `"mask"` always writes [MASK].
- The random words are drawn among ordinary words only.
- All draws come from one generator on the CPU: the same seed hides the same words whatever the device.
"""

import torch

from ..errors import MinbertError

IGNORE = -100  # the label of a place that is not asked for; cross-entropy passes over it
HOW = ("tokens", "one", "words")
REPLACE = {"80/10/10": (0.8, 0.1), "mask": (1.0, 0.0)}  # shares of [MASK] and of a random word; the rest stays


def mask_tokens(
    input_ids,
    attention_mask,
    special_ids,
    mask_id,
    vocab_size,
    share=0.15,
    how="tokens",
    replace="80/10/10",
    continues=None,
    generator=None,
):
    """input_ids, attention_mask (B, L) → (masked ids, labels): labels hold the hidden word's id, −100 elsewhere.

    `how`: "tokens", "one" (a single token of each sentence), "words" (all pieces of a word; `continues` (vocab_size,) is True
    for a piece that goes on a word).
    """
    special = torch.zeros(vocab_size, dtype=torch.bool, device=input_ids.device)
    special[list(special_ids)] = True
    may = attention_mask.bool() & ~special[input_ids]  # (B, L)
    chosen = choose(input_ids, may, share, how, continues, generator)
    labels = input_ids.masked_fill(~chosen, IGNORE)
    if replace not in REPLACE:
        raise MinbertError(f"replace={replace!r}: it is one of {', '.join(REPLACE)}")
    masked, random = REPLACE[replace]
    fate = _uniform(input_ids, generator)
    ordinary = (~special).nonzero().squeeze(1)
    words = ordinary[(_uniform(input_ids, generator) * len(ordinary)).long().clamp(max=len(ordinary) - 1)]
    out = torch.where(chosen & (fate < masked), mask_id, input_ids)
    out = torch.where(chosen & (fate >= masked) & (fate < masked + random), words, out)
    return out, labels


def choose(input_ids, may, share=0.15, how="tokens", continues=None, generator=None):
    """Which places are hidden: (B, L) bool, True only where `may` is."""
    draw = _uniform(input_ids, generator)
    if how == "tokens":
        return may & (draw < share)
    if how == "one":
        first = draw.masked_fill(~may, -1.0).argmax(dim=1, keepdim=True)  # the largest draw: each place is as likely
        return may & torch.zeros_like(may).scatter(1, first, True)
    if how != "words":
        raise MinbertError(f"how={how!r}: it is one of {', '.join(HOW)}")
    if continues is None:
        raise MinbertError("how='words' needs `continues`: which pieces of the vocabulary go on a word")
    begins = ~(continues[input_ids] & may)  # (B, L)
    word = begins.long().cumsum(dim=1).sub(1).clamp(min=0)  # the number of the word that a piece belongs to
    return may & (draw.gather(1, word) < share)  # one draw a word


def never_hidden(tokenizer):
    """What is never hidden and never put in a hidden word's place."""
    return [tokenizer.pad_id, tokenizer.unk_id, tokenizer.cls_id, tokenizer.sep_id, tokenizer.mask_id]


def continuing(tokenizer):
    """(vocab_size,) True for pieces that go on a word: "##ing"."""
    return torch.tensor([piece.startswith("##") for piece in tokenizer.tokens(range(len(tokenizer)))])


def _uniform(like, generator):
    """(B, L) uniform on [0, 1), drawn on the CPU."""
    return torch.rand(like.shape, generator=generator).to(like.device)
