"""What is said of texts: which word is hidden, what agrees with what is seen, what letters cost."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import torch

from paramrel.data import Split
from paramrel.data.alphabet import Alphabet
from paramrel.data.dataset import Dataset
from paramrel.data.factors import Factors
from paramrel.measures.texts import (
    AllTexts,
    Infilled,
    bits_table,
    infill,
    infilling_row,
    probes_over_share,
    progressive_letters,
    word_seen,
)
from paramrel.models.config import ModelParams
from paramrel.runs.run import Run
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams

LETTERS = Alphabet(" abc", pad=" ")
FACTORS = Factors(("first", "second"), (2, 3), (("ab", "c"), ("a", "b", "cc")))
LENGTH = 5


def render(values):
    texts = [" ".join(FACTORS.meaning(row)) for row in values.tolist()]
    return LETTERS.encode(texts, LENGTH)


def texts_of_factors(number=240):
    def split(seed):
        values = FACTORS.draw(number, torch.Generator().manual_seed(seed))
        return Split(render(values), values[:, 1], values)

    splits = dict(zip(("train", "validation", "test"), map(split, range(3)), strict=True))
    return Dataset(
        "texts", "categorical", (LENGTH,), 4, **splits, label_names=("a", "b", "cc"), licence="",
        citation="", factors=FACTORS, render=render, alphabet=LETTERS,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data():
    return texts_of_factors()


@pytest.fixture(scope="module")
def run(data) -> Run:
    model = ModelParams(backbone="mlp", mlp_width=16, mlp_blocks=1, embedding=8, code_dim=3)
    params = TrainParams(steps=3, batch_size=16, evaluations=1)
    return train_run(data, "paramrel_evidence", 0, model, params, progress=False)[0]


@pytest.mark.parametrize(
    ("word", "shown"), [(0, "__ b c"), (1, "ab _ c"), (-1, "ab b _"), (-3, "__ b c")]
)
def test_the_letters_of_one_word_are_hidden_and_the_spaces_are_not(word, shown):
    x = LETTERS.encode(["ab b c"], 9)
    hidden = ~word_seen(x, word)[0]
    assert hidden.tolist() == [sign == "_" for sign in shown.ljust(9)]


def test_words_from_the_end_are_counted_in_each_text_for_itself():
    x = LETTERS.encode(["a b", "a b cc a"])
    assert (~word_seen(x, -1)).nonzero().tolist() == [[0, 2], [1, 7]]


@pytest.mark.parametrize("word", [2, -3])
def test_a_word_that_a_text_lacks_is_refused(word):
    with pytest.raises(ValueError, match=f"word is {word}; a text has only 2 words"):
        word_seen(LETTERS.encode(["a b c", "a b"]), word)


def test_all_texts_are_each_combination_once(data):
    texts = AllTexts(data)
    assert texts.nats == pytest.approx(np.log(6))
    known = render(torch.tensor(list(product(range(2), range(3)))))
    assert texts.has(known).all()
    assert not texts.has(LETTERS.encode(["ab c", "b a"], LENGTH)).any()


def test_texts_that_agree_are_those_that_a_comparison_of_all_finds(data):
    texts, x = AllTexts(data), data.test.x[:30]
    seen = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) < 0.4
    for row, places, found in zip(x, seen, texts.agreeing(x, seen), strict=True):
        every = render(texts.factors)
        assert found.tolist() == (every == row)[:, places].all(1).nonzero()[:, 0].tolist()


def test_the_best_guess_is_certain_when_all_is_seen_and_chance_when_nothing_is(data):
    texts, x = AllTexts(data), data.test.x[:10]
    assert texts.best_accuracy(x, torch.ones_like(x, dtype=torch.bool)).tolist() == [1, 1]
    nothing = texts.best_accuracy(x, torch.zeros_like(x, dtype=torch.bool))
    assert nothing == pytest.approx([1 / 2, 1 / 3])


def test_data_without_factors_or_of_equal_texts_are_refused(data):
    with pytest.raises(ValueError, match="no texts that are drawn from factors"):
        AllTexts(replace(data, factors=None))
    with pytest.raises(ValueError, match="the same text for several combinations"):
        AllTexts(replace(data, render=lambda values: render(0 * values)))


def test_the_grammar_pays_the_least_bits_and_single_letters_more(run, data):
    table = bits_table(run, data, orders=(1, 3), examples=20, num_times=2).set_index("model")
    bits = table["bits_per_character"]
    assert bits["the grammar itself"] == pytest.approx(np.log2(6) / LENGTH)
    assert bits["1-grams"] > bits["3-grams"] > bits["the grammar itself"]
    assert table["nats_per_text"]["the grammar itself"] == pytest.approx(np.log(6))
    assert bits["paramrel_evidence, bound"] > bits["the grammar itself"]


def test_infilling_keeps_what_is_seen_and_an_exact_sampler_is_as_good_as_it_says(run, data):
    texts, x = AllTexts(data), data.test.x[:40]
    filled = infill(run.model, x, -1, 2, 3, torch.Generator().manual_seed(0))
    assert filled.draws.shape == (2, 40, LENGTH)
    assert ((filled.draws == x) | ~filled.seen).all()
    rng = np.random.default_rng(0)
    numbers = [rng.choice(left, 100) for left in texts.agreeing(x, filled.seen)]
    exact = render(texts.factors[np.concatenate(numbers)]).unflatten(0, (40, 100)).transpose(0, 1)
    generator = torch.Generator().manual_seed(0)
    row = infilling_row(run.model, Infilled(x, filled.seen, exact), texts, 2, generator)
    assert row["accuracy"] == pytest.approx(row["accuracy_exact"], abs=0.05)
    assert row["grammatical"] == 1
    longest = data.test.factors[:40, 1] == 2  # may be a, b or cc; a single letter is a or b
    bits = torch.where(longest, np.log2(3), 1.0).sum().item()
    assert row["bits_exact"] == pytest.approx(bits / row["letters"] / 40)
    assert row["bits"] > row["bits_exact"]


def test_probes_of_whole_texts_read_what_the_ceiling_says_and_of_nothing_the_floor(data, run):
    class Known:
        """A code that holds all that is seen, and so all that there is to know of it."""

    def read(model, x, generator, seen):
        return torch.nn.functional.one_hot(torch.where(seen, x, 4), 5).flatten(1).float()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("paramrel.measures.texts.mean_code", read)
        table = probes_over_share(run, data, (0.0, 1.0), AllTexts(data), (200, 40, 60), 60)
    ends = table.set_index(["share", "factor"])
    assert ends.loc[1.0, "accuracy"].tolist() == ends.loc[1.0, "ceiling"].tolist() == [1, 1]
    assert (ends.loc[0.0, "accuracy"] == ends.loc[0.0, "floor"]).all()
    assert ends.loc[0.0, "ceiling"].tolist() == pytest.approx([1 / 2, 1 / 3])


def test_letters_over_time_are_probabilities_and_θ_ends_in_the_text(run, data):
    x = data.test.x[0]
    found = progressive_letters(run.model, x, (0.01, 1.0), torch.Generator().manual_seed(0))
    for probs in found.values():
        assert probs.shape == (2, LENGTH, 4)
        assert probs.sum(-1).numpy() == pytest.approx(1, abs=1e-5)
    assert (found["θ"][1].argmax(-1) == x).all()
    assert found["θ"][0].amax() < found["θ"][1].amax(-1).amin()
