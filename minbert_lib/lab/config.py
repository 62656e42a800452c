"""A run, written down: every switch that can change its numbers, and nothing else.

Notable choices: flat, frozen, and JSON both ways. `key` is a short hash of all of it: two runs with the same key are the same run. A setting
that may differ between tasks is a plain value or a dictionary by task. Contradictions are refused here, before anything is loaded.
"""

import dataclasses
import difflib
import hashlib
import json
from dataclasses import dataclass, field

from ..errors import MinbertError
from ..home import SCALES
from ..text.tasks import TASKS

THREE = ("sst", "qqp", "sts")


@dataclass(frozen=True)
class RunConfig:
    name: str = "C2"  # a row of SYSTEMS, or a name of your own
    scale: str = "tiny"
    seed: int = 0
    # data
    tasks: tuple = ("sst",)  # what is trained on
    score_on: tuple = ()  # dev sets that are scored; empty: those of `tasks`
    limit: dict = field(default_factory=dict)  # {task: rows of train that are used, from all over the file}
    dev_limit: dict = field(default_factory=dict)  # {task: rows of dev that are scored}
    max_length: int = 128
    truncation: str = "end"
    augment: dict = field(default_factory=dict)  # {task: {"how": …}}; see text/augment.py
    soft_labels: str = ""  # a folder of predictions on the train sets: distillation
    # encoder
    start: str = ""  # weights to start from: a folder or a run's key; empty: the scale's own
    own_layers: int | str = 0
    beside: str = "none"
    train_encoder: bool = True
    hidden_dropout: float | None = None  # None: as the checkpoint says
    attention_dropout: float | None = 0.0
    # pairs and heads
    pair: str = "cross"
    order: str = "given"
    both_orders: bool = False
    features: tuple | dict = ()
    shared_pair: bool = False
    hidden_layers: int | dict = 0
    activation: str | dict = "gelu"
    head_dropout: float | dict = 0.1
    pooling: str = "cls"
    sts_output: str = "linear"
    sst_head: str = "linear"
    # batches
    epochs: int = 3
    batch_size: int | dict = 32
    sampling: str = "shuffled"
    epoch_of: str | None = None
    task_weights: float | dict = 1.0
    surgery: str = "none"
    # optimiser
    optimizer: str = "own"
    lr: float = 5e-5
    betas: tuple = (0.9, 0.999)
    eps: float = 1e-6
    correct_bias: bool = True
    weight_decay: float = 0.0
    decay_all: bool = True
    layer_decay: float = 1.0
    embedding_lr: float = 1.0
    head_lr: float = 1.0
    schedule: str = "linear"
    warmup: float = 0.1
    clip: float = 0.0
    unfreeze_per_epoch: int = 0
    # penalties
    smart: float | dict = 0.0  # λ
    smart_options: dict = field(default_factory=dict)  # eps, sigma, step_size, steps, norm, direction, …
    bregman: float | dict = 0.0  # μ
    bregman_options: dict = field(default_factory=dict)  # beta, momentum, every
    # further pre-training before fine-tuning
    pretrain: dict = field(default_factory=dict)  # {"text": …, "steps": …, "lr": …, …}; see learn/pretrain.py
    # arithmetic
    precision: str = "auto"

    def key(self):
        """A short name for exactly these settings."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:12]

    def to_json(self):
        return json.dumps(self.to_dict(), sort_keys=True)

    def to_dict(self):
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values):
        if not isinstance(values, dict):
            raise MinbertError("a run's settings are a table of names and values")
        return cls().with_(**values)

    def with_(self, **changes):
        """These settings with some changed; names and kinds are checked."""
        kinds = {item.name: getattr(DEFAULTS, item.name) for item in dataclasses.fields(self)}
        for name in changes:
            if name not in kinds:
                near = difflib.get_close_matches(name, kinds, 3)
                raise MinbertError(
                    f"there is no setting called {name!r}" + (f": did you mean {', '.join(near)}?" if near else "")
                )
        fixed = {name: _fit(name, value, kinds[name]) for name, value in changes.items()}
        for name, value in fixed.items():
            _check_parts(name, value, kinds[name])
        return dataclasses.replace(self, **fixed).checked()

    def of(self, task, name):
        """A setting for one task."""
        value = getattr(self, name)
        return value.get(task, getattr(DEFAULTS, name)) if isinstance(value, dict) else value

    def _dropouts(self):
        for name in ("hidden_dropout", "attention_dropout", "head_dropout"):
            yield from ((name, rate) for rate in values_of(getattr(self, name)) if rate is not None)

    def _task_lists(self):
        return ("tasks", self.tasks), ("score_on", self.score_on)

    @property
    def scored(self):
        return self.score_on or self.tasks

    @property
    def heads(self):
        """Every task that the model can answer, those that it learns first."""
        return tuple(dict.fromkeys((*self.tasks, *self.scored)))

    def checked(self):
        """Itself, or a MinbertError that names the two settings that contradict each other."""
        for what, tasks in self._task_lists():
            for task in tasks:
                if task not in tuple(TASKS):
                    raise MinbertError(f"{what}: there is no task called {task!r}; tasks are {', '.join(TASKS)}")
        for wrong, why in (*self._out_of_range(), *self._contradictions()):
            if wrong:
                raise MinbertError(why)
        return self

    def _out_of_range(self):
        """(is it so?, what to say) for every setting that makes no sense by itself."""
        return (
            (not self.tasks, "tasks is empty: name at least one"),
            *((len(set(tasks)) < len(tasks), f"{name}={tasks} names a task twice") for name, tasks in self._task_lists()),
            (self.scale not in SCALES, f"scale={self.scale!r}: it is one of {', '.join(SCALES)}"),
            (not 1 <= self.epochs <= 10_000, f"epochs={self.epochs}: at least one, at most 10,000"),
            (not 0 <= self.seed < 2**32, f"seed={self.seed}: from 0 to {2**32 - 1:,}"),
            (not 8 <= self.max_length <= 10_000, f"max_length={self.max_length}: at least 8, at most 10,000"),
            (any(size < 1 for size in values_of(self.batch_size)), f"batch_size={self.batch_size}: at least 1"),
            (not self.lr > 0, f"lr={self.lr}: above zero"),
            *((not 0 <= rate < 1, f"{name}={rate}: from 0 to below 1") for name, rate in self._dropouts()),
            *(
                (any(weight < 0 for weight in values_of(getattr(self, name))), f"{name}={getattr(self, name)}: at least 0")
                for name in ("task_weights", "smart", "bregman")
            ),
            (self.surgery not in ("none", "watch", "pcgrad"), f"surgery={self.surgery!r}: 'none', 'watch' or 'pcgrad'"),
            (self.optimizer not in ("own", "torch"), f"optimizer={self.optimizer!r}: 'own' or 'torch'"),
            (self.pair not in ("cross", "separate"), f"pair={self.pair!r}: 'cross' or 'separate'"),
            (not 0 <= self.warmup <= 1, f"warmup={self.warmup}: a share of the steps, from 0 to 1"),
            (self.clip < 0, f"clip={self.clip}: the largest norm of a gradient, or 0 for none"),
            (self.unfreeze_per_epoch < 0, f"unfreeze_per_epoch={self.unfreeze_per_epoch}: a number of layers, or 0"),
        )

    def _contradictions(self):
        """(is it so?, what to say) for every two settings of which one asks for what the other forbids, or makes it do nothing.

        Options of a penalty whose weight is 0 may stay: a sweep over the weight begins there. So may limits of other tasks: one
        command sweeps rows of several.
        """
        cosine = self.sts_output == "cosine"
        pairs = [task for task in self.scored if TASKS[task].is_pair]
        nothing_shared = self.own_layers == "all" and self.beside != "shared" and not (self.shared_pair and len(pairs) > 1)
        changed = lambda names: ((name, value) for name in names if (value := getattr(self, name)) != getattr(DEFAULTS, name))
        by_task = ((name, set(value)) for name in BY_TRAINED if isinstance(value := getattr(self, name), dict))
        return (
            (not set(self.tasks) <= set(self.scored), f"score_on={self.score_on} leaves out one of tasks={self.tasks}"),
            (
                cosine and self.pair != "separate" and "sts" in pairs,
                "sts_output='cosine' needs one vector a sentence, pair='cross' gives one a pair: set pair='separate'",
            ),
            (
                cosine and "sts" in self.tasks and not (self.train_encoder and self.unfreeze_per_epoch == 0),
                "sts_output='cosine' has no head to learn, so the encoder must: train_encoder=True and unfreeze_per_epoch=0",
            ),
            (
                self.optimizer == "torch" and not self.correct_bias,
                "optimizer='torch' always corrects its bias, correct_bias=False asks it not to: choose one",
            ),
            (
                self.surgery != "none" and self.sampling != "together",
                f"surgery={self.surgery!r} needs all tasks in one step, sampling={self.sampling!r} gives one: set sampling='together'",
            ),
            (
                self.surgery != "none" and len(self.tasks) == 1,
                f"surgery={self.surgery!r} is between tasks, tasks={self.tasks} is one",
            ),
            (
                self.surgery != "none" and nothing_shared,
                f"surgery={self.surgery!r} is on what tasks share, own_layers='all' shares nothing: choose one",
            ),
            (
                self.schedule == "slanted" and self.warmup == 0,
                "schedule='slanted' is a rise and a fall, warmup=0.0 leaves no rise: choose one",
            ),
            (
                self.unfreeze_per_epoch > 0 and self.head_lr == 0,
                f"unfreeze_per_epoch={self.unfreeze_per_epoch} begins with the heads alone, head_lr=0.0 freezes them: choose one",
            ),
            *(
                (
                    not self.train_encoder,
                    f"train_encoder=False freezes the encoder, {name}={value!r} is for one that learns: choose one",
                )
                for name, value in changed(OF_LEARNING_ENCODER)
            ),
            (
                not self.train_encoder and self.head_lr == 0,
                "train_encoder=False freezes the encoder, head_lr=0.0 the heads: nothing would learn",
            ),
            (
                self.epoch_of is not None and self.epoch_of not in self.tasks,
                f"epoch_of={self.epoch_of!r} is not among tasks={self.tasks}",
            ),
            (
                self.epoch_of is not None and self.sampling in WHOLE,
                f"epoch_of={self.epoch_of!r} sets the number of rounds, sampling={self.sampling!r} has none: choose one",
            ),
            (
                self.sst_head == "routing" and "sst" not in self.tasks,
                f"sst_head='routing' but sst is not among tasks={self.tasks}",
            ),
            *(
                (
                    self.sst_head == "routing" and self.scored == ("sst",),
                    f"sst_head='routing' reads every word and has no layers of this kind, {name}={value!r} does nothing: choose one",
                )
                for name, value in changed(("pooling", "hidden_layers", "activation", "head_dropout"))
            ),
            *(
                (
                    cosine and self.scored == ("sts",),
                    f"sts_output='cosine' has no head, {name}={value!r} does nothing: choose one",
                )
                for name, value in changed(("features", "shared_pair", "hidden_layers", "activation", "head_dropout"))
            ),
            *(
                (not pairs, f"{name}={value!r} is for pairs, and none of tasks={self.scored} has any")
                for name, value in changed(("order", "both_orders", "shared_pair"))
            ),
            *(
                (
                    not named <= set(self.scored),
                    f"{name} names {', '.join(sorted(named - set(self.scored)))}, not among tasks={self.scored}",
                )
                for name, named in by_task
            ),
        )


def values_of(setting):
    """All values of a setting that may be one for each task."""
    return setting.values() if isinstance(setting, dict) else (setting,)


def _fit(name, value, default):
    """The value in the kind its setting has (lists become tuples, whole numbers floats); anything else is refused."""
    by_task = name in BY_TASK
    if isinstance(value, dict) and (isinstance(default, dict) or by_task):
        return value
    if isinstance(default, tuple):
        if isinstance(value, str):
            value = [part for part in value.split(",") if part]
        if isinstance(value, (list, tuple)):
            return tuple(value)
    elif isinstance(default, bool):
        if isinstance(value, bool):
            return value
    elif isinstance(default, float) or name == "hidden_dropout":
        if value is None and name.startswith(("hidden", "attention")):
            return None
        if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < 1e300:  # so neither nan nor inf
            return float(value)
    elif isinstance(default, int):
        if isinstance(value, int) and not isinstance(value, bool) or name == "own_layers" and value == "all":
            return value
    elif isinstance(default, str) and isinstance(value, str):
        return value
    elif default is None and (value is None or isinstance(value, str)):
        return value
    return _refuse(name, value, default)


def _check_parts(name, value, default):
    """What is inside a dictionary or a tuple is of the right kind too; it stays as it was written, as the key depends on it."""
    if isinstance(value, dict) and name not in FREE:
        for task, item in value.items():
            if task not in TASKS:
                raise MinbertError(f"{name}: there is no task called {task!r}; tasks are {', '.join(TASKS)}")
            if name in ("limit", "dev_limit") and (type(item) is not int or item < 1):
                raise MinbertError(f"{name}={value!r}: a number of rows for each task, at least 1")
            if name in BY_TASK:
                _fit(name, item, default)
                if isinstance(item, dict):
                    _refuse(name, value, default)
                _check_parts(name, item, default)
    elif isinstance(value, tuple):
        kind = (int, float) if name == "betas" else str
        if (
            not all(isinstance(item, kind) and not isinstance(item, bool) for item in value)
            or name == "betas"
            and len(value) != 2
        ):
            _refuse(name, value, default)


def _refuse(name, value, default):
    raise MinbertError(f"{name}={value!r} is not of the right kind (it is {default!r} by default)")


FREE = ("smart_options", "bregman_options", "pretrain")  # dictionaries of other names than the tasks'
BY_TASK = ("features", "hidden_layers", "activation", "head_dropout", "batch_size", "task_weights", "smart", "bregman")
BY_TRAINED = ("augment", "task_weights", "smart", "bregman")  # of those by task: what does nothing for a task that is not there
OF_LEARNING_ENCODER = ("own_layers", "beside", "hidden_dropout", "layer_decay", "embedding_lr", "unfreeze_per_epoch", "surgery")
WHOLE = ("shuffled", "proportional", "sqrt", "annealed")  # samplings whose epoch is as long as all data; see learn/sampling.py
DEFAULTS = RunConfig()


def parse_setting(text):
    """ "lr=2e-5" → ("lr", 2e-05); values are JSON where they can be, else text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise MinbertError(f"a setting is written name=value, not {text!r}")
    if name.strip() in ("name", "scale", "seed"):
        raise MinbertError(
            f"{text}: name, scale and seed have places of their own in a command (NAME, --scale, --seed or --seeds)"
        )
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        words = {"True": True, "False": False, "None": None}
        return name.strip(), words.get(value.strip(), _number(value.strip()))


def _number(text):
    try:
        return float(text)
    except ValueError:
        return text
