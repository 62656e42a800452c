"""What a run may not be asked: settings out of range, and two settings of which one makes nothing of the other.

Notable choice: each is a line of a table, (is it so?, what to say), and `RunConfig.checked` raises the first that holds.
"""

from ..home import SCALES
from ..text.tasks import TASKS

BY_TRAINED = ("augment", "task_weights", "smart", "bregman")  # given by task, they do nothing for a task that is not there
OF_LEARNING_ENCODER = ("own_layers", "beside", "hidden_dropout", "layer_decay", "embedding_lr", "unfreeze_per_epoch", "surgery")
WHOLE = ("shuffled", "proportional", "sqrt", "annealed")  # samplings whose epoch is as long as all data; see learn/sampling.py


def out_of_range(config):
    """(is it so?, what to say) for every setting that makes no sense by itself."""
    return (
        (not config.tasks, "tasks is empty: name at least one"),
        *(
            (len(set(tasks)) < len(tasks), f"{name}={tasks} names a task twice")
            for name, tasks in (("tasks", config.tasks), ("score_on", config.score_on))
        ),
        (config.scale not in SCALES, f"scale={config.scale!r}: it is one of {', '.join(SCALES)}"),
        (not 1 <= config.epochs <= 10_000, f"epochs={config.epochs}: at least one, at most 10,000"),
        (not 0 <= config.seed < 2**32, f"seed={config.seed}: from 0 to {2**32 - 1:,}"),
        (not 8 <= config.max_length <= 10_000, f"max_length={config.max_length}: at least 8, at most 10,000"),
        (any(size < 1 for size in config.values("batch_size")), f"batch_size={config.batch_size}: at least 1"),
        (not config.lr > 0, f"lr={config.lr}: above zero"),
        *(
            (not 0 <= rate < 1, f"{name}={rate}: from 0 to below 1")
            for name in ("hidden_dropout", "attention_dropout", "head_dropout")
            for rate in config.values(name)
            if rate is not None
        ),
        *(
            (any(weight < 0 for weight in config.values(name)), f"{name}={getattr(config, name)}: at least 0")
            for name in ("task_weights", "smart", "bregman")
        ),
        (config.surgery not in ("none", "watch", "pcgrad"), f"surgery={config.surgery!r}: 'none', 'watch' or 'pcgrad'"),
        (config.optimizer not in ("own", "torch"), f"optimizer={config.optimizer!r}: 'own' or 'torch'"),
        (config.pair not in ("cross", "separate"), f"pair={config.pair!r}: 'cross' or 'separate'"),
        (not 0 <= config.warmup <= 1, f"warmup={config.warmup}: a share of the steps, from 0 to 1"),
        (config.clip < 0, f"clip={config.clip}: the largest norm of a gradient, or 0 for none"),
        (config.unfreeze_per_epoch < 0, f"unfreeze_per_epoch={config.unfreeze_per_epoch}: a number of layers, or 0"),
    )


def contradictions(config):
    """(is it so?, what to say) for every two settings of which one asks for what the other forbids, or makes it do nothing.

    Options of a penalty whose weight is 0 may stay: a sweep over the weight begins there. So may limits of other tasks: one
    command sweeps rows of several.
    """
    cosine = config.sts_output == "cosine"
    pairs = [task for task in config.scored if TASKS[task].is_pair]
    nothing_shared = config.own_layers == "all" and config.beside != "shared" and not (config.shared_pair and len(pairs) > 1)
    default = type(config)()
    changed = lambda names: ((name, value) for name in names if (value := getattr(config, name)) != getattr(default, name))
    by_task = ((name, set(value)) for name in BY_TRAINED if isinstance(value := getattr(config, name), dict))
    return (
        (not set(config.tasks) <= set(config.scored), f"score_on={config.score_on} leaves out one of tasks={config.tasks}"),
        (
            cosine and config.pair != "separate" and "sts" in pairs,
            "sts_output='cosine' needs one vector a sentence, pair='cross' gives one a pair: set pair='separate'",
        ),
        (
            cosine and "sts" in config.tasks and not (config.train_encoder and config.unfreeze_per_epoch == 0),
            "sts_output='cosine' has no head to learn, so the encoder must: train_encoder=True and unfreeze_per_epoch=0",
        ),
        (
            config.optimizer == "torch" and not config.correct_bias,
            "optimizer='torch' always corrects its bias, correct_bias=False asks it not to: choose one",
        ),
        (
            config.surgery != "none" and config.sampling != "together",
            f"surgery={config.surgery!r} needs all tasks in one step, sampling={config.sampling!r} gives one: set sampling='together'",
        ),
        (
            config.surgery != "none" and len(config.tasks) == 1,
            f"surgery={config.surgery!r} is between tasks, tasks={config.tasks} is one",
        ),
        (
            config.surgery != "none" and nothing_shared,
            f"surgery={config.surgery!r} is on what tasks share, own_layers='all' shares nothing: choose one",
        ),
        (
            config.schedule == "slanted" and config.warmup == 0,
            "schedule='slanted' is a rise and a fall, warmup=0.0 leaves no rise: choose one",
        ),
        (
            config.unfreeze_per_epoch > 0 and config.head_lr == 0,
            f"unfreeze_per_epoch={config.unfreeze_per_epoch} begins with the heads alone, head_lr=0.0 freezes them: choose one",
        ),
        *(
            (
                not config.train_encoder,
                f"train_encoder=False freezes the encoder, {name}={value!r} is for one that learns: choose one",
            )
            for name, value in changed(OF_LEARNING_ENCODER)
        ),
        (
            not config.train_encoder and config.head_lr == 0,
            "train_encoder=False freezes the encoder, head_lr=0.0 the heads: nothing would learn",
        ),
        (
            config.epoch_of is not None and config.epoch_of not in config.tasks,
            f"epoch_of={config.epoch_of!r} is not among tasks={config.tasks}",
        ),
        (
            config.epoch_of is not None and config.sampling in WHOLE,
            f"epoch_of={config.epoch_of!r} sets the number of rounds, sampling={config.sampling!r} has none: choose one",
        ),
        (
            config.sst_head == "routing" and "sst" not in config.tasks,
            f"sst_head='routing' but sst is not among tasks={config.tasks}",
        ),
        *(
            (
                config.sst_head == "routing" and config.scored == ("sst",),
                f"sst_head='routing' reads every word and has no layers of this kind, {name}={value!r} does nothing: choose one",
            )
            for name, value in changed(("pooling", "hidden_layers", "activation", "head_dropout"))
        ),
        *(
            (
                cosine and config.scored == ("sts",),
                f"sts_output='cosine' has no head, {name}={value!r} does nothing: choose one",
            )
            for name, value in changed(("features", "shared_pair", "hidden_layers", "activation", "head_dropout"))
        ),
        *(
            (not pairs, f"{name}={value!r} is for pairs, and none of tasks={config.scored} has any")
            for name, value in changed(("order", "both_orders", "shared_pair"))
        ),
        *(
            (
                not named <= set(config.scored),
                f"{name} names {', '.join(sorted(named - set(config.scored)))}, not among tasks={config.scored}",
            )
            for name, named in by_task
        ),
    )
