"""Answers to the masking exercise."""

from answers import edits_of

BASE = """
def mask_tokens(input_ids, attention_mask, special_ids, mask_id, vocab_size, share=0.15):
    special = torch.isin(input_ids, torch.tensor(special_ids))
    may = attention_mask.bool() & ~special
    hidden = may & (torch.rand(input_ids.shape) < share)
    labels = input_ids.masked_fill(~hidden, -100)
    ordinary = torch.tensor([i for i in range(vocab_size) if i not in special_ids])
    words = ordinary[torch.randint(0, len(ordinary), input_ids.shape)]
    fate = torch.rand(input_ids.shape)
    out = input_ids.clone()
    out[hidden & (fate < 0.8)] = mask_id
    change = hidden & (fate >= 0.8) & (fate < 0.9)
    out[change] = words[change]
    return out, labels
"""
but = edits_of(BASE)

WRONG = [
    ("special tokens ([CLS]", but(("attention_mask.bool() & ~special", "attention_mask.bool()"))),
    ("padding is hidden", but(("attention_mask.bool() & ~special", "~special"))),
    ("the ids themselves stand there", but(("input_ids.masked_fill(~hidden, -100)", "input_ids.clone()"))),
    ("0 stands there", but(("input_ids.masked_fill(~hidden, -100)", "input_ids.masked_fill(~hidden, 0)"))),
    ("include special tokens", but(("for i in range(vocab_size) if i not in special_ids", "for i in range(vocab_size)"))),
    ("same words are hidden every time", but(("    special =", "    torch.manual_seed(0)\n    special ="))),
    (
        "the same places are hidden every time",
        but(
            ("    hidden =", "    fixed = torch.Generator().manual_seed(int(input_ids.sum()))\n    hidden ="),
            ("may & (torch.rand(input_ids.shape)", "may & (torch.rand(input_ids.shape, generator=fixed)"),
        ),
    ),
    ("no word is hidden", but(("< share", "> 1"))),
    ("include [MASK] itself", but(("for i in range(vocab_size) if i not in special_ids", "for i in range(4, vocab_size)"))),
    (
        "with them your random words include",
        but(("for i in range(vocab_size) if i not in special_ids", "for i in range(5, vocab_size)")),
    ),
    ("with them special tokens ([CLS]", but(("torch.isin(input_ids, torch.tensor(special_ids))", "input_ids < 5"))),
    ("hold what now stands", but(("return out, labels", "return out, out.masked_fill(~hidden, -100)"))),
    ("yours: 100% [MASK]", but(("fate < 0.8", "fate < 2"), ("    out[change] = words[change]\n", ""))),
    ("% stay, 0% random", but(("    out[change] = words[change]\n", ""))),
    ("changed that are not asked for", but(("change = hidden &", "change = may &"))),
    ("of the words that may be hidden are", but(("< share", "> share"))),
    ("`share` has no effect", but(("< share", "< 0.15"))),
    ("same places", but(("may & (torch.rand(input_ids.shape) < share)", "may & (torch.rand(input_ids.shape[1]) < share)"))),
    ("same few", but(("words[change]", "words[0, 0]"))),
    ("changes its input `input_ids`", but(("input_ids.clone()", "input_ids"))),
    ("two tensors", but(("return out, labels", "return out"))),
    ("of the labels: its dtype", but(("return out, labels", "return out, labels.float()"))),
]

RIGHT = [
    BASE,
    """
def mask_tokens(input_ids, attention_mask, special_ids, mask_id, vocab_size, share=0.15, generator=None):
    banned = torch.zeros(vocab_size, dtype=torch.bool)
    banned[special_ids] = True
    chance = torch.full(input_ids.shape, share).masked_fill(banned[input_ids] | ~attention_mask.bool(), 0.0)
    hidden = torch.bernoulli(chance, generator=generator).bool()
    labels = torch.where(hidden, input_ids, -100)
    masked = torch.bernoulli(torch.full(input_ids.shape, 0.8)).bool() & hidden
    changed = torch.bernoulli(torch.full(input_ids.shape, 0.5)).bool() & hidden & ~masked
    words = torch.multinomial((~banned).float(), input_ids.numel(), replacement=True).view_as(input_ids)
    return torch.where(masked, mask_id, torch.where(changed, words, input_ids)), labels
""",
    """
def mask_tokens(input_ids, attention_mask, special_ids, mask_id, vocab_size, share=0.15, **more):
    ordinary = sorted(set(range(vocab_size)) - set(special_ids))
    out, labels = input_ids.tolist(), [[-100] * input_ids.size(1) for _ in input_ids]
    for row, (ids, real) in enumerate(zip(input_ids.tolist(), attention_mask.tolist())):
        for i, word in enumerate(ids):
            if real[i] and word not in special_ids and random.random() < share:
                labels[row][i] = word
                fate = random.random()
                out[row][i] = mask_id if fate < 0.8 else random.choice(ordinary) if fate < 0.9 else word
    return torch.tensor(out), torch.tensor(labels)
""",
    """
def pick(where, share):
    return where & (torch.rand(where.shape) < share)

def mask_tokens(input_ids, attention_mask, special_ids, mask_id, vocab_size, share=0.15):
    special = sum(input_ids == one for one in special_ids).bool()
    hidden = pick(attention_mask & ~special, share)
    stays = pick(hidden, 0.1)
    changed = pick(hidden & ~stays, 1 / 9)
    table = torch.tensor([one for one in range(vocab_size) if one not in set(special_ids)])
    out = input_ids.masked_fill(hidden & ~stays & ~changed, mask_id)
    out = out.masked_scatter(changed, table[torch.randint(len(table), (int(changed.sum()),))])
    return out, input_ids.masked_fill(hidden.logical_not(), -100)
""",
]
