"""The committed predictions: files as the course wants them, scores as the README says, and runs that give them again byte for byte."""

import re
import shlex

import numpy as np
import pytest

from minbert_lib import cli
from minbert_lib.errors import MinbertError
from minbert_lib.home import scale
from minbert_lib.lab import members, records, stats
from minbert_lib.lab.config import parse_setting
from minbert_lib.lab.ensemble import average_predictions
from minbert_lib.lab.facts import facts
from minbert_lib.lab.predict import command_of
from minbert_lib.lab.submission import SPLITS, STEMS, check_submission, header, read_submission, submission_path
from minbert_lib.lab.systems import system
from minbert_lib.learn.metrics import decide, means
from minbert_lib.text import iter_file
from minbert_lib.text.rows import find_file

FOLDERS = ("best-single", "best-ensemble")
FILES = [(task, split) for task in STEMS for split in SPLITS]


@pytest.fixture(autouse=True)
def only_committed(repo, monkeypatch):
    """Whatever else is recorded on this machine has no say."""
    monkeypatch.setattr(records, "folders", lambda: [repo / "data/runs"])


@pytest.fixture
def place(repo):
    return repo / "data/predictions"


@pytest.fixture
def told(place):
    return members.read_ensemble(place / "best-ensemble")


@pytest.fixture
def known():
    return {run["key"]: run for run in records.load_all(scale="mini") if records.has_predictions(run)}


@pytest.fixture
def data(real_home, told, known):
    """The folder of the files that were predicted, or a skip that says which one is missing or another."""
    folder, first = scale("mini").data, known[told["tasks"]["qqp"]["members"][0]["key"]]
    for task, split in FILES:
        try:
            path = find_file(task, split, folder)
        except MinbertError as error:
            pytest.skip(str(error))
        if split == "dev" and records.fingerprint(path) != first["data"][f"dev/{task}"]["sha256"]:
            pytest.skip(f"{path} is not the file that the committed predictions are of")
    return folder


def read(folder, task, split="dev"):
    return list(read_submission(submission_path(folder, task, split), task))


def values(folder, task, split="dev"):
    return np.array([value for _, value in read(folder, task, split)])


def dev_scores(folder, run):
    """The scores of a folder's dev files, by the labels that are kept of the file that `run` was scored on."""
    metric = {"sst": stats.accuracy, "qqp": stats.accuracy, "sts": stats.pearson}
    scores = {task: metric[task](values(folder, task), facts(run, task)["labels"]) for task in STEMS}
    return scores | means(scores)


@pytest.mark.parametrize("task, split", FILES)
def test_both_folders_have_the_header_and_the_same_ids_in_the_same_order(place, task, split):
    ids = []
    for name in FOLDERS:
        path = submission_path(place / name, task, split)
        assert path.read_text(encoding="utf-8").split("\n")[0] + "\n" == header(task)
        ids.append([name for name, _ in read(place / name, task, split)])
    assert ids[0] == ids[1] and len(set(ids[0])) == len(ids[0]) > 800


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("task, split", FILES)
def test_ids_and_row_counts_are_those_of_the_data(place, data, name, task, split):
    ids = (example.id for example in iter_file(find_file(task, split, data), task, split))
    assert check_submission(submission_path(place / name, task, split), ids, task) == []


def test_the_best_single_is_what_one_recorded_run_says_and_scores(place, known):
    folder = place / "best-single"
    says = {file: values(folder, *file) for file in FILES}
    same = [run for run in known.values() if set(STEMS) <= run["scores"].keys() and _predicted(run, says)]
    assert len(same) == 1, "no recorded run, or more than one, gives data/predictions/best-single"
    assert dev_scores(folder, same[0]) == pytest.approx(same[0]["scores"], abs=1e-5)


def _predicted(run, says):
    """Did this run say that, in every file?"""
    stored = records.predictions(run)
    there = all(task in stored.get(split, {}) for task, split in says)
    return there and all(np.array_equal(decide(stored[split][task], task), answers) for (task, split), answers in says.items())


def test_the_ensemble_is_the_mean_of_the_members_that_it_names(place, told, known):
    for task, split in FILES:
        stored = [records.predictions(known[member["key"]])[split][task] for member in told["tasks"][task]["members"]]
        answers = [value for _, value in read(place / "best-ensemble", task, split)]
        assert np.array_equal(decide(average_predictions(stored), task), answers)
    named = {member["key"]: member for team in told["tasks"].values() for member in team["members"]}
    assert len(named) == told["models"] and told["parameters"] == sum(known[key]["parameters"] for key in named)
    assert all((known[key]["name"], known[key]["config"]["seed"]) == (one["name"], one["seed"]) for key, one in named.items())


def test_its_scores_are_those_of_its_files_and_its_choice_is_made_again(place, told, known):
    first = known[told["tasks"]["qqp"]["members"][0]["key"]]
    scores = dev_scores(place / "best-ensemble", first)
    assert {task: team["dev"] for task, team in told["tasks"].items()} == pytest.approx(
        {task: scores[task] for task in STEMS}, abs=1e-6
    )
    assert (told["mean"]["dev"], told["mean_norm"]["dev"]) == pytest.approx((scores["mean"], scores["mean_norm"]), abs=1e-6)
    for task, team in told["tasks"].items():
        again = members.choose([known[key] for key in team["candidates"]], (task,), least=0)[task]
        assert [run["key"] for run in again.runs] == [member["key"] for member in team["members"]]
        assert again.honest.honest == pytest.approx(team["cross_validated"], abs=1e-6)


def test_its_candidates_are_all_recorded_runs_of_two_epochs_at_least(told, known):
    for task, team in told["tasks"].items():
        runs = members.pool(task, members.taught(list(known.values()), epochs=2)).runs
        assert sorted(team["candidates"]) == sorted(run["key"] for run in runs), f"{task}: make best-ensemble again"


def test_its_command_writes_the_same_files_byte_for_byte(place, told, data, tmp_path):
    command = told["command"].replace("FOLDER", str(tmp_path)).split()
    assert command[0] == "minbert" and cli.main(command[1:]) == 0
    committed = sorted(path.name for path in (place / "best-ensemble").iterdir())
    assert committed == sorted(path.name for path in tmp_path.iterdir()) and len(committed) == len(FILES) + 1
    for name in committed:
        assert (place / "best-ensemble" / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_the_readme_says_what_the_files_score(place, told, known, repo):
    text = " ".join((repo / "README.md").read_text(encoding="utf-8").split())
    first = known[told["tasks"]["qqp"]["members"][0]["key"]]
    for name in FOLDERS:
        found = re.search(rf"`{name}`:.*? dev (\.\d+) \(SST\), (\.\d+) \(QQP\), (\.\d+) \(STS\), mean (\.\d+)", text)
        scores = dev_scores(place / name, first)
        assert found and found.groups() == tuple(f"{scores[part]:.3f}"[1:] for part in (*STEMS, "mean")), name
    honest = told["mean"]["cross_validated"]
    fair, luck = (f"{value:.3f}"[1:] for value in (honest, told["mean"]["dev"] - honest))
    assert f"({fair} on folds that had no part in the choice: {luck} of it is luck)" in text


def test_the_command_that_is_told_makes_the_very_run(known):
    """A rate may be .00015 or a hair above it; both were recorded, under two keys."""
    for run in known.values():
        words = shlex.split(command_of(run))
        changes = dict(parse_setting(text) for text in words[8::2])
        assert words[:2] == ["minbert", "train"] and words[3:7:2] == ["--scale", "--seed"]
        made = system(words[2], words[4], int(words[6]), **changes)
        assert made.with_(name=run["name"]).key() == run["key"], words
