"""The exercises of notebooks 05 to 10; how one is added stands in `exercises.py`."""

from .checks_ensemble import check_average, check_greedy, check_held_out
from .checks_mlm import check_mask_tokens, check_mlm_loss
from .checks_pairs import check_head, check_pair_features
from .checks_sampling import check_epoch_plan
from .checks_smart import check_ascent_step, check_symmetric_kl
from .checks_smart_loss import check_smart_loss
from .checks_sweeps import check_paired_bootstrap
from .checks_watch import check_what_moves
from .exercise import Exercise

LATER = [
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
        "Head",
        "05",
        2,
        15,
        r"h_0 = features,\qquad h_k = \mathrm{dropout}(\mathrm{activation}(W_k h_{k-1} + b_k)),\qquad out = W h_{layers} + b",
        (
            "A list of modules that grows in a loop, layers times round: Linear, activation, dropout. How wide is what the first one reads, "
            "and what the last one? And where is dropout when layers is 0?",
            "parts = [] if layers else [nn.Dropout(dropout)]; in the loop parts += [nn.Linear(width if number else width_in, width), "
            "act(), nn.Dropout(dropout)], with act one of nn.GELU, nn.ReLU, nn.Tanh; nn.Sequential(*parts, nn.Linear(…, outputs)) runs them.",
        ),
        check_head,
        "minbert_lib.model.heads:Head",
    ),
    Exercise(
        "epoch_plan",
        "05",
        3,
        25,
        r"p_{task} = \frac{size_{task}^{\,\alpha}}{\sum_t size_t^{\,\alpha}},\qquad \alpha = 1,\ \tfrac12,\text{ or } "
        r"1 - 0.8\,\frac{epoch - 1}{epochs - 1}",
        (
            "Begin with the number of rounds: batches[epoch_of], or the fewest of all. Round robin and together are one line each. What do the "
            "drawn ways share, and in what do they differ?",
            "[(task,) for _ in range(rounds) for task in tasks] are the rounds; rng.permutation of a list with every task as often as it has "
            "batches shuffles; for the drawn ones weights = {task: count ** alpha}, divided by their sum, and rng.choice(len(tasks), "
            "size=sum(batches.values()), p=…). For one epoch alone use max(epochs - 1, 1).",
        ),
        check_epoch_plan,
        "minbert_lib.learn.sampling:epoch_plan",
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
        "smart_loss",
        "06",
        4,
        30,
        r"\text{task's loss} + weight \cdot \ell\big(f(x + \delta_{steps}),\, f(x)\big),\qquad "
        r"\delta_{k+1} = \text{ascent step}\big(\delta_k,\, \nabla_{\delta_k}\, \ell(f(x + \delta_k),\, f(x))\big)",
        (
            "Two parts with opposite manners. The search may touch nothing but the noise: what must be detached in it, and from what is the "
            "gradient asked? Then one comparison from which the weights learn, with the point x + noise held still.",
            "for _ in range(steps): noise.requires_grad_(); distance = symmetric_kl(model.predict_from(x.detach() + noise, batch), clean.detach()); "
            "(gradient,) = torch.autograd.grad(distance, noise); noise = ascent_step(noise.detach(), gradient, step_size, eps). After the loop: "
            "loss + weight * symmetric_kl(model.predict_from((x + noise).detach(), batch), clean).",
        ),
        check_smart_loss,
        "minbert_lib.lab.effect:smart_loss",
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
        r"\begin{array}{l} d^{(r)} = metric(a_{i_1 \dots i_n}) - metric(b_{i_1 \dots i_n}),\quad i_k \text{ drawn from } 1 \dots n "
        r"\text{ with replacement} \\ [low, high] = \text{quantiles of } d \text{ at } \tfrac{1 - confidence}{2},\ "
        r"\tfrac{1 + confidence}{2} \end{array}",
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
    Exercise(
        "held_out_predictions",
        "10",
        2,
        10,
        r"\bar p_{test} = \frac{1}{|chosen|} \sum_{i \in chosen} p_{i,\,test},\qquad chosen = greedy\big(p_{dev},\ labels_{dev}\big)",
        (
            "dev and test are arrays of positions. member[dev] is what a member says of the examples that the choice may see.",
            "chosen = greedy_ensemble([m[dev] for m in members], labels[dev], score), its .chosen if it is the library's; "
            "then average_predictions([members[i][test] for i in chosen]). labels[test] appears nowhere.",
        ),
        check_held_out,
        "minbert_lib.lab.ensemble:held_out_predictions",
    ),
]
