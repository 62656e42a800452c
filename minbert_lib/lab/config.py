"""A run, written down: every switch that can change its numbers, and nothing else.

Notable choices: flat, frozen, and JSON both ways. `key` is a short hash of all of it: two runs with the same key are the same run. A setting
that may differ between tasks is a plain value or a dictionary by task. Contradictions are refused (refusals.py) before anything is loaded.
"""

import dataclasses
import difflib
import hashlib
import json
from dataclasses import dataclass, field

from ..errors import MinbertError
from ..text.tasks import TASKS
from .refusals import contradictions, out_of_range

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

    def values(self, name):
        """All values of a setting that may be one for each task."""
        value = getattr(self, name)
        return value.values() if isinstance(value, dict) else (value,)

    @property
    def scored(self):
        return self.score_on or self.tasks

    @property
    def heads(self):
        """Every task that the model can answer, those that it learns first."""
        return tuple(dict.fromkeys((*self.tasks, *self.scored)))

    def checked(self):
        """Itself, or a MinbertError that names the two settings that contradict each other."""
        for what in ("tasks", "score_on"):
            for task in getattr(self, what):
                if task not in tuple(TASKS):
                    raise MinbertError(f"{what}: there is no task called {task!r}; tasks are {', '.join(TASKS)}")
        for wrong, why in (*out_of_range(self), *contradictions(self)):
            if wrong:
                raise MinbertError(why)
        return self


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
