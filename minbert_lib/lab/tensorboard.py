"""A record's curves as TensorBoard's event files, for people who already look at their runs there.

Notable choices: written from the finished record, so that runs recorded earlier can be shown too, and a run is the
same with and without; dev scores stand at the step at which their epoch ended. The record stays the source, the event
files are a copy.
"""

from pathlib import Path

from ..errors import MinbertError


def writer():
    """torch.utils.tensorboard's SummaryWriter, or one line that says what to install."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MinbertError("--tensorboard needs the package tensorboard: pip install 'minbert[tensorboard]'") from error
    return SummaryWriter


def scalars(record):
    """(tag, step, value) of everything in the record that has a step."""
    for point in record["curve"]:
        for name, value in point.items():
            if name not in ("step", "epoch") and value is not None:
                yield ("rate" if name == "rate" else f"train/{name}"), point["step"], value
    for entry in record["epochs"]:
        for kind in ("scores", "dev_loss"):
            for task, value in entry[kind].items():
                if value is not None:
                    yield f"dev/{'score' if kind == 'scores' else 'loss'} {task}", entry["step"], value


def export(record, folder):
    """Write the record's event file into FOLDER/name-key; → that folder. Written again, it is replaced."""
    kind, place = writer(), Path(folder) / f"{record['name']}-{record['key']}"
    for old in place.glob("events.out.tfevents.*"):
        old.unlink()
    with kind(str(place)) as file:
        for tag, step, value in scalars(record):
            file.add_scalar(tag, value, step)
        file.add_text("config", "\n".join(f"    {name}: {value}" for name, value in record["config"].items()))
    return place
