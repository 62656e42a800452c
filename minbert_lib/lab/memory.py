"""How large a part of a batch fits: `--max-memory` picks micro-batches, same effective batch, same numbers.

Notable choices: it is counted, not tried out. What stays is 18 bytes a parameter (weight, gradient, two averages, a copy in 16
bits), what Python and torch take, and what a scoring batch needs of one layer; what grows with the batch is what the backward
pass needs of every layer, in float32. Counted for the longest sentence allowed and with a reserve, so that a run stays below.
"""

from ..errors import MinbertError
from ..home import scale
from ..learn.evaluate import TOKENS
from ..model import BertConfig
from ..model.weights import read_config, resolve

PROCESS = 450  # MB for Python, torch and the data
RESERVE = 1.2  # on what is counted: pieces that do not fit into the gaps others left


def needed(encoder, length, smart=False):
    """(MB that stay, MB for each row of a batch). `encoder`: a checkpoint's config.json as a dictionary."""
    width, wide, layers = encoder["hidden_size"], encoder["intermediate_size"], encoder["num_hidden_layers"]
    parameters = encoder["vocab_size"] * width + layers * (4 * width**2 + 2 * width * wide)
    kept = length * (12 * width + 3 * wide) + 4 * encoder["num_attention_heads"] * length**2  # numbers, a layer and row
    scoring = TOKENS * (6 * width + 2 * wide + 3 * encoder["num_attention_heads"] * length)  # numbers, of one layer at a time
    passes = 2 if smart else 1  # the task's own pass and the perturbed one are held together
    return PROCESS + (18 * parameters + 4 * scoring) / 2**20, RESERVE * passes * 4 * layers * kept / 2**20


def micro_batch(config, megabytes):
    """The largest number of examples that stays below `megabytes`, or None where the whole batch does."""
    encoder = vars(BertConfig.from_dict(read_config(resolve(config.scale) / "config.json")))
    fixed, each = needed(encoder, config.max_length, bool(config.smart))
    sizes = config.batch_size.values() if isinstance(config.batch_size, dict) else [config.batch_size]
    rows = 2 if config.pair == "separate" else 1
    fits = int((megabytes - fixed) / (each * rows))
    if fits < 1:
        raise MinbertError(
            f"{megabytes:,} MB are too few: {scale(config.scale).title} needs {fixed + each * rows:,.0f} MB even with one "
            f"example of {config.max_length} tokens at a time; lower max_length or choose a smaller scale"
        )
    return None if fits >= max(sizes) else fits
