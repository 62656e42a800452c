"""Answers to the multi-head exercise."""

from answers import edits_of

BASE = '''
class MultiHeadAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden, mask=None):
        B, L, D = hidden.shape
        split = lambda x: x.view(B, L, self.heads, D // self.heads).transpose(1, 2)
        if mask is not None:
            mask = mask[:, None, None, :]
        q, k, v = split(self.query(hidden)), split(self.key(hidden)), split(self.value(hidden))
        out = scaled_dot_product_attention(q, k, v, mask)
        return out.transpose(1, 2).reshape(B, L, D)
'''
CALL = "scaled_dot_product_attention(q, k, v, mask)"

but = edits_of(BASE)

ASKING = '''
class MultiHeadAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        for name in ("query", "key", "value"):
            setattr(self, name, nn.Linear(config.hidden_size, config.hidden_size))

    def heads(self, x):
        return x.unflatten(-1, (self.config.num_attention_heads, -1)).transpose(1, 2)

    def forward(self, hidden, mask=None, queries=None):
        q = self.heads(self.query(hidden if queries is None else queries))
        k, v = self.heads(self.key(hidden)), self.heads(self.value(hidden))
        out = F.scaled_dot_product_attention(q, k, v, None if mask is None else mask[:, None, None])
        return out.transpose(1, 2).flatten(2)
'''
asking = edits_of(ASKING)

WRONG = [
    ("all heads are one", but(("self.heads = config.num_attention_heads", "self.heads = 1"))),
    ("root of the whole width", but((CALL, "scaled_dot_product_attention(q / self.heads ** 0.5, k, v, mask)"))),
    ("your split mixes words", but(("x.view(B, L, self.heads, D // self.heads).transpose(1, 2)", "x.view(B, self.heads, L, D // self.heads)"))),
    ("your merge mixes words", but((".transpose(1, 2).reshape(B, L, D)", ".reshape(B, L, D)"))),
    ("every H-th number", but(("x.view(B, L, self.heads, D // self.heads).transpose(1, 2)", "x.view(B, L, D // self.heads, self.heads).permute(0, 3, 1, 2)"),
                              ("out.transpose(1, 2).reshape", "out.permute(0, 2, 3, 1).reshape"))),
    ("heads are averaged", but(("out.transpose(1, 2).reshape(B, L, D)", "out.mean(1).repeat(1, 1, self.heads)"))),
    ("mask hides queries", but(("mask[:, None, None, :]", "mask[:, None, :, None]"))),
    ("the mask has no effect", but((CALL, "scaled_dot_product_attention(q, k, v)"))),
    ("mask is the wrong way round", but(("mask[:, None, None, :]", "~mask[:, None, None, :]"))),
    ("queries are made by the key layer", but(("self.query(hidden)", "self.key(hidden)"))),
    ("keys are made by the value layer", but(("self.key(hidden)", "self.value(hidden)"))),
    ("all made by the query layer", but(("self.key(hidden)", "self.query(hidden)"), ("self.value(hidden)", "self.query(hidden)"))),
    ("hidden itself is attended to", but(("split(self.query(hidden)), split(self.key(hidden)), split(self.value(hidden))", "[split(hidden)] * 3"))),
    ("lack query.bias", but(("nn.Linear(config.hidden_size, config.hidden_size)", "nn.Linear(config.hidden_size, config.hidden_size, bias=False)"))),
    ("have dense.weight, dense.bias too many", but(("self.heads =", "self.dense = nn.Linear(config.hidden_size, config.hidden_size); self.heads ="))),
    ("lack query.weight", but(("query", "to_query"))),
    ("inherits from nn.Module", but(("(nn.Module)", ""))),
    ("its shape is (2, 3, 4, 4); (2, 4, 12) is wanted", but(("out.transpose(1, 2).reshape(B, L, D)", "out"))),
    ("`queries` has no effect", asking(("hidden if queries is None else queries", "hidden"))),
    ("two different answers", but((CALL, "F.dropout(" + CALL + ", 0.1)"))),
]

RIGHT = [
    BASE,
    '''
class MultiHeadAttention(nn.Module):
    """Head by head, in a loop, with attention of its own."""

    def __init__(self, config):
        super().__init__()
        D = config.hidden_size
        self.H, self.d = config.num_attention_heads, D // config.num_attention_heads
        self.query, self.key, self.value = nn.Linear(D, D), nn.Linear(D, D), nn.Linear(D, D)
        self.dropout = nn.Dropout(config.attention_probs_dropout_prob)

    def forward(self, hidden, mask=None):
        done = []
        for q, k, v in zip(*(layer(hidden).split(self.d, dim=-1) for layer in (self.query, self.key, self.value))):
            scores = q @ k.mT / self.d**0.5
            if mask is not None:
                scores = scores + torch.where(mask, 0.0, -1e9)[:, None]
            done.append(self.dropout(scores.softmax(-1)) @ v)
        return torch.cat(done, dim=-1)
''',
    ASKING,
    '''
def split(x, heads):
    return torch.stack(x.chunk(heads, dim=-1), dim=1)

class MultiHeadAttention(nn.Module):
    def __init__(self, config):
        nn.Module.__init__(self)
        width = config.hidden_size
        self.n = config.num_attention_heads
        self.value, self.key, self.query = [nn.Linear(width, width) for _ in range(3)]

    def forward(self, hidden, mask=None):
        q, k, v = (split(f(hidden), self.n) for f in (self.query, self.key, self.value))
        scores = torch.einsum("bhid,bhjd->bhij", q, k) / math.sqrt(q.size(-1))
        if mask is not None:
            scores = torch.where(mask[:, None, None], scores, torch.tensor(-torch.inf))
        return torch.einsum("bhij,bhjd->bihd", scores.softmax(-1), v).flatten(2)
''',
]
