"""Answers to the exercise of SMART's loss."""

from answers import edits_of

BASE = '''
from minbert_lib.learn import ascent_step, symmetric_kl

def smart_loss(model, batch, weight, eps, sigma, step_size, steps=1, seed=0):
    x = model.embed(batch)
    clean = model.predict_from(x, batch)
    real = batch.attention_mask[..., None]
    noise = sigma * real * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    loss = F.cross_entropy(clean, batch.labels)
    for _ in range(steps):
        noise.requires_grad_()
        distance = symmetric_kl(model.predict_from(x.detach() + noise, batch), clean.detach())
        (gradient,) = torch.autograd.grad(distance, noise)
        noise = ascent_step(noise.detach(), gradient, step_size, eps)
    R = symmetric_kl(model.predict_from((x + noise).detach(), batch), clean)
    return loss + weight * R
'''
but = edits_of(BASE)
LOOP, ATTACH = "    for _ in range(steps):\n", "        noise.requires_grad_()\n"
GRAD, SUM = "        (gradient,) = torch.autograd.grad(distance, noise)\n", "loss + weight * R"
LAST, POINT = "R = symmetric_kl(model.predict_from((x + noise).detach(), batch), clean)", "(x + noise).detach()"
BACKWARD = "        distance.backward()\n        gradient = noise.grad\n"

WRONG = [
    ("runs back through the clean side", but((GRAD, BACKWARD.replace("()\n", "(retain_graph=True)\n", 1)), ("clean.detach()", "clean"))),
    ("leaves gradients on the weights", but((GRAD, BACKWARD))),
    ("noise is not attached, so that", but((ATTACH, ""))),
    ("not attached any more", but((LOOP + ATTACH, ATTACH[4:] + LOOP))),
    ("λ is inside the search", but(("distance = symmetric_kl", "distance = weight * symmetric_kl"))),
    ("multiply step_size by weight", but(("gradient, step_size, eps", "gradient, weight * step_size, eps"))),
    ("weight has no effect", but((SUM, "loss + R"))),
    ("multiplies the task's loss too", but((SUM, "weight * (loss + R)"))),
    ("own loss is missing", but((SUM, "weight * R"))),
    ("taken off the loss", but((SUM, "loss - weight * R"))),
    ("climbs the task's loss", but(("symmetric_kl(model.predict_from(x.detach() + noise, batch), clean.detach())", "F.cross_entropy(model.predict_from(x.detach() + noise, batch), batch.labels)"))),
    ("your search goes down", but(("distance = symmetric_kl", "distance = -symmetric_kl"))),
    ("noise that the search began from", but((LOOP, "    start = noise.clone()\n" + LOOP), (POINT, "(x + start).detach()"))),
    ("no noise in the last pass", but((POINT, "x.detach()"))),
    ("asked at the noise itself", but((POINT, "noise.detach()"))),
    ("steps has no effect", but(("range(steps)", "range(1)"))),
    ("gradient at the first noise", but((LOOP, "    start = noise.clone().requires_grad_()\n" + LOOP), ("x.detach() + noise", "x.detach() + start"), ("grad(distance, noise)", "grad(distance, start)"))),
    ("sets out from the first noise", but((LOOP, "    start = noise.clone()\n" + LOOP), ("ascent_step(noise.detach()", "ascent_step(start"))),
    ("are swapped in ascent_step", but(("step_size, eps)\n    R", "eps, step_size)\n    R"))),
    ("clean side is held still; there both", but((LAST, LAST.replace("clean)", "clean.detach())")))),
    ("perturbed side is held still", but(("    " + LAST, "    with torch.no_grad():\n        moved = model.predict_from(x + noise, batch)\n    R = symmetric_kl(moved, clean)"))),
    ("R teaches nothing", but((SUM, "loss + weight * R.detach()"))),
    ("through x + noise into the word table", but((POINT, "x + noise"))),
    ("has no graph", but((SUM, "(loss + weight * R).detach()"))),
    ("returns None", but(("    return " + SUM, "    loss = " + SUM))),
    ("one tensor of shape ()", but((SUM, "loss, weight * R"))),
]

RIGHT = [
    BASE,
    but(("clean.detach()", "clean")),  # harmless where only the noise's gradient is asked for: none of it passes through the clean side
    '''
from minbert_lib.learn import ascent_step, symmetric_kl

def smart_loss(model, batch, weight, eps, sigma, step_size, steps=1, seed=0):
    x = model.embed(batch)
    point, target = x.detach(), model.predict_from(x, batch).detach()
    noise = sigma * batch.attention_mask[..., None] * torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
    learning = [p for p in model.parameters() if p.requires_grad]
    for p in learning:
        p.requires_grad_(False)
    for step in range(steps):
        moved = (point + noise).requires_grad_()
        symmetric_kl(model.predict_from(moved, batch), target).backward()
        noise = ascent_step(noise, moved.grad, step_size, eps)
    for p in learning:
        p.requires_grad_(True)
    clean = model.predict_from(x, batch)
    return F.cross_entropy(clean, batch.labels) + weight * symmetric_kl(clean, model.predict_from(point + noise, batch))
''',
    '''
from minbert_lib.learn import symmetric_kl

def worst(model, batch, x, clean, noise, step_size, eps):
    noise = noise.clone().requires_grad_(True)
    gradient = torch.autograd.grad(symmetric_kl(clean, model.predict_from(x + noise, batch)), [noise])[0]
    largest = gradient.abs().amax((-2, -1), keepdim=True).clamp(min=1e-20)
    return (noise + step_size * gradient / largest).clamp(-eps, eps).detach()

def smart_loss(model, batch, weight, eps, sigma, step_size, steps=1, seed=0):
    x = model.embed(batch)
    clean = model.predict_from(x, batch)
    generator = torch.Generator()
    generator.manual_seed(seed)
    noise = torch.randn(x.shape, generator=generator) * sigma
    noise = noise.masked_fill(~batch.attention_mask[..., None], 0)
    while steps > 0:
        noise = worst(model, batch, x.detach(), clean.detach(), noise, step_size, eps)
        steps -= 1
    loss = nn.CrossEntropyLoss()(clean, batch.labels)
    if weight == 0:
        return loss
    return loss + weight * symmetric_kl(model.predict_from(x.detach() + noise, batch), clean)
''',
    '''
from minbert_lib.learn import SmartRegularizer

def smart_loss(model, batch, weight, eps, sigma, step_size, steps=1, seed=0):
    x = model.embed(batch)
    clean = model.predict_from(x, batch)
    smart = SmartRegularizer(model, eps=eps, sigma=sigma, step_size=step_size, steps=steps, seed=seed)
    return F.cross_entropy(clean, batch.labels) + weight * smart(batch, x, clean)
''',
]
