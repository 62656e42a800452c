"""Augmentation: labels kept, four pairs from one, a real (small, untrained) translator, and nothing translated twice."""

import builtins
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from minbert_lib.errors import MinbertError
from minbert_lib.home import scale
from minbert_lib.text import augment as module
from minbert_lib.text.augment import augment
from minbert_lib.text.rows import Example, Rows

PAIRS = [("the man eats", "a man is eating"), ("a dog runs", "the cat sleeps"), ("the man eats", "a dog runs")]


def pairs():
    return Rows("sts", "train", [Example(f"p{n}", texts, float(n)) for n, texts in enumerate(PAIRS)], Path("sts"), "abc")


def films(n=200):
    texts = [f"this film number {i} is a good and quiet one" for i in range(n)]
    return Rows("sst", "train", [Example(f"s{i}", (text,), i % 5) for i, text in enumerate(texts)], Path("sst"), "abc")


def test_a_pair_becomes_four(monkeypatch):
    monkeypatch.setitem(module.CHANGES, "swap", lambda texts, *_: [text.upper() for text in texts])
    rows = augment(pairs(), "swap", scale("tiny"))  # short for {"how": "swap"}
    assert len(rows) == 12 and rows.examples[:3] == pairs().examples
    for n, (u, v) in enumerate(PAIRS):
        of_one = [example for example in rows.examples if example.id.split("-")[0] == f"p{n}"]
        four = [(u, v), (u.upper(), v), (u, v.upper()), (u.upper(), v.upper())]
        assert Counter(example.texts for example in of_one) == Counter(four)
        assert {example.label for example in of_one} == {float(n)}
    assert len({example.id for example in rows.examples}) == 12
    assert rows.sha256 != pairs().sha256 and rows.task == "sts"


@pytest.mark.parametrize("how", ["word_dropout", "swap"])
def test_cheap_ways(how):
    rows = augment(films(), {"how": how, "share": 0.2, "times": 2}, scale("tiny"), seed=1)
    assert len(rows) == 600
    old = {example.id: example for example in films().examples}
    new = rows.examples[200:]
    for example in new:
        source = old[example.id.split("-")[0]]
        had, has = Counter(source.texts[0].split()), Counter(example.texts[0].split())
        assert example.label == source.label and has and not has - had
        assert how == "word_dropout" or has == had and example.texts != source.texts
    if how == "word_dropout":  # 10 words each: the share left out is .2, within five standard deviations
        left = sum(len(example.texts[0].split()) for example in new) / (400 * 10)
        assert abs(left - 0.8) < 5 * (0.16 / 4000) ** 0.5
    assert new[0].texts != new[200].texts or new[1].texts != new[201].texts, "the second time draws anew"
    again = augment(films(), {"how": how, "share": 0.2, "times": 2}, scale("tiny"), seed=1)
    other = augment(films(), {"how": how, "share": 0.2, "times": 2}, scale("tiny"), seed=2)
    assert again.examples == rows.examples and other.examples != rows.examples and again.sha256 == rows.sha256


def test_one_word_stays_one_word():
    rows = Rows("sst", "train", [Example("s", ("good",), 4)], Path("sst"), "abc")
    for how in ("word_dropout", "swap"):
        assert augment(rows, {"how": how, "share": 1.0}, scale("tiny")).examples[1].texts == ("good",)


@pytest.fixture
def speaker(tmp_path):
    """A checkpoint with a masked-language head."""
    from minbert_lib.model import BertConfig, BertModel
    from minbert_lib.model.mlm import MaskedLM

    words = "[PAD] [UNK] [CLS] [SEP] [MASK] this film number is a good and quiet one dull".split() + [str(n) for n in range(200)]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    shape = dict(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, max_position_embeddings=24)
    torch.manual_seed(0)
    MaskedLM(BertModel(BertConfig(vocab_size=len(words), **shape))).save_pretrained(tmp_path)
    return tmp_path


def test_refill(speaker):
    place = SimpleNamespace(weights=speaker)
    rows = augment(films(90), {"how": "refill", "share": 0.3, "times": 1}, place, seed=3)
    changed = 0
    for old, new in zip(rows.examples[:90], rows.examples[90:], strict=True):
        before, after = old.texts[0].split(), new.texts[0].split()
        assert len(before) == len(after) and not any(word.startswith("[") for word in after)
        changed += sum(u != v for u, v in zip(before, after))
    assert 0.2 < changed / (90 * 10) < 0.4
    assert rows.examples == augment(films(90), {"how": "refill", "share": 0.3}, place, seed=3).examples


def test_refill_needs_a_head_that_has_learned(speaker):
    from minbert_lib.model import BertModel

    BertModel.from_pretrained(speaker).save_pretrained(speaker)
    with pytest.raises(MinbertError, match="no masked-language head"):
        augment(films(3), {"how": "refill"}, SimpleNamespace(weights=speaker))


# Through another language --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def translators(tmp_path_factory):
    """Two Marian folders, as the hub has them, with a few random weights each."""
    transformers = pytest.importorskip("transformers", reason="back translation is an extra: transformers is not installed")
    pieces = pytest.importorskip("sentencepiece", reason="back translation is an extra: sentencepiece is not installed")
    made = []
    for name in ("there", "back"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "text.txt").write_text("\n".join(f"{u} . {v} {n}" for n in range(30) for u, v in PAIRS))
        for side in ("source", "target"):
            pieces.SentencePieceTrainer.train(
                input=str(folder / "text.txt"),
                model_prefix=str(folder / side),
                vocab_size=40,
                hard_vocab_limit=False,
                minloglevel=2,
            )
            (folder / f"{side}.model").rename(folder / f"{side}.spm")
        spm = pieces.SentencePieceProcessor(model_file=str(folder / "source.spm"))
        words = ["</s>", "<unk>", *(spm.id_to_piece(n) for n in range(3, len(spm))), "<pad>"]
        (folder / "vocab.json").write_text(json.dumps({word: n for n, word in enumerate(words)}))
        tokenizer = transformers.MarianTokenizer(
            str(folder / "source.spm"), str(folder / "target.spm"), str(folder / "vocab.json"), source_lang="en", target_lang="zh"
        )
        tokenizer.save_pretrained(folder)
        pad, small = len(words) - 1, dict(d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2)
        torch.manual_seed(0)
        config = transformers.MarianConfig(
            vocab_size=len(words), decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, max_position_embeddings=64,
            pad_token_id=pad, eos_token_id=0, decoder_start_token_id=pad, forced_eos_token_id=0, max_length=24, **small,
        )  # fmt: skip
        transformers.MarianMTModel(config).save_pretrained(folder)
        made.append(str(folder))
    return {"how": "back_translation", "there": made[0], "back": made[1], "beams": 2}


def test_back_translation_is_translated_once_and_resumes(translators, empty_home, monkeypatch):
    asked = []
    translate = module._translate

    def watched(texts, *rest):
        asked.append(list(texts))
        if len(asked) == 3:  # the first chunk is saved, the second is under way
            raise KeyboardInterrupt
        return translate(texts, *rest)

    monkeypatch.setattr(module, "_translate", watched)
    monkeypatch.setattr(module, "CHUNK", 2)
    with pytest.raises(KeyboardInterrupt):
        augment(pairs(), translators, scale("tiny"))
    rows = augment(pairs(), translators, scale("tiny"))
    assert len(rows) == 12 and sorted(sum(asked[0::2][:1] + asked[3::2], [])) == sorted({t for pair in PAIRS for t in pair})
    count = len(asked)
    assert augment(pairs(), translators, scale("tiny")).examples == rows.examples and len(asked) == count
    (table,) = (empty_home / "translations").glob("*.json")
    known = json.loads(table.read_text())
    assert set(known) == {text for pair in PAIRS for text in pair} and all(known.values())
    quick = [example for example in rows.examples if example.id.startswith("p0-")]
    u, v = PAIRS[0]
    assert [example.texts for example in quick] == [(u, known[v]), (known[u], v), (known[u], known[v])]


def test_without_fetching_a_folder_or_a_table_is_enough(translators, empty_home, monkeypatch):
    import transformers

    asked = []

    def nowhere(name, **options):
        asked.append(options)
        raise OSError("it is not in the cache")

    at_home = {**translators, "fetch": False}
    rows = augment(pairs(), at_home, scale("tiny"))  # from the folders
    monkeypatch.setattr(transformers.MarianMTModel, "from_pretrained", nowhere)
    assert augment(pairs(), at_home, scale("tiny")).examples == rows.examples and not asked  # from the table
    for fetch, words in ((False, "opus-mt-en-de.*not on this machine.*fetched once"), (True, "not in the cache.*online once")):
        with pytest.raises(MinbertError, match=words):
            augment(pairs(), {"how": "back_translation", "language": "de", "fetch": fetch}, scale("tiny"))
    assert asked == [{"local_files_only": True}, {"local_files_only": False}]


def test_a_damaged_table_is_named(translators, empty_home):
    augment(pairs(), translators, scale("tiny"))
    (table,) = (empty_home / "translations").glob("*.json")
    table.write_text(table.read_text()[:20])
    with pytest.raises(MinbertError, match="remove it"):
        augment(pairs(), translators, scale("tiny"))


def test_offline_and_without_transformers_one_line_says_what_to_do(empty_home, monkeypatch):
    pytest.importorskip("transformers", reason="back translation is an extra: transformers is not installed")
    with pytest.raises(MinbertError, match="opus-mt-en-de.*online"):
        augment(pairs(), {"how": "back_translation", "language": "de"}, scale("tiny"))
    real = builtins.__import__

    def without(name, *rest):
        if name == "transformers":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MinbertError, match="pip install"):
        augment(pairs(), {"how": "back_translation"}, scale("tiny"))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"how": "magic"}, "magic"),
        ({}, "one of"),
        ({"how": "swap", "language": "zh"}, "no option 'language'"),
        ({"how": "swap", "share": 0}, "share"),
        ({"how": "swap", "times": 0}, "times"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(MinbertError, match=words):
        augment(pairs(), options, scale("tiny"))
