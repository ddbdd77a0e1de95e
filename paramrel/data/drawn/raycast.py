"""Closed-form intersections of rays with solids and with a room.

A ray is o + t·d with origin o: (3, N) or (3, 1) and direction d: (3, N). Each function returns the
distance t (N,) of the first hit, inf where there is none, and the normal (3, N) there.
"""

import math

import torch
from torch import Tensor

Hit = tuple[Tensor, Tensor]


def dot(a: Tensor, b: Tensor) -> Tensor:
    """Return the inner products (N,) of vectors (3, N)."""
    return (a * b).sum(0)


def unit(a: Tensor) -> Tensor:
    """Return vectors (3, N) at length 1."""
    return a / dot(a, a).sqrt()


def nearer(a: Hit, b: Hit) -> Hit:
    """Return the first of two hits of each ray."""
    return torch.minimum(a[0], b[0]), torch.where(a[0] < b[0], a[1], b[1])


def hit_sphere(o: Tensor, d: Tensor, radius: float, z: float) -> Hit:
    """A ball about (0, 0, z)."""
    o = o - o.new_tensor([[0], [0], [z]])
    t = _first_root(dot(d, d), dot(o, d), dot(o, o) - radius**2)
    return t, (o + t * d) / radius


def hit_cylinder(o: Tensor, d: Tensor, radius: float, low: float, high: float) -> Hit:
    """An upright cylinder about the z axis, closed at the top."""
    side = _hit_tube(o, d, radius, low, high)
    t = (high - o[2]) / d[2]
    across = o[:2] + t * d[:2]
    t = torch.where((t > 0) & (dot(across, across) < radius**2), t, math.inf)
    return nearer(side, (t, o.new_tensor([[0], [0], [1]])))


def hit_capsule(o: Tensor, d: Tensor, radius: float, height: float) -> Hit:
    """An upright capsule that stands on z = 0: a tube between two balls."""
    tube = _hit_tube(o, d, radius, radius, height - radius)
    ends = [hit_sphere(o, d, radius, z) for z in (radius, height - radius)]
    return nearer(tube, nearer(*ends))


def hit_cube(o: Tensor, d: Tensor, side: float, yaw: float) -> Hit:
    """A cube that stands on z = 0, turned by yaw (radians) about the z axis."""
    c, s = math.cos(yaw), math.sin(yaw)
    turn = o.new_tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    o, d = turn @ o - o.new_tensor([[0], [0], [side / 2]]), turn @ d
    sign = d.sign()
    t, axis = ((-side / 2 * sign - o) / d).max(0)  # into the last of the three slabs
    leaves = ((side / 2 * sign - o) / d).amin(0)
    t = torch.where((t < leaves) & (t > 0), t, math.inf)
    return t, turn.T @ (-sign * _axes(axis, d))


def hit_room(o: Tensor, d: Tensor, half: float) -> Hit:
    """From inside, the walls |x| = |y| = half and the floor z = 0; there is no ceiling."""
    walls = o.new_tensor([[half], [half], [0]])
    t = (torch.where(d > 0, walls, -walls) - o) / d
    t = torch.cat([t[:2], torch.where(d[2] < 0, t[2], math.inf)[None]])
    t, axis = t.min(0)
    return t, -d.sign() * _axes(axis, d)


def _hit_tube(o: Tensor, d: Tensor, radius: float, low: float, high: float) -> Hit:
    a, b = o[:2], d[:2]
    t = _first_root(dot(b, b), dot(a, b), dot(a, a) - radius**2)
    z = o[2] + t * d[2]
    t = torch.where((z > low) & (z < high), t, math.inf)
    across = (a + t * b) / radius
    return t, torch.cat([across, torch.zeros_like(across[:1])])


def _first_root(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """The smaller root of a·t² + 2b·t + c where it is positive, else inf."""
    discriminant = b * b - a * c
    t = (-b - discriminant.clamp(min=0).sqrt()) / a
    return torch.where((discriminant > 0) & (t > 0), t, math.inf)


def _axes(axis: Tensor, like: Tensor) -> Tensor:
    """One-hot columns (3, N)."""
    return torch.nn.functional.one_hot(axis, 3).T.to(like.dtype)
