"""The manifest: every file that the workbook can fetch, from where, how large, with which checksum, on what terms.

Notable choices: addresses name a commit or revision, so that the file behind one never changes; the checksum decides, so
that a mirror need not be trusted. For two Quora files only the git blob id is known (the sha1 of "blob <bytes>\\0" and
the content), which checks as well. There are no archives: nothing is unpacked, so nothing can land in a wrong place.
"""

from dataclasses import dataclass

from ..errors import MinbertError
from ..home import scale

COURSE = "gpoesia/minbert-default-final-project"
COMMIT = "7ac8260577fc12a86c7aaf38918056c30054ef39"
HUBS = ("https://huggingface.co", "https://hf-mirror.com")
TERMS = {
    "sst": "no licence stated; Stanford Sentiment Treebank, for research (Socher et al. 2013)",
    "cfimdb": "no licence stated; IMDB reviews, some rewritten (Kaushik et al. 2020), for research",
    "qqp": "no licence stated; Quora question pairs, Quora's terms of service: non-commercial use",
    "sts": "no licence stated; SemEval STS, whose parts have terms of their own, for research",
}
APACHE = "Apache-2.0"


@dataclass(frozen=True)
class File:
    name: str  # its place under MINBERT_HOME
    group: str  # what it belongs to: sst, cfimdb, qqp, sts, mini, base
    urls: tuple[str, ...]  # in the order in which they are tried
    bytes: int | None
    digest: str  # 64 digits: the sha256; 40: git's id of the content
    licence: str
    rows: int | None = None  # of an official data file


def _data(group, name, size, rows, digest):
    path = f"{COMMIT}/data/{name}"
    urls = (f"https://raw.githubusercontent.com/{COURSE}/{path}", f"https://cdn.jsdelivr.net/gh/{COURSE}@{path}")
    return File(f"data/{name}", group, urls, size, digest, TERMS[group], rows)


def _weights(group, folder, model, revision, files):
    for name, (size, digest) in files.items():
        urls = tuple(f"{hub}/{model}/resolve/{revision}/{name}" for hub in HUBS)
        yield File(f"weights/{folder}/{name}", group, urls, size, digest, APACHE)


# fmt: off
VOCAB = (231508, "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3")
MANIFEST = (
    _data("sst", "ids-sst-train.csv", 1175139, 8544,
          "03b2b625c090f94a6afd59f114cde5282e2053aab0b101e87ed695d8a0c5b1df"),
    _data("sst", "ids-sst-dev.csv", 151384, 1101,
          "a186ce94577635fbe10beaaddd50f16cccf6c30973221cefdf90deed2a584bfe"),
    _data("sst", "ids-sst-test-student.csv", 313202, 2210,
          "bdd5a767faa0c26782117e37767ece154c30d5d04fb8727d09c71e3850a55c7b"),
    _data("cfimdb", "ids-cfimdb-train.csv", 1693182, 1707,
          "140fc513045a966109faed46a5c7a898767b96714d71bcb9c15f659129fadcea"),
    _data("cfimdb", "ids-cfimdb-dev.csv", 249095, 245,
          "3087f571b66860fe5d035b5a018d08202ad3fd3720e4821c04b2acf6c7ded559"),
    _data("cfimdb", "ids-cfimdb-test-student.csv", 495595, 488,
          "7ae611548c9eac879e9ebb406cc9f8ae68ff12f78090e4965af5cbdfa06240f4"),
    _data("qqp", "quora-train.csv", None, 141506,
          "a3b5546f6a0e65b60a328a5d294d1038f5bed1da"),
    _data("qqp", "quora-dev.csv", 3205321, 20214,
          "bfa3cc954a9ba300ae776a980141de65f622a3c1b97e3fd905d63245bc36d5ad"),
    _data("qqp", "quora-test-student.csv", None, None,
          "f257ef00558555afb50819578a58205732b16354"),
    _data("sts", "sts-train.csv", 928832, 6040,
          "15d12efc2d656fffb1d61ac1f08ec4227f43925fd16f420c037cbd063699c21b"),
    _data("sts", "sts-dev.csv", 132265, 863,
          "ce3cad6f16062586ac7ba462c28b010a9be10c530fd5074165860d7b7ab4e93d"),
    _data("sts", "sts-test-student.csv", 256677, 1725,
          "dee455745b72e9ca3ff74e7c056bd73e34bad5b8d5641045a2c1e7e131866f47"),
    *_weights("mini", "minilm-l6-h384", "sentence-transformers/all-MiniLM-L6-v2",
              "1110a243fdf4706b3f48f1d95db1a4f5529b4d41", {
        "config.json": (612, "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41"),
        "vocab.txt": VOCAB,
        "tokenizer.json": (466247, "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"),
        "tokenizer_config.json": (350, "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b"),
        "special_tokens_map.json": (112, "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3"),
        "model.safetensors": (90868376, "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"),
    }),
    *_weights("base", "bert-base-uncased", "google-bert/bert-base-uncased",
              "86b5e0934494bd15c9632b12f734a8a67f723594", {
        "config.json": (570, "7160e1553ad2ca51d8c1cb066be533db31826e12d173824c1bb0cb1a4f187d20"),
        "vocab.txt": VOCAB,
        "model.safetensors": (440449768, "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3"),
    }),
)
# fmt: on
TEXTS = {  # more text for pre-training, to be brought by hand: no fixed address gives it to everyone, so the manifest cannot
    "critics": "film critics' sentences, for example the column review_content of rotten_tomatoes_critic_reviews.csv in "
    "https://www.kaggle.com/datasets/stefanoleone992/rotten-tomatoes-movies-and-critic-reviews-dataset (read from rottentomatoes.com; "
    "a copy's page gives it as CC0), without the sentences of SST's dev and test sets, which come from there too",
    "reviews": "sentences of book reviews",
    "questions": "questions as people ask them at Quora",
}
DATA = ("sst", "cfimdb", "qqp", "sts")
ALIASES = {
    "data": DATA,
    "weights": ("mini", "base"),
    "all": (*DATA, "mini", "base"),
    "minilm-l6-h384": ("mini",),
    "bert-base-uncased": ("base",),
}


def select(names=(), manifest=MANIFEST):
    """The manifest's files by group, alias or file name; without names the data and the weights of this scale.

    At the tiny scale, which needs nothing, that means what the next one, mini, needs.
    """
    if not names:
        names = ("data", "base" if scale().name == "base" else "mini")
    wanted = []
    for name in names:
        groups = ALIASES.get(name, (name,))
        found = [file for file in manifest if file.group in groups or name in (file.name, file.name.rsplit("/")[-1])]
        if not found:
            known = ", ".join((*ALIASES, *DATA, "mini", "base"))
            raise MinbertError(f"there is nothing called {name!r} to fetch: take {known}, or a file's name")
        wanted += [file for file in found if file not in wanted]
    return wanted
