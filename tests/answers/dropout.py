"""Answers to the dropout exercise."""

from answers import edits_of

BASE = '''
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training:
            return x
        keep = torch.rand_like(x) >= self.p
        return x * keep / (1 - self.p)
'''
but = edits_of(BASE)
EARLY = "        if not self.training:\n            return x\n"

RIGHT = [
    BASE,
    '''
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.keep = 1 - p

    def forward(self, x):
        return x * torch.full_like(x, self.keep).bernoulli() / self.keep if self.training else x
''',
    '''
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        nn.Module.__init__(self)
        self.p = p

    def forward(self, x):
        return F.dropout(x, self.p, self.training)
''',
    '''
class Dropout(nn.Module):
    def __init__(self, probability=0.5):
        super().__init__()
        self.probability = probability
        self.scale = 1 / (1 - probability)

    def forward(self, x):
        if self.training and self.probability > 0:
            noise = torch.rand(x.shape)
            return torch.where(noise < self.probability, torch.zeros_like(x), x * self.scale)
        return x
''',
]

WRONG = [
    ("evaluation mode too", but((EARLY, ""))),
    ("nothing is left to do", but(("return x\n", "return x * (1 - self.p)\n"))),
    ("x has to come back as it is", but(("return x\n", "return x / (1 - self.p)\n"))),
    ("it returns None", but((EARLY, "        if self.training:\n            return\n"))),
    ("while training nothing happens", but((EARLY, "        if self.training:\n            return x\n"))),
    ("with chance 1-p", but((">= self.p", "< self.p"), ("/ (1 - self.p)", "/ self.p"))),
    ("as they were", but((" / (1 - self.p)", ""))),
    ("multiplied by 1-p; divide", but((" / (1 - self.p)", " * (1 - self.p)"))),
    ("divided by p; by 1-p", but((" / (1 - self.p)", " / self.p"))),
    ("multiplied by p; divide", but((" / (1 - self.p)", " * self.p"))),
    ("whole rows or columns", but(("torch.rand_like(x)", "torch.rand(x.size(0), *[1] * (x.dim() - 1))"))),
    ("drops 50% of the numbers", but((">= self.p", ">= 0.5"))),
    ("at every call", but(("        keep =", "        torch.manual_seed(0)\n        keep ="))),
    ("no gradient comes through", but(("return x * keep", "return x.detach() * keep"))),
    ("no number becomes 0", but(("return x * keep / (1 - self.p)", "return x * (1 + self.p * torch.randn_like(x))"))),
    ("changes its input `x` in place", but(("return x * keep / (1 - self.p)", "x.data *= keep / (1 - self.p)\n        return x * 1"))),
    ("inherits from nn.Module", but(("(nn.Module)", ""), ("super().__init__()", "self.training = True"))),
]
