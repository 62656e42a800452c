"""Rows, word pieces and batches: every bad row is told with its place, every example is read once, ids are BERT's."""

import gzip

import numpy as np
import pytest
import torch
import transformers
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from minbert_lib.errors import MinbertError
from minbert_lib.text import TASKS, Dataset, Example, Rows, Tokenizer, read_file, read_rows, truncate
from minbert_lib.text.rows import spread

HEADER = "\tid\tsentence\tsentiment\n"
PAIRS = "\tid\tsentence1\tsentence2\tsimilarity\n"
FUZZ = dict(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def sst(tmp_path, body, name="ids-sst-dev.csv", header=HEADER):
    path = tmp_path / name
    path.write_bytes((header + body).encode() if isinstance(body, str) else body)
    return path


def refused(path, task="sst", split="dev"):
    with pytest.raises(MinbertError) as error:
        read_file(path, task, split)
    text = str(error.value)
    assert text.startswith((str(path), "cannot read")) and "\n" not in text and len(text) < 500, text
    return text


# rows -----------------------------------------------------------------------------------------------------------------


def test_good_rows(tmp_path):
    path = sst(tmp_path, '0\ta1\t A good film .\t3\n1\tb2\t"He said ""no"""\t0.0\n')
    rows = read_file(path, "sst")
    assert rows.examples == [Example("a1", ("A good film .",), 3), Example("b2", ('He said "no"',), 0)]
    assert rows.fingerprint()["rows"] == 2 and rows.problems == []


@pytest.mark.parametrize(
    "row, reason",
    [
        ("1\tb\t\t3", "'sentence' is empty"),
        ("1\tb\t   \t3", "'sentence' is empty"),
        ("1\t\tgood\t3", "id is empty"),
        ("1\tb\tgood\t", "label"),
        ("1\tb\tgood", "label"),
        ("1\tb", "'sentence' is empty"),
        ("1\tb\tgood\tfive", "'five' is not a number"),
        ("1\tb\tgood\t5", "outside 0 … 4"),
        ("1\tb\tgood\t-1", "outside 0 … 4"),
        ("1\tb\tgood\tnan", "outside"),
        ("1\tb\tgood\tinf", "outside"),
        ("1\tb\tgood\t1.5", "whole number"),
        ("1\tb\tgood\t3\textra", "more fields"),
        ('1\tb\t"good\t3', "not a readable row"),
        ('1\tb\t"good" bad\t3', "not a readable row"),
        ("1\tb\t" + "x" * 120_000 + "\t3", "characters"),
        ("1\tb\t" + "x" * 200_000 + "\t3", "not a readable row"),
    ],
)
def test_every_kind_of_bad_row_is_told_with_its_place(tmp_path, row, reason):
    path = sst(tmp_path, f"0\ta\tfine\t1\n{row}\n")
    text = refused(path)
    assert f"{path}:3: " in text and reason in text


@pytest.mark.parametrize("label, fine", [("0", True), ("5.0", True), ("2.75", True), ("5.01", False), ("", False)])
def test_scores_may_be_fractions(tmp_path, label, fine):
    path = sst(tmp_path, f"0\ta\tone\ttwo\t{label}\n", "sts-dev.csv", PAIRS)
    if fine:
        assert read_file(path, "sts").examples[0] == Example("a", ("one", "two"), float(label))
    else:
        assert f"{path}:2: " in refused(path, "sts")


@pytest.mark.parametrize("column", ["id", "sentence", "sentiment"])
def test_a_missing_column_is_named(tmp_path, column):
    path = sst(tmp_path, "0\ta\tfine\t1\n", header=HEADER.replace(column, "other"))
    text = refused(path)
    assert f"{path}:1:" in text and repr(column) in text and "'other'" in text


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "no column 'id'"),
        (HEADER.encode(), "no rows"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "not a text file"),
        ((HEADER + "0\ta\tfine\t1\n").encode("utf-16"), "not a text file"),
        (HEADER.encode() + b"0\ta\tfi\0ne\t1\n", "not a text file"),
        (HEADER.encode() + b"0\ta\tfine\t1\n1\tb\tcaf\xe9\t1\n", ":3: not UTF-8"),
        (b"id,sentence,sentiment\n1,a,2\n", "no column 'id'"),
        (b"x" * 300_000, "not a readable row"),
        (b"<html>404</html>\n", "no column"),
    ],
)
def test_files_that_are_no_tables(tmp_path, content, said):
    assert said in refused(sst(tmp_path, content))


def test_byte_order_mark_and_line_ends(tmp_path):
    body = (HEADER + "0\ta\tfine\t1\n").replace("\n", "\r\n")
    rows = read_file(sst(tmp_path, b"\xef\xbb\xbf" + body.encode()), "sst")
    assert rows.examples == [Example("a", ("fine",), 1)]


def test_gzip_is_read_and_a_broken_one_is_told(tmp_path):
    whole = gzip.compress((HEADER + "".join(f"{n}\tid{n}\tfine {n}\t1\n" for n in range(500))).encode())
    path = sst(tmp_path, whole, "ids-sst-train.csv.gz")
    assert len(read_rows("sst", "train", tmp_path)) == 500
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 255
    halves = whole[: len(whole) // 2], whole[:-1], whole[:-8] + b"\0" * 8
    for content in (*halves, bytes(flipped), b"\x1f\x8b", b"not gzip at all"):
        path.write_bytes(content)
        assert "gzip" in refused(path, split="train") or content == bytes(flipped)


def test_known_bad_rows_are_counted_and_one_more_is_refused(tmp_path):
    header = "\tid\tsentence1\tsentence2\tis_duplicate\n"
    bad = "1\tb\tno label here\t?\t\n"
    good = "0\ta\tone\ttwo\t1.0\n"
    path = sst(tmp_path, good + bad * 2 + good, "quora-dev.csv", header)
    rows = read_file(path, "qqp")
    assert len(rows) == 2 and rows.fingerprint()["skipped"] == 2
    assert [problem.split(": ")[0] for problem in rows.problems] == [f"{path}:3", f"{path}:4"]
    sst(tmp_path, good + bad * 3, "quora-dev.csv", header)
    assert f"{path}:5: " in refused(path, "qqp")


def test_test_files_have_no_labels(tmp_path):
    path = sst(tmp_path, "1\t0.0\ta\t fine\n", "ids-sst-test-student.csv", "0\t\tid\tsentence\n")
    assert read_rows("sst", "test", tmp_path).examples == [Example("a", ("fine",), None)]
    assert path.exists()


def test_what_is_not_there_is_named(tmp_path):
    for task, split, said in (("sst", "dev", "ids-sst-dev.csv is missing"), ("imdb", "dev", "imdb"), ("sst", "all", "all")):
        with pytest.raises(MinbertError, match=said):
            read_rows(task, split, tmp_path)
    with pytest.raises(MinbertError, match="imdb"):
        read_file(tmp_path / "x.csv", "imdb")
    assert "cannot read" in refused(tmp_path)
    assert "cannot read" in refused(tmp_path / "gone.csv")


@settings(max_examples=300, **FUZZ)
@given(st.binary(max_size=300) | st.text('\t\n\r"0123456789.abé\ufeff', max_size=200).map(lambda t: (HEADER + t).encode()))
@example((HEADER + '0\ta\t"\n').encode())
def test_no_file_ends_in_anything_but_a_clear_error(tmp_path, content):
    path = sst(tmp_path, content)
    try:
        rows = read_file(path, "sst")
    except MinbertError as error:
        assert "\n" not in str(error)
    else:
        assert all(row.texts[0] and row.label in range(5) for row in rows.examples)


@given(st.integers(1, 300), st.integers(1, 400))
def test_a_part_is_taken_from_all_over_the_file(rows, limit):
    part = spread(list(range(rows)), limit)
    assert len(part) == min(rows, limit) and part == sorted(set(part)) and part[0] == 0
    assert max(b - a for a, b in zip(part, part[1:] + [rows])) <= -(-rows // len(part))


def test_a_part_of_the_real_sst_is_no_praise_alone(real_home):
    whole, part = ([e.label for e in read_rows("sst", "train", real_home / "data", limit).examples] for limit in (None, 1000))
    assert sum(whole[:1000]) / 1000 > 2.9 and abs(sum(part) / len(part) - sum(whole) / len(whole)) < 0.1


SIZES = {("sst", "train"): 8544, ("sst", "dev"): 1101, ("cfimdb", "dev"): 245, ("sts", "train"): 6040, ("sts", "dev"): 863}


@pytest.mark.parametrize("task", TASKS)
def test_real_files(real_home, task):
    for split in ("train", "dev", "test"):
        if (task, split) == ("qqp", "train"):
            continue  # 20 times as many rows of the same kind as its dev set
        rows = read_rows(task, split, real_home / "data")
        assert len(rows) == SIZES.get((task, split), len(rows))
        assert len(rows.problems) == (2 if (task, split) == ("qqp", "dev") else 0)


# word pieces ----------------------------------------------------------------------------------------------------------

WORDS = "the a film good bad ##ly ##s un ##able movie . , ! ? - ' é caf ##e 1 2 ##3 中 国 x y z b c d e f g h i".split()


@pytest.fixture(scope="module")
def vocab(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocab") / "vocab.txt"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *letters, *(f"##{letter}" for letter in letters)]
    path.write_text("\n".join(dict.fromkeys(words)) + "\n")
    return path


@pytest.fixture(scope="module")
def both(vocab):
    return Tokenizer(vocab), transformers.BertTokenizerFast.from_pretrained(vocab.parent, do_lower_case=True)


@settings(max_examples=300, **FUZZ)
@given(st.text(max_size=60) | st.lists(st.sampled_from([*WORDS, "Unable", "CAFÉ", "goodly", "\u200b", "ﬁ", "123"])).map(" ".join))
@example("naïve façade — “quotes” … ﬁn")
@example("中国电影 is GOOD!!")
@example("x" * 150)
@example("a\tb\nc\u00a0d\u200de\ufffdf\0g")
@example("e\u0301 İstanbul ß ǅ")
def test_ids_are_hugging_faces(both, text):
    ours, theirs = both
    assert ours.encode([text])[0] == theirs(text, add_special_tokens=False)["input_ids"]


def test_ids_are_hugging_faces_on_real_text(real_home):
    folder = real_home / "weights" / "minilm-l6-h384"
    if not folder.is_dir():
        pytest.skip(f"no MiniLM vocabulary in {folder}")
    texts = [text for row in read_rows("sst", "dev", real_home / "data", 300).examples for text in row.texts]
    theirs = transformers.BertTokenizerFast.from_pretrained(folder)
    assert Tokenizer(folder).encode(texts) == theirs(texts, add_special_tokens=False)["input_ids"]


def test_decoding_joins_pieces(vocab):
    tokenizer = Tokenizer(vocab)
    assert tokenizer.decode(tokenizer.encode(["Goodly films"])[0]) == "goodly films"
    assert len(tokenizer) == len(vocab.read_text().splitlines())


def test_a_cased_checkpoint_keeps_its_capitals(vocab, tmp_path):
    (tmp_path / "vocab.txt").write_text(vocab.read_text() + "Good\n")
    (tmp_path / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    cased = Tokenizer(tmp_path)
    assert cased.tokens(cased.encode(["Good"])[0]) == ["Good"]
    (tmp_path / "tokenizer_config.json").write_text("[")
    with pytest.raises(MinbertError, match="tokenizer_config.json"):
        Tokenizer(tmp_path)


@pytest.mark.parametrize("content, said", [(b"a\nb\n", r"\[PAD\]"), (b"\xff\xfe\x00", "UTF-8"), (None, "missing")])
def test_bad_vocabularies(tmp_path, content, said):
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(MinbertError, match=said):
        Tokenizer(tmp_path)


@given(st.lists(st.integers(), max_size=40), st.integers(0, 45))
def test_truncation(ids, length):
    end, middle = truncate(ids, length), truncate(ids, length, "middle")
    assert end == ids[:length] and len(middle) == len(end)
    if len(ids) > length:
        head = length // 4
        assert middle[:head] == ids[:head] and middle[head:] == ids[len(ids) - (length - head) :]
    with pytest.raises(MinbertError, match="left"):
        truncate(ids, length, "left")


# batches --------------------------------------------------------------------------------------------------------------


def rows_of(task, count, seed=0, longest=20):
    rng = np.random.default_rng(seed)
    words = [word for word in WORDS if not word.startswith("##")]
    say = lambda: " ".join(rng.choice(words, rng.integers(1, longest)))
    spec = TASKS[task]
    examples = [
        Example(str(n), tuple(say() for _ in spec.text_columns), int(rng.integers(0, spec.high + 1))) for n in range(count)
    ]
    return Rows(task, "train", examples, None, "0" * 64)


@settings(max_examples=60, **FUZZ)
@given(st.integers(1, 150), st.integers(1, 33), st.sampled_from([1, 2, 50]), st.integers(0, 99))
def test_an_epoch_reads_every_example_once(both, count, size, pool, seed):
    data = Dataset(rows_of("sst", count), both[0])
    batches = data.epoch(size, np.random.default_rng(seed), pool)
    assert sorted(np.concatenate(batches)) == list(range(count))
    assert len(batches) == -(-count // size) and all(len(batch) <= size for batch in batches)
    assert [list(batch) for batch in data.epoch(size, np.random.default_rng(seed), pool)] == [list(batch) for batch in batches]
    scoring = data.in_order(size, tokens=64)
    assert sorted(np.concatenate(scoring)) == list(range(count))
    assert all(len(batch) * data.lengths[batch].max() <= 64 or len(batch) == 1 for batch in scoring)


def waste(data, batches):
    real = sum(data.lengths[batch].sum() for batch in batches)
    return 1 - real / sum(len(batch) * data.lengths[batch].max() for batch in batches)


def test_batches_of_like_length_waste_little(real_home):
    """Of SST's training set at batch 32: below 8 %, where random batches waste half."""
    data = Dataset(read_rows("sst", "train", real_home / "data"), Tokenizer(real_home / "weights" / "minilm-l6-h384"))
    sorted_pools, random = (data.epoch(32, np.random.default_rng(0), pool) for pool in (50, 1))
    assert waste(data, sorted_pools) < 0.08 and waste(data, random) > 0.4
    firsts = [data.lengths[batch].mean() for batch in sorted_pools]
    assert firsts != sorted(firsts)  # the batches themselves come in random order


def test_a_batch_of_sentences_is_hugging_faces(both):
    ours, theirs = both
    data = Dataset(rows_of("sst", 30), ours)
    batch = data.batch(range(30))
    expected = theirs([row.texts[0] for row in data.rows.examples], padding=True, return_tensors="pt")
    assert torch.equal(batch.input_ids, expected["input_ids"])
    assert torch.equal(batch.attention_mask, expected["attention_mask"].bool())
    assert batch.labels.dtype == torch.long and batch.tokens == data.lengths.sum()


@pytest.mark.parametrize("order", ["given", "reversed"])
def test_pairs_are_hugging_faces(both, order):
    ours, theirs = both
    rows = rows_of("sts", 25)
    us, vs = zip(*(row.texts[:: 1 if order == "given" else -1] for row in rows.examples), strict=True)
    cross = Dataset(rows, ours, pair="cross", order=order).batch(range(25))
    expected = theirs(list(us), list(vs), padding=True, return_tensors="pt")
    for name in ("input_ids", "token_type_ids"):
        assert torch.equal(getattr(cross, name), expected[name])
    assert torch.equal(cross.attention_mask, expected["attention_mask"].bool())
    separate = Dataset(rows, ours, pair="separate", order=order).batch(range(25))
    expected = theirs([*us, *vs], padding=True, return_tensors="pt")
    assert torch.equal(separate.input_ids, expected["input_ids"]) and not separate.token_type_ids.any()
    assert separate.pair == "separate" and len(separate) == 25 and separate.labels.dtype == torch.float32


def test_random_order_turns_about_half_and_repeats_with_its_seed(both):
    rows = rows_of("sts", 200)
    data = Dataset(rows, both[0], order="random")
    first, again = (data.batch(range(200), np.random.default_rng(3)).input_ids for _ in range(2))
    given_order = data.batch(range(200), order="given").input_ids
    same = (first == given_order).all(1).float().mean()
    assert torch.equal(first, again) and 0.35 < same < 0.65
    with pytest.raises(MinbertError, match="rng"):
        data.batch(range(2))


@settings(max_examples=80, **FUZZ)
@given(st.integers(0, 99), st.integers(8, 60), st.sampled_from(["end", "middle"]))
def test_pairs_fit_and_the_longer_one_gives_way(both, seed, room, where):
    data = Dataset(rows_of("sts", 1, seed, longest=60), both[0], max_length=room, truncation=where)
    u, v = (data.texts[column][0] for column in (0, 1))
    batch = data.batch([0])
    ids, types = batch.input_ids[0].tolist(), batch.token_type_ids[0].tolist()
    assert len(ids) == min(room, len(u) + len(v) + 3) == data.lengths[0]
    cut_u, cut_v = ids[1 : types.count(0) - 1], ids[types.count(0) : -1]
    assert cut_u == truncate(u, len(cut_u), where) and cut_v == truncate(v, len(cut_v), where)
    if len(u) + len(v) + 3 > room:
        assert data.truncated == 1 and str(room) in data.truncation_note() and where in data.truncation_note()
        for whole, cut, other in ((u, cut_u, cut_v), (v, cut_v, cut_u)):
            assert len(cut) == len(whole) or len(cut) >= len(other) - 1
    else:
        assert data.truncated == 0 and data.truncation_note() is None


@pytest.mark.parametrize("pair", ["cross", "separate"])
def test_a_part_of_a_batch_is_that_part(both, pair):
    data = Dataset(rows_of("sts", 9), both[0], pair=pair)
    whole, part, alone = data.batch(range(9)), data.batch(range(9)).part(3, 7), data.batch(range(3, 7))
    for name in ("input_ids", "attention_mask", "token_type_ids", "labels", "index"):
        assert torch.equal(getattr(part, name), getattr(alone, name)), name
    assert len(whole.part(7, 99)) == 2 and part.pair == pair


@pytest.mark.parametrize(
    "switches, said",
    [
        (dict(pair="both"), "both"),
        (dict(order="backwards"), "backwards"),
        (dict(max_length=3), "max_length"),
        (dict(truncation="left"), "left"),
    ],
)
def test_bad_switches(both, switches, said):
    with pytest.raises(MinbertError, match=said):
        Dataset(rows_of("sts", 3), both[0], **switches)


def test_without_rows_there_is_no_dataset(both):
    with pytest.raises(MinbertError, match="no rows"):
        Dataset(rows_of("sst", 0), both[0])
