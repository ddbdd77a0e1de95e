"""Sprites: their shapes, their factors, their bytes."""

import hashlib

import pytest
import torch

from paramrel.data.drawn.generated import sample_combinations
from paramrel.data.drawn.sprites import RADIUS, SPRITE_FACTORS, _outside, render_sprites

PINNED = "730c598636a97b0f1224693f7dd617793b16c0726e4c10cabdf243666f06e219"
VALUES = sample_combinations(SPRITE_FACTORS, 1000)


def test_the_same_factors_give_the_same_bytes_on_every_machine():
    content = render_sprites(VALUES, 32).numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == PINNED


def test_no_pixel_lies_so_near_an_edge_that_rounding_could_decide():
    assert _outside(VALUES, 32).abs().min() > 1e-10


def test_a_sprite_covers_the_area_of_its_shape():
    heart = 3.662  # the area of (x² + y² - 1)³ < x²y³, by quadrature
    areas = {0: 1.6**2, 1: torch.pi * 0.6, 2: heart / 1.2**2}  # at radius 1
    for shape, area in areas.items():
        values = VALUES[VALUES[:, 0] == shape]
        radius = 64 * RADIUS * (0.5 + 0.1 * values[:, 1])
        covered = render_sprites(values, 64).double().sum((1, 2, 3))
        assert (covered / (area * radius**2)).mean() == pytest.approx(1, abs=0.01)


def test_the_centre_moves_with_the_position_and_the_sprite_never_leaves_the_image():
    pixels = torch.arange(64) + 0.5
    for factor, axis in ((3, 2), (4, 1)):
        values = VALUES[VALUES[:, 0] < 2]  # the heart's middle isn't its centre
        images = render_sprites(values, 64)[:, 0].double()
        centre = (images.sum(3 - axis) * pixels).sum(1) / images.sum((1, 2))
        margin = 64 * 1.15 * RADIUS
        expected = margin + values[:, factor] / 31 * (64 - 2 * margin)
        assert (centre - expected).abs().max() < 0.7
    assert (render_sprites(VALUES, 64).sum((1, 2, 3)) > 50).all()


def test_a_turn_by_its_symmetry_leaves_a_sprite_as_it_is():
    for shape, turn in ((0, 10), (1, 20)):
        values = VALUES[(VALUES[:, 0] == shape) & (VALUES[:, 2] < 20)]
        turned = values + turn * torch.eye(5, dtype=torch.long)[2]
        assert torch.equal(render_sprites(values, 64), render_sprites(turned, 64))


@pytest.mark.parametrize("factor", range(5))
def test_steps_of_every_factor_show(factor):
    values = VALUES.clone()
    values[:, factor] %= SPRITE_FACTORS.sizes[factor] - 1
    step = torch.eye(5, dtype=torch.long)[factor]
    for size, hidden in ((32, 0.03), (64, 0)):
        before, after = (render_sprites(v, size) for v in (values, values + step))
        assert (before == after).flatten(1).all(1).double().mean() <= hidden


@pytest.mark.parametrize("size", [15, 65])
def test_sizes_that_are_not_drawn_are_refused(size):
    with pytest.raises(ValueError, match=f"size is {size}; a sprite has 16 to 64 pixels a side"):
        render_sprites(VALUES[:1], size)
