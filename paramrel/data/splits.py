"""Parts that never share an example: what an example holds decides where it goes."""

from bisect import bisect
from hashlib import sha256
from itertools import accumulate, combinations

import numpy as np
from torch import Tensor

from paramrel.data.dataset import Dataset
from paramrel.data.readings import Examples
from paramrel.data.source import UNDECIDED

LEFT_OUT = -2


def digest(content: bytes | np.ndarray) -> bytes:
    """Return the SHA-256 of an example's bytes."""
    return sha256(content).digest()


def split_by_content(
    digests: list[bytes], split: np.ndarray, shares: tuple[float, float, float]
) -> np.ndarray:
    """Return the split (N,) with its undecided examples assigned by their digests.

    Equal examples always meet in one part, whatever their names, their order, the process or the
    machine. An example that occurs again in a later part, as published splits may have it, is
    LEFT_OUT of the earlier ones: the test part stays whole.
    """
    bounds = list(accumulate(shares))[:-1]
    decided = [
        bisect(bounds, int.from_bytes(d[:8], "big") / 2**64) if part == UNDECIDED else int(part)
        for d, part in zip(digests, split, strict=True)
    ]
    last: dict[bytes, int] = {}
    for d, part in zip(digests, decided, strict=True):
        last[d] = max(part, last.get(d, part))
    kept = [part if part == last[d] else LEFT_OUT for d, part in zip(digests, decided, strict=True)]
    return np.array(kept, dtype=np.int8)


def overlap(data: Dataset) -> int:
    """Return how many different examples occur in more than one part of a set that isn't mixed.

    Levels are compared as they are stored; where none are, the readings, and a binarization can
    make different images equal.
    """
    parts = [set(_digests(part.x)) for part in (data.train, data.validation, data.test)]
    return len(set.union(*(a & b for a, b in combinations(parts, 2))))


def _digests(x: Tensor | Examples) -> list[bytes]:
    levels = x.levels[x.rows] if isinstance(x, Examples) else x
    return [digest(row) for row in levels.numpy()]
