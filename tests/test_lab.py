"""Runs, records, checkpoints and sweeps: the same numbers every time, also after an interruption."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from fake_runs import fake
from hypothesis import given, settings
from hypothesis import strategies as st

from minbert_lib import cli
from minbert_lib.errors import MinbertError
from minbert_lib.home import SCALES
from minbert_lib.lab import RunConfig, board, facts, planning, records, run, sweep, system
from minbert_lib.lab.build import build_model, prepare, read_unevenly
from minbert_lib.lab.config import parse_setting
from minbert_lib.lab.run import _or_least, told
from minbert_lib.lab.systems import SYSTEMS
from minbert_lib.learn import checkpoint
from minbert_lib.learn.compare import NotFinite
from minbert_lib.learn.evaluate import predict
from minbert_lib.learn.trainer import Trainer
from minbert_lib.text.rows import Rows

SMALL = {"limit": {"sst": 64, "qqp": 48, "sts": 48}, "dev_limit": {"sst": 40, "qqp": 40, "sts": 40}, "epochs": 2, "batch_size": 8}


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))


def small(name="C2", **changes):
    return system(name, "tiny", **{**SMALL, **changes})


def comparable(record):
    """What must not differ between two runs of one config: everything but clocks, memory and paths."""
    timed = ("made", "seconds", "wall_seconds", "peak_memory_mb", "path", "notes")
    kept = {k: v for k, v in record.items() if k not in timed and "per_second" not in k}
    kept["epochs"] = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in record["epochs"]]
    return json.loads(records.to_json(kept))


# ---- configs

TOGETHER = {"tasks": ("sst", "qqp"), "sampling": "together", "surgery": "pcgrad"}


@given(
    lr=st.floats(1e-7, 1.0),
    seed=st.integers(0, 10**6),
    batch=st.one_of(st.integers(1, 512), st.dictionaries(st.sampled_from(["sst", "qqp", "sts"]), st.integers(1, 64))),
    dropout=st.one_of(st.none(), st.floats(0, 0.9)),
)
def test_a_config_survives_json_and_its_key_tells_configs_apart(lr, seed, batch, dropout):
    config = RunConfig().with_(lr=lr, seed=seed, batch_size=batch, hidden_dropout=dropout)
    again = RunConfig.from_dict(json.loads(config.to_json()))
    assert again == config and again.key() == config.key()
    assert config.with_(seed=seed + 1).key() != config.key()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"lrr": 1}, ["lrr", "lr"]),
        ({"lr": "fast"}, ["lr", "fast"]),
        ({"tasks": ("sstt",)}, ["sstt", "sst"]),
        ({"sts_output": "cosine", "tasks": ("sts",), "pair": "cross"}, ["sts_output", "pair"]),
        ({"surgery": "pcgrad", "sampling": "shuffled"}, ["surgery", "sampling"]),
        ({"surgery": "pcgrad", "sampling": "together"}, ["surgery", "tasks"]),
        ({**TOGETHER, "own_layers": "all"}, ["surgery", "own_layers"]),
        ({**TOGETHER, "own_layers": "all", "beside": "frozen"}, ["surgery", "own_layers"]),
        ({**TOGETHER, "train_encoder": False}, ["train_encoder", "surgery"]),
        ({"schedule": "slanted", "warmup": 0}, ["schedule", "warmup"]),
        ({"unfreeze_per_epoch": 1, "head_lr": 0}, ["unfreeze_per_epoch", "head_lr"]),
        ({"sst_head": "routing", "pooling": "mean"}, ["sst_head", "pooling"]),
        ({"sst_head": "routing", "hidden_layers": 2}, ["sst_head", "hidden_layers"]),
        ({"sst_head": "routing", "head_dropout": 0.5}, ["sst_head", "head_dropout"]),
        ({"sts_output": "cosine", "pair": "separate", "tasks": ("sts",), "features": ("u",)}, ["sts_output", "features"]),
        ({"train_encoder": False, "unfreeze_per_epoch": 1}, ["train_encoder", "unfreeze_per_epoch"]),
        ({"epoch_of": "qqp"}, ["epoch_of", "tasks"]),
        ({"epoch_of": "sst"}, ["epoch_of", "sampling='shuffled'"]),
        ({"epoch_of": "sst", "sampling": "annealed"}, ["epoch_of", "sampling='annealed'"]),
        ({"train_encoder": False, "head_lr": 0}, ["train_encoder", "head_lr"]),
        ({"train_encoder": False, "own_layers": "all"}, ["train_encoder", "own_layers"]),
        ({"train_encoder": False, "beside": "frozen"}, ["train_encoder", "beside"]),
        ({"train_encoder": False, "layer_decay": 0.9}, ["train_encoder", "layer_decay"]),
        ({"train_encoder": False, "embedding_lr": 0.5}, ["train_encoder", "embedding_lr"]),
        ({"train_encoder": False, "hidden_dropout": 0.2}, ["train_encoder", "hidden_dropout"]),
        ({"order": "random"}, ["order", "tasks"]),
        ({"both_orders": True}, ["both_orders", "tasks"]),
        ({"shared_pair": True}, ["shared_pair", "tasks"]),
        ({"smart": {"qqp": 1.0}}, ["smart", "qqp", "tasks"]),
        ({"bregman": {"sst": 1.0, "sts": 1.0}}, ["bregman", "sts", "tasks"]),
        ({"task_weights": {"sts": 2.0}}, ["task_weights", "sts", "tasks"]),
        ({"augment": {"sts": {"how": "word_dropout"}}}, ["augment", "sts", "tasks"]),
        ({"task_weights": -1}, ["task_weights", "at least 0"]),
        ({"smart": {"sst": -1}}, ["smart", "at least 0"]),
        ({"tasks": ("sst", "sst")}, ["tasks", "twice"]),
        ({"epochs": 0}, ["epochs"]),
        ({"batch_size": 0}, ["batch_size"]),
        ({"scale": "huge"}, ["scale", "tiny"]),
    ],
)
def test_contradictions_and_typing_errors_are_named(changes, words):
    with pytest.raises(MinbertError) as caught:
        RunConfig().with_(**changes)
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    "changes",
    [
        {"limit": {"sst": 64, "qqp": 48}},  # one cut for several systems
        {"limit": {"qqp": 100}},  # as in a sweep over rows of several tasks
        {**TOGETHER, "own_layers": "all", "beside": "shared"},
        {"smart": 0.0, "smart_options": {"eps": 1e-3}},  # where a sweep over the weight begins
        {"score_on": ("sst", "sts"), "order": "random", "both_orders": True, "limit": {"sts": 9}},
        {"tasks": ("sst", "sts"), "sampling": "largest_first", "epoch_of": "sts", "task_weights": {"sts": 0.0}},
    ],
)
def test_what_only_looks_like_a_contradiction_passes(changes):
    assert RunConfig().with_(**changes).with_(seed=1).seed == 1


@pytest.mark.parametrize("scale", SCALES)
def test_no_row_and_no_recorded_run_is_refused(scale, repo):
    rows = [config for name in SYSTEMS for config in sweep.of_row(name, (0,), scale)]
    recorded = [records.load(path)["config"] for path in sorted((repo / "data/runs").glob(f"{scale}/*.json"))]
    assert len(rows) > len(SYSTEMS) and (recorded or scale == "base")
    assert all(config.checked() is config for config in rows)
    assert all(RunConfig.from_dict(config).scale == scale for config in recorded)


@pytest.mark.parametrize(
    "name, near",
    [
        ("S10-3", "S10-"),
        ("c2", "C2?"),  # without case
        ("M9", "M9-M7+M6, M9-M7+M8, M9-M6+M8, M9-M7+M6+M8?"),
        ("s10", "S10-multi, S10-2"),
        ("pcgrad", "W-surgery?"),  # by its switch
        ("gradual", "W-thaw?"),  # by its title
        ("routing", "E7?"),
        ("w-slantet", "W-slanted"),
    ],
)
def test_a_wrong_system_name_is_answered_with_near_ones(name, near):
    with pytest.raises(MinbertError) as caught:
        system(name)
    assert f"did you mean {near}" in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_a_setting_or_a_clear_error(text):
    try:
        name, value = parse_setting(text)
        RunConfig().with_(**{name: value})
    except MinbertError as error:
        assert str(error)


def test_every_row_of_the_reports_is_a_system():
    rows = {name.split("-")[0] for name in SYSTEMS}
    wanted = {f"C{n}" for n in range(1, 4)} | {f"E{n}" for n in range(1, 9)} | {f"B{n}" for n in range(1, 6)}
    wanted |= {f"S{n}" for n in range(1, 16)} | {f"P{n}" for n in range(1, 8)} | {f"M{n}" for n in range(1, 12)}
    assert wanted <= rows


OF_OTHERS = ("pretrain", "start", "soft_labels")  # what has to be made first


@pytest.mark.parametrize("name", [n for n, c in SYSTEMS.items() if not any(getattr(c, part) for part in OF_OTHERS)])
def test_every_system_builds_and_takes_a_step(name):
    more = {task: {"how": "word_dropout", "share": 0.1} for task in SYSTEMS[name].augment}  # a translator is not at hand
    made = prepare(small(name, batch_size=4, augment=more))
    for tasks in made.trainer.plans[0][:3]:
        made.trainer.update(tasks)
    assert made.trainer.step == 3


@pytest.mark.parametrize("pair", ["cross", "separate"])
def test_pairs_are_scored_in_the_order_that_is_asked_for(pair):
    ask = lambda **how: prepare(small("S10-multi", tasks=("qqp",), pair=pair, precision="float32", **how))
    given, turned, chance = ask(), ask(order="reversed"), ask(order="random")
    model, settings = given.model, dict(device=given.device)
    outputs = {way: predict(model, made.dev["qqp"], **settings)[0] for way, made in (("as given", given), ("turned", turned))}
    assert not np.allclose(outputs["as given"], outputs["turned"], atol=1e-5)
    assert np.array_equal(predict(model, chance.dev["qqp"], **settings)[0], outputs["as given"])
    logits = {way: np.log(p / (1 - p)) for way, p in outputs.items()}
    both = predict(model, given.dev["qqp"], both_orders=True, **settings)[0]
    mean = (logits["as given"] + logits["turned"]) / 2
    assert np.allclose(both, 1 / (1 + np.exp(-mean)), atol=1e-5)


def test_a_task_that_is_read_more_or_less_than_once_is_told():
    counts = dict(limit={"sst": 64, "qqp": 48, "sts": 24}, batch_size=8, epochs=2)
    assert read_unevenly(prepare(small("S10-multi", **counts)).trainer) == []
    made = prepare(small("B3", **counts))  # three batches of each
    assert made.notes[-1] == "an epoch reads the data of sst 0.38 times, qqp 0.50 times, sts 1.00 times"


def test_a_penalty_by_task_is_felt_by_that_task_alone():
    trainer = prepare(small("S10-multi", smart={"sst": 5.0}, smart_options={"eps": 0.1, "sigma": 0.1, "step_size": 1.0})).trainer
    trainer.model.eval()  # no dropout: what is added is the penalty
    for task in ("sst", "qqp"):
        loss, total = trainer._losses(trainer.feeds[task].next())
        assert (total > loss) == (task == "sst")


# ---- runs


def test_a_run_is_recorded_once_and_is_the_same_to_the_last_bit():
    config = small(smart=1.0, bregman=0.5)
    first = run(config, progress=False)
    torch.rand(7)  # the world's random numbers moved on; the run must not care
    second = run(config, progress=False, again=True)
    assert comparable(first) == comparable(second)
    found = run(config, progress=False)
    assert found["made"] == second["made"]  # read, not run
    stored = records.predictions(found)
    assert stored["dev"]["sst"].shape == (40, 5) and stored["test"]["sst"].shape[1] == 5


def test_a_limited_run_is_looked_at_with_the_labels_of_its_own_rows():
    record = run(small(epochs=1), progress=False)
    predictions, about = facts.scored(record, "sst")
    labels = np.array([example.label for example in facts.dev_rows(record, "sst").examples])
    assert len(predictions) == 40 and np.array_equal(about["labels"], labels)
    assert (predictions.argmax(1) == labels).mean() == pytest.approx(record["scores"]["sst"], abs=1e-5)


@pytest.mark.parametrize("stop_at", [1, 7, 8, 13])
def test_an_interrupted_run_goes_on_to_the_same_end(tmp_path, stop_at):
    config = small("B4", epochs=2, smart_options={"eps": 1e-2, "sigma": 1e-2, "step_size": 1.0})
    whole = prepare(config)
    whole.trainer.run()
    cut = prepare(config)

    class Cut(Exception):
        pass

    def stop(trainer):
        if trainer.step == stop_at:
            checkpoint.save(tmp_path, trainer.state_dict())
            raise Cut

    with pytest.raises(Cut):
        cut.trainer.run(stop)
    torch.manual_seed(99)
    resumed = prepare(config)
    state, _ = checkpoint.load(tmp_path)
    resumed.trainer.load_state_dict(state)
    resumed.trainer.run()
    for (name, a), b in zip(whole.model.state_dict().items(), resumed.model.state_dict().values()):
        assert torch.equal(a, b), name
    assert whole.trainer.curve == resumed.trainer.curve
    assert [e["scores"] for e in whole.trainer.history] == [e["scores"] for e in resumed.trainer.history]


def test_micro_batches_give_the_same_gradient():
    config = small("S10-multi", hidden_dropout=0.0, head_dropout=0.0, precision="float32")
    grads = []
    for micro in (None, 3):
        made = prepare(config, micro_batch=micro)
        made.trainer._gradients([made.trainer.feeds["qqp"].next()])
        grads.append({name: p.grad.clone() for name, p in made.model.named_parameters() if p.grad is not None})
    for name, g in grads[0].items():
        assert torch.allclose(g, grads[1][name], rtol=1e-4, atol=1e-6), name


def test_a_loss_that_is_not_finite_stops_the_run_and_says_where():
    made = prepare(small())
    with torch.no_grad():
        made.model.heads["sst"][-1].bias.fill_(float("nan"))
    with pytest.raises(MinbertError, match=r"loss of sst is not finite at step 1 .*epoch 1"):
        made.trainer.run()


def test_a_learners_parts_are_used_and_the_record_says_so():
    called = []

    def attention(q, k, v, mask=None):
        called.append(1)
        scores = q @ k.transpose(-2, -1) / q.size(-1) ** 0.5
        if mask is not None:
            scores = scores.masked_fill(~mask, -1e9)
        return scores.softmax(-1) @ v

    class AdamW(torch.optim.SGD):
        def __init__(self, params, **settings):
            super().__init__(params, lr=settings["lr"])

    record = run(small(epochs=1), yours={"scaled_dot_product_attention": attention, "AdamW": AdamW}, progress=False)
    assert called and record["made_with"] == ["AdamW", "scaled_dot_product_attention"]
    assert records.find(small(epochs=1)) is None  # hers is no record of the system


def test_a_task_without_data_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "empty"))
    with pytest.raises(MinbertError, match="minbert data"):
        prepare(system("C2", "mini"))


def test_a_record_speaks_for_the_files_that_it_was_made_with(monkeypatch):
    """Other data or weights where the run's own lay: then it is not that run. None at all: the record is all there is."""
    config = small()
    record = run(config, progress=False)
    assert record["weights"] and records.find(config)["key"] == config.key()
    monkeypatch.setattr(records, "fingerprint", lambda path: "another file's" if path.name == "ids-sst-train.csv" else "")
    assert records.find(config) is None
    monkeypatch.setattr(records, "fingerprint", lambda path: "")
    assert records.find(config)["key"] == config.key()


def test_a_kept_run_and_a_checkpoint_speak_for_their_data_too(tmp_path, monkeypatch):
    config, update = small(epochs=2), Trainer.update

    def stops(trainer, tasks):
        if trainer.step == 4:
            raise KeyboardInterrupt
        return update(trainer, tasks)

    kept = run(config, out=tmp_path / "kept", progress=False)
    assert run(config, out=tmp_path / "kept", progress=False)["key"] == kept["key"]
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "update", stops)
        run(config, out=tmp_path / "stopped", progress=False)
    with monkeypatch.context() as patch:
        patch.setattr(records, "fingerprint", lambda path: "another file's")
        with pytest.raises(MinbertError, match="other data or weights"):
            run(config, out=tmp_path / "kept", progress=False)
    with monkeypatch.context() as patch, pytest.raises(MinbertError, match="other training data"):
        patch.setattr(Rows, "fingerprint", lambda rows: {"file": "", "rows": len(rows), "sha256": "another file's"})
        run(config, out=tmp_path / "stopped", progress=False)
    with pytest.raises(MinbertError, match="holds another run"):
        run(small(lr=2e-4), out=tmp_path / "kept", again=True, progress=False)


def test_a_learners_new_code_never_goes_on_from_her_old_ones_checkpoint(monkeypatch):
    steps = []

    class Counting(torch.optim.SGD):
        def __init__(self, parts, lr, **_):
            super().__init__(parts, lr=lr)

        def step(self):
            steps.append(1)
            if len(steps) == 5:
                raise KeyboardInterrupt
            super().step()

    config = small()
    with pytest.raises(KeyboardInterrupt):
        run(config, yours={"AdamW": Counting}, progress=False)
    assert run(config, yours={"AdamW": Counting}, progress=False)["epochs"]
    assert len(steps) == 5 + 2 * 8  # all of the second run's: two epochs of 64 examples by 8


# ---- checkpoints


def nests(tensor=st.just("tensor")):
    leaves = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=4), tensor)
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
        max_leaves=8,
    )


@settings(max_examples=50, deadline=None)
@given(nest=nests())
def test_any_nest_comes_back_from_disk(tmp_path_factory, nest):
    def fill(value):
        if value == "tensor":
            return torch.randn(2, 3)
        if isinstance(value, dict):
            return {k: fill(v) for k, v in value.items()}
        return [fill(v) for v in value] if isinstance(value, list) else value

    folder = tmp_path_factory.mktemp("nest")
    state = {"all": fill(nest), 3: "a key that is no string"}
    checkpoint.save(folder, state)
    back, damaged = checkpoint.load(folder)
    assert not damaged and str(back) == str(state)


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1), how=st.sampled_from(["flip", "cut", "zero"]))
def test_a_damaged_checkpoint_is_never_taken_for_whole(tmp_path_factory, place, how):
    folder = tmp_path_factory.mktemp("damage")
    checkpoint.save(folder, {"x": torch.arange(50.0), "n": 1})
    checkpoint.save(folder, {"x": torch.arange(50.0), "n": 2})
    path = folder / checkpoint.CURRENT
    raw = bytearray(path.read_bytes())
    at = min(int(place * len(raw)), len(raw) - 1)
    if how == "cut":
        raw = raw[:at]
    else:
        raw[at] = raw[at] ^ 0x41 if how == "flip" else 0
    same = bytes(raw) == path.read_bytes()
    path.write_bytes(bytes(raw))
    state, damaged = checkpoint.load(folder)
    assert state["n"] == (2 if same else 1) or json.dumps(state["n"]) == "2" and torch.equal(state["x"], torch.arange(50.0))
    assert bool(damaged) == (state["n"] == 1)


# ---- what is said of a run


def test_train_says_intervals_the_rule_and_apart_from_it_each_tasks_best(capsys):
    changes = [f"--set={name}={json.dumps(value)}" for name, value in {**SMALL, "epochs": 3}.items()]
    assert cli.main(["train", "B3", "--scale", "tiny", *changes]) == 0
    said = capsys.readouterr().out
    (record,) = records.load_all([records.own_folder()])
    assert set(record["intervals"]) == {"sst", "qqp", "sts", "mean", "mean_norm"}
    for name, (low, high) in record["intervals"].items():
        assert f"{name} {record['scores'][name]:.4f} [{low:.4f}, {high:.4f}]" in said and low < record["scores"][name] < high
    widths = {name: high - low for name, (low, high) in record["intervals"].items()}
    assert widths["mean"] < max(widths.values()) and widths["mean_norm"] < widths["mean"]  # half of r's share
    assert f"best epoch: {record['best_epoch']} of 3, one for all tasks, where the mean of their scores is highest (r as" in said
    for task, best in record["best_per_task"].items():
        first = next(epoch["epoch"] for epoch in record["epochs"] if epoch["scores"][task] == best)
        assert f"{task} {best:.4f} in epoch {first}" in said.split("best epoch per task, which need not be one model:")[1]


def test_one_task_needs_no_mean_and_an_older_record_is_told_without_its_interval(tmp_path):
    one = fake(system("C2", "mini"), tmp_path)
    assert "best epoch: 1 of 3, where its score is highest" in told(one) and "per task" not in told(one)
    three = told(fake(system("S12", "mini"), tmp_path))  # written before the means had intervals
    assert re.search(r"mean 0\.\d{4}   mean_norm 0\.\d{4}\n", three)
    constant = one | {"scores": {"sts": None}, "intervals": {"sts": [None, None]}}
    assert "sts not defined: constant predictions have no r" in told(constant)
    assert max((math.nan, 0.5, None), key=_or_least) == 0.5  # nor are they a task's best


# ---- sweeps


def test_a_grid_is_every_combination_and_a_search_draws_between():
    configs = sweep.grid("C2", {"lr": [1e-5, 2e-5], "batch_size": [8, 16]}, seeds=(0, 1))
    assert len(configs) == 8 and len({config.key() for config in configs}) == 8
    drawn = sweep.random_search("C2", {"lr": [1e-5, 1e-3], "pooling": ["cls", "mean"]}, 20)
    assert all(1e-5 <= c.lr <= 1e-3 and c.pooling in ("cls", "mean") for c in drawn)
    assert sweep.random_search("C2", {"lr": [1e-5, 1e-3]}, 3) == sweep.random_search("C2", {"lr": [1e-5, 1e-3]}, 3)


def test_each_setting_counts_once():
    assert len(sweep.grid("C2", {"lr": [1e-5, 1e-5, 2e-5]}, seeds=(0, 0))) == 2
    few = sweep.random_search("C2", {"pooling": ["cls", "mean", "max"]}, 50, seeds=(0, 1))
    assert sorted(c.pooling for c in few) == sorted(2 * ["cls", "mean", "max"])
    counts = sweep.random_search("C2", {"batch_size": [8, 16]}, 9)
    assert sorted(c.batch_size for c in counts) == list(range(8, 17))


@pytest.mark.parametrize("field, ends", [("lr", [1e-3, 1e-5]), ("head_dropout", [0, 0.5]), ("smart", [0, 1]), ("smart", [5, 1])])
def test_two_numbers_are_a_range_in_whichever_order(field, ends):
    drawn = [getattr(c, field) for c in sweep.random_search("C2", {field: ends}, 200)]
    low, high = sorted(ends)
    assert len(set(drawn)) == 200 and all(low <= value <= high for value in drawn)
    middle = (low * high) ** 0.5 if low else high / 2  # as many draws on this side of it as on that
    assert 70 < sum(value < middle for value in drawn) < 130


def test_an_axis_that_is_given_twice_is_refused(capsys):
    assert cli.main("sweep C2 --scale tiny --plan --grid lr=1e-5 --grid lr=2e-5".split()) == 2
    said = capsys.readouterr()
    assert said.err == "minbert: --grid lr is given twice: write all its values in one, --grid lr=1e-5,2e-5\n" and not said.out


def test_a_setting_that_is_fixed_does_not_vary():
    assert [config.smart for config in sweep.of_row("S8", smart=3)] == [3]
    assert len(sweep.of_row("S9", tasks=("sst",))) == 2 and len(sweep.of_row("S7", layer_decay=1.0)) == 7
    assert sweep.values('{"sst": 100, "qqp": 200}') == [{"sst": 100, "qqp": 200}]


def test_a_worker_tries_a_run_once(tmp_path, monkeypatch):
    """Also where it ends well and leaves no record, as a kept run does whose record was removed."""
    configs = sweep.grid("C2", {"lr": [1e-4, 2e-4]}, **SMALL)
    listed, ran = tmp_path / "configs.json", []
    listed.write_text(json.dumps([config.to_dict() for config in configs]))
    monkeypatch.setattr(sweep, "run", lambda config, **_: ran.append(config.key()))
    sweep._worker(listed)
    sweep._worker(listed)  # another one
    assert ran == [config.key() for config in configs]


def test_no_other_worker_tries_what_failed_by_itself_and_one_takes_up_what_was_lost(tmp_path, monkeypatch):
    configs = sweep.grid("C2", {"lr": [1e-4, 2e-4]}, **SMALL)
    listed, ran = tmp_path / "configs.json", []
    listed.write_text(json.dumps([config.to_dict() for config in configs]))

    class Killed(BaseException):
        pass

    def first(config, **_):
        if config.lr == 2e-4:
            raise Killed
        raise NotFinite("loss of sst is not finite")

    monkeypatch.setattr(sweep, "run", first)
    with pytest.raises(Killed):
        sweep._worker(listed)
    monkeypatch.setattr(sweep, "run", lambda config, **_: ran.append(config.lr))
    sweep._worker(listed)
    assert ran == [2e-4]


def test_two_workers_one_of_them_killed_leave_no_run_out(tmp_path):
    configs = sweep.grid("C2", {"lr": [1e-4, 2e-4, 3e-4]}, seeds=(0,), **SMALL)
    listed = tmp_path / "configs.json"
    listed.write_text(json.dumps([config.to_dict() for config in configs]))
    command = [sys.executable, "-m", "minbert_lib.lab.sweep", str(listed)]
    victim = subprocess.Popen(command, env=os.environ)
    time.sleep(4)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    found = sweep.run_all(configs, workers=2)
    assert [record["config"]["lr"] for record in found] == [1e-4, 2e-4, 3e-4]
    assert planning.plan(configs)["to_do"] == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_a_run_that_diverges_is_told_once_below_those_that_did_not(workers, capfd):
    fixed = [f"--set={name}={json.dumps(value)}" for name, value in {**SMALL, "epochs": 1}.items()]
    for _ in range(2):  # the second time the good one is found
        assert cli.main(["sweep", "C2", "--scale=tiny", "--grid=lr=1e20,1e-4", f"--workers={workers}", *fixed]) == 2
        out, err = capfd.readouterr()
        told = [line for line in err.splitlines() if not line.startswith("going on from step")]
        assert re.fullmatch(
            r"minbert: 1 of 2 runs ended without a record; .*C2, seed 0 \(\w+\): the loss of sst is not finite.*", *told
        )
        assert re.fullmatch(r"C2 lr=0.0001 seed=0: sst 0\.\d{4}", out.splitlines()[-1]) and "lr=1e+20" not in out


def test_failures_for_one_reason_are_told_in_one_line_and_for_several_in_as_many(monkeypatch):
    configs = sweep.grid("C2", {"lr": [1e-4, 2e-4, 3e-4]})

    def fails(config, **_):
        raise MinbertError(reasons[config.lr])

    monkeypatch.setattr(sweep, "run", fails)
    reasons = dict.fromkeys((1e-4, 2e-4, 3e-4), "no data")
    with pytest.raises(MinbertError, match=rf"^3 of 3 runs .*again: C2, seed 0 \({configs[0].key()}\) and 2 more: no data$"):
        sweep.run_all(configs)
    reasons[3e-4] = "too long"
    with pytest.raises(MinbertError, match=r"again\n  C2, .* and 1 more: no data\n  C2, seed 0 \(\w+\): too long$"):
        sweep.run_all(configs)


def test_a_sweep_says_how_far_it_is_where_somebody_looks(monkeypatch, capsys):
    configs = sweep.grid("C2", {}, range(12), scale="mini")
    for show in (True, None):
        ended = sweep._counter(configs, 2, {}, show)
        ended(configs[0], "not finite")  # says nothing of how long a run takes
        for config in configs[1:3]:
            fake(config, records.own_folder())
            ended(config)
        said = [
            "1 of 12 done, 1 failed",
            "2 of 12 done, 1 failed, about 10.0 minutes left",
            "3 of 12 done, 1 failed, about 9.0 minutes left",
        ]
        assert capsys.readouterr().err.splitlines() == (said if show else [])


def test_two_workers_say_how_far_they_are(capfd):
    configs = [small(epochs=1), small(epochs=1, seed=1)]
    sweep.run_all(configs, workers=2, progress=True)
    assert capfd.readouterr().err.splitlines()[-1] == "2 of 2 done"


def test_another_programs_run_is_no_run_of_ours():
    """Hugging Face's has a name and a key of its own, no data, no clock: no table counts it and no plan reads it."""
    config = small()
    theirs = RunConfig.from_dict(config.to_dict() | {"name": "C2-hf"})
    records.save({"version": 1, "name": "C2-hf", "key": theirs.key(), "config": theirs.to_dict(), "scores": {"sst": 0.4},
                  "epochs": [], "curve": []})  # fmt: skip
    assert planning.plan([config])["to_do"] == 1
    row = board.board("tiny", [records.own_folder()]).set_index("system").loc["C2"]
    assert row["records"] == 0


def test_a_plan_counts_before_anything_starts():
    configs = sweep.grid("C2", {"lr": [1e-4]}, seeds=(0, 1), **SMALL)
    run(configs[0], out=records.own_folder() / "mine", progress=False)  # a folder among the records' is no scale's
    facts = planning.plan(configs)
    assert (facts["runs"], facts["recorded"], facts["to_do"]) == (2, 1, 1) and facts["seconds"] > 0
    assert "2 runs, 1 recorded" in planning.plan_text(configs)


def test_plan_says_runs_time_and_memory_and_starts_nothing(capsys):
    config = small(limit={"sst": 32}, epochs=1)
    record = run(config, progress=False)
    fixed = [f"--set={name}={json.dumps(value)}" for name, value in {**SMALL, "limit": {"sst": 32}, "epochs": 4}.items()]
    command = [
        "sweep",
        "C2",
        "--scale",
        "tiny",
        "--grid",
        "lr=1e-4,2e-4,3e-4",
        "--seeds",
        "0,1",
        "--workers",
        "2",
        "--plan",
        *fixed,
    ]
    assert cli.main(command) == 0
    said = capsys.readouterr().out
    seconds = 6 * 4 * record["wall_seconds"]  # six runs of four epochs; the record's had one
    assert "6 runs, 0 recorded, 6 to do" in said
    one, two = planning.about(seconds), planning.about(seconds / 2).removeprefix("about ")
    assert f"{one} of one worker ({two} with 2)" in said
    assert f"about {2 * record['peak_memory_mb'] / 1024:.1f} GB of memory" in said
    assert len(records.load_all([records.own_folder()])) == 1


# ---- the board


def test_the_board_shows_every_system_and_the_records_it_rests_on():
    for seed in (0, 1):
        run(small(seed=seed), progress=False)
    frame = board.board("tiny", [records.own_folder()])
    row = frame[frame.system == "C2"].iloc[0]
    assert len(frame) == len(SYSTEMS) and row.records == 2 and row.seeds == 2 and "limit" in row.setting
    assert np.isclose(row.published_sst, 0.531, atol=0.01) and "C2" in board.as_text(frame)


def test_build_model_gives_the_reports_sizes():
    multi = build_model(small("S10-multi")).parameter_count()
    triple = build_model(small("S10-triple")).parameter_count()
    assert 2.9 < triple / multi < 3.01
