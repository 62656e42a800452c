"""What architectures cost by arithmetic, and the small tools of notebooks 05 and 09."""

import json

import numpy as np
import pytest
import torch

from minbert_lib.lab import conflict, cost, price, published, records, system
from minbert_lib.lab.config import RunConfig
from minbert_lib.lab.systems import SYSTEMS
from minbert_lib.learn.sampling import Feed, epoch_plan
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.multitask import MultitaskModel
from minbert_lib.text import Dataset

SMALL = BertConfig(
    vocab_size=100, hidden_size=8, num_hidden_layers=4, num_attention_heads=2, intermediate_size=32, max_position_embeddings=16
)
THREE = ("sst", "qqp", "sts")


def test_berts_parameters_are_those_of_the_reports():
    """110M and 138M to the rounding. Three own layers are 152.0M, where SerBERTus prints 153M; 386M is two of 138M and one of 110M."""
    sizes = {k: cost.parameters(SYSTEMS["S10-multi"].with_(own_layers=k)) / 1e6 for k in (0, 2, 3)}
    table = published.scores()
    printed = (
        table[table["row"] == "S14"].dropna(subset="parameters").drop_duplicates("variant").set_index("variant")["parameters"]
        / 1e6
    )
    assert abs(sizes[0] - printed["multi"]) < 1 and round(sizes[2]) == printed["2 layers"]
    assert round(sizes[3], 1) == 152.0 and printed["3 layers"] == 153
    assert 2 * round(sizes[2]) + printed["multi"] == printed["best of each"]


@pytest.mark.parametrize("name", ["S10-multi", "S10-2", "S10-triple", "S10-multi+triple", "S9", "M1", "M8", "E5", "E7", "P3"])
def test_counting_without_numbers_is_counting(name):
    config = SYSTEMS[name]
    switches = {field: getattr(config, field) for field in cost.MODEL_FIELDS}
    real = MultitaskModel(BertModel(SMALL), tuple(dict.fromkeys((*config.tasks, *config.scored))), **switches)
    assert cost.parameters(config, SMALL) == real.parameter_count() == sum(p.numel() for p in real.parameters())


def test_every_committed_record_holds_as_many_parameters_as_are_counted_without_its_weights(repo):
    """So the table may count where nothing is recorded, with the shapes that it takes for the scales' own."""
    known = records.load_all([repo / "data/runs"])
    ours = [record for record in known if "parameters" in record]
    assert {record["config"]["scale"] for record in ours} >= {"tiny", "mini"}
    for record in ours:
        config = RunConfig.from_dict(record["config"])
        assert cost.parameters(config, cost.shape(config.scale)) == record["parameters"], record["path"]


@pytest.mark.parametrize("folder, scale", [("minilm-l6-h384", "mini"), ("bert-base-uncased", "base")])
def test_a_scales_shape_is_that_of_its_weights(real_home, folder, scale):
    path = real_home / "weights" / folder / "config.json"
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    there = BertConfig.from_dict(json.loads(path.read_text(encoding="utf-8")))
    assert vars(cost.shape(scale)) == vars(there)


@pytest.mark.parametrize("dropout, way", [(dropout, way) for dropout in (False, True) for way in price.ways(dropout)])
def test_penalties_cost_what_is_measured_beside_their_count(dropout, way):
    smart, bregman, units = price.ways(dropout)[way]
    options, weight = smart or {}, {"sst": 1.0} if bregman is not None else 0.0
    assert 3 * cost.penalties("sst", float(smart is not None), options, weight, dropout) == pytest.approx(units)
    assert cost.penalties("qqp", {"sst": float(smart is not None)}, options, weight, dropout) == 1


@pytest.mark.parametrize(
    "name, passes",
    [("S10-multi", 1), ("S10-2", 1), ("S10-triple", 1), ("S10-multi+triple", 2), ("S9", 4 / 3), ("P1", 1 / 3), ("P6", 1)],
)
def test_passes(name, passes):
    assert cost.passes(SYSTEMS[name]) == pytest.approx(passes)


class Numbers:
    epoch = Dataset.epoch

    def __init__(self, task, size):
        self.task, self.lengths = task, np.arange(size)

    def __len__(self):
        return len(self.lengths)

    def batch(self, index, rng=None):
        return list(index)


@pytest.mark.parametrize("name", ["S12", "E2", "B3", "M1", "W-together", "M3"])
def test_what_an_epoch_is_said_to_read_is_what_feeds_read(name):
    sizes, config = {"sst": 90, "qqp": 400, "sts": 64}, SYSTEMS[name]
    feeds = {task: Feed(Numbers(task, sizes[task]), config.of(task, "batch_size"), 0) for task in config.tasks}
    plan = epoch_plan(
        {t: f.batches for t, f in feeds.items()}, config.sampling, np.random.default_rng(0), 1, config.epochs, config.epoch_of
    )
    read = {task: 0 for task in config.tasks}
    for update in plan:
        for task in update:
            read[task] += len(feeds[task].next())
    for task, (count, share) in cost.read_in_an_epoch(config, sizes).items():
        size = config.of(task, "batch_size")
        assert abs(count - read[task]) <= size and share == pytest.approx(count / sizes[task])  # but for one smaller batch


def test_drawn_epochs_read_in_proportion_to_their_chances():
    read = cost.read_in_an_epoch(SYSTEMS["W-proportional"], {"sst": 640, "qqp": 3200, "sts": 320})
    assert [share for _, share in read.values()] == pytest.approx([1, 1, 1])
    read = cost.read_in_an_epoch(system("W-sqrt"), {"sst": 640, "qqp": 3200, "sts": 320})
    assert read["sts"][1] > read["sst"][1] > 1 > read["qqp"][1]


def test_surgery_stops_where_neither_task_can_gain_and_the_sum_goes_on():
    start, loud = (-0.5, 1.8), 8.0
    plain, fair = (conflict.descend(start, loud, operated, steps=600, lr=0.015) for operated in (False, True))
    a, b = conflict.gradients(fair[-1], loud)
    assert torch.cosine_similarity(a, b, dim=0) < -0.99  # opposed: nothing can be given without taking
    total = conflict.gradients(plain[-1], loud).sum(0)
    assert total.norm() < 1e-3  # the plain sum has found its lowest place
    ends = conflict.losses(torch.stack([plain[-1], fair[-1]]))
    assert ends[0, 0] > ends[1, 0] and ends[0, 1] < ends[1, 1]  # at the quiet task's expense
    quiet = conflict.losses(fair)[:, 0]
    assert (quiet[1:] <= quiet[:-1] + 5e-3).all()  # but for the size of a step, the quiet task never loses
