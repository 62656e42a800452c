"""Hugging Face's own classifier, trained by the same numbers, recorded beside ours: `python -m minbert_lib.lab.side_by_side C2 --seeds 0,1,2`.

Notable choices: nothing of ours but the reader of rows and the metrics takes part. Model, tokenizer and schedule are `transformers`', the
optimiser is PyTorch's, batches are random and padded to their longest, attention has the checkpoint's own dropout (ours has none)
and [CLS] goes through a pooler: what most people would write. The record is named after the system with "-hf" behind, so that no
table takes it for one of ours.
"""

import argparse
import dataclasses
import random
import time
from datetime import UTC, datetime

import torch

from .. import __version__
from ..errors import MinbertError
from ..home import scale
from ..learn.metrics import score
from ..learn.precision import autocast, choose
from ..text import TASKS, read_rows
from . import records
from .systems import system


def train(config):
    """Fine-tune `BertForSequenceClassification` on the config's one task; → a record."""
    try:
        import transformers
    except ImportError as error:
        raise MinbertError("this comparison needs the package transformers: pip install transformers") from error
    (task,) = config.tasks
    config = dataclasses.replace(config, name=f"{config.name}-hf")
    place, precision = scale(config.scale), choose(config.precision, "cpu")
    torch.manual_seed(config.seed)
    shuffle = random.Random(config.seed)
    transformers.logging.set_verbosity_error()
    tokenizer = transformers.BertTokenizerFast.from_pretrained(place.weights)
    model = transformers.BertForSequenceClassification.from_pretrained(
        place.weights, num_labels=TASKS[task].classes, dtype=torch.float32
    )
    train, dev = (read_rows(task, split, place.data).examples for split in ("train", "dev"))
    steps = -(-len(train) // config.batch_size) * config.epochs
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, eps=config.eps, weight_decay=config.weight_decay)
    schedule = transformers.get_linear_schedule_with_warmup(optimizer, int(config.warmup * steps), steps)

    def batches(examples):
        for start in range(0, len(examples), config.batch_size):
            part = examples[start : start + config.batch_size]
            texts = [example.texts[0] for example in part]
            coded = tokenizer(texts, padding=True, truncation=True, max_length=config.max_length, return_tensors="pt")
            yield coded, torch.tensor([example.label for example in part])

    started, history = time.perf_counter(), []
    for epoch in range(1, config.epochs + 1):
        model.train()
        shuffle.shuffle(train)
        for coded, labels in batches(train):
            optimizer.zero_grad()
            with autocast("cpu", precision):
                loss = model(**coded, labels=labels).loss
            loss.backward()
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.no_grad(), autocast("cpu", precision):
            outputs = torch.cat([model(**coded).logits.float() for coded, _ in batches(dev)])
        scores = {task: score(outputs.softmax(-1).numpy(), [example.label for example in dev], task)}
        history.append({"epoch": epoch, "scores": scores, "seconds": time.perf_counter() - started})
    best = max(history, key=lambda entry: entry["scores"][task])
    return {
        "version": records.VERSION,
        "name": config.name,
        "key": config.key(),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": f"{place.title}, by transformers {transformers.__version__}",
        "config": config.to_dict(),
        "scores": best["scores"],
        "best_epoch": best["epoch"],
        "seconds": history[-1]["seconds"],
        "precision": precision,
        "packages": {"minbert": __version__, "torch": torch.__version__, "transformers": transformers.__version__},
        "epochs": history,
        "curve": [],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", default="C2")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--scale", default="mini")
    args = parser.parse_args()
    for seed in args.seeds.split(","):
        record = train(system(args.name, args.scale, int(seed)))
        print(record["name"], "seed", seed, record["scores"], records.save(record))


if __name__ == "__main__":
    main()
