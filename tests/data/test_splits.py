"""The parts of a data set: decided by content, equal everywhere, and without a common example."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from paramrel.data import Dataset, Split
from paramrel.data.source import UNDECIDED
from paramrel.data.splits import LEFT_OUT, digest, overlap, require_parts, split_by_content

SHARES = (0.7, 0.1, 0.2)
CONTENTS = [i.to_bytes(4, "big") for i in range(5000)]


def split(contents, official=None, shares=SHARES):
    official = np.full(len(contents), UNDECIDED) if official is None else np.array(official)
    return split_by_content([digest(c) for c in contents], official, shares)


def test_the_parts_have_their_shares():
    counts = np.bincount(split(CONTENTS), minlength=3)
    expected = 5000 * np.array(SHARES)
    assert (np.abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_neither_order_nor_company_nor_process_changes_a_part():
    whole = split(CONTENTS)
    order = np.random.default_rng(0).permutation(5000)
    assert np.array_equal(split([CONTENTS[i] for i in order]), whole[order])
    assert np.array_equal(split(CONTENTS[:100]), whole[:100])
    assert whole[:12].tolist() == [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0]  # pinned for ever


def test_equal_examples_meet_in_one_part():
    parts = split(CONTENTS * 2)
    assert np.array_equal(parts[:5000], parts[5000:])


def test_an_example_of_a_published_test_part_is_left_out_of_training():
    contents = [b"a", b"b", b"c", b"a", b"c", b"d"]
    assert split(contents, [0, 0, 0, 1, 2, 2]).tolist() == [LEFT_OUT, 0, LEFT_OUT, 1, 2, 2]


def test_undecided_examples_give_way_to_published_ones():
    parts = split(CONTENTS + CONTENTS[:10], [UNDECIDED] * 5000 + [2] * 10, (1, 0, 0))
    assert parts.tolist() == [LEFT_OUT] * 10 + [0] * 4990 + [2] * 10


@pytest.mark.parametrize("shares", [(1, 0, 0), (0, 1, 0), (0, 0, 1)])
def test_a_share_of_one_takes_all(shares):
    assert set(split(CONTENTS, shares=shares).tolist()) == {shares.index(1)}


def test_no_two_parts_share_an_example_whatever_was_published():
    generator = np.random.default_rng(1)
    for _ in range(20):
        contents = [bytes(c) for c in generator.integers(0, 60, (100, 1), dtype=np.uint8)]
        parts = split(contents, generator.integers(-1, 3, 100))
        held = [{c for c, p in zip(contents, parts, strict=True) if p == k} for k in range(3)]
        assert not (held[0] & held[1] or held[0] & held[2] or held[1] & held[2])
        assert held[0] | held[1] | held[2] == set(contents)


def test_an_overlap_of_parts_is_counted_once_an_example():
    def part(*values):
        x = torch.tensor(values).float().view(-1, 1, 1, 1)
        return Split(x, torch.zeros(len(values), dtype=torch.long))

    sides = (part(1, 2, 3), part(3, 4), part(3, 5, 1))
    data = Dataset("small", "continuous", (1, 1, 1), None, *sides, (), "", "")
    assert overlap(data) == 2
    assert overlap(replace(data, train=part(2), test=part(5))) == 0


@pytest.mark.parametrize("shares", [SHARES, (0.8, 0.1, 0.1), (0.998, 0.001, 0.001)])
@pytest.mark.parametrize("number", [3, 4, 10, 40])
def test_no_part_is_empty_by_chance(number, shares):
    for start in range(0, 2000, number):
        parts = split(CONTENTS[start : start + number], shares=shares)
        assert set(parts.tolist()) == {0, 1, 2}


def test_a_part_that_would_be_empty_gets_the_same_example_in_any_order():
    contents = CONTENTS[2:9]  # which all fall to the training part
    parts = split(contents)
    assert sorted(parts.tolist()) == [0, 0, 0, 0, 0, 1, 2]
    order = [3, 1, 6, 0, 5, 2, 4]
    assert split([contents[i] for i in order]).tolist() == parts[order].tolist()
    assert np.array_equal(split(contents * 3), np.tile(parts, 3))


def test_only_parts_with_a_share_are_filled_and_published_examples_stay():
    assert sorted(split(CONTENTS[2:7], shares=(0.9, 0.1, 0)).tolist()) == [0, 0, 0, 0, 1]
    published = [UNDECIDED] * 2 + [0, 2, 2]
    assert split(CONTENTS[2:7], published).tolist()[2:] == [0, 2, 2]


@pytest.mark.parametrize("contents", [[b"a"], [b"a", b"b"], [b"a", b"b"] * 20])
def test_fewer_than_three_different_examples_are_told_with_what_is_needed(contents):
    digests = [digest(c) for c in contents]
    parts = split_by_content(digests, np.full(len(contents), UNDECIDED), SHARES)
    number, different = len(contents), len(set(contents))
    with pytest.raises(
        ValueError, match=f"mine has {number} examples, too few for three parts: '[a-z]+' gets "
        rf"none; at least 3 that differ are needed \({different} do\)",
    ):  # fmt: skip
        require_parts("mine", digests, parts)
