"""Notebook 07: hiding words and the loss of guessing them. What is random is checked by what must hold."""

from typing import NamedTuple

import torch
import torch.nn.functional as F

from .judge import Wrong, ask, compare, differs


class Ids(NamedTuple):
    """How a vocabulary numbers its words."""

    special: tuple
    cls: int
    sep: int
    mask: int
    size: int

    def ordinary(self):
        return torch.tensor([one for one in range(self.size) if one not in self.special])


OURS = Ids((0, 1, 2, 3, 4), cls=2, sep=3, mask=4, size=60)
TWO_WORDS = OURS._replace(size=7)  # so that a [MASK] drawn as "another word" comes up often enough to be seen
BERTS = Ids((0, 100, 101, 102, 103), cls=101, sep=102, mask=103, size=160)  # BERT's own numbers, a vocabulary cut short


def sentences(of=OURS, rows=200, length=100):
    """Words between [CLS] and [SEP]; what follows the end is padding, even where its ids look like words."""
    g, words = torch.Generator().manual_seed(16), of.ordinary()
    ids = words[torch.randint(len(words), (rows, length), generator=g)]
    ends = torch.randint(length // 2, length, (rows, 1), generator=g)
    places = torch.arange(length)
    ids = ids.masked_fill(places == 0, of.cls).masked_fill(places == ends, of.sep)
    return ids, places <= ends


def check_mask_tokens(answer):
    _check(answer, OURS, 0.15)
    _check(answer, OURS, 0.5)
    _check_draws(answer)
    try:
        _check(answer, BERTS, 0.15)
    except Wrong as wrong:
        raise Wrong(
            "right while the special ids are 0 to 4, but BERT's own are [PAD] 0, [UNK] 100, [CLS] 101, [SEP] 102 and [MASK] 103, "
            f"and with them {wrong}"
        ) from wrong
    return 4


def _check(answer, of, share):
    ids, real = sentences(of)
    masked, labels = hide(answer, of, ids, real, share)
    again, others = hide(answer, of, ids, real, share)
    _always(of, ids, real, masked, labels)
    if torch.equal(masked, again):
        raise Wrong("the same words are hidden every time: is a seed set inside? The mask has to differ from epoch to epoch")
    if torch.equal(labels, others):
        raise Wrong(
            "the same places are hidden every time, and only what stands there is drawn anew: draw the places without a seed too, "
            "or every epoch asks for the same words"
        )
    _mostly(of, ids, real, masked, labels, share)


def _check_draws(answer):
    """Where only two words are ordinary, every third draw among them and [MASK] is a [MASK]."""
    ids, real = sentences(TWO_WORDS)
    masked, labels = hide(answer, TWO_WORDS, ids, real, 0.9)
    _always(TWO_WORDS, ids, real, masked, labels)
    now = masked[labels != -100]
    share = (now == TWO_WORDS.mask).float().mean().item()
    if _off(share, 0.8, len(now)):
        raise Wrong(
            f"with a vocabulary of two ordinary words {share:.0%} of the hidden ones become [MASK], not 80 %: your random words "
            "include [MASK] itself. It stands in special_ids too: draw among ordinary ids only"
        )


def hide(answer, of, ids, real, share):
    inputs = {
        "input_ids": ids,
        "attention_mask": real,
        "special_ids": list(of.special),
        "mask_id": of.mask,
        "vocab_size": of.size,
        "share": share,
    }
    found = ask(answer, inputs)
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise Wrong("two tensors are to come back: (masked ids, labels)")
    for name, tensor in zip(("the masked ids", "the labels"), found):
        if problem := differs(tensor, ids, atol=1e9):
            raise Wrong(f"of {name}: {problem}")
    return found


def _off(share, wanted, count):
    """Beyond five standard errors."""
    return abs(share - wanted) > 5 * (wanted * (1 - wanted) / max(count, 1)) ** 0.5


def _always(of, ids, real, masked, labels):
    """What must hold at every place, whatever was drawn."""
    special = torch.isin(ids, torch.tensor(of.special))
    asked = labels != -100
    if not asked.any():
        raise Wrong("no word is hidden: all labels are -100")
    if asked.all():
        which = "the ids themselves stand there" if torch.equal(labels, ids) else f"{labels[~real][0].item()} stands there"
        raise Wrong(f"labels are left at places that are not hidden ({which}): -100 is wanted, which cross-entropy passes over")
    if (asked & special & real).any():
        raise Wrong("special tokens ([CLS], [SEP] …) are hidden: keep to ids that are not in special_ids")
    if (asked & ~real).any():
        raise Wrong("padding is hidden: keep to places where attention_mask is True")
    if (labels != ids)[asked].all() or (labels == masked)[asked].all():
        raise Wrong("your labels hold what now stands in the sentence; the word that was there before is wanted")
    if not torch.equal(labels[asked], ids[asked]):
        raise Wrong("your labels are not the words that were there before")
    if (masked != ids)[~asked].any():
        raise Wrong("some words are changed that are not asked for: their labels are -100")
    if torch.isin(masked[asked], torch.tensor([one for one in of.special if one != of.mask])).any():
        raise Wrong("your random words include special tokens: draw among ordinary ids only")


def _mostly(of, ids, real, masked, labels, share):
    """Shares, within five standard errors."""
    asked = labels != -100
    may = real & ~torch.isin(ids, torch.tensor(of.special))
    hidden, size = asked.sum().item(), may.sum().item()
    if _off(hidden / size, share, size):
        ignored = share != 0.15 and not _off(hidden / size, 0.15, size)
        raise Wrong(
            "`share` has no effect: 15 % are hidden whatever it is"
            if ignored
            else f"{hidden / size:.1%} of the words that may be hidden are; share={share:.0%} is wanted"
        )
    columns = asked.float().sum(0) / may.float().sum(0).clamp(min=1)
    if columns[1:50].std() > 0.25:
        raise Wrong(
            "all sentences are hidden at the same places: draw for every place of every sentence, torch.rand(input_ids.shape)"
        )
    now, before = masked[asked], ids[asked]
    shares = {"[MASK]": (now == of.mask), "stay": (now == before), "random": (now != of.mask) & (now != before)}
    got = {name: part.float().mean().item() for name, part in shares.items()}
    luck = 0.1 / (of.size - len(of.special))  # a random word may be the word itself
    wanted = {"[MASK]": 0.8, "stay": 0.1 + luck, "random": 0.1 - luck}
    if any(_off(got[name], wanted[name], hidden) for name in got):
        said = ", ".join(f"{value:.0%} {name}" for name, value in got.items())
        raise Wrong(f"of the hidden words 80 % are to become [MASK], 10 % another word, 10 % stay; yours: {said}")
    if len(set(now[shares["random"]].tolist())) < 20:
        raise Wrong("your random words are always the same few: draw one for every place")


def loss_spec(head, hidden, labels, twist=""):
    """−log p(hidden word), mean over the hidden places."""
    logits, asked = head(hidden), labels != -100
    if twist == "twice":
        logits = logits.softmax(-1)
    if twist == "turned":
        logits = -logits
    each = F.cross_entropy(logits.transpose(1, 2), labels.clamp(min=0), reduction="none")  # (B, L)
    if twist == "unasked":
        return each[~asked].mean()
    if twist == "zeros":
        return each.mean()
    if twist == "by sentence":
        return ((each * asked).sum(1) / asked.sum(1).clamp(min=1)).mean()
    if twist == "probability":
        return -(-each[asked]).exp().mean()
    total = (each * asked).sum()
    by = {"sum": 1, "places": asked.numel(), "rows": len(labels)}
    return total / by.get(twist, asked.sum())


LOSS_MISTAKES = {
    "you divide by the number of all places; by that of the hidden ones is wanted": "places",
    "you divide by the number of sentences; by that of the hidden words is wanted": "rows",
    "this is the sum; the mean over the hidden words is wanted": "sum",
    "you average sentence by sentence first; every hidden word counts the same": "by sentence",
    "you ask for the words that are not hidden: labels != -100 are the hidden ones": "unasked",
    "-100 is read as word 0, so places that are not hidden count too": "zeros",
    "cross_entropy takes logits; you give it probabilities": "twice",
    "your sign is turned": "turned",
    "this is minus the mean probability; minus the mean log-probability is wanted": "probability",
}


class Counting(torch.nn.Linear):
    """A head that notes how many rows it was asked for."""

    rows = 0

    def forward(self, x):
        self.rows += x[..., 0].numel()
        return super().forward(x)

    def __repr__(self):
        return "head"


def check_mlm_loss(answer):
    g = torch.Generator().manual_seed(17)
    cases = []
    for rows, length, share in ((2, 6, 0.4), (4, 9, 0.3), (1, 5, 0.5), (3, 12, 0.6)):
        head = Counting(8, 15)
        head.load_state_dict({"weight": torch.randn(15, 8, generator=g), "bias": torch.randn(15, generator=g)})
        labels = torch.randint(0, 15, (rows, length), generator=g)
        labels = labels.masked_fill(torch.rand(rows, length, generator=g) > share, -100)
        labels[0, 0], labels[-1, -1] = 7, -100
        cases.append({"head": head, "hidden": torch.randn(rows, length, 8, generator=g), "labels": labels})
    right = compare(answer, cases, loss_spec, LOSS_MISTAKES)
    case = cases[1]
    case["head"].rows = 0
    ask(answer, case)
    asked = (case["labels"] != -100).sum().item()
    if case["head"].rows > asked:
        raise Wrong(
            f"right, but the head made logits for {case['head'].rows} places where {asked} are hidden: pick "
            "hidden[labels != -100] first, or a real vocabulary fills the memory"
        )
    nothing = ask(answer, {**case, "labels": torch.full_like(case["labels"], -100)})
    if differs(nothing, torch.tensor(0.0)):
        raise Wrong("when no word is hidden the loss is to be 0, not NaN: a mean over nothing divides by zero")
    if not getattr(ask(answer, case), "requires_grad", False):
        raise Wrong("no gradient reaches the head: is something detached, or turned into numbers?")
    return right + 3
