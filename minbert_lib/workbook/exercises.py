"""The exercises, in plain sight. Mechanism: `desk.py`; checks: `checks_*.py`.

To add an exercise:
1. write the function or class in the library: it is the answer key, with the same name and signature;
2. write `check_it(answer)` in a `checks_*.py`: it returns on how many cases the answer was right, or raises `judge.Wrong` with the
   mistake in a learner's words (most use `judge.compare`: random cases, a slow specification, a dictionary of typical mistakes);
3. add an entry below;
4. put at least five wrong answers (each with words of its own message) and three right ones in `tests/answers/`.
"""

import importlib
from dataclasses import dataclass

from .checks_adamw import check_adamw
from .checks_attention import check_attention
from .checks_bert import check_multi_head


@dataclass(frozen=True)
class Exercise:
    name: str
    where: str  # the notebook
    difficulty: int  # 1 a warm-up … 5 an evening
    minutes: int
    equation: str  # LaTeX, in the symbols of the code
    hints: tuple  # a nudge, then more concrete help; the third step is the library's own source
    check: object
    reference: str  # module:name, imported when needed

    def library(self):
        module, name = self.reference.split(":")
        return getattr(importlib.import_module(module), name)

    def markdown(self):
        """The line and the equation that open the exercise in its notebook."""
        dots = "●" * self.difficulty + "○" * (5 - self.difficulty)
        return f"**Exercise** `{self.name}` · difficulty {dots} · {self.minutes} minutes\n\n$${self.equation}$$"


EXERCISES = {exercise.name: exercise for exercise in [
    Exercise(
        "scaled_dot_product_attention", "01", 2, 20,
        r"\mathrm{softmax}\left(\frac{q\,k^\top}{\sqrt d}\right) v,\qquad \text{score}_{ij} = -\infty \text{ where mask}_{ij} \text{ is False}",
        ("Three steps: a score for every query with every key; weights that add up to 1 along the keys; a weighted mean of the "
         "values. Must the masked places vanish before the softmax or after it?",
         "scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1)); where the mask is False, masked_fill with -inf or a very large "
         "negative number; softmax over the last axis; @ v."),
        check_attention, "minbert_lib.model:scaled_dot_product_attention"),
    Exercise(
        "MultiHeadAttention", "01", 3, 30,
        r"\mathrm{head}_h = \mathrm{attention}(q_h, k_h, v_h),\quad q = \text{query}(hidden),\ \dots\qquad [\mathrm{head}_1; \dots; \mathrm{head}_H]",
        ("Attention takes any leading axes. So bring (B, L, D) to (B, H, L, d), attend once for all heads, and bring it back.",
         "x.view(B, L, H, d).transpose(1, 2) splits, x.transpose(1, 2).reshape(B, L, D) merges. The mask (B, L) says which keys may "
         "be looked at: mask[:, None, None, :] serves every head and query."),
        check_multi_head, "minbert_lib.model:MultiHeadAttention"),
    Exercise(
        "AdamW", "03", 4, 45,
        r"m \leftarrow \beta_1 m + (1-\beta_1)\,g,\quad v \leftarrow \beta_2 v + (1-\beta_2)\,g^2,\quad "
        r"p \leftarrow p - lr\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,\frac{m}{\sqrt v + eps},\quad "
        r"p \leftarrow p - lr\cdot weight\_decay\cdot p",
        ("Every parameter has two running means and a count of its own steps; all three live in self.state[p]. Every group has "
         "its own lr, betas, eps, weight_decay and correct_bias.",
         "for group in self.param_groups, for p in group['params']: pass over p.grad None; state = self.state[p], filled the first "
         "time with step 0 and zeros_like(p) for m and v; step += 1; update m and v; take the step; decay last."),
        check_adamw, "minbert_lib.learn:AdamW"),
]}
