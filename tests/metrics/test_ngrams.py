"""N-grams: against a recursion that counts anew for every sign, and against closed forms."""

import math
from dataclasses import replace

import pytest
import torch

from paramrel.data import Dataset
from paramrel.metrics.ngrams import ngram_bits


def texts_of(train, test, levels):
    parts = tuple(torch.as_tensor(part) for part in (train, test, test))
    return Dataset.from_tensors(parts, "categorical", levels=levels, name="texts")


def counted(train, context, sign, levels):
    """Witten–Bell by its definition: p(sign | context), counted in lists of Python."""
    if context is None:
        return 1 / levels
    after = [
        text[i + len(context)]
        for text in train
        for i in range(len(text) - len(context))
        if text[i : i + len(context)] == context
    ]
    shorter = counted(train, context[1:] if context else None, sign, levels)
    if not after:
        return shorter
    kinds = len(set(after))
    return (after.count(sign) + kinds * shorter) / (len(after) + kinds)


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_the_bits_are_those_of_counting_by_the_definition(order):
    generator = torch.Generator().manual_seed(0)
    train, test = (
        torch.multinomial(torch.tensor([0.5, 0.3, 0.15, 0.05]), n * 8, True, generator=generator)
        for n in (12, 5)
    )
    train, test = train.view(12, 8), test.view(5, 8)
    test[0, 0] = 4  # never seen
    bits = [
        -math.log2(counted(train.tolist(), text[max(i - order + 1, 0) : i], text[i], 5))
        for text in test.tolist()
        for i in range(8)
    ]
    assert ngram_bits(texts_of(train, test, 5), order) == pytest.approx(sum(bits) / len(bits))


def test_all_continuations_of_a_text_share_one_probability():
    train = torch.tensor([[0, 1, 2, 0, 1], [2, 2, 1, 0, 0], [1, 0, 1, 0, 2]])
    every = torch.cartesian_prod(*5 * [torch.arange(3)])
    data = texts_of(train, every, 3)
    for order in (1, 3, 5):
        total = sum(
            2 ** (-5 * ngram_bits(replace(data, test=replace_x(data.test, row[None])), order))
            for row in every
        )
        assert total == pytest.approx(1)


def replace_x(split, x):
    return replace(split, x=x, labels=torch.zeros(len(x), dtype=torch.long))


def test_a_chain_of_signs_costs_its_entropy_from_the_order_of_its_memory_on():
    """Each sign repeats the one before with probability 0.9: 1 bit alone, 0.469 known it."""
    generator = torch.Generator().manual_seed(0)
    switches = (torch.rand(4000, 64, generator=generator) < 0.1).long()
    switches[:, 0] = torch.randint(2, (4000,), generator=generator)
    x = switches.cumsum(1) % 2
    data = texts_of(x[:3000], x[3000:], 2)
    memory = -(0.9 * math.log2(0.9) + 0.1 * math.log2(0.1))
    assert ngram_bits(data, 1) == pytest.approx(1, abs=0.001)
    for order in (2, 4):
        assert ngram_bits(data, order) == pytest.approx((1 + 63 * memory) / 64, abs=0.005)


@pytest.mark.parametrize("order", [0, 6])
def test_orders_that_no_text_has_are_refused(order):
    data = texts_of([[0, 1, 0, 1, 1]], [[0, 1, 0, 1, 1]], 2)
    with pytest.raises(ValueError, match=f"order is {order}; it must be 1 to 5"):
        ngram_bits(data, order)


def test_what_has_no_n_grams_is_refused():
    data = texts_of(torch.zeros(2, 9).long(), torch.zeros(2, 9).long(), 256)
    with pytest.raises(ValueError, match="order is 8; of 256 signs"):
        ngram_bits(data, 8)
    with pytest.raises(ValueError, match=r"texts holds binary \(9,\); n-grams are of texts"):
        ngram_bits(replace(data, kind="binary"), 2)
