"""Sentences: English of a small grammar, drawn from nine factors, with nothing to download.

"the small dogs will not see the red cars": verbs agree with their subject's number, and every
factor can be read off the sentence. A factor may show in several places (the number in the noun
and in the verb), or move others (the tense makes words appear), as in real language.
"""

import torch
from torch import Tensor

from paramrel.data.alphabet import LETTERS, Alphabet
from paramrel.data.factors import Factors

ADJECTIVES = ("happy", "old", "quiet", "small", "tired", "young")
SUBJECTS = {
    "bird": "birds", "boy": "boys", "cat": "cats", "dog": "dogs", "fox": "foxes", "mouse": "mice",
    "wolf": "wolves", "woman": "women",
}  # fmt: skip
NUMBERS = ("singular", "plural")
TENSES = ("past", "present", "future")
NEGATIONS = ("affirmed", "negated")
VERBS = {  # their third person and their past
    "carry": ("carries", "carried"), "find": ("finds", "found"), "hold": ("holds", "held"),
    "see": ("sees", "saw"), "take": ("takes", "took"), "want": ("wants", "wanted"),
}  # fmt: skip
COLOURS = ("black", "blue", "brown", "green", "red", "white")
OBJECTS = {
    "apple": "apples", "box": "boxes", "car": "cars", "key": "keys", "knife": "knives",
    "stone": "stones",
}  # fmt: skip

SENTENCE_WORDS = {
    "adjective": ADJECTIVES,
    "subject": tuple(SUBJECTS),
    "number": NUMBERS,
    "tense": TENSES,
    "negation": NEGATIONS,
    "verb": tuple(VERBS),
    "colour": COLOURS,
    "object": tuple(OBJECTS),
    "object number": NUMBERS,
}


SENTENCE_FACTORS = Factors(
    names=tuple(SENTENCE_WORDS),
    sizes=tuple(map(len, SENTENCE_WORDS.values())),
    words=tuple(SENTENCE_WORDS.values()),
)


LENGTH = 48  # of the longest: "the quiet wolves will not carry the brown knives"


SENTENCE_ALPHABET = Alphabet(LETTERS, pad=" ")


def render_sentences(values: Tensor) -> Tensor:
    """Write sentences, (N, 48) uint8 classes of a space and a to z, from the values (N, 9) of
    their factors.

    Raises ValueError for values out of range.
    """
    SENTENCE_FACTORS.check(values)
    texts = [_sentence(*SENTENCE_FACTORS.meaning(row)) for row in values.tolist()]
    return SENTENCE_ALPHABET.encode(texts, LENGTH).to(torch.uint8)


def _sentence(
    adjective: str, subject: str, number: str, tense: str, negation: str, verb: str, colour: str,
    thing: str, things: str,
) -> str:  # fmt: skip
    subject = SUBJECTS[subject] if number == "plural" else subject
    thing = OBJECTS[thing] if things == "plural" else thing
    said = _predicate(verb, number, tense, negation)
    return f"the {adjective} {subject} {said} the {colour} {thing}"


def _predicate(verb: str, number: str, tense: str, negation: str) -> str:
    third_person, past = VERBS[verb]
    if tense == "future":
        return f"will {verb}" if negation == "affirmed" else f"will not {verb}"
    singular = number == "singular"
    if negation == "affirmed":
        return past if tense == "past" else third_person if singular else verb
    return f"{'did' if tense == 'past' else 'does' if singular else 'do'} not {verb}"
