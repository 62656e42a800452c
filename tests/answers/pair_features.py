"""Answers to the pair-features exercise."""

from answers import edits_of

BASE = '''
def pair_features(u, v, features):
    made = {
        "u": u,
        "v": v,
        "|u-v|": torch.abs(u - v),
        "u*v": u * v,
        "cos": F.cosine_similarity(u, v, dim=-1).unsqueeze(-1),
    }
    return torch.cat([made[name] for name in features], dim=-1)
'''
but = edits_of(BASE)
COS = "F.cosine_similarity(u, v, dim=-1).unsqueeze(-1)"

WRONG = [
    ("difference has a sign", but(("torch.abs(u - v)", "u - v"))),
    ("difference is squared", but(("torch.abs(u - v)", "(u - v) ** 2"))),
    ("negative differences become 0", but(("torch.abs(u - v)", "F.relu(u - v)"))),
    ("made by adding", but(("u * v", "u + v"))),
    ("u*v lost its sign", but(("u * v", "(u * v).abs()"))),
    ("u and v are swapped", but(('"u": u', '"u": v'), ('"v": v', '"v": u'))),
    ("v is a copy of u", but(('"v": v', '"v": u'))),
    ("plain dot product", but((COS, "(u * v).sum(-1, keepdim=True)"))),
    ("length of u only", but((COS, "(u * v).sum(-1, keepdim=True) / u.norm(dim=-1, keepdim=True)"))),
    ("cosine is a distance", but((COS, "1 - " + COS))),
    ("always give all", but(("for name in features", "for name in made"))),
    ("order is fixed", but(("for name in features", "for name in made if name in features"))),
    ("order is reversed", but(("for name in features", "for name in reversed(features)"))),
    ("return inside the loop", but(("return torch.cat([made[name] for name in features], dim=-1)", "for name in features:\n        return made[name]"))),
    ("stopped in line 10", but((".unsqueeze(-1)", ""))),
    ("returns a list of 5 things", but(("torch.cat([made[name] for name in features], dim=-1)", "[made[name] for name in features]"))),
    ("with KeyError: 'cos'", but(('        "cos": ' + COS + ",\n", ""))),
]

RIGHT = [
    BASE,
    '''
def pair_features(u, v, features):
    parts = []
    for name in features:
        if name == "u":
            parts.append(u)
        elif name == "v":
            parts.append(v)
        elif name == "|u-v|":
            parts.append(torch.maximum(u, v) - torch.minimum(u, v))
        elif name == "u*v":
            parts.append(torch.mul(u, v))
        else:
            parts.append((u * v).sum(-1, keepdim=True) / (u.norm(dim=-1, keepdim=True) * v.norm(dim=-1, keepdim=True)))
    return torch.cat(parts, 1)
''',
    '''
WAYS = {"u": lambda u, v: u, "v": lambda u, v: v, "|u-v|": lambda u, v: abs(u - v), "u*v": lambda u, v: u * v,
        "cos": lambda u, v: torch.cosine_similarity(u, v)[:, None]}

def pair_features(u, v, features):
    return torch.hstack([WAYS[one](u, v) for one in features])
''',
    '''
def pair_features(u, v, features):
    unit = lambda x: F.normalize(x, dim=-1)
    table = dict(zip(("u", "v", "|u-v|", "u*v", "cos"), (u, v, (u - v).abs(), u * v, torch.einsum("bd,bd->b", unit(u), unit(v)).view(-1, 1))))
    return torch.concat(tuple(map(table.get, features)), dim=-1)
''',
]
