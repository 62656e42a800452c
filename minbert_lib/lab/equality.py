"""Is our BERT the one that everybody else means? Its outputs beside those of Hugging Face's BertModel, same weights, same sentences.

    python -m minbert_lib.lab.equality         writes data/equality/tiny.safetensors, with transformers installed

Notable choices: transformers is not needed to take the course. Where it is not installed, the tiny model is compared with the outputs that
Hugging Face's model gave when the weights were made; they are stored with the course.
"""

import importlib.util

import torch
from safetensors.torch import load_file

from ..errors import MinbertError
from ..home import repo, scale
from ..model.weights import save_tensors
from ..text import Tokenizer, pad

SENTENCES = (
    "The film is not exactly dull .",
    "I would watch it again at once .",
    "Good .",
    "The plot is dull , but I adored the cast and the music .",
)


def inputs(folder):
    """The sentences as padded ids, and their mask: both (4, L)."""
    tokenizer = Tokenizer(folder)
    ids = [[tokenizer.cls_id, *one, tokenizer.sep_id] for one in tokenizer.encode(SENTENCES)]
    return pad(ids, pad_id=tokenizer.pad_id)[:2]


@torch.no_grad()
def theirs(folder):
    """What Hugging Face's BertModel gives for the sentences: {"last_hidden_state", "pooler_output"}."""
    from transformers import BertModel
    from transformers.utils import logging

    logging.set_verbosity_error()  # no report on the masked-language head, which this model leaves aside
    logging.disable_progress_bar()
    model = BertModel.from_pretrained(folder).float().eval()
    ids, mask = inputs(folder)
    out = model(input_ids=ids, attention_mask=mask)
    return {"last_hidden_state": out.last_hidden_state, "pooler_output": out.pooler_output}


@torch.no_grad()
def difference(bert, name="tiny"):
    """({output: largest difference over real tokens}, what it was compared with)."""
    folder = scale(name).weights
    ids, mask = inputs(folder)
    if importlib.util.find_spec("transformers"):
        other, who = theirs(folder), "Hugging Face's BertModel, run now"
    elif stored().is_file() and name == "tiny":
        other, who = load_file(stored()), "Hugging Face's BertModel, outputs stored with the course"
    else:
        raise MinbertError("comparing at this scale needs Hugging Face's model: pip install transformers")
    bert.eval()
    mine = bert(ids, mask)
    apart = (mine.last_hidden_state - other["last_hidden_state"])[mask].abs().max().item()
    return {"last_hidden_state": apart, "pooler_output": (mine.pooler_output - other["pooler_output"]).abs().max().item()}, who


def stored():
    return repo() / "data/equality/tiny.safetensors"


if __name__ == "__main__":
    save_tensors(stored(), {key: value.contiguous() for key, value in theirs(scale("tiny").weights).items()})
    print(stored())
