"""Answers to the symmetric-KL exercise."""

from answers import edits_of

BASE = '''
def symmetric_kl(p_logits, q_logits):
    log_p, log_q = F.log_softmax(p_logits, dim=-1), F.log_softmax(q_logits, dim=-1)
    p, q = log_p.exp(), log_q.exp()
    forth = (p * (log_p - log_q)).sum(-1)
    back = (q * (log_q - log_p)).sum(-1)
    return (forth + back).mean()
'''
but = edits_of(BASE)

WRONG = [
    ("only KL(p‖q) is there", but(("(forth + back)", "forth"))),
    ("only KL(q‖p) is there", but(("(forth + back)", "back"))),
    ("KL(p‖q) is there twice", but(("(forth + back)", "(forth + forth)"))),
    ("KL(q‖p) is there twice", but(("(forth + back)", "(back + back)"))),
    ("you halve the sum", but(("(forth + back)", "(0.5 * (forth + back))"))),
    ("average over classes too", but((".sum(-1)", ""))),
    ("sum over the batch", but((".mean()", ".sum()"))),
    ("one number per example", but((".mean()", ""))),
    ("logits themselves", but(("log_p, log_q = F.log_softmax(p_logits, dim=-1), F.log_softmax(q_logits, dim=-1)\n    p, q = log_p.exp(), log_q.exp()", "p, q, log_p, log_q = p_logits, q_logits, p_logits, q_logits"))),
    ("kl_div is given logits", '''
def symmetric_kl(p_logits, q_logits):
    p, q = p_logits.softmax(-1), q_logits.softmax(-1)
    return F.kl_div(p_logits, q, reduction="batchmean") + F.kl_div(q_logits, p, reduction="batchmean")
'''),
    ("softmax runs over the batch", but(("dim=-1", "dim=0"))),
    ("sign is turned", but((".mean()", ".mean().neg()"))),
    ("cross-entropies", but(("(p * (log_p - log_q))", "-(p * log_q)"), ("(q * (log_q - log_p))", "-(q * log_p)"))),
    ("squared difference of the probabilities", but(("(forth + back)", "((p - q) ** 2).sum(-1)"))),
    ("becomes NaN or infinite", but(("F.log_softmax(p_logits, dim=-1)", "p_logits.softmax(-1).log()"), ("F.log_softmax(q_logits, dim=-1)", "q_logits.softmax(-1).log()"))),
    ("no gradient reaches q_logits", but(("F.log_softmax(q_logits,", "F.log_softmax(q_logits.detach(),"))),
    ("part of the gradient is lost on its way to p_logits", but(("(p * (log_p", "(p.detach() * (log_p"))),
]

RIGHT = [
    BASE,
    '''
def symmetric_kl(p_logits, q_logits):
    log_p, log_q = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return (F.kl_div(log_q, log_p, log_target=True, reduction="batchmean") + F.kl_div(log_p, log_q, log_target=True, reduction="batchmean"))
''',
    '''
def symmetric_kl(p_logits, q_logits):
    a, b = p_logits.log_softmax(-1), q_logits.log_softmax(-1)
    return ((a.exp() - b.exp()) * (a - b)).sum() / len(a)
''',
    '''
def logs(x):
    return x - torch.logsumexp(x, dim=1, keepdim=True)

def kl(a, b):
    return torch.einsum("bc,bc->b", a.exp(), a - b)

def symmetric_kl(p_logits, q_logits):
    a, b = logs(p_logits), logs(q_logits)
    return torch.mean(kl(a, b) + kl(b, a))
''',
]
