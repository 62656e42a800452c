"""Pre-training: resumes bit for bit, a short run is the beginning of a long one, and the loss goes down."""

import gzip
import json
import os
import signal

import numpy as np
import pytest
import torch
from fake_runs import fake

from minbert_lib.errors import MinbertError
from minbert_lib.lab import figures, pretraining, records, sweep
from minbert_lib.lab.config import RunConfig
from minbert_lib.learn import checkpoint
from minbert_lib.learn.pretrain import Pretrainer, at_step, masked_score
from minbert_lib.model import BertConfig, BertModel
from minbert_lib.model.mlm import MaskedLM
from minbert_lib.text import Tokenizer
from minbert_lib.text.lines import Text
from minbert_lib.text.sources import TEXTS

SHAPE = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, max_position_embeddings=40)
WORDS = "the a film story is was not very good bad dull funny king queen sees hears and but . ,".split()


@pytest.fixture
def tokenizer(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s"]))
    return Tokenizer(tmp_path)


def lines(n=90, seed=0):
    """Sentences with something to learn: the last word repeats the second."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        words = [str(word) for word in rng.choice(WORDS[2:16], rng.integers(2, 8))]
        out.append(" ".join([words[0], *words, words[0]]))
    return out


def trainer(tokenizer, text=None, **options):
    torch.manual_seed(0)
    config = BertConfig(vocab_size=len(tokenizer), **SHAPE)
    settings = {"lr": 1e-3, "batch_size": 16, "head_steps": 3, "warmup": 4, **options}
    return Pretrainer(MaskedLM(BertModel(config)), Text(text or lines(), tokenizer, 40), **settings)


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.model.state_dict().values(), b.model.state_dict().values(), strict=True))


def test_resumes_bit_for_bit_after_a_break_at_any_step(tokenizer, tmp_path):
    whole = trainer(tokenizer)
    whole.run(15)
    for stop in (1, 6, 14):
        folder = tmp_path / str(stop)

        def pull_the_plug(at, folder=folder, stop=stop):
            if at.step == stop:
                checkpoint.save(folder, at.state_dict())
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            trainer(tokenizer).run(15, folder, on_step=pull_the_plug)
        torch.manual_seed(99)  # what others draw has no say
        resumed = trainer(tokenizer)
        resumed.run(15, folder)
        assert same(resumed, whole) and resumed.curve == whole.curve


def test_a_short_run_is_the_beginning_of_a_long_one(tokenizer, tmp_path):
    long, short = trainer(tokenizer), trainer(tokenizer)
    long.run(12, tmp_path / "long", keep=(0, 5))
    short.run(5, tmp_path / "short")
    name = "model.safetensors"
    assert (at_step(tmp_path / "long", 5) / name).read_bytes() == (at_step(tmp_path / "short", 5) / name).read_bytes()
    further = trainer(tokenizer)
    further.run(12, tmp_path / "short")  # goes on from step 5
    assert same(further, long)
    loaded = MaskedLM.from_pretrained(at_step(tmp_path / "long", 12))
    assert torch.equal(loaded.bert.layers[1].output.dense.weight, long.model.bert.layers[1].output.dense.weight)


def test_the_head_alone_leaves_the_encoder_as_it_was(tokenizer):
    made = trainer(tokenizer, head_steps=20)
    before = {name: value.clone() for name, value in made.model.state_dict().items()}
    made.run(0)
    for name, value in made.model.state_dict().items():
        learned = name.startswith("cls.") and name != "cls.predictions.decoder.weight"
        assert torch.equal(before[name], value) != learned, name


def test_every_row_once_before_any_comes_again_and_each_pass_in_another_order(tokenizer):
    text = Text(lines(50), tokenizer)
    passes = []
    for n in range(2):
        rows = [tuple(row[mask].tolist()) for step in range(4) for row, mask in zip(*text.batch(4 * n + step, 16)[:2])]
        assert sorted(rows) == sorted(map(tuple, text.ids))
        passes.append(rows)
    assert passes[0] != passes[1]


def test_other_words_are_hidden_every_time(tokenizer):
    made = trainer(tokenizer)
    ids, mask, _ = made.text.batch(0, 16)
    first, again, later = made.mask(ids, mask, 0), made.mask(ids, mask, 0), made.mask(ids, mask, 6)
    assert torch.equal(first[0], again[0]) and not torch.equal(first[1], later[1])


def test_lines_pairs_and_packed_rows(tokenizer):
    text = Text(["a film", "the king\ta queen", "", "good " * 90, "good " * 60 + "\t" + "bad " * 60], tokenizer, 40)
    tokens = [tokenizer.tokens(ids) for ids in text.ids]
    assert len(tokens) == 4, "an empty line is no row"
    assert tokens[0] == "[CLS] a film [SEP]".split()
    assert tokens[1] == "[CLS] the king [SEP] a queen [SEP]".split() and text.types[1] == [0, 0, 0, 0, 1, 1, 1]
    assert len(tokens[2]) == 40 and len(tokens[3]) <= 40 and "bad" in tokens[3] and "good" in tokens[3]
    assert text.relation.tolist() == [-100] * 4
    packed = Text(["a film", "the king\ta queen\tgood", "not good"] * 20, tokenizer, 16, packed=True)
    rows = [tokenizer.tokens(ids) for ids in packed.ids]
    assert all(row[0] == "[CLS]" for row in rows) and {len(row) for row in rows[:-1]} == {16}
    stream = " ".join(" ".join(row[1:]) for row in rows)
    assert stream == " ".join(["a film [SEP] the king a queen [SEP] not good [SEP]"] * 20), "no word is lost"


def test_the_first_token_is_asked_how_two_sentences_are_related(tokenizer, monkeypatch):
    from minbert_lib.learn import pretrain

    asked = []
    monkeypatch.setattr(pretrain, "mlm_loss", lambda head, hidden, labels: asked.append(labels) or hidden.sum() * 0)
    made = trainer(tokenizer, ["a film\tthe story\tgood", "bad film", "dull king\tfunny queen"] * 5, head_steps=0)
    made.run(1)
    (labels,), index = asked, made.text.index(0, 16, 0)
    good = tokenizer.vocab["good"]
    assert labels[:, 0].tolist() == [good if i % 3 == 0 else -100 for i in index]
    assert all(good not in ids for i, ids in enumerate(made.text.ids) if i % 3 == 0), "the word itself is not to be seen"


def test_it_learns_and_layer_decay_slows_the_lower_layers(tokenizer):
    made = trainer(tokenizer, lines(400), lr=3e-3, head_steps=0, share=0.3)
    held_out = Text(lines(60, seed=5), tokenizer)
    before, _ = masked_score(made.model, held_out)
    made.run(120)
    after, right = masked_score(made.model, held_out)
    assert after < before - 0.4 and right > 0.1
    decayed = trainer(tokenizer, layer_decay=0.5)
    assert sorted({round(rate / 1e-3, 4) for rate in decayed.rates}) == [0.25, 0.5, 1.0]


def test_a_rate_that_explodes_is_named(tokenizer):
    with pytest.raises(MinbertError, match="not finite"):
        trainer(tokenizer, lr=1e30, warmup=0, head_steps=0).run(20)


# As a part of a run --------------------------------------------------------------------------------------------------


@pytest.fixture
def place(tokenizer, tmp_path, monkeypatch):
    """A MINBERT_HOME with a checkpoint and a text."""
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=len(tokenizer), **SHAPE)).save_pretrained(tmp_path)
    monkeypatch.setenv("MINBERT_HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "text").mkdir(parents=True)
    with gzip.open(tmp_path / "home/text/rotten_tomatoes_critics.txt.gz", "wt") as file:
        file.write("\n".join(lines(40)))
    return tmp_path


def config(place, steps=6, **options):
    return RunConfig(start=str(place), pretrain={"text": "critics", "steps": steps, "lr": 1e-3, "batch_size": 8, **options})


def test_a_folder_is_made_once_and_longer_runs_go_on_from_it(place):
    first = pretraining.pretrained(config(place, 6), keep=(3,))
    made = (first / "model.safetensors").stat().st_mtime_ns
    assert pretraining.pretrained(config(place, 6)) == first and (first / "model.safetensors").stat().st_mtime_ns == made
    middle = pretraining.pretrained(config(place, 3))
    assert middle.parent == first.parent and (middle / "model.safetensors").stat().st_mtime_ns < made
    seen = []
    longer = pretraining.pretrained(config(place, 9), show=lambda trainer: seen.append(trainer.step))
    assert longer.parent == first.parent and seen == [7, 8, 9]
    assert pretraining.pretrained(config(place, 6, lr=2e-3)).parent != first.parent
    assert json.loads((first.parent / "settings.json").read_text())["share"] == 0.15
    assert BertModel.from_pretrained(first) and Tokenizer(first)


def test_fewer_steps_than_the_checkpoint_begin_anew_and_agree(place):
    pretraining.pretrained(config(place, 8), keep=(5,))
    five = pretraining.pretrained(config(place, 5))
    kept = (five / "model.safetensors").read_bytes()
    (five / "model.safetensors").unlink()
    assert (pretraining.pretrained(config(place, 5)) / "model.safetensors").read_bytes() == kept


def test_an_absent_text_is_told_with_where_to_find_one(place):
    (place / "home/text/rotten_tomatoes_critics.txt.gz").unlink()
    with pytest.raises(MinbertError, match="critics.txt.gz is missing: .*kaggle.com/datasets/.*CC0.*dev and test.*one a line"):
        pretraining.text_of("critics", "tiny")
    assert set(TEXTS) == set(pretraining.FILES)


def test_texts(place, monkeypatch):
    own = place / "own.txt"
    own.write_text("a good film\na bad film\n\na good film\n", encoding="utf-8")
    assert pretraining.text_of(str(own), "tiny") == ["a good film", "a bad film"]
    assert len(pretraining.text_of(f"critics, {own}", "tiny")) == len(set(lines(40))) + 2
    sst = pretraining.text_of("sst", "tiny")
    assert len(sst) > 1000 and len(pretraining.text_of("sst,qqp,sts", "tiny")) > len(sst) + 3000


@pytest.mark.parametrize(
    "options, words",
    [
        ({"text": "reviews"}, "kindle_reviews.txt.gz is missing"),
        ({"text": "no/such/file.txt"}, "there is no text"),
        ({"text": ""}, "holds no line"),
        ({"step": 3}, "no setting 'step'"),
        ({"masking": "some"}, "masking"),
        ({"replace": "some"}, "replace"),
        ({"steps": -1}, "steps"),
        ({"share": 0}, "share"),
        ({"lr": 0}, "lr"),
    ],
)
def test_bad_settings_are_named(place, options, words):
    with pytest.raises(MinbertError, match=words):
        pretraining.pretrained(config(place, **options))


def test_a_damaged_text_is_named(place):
    (place / "bad.txt").write_bytes(b"\xff\xfe\x00film")
    (place / "bad.txt.gz").write_bytes(b"no gzip")
    for name in ("bad.txt", "bad.txt.gz"):
        with pytest.raises(MinbertError, match=name):
            pretraining.text_of(str(place / name), "tiny")


def test_ctrl_c_waits_for_the_end_of_a_step_saves_and_says_how_to_go_on(tokenizer, tmp_path, capsys):
    whole, cut = trainer(tokenizer), trainer(tokenizer)
    whole.run(12, tmp_path / "whole")
    stepped = cut.optimizer.step

    def interrupted_within(*arguments, **named):
        if cut.step == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return stepped(*arguments, **named)

    cut.optimizer.step = interrupted_within
    with pytest.raises(KeyboardInterrupt):
        cut.run(12, tmp_path / "cut")
    assert "stands at step 6 of 12; the same command goes on from there" in capsys.readouterr().err
    resumed = trainer(tokenizer)
    resumed.run(12, tmp_path / "cut")
    assert same(resumed, whole) and resumed.curve == whole.curve


@pytest.mark.parametrize("part", ["loss", "gradient"])
def test_what_is_not_finite_stops_with_step_lines_and_cause_and_the_state_before(tokenizer, tmp_path, part):
    broken = trainer(tokenizer)
    loss_of = broken._loss

    def breaks(step, head_only=False):
        loss = loss_of(step, head_only)
        if step == 4 and not head_only:
            if part == "loss":
                return loss * float("nan")
            loss.register_hook(lambda gradient: gradient * float("inf"))
        return loss

    broken._loss = breaks
    with pytest.raises(MinbertError, match=rf"the {part} is not finite at step 5 \(lines \[.*most likely its lr is too high"):
        broken.run(8, tmp_path)
    state, _ = checkpoint.load(tmp_path)
    assert state["counters"]["step"] == 4 and all(value.isfinite().all() for value in state["model"].values())


# Against steps -------------------------------------------------------------------------------------------------------


def test_the_figure_draws_every_text_from_the_same_start(empty_home, monkeypatch):
    """W-domain's runs are lines beside S13's; the recorded steps are the ticks; rates and spread are told."""
    monkeypatch.setattr(records, "folders", lambda: [empty_home / "runs"])
    for config in (*sweep.of_row("S13", (0, 1), "mini", epochs=1), *sweep.of_row("W-domain", (0, 1), "mini", epochs=1)):
        few = {"limit": {"qqp": 90}, "dev_limit": {"qqp": 20}} if config.tasks == ("qqp",) else {}
        fake(config.with_(**few), empty_home / "runs")
    figure = figures.draw("07_1_against_steps")
    sst, qqp, sts = figure.axes
    ways = [text.get_text() for text in sst.get_legend().get_texts()]
    assert ways == ["critics, lr 5e-05", "sst, lr 2.5e-05", "sst, lr 5e-05", "sst, lr 5e-05, ×0.95 a layer"]
    assert [list(axes.get_xticks()) for axes in (sst, qqp, sts)] == [[0, 500, 2000, 8000], [0, 500, 2000], [0, 500, 2000]]
    lines = [line for line in sst.get_lines() if line.get_label() in ways]
    assert {tuple(line.get_xdata()) for line in lines} == {(0, 500, 2000, 8000)}
    assert len({line.get_ydata()[0] for line in lines}) == 1, "at 0 steps stand the runs without pre-training"
    caption = " ".join(figure.get_supxlabel().split())
    assert "SST, STS: an invented model (mini): 32 runs, 2 seeds, 1 epoch; unlike S13: epochs = 1. QQP:" in caption
    assert "fine-tuning seeds alone. Rates are the reports' times 5" in caption and "2.5e-05 here is their 5e-6" in caption
