"""Attention against loops over single numbers, and against PyTorch's own."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.model import BertConfig, BertModel, MultiHeadAttention, scaled_dot_product_attention


def slow_attention(q, k, v, allowed):
    """One query at a time, with Python's floats. q (Lq, d), k (Lk, d), v (Lk, dv), allowed (Lq, Lk)."""
    rows = []
    for i, query in enumerate(q):
        scores = [sum(a * b for a, b in zip(query, key, strict=True)) / math.sqrt(len(query)) for key in k]
        seen = [j for j in range(len(k)) if allowed[i][j]]
        highest = max(scores[j] for j in seen)
        weights = {j: math.exp(scores[j] - highest) for j in seen}
        total = sum(weights.values())
        rows.append([sum(weights[j] / total * v[j][d] for j in seen) for d in range(len(v[0]))])
    return rows


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 7), st.integers(1, 5), st.integers(1, 4), st.floats(0.1, 30), st.integers(0, 2**30))
def test_equals_the_definition(queries, keys, width, width_v, size, seed):
    torch.manual_seed(seed)
    shapes = (queries, width), (keys, width), (keys, width_v)
    q, k, v = (torch.randn(2, 3, *shape, dtype=torch.float64) * size for shape in shapes)
    mask = torch.rand(2, 1, queries, keys) < 0.6
    mask[..., 0] = True  # every query may look at something
    out = scaled_dot_product_attention(q, k, v, mask)
    for b in range(2):
        for h in range(3):
            slow = slow_attention(q[b, h].tolist(), k[b, h].tolist(), v[b, h].tolist(), mask[b, 0].tolist())
            torch.testing.assert_close(out[b, h], torch.tensor(slow, dtype=torch.float64), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("shape", [None, (2, 1, 1, 5), (2, 1, 4, 5), (1, 1, 1, 5), (1, 3, 1, 5)])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-6), (torch.bfloat16, 3e-2)])
def test_equals_pytorchs(shape, dtype, tolerance):
    q, k, v = (torch.randn(2, 3, length, 8, dtype=dtype) for length in (4, 5, 5))
    mask = None if shape is None else torch.rand(shape) < 0.7
    if mask is not None:
        mask[..., 0] = True
    theirs = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    torch.testing.assert_close(scaled_dot_product_attention(q, k, v, mask), theirs, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_where_nothing_may_be_looked_at_the_answer_is_finite(dtype):
    q = torch.randn(1, 1, 3, 4, dtype=dtype) * 50
    assert scaled_dot_product_attention(q, q, q, torch.zeros(1, 1, 1, 3, dtype=torch.bool)).isfinite().all()


def test_gradients():
    q, k, v = (torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    mask = torch.tensor([True, True, False])
    assert torch.autograd.gradcheck(lambda *inputs: scaled_dot_product_attention(*inputs, mask), (q, k, v))


def test_masked_keys_have_no_influence():
    q, k, v = (torch.randn(2, 2, 5, 4) for _ in range(3))
    mask = torch.tensor([True, True, True, False, False])
    changed_k, changed_v = k.clone(), v.clone()
    changed_k[..., 3:, :], changed_v[..., 3:, :] = 1e4, -1e4
    assert torch.equal(scaled_dot_product_attention(q, k, v, mask), scaled_dot_product_attention(q, changed_k, changed_v, mask))


def test_dropout_is_unbiased_and_off_by_default():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, 4, 8, dtype=torch.float64) for _ in range(3))
    assert torch.equal(scaled_dot_product_attention(q, k, v), scaled_dot_product_attention(q, k, v))
    mean = torch.stack([scaled_dot_product_attention(q, k, v, dropout=0.5) for _ in range(4000)]).mean(0)
    torch.testing.assert_close(mean, scaled_dot_product_attention(q, k, v), rtol=0, atol=0.08)


CONFIG = BertConfig(50, 24, 2, 4, 32, 40, attention_probs_dropout_prob=0.5)


def test_heads_equal_pytorchs():
    """The same weights in `torch.nn.MultiheadAttention`, whose output projection is set to do nothing."""
    torch.manual_seed(0)
    ours = MultiHeadAttention(CONFIG).eval().double()
    theirs = torch.nn.MultiheadAttention(24, 4, batch_first=True).eval().double()
    parts = (ours.query, ours.key, ours.value)
    theirs.in_proj_weight.data = torch.cat([part.weight.data for part in parts])
    theirs.in_proj_bias.data = torch.cat([part.bias.data for part in parts])
    theirs.out_proj.weight.data, theirs.out_proj.bias.data = torch.eye(24).double(), torch.zeros(24).double()
    hidden = torch.randn(3, 6, 24, dtype=torch.float64)
    mask = torch.arange(6) < torch.tensor([6, 2, 4])[:, None]
    expected, _ = theirs(hidden, hidden, hidden, key_padding_mask=~mask)
    torch.testing.assert_close(ours(hidden, mask), expected, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours(hidden, mask, hidden[:, :2]), expected[:, :2], rtol=1e-10, atol=1e-10)


def test_split_and_merge_are_each_others_reverse():
    heads = MultiHeadAttention(CONFIG)
    x = torch.randn(2, 5, 24)
    assert heads.split(x).shape == (2, 4, 5, 6)
    assert torch.equal(heads.split(x)[:, 1], x[..., 6:12])
    assert torch.equal(heads.merge(heads.split(x)), x)


def test_attention_dropout_acts_in_training_only():
    torch.manual_seed(0)
    heads, hidden = MultiHeadAttention(CONFIG), torch.randn(2, 5, 24)
    assert not torch.equal(heads(hidden), heads(hidden))
    heads.eval()
    assert torch.equal(heads(hidden), heads(hidden))


def test_a_learners_own_attention_is_what_runs():
    calls = []

    def mine(q, k, v, mask=None):
        calls.append(q.shape)
        return scaled_dot_product_attention(q, k, v, mask)

    torch.manual_seed(0)
    bert = BertModel(CONFIG)
    twin = copy.deepcopy(bert).eval()
    bert.use_attention(mine)
    ids = torch.randint(1, 50, (2, 5))
    out = bert.eval()(ids)
    assert len(calls) == 2
    torch.testing.assert_close(out.last_hidden_state, twin(ids).last_hidden_state)  # the fused kernel rounds otherwise
    bert.train()(ids)  # hers takes no dropout, and is not asked to
    assert len(calls) == 4
