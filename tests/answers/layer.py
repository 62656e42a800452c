"""Answers to the layer exercise."""

from answers import edits_of

BASE = '''
class BertLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = nn.ModuleDict({"self": MultiHeadAttention(config), "output": AddNorm(config.hidden_size, config)})
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(config.hidden_size, config.intermediate_size)})
        self.output = AddNorm(config.intermediate_size, config)

    def forward(self, hidden, mask=None):
        attended = self.attention["self"](hidden, mask)
        middle = self.attention["output"](attended, hidden)
        wide = F.gelu(self.intermediate["dense"](middle))
        return self.output(wide, middle)
'''
but = edits_of(BASE)

PLAIN = '''
class End(nn.Module):
    def __init__(self, width, config):
        super().__init__()
        self.dense = nn.Linear(width, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, x, residual):
        return self.LayerNorm(self.dropout(self.dense(x)) + residual)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self = MultiHeadAttention(config)
        self.output = End(config.hidden_size, config)

    def forward(self, hidden, mask):
        return self.output(self.self(hidden, mask), hidden)


class BertLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.output = End(config.intermediate_size, config)

    def forward(self, hidden, mask=None):
        middle = self.attention(hidden, mask)
        return self.output(F.gelu(self.intermediate.dense(middle)), middle)
'''
plain = edits_of(PLAIN)

WRONG = [
    ("not added after attention", but(('(attended, hidden)', '(attended, 0)'))),
    ("not added after the small network", but(("self.output(wide, middle)", "self.output(wide, 0)"))),
    ("layer's input is added", but(("self.output(wide, middle)", "self.output(wide, hidden)"))),
    ("LayerNorm is missing after attention", but(('middle = self.attention["output"](attended, hidden)', 'end = self.attention["output"]; middle = end.dropout(end.dense(attended)) + hidden'))),
    ("LayerNorm is missing at the end", but(("return self.output(wide, middle)", "return self.output.dropout(self.output.dense(wide)) + middle"))),
    ("before each half", but(
        ('attended = self.attention["self"](hidden, mask)', 'a = self.attention["output"]; attended = self.attention["self"](a.LayerNorm(hidden), mask)'),
        ('middle = self.attention["output"](attended, hidden)', "middle = a.dropout(a.dense(attended)) + hidden"),
        ('["dense"](middle)', '["dense"](self.output.LayerNorm(middle))'),
        ("self.output(wide, middle)", "self.output.dropout(self.output.dense(wide)) + middle"))),
    ("attention.output.dense is not used", but(('middle = self.attention["output"](attended, hidden)', 'end = self.attention["output"]; middle = end.LayerNorm(end.dropout(attended) + hidden)'))),
    ("mask does not reach attention", but(("(hidden, mask)\n        middle", "(hidden)\n        middle"))),
    ("activation is ReLU", but(("F.gelu", "F.relu"))),
    ("GELU is missing", but(("F.gelu(self", "(self"))),
    ("tanh approximation", but(('F.gelu(self.intermediate["dense"](middle))', 'F.gelu(self.intermediate["dense"](middle), approximate="tanh")'))),
    ("PyTorch's eps", plain((", eps=config.layer_norm_eps", ""))),
    ("dropout is missing", plain(("self.dropout(self.dense(x))", "self.dense(x)"))),
    ("lack attention.self.query.weight", but(('"self": M', '"heads": M'), ('["self"]', '["heads"]'))),
    ("intermediate.dense.weight has shape", plain(("self.intermediate.dense = nn.Linear(config.hidden_size, config.intermediate_size)", "self.intermediate.dense = nn.Linear(config.hidden_size, config.hidden_size)"))),
    ("still looks at all words", but(("mask=None):", "mask=None, first_only=False):\n        hidden, mask = (hidden[:, :1], None) if first_only else (hidden, mask)"))),
    ("returns None", but(("return self.output(wide, middle)", "self.output(wide, middle)"))),
    ("changes its input `hidden` in place", but(("        attended =", "        hidden += 0.1\n        attended ="))),
]

RIGHT = [
    BASE,
    PLAIN,
    '''
class BertLayer(nn.Module):
    """In one forward, with first_only, and nn.GELU."""

    def __init__(self, config):
        super().__init__()
        self.attention = nn.ModuleDict(dict(self=MultiHeadAttention(config), output=AddNorm(config.hidden_size, config)))
        self.intermediate = nn.ModuleDict(dict(dense=nn.Linear(config.hidden_size, config.intermediate_size)))
        self.output = AddNorm(config.intermediate_size, config)
        self.bend = nn.GELU()

    def forward(self, x, mask=None, first_only=False):
        asked = x[:, :1] if first_only else x
        x = self.attention.output(self.attention["self"](x, mask, asked), asked)
        return self.output(self.bend(self.intermediate.dense(x)), x)
''',
    '''
def gelu(x):
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))

class BertLayer(nn.Module):
    def __init__(self, config):
        super().__init__()
        heads, add = MultiHeadAttention(config), AddNorm
        self.attention = nn.ModuleDict([["self", heads], ["output", add(config.hidden_size, config)]])
        self.intermediate = nn.ModuleDict([["dense", nn.Linear(config.hidden_size, config.intermediate_size)]])
        self.output = add(config.intermediate_size, config)

    def half(self, end, x, residual):
        return end.LayerNorm(residual + end.dropout(end.dense(x)))

    def forward(self, hidden, mask=None):
        hidden = self.half(self.attention["output"], self.attention["self"](hidden, mask=mask), hidden)
        return self.half(self.output, gelu(self.intermediate["dense"](hidden)), hidden)
''',
]
