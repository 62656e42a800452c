"""Answers to the masked-language loss."""

from answers import edits_of

BASE = '''
def mlm_loss(head, hidden, labels):
    asked = labels != -100
    if not asked.any():
        return hidden.sum() * 0
    return F.cross_entropy(head(hidden[asked]), labels[asked])
'''
but = edits_of(BASE)
LOSS = "F.cross_entropy(head(hidden[asked]), labels[asked])"
SUM = 'F.cross_entropy(head(hidden[asked]), labels[asked], reduction="sum")'

WRONG = [
    ("number of all places", but((LOSS, SUM + " / labels.numel()"))),
    ("number of sentences", but((LOSS, SUM + " / len(labels)"))),
    ("this is the sum", but((LOSS, SUM))),
    ("sentence by sentence", but((LOSS, "sum(F.cross_entropy(head(h[a]), t[a]) for h, t, a in zip(hidden, labels, asked) if a.any()) / len(labels)"))),
    ("words that are not hidden", but((LOSS, "F.cross_entropy(head(hidden[~asked]), labels[~asked].clamp(min=0))"))),
    ("-100 is read as word 0", but((LOSS, "F.cross_entropy(head(hidden).flatten(0, 1), labels.clamp(min=0).flatten())"))),
    ("you give it probabilities", but((LOSS, "F.cross_entropy(head(hidden[asked]).softmax(-1), labels[asked])"))),
    ("sign is turned", but((LOSS, "F.cross_entropy(-head(hidden[asked]), labels[asked])"))),
    ("minus the mean probability", but((LOSS, "-head(hidden[asked]).softmax(-1).gather(1, labels[asked][:, None]).mean()"))),
    ("right, but the head made logits", but((LOSS, "F.cross_entropy(head(hidden).flatten(0, 1), labels.flatten())"))),
    ("no word is hidden", but(("    if not asked.any():\n        return hidden.sum() * 0\n", ""))),
    ("no gradient reaches the head", but((LOSS, LOSS + ".detach()"))),
    ("with IndexError", but((LOSS, "F.cross_entropy(head(hidden[asked]), labels.flatten()[asked])"))),
    ("one number is wanted", but((LOSS, 'F.cross_entropy(head(hidden[asked]), labels[asked], reduction="none")'))),
]
WRONG[-1] = ("its shape is (", WRONG[-1][1])

RIGHT = [
    BASE,
    '''
def mlm_loss(head, hidden, labels):
    rows, places = (labels != -100).nonzero(as_tuple=True)
    log_p = head(hidden[rows, places]).log_softmax(-1)
    return -log_p[torch.arange(len(rows)), labels[rows, places]].sum() / max(len(rows), 1)
''',
    '''
def mlm_loss(head, hidden, labels):
    flat = labels.view(-1)
    keep = flat.ne(-100).nonzero().squeeze(1)
    logits = head(hidden.reshape(-1, hidden.size(-1)).index_select(0, keep))
    return nn.CrossEntropyLoss(reduction="sum")(logits, flat[keep]) / keep.numel() if keep.numel() else logits.sum()
''',
    '''
def mlm_loss(head, hidden, labels):
    words = labels[labels >= 0]
    logits = head(hidden[labels >= 0])
    right = logits.gather(-1, words.unsqueeze(-1)).squeeze(-1)
    losses = torch.logsumexp(logits, dim=-1) - right
    return losses.sum() / words.size(0) if words.size(0) else logits.sum() * 0.0
''',
]
