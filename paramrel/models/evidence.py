"""Evidence, a time for every variable: which are seen in training, and what times they have.

A variable's time is 0 where it is hidden, 1 where its value is known, and between them where it was
measured with noise. `seen` are booleans of the shape of the data, (B, ...), a dict for records.
What is missing in the data themselves, `data.fields.missing`, is never seen and never asked for.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Generator, Tensor

from paramrel.data import Variables
from paramrel.data.fields import Data, each, leaves, missing
from paramrel.models.methods import METHODS, Method

LEAST, MOST = 0.25, 0.75  # of the length of an image's side, in a hidden side or rectangle
ALL_SEEN = 0.25  # of the examples
CONDITIONAL_EVERY = 8  # examples there is one of whose variables the decoder knows some


class Patterns(Protocol):
    """A distribution of what is seen of examples of some shape."""

    def draw(self, number: int, generator: Generator | None, device: torch.device) -> Data:
        """Return booleans (number, ...), of each field of a record."""


@dataclass(frozen=True)
class ImagePatterns:
    """Of an image (C, H, W) a fourth each: all is seen; pixels are hidden at random, at a rate that
    is uniform; a side is hidden, ¼ to ¾ of the image; a rectangle is, of ¼ to ¾ of each side.

    All channels of a pixel are seen, or none.
    """

    shape: tuple[int, int, int]

    def draw(self, number: int, generator: Generator | None, device: torch.device) -> Tensor:
        channels, height, width = self.shape
        uniform = partial(torch.rand, generator=generator, device=device)
        rows = _spans(height, uniform(number, 1), uniform(number, 1), device)[:, :, None]
        columns = _spans(width, uniform(number, 1), uniform(number, 1), device)[:, None, :]
        start = (uniform(number, 1) < 0.5).float()  # a span at either end is a side
        upright = uniform(number, 1, 1) < 0.5
        sides = (
            _spans(size, uniform(number, 1), start, device).unsqueeze(axis)
            for size, axis in ((height, 2), (width, 1))
        )
        hidden = torch.stack(
            [
                torch.zeros(number, height, width, dtype=torch.bool, device=device),
                uniform(number, height, width) < uniform(number, 1, 1),
                torch.where(upright, *sides),
                rows & columns,
            ]
        )
        kind = (len(hidden) * uniform(number)).long()
        seen = ~hidden[kind, torch.arange(number, device=device)]
        return seen.unsqueeze(1).expand(number, channels, height, width)


@dataclass(frozen=True)
class VectorPatterns:
    """Random entries of a vector or of a sequence are hidden, of a fourth of the examples none."""

    shape: tuple[int, ...]

    def draw(self, number: int, generator: Generator | None, device: torch.device) -> Tensor:
        size = math.prod(self.shape)
        return _some_of(size, number, generator, device).view(number, *self.shape)


@dataclass(frozen=True)
class RecordPatterns:
    """Random fields of a record are hidden as wholes, of a fourth of the records none."""

    shapes: dict[str, tuple[int, ...]]

    def draw(
        self, number: int, generator: Generator | None, device: torch.device
    ) -> dict[str, Tensor]:
        seen = _some_of(len(self.shapes), number, generator, device).unbind(1)
        return {
            name: of_field.view(-1, *[1] * len(shape)).expand(number, *shape)
            for of_field, (name, shape) in zip(seen, self.shapes.items(), strict=True)
        }


def patterns_of(variables: Variables) -> Patterns:
    """Return the patterns for data of these variables: of records, images, or any other shape."""
    shape = each(lambda variable: tuple(variable.shape), variables)
    if isinstance(shape, dict):
        return RecordPatterns(shape)
    return ImagePatterns(shape) if len(shape) == 3 else VectorPatterns(shape)


def _some_of(size: int, number: int, generator: Generator | None, device: torch.device) -> Tensor:
    """Which of `size` are seen, (number, size): all in a fourth, else any number of 1 to size - 1.

    A single one is hidden in the others.
    """
    uniform = partial(torch.rand, generator=generator, device=device)
    hidden = 1 + ((size - 1) * uniform(number, 1)).long()
    rank = uniform(number, size).argsort(1).argsort(1)
    return (rank >= hidden) | (uniform(number, 1) < ALL_SEEN)


def _spans(size: int, length: Tensor, start: Tensor, device: torch.device) -> Tensor:
    """Places of a line in spans of ¼ to ¾ of it, whose length and start are uniform: (B, size)."""
    length = LEAST + (MOST - LEAST) * length
    start = start * (1 - length)
    places = (torch.arange(size, device=device) + 0.5) / size
    return (start <= places) & (places < start + length)


def evidence(seen: Data, known: Tensor, others: Tensor) -> Data:
    """Return the times (B, ...) of variables: `known` where one is seen, else `others`.

    known, others: (B,).
    """
    return each(
        lambda part: torch.where(part, per_example(known, part), per_example(others, part)), seen
    )


def present(x: Data) -> Data:
    """Return which variables (B, ...) are not missing in the data."""
    return each(lambda part: ~missing(part), x)


def where_present(t: Data, present: Data | None) -> Data:
    """Return the times (B, ...) of variables, 0 where one is missing: t, where none can be.

    t: (B,), or of every variable.
    """
    if present is None:
        return t
    if not isinstance(t, Mapping):
        t = each(lambda part: per_example(t, part) if t.ndim == 1 else t, present)
    return each(lambda part, times: torch.where(part, times, 0.0), present, t)


def require_present(method: Method, x: Data) -> None:
    """Raise ValueError where variables of x are missing, unless the method reads such data."""
    if method.evidence == "shared" and (gone := sum(int(missing(p).sum()) for p in leaves(x))):
        readers = [name for name, other in METHODS.items() if other.evidence == "partial"]
        raise ValueError(
            f"{gone} values of x are missing (NaN, or class -1), which only methods of partial "
            f"evidence can read: {', '.join(readers)}"
        )


def training_evidence(
    seen: Data, t: Tensor, s: Tensor, generator: Generator | None
) -> tuple[Data, Data, Data]:
    """Return the times (B, ...) of θ_t, those of what a code reads, and which are unknown.

    t, s: (B,), where all variables share a time. The code reads what is seen at s, and nothing of
    what is hidden, at 0. To the decoder all variables are at t, and unknown, but in every eighth
    example: there it knows those that another example shows, half of the time at 1, else at a time
    between t and 1. It is another one, for a decoder that holds all that its code has read would
    learn to do without a code. Where s = t the code reads θ_t itself, as it does while sampling.
    """
    conditional = torch.arange(len(t), device=t.device) % CONDITIONAL_EVERY == 1
    given = each(lambda part: part.roll(1, 0) & per_example(conditional, part), seen)
    part_hidden = torch.stack([~_rows(part).all(1) for part in leaves(given)]).any(0)
    given = each(lambda part: part & per_example(part_hidden, part), given)
    later, certain = torch.rand((2, len(t)), generator=generator, device=t.device)
    of_theta = evidence(given, torch.where(certain < 0.5, 1.0, t + (1 - t) * later), t)
    of_code = each(
        lambda itself, other: torch.where(per_example(s == t, itself), itself, other),
        of_theta,
        evidence(seen, s, torch.zeros_like(s)),
    )
    return of_theta, of_code, each(torch.logical_not, given)


def reads_unknown(s: Data, t: Data, unknown: Data) -> Tensor:
    """Return whether a code of times s knows more of unknown variables than θ_t: (B,)."""
    more = each(lambda s, t, unknown: (s > t) & unknown, s, t, unknown)
    return torch.stack([_rows(part).any(1) for part in leaves(more)]).any(0)


def per_example(values: Tensor, like: Tensor) -> Tensor:
    """Return values (B,) in a shape that broadcasts with a tensor (B, ...)."""
    return values.view(-1, *[1] * (like.ndim - 1))


def least_time(t: Data) -> Tensor:
    """Return the time (B,) of what is known least, of all fields, but for what is not known at all.

    0 where nothing is known.
    """
    positive = [_rows(part).masked_fill(_rows(part) == 0, torch.inf) for part in leaves(t)]
    least = torch.stack([part.amin(1) for part in positive]).amin(0)
    return least.masked_fill(least.isinf(), 0)


def greatest_time(t: Data) -> Tensor:
    """Return the time (B,) of what is known best, of all fields."""
    return torch.stack([_rows(part).amax(1) for part in leaves(t)]).amax(0)


def _rows(t: Tensor) -> Tensor:
    return t.reshape(len(t), -1)
