# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 03 · AdamW
#
# The gradient says which way is down. It does not say how far to go. BERT has weights that feel the loss a hundred times more than others, and
# one step length cannot suit them all. AdamW gives every weight a step of its own, from two running means and six lines of arithmetic.
#
# **You will be able to** write AdamW as an optimiser that trains a BERT, say what each of its settings does, tell decoupled decay from $L_2$, and
# say exactly where your version and PyTorch's differ, and by how much.
#
# **You need** derivatives, and what a training loop does. **It takes** an hour and a quarter to do, under a minute to run at any scale.

# %%
# Set-up: the same cell in every notebook, on Colab, in JupyterLab and anywhere else; safe to run twice.
import importlib.util
import pathlib
import subprocess
import sys

ADDRESS = "https://github.com/OWNER/minbert-workbook"  # your copy; `minbert badges` fills it in
if importlib.util.find_spec("minbert_lib") is None:
    here = pathlib.Path.cwd().resolve()
    near = (folder for folder in (here, *here.parents) if (folder / "minbert_lib").is_dir())
    root = next(near, here / "minbert")
    if not root.is_dir():
        subprocess.run(["git", "clone", "--quiet", "--depth", "1", ADDRESS, str(root)], check=True)
    sys.path.insert(0, str(root))

from minbert_lib.workbook import check, hint, start

scale = start("03")

# %%
import matplotlib.pyplot as plt
import torch

from minbert_lib.lab import system
from minbert_lib.lab.figures.drawings import eps_effect, schedules, walk
from minbert_lib.lab.run import prepare
from minbert_lib.lab.surfaces import descend
from minbert_lib.learn.groups import SCHEDULES
from minbert_lib.learn.metrics import task_loss
from minbert_lib.workbook.widgets import explore

torch.manual_seed(0);

# %% [markdown]
# ## One step length for all?
#
# A valley that is forty times steeper across than along. Plain gradient descent, $p \leftarrow p - lr \cdot g$, where $p$ is a weight, $g$ its gradient and
# $lr$ the learning rate, must choose: is there a learning rate that gets along the valley in 100 steps without leaping from wall to wall?

# %%
def plain(lr, momentum):
    # walk() hands over AdamW's settings; these two are all that plain descent has
    class Plain(torch.optim.SGD):
        def __init__(self, params, **settings):
            super().__init__(params, lr=lr, momentum=momentum)

    return walk(Plain)


explore(
    plain, alt="Plain gradient descent in a narrow valley, and the loss along its path.",
    lr=(0.02, 1.1, 0.5), momentum=(0.0, 0.95, 0.0),
)

# %% [markdown]
# ![Plain descent at a rate of 0.5: down the steep walls at once, then slowly along the floor.](../figures/widgets/03_plain.png)
#
# Above a rate of 1 it flies off; just below it leaps from wall to wall; at 0.5 it crawls along the floor. Momentum helps: steps that agree add up, steps that
# contradict each other cancel. It does not change that both directions share one rate.
#
# How unlike are the weights of a BERT? Below, one batch of film sentences: for every tensor of weights the typical size (root mean square) of its
# gradient.

# %%
made = prepare(system("C2", scale.name, limit={"sst": 64}, dev_limit={"sst": 8}))
batch = made.train["sst"].batch(range(32)).to(made.device)
made.model.train()
task_loss(made.model(batch), batch).backward()
sizes = {
    name: p.grad.pow(2).mean().sqrt().item()
    for name, p in made.model.named_parameters() if p.grad is not None and p.grad.any()
}
kinds = {
    "embeddings": "#0072B2", "LayerNorm": "#D55E00", ".bias": "#E69F00", ".weight": "#56B4E9"
}
figure, axes = plt.subplots(figsize=(7.2, 2.7))
for place, (name, size) in enumerate(sizes.items()):
    axes.plot(
        place, size, "o", color=next(colour for kind, colour in kinds.items() if kind in name)
    )
for kind, colour in kinds.items():
    axes.plot([], [], "o", color=colour, label=kind.strip("."))
axes.set(
    yscale="log", xlabel="tensor of weights, from the embeddings to the head",
    ylabel="typical gradient",
)
axes.legend(ncols=4, loc="lower left", bbox_to_anchor=(0, 1.0))
felt = [size for name, size in sizes.items() if "key.bias" not in name]
ratio = max(felt) / min(felt)
print(f"largest / smallest typical gradient, without the keys' biases: {ratio:,.0f}")

# %% [markdown]
# The head feels the loss most, and so does the table of token types, of which every token uses a row; the word table, most of whose rows a batch never
# touches, lies among the matrices. Within each layer LayerNorm's numbers feel it several times as much as the matrices do. And far below there is
# one point for each layer: the biases of the keys. A key's bias $b$ turns a score $q·k$ into $q·k + q·b$, and $q·b$ is the same for all keys. Adding the same
# number to all scores of a query changes nothing after the softmax, so these weights do not matter at all; their gradient is 0, and what we see is rounding.
# An optimiser that makes every step the same length would walk after this noise. Remember it when $eps$ comes up.
#
# ## Two running means
#
# AdamW keeps two numbers for every weight. With $g$ its gradient in this step,
#
# $$m \leftarrow \beta_1 m + (1-\beta_1)\,g, \qquad v \leftarrow \beta_2 v + (1-\beta_2)\,g^2.$$
#
# $m$ is a mean over about the last $1/(1-\beta_1)$ gradients; $v$ is such a mean of their squares, over about $1/(1-\beta_2)$, so $\sqrt v$ is their typical size. The step is
# $lr \cdot m / (\sqrt v + eps)$: divided by its own typical size, a gradient of any size makes a step of about $lr$. The small number $eps$ keeps us from dividing
# by nothing, and keeps weights whose gradient is mere rounding from walking.
#
# Both start at zero, and so they are too small at first. At step $t$ the shares with which the gradients enter such a mean add up to only $1-\beta^t$;
# dividing by that mends it. For $m$ and $\sqrt v$ together this *bias correction* multiplies the step by $\sqrt{1-\beta_2^t}\,/\,(1-\beta_1^t)$. Does it make
# the first steps longer, or shorter? Guess before you look: the gradient below is 1 at every step, so a step of exactly $lr$ would be right.

# %%
def first_steps(beta1, beta2):
    t = torch.arange(1, 1001)
    m, v = 1 - beta1**t, 1 - beta2**t  # the running means of 1, 1, 1, …
    figure, axes = plt.subplots(figsize=(6.4, 2.7))
    axes.plot(t, m / v.sqrt(), label="as it is, m / √v")
    axes.plot(t, torch.ones(1000), "--", label="corrected")
    axes.set(
        xscale="log", xlabel="step t", ylabel="step / lr", ylim=(0, None),
        title=f"first step: {m[0] / v[0].sqrt():.2f} × lr",
    )
    axes.legend()
    plt.close(figure)
    return figure


explore(
    first_steps, alt="Length of the first thousand steps with and without bias correction.",
    beta1=(0.0, 0.99, 0.9), beta2=(0.9, 0.999, 0.999),
)

# %% [markdown]
# ![Without correction the step is 3 times lr at first, rises beyond 6, and is still 1.26 after a thousand steps.](../figures/widgets/03_first_steps.png)
#
# Shorter! Both means are too small at first, but $v$ fills more slowly than $m$, and it is what we divide by. Without correction the first step would be
# 3.16 times $lr$ with the usual settings, and after a dozen steps more than six times. Correction is a built-in caution.
#
# ## Decay
#
# *Weight decay* pulls every weight towards zero a little at each step, so that it stays only as large as the data demands. One can add
# $weight\_decay \cdot p$ to the gradient ($L_2$). But then the pull too is divided by $\sqrt v$: weights with large gradients are hardly pulled. AdamW (the W is for this)
# *decouples* it: the pull acts on the weight directly,
#
# $$p \leftarrow p - lr \cdot weight\_decay \cdot p.$$
#
# ## Your turn: AdamW
#
# In the course's form, for each parameter $p$ with a gradient, in this order: count the step, $t \leftarrow t + 1$; update $m$ and $v$ as above; then
#
# $$p \leftarrow p - lr\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,\frac{m}{\sqrt v + eps}, \qquad p \leftarrow p - lr\cdot weight\_decay\cdot p.$$
#
# Without `correct_bias` the fraction in $\beta$ is left out. Two running means and a count for *each parameter* live in `self.state[p]`, a
# dictionary that starts empty; settings come from the *group* that the parameter belongs to. A parameter whose `p.grad` is `None` is passed
# over. `p.grad` belongs to the caller: do not change it.
#
# Difficulty ●●●●○ · 45 minutes. Of fourteen plausible faulty answers that we collected, a well-known public test of this exercise lets six pass.
# The check below knows them all.

# %%
class AdamW(torch.optim.Optimizer):
    def __init__(
        self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0,
        correct_bias=True,
    ):
        defaults = dict(
            lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, correct_bias=correct_bias
        )
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                ...  # your code here
        return loss


# %%
AdamW = check("AdamW")

# %% [markdown]
# ## A walk
#
# Now move about. Questions to settle: what does β₁ do to the overshoot? What happens without correction, in the first steps? With noise in the gradient,
# which of β₁ and β₂ smooths the path? And where does the path end if there is decay?

# %%
def stroll(surface, lr, beta1, beta2, correct_bias, decay, decay_as, noise):
    return walk(AdamW, surface, 100, lr, beta1, beta2, correct_bias, decay, decay_as, noise)


explore(
    stroll,
    alt="The path of AdamW over a surface, and the loss along it.",
    surface=["valley", "slanting valley", "bend", "two hollows"],
    lr=[0.1, 0.01, 0.03, 0.3, 1.0],
    beta1=(0.0, 0.98, 0.9),
    beta2=[0.999, 0.0, 0.9, 0.99],
    correct_bias=True,
    decay=(0.0, 1.0, 0.0),
    decay_as=["decoupled", "L2"],
    noise=(0.0, 2.0, 0.0),
)

# %% [markdown]
# ![The path of AdamW in a valley with the usual settings: it goes straight for the middle, overshoots, and comes back.](../figures/03_1_a_walk.png)
#
# In the valley the first steps go at 45°: both weights move by the same amount, though one gradient is twenty times the other. In the slanting valley that no
# longer helps, because AdamW has a rate for each *weight*, not for each *direction*.  And the four questions: the overshoot grows with β₁, for the walk keeps
# going where the gradients of the last steps pointed. Without correction the first step is $(1-\beta_1)/\sqrt{1-\beta_2} = 0.1/\sqrt{0.001} = 3.2$ times too
# long. With noise it is β₁ that smooths; a β₂ of 0 together with a β₁ of .9 makes the walk wild, since each step is divided by the last gradient alone,
# however small. Decay draws towards 0: in the valley that is the lowest point anyway, in the two hollows the walk ends between its hollow and 0.
#
# ## Decoupled, or not?
#
# Two weights should stay at 1 as far as the data is concerned. The first gets noisy gradients of size 10, the second of size 0.1. Both decay with
# the same setting. Are they pulled alike?

# %%
def pulled(as_gradient, decay=0.3, steps=400):
    p = torch.nn.Parameter(torch.ones(2))
    optimizer = AdamW([p], lr=0.01, weight_decay=0.0 if as_gradient else decay)
    path, g = [], torch.Generator().manual_seed(0)
    for _ in range(steps):
        p.grad = torch.tensor([10.0, 0.1]) * torch.randn(2, generator=g)
        p.grad += decay * p.detach() if as_gradient else 0
        optimizer.step()
        path.append(p.detach().clone())
    return torch.stack(path)


figure, panels = plt.subplots(1, 2, figsize=(7.6, 2.7), sharey=True)
for axes, as_gradient, title in zip(
    panels, (True, False), ("L2: decay goes through the gradient", "decoupled, as in AdamW")
):
    lines = axes.plot(pulled(as_gradient))
    axes.plot((1 - 0.01 * 0.3) ** torch.arange(1, 401), "k:", lw=1)
    axes.set(xlabel="step", title=title)
axes.legend(
    [*lines, axes.lines[-1]], ["gradients of size 10", "gradients of size 0.1", "decay alone"]
)
panels[0].set_ylabel("weight");

# %% [markdown]
# With $L_2$ the weight with small gradients is at zero after 200 steps, and the other is hardly pulled at all. Decoupled, both follow the same
# dotted line.
#
# ## Yours beside PyTorch's
#
# PyTorch's AdamW is *almost* the same. Without decay and with `eps=0` the two define the same numbers; let us see whether they agree over a thousand
# steps in double precision. Then we turn on one difference after the other.

# %%
def journey(make, steps=1000, size=1.0):
    g = torch.Generator().manual_seed(1)
    p = torch.nn.Parameter(torch.randn(50, generator=g, dtype=torch.float64))
    optimizer, path = make([p]), []
    for _ in range(steps):
        p.grad = size * torch.randn(50, generator=g, dtype=torch.float64)
        optimizer.step()
        path.append(p.detach().clone())
    return torch.stack(path)  # (steps, 50)


for words, settings, size in (
    ("no decay, eps = 0", dict(eps=0.0), 1.0),
    ("eps = 1e-6, gradients of size 1", dict(eps=1e-6), 1.0),
    ("eps = 1e-6, gradients of size 1e-5", dict(eps=1e-6), 1e-5),
    ("eps = 0, decay 0.1", dict(eps=0.0, weight_decay=0.1), 1.0),
):
    ours = journey(lambda params: AdamW(params, lr=1e-3, **settings), size=size)
    settings = {"weight_decay": 0.0} | settings  # PyTorch's default is 0.01
    theirs = journey(lambda params: torch.optim.AdamW(params, lr=1e-3, **settings), size=size)
    apart, moved = (ours - theirs).abs().max(), (ours - ours[0]).abs().max()
    print(f"{words:<36} largest difference {apart:.1e}", end=", ")
    print(f"where a weight moved by up to {moved:.1e}")

# %% [markdown]
# Where they define the same thing they agree to rounding. The order of decay (PyTorch decays first, the course last) is a matter of $lr^2 \cdot weight\_decay$ a step: nobody will
# ever see it. The place of eps is another matter when gradients are small. PyTorch corrects $\sqrt v$ before it adds eps; the course adds eps to the
# uncorrected one, which at $t = 1$ is only $\sqrt{1 - \beta_2} = 0.0316$ times as large. So the course's eps is $1/0.0316 = 31.6$ times as large in effect at the
# first step, and the difference wears off over some three thousand.

# %%
eps_effect()

# %% [markdown]
# ![Left: eps in effect falls from 31.6 times eps to eps over about 3,000 steps. Right: small constant gradients are held back at first.](../figures/03_3_eps.png)
#
# A gradient of size 1e-6, as large as eps, makes half a step in PyTorch, and at $t = 1$ a thirtieth in the course's form. Is it better? It is another gentle start,
# for those weights alone that hardly matter. Neither is wrong; one only has to know which one trained the model.
#
# ## How the rate moves over a run
#
# The learning rate seldom stays as it is. A *warm-up* lets $v$ settle before the steps are long; then the rate falls, so that the last steps correct
# rather than wander. Which schedule spends the most time near its highest rate?

# %%
def rates(warmup, show):
    return schedules(1000, warmup, SCHEDULES if show == "all" else (show,))


explore(
    rates, alt="The factor on the learning rate over a run.", warmup=(0.0, 0.5, 0.1),
    show=["all", *SCHEDULES],
)

# %% [markdown]
# ![Four schedules over 1,000 steps: constant, linear, cosine and slanted.](../figures/03_2_schedules.png)
#
# Constant, of course; of those that fall, cosine stays high for longer and then drops faster than linear. Slanted is linear that stops at 1/32
# of the rate.
#
# On a noisy slope one sees what the fall is good for: the same AdamW in the valley with noise, at a constant rate and with a linear schedule.

# %%
class Falling(AdamW):
    """AdamW whose rate falls linearly to zero over 300 steps."""

    def step(self, closure=None):
        self.done = getattr(self, "done", -1) + 1
        for group in self.param_groups:
            group["lr"] = 0.3 * (1 - self.done / 300)
        return super().step(closure)


last = {}
for name, kind in (("constant", AdamW), ("falling", Falling)):
    ends = torch.stack([
        descend(lambda params: kind(params, lr=0.3), "valley", 300, noise=1.0, seed=seed)[-1]
        for seed in range(20)
    ])
    last[name] = ends
figure, axes = plt.subplots(figsize=(7.4, 2.7))
for (name, ends), mark in zip(last.items(), "os"):
    axes.plot(
        *ends.T, mark, ms=4, alpha=0.7,
        label=f"{name}: mean distance {ends.norm(dim=1).mean():.2f}",
    )
axes.plot(0, 0, "k+", ms=12, label="lowest point")
axes.set(xlabel="first weight", ylabel="second weight", title="Where 20 noisy walks end")
axes.legend(loc="center left", bbox_to_anchor=(1, 0.5));

# %% [markdown]
# At a constant rate the walk never settles: the noise keeps it moving about the lowest point. With the falling rate it ends about half as far away.
#
# ## What you have shown
#
# AdamW divides each weight's gradient by its own typical size, so that all learn at one pace; correction makes the start gentle; decay acts on the weight, not
# through the gradient. Yours is PyTorch's except for eps and the order of decay.
#
# **Three questions**
#
# <details><summary>1. Multiply the loss by 1,000. What does AdamW do differently?</summary>
#
# Nearly nothing: $m$ and $\sqrt v$ both grow by 1,000, and their ratio stays. Only eps is now smaller beside $\sqrt v$. Plain gradient descent would take steps a
# thousand times as long.
# </details>
#
# <details><summary>2. How much memory does AdamW need?</summary>
#
# Two numbers for each weight beside the weight and its gradient: four in all. For BERT-base in float32 that is 4 × 110 million × 4 bytes, about 1.8 GB, before a single
# activation is kept.
# </details>
#
# <details><summary>3. A parameter has had no gradient for 500 steps and then gets one. Whose t counts?</summary>
#
# Its own. Its running means have seen only its own gradients, so the correction has to fit their number.
# </details>
#
# **Next:** [04 · The sentiment baseline](04_sentiment.ipynb): your attention, your layers and your AdamW train a classifier.
