"""Masking: the right shares, nothing hidden that must not be, and what stands in the hidden words' place."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.text.masking import IGNORE, mask_tokens

SPECIAL, MASK, SIZE = (0, 1, 2, 3, 4), 4, 60


def sentences(rows=2000, length=30, seed=0, size=SIZE):
    """Ragged rows [CLS] words [SEP] padding."""
    g = torch.Generator().manual_seed(seed)
    ids = torch.randint(5, size, (rows, length), generator=g)
    ends = torch.randint(3, length + 1, (rows, 1), generator=g)
    mask = torch.arange(length) < ends
    ids[:, 0] = 2
    ids.scatter_(1, ends - 1, 3)
    return ids.masked_fill(~mask, 0), mask


def hide(ids, mask, seed=1, size=SIZE, **options):
    return mask_tokens(ids, mask, SPECIAL, MASK, size, generator=torch.Generator().manual_seed(seed), **options)


def close(count, n, share):
    """Within five standard deviations of a binomial: wrong once in a million."""
    return abs(count - n * share) <= 5 * math.sqrt(n * share * (1 - share)) + 1e-9


@pytest.mark.parametrize("share", [0.05, 0.15, 0.5])
def test_the_share_of_hidden_tokens_is_exact_in_the_mean(share):
    ids, mask = sentences()
    _, labels = hide(ids, mask, share=share)
    may = mask & (ids > 4)
    assert close(int((labels != IGNORE).sum()), int(may.sum()), share)
    by_place = (labels != IGNORE)[:, 1:5].sum(0)  # no place is favoured
    assert all(close(int(count), int(n), share) for count, n in zip(by_place, may[:, 1:5].sum(0)))


def test_eighty_ten_ten():
    ids, mask = sentences(rows=8000)
    masked, labels = hide(ids, mask)
    hidden = labels != IGNORE
    n = int(hidden.sum())
    same = 0.1 + 0.1 / (SIZE - 5)  # a random word may be the old one
    assert close(int((masked[hidden] == MASK).sum()), n, 0.8)
    assert close(int((masked[hidden] == ids[hidden]).sum()), n, same)
    put = masked[hidden & (masked != MASK) & (masked != ids)]
    counts = torch.bincount(put, minlength=SIZE)[5:].double()  # every ordinary word is as likely
    chi = float(((counts - counts.mean()) ** 2 / counts.mean()).sum())
    assert chi < (SIZE - 6) + 5 * math.sqrt(2 * (SIZE - 6))


def test_all_masks():
    ids, mask = sentences()
    masked, labels = hide(ids, mask, replace="mask")
    assert bool(((masked == MASK) == (labels != IGNORE)).all())


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    how=st.sampled_from(["tokens", "one", "words"]),
    replace=st.sampled_from(["80/10/10", "mask"]),
    share=st.floats(0.01, 1.0),
    rows=st.integers(1, 6),
    length=st.integers(3, 12),
)
def test_what_always_holds(seed, how, replace, share, rows, length):
    ids, mask = sentences(rows, length, seed)
    before, continues = ids.clone(), torch.arange(SIZE) % 3 == 0
    masked, labels = hide(ids, mask, seed, how=how, replace=replace, share=share, continues=continues)
    hidden = labels != IGNORE
    assert torch.equal(ids, before), "the input is left as it was"
    assert not (hidden & ~mask).any(), "padding is never hidden"
    assert not (hidden & (ids < 5)).any(), "special tokens are never hidden"
    assert torch.equal(labels[hidden], ids[hidden]) and torch.equal(masked[~hidden], ids[~hidden])
    assert not ((masked < 4) & (ids > 4)).any(), "a random word is never special"
    again = hide(ids, mask, seed, how=how, replace=replace, share=share, continues=continues)
    assert torch.equal(again[0], masked) and torch.equal(again[1], labels)


def test_one_token_a_sentence_each_place_as_likely():
    ids, mask = sentences(rows=1, length=9, seed=3)
    ids, mask = ids.expand(7000, -1), mask.expand(7000, -1)
    _, labels = hide(ids, mask, how="one")
    counts = (labels != IGNORE).sum(0)
    places = (mask & (ids > 4))[0]
    assert bool(((labels != IGNORE).sum(1) == 1).all()) and int(counts[~places].sum()) == 0
    assert all(close(int(count), 7000, 1 / int(places.sum())) for count in counts[places])


def test_a_sentence_without_words_has_nothing_to_hide():
    ids, mask = torch.tensor([[2, 3, 0], [2, 3, 0]]), torch.tensor([[True, True, False]] * 2)
    for how in ("tokens", "one", "words"):
        masked, labels = hide(ids, mask, how=how, share=1.0, continues=torch.zeros(SIZE, dtype=torch.bool))
        assert torch.equal(masked, ids) and bool((labels == IGNORE).all())


def test_words_are_hidden_whole():
    ids, mask = sentences(rows=4000)
    continues = torch.arange(SIZE) % 3 == 0
    _, labels = hide(ids, mask, how="words", continues=continues)
    hidden, goes_on = labels != IGNORE, continues[ids] & mask & (ids > 4)
    may = mask & (ids > 4)
    joined = goes_on[:, 1:] & may[:, :-1]
    assert bool((hidden[:, 1:] == hidden[:, :-1])[joined].all())
    begins = may.clone()
    begins[:, 1:] &= ~joined
    assert close(int((hidden & begins).sum()), int(begins.sum()), 0.15)


def test_every_epoch_hides_other_words():
    ids, mask = sentences(rows=50)
    generator = torch.Generator().manual_seed(0)
    first, second = (mask_tokens(ids, mask, SPECIAL, MASK, SIZE, generator=generator)[1] for _ in range(2))
    assert not torch.equal(first, second)


def test_whole_words_as_the_tokenizer_cuts_them(tmp_path):
    from minbert_lib.text import Tokenizer
    from minbert_lib.text.masking import continuing, never_hidden

    (tmp_path / "vocab.txt").write_text("\n".join("[PAD] [UNK] [CLS] [SEP] [MASK] film un ##watch ##able good".split()))
    tokenizer = Tokenizer(tmp_path)
    assert continuing(tokenizer).tolist() == [False] * 7 + [True, True, False]
    assert never_hidden(tokenizer) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("wrong", [{"how": "some"}, {"replace": "70/20/10"}, {"how": "words"}])
def test_unknown_ways_are_named(wrong):
    ids, mask = sentences(2, 8)
    with pytest.raises(MinbertError, match=next(iter(wrong))):
        hide(ids, mask, **wrong)
