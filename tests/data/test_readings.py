"""How levels are read, and how examples behave that stay stored as levels."""

import numpy as np
import pytest
import torch

from paramrel.data import Examples, Split
from paramrel.data.readings import Reading

LEVELS = torch.arange(17, dtype=torch.uint8)
GREY = torch.randint(256, (6, 1, 5, 4), dtype=torch.uint8, generator=torch.Generator())
ROWS = torch.tensor([4, 1, 3, 0])
DYNAMIC = Reading("binary", 255, "bernoulli-dynamic")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_pixel_above_the_threshold_is_on():
    assert Reading("binary", 16, "threshold-0.5")(LEVELS).tolist() == [0] * 8 + [1] * 9
    assert Reading("binary", 16, "threshold-0")(LEVELS).tolist() == [0] + [1] * 16


def test_a_dynamic_pixel_is_on_with_the_probability_of_its_level():
    levels = LEVELS.expand(20_000, 17)
    share = Reading("binary", 16, "bernoulli-dynamic")(levels, seeded()).double().mean(0)
    expected = LEVELS / 16
    assert share[0] == 0 and share[-1] == 1
    error = (expected * (1 - expected) / 20_000).sqrt()
    assert ((share - expected).abs() <= 4 * error).all()


def test_a_discretized_pixel_is_the_centre_of_its_bin():
    edges = torch.linspace(-1, 1, 18)
    torch.testing.assert_close(Reading("discretized", 16)(LEVELS), (edges[1:] + edges[:-1]) / 2)


def test_continuous_pixels_reach_from_minus_one_to_one_in_equal_steps():
    torch.testing.assert_close(Reading("continuous", 16)(LEVELS), torch.linspace(-1, 1, 17))


def test_categories_are_the_levels():
    assert Reading("categorical", 26)(LEVELS).tolist() == list(range(17))


@pytest.mark.parametrize(
    ("kind", "levels", "dtype"),
    [
        ("binary", 2, torch.long),
        ("discretized", 17, torch.float32),
        ("categorical", 17, torch.long),
        ("continuous", None, torch.float32),
    ],
)
def test_a_kind_has_its_number_of_levels_and_its_type(kind, levels, dtype):
    reading = Reading(kind, 16)
    assert reading.levels == levels and reading(LEVELS).dtype == dtype


@pytest.mark.parametrize("index", [2, slice(1, 3), slice(None), torch.tensor([3, 3, 0])])
def test_examples_are_indexed_like_the_tensor_that_they_stand_for(index):
    reading = Reading("continuous", 255)
    examples = Examples(GREY, ROWS, reading)
    whole = reading(GREY[ROWS])
    assert torch.equal(examples[index], whole[index])
    assert examples.shape == whole.shape and len(examples) == len(whole)


def test_examples_on_another_device_are_the_same():
    examples = Examples(GREY, ROWS, DYNAMIC)
    assert examples.to("cpu") is examples
    moved = examples.to("meta")  # the only other device that every machine has
    assert moved.shape == examples.shape and moved.device.type == moved.rows.device.type == "meta"


def test_indexing_draws_the_same_and_drawing_draws_anew():
    examples = Examples(GREY, ROWS, DYNAMIC)
    assert torch.equal(examples[:], examples[:])
    index = torch.tensor([3, 0, 2])
    assert torch.equal(examples.draw(index, seeded(1)), examples.draw(index, seeded(1)))
    assert not torch.equal(examples.draw(index, seeded(1)), examples.draw(index, seeded(2)))


def test_frozen_examples_no_longer_depend_on_the_generator():
    frozen = Examples(GREY, ROWS, DYNAMIC).frozen(seed=0)
    draws = [frozen.draw(slice(None), seeded(seed)) for seed in range(5)]
    assert all(torch.equal(draw, frozen[:]) for draw in draws)
    assert torch.equal(frozen[:], DYNAMIC(GREY[ROWS], seeded(0)))


@pytest.mark.parametrize("x", [torch.arange(8.0), Examples(GREY, ROWS, DYNAMIC)])
def test_a_split_draws_batches_from_tensors_and_from_examples(x):
    split = Split(x, torch.zeros(len(x), dtype=torch.long), factors=torch.ones(len(x), 2))
    batch = split.to("cpu").draw(torch.tensor([2, 0]), seeded())
    assert batch.shape == (2, *x.shape[1:])
    assert torch.equal(batch, split.draw(torch.tensor([2, 0]), seeded()))


def test_examples_read_from_a_mapped_file_only_what_is_asked_for(tmp_path):
    np.save(tmp_path / "levels.npy", GREY.numpy())
    levels = torch.from_numpy(np.load(tmp_path / "levels.npy", mmap_mode="c"))
    examples = Examples(levels, ROWS, Reading("categorical", 255))
    assert torch.equal(examples[torch.tensor([1])], GREY[[1]].long())
