"""What a sweep would take, and what pre-training took: said from records, those that lack it among them."""

import gzip

import pytest
import torch
from fake_runs import fake

from minbert_lib import home
from minbert_lib.lab import planning, pretraining, records, run, sweep, system
from minbert_lib.learn.pretrain import COST
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.text import Tokenizer, read_rows

SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}
SMALL = {"limit": {"sst": 32}, "dev_limit": {"sst": 20}, "epochs": 1, "batch_size": 8}


@pytest.fixture
def place(empty_home, tmp_path, monkeypatch):
    """A home with a very small BERT and a text, and no records but its own."""
    monkeypatch.setattr(records, "folders", lambda: [records.own_folder()])
    words = Tokenizer(home.scale("tiny").weights)
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(words), **SHAPE)).save_pretrained(tmp_path / "bert")
    words.save(tmp_path / "bert")
    (tmp_path / "home/text").mkdir(parents=True)
    with gzip.open(tmp_path / "home/text/rotten_tomatoes_critics.txt.gz", "wt") as file:
        file.write("\n".join(f"a film like number {i} and no other" for i in range(40)))
    return tmp_path / "bert"


def after(place, steps, seed=0, **changes):
    """SST after that many steps of pre-training."""
    text = {"text": "critics", "steps": steps, "lr": 1e-3, "batch_size": 8}
    return system("C2", "tiny", seed, start=str(place), pretrain=text, max_length=48, **SMALL, **changes)


def test_a_run_records_what_its_pretraining_took_also_when_it_finds_the_weights(place):
    first = run(after(place, 6), progress=False)["pretraining"]
    assert first["steps"] == 6 and first["seconds"] > 0
    assert run(after(place, 6, seed=1), progress=False)["pretraining"] == first
    longer = run(after(place, 9), progress=False)["pretraining"]
    assert longer["of"] == first["of"] and longer["seconds"] > first["seconds"]  # from step 0 on
    record = run(after(place, 6), progress=False)
    assert records.took(record) == pytest.approx(record["seconds"] + first["seconds"])
    assert records.table().set_index("key").loc[record["key"], "pretraining_seconds"] == first["seconds"]
    assert "pretraining" not in run(system("C2", "tiny", start=str(place), max_length=48, **SMALL), progress=False)


def test_weights_whose_time_nobody_noted_are_used_and_their_time_is_unknown(place):
    found = pretraining.pretrained(after(place, 6))
    (found / COST).unlink()
    record = run(after(place, 6), progress=False)
    assert record["pretraining"] == {"of": found.parent.name, "steps": 6, "seconds": None}
    assert records.took(record) == record["seconds"]
    assert planning.plan([after(place, 9)])["pretraining"] == {"steps": 0, "seconds": 0.0, "without_estimate": 3}


def test_shared_pretraining_is_planned_once_and_only_what_is_not_made(place):
    configs = [after(place, steps, seed) for steps in (500, 8000) for seed in (0, 1)]
    assert [left for _, left in pretraining.outstanding(configs)] == [8000]
    assert [left for _, left in pretraining.outstanding([after(place, 500), after(place, 500, lr=1e-3)])] == [500]
    pretraining.pretrained(after(place, 100))
    assert [left for _, left in pretraining.outstanding(configs)] == [7900]
    assert [left for _, left in pretraining.outstanding([after(place, 70), after(place, 100)])] == [70]  # begun anew
    elsewhere = system("C2", "tiny", start="no/such/folder", pretrain={"text": "critics", "steps": 70})
    assert [left for _, left in pretraining.outstanding([elsewhere])] == [70]


def test_a_plan_counts_the_steps_of_pretraining(place):
    record = run(after(place, 6), progress=False)
    step = record["pretraining"]["seconds"] / 6
    few, many = (planning.plan([after(place, steps, seed=1)]) for steps in (500, 8000))
    assert many["seconds"] - few["seconds"] == pytest.approx(7500 * step, rel=1e-3)
    assert few["pretraining"] == {"steps": 494, "seconds": pytest.approx(494 * step, rel=1e-3), "without_estimate": 0}
    assert f"for {494:,} steps of pre-training" in planning.plan_text([after(place, 500, seed=1)])


def test_a_plan_without_a_record_that_tells_says_so(empty_home, monkeypatch):
    monkeypatch.setattr(records, "folders", lambda: [records.own_folder()])
    for row, runs, steps in (("W-domain", 3, "8,000"), ("M7", 8, "16,000")):  # M7: eight ways of 2,000 steps each
        said = planning.plan_text(sweep.of_row(row, (0,), "mini"))
        assert f"{runs} runs, 0 recorded" in said and f"{steps} steps of pre-training come on top" in said
        assert "about" not in said


def test_what_a_record_cut_off_is_counted_whole(place):
    """A run on 32 sentences says what 64 take, and what all of them take."""
    record = run(system("C2", "tiny", start=str(place), max_length=48, **SMALL), progress=False)
    longest = max(record["seconds"], record["wall_seconds"])
    asked = lambda limit: planning.plan([system("C2", "tiny", 1, start=str(place), max_length=48, **{**SMALL, "limit": limit})])
    assert asked({"sst": 64})["seconds"] == pytest.approx(2 * longest, rel=1e-3)
    assert asked({})["seconds"] == pytest.approx(len(read_rows("sst", "train", home.scale("tiny").data)) / 32 * longest, rel=1e-3)


def test_smarts_steps_and_share_count(empty_home, monkeypatch):
    """From a plain record by arithmetic; from one with the same penalties by its clock."""
    monkeypatch.setattr(records, "folders", lambda: [records.own_folder()])
    plain = fake(system("C2", "mini"), records.own_folder())
    longest = max(plain["seconds"], plain["wall_seconds"])
    asked = lambda **options: planning.plan([system("C2", "mini", 1, smart=1.0, smart_options=options)])["seconds"] / longest
    assert asked() == pytest.approx(11 / 3) and asked(steps=3) == pytest.approx(5) and asked(share=0.25) == pytest.approx(5 / 3)
    assert asked(dropout="same") == pytest.approx(8 / 3)  # as in a model that has none
    three = fake(system("C2", "mini", smart=5.0, smart_options={"steps": 3}), records.own_folder())
    assert asked(steps=3) * longest == pytest.approx(max(three["seconds"], three["wall_seconds"]))
    only = system("S12", "mini", smart={"sts": 1.0})
    fake(system("S12", "mini"), records.own_folder())
    everywhere, nowhere = (planning.plan([only.with_(smart=weight)])["seconds"] for weight in (1.0, 0.0))
    assert nowhere == 0 < planning.plan([only])["seconds"] < everywhere  # the plain one is recorded


def test_more_workers_than_runs_are_no_faster_and_take_no_more_memory(empty_home, monkeypatch):
    monkeypatch.setattr(records, "folders", lambda: [records.own_folder()])
    record = fake(system("C2", "mini"), records.own_folder())
    one = max(record["seconds"], record["wall_seconds"])
    said = planning.plan_text(sweep.grid("C2", {}, (0, 1), "mini"), 3)  # one of the two is recorded
    assert said.splitlines()[1:] == [f"{planning.about(one)} of one worker, by records of like runs", "about 0.9 GB of memory"]
    assert "(" not in said
    assert planning.plan(sweep.grid("C2", {}, (1, 2, 3, 4), "mini"), 3)["elapsed"] == pytest.approx(2 * one)  # 3 and then 1
    long = [system("C2", "mini", 1), system("C2", "mini", 2), system("C2", "mini", 3, epochs=30)]
    facts = planning.plan(long, 2)
    assert facts["elapsed"] == pytest.approx(11 * one) and facts["seconds"] == pytest.approx(12 * one)
    said = planning.plan_text(long, 9)
    assert f"({planning.about(10 * one).removeprefix('about ')} with 3)" in said and "about 2.6 GB of memory" in said


def test_nobody_shares_one_pretraining(place):
    run(after(place, 6), progress=False)
    facts = planning.plan([after(place, 500, seed) for seed in (1, 2)], 2)
    first = facts["pretraining"]["seconds"]
    assert facts["elapsed"] - first == pytest.approx((facts["seconds"] - first) / 2)


def test_a_short_time_is_no_zero():
    assert [planning.about(seconds) for seconds in (0.2, 59.9, 60, 3600)] == [
        "under a minute", "under a minute", "about 1.0 minutes", "about 1.0 hours"
    ]  # fmt: skip
