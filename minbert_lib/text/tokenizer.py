"""WordPiece: a sentence → ids of word pieces.

The `tokenizers` package does the work (it is not the lesson), built from a checkpoint's own `vocab.txt` so that any BERT folder
will do. Ids come without [CLS] and [SEP]: `batching` adds them, because where they go depends on how a pair is read.
"""

import json
from pathlib import Path

from tokenizers import BertWordPieceTokenizer

from ..errors import MinbertError
from ..files import write_atomic

TRUNCATIONS = ("end", "middle")
SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class Tokenizer:
    def __init__(self, folder):
        """Words are made small as the checkpoint's tokenizer_config.json says; without one, yes."""
        path = Path(folder)
        self.path = path if path.suffix == ".txt" else path / "vocab.txt"
        if not self.path.is_file():
            raise MinbertError(f"{self.path} is missing: a checkpoint needs its vocabulary beside it")
        try:
            words = [line.rstrip("\r\n") for line in self.path.open(encoding="utf-8")]
        except UnicodeDecodeError as error:
            raise MinbertError(f"{self.path}: not UTF-8 text, so not a vocabulary") from error
        self.vocab = {word: number for number, word in enumerate(words)}
        missing = [word for word in SPECIALS if word not in self.vocab]
        if missing:
            raise MinbertError(f"{self.path}: the vocabulary has no {missing[0]}")
        lowercase = _lowercases(self.path.with_name("tokenizer_config.json"))
        self._words = words
        self._pieces = BertWordPieceTokenizer(vocab=self.vocab, lowercase=lowercase)
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = (self.vocab[word] for word in SPECIALS)

    def __len__(self):
        return len(self._words)

    def save(self, folder):
        """What a folder needs for the same tokenizer: the words, and whether they are small."""
        for path in (self.path, self.path.with_name("tokenizer_config.json")):
            if path.is_file():
                write_atomic(Path(folder) / path.name, path.read_bytes())

    def encode(self, texts):
        """Every text as a list of ids, without special tokens and without a limit on length."""
        texts, encode = list(texts), self._pieces.encode_batch
        parts = (texts[start : start + 5000] for start in range(0, len(texts), 5000))  # what the package returns is large
        return [coding.ids for part in parts for coding in encode(part, add_special_tokens=False)]

    def tokens(self, ids):
        return [self._words[number] for number in ids]

    def decode(self, ids):
        """Ids back to readable text; word pieces are joined to their words."""
        return " ".join(self.tokens(ids)).replace(" ##", "")


def _lowercases(path):
    """Does this checkpoint want small letters? Only a cased BERT's tokenizer_config.json says no."""
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("do_lower_case", True) is not False
    except FileNotFoundError:
        return True
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise MinbertError(f"{path}: not a readable table of settings ({error})") from error


def truncate(ids, length, where="end"):
    """Keep `length` ids: the first ones, or (`where="middle"`) the first quarter and the last three quarters of the room.

    A film review often gives its verdict in the last sentence, which cutting at the end throws away.
    """
    if where not in TRUNCATIONS:
        raise MinbertError(f"truncation is 'end' or 'middle', not {where!r}")
    if len(ids) <= length:
        return ids
    if where == "end":
        return ids[:length]
    head = length // 4
    return ids[:head] + ids[len(ids) - (length - head) :]
