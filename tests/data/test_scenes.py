"""Scenes: the rays against brute force, the factors against the pictures, the bytes for ever."""

import hashlib
import math

import pytest
import torch

from paramrel.data.drawn import raycast
from paramrel.data.drawn.generated import sample_combinations
from paramrel.data.drawn.scenes import _PALETTES, SCENE_FACTORS, render_scenes

PINNED = "64e4ee969e6a32a22ce658346c2f60503327054cf2a859cee41aedca765a323a"
YAW = math.radians(35)


def in_cube(p):
    c, s = math.cos(YAW), math.sin(YAW)
    x, y = c * p[0] + s * p[1], c * p[1] - s * p[0]
    return (x.abs() < 0.5) & (y.abs() < 0.5) & (p[2] > 0) & (p[2] < 1)


def in_capsule(p):
    nearest = p[2].clamp(0.4, 1.1)
    return p[0] ** 2 + p[1] ** 2 + (p[2] - nearest) ** 2 < 0.4**2


SOLIDS = {
    "sphere": (
        lambda o, d: raycast.hit_sphere(o, d, 0.6, 0.6),
        lambda p: p[0] ** 2 + p[1] ** 2 + (p[2] - 0.6) ** 2 < 0.6**2,
    ),
    "cylinder": (
        lambda o, d: raycast.hit_cylinder(o, d, 0.5, 0, 1.2),
        lambda p: (p[0] ** 2 + p[1] ** 2 < 0.5**2) & (p[2] < 1.2) & (p[2] > 0),
    ),
    "capsule": (lambda o, d: raycast.hit_capsule(o, d, 0.4, 1.5), in_capsule),
    "cube": (lambda o, d: raycast.hit_cube(o, d, 1.0, YAW), in_cube),
    "room": (
        lambda o, d: raycast.hit_room(o, d, 2.0),
        lambda p: (p[0].abs() > 2) | (p[1].abs() > 2) | (p[2] < 0),
    ),
}


def rays(number, start):
    """Origins (3, N) on a sphere's upper part about the object, directions to near the object."""
    generator = torch.Generator().manual_seed(0)
    o, target = torch.randn(2, 3, number, dtype=torch.float64, generator=generator)
    o[2] = o[2].abs() + 0.5
    o = start * raycast.unit(o)
    target = 0.5 * target.clamp(-1.5, 1.5) + target.new_tensor([[0], [0], [0.9]])
    return o, raycast.unit(target - o)


@pytest.mark.parametrize("solid", SOLIDS)
def test_a_ray_hits_where_small_steps_along_it_first_get_inside(solid):
    hit, inside = SOLIDS[solid]
    o, d = rays(400, start=1.5 if solid == "room" else 5)
    t, normal = hit(o, d)
    steps = torch.linspace(0, 10, 5001, dtype=torch.float64)
    within = inside(o[..., None] + d[..., None] * steps)  # (N, steps)
    clear = within.sum(1) >= 3  # shorter chords may slip between the steps
    first = steps[within.int().argmax(1)]
    assert 50 < clear.sum() and (solid == "room" or (~within.any(1)).sum() > 50)
    assert ((first - t)[clear] < 0.002 + 1e-9).all() and ((first - t)[clear] > -1e-9).all()
    missed = within.sum(1) == 0
    assert (t[missed] < 10).sum() <= 0.02 * missed.sum()  # grazed between two steps
    point = (o + t * d)[:, clear]
    normal = normal.expand(3, len(t))[:, clear]
    torch.testing.assert_close(raycast.dot(normal, normal), torch.ones(clear.sum()).double())
    assert (inside(point - 1e-4 * normal) & ~inside(point + 1e-4 * normal)).double().mean() > 0.99


def test_a_ray_from_behind_or_inside_misses():
    o, d = rays(200, start=5)
    for hit, _ in (SOLIDS[name] for name in ("sphere", "cylinder", "capsule", "cube")):
        assert hit(o, -d)[0].isinf().all()


def test_the_same_factors_give_the_same_bytes_on_every_machine():
    values = sample_combinations(SCENE_FACTORS, 1500)
    content = render_scenes(values, 16).numpy().tobytes()
    assert hashlib.sha256(content).hexdigest() == PINNED


def test_a_picture_depends_on_its_factors_alone():
    values = sample_combinations(SCENE_FACTORS, 40)
    together = render_scenes(values, 16)
    alone = torch.cat([render_scenes(value[None], 16) for value in values.flip(0)]).flip(0)
    assert torch.equal(together, alone)


@pytest.mark.parametrize("factor", range(6))
def test_every_step_of_every_factor_shows(factor):
    values = sample_combinations(SCENE_FACTORS, 60)
    values[:, factor] %= SCENE_FACTORS.sizes[factor] - 1
    step = torch.eye(6, dtype=torch.long)[factor]
    before, after = (render_scenes(v, 16).int() for v in (values, values + step))
    assert ((before - after).abs().amax((1, 2, 3)) > 10).all()


def test_a_hue_paints_its_own_surface_and_leaves_the_others():
    values = sample_combinations(SCENE_FACTORS, 50)
    base = render_scenes(values, 64)
    painted = []
    for hue in range(3):
        other = values.clone()
        other[:, hue] = (other[:, hue] + 5) % 10
        painted.append((render_scenes(other, 64) != base).any(1))  # (N, H, W)
    painted = torch.stack(painted)
    share = painted.double().mean((1, 2, 3))
    assert (share > torch.tensor([0.15, 0.25, 0.05])).all()
    assert (painted.sum(0) > 1).double().mean() < 0.06  # pixels on an edge have two colours
    assert painted.any(0).double().mean() > 0.98


def test_hues_differ_in_hue_and_not_in_lightness():
    luminance = _PALETTES.double() @ torch.tensor([0.2126, 0.7152, 0.0722]).double()
    lightness = 116 * luminance ** (1 / 3) - 16  # CIE 1976
    assert (lightness.amax(1) - lightness.amin(1) < 9).all()
    distances = torch.cdist(_PALETTES, _PALETTES) + torch.eye(10)
    assert distances.min() > 0.1


@pytest.mark.parametrize("size", [15, 65])
def test_sizes_that_are_not_drawn_are_refused(size):
    with pytest.raises(ValueError, match=f"size is {size}; a scene has 16 to 64 pixels a side"):
        render_scenes(torch.zeros(1, 6, dtype=torch.long), size)


def test_values_out_of_range_are_refused():
    with pytest.raises(ValueError, match="shape reaches from 4 to 4; it must be 0 to 3"):
        render_scenes(torch.tensor([[0, 0, 0, 0, 4, 0]]), 16)
