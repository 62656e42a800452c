"""The exercises, in plain sight. Mechanism: `desk.py`; checks: `checks_*.py`.

To add an exercise:
1. write the function or class in the library: it is the answer key, with the same name and signature;
2. write `check_it(answer)` in a `checks_*.py`: it returns on how many cases the answer was right, or raises `judge.Wrong` with the
   mistake in a learner's words (most use `judge.compare`: random cases, a slow specification, a dictionary of typical mistakes);
3. add an entry below;
4. put at least five wrong answers (each with words of its own message) and three right ones in `tests/answers/`.
"""

from .checks_adamw import check_adamw
from .checks_attention import check_attention
from .checks_baseline import check_accuracy, check_confusion, check_dropout
from .checks_bert import check_multi_head
from .checks_layer import check_embeddings, check_layer
from .exercise import Exercise
from .exercises_later import LATER

EXERCISES = {
    exercise.name: exercise
    for exercise in [
        Exercise(
            "accuracy",
            "00",
            1,
            3,
            r"\frac1n \sum_{i=1}^{n} \left[\,predictions_i = labels_i\,\right]",
            (
                "Both are numpy arrays of n whole numbers. What does == make of two arrays?",
                "predictions == labels is an array of True and False; Python counts True as 1. Its mean is the share that is right.",
            ),
            check_accuracy,
            "minbert_lib.lab.stats:accuracy",
        ),
        Exercise(
            "scaled_dot_product_attention",
            "01",
            2,
            20,
            r"\mathrm{softmax}\left(\frac{q\,k^\top}{\sqrt d}\right) v,\qquad \text{score}_{ij} = -\infty \text{ where mask}_{ij} \text{ is False}",
            (
                "Three steps: a score for every query with every key; weights that add up to 1 along the keys; a weighted mean of the "
                "values. Must the masked places vanish before the softmax or after it?",
                "scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1)); where the mask is False, masked_fill with -inf or a very large "
                "negative number; softmax over the last axis; @ v.",
            ),
            check_attention,
            "minbert_lib.model:scaled_dot_product_attention",
        ),
        Exercise(
            "MultiHeadAttention",
            "01",
            3,
            30,
            r"\mathrm{head}_h = \mathrm{attention}(q_h, k_h, v_h),\quad q = \text{query}(hidden),\ \dots\qquad "
            r"[\mathrm{head}_1; \dots; \mathrm{head}_H]",
            (
                "Attention takes any leading axes. So bring (B, L, D) to (B, H, L, d), attend once for all heads, and bring it back.",
                "x.view(B, L, H, d).transpose(1, 2) splits, x.transpose(1, 2).reshape(B, L, D) merges. The mask (B, L) says which keys may "
                "be looked at: mask[:, None, None, :] serves every head and query.",
            ),
            check_multi_head,
            "minbert_lib.model:MultiHeadAttention",
        ),
        Exercise(
            "BertEmbeddings",
            "02",
            2,
            20,
            r"\mathrm{LayerNorm}(word_{input\_ids} + position_{0,1,2,\dots} + type_{token\_type\_ids})",
            (
                "Three tables, one row from each for every word, added. What are the positions of a sentence of L words?",
                "torch.arange(input_ids.size(1)) are the positions, zeros_like(input_ids) the types if there are none; sum the three "
                "embeddings, then LayerNorm with eps=config.layer_norm_eps, then dropout.",
            ),
            check_embeddings,
            "minbert_lib.model:BertEmbeddings",
        ),
        Exercise(
            "BertLayer",
            "02",
            3,
            30,
            r"a = \mathrm{LayerNorm}(hidden + W\,\mathrm{attention}(hidden)),\qquad "
            r"out = \mathrm{LayerNorm}(a + W_2\,\mathrm{gelu}(W_1 a))",
            (
                "Two halves that end alike: project, drop, add what came into this half, LayerNorm. AddNorm does just that.",
                "hidden = attention['output'](attention['self'](hidden, mask), hidden); wide = F.gelu(intermediate['dense'](hidden)); "
                "return output(wide, hidden). Names as in checkpoints: nn.ModuleDict gives the dots.",
            ),
            check_layer,
            "minbert_lib.model:BertLayer",
        ),
        Exercise(
            "AdamW",
            "03",
            4,
            45,
            r"\begin{array}{l} m \leftarrow \beta_1 m + (1-\beta_1)\,g,\quad v \leftarrow \beta_2 v + (1-\beta_2)\,g^2 \\ "
            r"p \leftarrow p - lr\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,\frac{m}{\sqrt v + eps},\quad "
            r"p \leftarrow p - lr\cdot weight\_decay\cdot p \end{array}",
            (
                "Every parameter has two running means and a count of its own steps; all three live in self.state[p]. Every group has "
                "its own lr, betas, eps, weight_decay and correct_bias.",
                "for group in self.param_groups, for p in group['params']: pass over p.grad None; state = self.state[p], filled the first "
                "time with step 0 and zeros_like(p) for m and v; step += 1; update m and v; take the step; decay last.",
            ),
            check_adamw,
            "minbert_lib.learn:AdamW",
        ),
        Exercise(
            "Dropout",
            "04",
            2,
            15,
            r"y_i = \frac{keep_i}{1 - p}\,x_i,\qquad keep_i = 1 \text{ with chance } 1 - p, \text{ else } 0;\qquad "
            r"y = x \text{ in evaluation mode}",
            (
                "Two modes, told apart by self.training. While training every entry is dropped or kept by a throw of its own; why must what is "
                "kept grow?",
                "if not self.training: return x; keep = torch.rand_like(x) >= self.p; return x * keep / (1 - self.p). The mean of y is then x.",
            ),
            check_dropout,
            "minbert_lib.model.fast:Dropout",
        ),
        Exercise(
            "confusion",
            "04",
            1,
            10,
            r"counts_{ij} = \sum_{k} \left[\,labels_k = i \text{ and } predicted_k = j\,\right]",
            (
                "One row for each true class, one column for each predicted one, starting from zeros: every example adds 1 in one place.",
                "counts = np.zeros((classes, classes), dtype=int); for said, true in zip(predicted, labels): counts[true, said] += 1.",
            ),
            check_confusion,
            "minbert_lib.lab.analysis:confusion",
        ),
        *LATER,
    ]
}
