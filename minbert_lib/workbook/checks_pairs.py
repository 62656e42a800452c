"""Notebook 05: the features of a pair, and each task's chance of being next."""

from functools import partial

import torch

from .judge import Wrong, compare

ALL = ("u", "v", "|u-v|", "u*v", "cos")


def features_spec(u, v, features, twist=""):
    """The named features side by side, in the order in which they are named."""
    dot, length_u, length_v = (x.sum(-1, keepdim=True) for x in (u * v, u * u, v * v))
    cosine = dot / (length_u * length_v).sqrt()  # (B, 1)
    cosine = {"dot": dot, "half": dot / length_u.sqrt(), "distance": 1 - cosine}.get(twist, cosine)
    difference = {"signed": u - v, "squared": (u - v) ** 2, "relu": (u - v).clamp(min=0)}.get(twist, (u - v).abs())
    product = {"sum": u + v, "abs": (u * v).abs()}.get(twist, u * v)
    made = {"u": u, "v": v, "|u-v|": difference, "u*v": product, "cos": cosine}
    if twist == "swapped":
        made["u"], made["v"] = v, u
    if twist == "second u":
        made["v"] = u
    in_table = [name for name in ALL if name in features]
    names = {"all": ALL, "own order": in_table, "reversed": features[::-1], "first": features[:1]}.get(twist, features)
    return torch.cat([made[name] for name in names], 0 if twist == "stacked" else -1)


FEATURES_MISTAKES = {
    "the difference has a sign; |u-v| is to be the same for (u, v) and (v, u)": "signed",
    "the difference is squared; |u-v| is its absolute value": "squared",
    "negative differences become 0; |u-v| keeps their size": "relu",
    "u*v is made by adding; multiply, number by number": "sum",
    "u*v lost its sign": "abs",
    "u and v are swapped": "swapped",
    "v is a copy of u": "second u",
    "your cosine is the plain dot product; divide by the lengths of u and v": "dot",
    "your cosine is divided by the length of u only; by both lengths is wanted": "half",
    "your cosine is a distance, 1 - cos": "distance",
    "you always give all features; only those named are wanted": "all",
    "your order is fixed; the order of `features` is wanted": "own order",
    "your order is reversed": "reversed",
    "only the first feature comes out: is the return inside the loop?": "first",
    "the features are stacked under one another; side by side is wanted: dim=-1": "stacked",
}


def check_pair_features(answer):
    g = torch.Generator().manual_seed(13)
    draw = lambda: torch.randn(3, 4, generator=g)
    sets = (ALL, ("u", "v"), ("|u-v|", "u*v"), ("cos", "v", "u"), ("u*v", "u", "|u-v|"), ("cos",))
    cases = [{"u": draw(), "v": draw(), "features": features} for features in sets]
    return compare(
        answer,
        cases,
        features_spec,
        {message: partial(features_spec, twist=twist) for message, twist in FEATURES_MISTAKES.items()},
    )


def chances_spec(batches, how, epoch=1, epochs=1, twist=""):
    """size^α over the sum of all; α is 1, ½, or goes from 1 to .2 over the epochs."""
    done = (epoch - 1) / max(epochs - 1, 1)
    done = {"late": epoch / epochs, "short": (epoch - 1) / epochs, "turned": 1 - done}.get(twist, done)
    annealed = 1 - done if twist == "to 0" else 0.2 if twist == "at once" else 1 - 0.8 * done
    alpha = {"proportional": 1.0, "sqrt": 2.0 if twist == "squared" else 0.5, "annealed": annealed}[how]
    alpha = {"even": 0.0, "size": 1.0, "inverse": -alpha}.get(twist, alpha)
    sizes = torch.tensor([float(count) for count in batches.values()], dtype=torch.float64)
    if twist == "root of share":
        return (sizes / sizes.sum()) ** alpha
    if twist == "softmax":
        return (alpha * sizes).softmax(0)
    return sizes**alpha / (1 if twist == "no sum" else sizes.max() if twist == "by largest" else (sizes**alpha).sum())


CHANCES_MISTAKES = {
    "your chances do not add up to 1: divide each weight by the sum of all": "no sum",
    "you take the power of the shares, which then no longer add up to 1: of the sizes first, then divide": "root of share",
    "you divide by the largest size; by the sum of the weights is wanted": "by largest",
    "this is a softmax of the sizes; each weight is size^α, divided by their sum": "softmax",
    "all tasks are equally likely: `how` and the sizes have no effect": "even",
    "`how` has no effect: chances are always proportional to size": "size",
    "the smallest task is the likeliest: your α has the wrong sign": "inverse",
    "'sqrt' squares the sizes: α = ½ is wanted": "squared",
    "'annealed' goes down to α = 0; to 0.2 is wanted": "to 0",
    "'annealed' has α = 0.2 from the start; it is to go from 1 to 0.2 over the epochs": "at once",
    "'annealed' uses epoch / epochs; epochs count from 1, so (epoch - 1) / (epochs - 1)": "late",
    "'annealed' never arrives at 0.2: (epoch - 1) / (epochs - 1) is 1 in the last epoch": "short",
    "'annealed' goes the wrong way: from 1 in the first epoch to 0.2 in the last": "turned",
}


def check_task_chances(answer):
    def called(**case):
        chances = answer(**case)
        if not isinstance(chances, dict) or set(chances) != set(case["batches"]):
            raise Wrong(
                f"a dictionary task → chance with the tasks {', '.join(case['batches'])} is wanted, not {str(chances)[:80]}"
            )
        return torch.tensor([float(chances[task]) for task in case["batches"]], dtype=torch.float64)

    sets = ({"sst": 8, "qqp": 283, "sts": 6}, {"a": 1, "b": 4}, {"sst": 3, "qqp": 3, "sts": 9})
    cases = [{"batches": dict(one), "how": how} for one in sets for how in ("proportional", "sqrt")]
    for one, epoch, epochs in zip(sets * 3, (1, 2, 5, 3, 1, 4, 1), (5, 5, 5, 3, 4, 9, 1)):
        cases.append({"batches": dict(one), "how": "annealed", "epoch": epoch, "epochs": epochs})
    by_name = lambda batches, how, epoch=1, epochs=1: called(batches=batches, how=how, epoch=epoch, epochs=epochs)
    mistakes = {message: partial(chances_spec, twist=twist) for message, twist in CHANCES_MISTAKES.items()}
    try:
        return compare(by_name, cases, chances_spec, mistakes)
    except ZeroDivisionError as error:
        raise Wrong("with one epoch you divide by zero: max(epochs - 1, 1)") from error
