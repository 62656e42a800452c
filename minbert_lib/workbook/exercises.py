# ruff: noqa: E501  (hints and equations are prose, and run over)
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
from .checks_baseline import check_accuracy, check_confusion, check_dropout
from .checks_bert import check_multi_head
from .checks_ensemble import check_average, check_greedy
from .checks_layer import check_embeddings, check_layer
from .checks_mlm import check_mask_tokens, check_mlm_loss
from .checks_pairs import check_pair_features, check_task_chances
from .checks_smart import check_ascent_step, check_symmetric_kl
from .checks_sweeps import check_paired_bootstrap
from .checks_watch import check_what_moves


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
            r"\mathrm{head}_h = \mathrm{attention}(q_h, k_h, v_h),\quad q = \text{query}(hidden),\ \dots\qquad [\mathrm{head}_1; \dots; \mathrm{head}_H]",
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
            r"m \leftarrow \beta_1 m + (1-\beta_1)\,g,\quad v \leftarrow \beta_2 v + (1-\beta_2)\,g^2,\quad "
            r"p \leftarrow p - lr\,\frac{\sqrt{1-\beta_2^t}}{1-\beta_1^t}\,\frac{m}{\sqrt v + eps},\quad "
            r"p \leftarrow p - lr\cdot weight\_decay\cdot p",
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
        Exercise(
            "pair_features",
            "05",
            1,
            10,
            r"[u;\ v;\ |u-v|;\ u*v;\ \cos(u, v)] \text{, those that are named, in their order}",
            (
                "A dictionary from name to tensor, then one torch.cat. Which shape must the cosine have to stand beside the others?",
                "(u - v).abs(), u * v, F.cosine_similarity(u, v, dim=-1).unsqueeze(-1); torch.cat([made[name] for name in features], dim=-1).",
            ),
            check_pair_features,
            "minbert_lib.model.heads:pair_features",
        ),
        Exercise(
            "task_chances",
            "05",
            2,
            15,
            r"p_{task} = \frac{size_{task}^{\,\alpha}}{\sum_t size_t^{\,\alpha}},\qquad \alpha = 1,\ \tfrac12,\text{ or } "
            r"1 - 0.8\,\frac{epoch - 1}{epochs - 1}",
            (
                "One α for each way, then one formula for all three. Do the chances add up to 1?",
                "weights = {task: count ** alpha for task, count in batches.items()}, each divided by sum(weights.values()). "
                "For one epoch alone use max(epochs - 1, 1).",
            ),
            check_task_chances,
            "minbert_lib.learn.sampling:task_chances",
        ),
        Exercise(
            "what_moves",
            "05",
            1,
            10,
            r"\{\,name : p^{\,after}_{name} \neq p^{\,before}_{name}\,\}",
            (
                "Keep every parameter's value, take the step, look again. What must you keep so that the step cannot change it too?",
                "before = {name: p.detach().clone() for name, p in model.named_parameters()}; step(); then those whose value is no longer "
                "torch.equal to before[name].",
            ),
            check_what_moves,
            "minbert_lib.learn.watch:what_moves",
        ),
        Exercise(
            "symmetric_kl",
            "06",
            2,
            15,
            r"\frac1B \sum_{b=1}^{B} \sum_c \left( p_{bc} \log\frac{p_{bc}}{q_{bc}} + q_{bc} \log\frac{q_{bc}}{p_{bc}} \right)",
            (
                "From logits to log-probabilities first. Sum over classes; mean over the batch. And both ways round.",
                "log_p = p_logits.log_softmax(-1), likewise log_q; ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(-1).mean() is both at once.",
            ),
            check_symmetric_kl,
            "minbert_lib.learn:symmetric_kl",
        ),
        Exercise(
            "ascent_step",
            "06",
            3,
            20,
            r"noise \leftarrow \Pi_{\|\cdot\|_\infty \le radius}\left(noise + step\_size\,\frac{gradient}{\|gradient\|_\infty}\right)",
            (
                "Up the gradient, and then back into the ball. The norm belongs to one sentence: over its words and their width.",
                "largest = gradient.abs().amax((1, 2), keepdim=True), kept above 0; (noise + step_size * gradient / largest).clamp(-radius, radius).",
            ),
            check_ascent_step,
            "minbert_lib.learn:ascent_step",
        ),
        Exercise(
            "mask_tokens",
            "07",
            3,
            25,
            r"P(\text{hidden}) = share, \qquad \text{hidden} \to [\mathrm{MASK}]\ 80\,\%,\ \text{another word}\ 10\,\%,\ \text{itself}\ 10\,\%",
            (
                "First where a word may be hidden at all, then a draw for each place, then what becomes of it. What are the labels elsewhere?",
                "may = attention_mask & ~special; hidden = may & (torch.rand(input_ids.shape) < share); labels = input_ids.masked_fill(~hidden, -100); "
                "one more torch.rand decides: below .8 mask_id, below .9 a word drawn among ordinary ids, else unchanged.",
            ),
            check_mask_tokens,
            "minbert_lib.text.masking:mask_tokens",
        ),
        Exercise(
            "mlm_loss",
            "07",
            2,
            15,
            r"-\frac{1}{n} \sum_{i\,:\,labels_i \ne -100} \log p(labels_i \mid hidden_i)",
            (
                "The head is large: a number for every word of the vocabulary. At which places do you need it?",
                "asked = labels != -100; F.cross_entropy(head(hidden[asked]), labels[asked]); and 0 where nothing is asked.",
            ),
            check_mlm_loss,
            "minbert_lib.model.mlm:mlm_loss",
        ),
        Exercise(
            "paired_bootstrap",
            "08",
            3,
            25,
            r"d^{(r)} = metric(a_{i_1 \dots i_n}) - metric(b_{i_1 \dots i_n}),\quad i_k \text{ drawn from } 1 \dots n \text{ with replacement};\qquad "
            r"[low, high] = \text{quantiles of } d \text{ at } \tfrac{1 - confidence}{2},\ \tfrac{1 + confidence}{2}",
            (
                "One draw is n positions, some twice, some never; take a, b and labels at these same positions. What varies from draw to draw?",
                "rng = np.random.default_rng(seed); in a loop: pick = rng.integers(n, size=n), score(a[pick], labels[pick]) - score(b[pick], "
                "labels[pick]). np.quantile gives both ends; p is twice the smaller of the shares of draws <= 0 and >= 0, at most 1.",
            ),
            check_paired_bootstrap,
            "minbert_lib.lab.stats:paired_bootstrap",
        ),
        Exercise(
            "average_predictions",
            "10",
            1,
            5,
            r"\bar p = \frac1M \sum_{i=1}^{M} p_i",
            (
                "Keep what every member is unsure about: nothing is rounded, no class chosen.",
                "np.mean over the members' axis, the first: np.mean(predictions, axis=0).",
            ),
            check_average,
            "minbert_lib.lab.ensemble:average_predictions",
        ),
        Exercise(
            "greedy_ensemble",
            "10",
            3,
            25,
            r"i^* = \arg\max_{i \notin chosen}\ score\Big(\tfrac{1}{|chosen| + 1}\big(p_i + \sum_{j \in chosen} p_j\big)\Big) "
            r"\text{, while the score does not fall}",
            (
                "At each round try every member that is left together with those chosen so far, and keep the best. When to stop?",
                "Keep chosen = [] and best = -inf. Each round: scores of the mean of [*chosen, i] for every i left; the largest below best "
                "stops the loop; else append its i. The empty start makes the first round pick the best member by itself.",
            ),
            check_greedy,
            "minbert_lib.lab.ensemble:greedy_ensemble",
        ),
    ]
}
