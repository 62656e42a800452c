"""Answers to the AdamW exercise: what learners write. Wrong ones are one plausible edit away from a right one."""

from answers import edits_of

BASE = '''
class AdamW(torch.optim.Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias))

    def step(self, closure=None):
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                grad = p.grad.data
                state = self.state[p]
                if len(state) == 0:
                    state["step"] = 0
                    state["m"] = torch.zeros_like(p)
                    state["v"] = torch.zeros_like(p)
                m, v = state["m"], state["v"]
                state["step"] += 1
                m.mul_(beta1).add_(grad, alpha=1 - beta1)
                v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
                size = group["lr"]
                if group["correct_bias"]:
                    size *= math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])
                p.data.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-size)
                if group["weight_decay"] > 0:
                    p.data.add_(p.data, alpha=-group["lr"] * group["weight_decay"])
        return loss
'''

DENOMINATOR, DECAY = 'v.sqrt().add_(group["eps"])', 'p.data.add_(p.data, alpha=-group["lr"] * group["weight_decay"])'
STEP, V = "p.data.addcdiv_(m, v.sqrt().add_(group[\"eps\"]), value=-size)", "v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)"
CORRECTION = 'size *= math.sqrt(1 - beta2 ** state["step"]) / (1 - beta1 ** state["step"])'
M = "m.mul_(beta1).add_(grad, alpha=1 - beta1)"
BLOCK = f'''                if group["weight_decay"] > 0:
                    {DECAY}
'''

but = edits_of(BASE)


WRONG = [  # (words of its own message, source)
    ("share one state", but(("self.state[p]", 'self.state["all"]'))),
    ("all parameters of a group share", but(("state = self.state[p]", 'state = self.state[group["params"][0]]'))),
    ("first group's settings", but(('beta1, beta2 = group["betas"]', 'group = dict(self.param_groups[0], params=group["params"]); beta1, beta2 = group["betas"]'))),
    ("you use the defaults", but(('beta1, beta2 = group["betas"]', 'group = dict(lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True, params=group["params"]); beta1, beta2 = group["betas"]'))),
    ("correct_bias=False has no effect", but(('if group["correct_bias"]:', "if True:"))),
    ("bias is never corrected", but((CORRECTION, "pass"))),
    ("corrected where it is False", but(('if group["correct_bias"]', 'if not group["correct_bias"]'))),
    ("changes the gradient itself", but((STEP, 'p.data.sub_(grad.copy_(m).div_(v.sqrt().add_(group["eps"])).mul_(size))'))),
    ("inside the root, √(v+eps)", but((DENOMINATOR, '(v + group["eps"]).sqrt()'))),
    ("inside the root, squared", but((DENOMINATOR, '(v + group["eps"] ** 2).sqrt()'))),
    ("eps is missing", but((DENOMINATOR, "v.sqrt()"))),
    ("floor under √v", but((DENOMINATOR, 'v.sqrt().clamp(min=group["eps"])'))),
    ("PyTorch's form", but((STEP, 'k = math.sqrt(1 - beta2 ** state["step"]) if group["correct_bias"] else 1; p.data.addcdiv_(m, v.sqrt().add_(group["eps"] * k), value=-size)'))),
    ("divide by v; by √v", but((DENOMINATOR, 'v + group["eps"]'))),
    ("added to the gradient (L2", but((BLOCK, ""), ("state = self.state[p]", 'grad = grad + group["weight_decay"] * p.data; state = self.state[p]'))),
    ("decay before the step", but((BLOCK, ""), ("grad = p.grad.data", 'grad = p.grad.data; p.data.mul_(1 - group["lr"] * group["weight_decay"])'))),
    ("weight_decay has no effect", but((BLOCK, ""))),
    ("not multiplied by the learning rate", but((DECAY, 'p.data.mul_(1 - group["weight_decay"])'))),
    ("parameters grow", but(("alpha=-group", "alpha=group"))),
    ("multiplied by the bias-corrected step", but((DECAY, 'p.data.mul_(1 - size * group["weight_decay"])'))),
    ("without ½", but((DECAY, 'p.data.mul_(1 - group["lr"] * group["weight_decay"] / 2)'))),
    ("up the gradient", but(("value=-size", "value=size"))),
    ("β₁ and β₂ are swapped", but(("beta1, beta2 =", "beta2, beta1 ="))),
    ("whole gradient", but((", alpha=1 - beta1", ""))),
    ("whole square", but((", value=1 - beta2)", ")"))),
    ("keeps 1-β₁", but((M, "m.mul_(1 - beta1).add_(grad, alpha=beta1)"))),
    ("keeps 1-β₂", but((V, "v.mul_(1 - beta2).addcmul_(grad, grad, value=beta2)"))),
    ("v is the mean of g; of g²", but((V, "v.mul_(beta2).add_(grad, alpha=1 - beta2)"))),
    ("v is the mean of |g|", but((V, "v.mul_(beta2).add_(grad.abs(), alpha=1 - beta2)"))),
    ("v is made from m²", but((V, "v.mul_(beta2).addcmul_(m, m, value=1 - beta2)"))),
    ("step uses the gradient itself", but(("addcdiv_(m, ", "addcdiv_(grad, "))),
    ("m and v start from zero at every step", but(("if len(state) == 0:\n                    state[\"step\"] = 0", 'state.setdefault("step", 0)\n                if True:'))),
    ("only m's bias", but((CORRECTION, 'size /= 1 - beta1 ** state["step"]'))),
    ("only v's bias", but((CORRECTION, 'size *= math.sqrt(1 - beta2 ** state["step"])'))),
    ("is wanted, as v itself is under a root", but(("math.sqrt(1 - beta2 ** state[\"step\"])", '(1 - beta2 ** state["step"])'))),
    ("upside down", but(("size *=", "size /="))),
    ("divided by √(1-β₂ᵗ); multiply", but((CORRECTION, 'size /= math.sqrt(1 - beta2 ** state["step"]) * (1 - beta1 ** state["step"])'))),
    ("counts calls of step()", but(("loss = closure()", 'self.t = getattr(self, "t", 0) + 1; loss = closure()'), (CORRECTION, CORRECTION.replace('state["step"]', "self.t")))),
    ("counted up for every parameter in turn", but(('state["step"] += 1', 'state["step"] = self.t = getattr(self, "t", 0) + 1'),
                                                  ("if p.grad is None:", 'if p.grad is None:\n                    self.t = getattr(self, "t", 0) + 1'))),
    ("your t stays 1", but(('state["step"] += 1', 'step = state["step"] + 1'), (CORRECTION, CORRECTION.replace('state["step"]', "step")))),
    ("t is one ahead", but(('state["step"] = 0', 'state["step"] = 1'))),
    ("t starts at 1", but(('                state["step"] += 1\n', ""), (BLOCK, BLOCK + '                state["step"] += 1\n'))),
    ("(p.grad is None): pass over it with `continue`", but(("                if p.grad is None:\n                    continue\n", ""))),
    ("(p.grad is None) moves all the same", but(("                if p.grad is None:\n                    continue\n                grad = p.grad.data", "                grad = torch.zeros_like(p.data) if p.grad is None else p.grad"))),
    ("(p.grad is None) decays all the same", but(("                    continue", '                    p.data.mul_(1 - group["lr"] * group["weight_decay"]); continue'))),
    ("no parameter moves", but((STEP, 'p = p - size * m / (v.sqrt() + group["eps"])'))),
    ("autograd watches your step", but((STEP, 'p -= size * m / (v.sqrt() + group["eps"])'))),
    ("param_groups has no effect", but(("correct_bias=correct_bias))", "correct_bias=correct_bias))\n        self.rates = [g['lr'] for g in self.param_groups]"),
                                       ('beta1, beta2 = group["betas"]', 'group = dict(group, lr=self.rates[self.param_groups.index(group)]); beta1, beta2 = group["betas"]'))),
    ("about six digits", but(('state["m"] = torch.zeros_like(p)', 'state["m"] = torch.zeros(p.shape)'), ('state["v"] = torch.zeros_like(p)', 'state["v"] = torch.zeros(p.shape)'))),
    ("stopped and resumed", but(("self.state[p]", "self.memory.setdefault(p, {})"), ("correct_bias=correct_bias))", "correct_bias=correct_bias))\n        self.memory = {}"))),
    ("default of eps is 1e-08", but(("eps=1e-6", "eps=1e-8"))),
    ("has no 'weight_decay'", but(("weight_decay=weight_decay, ", ""))),
    ("step(closure) has to call", but(("return loss", "return None"))),
    ("def step(self, closure=None)", but(("def step(self, closure=None)", "def step(self)"), ("loss = closure() if closure is not None else None", "loss = None"))),
    ("inherits from torch.optim.Optimizer", "def AdamW(params, lr=1e-3):\n    return params\n"),
    ("largest v so far", but((STEP, 'state["most"] = torch.maximum(state.get("most", v), v); p.data.addcdiv_(m, state["most"].sqrt().add_(group["eps"]), value=-size)'))),
    ("goes wrong as soon as there is weight decay", but((DECAY, 'p.data.add_(p.data.sign(), alpha=-group["lr"] * group["weight_decay"])'))),
    ("goes wrong in the very first step", but((STEP, 'p.data.addcdiv_(m.sign(), v.sqrt().add_(group["eps"]), value=-size)'))),
    ("with IndexError", but(('state["step"] = 0', 'state["step"] = [][0]'))),
    ("a loop that never ends", but(("loss = closure() if", "while True: pass\n        loss = closure() if"))),
]

RIGHT = [
    BASE,
    '''
class AdamW(torch.optim.Optimizer):
    """No data tricks: everything under no_grad, out of place, step as a tensor."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "correct_bias": correct_bias}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        names = "lr betas eps weight_decay correct_bias".split()
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                self.update(p, p.grad, self.state[p], **{k: group[k] for k in names})
        return loss

    def update(self, p, g, state, lr, betas, eps, weight_decay, correct_bias):
        b1, b2 = betas
        state["step"] = state.get("step", torch.tensor(0.0)) + 1
        state["exp_avg"] = b1 * state.get("exp_avg", 0.0) + (1 - b1) * g
        state["exp_avg_sq"] = b2 * state.get("exp_avg_sq", 0.0) + (1 - b2) * g**2
        t = int(state["step"])
        rate = lr * (1 - b2**t) ** 0.5 / (1 - b1**t) if correct_bias else lr
        p -= rate * state["exp_avg"] / (state["exp_avg_sq"].sqrt() + eps)
        p -= lr * weight_decay * p
''',
    '''
class AdamW(torch.optim.Optimizer):
    """With m-hat and v-hat as in the paper; eps scaled so that it is the same formula."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            (beta1, beta2), lr = group["betas"], group["lr"]
            for p in group["params"]:
                if p.grad is not None:
                    s = self.state[p]
                    if "t" not in s:
                        s.update(t=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                    s["t"] += 1
                    s["m"].lerp_(p.grad, 1 - beta1)
                    s["v"].lerp_(p.grad.square(), 1 - beta2)
                    c1 = 1 - beta1 ** s["t"] if group["correct_bias"] else 1.0
                    c2 = 1 - beta2 ** s["t"] if group["correct_bias"] else 1.0
                    m_hat, v_hat = s["m"] / c1, s["v"] / c2
                    p.sub_(lr * m_hat / (v_hat.sqrt() + group["eps"] / math.sqrt(c2)))
                    p.mul_(1 - lr * group["weight_decay"])
        return loss
''',
    '''
def moments(old, new, beta):
    return [beta * o + (1 - beta) * n for o, n in zip(old, new)]


class AdamW(torch.optim.Optimizer):
    """All of a group at once."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias))

    def step(self, closure=None):
        loss = None if closure is None else closure()
        with torch.no_grad():
            for group in self.param_groups:
                ps = [p for p in group["params"] if p.grad is not None]
                for p in ps:
                    if p not in self.state or not self.state[p]:
                        self.state[p] = {"count": 0, "mean": torch.zeros_like(p), "square": torch.zeros_like(p)}
                states = [self.state[p] for p in ps]
                ms = moments([s["mean"] for s in states], [p.grad for p in ps], group["betas"][0])
                vs = moments([s["square"] for s in states], [p.grad * p.grad for p in ps], group["betas"][1])
                for p, s, m, v in zip(ps, states, ms, vs):
                    s["mean"], s["square"], s["count"] = m, v, s["count"] + 1
                    step = group["lr"]
                    if group["correct_bias"]:
                        step = step * math.sqrt(1 - group["betas"][1] ** s["count"]) / (1 - group["betas"][0] ** s["count"])
                    p.copy_((p - step * m / (torch.sqrt(v) + group["eps"])) * (1 - group["lr"] * group["weight_decay"]))
        return loss
''',
    '''
class AdamW(torch.optim.Optimizer):
    """p.data replaced, not changed; decay always applied; torch._foreach for the moments."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0, correct_bias=True):
        if lr < 0:
            raise ValueError("lr")
        super().__init__(params, dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias))

    def step(self, closure=None):
        loss = None
        if closure is not None:
            loss = closure()
        for group in self.param_groups:
            b1, b2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["step"], state["m"], state["v"] = 0, torch.zeros_like(p.data), torch.zeros_like(p.data)
                state["step"] = state["step"] + 1
                torch._foreach_mul_([state["m"]], b1)
                torch._foreach_add_([state["m"]], [p.grad], alpha=1 - b1)
                state["v"] = state["v"] * b2 + p.grad.pow(2) * (1 - b2)
                c = math.sqrt(1 - b2 ** state["step"]) / (1 - b1 ** state["step"]) if group["correct_bias"] else 1
                p.data = p.data - group["lr"] * c * state["m"] / (state["v"].sqrt() + group["eps"])
                p.data = p.data - group["lr"] * group["weight_decay"] * p.data
        return loss
''',
]
