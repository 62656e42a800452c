"""A person with a deadline types wrong things: every one is answered in one line that names what is wrong, with status 2."""

import shlex

import pytest

from minbert_lib import cli

LINES = """train C9 → C2
train C2 --set lr → name=value
train C2 --set lr=fast → lr
train C2 --set lr=nan → lr
train C2 --set tasks=sst,foo → foo
train C2 --set limit=5 → limit
train C2 --set 'limit={"sst": "a"}' → limit
train C2 --set 'batch_size={"sst": null}' → batch_size
train C2 --set epochs=99999999999 → epochs
train C2 --out file → file
train C2 --out file/folder → folder
train C2 --set start=nowhere → nowhere
train C2 --set soft_labels=nowhere → nowhere
train C2 --set sampling=foo → foo
train C2 --set schedule=foo → foo
train C2 --set pooling=foo → foo
train C2 --set activation=foo → foo
train C2 --set precision=foo → foo
train C2 --set beside=foo → foo
train C2 --set hidden_dropout=1.5 → hidden_dropout
train C2 --set 'pretrain={"steps": "x"}' → steps
train C2 --set 'pretrain={"lr": null}' → lr
train C2 --set 'pretrain={"text": 5}' → text
train C2 --set 'pretrain={"seed": -1}' → seed
train C2 --set 'augment={"sst": {"how": "foo"}}' → foo
train C2 --set 'augment={"sst": 5}' → augment
train C2 --set 'augment={"sst": ["swap"]}' → augment
train C2 --set 'augment={"sst": {"how": "swap", "share": "a"}}' → share
train C2 --set smart=1 --set 'smart_options={"foo": 5}' → foo
train C2 --set smart=1 --set 'smart_options={"eps": "a"}' → smart_options
train C2 --set bregman=1 --set 'bregman_options={"beta": "a"}' → bregman_options
train C2 --set own_layers=99 → own_layers
train C1 --set head_lr=0 → head_lr
train C2 --set task_weights=-1 → task_weights
train C2 --seed -1 → seed
train C2 --max-memory 10 → too few
train C2 --max-memory 0 → too few
predict nowhere --out o → nowhere
predict folder --out o → result.json
sweep C2 --grid lr --plan → lr
sweep C2 --grid lr=a,b --plan → lr
sweep C2 --grid foo=1 --plan → foo
sweep C2 --grid lr=1e-5,1e-4 --set lr=1e-5 --plan → to vary and to stay
sweep C2 --grid seed=0,1 --plan → --seeds
sweep C2 --grid scale=tiny,mini --random 2 --plan → --scale
sweep C2 --seeds a,b --plan → seeds
sweep C2 --grid lr=1e-5 --workers 0 → workers
sweep C2 --random 5 → --grid
sweep C2 --grid lr=1e-5,1e-4 --random 0 → --random
sweep C2 --ray local --workers 3 → --workers
predict folder --out o --task sst --split dev --file file --data folder → --data
ensemble C2 --scale mini --limit -3 → limit of -3
ensemble C2 --scale mini --limit 0 → limit of 0
ensemble folder --average o --out o → --out
ensemble folder --average o --teach o → --teach
ensemble folder --average o --task sst → --task
ensemble folder --average o --limit 2 → --limit
ensemble folder --average o --folds 3 → --folds
ensemble folder --average o --replacement → --replacement
figures nowhere → nowhere
figures 04_1_learning_curves --out file → file
progress --out folder → a folder of this name
data foo → --get
data --get foo → foo
data --get sst --source nonsense → no address
data --get sst --source file:///nowhere → cannot be reached
grade nowhere → nowhere
grade submitted --out file/x.csv → x.csv
grade submitted --seconds nan → seconds
notebooks --run 77 → 77
notebooks --check --record → --run
notebooks --build 77 → 77""".splitlines()


@pytest.mark.parametrize("line", LINES)
def test_what_is_wrong_is_told_in_one_line(line, empty_home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/result.json").write_text("{}")
    (tmp_path / "submitted").mkdir()
    (tmp_path / "submitted/a.ipynb").write_text("[]")
    command, _, word = line.partition(" → ")
    try:
        status = cli.main(shlex.split(command))
    except SystemExit as stop:  # argparse answers some itself
        status = stop.code
    said = capsys.readouterr().err.strip().splitlines()
    assert status == 2 and word in said[-1] and "error:" in said[-1] or said[-1].startswith("minbert: ") and word in said[-1], (
        said
    )
    assert (tmp_path / "file").read_text() == "x" and not list(tmp_path.rglob("*.part"))
