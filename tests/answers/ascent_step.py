"""Answers to the ascent-step exercise."""

from answers import edits_of

BASE = '''
def ascent_step(noise, gradient, step_size, radius):
    largest = gradient.abs().amax(dim=(1, 2), keepdim=True)
    direction = gradient / largest.clamp(min=1e-30)
    moved = noise + step_size * direction
    return moved.clamp(-radius, radius)
'''
but = edits_of(BASE)
MOVED, LARGEST, END = "noise + step_size * direction", "gradient.abs().amax(dim=(1, 2), keepdim=True)", "moved.clamp(-radius, radius)"

WRONG = [
    ("down the gradient", but((MOVED, "noise - step_size * direction"))),
    ("no projection", but((END, "moved"))),
    ("as public code does", but((END, "moved / (moved.abs().amax((1, 2), keepdim=True) + radius)"))),
    ("clamp the step and then add", but((MOVED, "noise + (step_size * direction).clamp(-radius, radius)"), (END, "moved"))),
    ("clamp from above only", but((END, "moved.clamp(max=radius)"))),
    ("shrink the whole sentence", but((END, "moved * (radius / moved.abs().amax((1, 2), keepdim=True)).clamp(max=1)"))),
    ("ball of the 2-norm", but((END, "moved * (radius / moved.flatten(1).norm(dim=1)[:, None, None]).clamp(max=1)"))),
    ("not divided by its largest", but((MOVED, "noise + step_size * gradient"))),
    ("largest entry of the whole batch", but((LARGEST, "gradient.abs().max()"))),
    ("token by token", but(("dim=(1, 2)", "dim=-1"))),
    ("by its 2-norm", but((LARGEST, "gradient.norm(dim=(1, 2), keepdim=True)"))),
    ("without taking absolute values", but(("gradient.abs().amax", "gradient.amax"))),
    ("sign of the gradient", but(("gradient / largest.clamp(min=1e-30)", "gradient.sign()"))),
    ("noise so far is forgotten", but((MOVED, "step_size * direction"))),
    ("step_size has no effect", but((MOVED, "noise + direction"))),
    ("gradient has no effect", but((MOVED, "noise"))),
    ("step by the radius", but((MOVED, "noise + radius * direction"))),
    ("divide 0 by 0", but((".clamp(min=1e-30)", ""))),
    ("changes its input `noise`", but((MOVED, "noise.add_(step_size * direction)"))),
]

RIGHT = [
    BASE,
    '''
def ascent_step(noise, gradient, step_size, radius):
    rows = gradient.flatten(1)
    size = rows.norm(p=float("inf"), dim=1)
    size = torch.where(size == 0, torch.ones_like(size), size)
    moved = noise + step_size * (rows / size[:, None]).view_as(gradient)
    return torch.minimum(torch.maximum(moved, torch.tensor(-radius)), torch.tensor(radius))
''',
    '''
def ascent_step(noise, gradient, step_size, radius):
    out = []
    for n, g in zip(noise, gradient):
        top = g.abs().max()
        out.append(n if top == 0 else torch.clip(n + step_size * g / top, -radius, radius))
    return torch.stack(out)
''',
    '''
EPS = 1e-20

def ascent_step(noise, gradient, step_size, radius, norm="linf"):
    g = gradient / (torch.linalg.vector_norm(gradient, ord=math.inf, dim=(-2, -1), keepdim=True) + EPS)
    with torch.no_grad():
        return F.hardtanh(torch.add(noise, g, alpha=step_size), -radius, radius)
''',
]
