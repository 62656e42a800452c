"""Answers to the attention exercise."""

from answers import edits_of

BASE = '''
def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = torch.softmax(scores, dim=-1)
    return weights @ v
'''
FILL, ROOT, SOFTMAX = 'scores.masked_fill(~mask, float("-inf"))', " / math.sqrt(q.size(-1))", "torch.softmax(scores, dim=-1)"

but = edits_of(BASE)


WRONG = [  # (words of its own message, source)
    ("not divided by √d", but((ROOT, ""))),
    ("divided by d; by √d", but((ROOT, " / q.size(-1)"))),
    ("multiplied by √d", but((ROOT, " * math.sqrt(q.size(-1))"))),
    ("divide after the softmax", but((ROOT, ""), ("weights @ v", "(weights / math.sqrt(q.size(-1))) @ v"))),
    ("root of the number of keys", but((ROOT, " / math.sqrt(k.size(-2))"))),
    ("root of the number of queries", but((ROOT, " / math.sqrt(q.size(-2))"))),
    ("root of q.size(1)", but((ROOT, " / math.sqrt(q.size(1))"))),
    ("root of q.size(0)", but((ROOT, " / math.sqrt(len(q))"))),
    ("softmax runs over the queries", but(("dim=-1", "dim=-2"))),
    ("softmax runs over axis 1", but(("dim=-1", "dim=1"))),
    ("softmax runs over axis 0", but(("dim=-1", "dim=0"))),
    ("mask has no effect", but((FILL, "scores"))),
    ("wrong way round", but(("~mask", "mask"))),
    ("mask after the softmax", but((FILL, "scores"), (SOFTMAX, SOFTMAX + "\n    weights = weights if mask is None else weights * mask"))),
    ("masked scores become 0", but((FILL, "scores * mask"))),
    ("only lowered to -1", but(('float("-inf")', "-1"))),
    ("there is no softmax", but((FILL, "scores.masked_fill(~mask, 0)"), (SOFTMAX, "scores"))),
    ("not divided by their sum", but((SOFTMAX, "scores.exp()"))),
    ("weights are sigmoids", but((SOFTMAX, "torch.sigmoid(scores)"))),
    ("weights are logarithms", but((FILL, "scores"), (SOFTMAX, "scores.log_softmax(-1)"), ("return weights", "return (weights if mask is None else weights * mask)"))),
    ("you return the weights", but(("weights @ v", "weights"))),
    ("average the keys", but(("weights @ v", "weights @ k"))),
    ("returns None", but(("return weights @ v", "weights @ v"))),
    ("returns a tuple of 2", but(("return weights @ v", "return weights @ v, weights"))),
    ("returns a ndarray", but(("weights @ v", "(weights @ v).numpy()"))),
    ("no gradient reaches", but(("weights @ v", "weights.detach() @ v"))),
    ("no gradient reaches k", but(("q @ k.tr", "q @ k.detach().tr"))),
    ("in place", but(("    scores = q", "    q /= math.sqrt(q.size(-1))\n    scores = q"), (ROOT, ""))),
    ("exponentials overflow", but((SOFTMAX, "scores.exp() / scores.exp().sum(-1, keepdim=True)"))),
    ("its dtype is torch.float32; torch.float64", but(("weights @ v", "(weights.float() @ v.float())"))),
    ("NaN or infinity", but((FILL, "scores + (~mask) * float('-inf')"))),
    ("without a mask it cannot be called", but(("mask=None", "mask"))),
    ("two different answers", but(("weights @ v", "torch.dropout(weights, 0.1, True) @ v"))),
    ("with IndexError", but(("k.transpose(-2, -1)", "k.transpose(2, 3)"))),
    ("stopped in line 3, `scores = q @ k / math.sqrt(q.size(-1))`", but(("k.transpose(-2, -1)", "k"))),
    ("right on 6 of 9 cases", but((FILL, "scores.masked_fill(~mask, scores.min().item())"))),
    ("a loop that never ends", but(("    scores = q", "    while True:\n        try:\n            pass\n        except:\n            pass\n    scores = q"))),
    ("SystemExit", but(("    scores = q", "    raise SystemExit\n    scores = q"))),
]

RIGHT = [
    BASE,
    but(('float("-inf")', "-1e9"), (SOFTMAX, "F.softmax(scores, -1)")),
    '''
def scaled_dot_product_attention(query, key, value, mask=None):
    d = query.shape[-1]
    s = torch.einsum("...id,...jd->...ij", query * d**-0.5, key)
    if mask is None:
        mask = torch.ones_like(s, dtype=torch.bool)
    s = torch.where(mask, s, torch.finfo(s.dtype).min)
    s = (s - s.amax(-1, keepdim=True)).exp()
    return torch.einsum("...ij,...jc->...ic", s / s.sum(-1, keepdim=True), value)
''',
    '''
def scaled_dot_product_attention(q, k, v, mask=None):
    return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
''',
    '''
BIG = -1e30

def masked(scores, mask):
    return scores if mask is None else scores + (1.0 - mask.to(scores.dtype)) * BIG

def scaled_dot_product_attention(q, k, v, mask=None, dropout=0.0):
    print("scores")
    scores = masked(torch.matmul(q, k.mT) / q.size(-1) ** 0.5, mask)
    return F.dropout(nn.Softmax(dim=-1)(scores), dropout).matmul(v)
''',
    '''
scaled_dot_product_attention = lambda q, k, v, mask=None: (
    ((q @ k.mT) / math.sqrt(k.size(-1)) + (0 if mask is None else torch.zeros(mask.shape, dtype=q.dtype).masked_fill(~mask, -math.inf))).softmax(-1) @ v)
''',
]
