"""Heinsen routing against a slow reading of the paper, and the padding that must not matter."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib.model.routing import RoutingHead, VectorRouting


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def normalised(vector):
    if len(vector) == 1:
        return vector
    mean = sum(vector) / len(vector)
    variance = sum((value - mean) ** 2 for value in vector) / len(vector)
    return [(value - mean) / math.sqrt(variance + 1e-5) for value in vector]


def dot(a, b):
    return sum(left * right for left, right in zip(a, b, strict=True))


def slow(routing, x):
    """Algorithm 1 of the paper, number by number, for one sequence: every vote, share and credit written out."""
    w = {name: value.detach().tolist() for name, value in routing.named_parameters()}
    inputs, width, outputs, out_width = len(x), len(x[0]), routing.outputs, routing.width_out
    row = lambda table, i: table[i] if len(table) > 1 else table[0]
    scaled = [[value / math.sqrt(inputs) for value in vector] for vector in x]
    active = [sigmoid(dot(scaled[i], row(w["W_A"], i)) + row(w["B_A"], i)) for i in range(inputs)]
    vote = [
        [
            [
                sum(scaled[i][d] * w["W_F1"][j][d] * w["W_F2"][d][h] for d in range(width)) + w["B_F2"][j][h]
                for h in range(out_width)
            ]
            for j in range(outputs)
        ]
        for i in range(inputs)
    ]
    if "beta_use" in w:
        use, ignore = w["beta_use"], w["beta_ign"]
    else:
        use, ignore = (
            [[dot(x[i], w[f"{name}.weight"][j]) + w[f"{name}.bias"][j] for j in range(outputs)] for i in range(inputs)]
            for name in ("compute_beta_use", "compute_beta_ign")
        )
    share = [[1 / outputs] * outputs for _ in range(inputs)]
    out = None
    for _ in range(routing.iterations):
        if out is not None:
            for i in range(inputs):
                scores = []
                for j in range(outputs):
                    state = normalised(out[j])
                    expanded = [sum(state[h] * w["W_G1"][h][d] for h in range(out_width)) for d in range(width)]
                    predicted = [expanded[d] * w["W_G2"][j][d] + w["B_G2"][j][d] for d in range(width)]
                    score = dot(x[i], predicted) * row(w["W_S"], i)[j] + row(w["B_S"], i)[j]
                    scores.append(sigmoid(score))  # the softmax of log σ is σ divided by the sum of all
                share[i] = [score / sum(scores) for score in scores]
        out = [
            [
                sum(
                    (use[i][j] * active[i] * share[i][j] - ignore[i][j] * (active[i] - active[i] * share[i][j])) * vote[i][j][h]
                    for i in range(inputs)
                )
                for h in range(out_width)
            ]
            for j in range(outputs)
        ]
    return [normalised(vector) for vector in out]


def randomised(module):
    """Biases start at 0, where a mistake in them could not show."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.5)
    return module.double()


@pytest.mark.parametrize("fixed", [False, True])
@settings(max_examples=20, deadline=None)
@given(
    sizes=st.tuples(st.integers(1, 6), st.integers(2, 5), st.integers(2, 5), st.integers(1, 4)),
    iterations=st.integers(1, 4),
    seed=st.integers(0, 2**30),
)
def test_equals_the_papers_algorithm(fixed, sizes, iterations, seed):
    torch.manual_seed(seed)
    inputs, outputs, width, out_width = sizes
    routing = randomised(VectorRouting(inputs if fixed else None, outputs, width, out_width, iterations))
    x = torch.randn(3, inputs, width, dtype=torch.float64)
    expected = torch.tensor([slow(routing, one.tolist()) for one in x], dtype=torch.float64)
    torch.testing.assert_close(routing(x), expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 9), min_size=1, max_size=4), st.integers(0, 5), st.integers(0, 2**30))
def test_padding_changes_nothing(lengths, extra, seed):
    torch.manual_seed(seed)
    head = RoutingHead(8, 5, capsules=6).double()
    alone = [torch.randn(1, length, 8, dtype=torch.float64) for length in lengths]
    longest = max(lengths) + extra
    hidden = torch.full((len(lengths), longest, 8), math.nan, dtype=torch.float64)  # the worst padding there can be
    mask = torch.arange(longest) < torch.tensor(lengths)[:, None]
    for row, one in enumerate(alone):
        hidden[row, : one.shape[1]] = one[0]
    together = head(hidden, mask)
    each = torch.cat([head(one, torch.ones(1, one.shape[1], dtype=torch.bool)) for one in alone])
    torch.testing.assert_close(together, each, rtol=1e-10, atol=1e-10)
    together.sum().backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in head.parameters())


def test_an_empty_sentence_is_finite():
    head = RoutingHead(8, 5, capsules=6)
    logits = head(torch.randn(2, 4, 8), torch.tensor([[True] * 4, [False] * 4]))
    assert logits.shape == (2, 5) and logits.isfinite().all()


def test_learns_where_the_word_stands_and_what_it_is():
    """Class = which of five directions is present among noise words: a head that cannot find it stays at 20 %."""
    torch.manual_seed(0)
    head, directions = RoutingHead(16, 5, capsules=8), torch.randn(5, 16) * 3
    optimiser = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(150):
        labels = torch.randint(0, 5, (32,))
        hidden = torch.randn(32, 7, 16)
        hidden[torch.arange(32), torch.randint(0, 7, (32,))] = directions[labels]
        logits = head(hidden, torch.ones(32, 7, dtype=torch.bool))
        loss = torch.nn.functional.cross_entropy(logits, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert (logits.argmax(1) == labels).float().mean() > 0.9
