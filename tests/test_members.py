"""From records to an ensemble and to files: chosen from stored predictions, predicted again from weights, taught to a student."""

import json
import shutil
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
from fake_runs import facts, fake

from minbert_lib import cli, home
from minbert_lib.errors import MinbertError
from minbert_lib.lab import members, predict, records, run, system
from minbert_lib.lab.build import prepare
from minbert_lib.lab.submission import read_submission
from minbert_lib.learn.metrics import task_loss
from minbert_lib.learn.trainer import Trainer
from minbert_lib.text import read_rows

SMALL = {"limit": {"sst": 96}, "dev_limit": {}, "epochs": 1, "batch_size": 16, "precision": "float32"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Two finished runs with their weights, in a home of their own; → (home, their folders)."""
    place = tmp_path_factory.mktemp("finished")
    patch = pytest.MonkeyPatch()
    patch.setenv("MINBERT_HOME", str(place))
    patch.setattr(records, "folders", lambda: [place / "runs"])  # without those that come with the course
    folders = [place / f"run{seed}" for seed in (0, 1)]
    for seed, folder in enumerate(folders):
        run(system("C2", "tiny", seed, **SMALL), out=folder)
    yield place, folders
    patch.undo()


@pytest.fixture
def invented(tmp_path, monkeypatch):
    """Five invented runs, two of them of all three tasks."""
    monkeypatch.setattr(records, "folders", lambda: [tmp_path])
    configs = [system("C2", "mini", seed) for seed in range(3)] + [system("S10-2", "mini"), system("S10-multi", "mini")]
    for config in configs:
        fake(config, tmp_path)
    facts(tmp_path)
    return records.load_all()


# ---- choosing


def test_a_pool_lines_up_the_runs_of_one_file(invented):
    assert [len(members.pool(task, invented).runs) for task in ("sst", "qqp", "sts")] == [5, 2, 2]
    odd = [
        {**r, "data": {"dev/sst": {**r["data"]["dev/sst"], "sha256": "another"}}} if r["name"] == "S10-2" else r for r in invented
    ]
    assert len(members.pool("sst", odd).runs) == 4
    alike = [{**r, "scores": {**r["scores"], "sts": None}} if r["name"] == "S10-2" else r for r in invented]
    assert [run["name"] for run in members.pool("sts", alike).runs] == ["S10-multi"]  # without an r nothing can be chosen by it
    assert members.pool("cfimdb", invented) is None
    with pytest.raises(MinbertError, match="none of these runs has stored dev predictions"):
        members.choose(invented, ("cfimdb",))


def test_the_table_of_ways_counts_each_model_once(invented):
    teams = members.choose(invented)
    rows = members.ways(teams)
    every = {name: next(r for r in invented if r["name"] == name) for name in ("S10-2", "S10-multi")}
    assert rows["shared lower layers"]["seconds"] == every["S10-2"]["seconds"]
    assert rows["single model"]["models"] == 1
    distinct = {run["key"]: run for team in teams.values() for run in team.runs}
    assert rows["ensemble"]["seconds"] == pytest.approx(sum(run["seconds"] for run in distinct.values()))
    assert rows["ensemble"]["models"] == len(distinct)
    for task, team in teams.items():
        assert rows["best per task"][task] == max(team.pool.score([i]) for i in range(len(team.pool.runs)))
        assert rows["ensemble"][task] == team.pool.score(team.ensemble.chosen) >= rows["best per task"][task]
        assert rows["ensemble, cross-validated"][task] == team.honest.honest
    assert not members.lacking(rows, "mini")
    alone = members.as_text(members.choose(invented[:1]))  # where nothing is chosen, nothing is said of the choice
    assert "1 candidate," in alone and "flatters" not in alone and "flatters" in members.as_text(teams)
    parts = rows["ensemble"]
    assert parts["mean_norm"] == pytest.approx((parts["sst"] + parts["qqp"] + (parts["sts"] + 1) / 2) / 3)


def test_a_single_model_is_one_encoder_for_all_tasks_whatever_scores_higher(tmp_path, monkeypatch):
    """Neither own top layers, nor an encoder a task, nor a second one beside: each is a row of its own, or of none."""
    monkeypatch.setattr(records, "folders", lambda: [tmp_path])
    others = ("S10-2", "S10-4", "S10-triple", "S10-multi+triple")
    many = [fake(system(name, "mini"), tmp_path) for name in others]
    beside = fake(system("S10-multi", "mini", beside="frozen"), tmp_path)
    one, poor = (fake(system("S10-multi", "mini", seed), tmp_path) for seed in (0, 1))
    facts(tmp_path)
    worth = {run["key"]: score for score, run in zip((0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95), (poor, one, *many, beside))}
    known = [run | {"scores": dict.fromkeys(run["scores"], worth[run["key"]])} for run in records.load_all()]
    rows = members.ways(members.choose(known))
    assert rows["single model"]["sst"] == 0.5 and rows["single model"]["seconds"] == pytest.approx(one["seconds"], rel=1e-5)
    assert rows["shared lower layers"]["sst"] == 0.7  # of CerBERTus' two
    teams = members.choose([run for run in known if run["key"] not in (one["key"], poor["key"])])
    assert "single model" not in members.ways(teams)
    lacking = members.lacking(members.ways(teams), "mini")
    assert "`minbert train S10-multi --scale mini` makes one" in lacking and members.as_text(teams).endswith(lacking)


def test_pretraining_that_members_share_costs_a_team_once(invented):
    made = lambda of, steps, seconds: {"pretraining": {"of": of, "steps": steps, "seconds": seconds}}
    before = [made("a", 500, 10.0), made("a", 2000, 40.0), made("b", 500, 11.0), made("c", 500, None), {}]
    runs = [run | more for run, more in zip(invented, before)]
    alone = sum(run["seconds"] for run in runs)
    assert members._way({}, runs)["seconds"] == pytest.approx(alone + 51.0)


def test_runs_are_named_by_system_key_or_not_at_all(invented, capsys):
    key = next(run["key"] for run in invented if run["name"] == "S10-multi")
    assert [run["name"] for run in members.recorded(["S10-2", key], "mini")] == ["S10-2", "S10-multi"]
    assert len(members.recorded([], "mini")) == 5
    twice = members.recorded(["C2", next(run["key"] for run in invented if run["name"] == "C2"), "C2"], "mini")
    assert [run["name"] for run in twice] == ["C2"] * 3 and len({run["key"] for run in twice}) == 3
    assert cli.main(["ensemble", "S10-3", "--scale", "mini"]) == 2
    assert "nothing recorded at scale mini is called 'S10-3'" in capsys.readouterr().err


def test_another_programs_run_of_the_same_settings_hides_none_of_ours(invented, tmp_path):
    ours = next(run for run in invented if run["name"] == "C2")
    records.save({**ours, "name": "C2-hf"}, tmp_path / "earlier")  # as `lab.side_by_side` does: the same key
    both = records.load_all([tmp_path / "earlier", tmp_path])
    assert sum(run["key"] == ours["key"] for run in both) == 2
    assert len(members.pool("sst", both).runs) == 5  # the other has stored no predictions


# ---- files


def test_an_ensemble_from_stored_predictions_is_the_one_from_weights(finished, tmp_path, capsys):
    """Two ways to the same files: averaged from records, and predicted again by the members that ensemble.json names."""
    _, folders = finished
    assert cli.main(["ensemble", "C2", "--scale", "tiny", "--task", "sst", "--out", str(tmp_path / "a")]) == 0
    assert "cross-validated" in capsys.readouterr().out
    described = json.loads((tmp_path / "a/ensemble.json").read_text())
    described["tasks"]["sst"]["members"] = [  # where the weights of these runs are
        {**member, "folder": str(folders[member["seed"]])} for member in described["tasks"]["sst"]["members"]
    ]
    (tmp_path / "a/ensemble.json").write_text(json.dumps(described))
    assert cli.main(["predict", str(tmp_path / "a"), "--out", str(tmp_path / "b")]) == 0
    for split in ("dev", "test"):
        stored, again = (list(read_submission(tmp_path / side / f"sst-{split}-output.csv")) for side in "ab")
        assert stored == again and len(stored) == {"dev": 400, "test": 200}[split]


def test_folders_given_by_themselves_are_named_in_the_ensemble(finished, tmp_path):
    _, folders = finished
    names = [str(folder) for folder in folders]
    assert cli.main(["ensemble", *names, "--scale", "tiny", "--task", "sst", "--out", str(tmp_path)]) == 0
    described = json.loads((tmp_path / "ensemble.json").read_text())
    assert {member["folder"] for member in described["tasks"]["sst"]["members"]} <= set(names)
    assert all(folder.name.startswith("run") for folder in predict.teams_of([tmp_path])["sst"])


def test_what_was_chosen_from_whom_and_how_can_be_read_and_done_again(finished, tmp_path):
    base = ["ensemble", "C2", "--scale", "tiny", "--task", "sst", "--folds", "3", "--limit", "1", "--replacement"]
    assert cli.main([*base, "--out", str(tmp_path / "a")]) == 0
    told = members.read_ensemble(tmp_path / "a")
    team, keys = told["tasks"]["sst"], {run["key"] for run in records.load_all(scale="tiny", name="C2")}
    assert set(team["candidates"]) == keys and len(team["members"]) == told["models"] == 1
    assert team["dev"] >= team["cross_validated"] and "3 parts of dev" in told["how"]
    assert told["command"].endswith("--scale tiny --replacement --limit 1 --folds 3 --task sst --out FOLDER")
    again = told["command"].replace("FOLDER", str(tmp_path / "b")).split()
    assert again[0] == "minbert" and cli.main(again[1:]) == 0
    for name in ("sst-dev-output.csv", "sst-test-output.csv", "ensemble.json"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"sst": {"members": []}}', '{"tasks": {"sst": {"members": [1]}}}', '{"tasks": 3}']
)
def test_a_folder_with_a_damaged_ensemble_is_named(tmp_path, text, capsys):
    (tmp_path / "ensemble.json").write_text(text)
    assert cli.main(["predict", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "ensemble.json: no ensemble can be read from it" in capsys.readouterr().err


def test_a_run_named_by_system_and_folder_is_one_candidate_with_its_folder(finished):
    _, folders = finished
    for names in (["C2", str(folders[0])], [str(folders[0]), "C2"]):
        found = members.recorded(names, "tiny")
        assert sorted(run.get("folder", "") for run in found) == ["", str(folders[0])]


def test_a_file_that_cannot_be_written_is_told_and_an_older_one_removed(finished, tmp_path, monkeypatch, capsys):
    stored = records.predictions
    monkeypatch.setattr(records, "predictions", lambda run: {"dev": stored(run)["dev"]})
    (tmp_path / "sst-test-output.csv").write_text("another team's")
    assert cli.main(["ensemble", "C2", "--scale", "tiny", "--task", "sst", "--out", str(tmp_path)]) == 0
    assert "sst-test-output.csv: not written, C2 seed" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"sst-dev-output.csv", "ensemble.json"}


def test_predictions_of_other_rows_are_not_handed_in(finished, tmp_path, monkeypatch, capsys):
    """A stored prediction knows its row by its place alone, so a file of other rows, or in another order, gets none."""
    ensemble = ["ensemble", "C2", "--scale", "tiny", "--task", "sst", "--out", str(tmp_path / "out")]
    assert cli.main(ensemble) == 0 and len(list((tmp_path / "out").iterdir())) == 3
    files = members.read_ensemble(tmp_path / "out")["tasks"]["sst"]["files"]
    assert files["test"]["file"] == "ids-sst-test-student.csv" and [files[split]["rows"] for split in ("dev", "test")] == [
        400,
        200,
    ]

    here = home.scale("tiny")
    shutil.copytree(here.data, tmp_path / "data")
    head, *rows = (test := tmp_path / "data/ids-sst-test-student.csv").read_text(encoding="utf-8").splitlines()
    test.write_text("\n".join([head, *reversed(rows)]) + "\n", encoding="utf-8")
    (tmp_path / "data/ids-sst-dev.csv").unlink()
    monkeypatch.setattr(members, "scale_of", lambda name: replace(here, data=tmp_path / "data"))
    assert cli.main(ensemble) == 0
    told = capsys.readouterr().err
    assert "predicted another ids-sst-test-student.csv (200 rows)" in told and "ids-sst-dev.csv is missing" in told
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"ensemble.json"}

    old = records.load_all(scale="tiny", name="C2")[0]
    old["data"].pop("test/sst")  # a record from before test files were named: only their number can be compared
    with pytest.raises(MinbertError, match="predicted 200 of the 199 rows"):
        members._of_these_rows(old, "sst", "test", test, 199)


def test_short_runs_can_be_left_out(finished, capsys):
    assert cli.main(["ensemble", "C2", "--scale", "tiny", "--task", "sst", "--min-epochs", "2"]) == 2
    assert [run["config"]["epochs"] for run in members.taught(records.load_all(scale="tiny"), 1)].count(1) >= 2
    assert members.taught(records.load_all(scale="tiny", name="C2"), 2) == []


def test_a_member_named_twice_counts_twice_and_works_once(finished):
    _, folders = finished
    one, other = (predict.Trained(folder) for folder in folders)
    file = home.scale("tiny").data / "ids-sst-dev.csv"
    ((_, twice),) = predict.stream([one, one, other], "sst", file, "dev")
    alone = [next(predict.stream([member], "sst", file, "dev"))[1] for member in (one, other)]
    assert np.allclose(twice, (2 * alone[0] + alone[1]) / 3)


def test_weights_that_are_not_here_come_with_the_command_that_makes_them(finished, capsys):
    key = records.load_all(scale="tiny", name="C2")[0]["key"]
    assert cli.main(["predict", key, "--out", "nowhere"]) == 2
    told = capsys.readouterr().err
    assert "minbert train C2 --scale tiny --seed" in told and "--set 'epochs=1'" in told and "--out FOLDER" in told
    assert cli.main(["predict", "no-such-run", "--out", "nowhere"]) == 2
    assert "no run's key" in capsys.readouterr().err


def test_a_file_of_any_length_takes_the_same_memory(finished, tmp_path, monkeypatch):
    """Four times the rows, and less than a few hundred bytes for each more: nothing that grows is kept."""
    _, folders = finished
    monkeypatch.setattr(predict, "CHUNK", 100)
    monkeypatch.setattr(predict.Trained, "predict", lambda self, task, examples: np.full((len(examples), 5), 0.2))
    peaks = {}
    for rows in (2_000, 8_000):
        file = tmp_path / f"{rows}.csv"
        lines = (f"{i}\tid{i:020}\tAnother film about film number {i} , and a long one .\t{i % 5}" for i in range(rows))
        file.write_text("\tid\tsentence\tsentiment\n" + "\n".join(lines) + "\n")
        tracemalloc.start()
        argument = [str(folders[0]), "--task", "sst", "--split", "dev", "--file", str(file), "--out", str(tmp_path / "out")]
        assert cli.main(["predict", *argument]) == 0
        peaks[rows] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert len(list(read_submission(tmp_path / "out/sst-dev-output.csv"))) == 8_000
    assert abs(peaks[8_000] - peaks[2_000]) < 300_000, peaks


# ---- one model of several: by their weights, by their lessons


def test_a_weight_average_is_a_finished_run(finished, tmp_path):
    _, folders = finished
    names = [str(folder) for folder in folders]
    assert cli.main(["ensemble", *names, "--average", str(tmp_path / "mean")]) == 0
    mean, one, other = (predict.Trained(folder).model.state_dict() for folder in (tmp_path / "mean", *folders))
    assert all(torch.allclose(mean[name], (one[name] + other[name]) / 2, atol=1e-7) for name in mean)
    record = records.load(tmp_path / "mean/result.json")
    spent = sum(records.load(folder / "result.json")["seconds"] for folder in folders)
    assert record["seconds"] == pytest.approx(spent, rel=1e-4)  # records keep six digits
    assert "best_per_task" not in record and record["path"] == str(tmp_path / "mean/result.json")
    again = predict.Trained(tmp_path / "mean").predict("sst", read_rows("sst", "dev", home.scale("tiny").data).examples)
    assert np.allclose(again, records.predictions(record)["dev"]["sst"], atol=1e-6)
    assert cli.main(["ensemble", names[0], str(tmp_path / "mean"), "--scale", "tiny", "--task", "sst"]) == 0  # it may join


def test_runs_of_two_settings_have_no_mean(finished, tmp_path, capsys):
    _, folders = finished
    shutil.copytree(folders[1], tmp_path / "other")
    path = tmp_path / "other/result.json"
    record = records.load(path)
    records.save_at(path, record | {"config": record["config"] | {"lr": 0.5, "dev_limit": {"sst": 9}}})
    assert cli.main(["ensemble", str(folders[0]), str(tmp_path / "other"), "--average", str(tmp_path / "mean")]) == 2
    assert "other differ in dev_limit, lr: only seeds" in capsys.readouterr().err and not (tmp_path / "mean").exists()


def test_soft_labels_reach_the_student_and_its_loss_is_cross_entropy_with_them(finished, capsys):
    place, folders = finished
    names = [str(folder) for folder in folders]
    assert cli.main(["ensemble", *names, "--scale", "tiny", "--task", "sst", "--replacement", "--teach", "two"]) == 0
    assert "soft_labels=two" in capsys.readouterr().out
    soft = np.load(place / "teachers/two/sst-train.npy")
    rows = read_rows("sst", "train", home.scale("tiny").data)
    assert soft.shape == (len(rows), 5) and np.allclose(soft.sum(1), 1, atol=1e-5)
    about = json.loads((place / "teachers/two/sst-train.json").read_text())
    taught = [next(f for f in folders if records.load(f / "result.json")["key"] == key) for key in about["members"]]
    mean = np.mean([predict.Trained(folder).predict("sst", rows.examples[:20]) for folder in taught], axis=0)
    assert np.abs(soft[:20] - mean).max() < 1e-5

    made = prepare(system("C2", "tiny", **SMALL, soft_labels="two"))
    made.model.eval()
    batch = made.train["sst"].batch([3, 50, 7])
    few = read_rows("sst", "train", home.scale("tiny").data, SMALL["limit"]["sst"])
    soft = soft[[[example.id for example in rows.examples].index(few.examples[i].id) for i in (3, 50, 7)]]
    assert np.allclose(batch.labels.numpy(), soft)
    outputs = made.model(batch)
    log_p = outputs.detach().double().numpy()
    log_p = log_p - np.log(np.exp(log_p).sum(1, keepdims=True))
    by_hand = -(soft * log_p).sum(1).mean()
    assert task_loss(outputs, batch).item() == pytest.approx(by_hand, abs=1e-5)
    assert isinstance(made.dev["sst"].labels[0].item(), int)  # dev is scored by what people said
    record = run(system("C2", "tiny", **SMALL, soft_labels="two"))
    assert record["config"]["soft_labels"] == "two" and record["scores"]["sst"] > 0
    assert f"sst's soft labels are the mean of {', '.join(about['members'])}" in record["notes"]


def test_epochs_of_one_run_are_kept_and_averaged(finished, tmp_path, capsys):
    config = system("C2", "tiny", **{**SMALL, "epochs": 3})
    record = run(config, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run/epoch-1").exists()
    again = run(config, out=tmp_path / "run", keep_epochs=True, progress=False)  # made once more, as its epochs were not kept
    assert again["scores"] == record["scores"] and again["made"] >= record["made"]
    assert run(config, out=tmp_path / "run", keep_epochs=True, progress=False)["made"] == again["made"]
    kept = [predict.Trained(tmp_path / f"run/epoch-{number}") for number in (1, 2, 3)]
    rows = read_rows("sst", "dev", home.scale("tiny").data)
    labels = np.array([int(example.label) for example in rows.examples])
    for one, entry in zip(kept, record["epochs"]):
        accuracy = (one.predict("sst", rows.examples).argmax(1) == labels).mean()
        assert accuracy == pytest.approx(entry["scores"]["sst"], abs=1e-5) == pytest.approx(one.record["scores"]["sst"], abs=1e-5)
    last = [str(tmp_path / f"run/epoch-{number}") for number in (2, 3)]
    assert cli.main(["ensemble", *last, "--average", str(tmp_path / "mean")]) == 0
    mean = predict.Trained(tmp_path / "mean")
    assert (
        mean.record["seconds"] == pytest.approx(again["epochs"][-1]["seconds"], abs=1e-4)
        and "(epoch 2)" in mean.record["notes"][0]
    )
    for name, tensor in mean.model.state_dict().items():
        if tensor.is_floating_point():
            assert torch.allclose(tensor, (kept[1].model.state_dict()[name] + kept[2].model.state_dict()[name]) / 2, atol=1e-6)
    assert cli.main(["train", "C2", "--keep-epochs"]) == 2 and "--out FOLDER" in capsys.readouterr().err


def test_an_epochs_folder_is_no_member_with_the_best_epochs_predictions(finished, tmp_path, capsys):
    record = run(
        system("C2", "tiny", **{**SMALL, "epochs": 2, "seed": 9}), out=tmp_path / "run", keep_epochs=True, progress=False
    )
    other = tmp_path / f"run/epoch-{3 - record['best_epoch']}"
    assert cli.main(["ensemble", str(other), "--task", "sst", "--scale", "tiny"]) == 2
    assert "predictions are not here (an epoch's folder has weights only)" in capsys.readouterr().err
    best = members.recorded(
        [str(tmp_path / f"run/epoch-{record['best_epoch']}")], "mini"
    )  # of its own scale, whichever is asked for
    assert [run["key"] for run in best] == [record["key"]] and records.has_predictions(best[0])


def test_epochs_that_a_stop_left_out_are_made(finished, tmp_path, monkeypatch, capsys):
    """Whether it stopped while they were kept, or before anybody asked for them."""
    config, update = system("C2", "tiny", **{**SMALL, "epochs": 2}), Trainer.update

    def stops(trainer, tasks):
        if trainer.step == 8:  # in the second epoch
            raise KeyboardInterrupt
        return update(trainer, tasks)

    def stopped(folder, **options):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(Trainer, "update", stops)
            run(config, out=folder, progress=False, **options)

    def kept(folder):
        run(config, out=folder, keep_epochs=True, progress=False)
        return [number for number in (1, 2) if (folder / f"epoch-{number}/result.json").is_file()]

    run(config, out=tmp_path / "done", progress=False)
    stopped(tmp_path / "done", keep_epochs=True)
    assert kept(tmp_path / "done") == [1, 2] and "anew" not in capsys.readouterr().err
    stopped(tmp_path / "late")
    assert kept(tmp_path / "late") == [1, 2] and "beginning anew" in capsys.readouterr().err
    assert [predict.Trained(tmp_path / f"late/epoch-{number}").record["best_epoch"] for number in (1, 2)] == [1, 2]


def test_the_rows_that_build_on_other_runs_find_them_by_name_and_scale(finished):
    place, folders = finished
    with pytest.raises(MinbertError, match="--teach team-tiny"):
        prepare(system("W-distilled", "tiny", **SMALL))
    predict.teach({"sst": folders}, "team-tiny")
    assert prepare(system("W-distilled", "tiny", **SMALL)).train["sst"].labels.shape == (96, 5)
    shutil.copytree(folders[0], place / "weights/three-tasks-tiny")
    made, first = prepare(system("W-tasks-first", "tiny", **SMALL)), predict.Trained(folders[0]).model
    assert all(torch.equal(a, b) for a, b in zip(made.model.bert.parameters(), first.bert.parameters(), strict=True))
    assert {system(name, "mini").start or system(name, "mini").soft_labels for name in ("W-distilled", "W-tasks-first")} == {
        "team-mini",
        "three-tasks-mini",
    }


def test_soft_labels_of_another_file_are_refused(finished):
    place, folders = finished
    predict.teach({"sst": [folders[0]]}, "one")
    with pytest.raises(MinbertError, match="names another teacher"):
        predict.teach({"sst": folders}, "one")
    path = place / "teachers/one/sst-train.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["sha256"], "0" * 16))
    with pytest.raises(MinbertError, match="was made of another file"):
        prepare(system("C2", "tiny", **SMALL, soft_labels="one"))
    with pytest.raises(MinbertError, match="ensemble RUN … --teach none"):
        prepare(system("C2", "tiny", **SMALL, soft_labels="none"))


@pytest.mark.parametrize(("task", "outputs", "soft"), [("qqp", [0.3, -2.0], [0.9, 0.2]), ("sts", [3.1, 0.4], [2.75, 1.5])])
def test_soft_labels_of_pairs_by_hand(task, outputs, soft):
    from minbert_lib.text.batching import Batch

    batch = Batch(task, *[None] * 3, torch.tensor(soft), torch.arange(2))
    p = 1 / (1 + np.exp(-np.array(outputs)))
    y = np.array(soft)
    by_hand = {"qqp": -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean(), "sts": ((np.array(outputs) - y) ** 2).mean()}[task]
    assert task_loss(torch.tensor(outputs), batch).item() == pytest.approx(by_hand, rel=1e-5)
