"""Answers to the exercise of the head."""

from answers import edits_of

BASE = '''
class Head(nn.Module):
    def __init__(self, width_in, width, outputs, layers=0, activation="gelu", dropout=0.1):
        super().__init__()
        act = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}[activation]
        parts = [] if layers else [nn.Dropout(dropout)]
        for number in range(layers):
            parts += [nn.Linear(width if number else width_in, width), act(), nn.Dropout(dropout)]
        self.parts = nn.Sequential(*parts, nn.Linear(width if layers else width_in, outputs))

    def forward(self, features):
        return self.parts(features)
'''
but = edits_of(BASE)

LOOP = '''
class Head(nn.Module):
    def __init__(self, width_in, width, outputs, layers=0, activation="gelu", dropout=0.1):
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(width if n else width_in, width) for n in range(layers))
        self.last = nn.Linear(width if layers else width_in, outputs)
        self.activation = {"gelu": F.gelu, "relu": F.relu, "tanh": torch.tanh}[activation]
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        if not self.hidden:
            x = self.dropout(x)
        for layer in self.hidden:
            x = self.dropout(self.activation(layer(x)))
        return self.last(x)
'''
loop = edits_of(LOOP)
MIDDLE = "            x = self.dropout(self.activation(layer(x)))\n"

WRONG = [
    ("activation is missing", but((", act(), ", ", "))),
    ("yours is always GELU", but(("[activation]", '["gelu"]'))),
    ("yours is always ReLU", but(("[activation]", '["relu"]'))),
    ("tanh approximation", loop(('"gelu": F.gelu', '"gelu": lambda x: F.gelu(x, approximate="tanh")'))),
    ("comes before each linear layer", loop((MIDDLE, "            x = self.dropout(layer(self.activation(x)))\n"), ("self.last(x)", "self.last(self.activation(x))"))),
    ("only the first hidden layer has", but(("act(), ", "act() if not number else nn.Identity(), "))),
    ("activation after the last layer", but(("self.parts(features)", "self.parts[1 - 1 :](features)"), ("outputs))", "outputs), act())"))),
    ("ends in a softmax", but(("self.parts(features)", "self.parts(features).softmax(-1)"))),
    ("ends in a sigmoid", but(("self.parts(features)", "self.parts(features).sigmoid()"))),
    ("drops the last axis", but(("self.parts(features)", "self.parts(features).squeeze(-1)"))),
    ("is a plain list", loop(("nn.ModuleList(", "list("))),
    ("has 2 linear layers; 3 are wanted", but(("layers):", "min(layers, 1)):"))),
    ("goes from 6 to 6 numbers", but(("width if number else width_in, width)", "width if number else width_in, width if number else width_in)"), ("nn.Linear(width if layers", "nn.Linear(width_in if layers == 1 else width if layers"))),
    ("have no bias", but(("outputs))", "outputs, bias=False))"))),
    ("parameters beside those", but(("act(), ", "act(), nn.LayerNorm(width), "))),
    ("dropped before the first", but(("[] if layers else [nn.Dropout(dropout)]", "[nn.Dropout(dropout)]"))),
    ("with layers=0 dropout is missing before", but(("[] if layers else [nn.Dropout(dropout)]", "[]"))),
    ("with layers=1 dropout is missing after", but((", nn.Dropout(dropout)]\n        self", "]\n        self"))),
    ("wrong place or strength", but(("act(), nn.Dropout(dropout)]", "nn.Dropout(dropout), act()]"))),
    ("dropout after the last layer", but(("outputs))", "outputs), nn.Dropout(dropout))"))),
    ("inherits from nn.Module", but(("(nn.Module)", ""), ("super().__init__()", "pass"))),
    ("with KeyError: 'tanh'", but((', "tanh": nn.Tanh', ""))),
]

HIDDEN = "        self.hidden = nn.ModuleList(nn.Linear(width if n else width_in, width) for n in range(layers))\n"
LAST = "        self.last = nn.Linear(width if layers else width_in, outputs)\n"

RIGHT = [
    BASE,
    LOOP,
    '''
class Head(nn.Sequential):
    def __init__(self, width_in, width, outputs, layers=0, activation="gelu", dropout=0.1):
        widths, kinds = [width_in] + [width] * layers, dict(gelu=nn.GELU, relu=nn.ReLU, tanh=nn.Tanh)
        block = lambda a, b: (nn.Linear(a, b), kinds[activation](), nn.Dropout(dropout))
        hidden = [part for a, b in zip(widths, widths[1:]) for part in block(a, b)]
        super().__init__(*(hidden or [nn.Dropout(dropout)]), nn.Linear(widths[-1], outputs))
''',
    '''
ACTIVATIONS = {"gelu": lambda x: x * 0.5 * (1 + torch.erf(x / math.sqrt(2))), "relu": lambda x: x.clamp(min=0), "tanh": torch.tanh}

class Head(nn.Module):
    """With F.dropout, and one list of linear layers for all."""

    def __init__(self, width_in, width, outputs, layers=0, activation="gelu", dropout=0.1):
        super().__init__()
        self.bend, self.rate = ACTIVATIONS[activation], dropout
        wide = [width_in, *(width for _ in range(layers)), outputs]
        self.linear = nn.ModuleList([nn.Linear(*pair) for pair in zip(wide[:-1], wide[1:])])

    def drop(self, x):
        return F.dropout(x, self.rate, self.training)

    def forward(self, features):
        *hidden, last = self.linear
        x = features if hidden else self.drop(features)
        for linear in hidden:
            x = self.drop(self.bend(linear(x)))
        return last(x)
''',
    loop((HIDDEN + LAST, LAST + HIDDEN)),  # last here too: it alone begins with other random numbers than the library's
]
