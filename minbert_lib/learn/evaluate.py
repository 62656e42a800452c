"""A model's predictions for a whole dataset, in the dataset's order.

Notable choices: batches are filled by tokens, longest first; for scoring, size costs nothing in accuracy, and running out of
memory shows at once. `both_orders` reads a pair as (u, v) and as (v, u) and averages the two outputs.
"""

import numpy as np
import torch

from ..model.fast import keep_memory
from .metrics import predictions_from, score, task_loss
from .precision import autocast

TOKENS = 4096  # in a scoring batch


@torch.no_grad()
def predict(model, dataset, device="cpu", precision="float32", both_orders=False, tokens=TOKENS):
    """(predictions (n, …) float32 numpy, mean loss or nan where there are no labels)."""
    keep_memory()
    was_training = model.training
    model.eval()
    parts, places, loss = [], [], 0.0
    one = "given" if dataset.order == "random" else dataset.order  # chance is for training
    orders = ("given", "reversed") if both_orders and dataset.pair != "none" else (one,)
    with autocast(device, precision):  # one for all batches: weights that learn are brought to 16 bits once
        for index in dataset.in_order(0, tokens):
            total = 0
            for order in orders:
                batch = dataset.batch(index, order=order).to(device)
                outputs = model(batch).float()
                loss += float("nan") if batch.labels is None else task_loss(outputs, batch, "mean").item() * len(index)
                total = total + outputs
            parts.append(predictions_from(total / len(orders), dataset.task).cpu().numpy())
            places.append(index)
    model.train(was_training)
    joined = np.concatenate(parts)
    ordered = np.empty_like(joined)
    ordered[np.concatenate(places)] = joined
    return ordered, loss / (len(dataset) * len(orders))


def evaluate(model, datasets, **settings):
    """{task: dataset} → scores {task: value}, losses {task: value}, predictions {task: array}."""
    scores, losses, predictions = {}, {}, {}
    for task, dataset in datasets.items():
        predictions[task], losses[task] = predict(model, dataset, **settings)
        scores[task] = score(predictions[task], dataset.labels, task)
    return scores, losses, predictions
