"""How large a part of a batch fits: `--max-memory` picks micro-batches, same effective batch, same gradient but for random draws.

Notable choices: it is counted, not tried out. What stays is what Python and torch take, the text, 54 bytes a parameter (weight,
gradient, two averages, a copy in 16 bits, the best epoch's weights, and a checkpoint while it is written) and what a scoring batch
needs of one layer; what grows with the batch is what the backward pass needs of every layer, in float32. Counted for the longest
sentence allowed and with a reserve, so that a run stays below; a test holds it against the peaks of recorded runs.
"""

from ..errors import MinbertError
from ..home import scale
from ..learn.evaluate import TOKENS
from ..model import BertConfig
from ..model.weights import read_config
from ..text.tasks import SPLITS, TASKS
from . import cost
from .build import start_of

PROCESS = 900  # MB for Python, torch, and what torch keeps for its next step
TEXT = 25  # bytes of memory for a byte of a data file, read and tokenised
RESERVE = 1.7  # on what grows: autograd's copies, and pieces that do not fit into the gaps others left


def needed(config):
    """(MB that stay, MB for each example of a batch)."""
    encoder = BertConfig.from_dict(read_config(start_of(config) / "config.json"))
    width, wide, length = encoder.hidden_size, encoder.intermediate_size, config.max_length
    scores = 4 * encoder.num_attention_heads
    stays = 54 * cost.parameters(config, encoder) + 4 * TOKENS * (6 * width + 2 * wide + scores * length)
    kept = encoder.num_hidden_layers * length * (12 * width + 3 * wide + scores * length)  # numbers a sequence
    passes = 2 if config.smart else 1  # the task's own pass and the perturbed one are held together
    sequences = 2 if config.pair == "separate" else 1
    return PROCESS + (stays + TEXT * _text(config)) / 2**20, RESERVE * passes * sequences * 4 * kept / 2**20


def _text(config):
    """Bytes of the data files that a run reads."""
    folder = scale(config.scale).data
    files = [folder / (TASKS[task].file(split) + end) for task in config.scored for split in SPLITS for end in ("", ".gz")]
    return sum(path.stat().st_size * (3 if path.suffix == ".gz" else 1) for path in files if path.is_file())


def micro_batch(config, megabytes):
    """The largest number of examples that stays below `megabytes`, or None where the whole batch does."""
    fixed, each = needed(config)
    fits = int((megabytes - fixed) / each)
    if fits < 1:
        raise MinbertError(
            f"{megabytes:,} MB are too few: {scale(config.scale).title} needs {fixed + each:,.0f} MB even with one "
            f"example of {config.max_length} tokens at a time; lower max_length or choose a smaller scale"
        )
    return None if fits >= max(config.values("batch_size")) else fits
