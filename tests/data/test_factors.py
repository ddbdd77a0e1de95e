"""Factors of variation: how combinations are counted and drawn."""

import itertools

import pytest
import torch

from paramrel.data import Factors
from paramrel.data.drawn.generated import sample_combinations
from paramrel.data.drawn.scenes import SCENE_FACTORS
from paramrel.data.drawn.sprites import SPRITE_FACTORS
from paramrel.metrics.factor_vae import factor_vae_score

SMALL = Factors(("a", "b", "c"), (2, 3, 4))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_combinations_are_counted_with_the_last_factor_fastest():
    every = torch.tensor(list(itertools.product(range(2), range(3), range(4))))
    index = torch.arange(SMALL.combinations)
    assert torch.equal(SMALL.from_index(index), every)
    assert torch.equal(SMALL.to_index(every), index)


def test_scenes_and_sprites_have_the_cardinalities_of_their_models():
    assert SCENE_FACTORS.sizes == (10, 10, 10, 8, 4, 15)
    assert SCENE_FACTORS.combinations == 480_000
    assert SPRITE_FACTORS.sizes == (3, 6, 40, 32, 32)
    assert SPRITE_FACTORS.combinations == 737_280


def test_a_held_factor_is_shared_and_the_others_vary():
    values = SMALL.draw_held(1, 200, seeded())
    assert values[:, 1].unique().numel() == 1
    assert values[:, 0].unique().tolist() == [0, 1]
    assert values[:, 2].unique().tolist() == [0, 1, 2, 3]
    assert {SMALL.draw_held(1, 2, seeded(s))[0, 1].item() for s in range(20)} == {0, 1, 2}


def test_codes_that_are_the_factors_get_the_best_factor_vae_score():
    row = factor_vae_score(
        SCENE_FACTORS.draw(1000, seeded()).double(),
        lambda factor, size, generator: SCENE_FACTORS.draw_held(factor, size, generator).double(),
        factors=6,
        generator=seeded(),
        votes=(200, 100),
    )
    assert row["factor_vae_score"] == 1


def test_a_sample_has_every_combination_once_and_begins_alike_at_every_size():
    values = sample_combinations(SMALL, 24)
    assert sorted(SMALL.to_index(values).tolist()) == list(range(24))
    assert torch.equal(sample_combinations(SMALL, 10), values[:10])
    # NumPy freezes this generator's stream: the sample can't depend on a version
    assert SMALL.to_index(values)[:6].tolist() == [11, 10, 22, 14, 20, 1]


def test_a_large_sample_is_balanced_in_every_pair_of_factors():
    values = sample_combinations(SCENE_FACTORS, 60_000)
    for i, j in itertools.combinations(range(6), 2):
        sizes = SCENE_FACTORS.sizes[i], SCENE_FACTORS.sizes[j]
        number = sizes[0] * sizes[1]
        cells = torch.bincount(values[:, i] * sizes[1] + values[:, j], minlength=number)
        expected = 60_000 / number
        assert ((cells - expected).abs() < 6 * expected**0.5).all()


@pytest.mark.parametrize(
    ("values", "cause"),
    [
        (torch.tensor([[0, 3, 0]]), "b reaches from 3 to 3; it must be 0 to 2"),
        (torch.tensor([[0, 0, -1]]), "c reaches from -1"),
        (torch.tensor([[0, 0]]), r"values is torch.int64 \(1, 2\); it must be long, \(N, 3\)"),
        (torch.zeros(1, 3), "values is torch.float32"),
    ],
)
def test_values_that_no_combination_has_are_refused(values, cause):
    with pytest.raises(ValueError, match=cause):
        SMALL.to_index(values)


def test_numbers_and_factors_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="index reaches from 0 to 24; .* 0 to 23"):
        SMALL.from_index(torch.arange(25))
    with pytest.raises(ValueError, match="factor is 3; it must be 0 to 2"):
        SMALL.draw_held(3, 5)
