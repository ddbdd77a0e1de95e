"""Scenes: rooms drawn from the six factors of 3D Shapes, ray-cast, with nothing to download.

The factors and their cardinalities are those of 3D Shapes (Burgess & Kim, 2018); the pictures are
this project's own. Light is linear in the colours that it falls on, so a picture is a sum of
layers that depend on scale, shape and orientation alone, each times a colour. The 480 sets of
layers are ray-cast when first needed and kept; all else is a weighted sum. In float64, whose
rounding can't reach the last of the 8 bits that are kept.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

import torch
from torch import Tensor

from paramrel.data.drawn.raycast import (
    Hit,
    dot,
    hit_capsule,
    hit_cube,
    hit_cylinder,
    hit_room,
    hit_sphere,
    unit,
)
from paramrel.data.factors import Factors

SHAPES = ("cube", "cylinder", "sphere", "capsule")


SCENE_FACTORS = Factors(
    names=("floor hue", "wall hue", "object hue", "scale", "shape", "orientation"),
    sizes=(10, 10, 10, 8, 4, 15),
)


SAMPLES = 4  # rays along each side of a pixel


ROOM = 2.2  # half of its width


VIEW = 0.262  # tangent of half of the angle of view


LAMP = (-2.6, -2.7, 5.4)


LAMP_RADIUS = 0.5


def render_scenes(values: Tensor, size: int) -> Tensor:
    """Draw scenes, (N, 3, size, size) uint8, from the values (N, 6) of their factors.

    The same values give the same bytes. Raises ValueError for values out of range or a size
    outside 16 to 64 pixels.
    """
    SCENE_FACTORS.check(values)
    if not 16 <= size <= 64:
        raise ValueError(f"size is {size}; a scene has 16 to 64 pixels a side")
    hues, geometry = values[:, :3], values[:, 3:].tolist()
    images = torch.empty(len(values), 3, size, size, dtype=torch.uint8)
    with _one_thread():
        for start in range(0, len(values), 256):  # few enough to stay in the processor's cache
            part = slice(start, start + 256)
            layers = torch.stack([_layers(size, *g) for g in geometry[part]])  # (B, 4, H, W)
            colors = _PALETTES[torch.arange(3), hues[part]]  # (B, 3 layers, 3 channels)
            light = torch.einsum("blc,blhw->bchw", colors, layers[:, :3]) + layers[:, 3:]
            images[part] = (255 * light.clamp(0, 1) ** (1 / 2.2)).round().to(torch.uint8)
    return images


@contextmanager
def _one_thread() -> Iterator[None]:
    """On small tensors, threads that wait for each other cost more than they bring."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@lru_cache(maxsize=3 * 480)
def _layers(size: int, scale: int, shape: int, orientation: int) -> Tensor:
    """How much light floor, wall and object reflect per colour, and white: (4, size, size)."""
    o, d = _camera_rays(size, math.radians(-30 + 60 * orientation / 14))
    object_size = 1.3 * (0.75 + 0.5 * scale / 7)
    layers = _light(o, d, _lamp_points(size), SHAPES[shape], object_size)
    return layers.view(4, size, SAMPLES, size, SAMPLES).mean((2, 4))


def _light(o: Tensor, d: Tensor, lamp: Tensor, shape: str, object_size: float) -> Tensor:
    """What each ray sees of floor, wall and object, and of white (4, N)."""
    object_t, object_normal = _hit_object(o, d, shape, object_size)
    room_t, room_normal = hit_room(o, d, ROOM)
    on_object = object_t < room_t
    normal = torch.where(on_object, object_normal, room_normal)
    point = o + torch.minimum(object_t, room_t) * d
    on_floor = ~on_object & (normal[2] > 0)

    to_lamp = lamp - point
    falloff = 32 / dot(to_lamp, to_lamp)
    to_lamp = unit(to_lamp)
    blocked, _ = _hit_object(point + 1e-6 * normal, to_lamp, shape, object_size)
    # the objects are convex: they shade the room but never themselves
    direct = falloff * dot(normal, to_lamp).clamp(min=0) * (on_object | blocked.isinf())
    ambient = torch.where(
        on_object,
        (0.6 + 0.4 * normal[2]) * (1 - 0.45 * (-point[2] / (0.25 * object_size)).exp()),
        _room_ambience(point, d, normal, on_floor) * _shade_of_object(point, normal, object_size),
    )
    light = 0.38 * ambient + 0.72 * direct
    gloss = 0.35 * on_object * (direct > 0) * dot(normal, unit(to_lamp - d)).clamp(min=0) ** 60
    on_wall = ~on_object & ~on_floor
    skirting = on_wall & (point[2] < 0.16)
    white = gloss + 0.8 * light * skirting
    return torch.stack([light * on_floor, light * (on_wall & ~skirting), light * on_object, white])


def _camera_rays(size: int, angle: float) -> Hit:
    """Origin (3, 1) and directions (3, N) of a camera that looks at the object from an angle."""
    n = size * SAMPLES
    steps = ((torch.arange(n, dtype=torch.float64) + 0.5) / n * 2 - 1) * VIEW
    v, u = torch.meshgrid(-steps, steps, indexing="ij")
    o = steps.new_tensor([8 * math.sin(angle), -8 * math.cos(angle), 3.5])
    forward = unit(steps.new_tensor([0, 0, 0.95]) - o)
    right = unit(torch.linalg.cross(forward, steps.new_tensor([0, 0, 1])))
    up = torch.linalg.cross(right, forward)
    d = forward[:, None] + right[:, None] * u.flatten() + up[:, None] * v.flatten()
    return o[:, None], unit(d)


def _hit_object(o: Tensor, d: Tensor, shape: str, size: float) -> Hit:
    if shape == "cube":
        return hit_cube(o, d, 1.12 * size, yaw=math.radians(35))
    if shape == "cylinder":
        return hit_cylinder(o, d, 0.56 * size, 0, 1.2 * size)
    if shape == "sphere":
        return hit_sphere(o, d, 0.68 * size, 0.68 * size)
    return hit_capsule(o, d, 0.46 * size, 1.5 * size)


def _lamp_points(size: int) -> Tensor:
    """A point (3, N) of a round lamp for each ray: 16 a pixel, which make shadows soft."""
    step = torch.arange(size * SAMPLES) % SAMPLES
    number = (SAMPLES * step[:, None] + step).flatten().double()
    radius = LAMP_RADIUS * ((number + 0.5) / SAMPLES**2).sqrt()
    angle = number * math.pi * (3 - math.sqrt(5))  # the golden angle spreads them evenly
    x, y, z = LAMP
    return torch.stack([x + radius * angle.cos(), y + radius * angle.sin(), 0 * angle + z])


def _room_ambience(point: Tensor, d: Tensor, normal: Tensor, on_floor: Tensor) -> Tensor:
    """Light from all sides (N,), less near the edges where the floor and the seen walls meet."""
    walls = (ROOM - point[:2] * d[:2].sign()).sort(0).values  # (2, N), distances from both
    edges = torch.where(on_floor, walls, torch.stack([point[2], walls[1]]))
    return (0.75 + 0.25 * normal[2]) * (1 - 0.35 * (-edges / 0.35).exp()).prod(0)


def _shade_of_object(point: Tensor, normal: Tensor, size: float) -> Tensor:
    """What is left (N,) of light from all sides beside a ball in the object's place."""
    to_ball = point.new_tensor([[0], [0], [0.65 * size]]) - point
    distance = dot(to_ball, to_ball).sqrt()
    cosine = (dot(normal, to_ball) / distance).clamp(min=0)
    return 1 - 0.9 * cosine * (0.62 * size / distance).clamp(max=1) ** 2


def _palette(lightness: float, chroma: float) -> Tensor:
    """Ten hues (10, 3) in linear RGB, evenly spaced at equal lightness and chroma.

    In the Oklab colour space (Ottosson, 2020), so that a hue can't be told by its brightness.
    """
    hue = math.radians(20) + torch.arange(10, dtype=torch.float64) * math.tau / 10
    lab = torch.stack([torch.full_like(hue, lightness), chroma * hue.cos(), chroma * hue.sin()])
    to_cones = lab.new_tensor(
        [
            [1, 0.3963377774, 0.2158037573],
            [1, -0.1055613458, -0.0638541728],
            [1, -0.0894841775, -1.2914855480],
        ]
    )
    to_rgb = lab.new_tensor(
        [
            [4.0767416621, -3.3077115913, 0.2309699292],
            [-1.2684380046, 2.6097574011, -0.3413193965],
            [-0.0041960863, -0.7034186147, 1.7076147010],
        ]
    )
    return (to_rgb @ (to_cones @ lab) ** 3).T.clamp(0, 1)


_PALETTES = torch.stack([_palette(0.72, 0.115), _palette(0.8, 0.09), _palette(0.68, 0.13)])
