"""Sentences: their grammar, their factors read off again, the bytes for ever."""

import hashlib

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.drawn.generated import sample_combinations
from paramrel.data.drawn.sentences import (
    SENTENCE_ALPHABET,
    SENTENCE_FACTORS,
    SENTENCE_WORDS,
    render_sentences,
)
from paramrel.data.splits import overlap

PINNED = "64cbe47c2e2e111797e78899f1fb77d6fe7b59a6f2760ddbdfbfcf8ac6289ef5"
VALUES = sample_combinations(SENTENCE_FACTORS, 3000)


def said(**meaning):
    """The sentence of some factors' words, all others being those of the first values."""
    meaning = {name: words[0] for name, words in SENTENCE_WORDS.items()} | {
        name.replace("_", " "): word for name, word in meaning.items()
    }
    values = [SENTENCE_WORDS[name].index(word) for name, word in meaning.items()]
    return SENTENCE_ALPHABET.decode(render_sentences(torch.tensor([values])))[0]


def nouns(name, plurals):
    singulars = {word: (word, "singular") for word in SENTENCE_WORDS[name]}
    return singulars | {plural: (word, "plural") for plural, word in plurals.items()}


SUBJECTS = nouns("subject", {
    "birds": "bird", "boys": "boy", "cats": "cat", "dogs": "dog", "foxes": "fox", "mice": "mouse",
    "wolves": "wolf", "women": "woman",
})  # fmt: skip
OBJECTS = nouns("object", {
    "apples": "apple", "boxes": "box", "cars": "car", "keys": "key", "knives": "knife",
    "stones": "stone",
})  # fmt: skip
BASES = dict.fromkeys(["carry", "find", "hold", "see", "take", "want"], "plural")
THIRDS = dict(zip(["carries", "finds", "holds", "sees", "takes", "wants"], BASES, strict=True))
PASTS = dict(zip(["carried", "found", "held", "saw", "took", "wanted"], BASES, strict=True))


def parse(sentence):
    """Return the words of a sentence's factors; fails where subject and verb do not agree."""
    the, adjective, subject, *verbs, again, colour, thing = sentence.split()
    assert (the, again) == ("the", "the")
    subject, number = SUBJECTS[subject]
    thing, things = OBJECTS[thing]
    negation = "negated" if "not" in verbs else "affirmed"
    match [verb for verb in verbs if verb != "not"]:
        case ["will", verb]:
            tense = "future"
        case ["did", verb] if negation == "negated":
            tense = "past"
        case ["do" | "does" as do, verb] if negation == "negated":
            tense = "present"
            assert do == ("does" if number == "singular" else "do")
        case [verb] if negation == "affirmed" and verb in PASTS:
            tense, verb = "past", PASTS[verb]
        case [verb] if negation == "affirmed":
            tense = "present"
            verb = THIRDS[verb] if number == "singular" else verb
    assert verb in BASES
    return adjective, subject, number, tense, negation, verb, colour, thing, things


def test_the_factors_are_read_off_a_sentence_that_agrees():
    for values, sentence in zip(
        VALUES.tolist(), SENTENCE_ALPHABET.decode(render_sentences(VALUES)), strict=True
    ):
        assert parse(sentence) == SENTENCE_FACTORS.meaning(values)


def test_no_two_combinations_of_all_make_the_same_sentence():
    assert SENTENCE_FACTORS.combinations == 248_832
    x = render_sentences(SENTENCE_FACTORS.from_index(torch.arange(SENTENCE_FACTORS.combinations)))
    assert len({row.tobytes() for row in x.numpy()}) == len(x)
    assert (x[:, -1] != 0).any() and (x[:, 0] != 0).all()  # no longer than the longest needs


@pytest.mark.parametrize(
    ("meaning", "sentence"),
    [
        ({}, "the happy bird carried the black apple"),
        ({"number": "plural", "tense": "present"}, "the happy birds carry the black apple"),
        ({"tense": "present", "verb": "see"}, "the happy bird sees the black apple"),
        ({"tense": "present", "negation": "negated"},
         "the happy bird does not carry the black apple"),
        ({"subject": "mouse", "number": "plural", "negation": "negated", "object_number": "plural",
          "object": "knife"}, "the happy mice did not carry the black knives"),
        ({"tense": "future", "adjective": "small", "verb": "take"},
         "the small bird will take the black apple"),
    ],
)  # fmt: skip
def test_sentences_are_english(meaning, sentence):
    assert said(**meaning) == sentence


def test_the_same_factors_give_the_same_bytes_on_every_machine():
    content = render_sentences(VALUES).numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == PINNED


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match="tense reaches from 3 to 3; it must be 0 to 2"):
        render_sentences(torch.tensor([[0, 0, 0, 3, 0, 0, 0, 0, 0]]))


def test_the_set_knows_its_factors_and_writes_its_texts():
    data = load_dataset("sentences")
    assert (data.kind, data.shape, data.levels) == ("categorical", (48,), 27)
    parts = (data.train, data.validation, data.test)
    assert sum(map(len, parts)) == 60_000 and overlap(data) == 0
    assert all(0.09 < len(part) / 60_000 < 0.11 for part in parts[1:])
    test = data.test
    assert torch.equal(data.render(test.factors), test.x[:])
    words = [parse(text) for text in data.to_text(test.x[:100])]
    assert words == [data.factors.meaning(row) for row in test.factors[:100].tolist()]
    assert [data.label_names[label] for label in test.labels[:100]] == [w[1] for w in words]


def test_a_batch_shares_the_words_of_its_factor():
    data = load_dataset("sentences")
    for factor in range(len(data.factors.names)):
        x = data.draw_held(factor, 20, torch.Generator().manual_seed(0))
        words = list(zip(*map(parse, data.to_text(x)), strict=True))
        assert [len(set(column)) == 1 for column in words].index(True) == factor
