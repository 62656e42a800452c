"""Pairs of questions and pairs of captions, written from the meaning down.

A meaning is a small record of who does what to whom; `say_question` and `say_caption` find words for it,
each time others: synonyms, the passive, another order. Two sentences mean the same when their records are
equal. Swapping two roles keeps every word and changes the meaning; synonyms change the words and keep it. So
counting shared words cannot decide.
"""

from dataclasses import dataclass, replace

from .sample_films import finish
from .sample_words import (
    ACTS,
    BEINGS,
    CITIES,
    DEEDS,
    LOOKS,
    MANY,
    MORE,
    ONE,
    ORDERS,
    PEOPLE,
    PLACES,
    RIDES,
    SCENES,
)

ASKS = {
    "why": (
        (
            "why does the {a} {verb} the {b}{at}",
            "what is the reason that the {a} {verbs} the {b}{at}",
            "what makes the {a} {verb} the {b}{at}",
        ),
        ("why is the {b} {done} by the {a}{at}", "for what reason is the {b} {done} by the {a}{at}"),
    ),
    "how": (
        ("how can a {a} {verb} a {b}{at}", "what is the best way for a {a} to {verb} a {b}{at}"),
        ("how can a {b} be {done} by a {a}{at}", "in what way can a {b} be {done} by a {a}{at}"),
    ),
    "when": (
        ("when should a {a} {verb} a {b}{at}", "what is the right time for a {a} to {verb} a {b}{at}"),
        ("when should a {b} be {done} by a {a}{at}",),
    ),
    "may": (
        ("can a {a} {verb} a {b}{at}", "is a {a} allowed to {verb} a {b}{at}", "is it legal for a {a} to {verb} a {b}{at}"),
        ("can a {b} be {done} by a {a}{at}", "is it legal for a {b} to be {done} by a {a}{at}"),
    ),
}


@dataclass(frozen=True)
class Question:
    """A key of ASKS and numbers of words; or "compare", "order" (a before b), "trip" (a to b) and the words."""

    ask: str
    a: object
    act: object
    b: object
    at: str = ""


def question(rng):
    kind = rng.random()
    if kind < 0.58:
        a, b = rng.sample(range(len(PEOPLE)), 2)
        return Question(rng.choice(list(ASKS)), a, rng.randrange(len(ACTS)), b, rng.choice(PLACES))
    if kind < 0.74:
        a, b = rng.sample(rng.choice(ONE + MANY), 2)
        return Question("compare", a, rng.choice(MORE)[0], b)
    if kind < 0.86:
        verbs, things = rng.choice(ORDERS)
        a, b = rng.sample(things, 2)
        return Question("order", a, tuple(verbs), b)
    a, b = rng.sample(CITIES, 2)
    return Question("trip", a, rng.choice(RIDES), b)


def say_question(rng, q):
    """Words for a question: one of its surface forms, with one of its synonyms in each place."""
    if q.ask in ("compare", "order", "trip"):
        return finish({"compare": compare, "order": order, "trip": trip}[q.ask](rng, q)) + "?"
    verb, verbs, done = rng.choice(ACTS[q.act]).split()
    form = rng.choice(ASKS[q.ask][rng.random() < 0.5])  # active or passive
    return (
        finish(
            form.format(
                a=rng.choice(PEOPLE[q.a]),
                b=rng.choice(PEOPLE[q.b]),
                verb=verb,
                verbs=verbs,
                done=done,
                at=f" {q.at}" if q.at else "",
            )
        )
        + "?"
    )


def compare(rng, q):
    """ "a is more than b" or, the same, "b is less than a"."""
    more, less = next(pair for pair in MORE if q.act in pair)
    a, b, word = (q.a, q.b, more) if rng.random() < 0.5 else (q.b, q.a, less)
    verb = "are" if any(a in group for group in MANY) else "is"
    return rng.choice(
        (
            f"{verb} {a} {word} than {b}",
            f"would you say that {a} {verb} {word} than {b}",
            f"is it true that {a} {verb} {word} than {b}",
            f"compared with {b} , {verb} {a} {word}",
        )
    )


def order(rng, q):
    """ "a before b" or, the same, "b after a"."""
    a, b, word = (q.a, q.b, "before") if rng.random() < 0.5 else (q.b, q.a, "after")
    verb = rng.choice(q.act)
    return rng.choice(
        (
            f"should I {verb} {a} {word} {b}",
            f"is it wise to {verb} {a} {word} {b}",
            f"{word} {b} , should I {verb} {a}",
            f"do most people {verb} {a} {word} {b}",
        )
    )


def trip(rng, q):
    a, b, ride = q.a, q.b, q.act
    return rng.choice(
        (
            f"how long does it take from {a} to {b} by {ride}",
            f"how long does it take to {b} from {a} by {ride}",
            f"how many hours is the {ride} trip from {a} to {b}",
            f"by {ride} , when do I reach {b} if I leave {a}",
            f"if I leave {a} by {ride} , how long until I reach {b}",
        )
    )


def near_miss(rng, q):
    """A question that differs in one thing: roles swapped, or another act, person, place or kind."""
    if rng.random() < 0.20 or q.ask == "order":
        return replace(q, a=q.b, b=q.a)
    if q.ask == "compare":
        return replace(q, act=other(rng, [pair[0] for pair in MORE], q.act))
    if q.ask == "trip":
        return replace(q, act=other(rng, RIDES, q.act))
    change = rng.choice(("ask", "act", "a", "at"))
    choices = {
        "ask": list(ASKS),
        "act": range(len(ACTS)),
        "at": PLACES,
        "a": [person for person in range(len(PEOPLE)) if person != q.b],
    }
    return replace(q, **{change: other(rng, choices[change], getattr(q, change))})


def other(rng, choices, taken):
    return rng.choice([choice for choice in choices if choice != taken])


def question_pair(rng):
    """(question, question, 1 if they ask the same)."""
    first = question(rng)
    same = rng.random() < 0.45
    return say_question(rng, first), say_question(rng, first if same else near_miss(rng, first)), int(same)


# What a role earns if it agrees; 5 in all.
WEIGHTS = {"who": 1.2, "look": 0.8, "deed": 1.2, "whom": 1.2, "where": 0.6}


@dataclass(frozen=True)
class Caption:
    """Who (looking how) does what to whom, and where: numbers of words."""

    who: int
    look: int
    deed: int
    whom: int
    where: int


def caption(rng):
    who, whom = rng.sample(range(len(BEINGS)), 2)
    look, deed, where = (rng.randrange(len(table)) for table in (LOOKS, DEEDS, SCENES))
    return Caption(who, look, deed, whom, where)


def say_caption(rng, c):
    who, whom, look = (rng.choice(group) for group in (BEINGS[c.who], BEINGS[c.whom], LOOKS[c.look]))
    (doing, done), where = rng.choice(DEEDS[c.deed]).split(), rng.choice(SCENES[c.where])
    form = rng.choice(
        (
            "a {look} {who} is {doing} a {whom} {where}",
            "a {whom} is being {done} by a {look} {who} {where}",
            "{where} , a {look} {who} is {doing} a {whom}",
            "{where} , a {whom} is being {done} by a {look} {who}",
            "there is a {look} {who} {doing} a {whom} {where}",
        )
    )
    return finish(form.format(who=who, whom=whom, look=look, doing=doing, done=done, where=where)) + "."


def alter(rng, c):
    """A caption near this one: roles swapped, some parts exchanged; now and then another scene altogether."""
    pick, fresh = rng.random(), caption(rng)
    if pick < 0.16:
        c = replace(c, who=c.whom, whom=c.who)
    if pick < 0.08:
        return fresh
    for part in rng.sample(list(WEIGHTS), rng.choice((0, 0, 1, 1, 2, 3, 4))):
        c = replace(c, **{part: getattr(fresh, part)})
    return c if c.who != c.whom else fresh


def similarity(c, d):
    return sum(weight for part, weight in WEIGHTS.items() if getattr(c, part) == getattr(d, part))


def caption_pair(rng):
    """(caption, caption, similarity 0–5): the weights of the roles that agree."""
    first = caption(rng)
    second = alter(rng, first)
    return say_caption(rng, first), say_caption(rng, second), similarity(first, second)
