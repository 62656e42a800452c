"""The text on which the tiny BERT is pre-trained: the little world of `sample_films` and `sample_pairs`, without labels.

Notable choices: a model of four layers reads too little to find out by itself that "doctor" and "physician" are one, or that
"superb" praises. So some lines are a thesaurus, and opinions often come under their stars. Questions, captions and lists of
words come in twos with a tab between. After a second tab many twos have a word that says how they are related ("same",
"somewhat"): [CLS] is asked for it, as the first BERT's was asked whether one sentence follows the other.
"""

import random

from . import sample_films as films
from . import sample_pairs as pairs
from . import sample_words as known
from .sample import held_out, sentences

STARS = ("one star", "two stars", "three stars", "four stars", "five stars")
ALIKE = ("unlike", "hardly", "slightly", "somewhat", "largely", "exactly")  # by similarity, 0–5
FORMS = [list(zip(*(form.split() for form in forms))) for forms in (*known.ACTS, *known.DEEDS)]
GROUPS = known.PEOPLE + known.BEINGS + known.LOOKS + known.SCENES + [list(same) for forms in FORMS for same in forms]
GROUPS += [[word] for group in (*known.ONE, *known.MANY, known.CITIES) for word in group]  # words that mean the same


def corpus(n, seed=0):
    """Yield n different lines; none holds a dev or test sentence, alone or as a part."""
    rng, held, seen = random.Random(f"corpus {seed}"), held_out(), set()
    writers = {opinion: 24, notice: 5, thesaurus: 6, words_of_a_kind: 4, story: 2, lists: 13, questions: 23, captions: 23}
    while len(seen) < n:
        parts, relation = rng.choices(list(writers), list(writers.values()))[0](rng)
        line = "\t".join([*parts, relation] if relation else parts)
        told = [text for part in parts for text in (part.lower(), *sentences(part))]
        if line in seen or not held.isdisjoint(told):
            continue
        seen.add(line)
        yield line


def opinion(rng):
    """One to four sentences of one mind, often with the stars that they would give."""
    value = rng.choice((-2, -1, -1, 0, 1, 1, 2))
    text = " ".join(films.finish(films.sentence(rng, value)) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    place, stars = rng.random(), films.finish(STARS[value + 2])
    return [f"{stars} : {text}" if place < 0.6 else f"{text} {stars} ." if place < 0.8 else text], ""


def notice(rng):
    """A review under its stars."""
    positive = rng.random() < 0.5
    return [f"{films.finish(rng.choice(STARS[3:] if positive else STARS[:2]))} : {films.review(rng, positive)}"], ""


def thesaurus(rng):
    """Adjectives of one value, often with its stars."""
    value = rng.choice((-2, -1, 0, 1, 2))
    text = " , ".join(rng.sample(films.ADJECTIVES[value], rng.randint(3, 6)))
    return [f"{films.finish(STARS[value + 2])} : {text} ." if rng.random() < 0.6 else f"{text} ."], ""


def words_of_a_kind(rng):
    value = rng.choice((-2, -1, 1, 2))
    one, two = rng.sample(films.ADJECTIVES[value], 2)
    three, thing = rng.choice(films.ADJECTIVES[-value]), rng.choice(films.KINDS + films.PARTS)
    form = rng.choice(
        (
            "the {t} is {a} and {b} .",
            "it is a {a} , {b} {t} .",
            "the {t} is {a} : that is , {b} .",
            "the {t} is {a} , not {c} .",
            "the {t} is not {c} but {a} .",
            "some call the {t} {a} , others {b} .",
            "the {t} was once {c} ; now it is {a} , even {b} .",
        )
    )
    return [films.finish(form.format(t=thing, a=one, b=two, c=three))], ""


def lists(rng):
    """One to five words, and each of them again or otherwise; some are exchanged, and [CLS] is asked how many stayed."""
    count = rng.randint(1, 5)
    kept = rng.randint(0, count)
    groups = rng.sample(GROUPS, 2 * count)
    second = groups[:kept] + groups[count : 2 * count - kept]
    rng.shuffle(second)
    return [" ".join(rng.choice(group) for group in side) for side in (groups[:count], second)], ALIKE[round(5 * kept / count)]


def questions(rng):
    first, second, same = pairs.question_pair(rng)
    return [first, second], "same" if same else "different"


def captions(rng):
    first, second, similarity = pairs.caption_pair(rng)
    return [first, second], ALIKE[round(similarity)]


def story(rng):
    return [" ".join(films.finish(films.plot(rng)) for _ in range(rng.choice((1, 2))))], ""
