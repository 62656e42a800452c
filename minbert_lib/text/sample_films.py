"""Sentences about films, from the meaning down: how good the film is to be (−2 … 2), then words that say so.

The value of a sentence is not the sum of its words. "not exactly dull" praises, "too clever for its own
good" does not, and of two halves around "but" the second decides. So a list of good and bad words gets part
of the way only. Every function takes the random generator first; `value` is the truth that the sentence has
to express.
"""

from .sample_words import (
    ADJECTIVES,
    EVENTS,
    FIRST,
    JOBS,
    KINDS,
    LAST,
    MOVES,
    OPENERS,
    PARTS,
    PLOT,
    SETTINGS,
    TIMES,
    TOPICS,
    TREASURES,
    VERBS,
    VERDICTS,
)


def adjective_phrase(rng, value):
    """A predicate of this value: "funny", "not exactly dull", "neither sweet nor stale", …"""
    pick, word = rng.random(), lambda v: rng.choice(ADJECTIVES[v])
    if value == 0:
        if pick < 0.3:
            return f"neither {word(rng.choice((1, 2)))} nor {word(rng.choice((-1, -2)))}"
        if pick < 0.5:
            return f"{word(1)} in places and {word(-1)} in others"
        return f"{rng.choice(('fairly ', 'rather ', '', '', ''))}{word(0)}"
    sign = 1 if value > 0 else -1
    if abs(value) == 2:
        if pick < 0.25:
            return f"{rng.choice(('truly', 'really', 'very', 'remarkably', 'deeply'))} {word(sign)}"
        if pick < 0.45:
            return f"anything but {word(-sign)}"
        return word(value)
    if pick < 0.25:
        return f"{rng.choice(('not', 'not exactly', 'hardly', 'never'))} {word(-sign)}"
    if pick < 0.40:
        return f"far from {word(-2 * sign)}"
    if pick < 0.55 and sign < 0:
        forms = "too {} for its own good", "less {} than it thinks", "not half as {} as it should be"
        return rng.choice(forms).format(word(1))
    if pick < 0.55:
        return rng.choice(("less {} than I feared", "not nearly as {} as they say")).format(word(-1))
    return f"{rng.choice(('rather ', 'fairly ', '', '', ''))}{word(sign)}"


def title_phrase(rng):
    kind = rng.choice(KINDS)
    return rng.choice(
        (f"this {kind}", f"the {kind}", "it", f"this {kind} about {rng.choice(TOPICS)}", f"the new {kind} by {name(rng)}")
    )


def name(rng):
    return f"{rng.choice(FIRST)} {rng.choice(LAST)}"


def clause(rng, value):
    """One statement of this value, without its full stop."""
    pick = rng.random()
    if pick < 0.40:
        return f"the {rng.choice(PARTS)} is {adjective_phrase(rng, value)}{when(rng)}"
    if pick < 0.58:
        return f"{title_phrase(rng)} is {adjective_phrase(rng, value)}{when(rng)}"
    if pick < 0.68:
        return f"{name(rng)} is {adjective_phrase(rng, value)} as the {rng.choice(JOBS)}"
    if pick < 0.78:
        return f"I {rng.choice(VERBS[value])} the {rng.choice(PARTS)}{when(rng)}"
    if pick < 0.88:
        return rng.choice(EVENTS[value])
    one, two = rng.sample(TOPICS, 2)
    return f"it is a {rng.choice(ADJECTIVES[value])} {rng.choice(KINDS)} about {one} and {two}"


def when(rng):
    return f" {rng.choice(TIMES)}" if rng.random() < 0.25 else ""


def sentence(rng, value):
    """A sentence of this value; in about half of them a second clause pulls the other way and loses."""
    pick, main = rng.random(), clause(rng, value)
    if pick < 0.40:
        opener = f"{rng.choice(OPENERS)} " if rng.random() < 0.2 else ""
        return f"{opener}{main} ."
    if pick < 0.52:
        return f"{main} , and {clause(rng, value)} ."
    other = clause(rng, against(rng, value))
    return rng.choice(
        (
            f"{other} , but {main} .",
            f"{other} , but {main} .",
            f"although {other} , {main} .",
            f"{main} , even though {other} .",
            f"{other} ; still , {main} .",
        )
    )


def against(rng, value):
    """A value on the other side: what the losing half of the sentence says."""
    if value == 0:
        return 0
    return rng.choice((1, 2)) * (-1 if value > 0 else 1)


def plot(rng):
    """A neutral sentence of what happens in the film."""
    verb2, verb = rng.choice(MOVES).split()
    (job, job2), season = rng.sample(JOBS, 2), rng.choice(("spring", "summer", "autumn", "winter"))
    text = rng.choice(PLOT).format(
        name=name(rng),
        name2=name(rng),
        job=job,
        job2=job2,
        verb=verb,
        verb2=verb2,
        season=season,
        thing=rng.choice(TREASURES),
        place=rng.choice(SETTINGS),
    )
    return f"{text} ."


def review(rng, positive):
    """40–90 words of plot, praise and blame. The last sentence decides; most others lean its way."""
    sign, length = (1 if positive else -1), rng.randint(30, 55)
    lines, words = [], 0
    while words < length:
        value = rng.choice((1, 1, 2)) * (sign if rng.random() < 0.9 else -sign)
        pick = rng.random()
        line = plot(rng) if pick < 0.35 else f"{clause(rng, value)} ." if pick < 0.7 else sentence(rng, value)
        lines.append(line)
        words += len(line.split())
    lines.append(rng.choice(VERDICTS).format(clause(rng, sign * rng.choice((1, 2)))))
    return " ".join(finish(line) for line in lines)


def finish(text):
    """Sentence case, and "an" where it belongs."""
    words = text.split()
    text = " ".join(
        "an" if word == "a" and after[0] in "aeiouAEIOU" else word for word, after in zip(words, [*words[1:], "."], strict=True)
    )
    return text[0].upper() + text[1:]
