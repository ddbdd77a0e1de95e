"""What measurements are made on: a part of a set, the same every time."""

import torch

from paramrel.data import load_dataset
from paramrel.data.subset import subset


def test_a_small_set_stays_whole_and_in_order():
    data = load_dataset("digits")
    cut = subset(data, 2000)
    assert torch.equal(cut.test.x, data.test.x) and torch.equal(cut.train.labels, data.train.labels)


def test_a_large_set_is_cut_to_the_same_random_examples_every_time_with_their_labels():
    data = load_dataset("digits")
    first, second = (subset(data, 50) for _ in range(2))
    assert len(first.train) == len(first.validation) == len(first.test) == 50
    assert torch.equal(first.train.x, second.train.x)
    assert len(first.train.labels.unique()) > 5  # not the first ones of a sorted set
    rows = [(data.train.x == x).flatten(1).all(1).nonzero()[0, 0] for x in first.train.x]
    assert torch.equal(data.train.labels[torch.stack(rows)], first.train.labels)


def test_a_set_that_is_drawn_when_needed_is_read_into_memory():
    cut = subset(load_dataset("scenes_16"), 5)
    assert isinstance(cut.train.x, torch.Tensor) and cut.train.x.shape == (5, 3, 16, 16)
    assert cut.train.factors.shape == (5, 6)
