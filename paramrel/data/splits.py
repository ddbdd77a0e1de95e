"""Parts that never share an example: what an example holds decides where it goes."""

from bisect import bisect
from collections import Counter
from hashlib import sha256
from itertools import accumulate, combinations

import numpy as np
from torch import Tensor

from paramrel.data.dataset import Dataset
from paramrel.data.readings import Examples
from paramrel.data.source import PARTS, UNDECIDED

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
    LEFT_OUT of the earlier ones: the test part stays whole. A part that has a share and would get
    nothing by chance gets the undecided example whose digest is nearest, where there are enough.
    """
    bounds = list(accumulate(shares))[:-1]
    decided = [
        bisect(bounds, _position(d)) if part == UNDECIDED else int(part)
        for d, part in zip(digests, split, strict=True)
    ]
    last: dict[bytes, int] = {}
    for d, part in zip(digests, decided, strict=True):
        last[d] = max(part, last.get(d, part))
    published = {d for d, part in zip(digests, split, strict=True) if part != UNDECIDED}
    moved = _filling(last, last.keys() - published, shares)
    kept = [
        moved.get(d, part if part == last[d] else LEFT_OUT)
        for d, part in zip(digests, decided, strict=True)
    ]
    return np.array(kept, dtype=np.int8)


def _position(d: bytes) -> float:
    """Where in [0, 1) a digest falls; the shares of the parts divide that interval."""
    return int.from_bytes(d[:8], "big") / 2**64


def _filling(
    parts: dict[bytes, int], free: set[bytes], shares: tuple[float, float, float]
) -> dict[bytes, int]:
    """Return which of the free examples have to change their part so that no share stays empty.

    The part that holds most gives the one that is nearest to the middle of the empty share.
    """
    moved: dict[bytes, int] = {}
    for part, (share, end) in enumerate(zip(shares, accumulate(shares), strict=True)):
        held = Counter((parts | moved).values())
        if share == 0 or held[part]:
            continue
        able = [d for d in free - moved.keys() if held[parts[d]] > 1]
        distance = {d: (-held[parts[d]], abs(_position(d) - end + share / 2)) for d in able}
        moved |= {d: part for d in sorted(able, key=distance.get)[:1]}
    return moved


def require_parts(name: str, digests: list[bytes], split: np.ndarray) -> None:
    """Raise ValueError, which says what is needed, where a part has no example."""
    for i, part in enumerate(PARTS):
        if not (split == i).any():
            raise ValueError(
                f"{name} has {len(digests)} examples, too few for three parts: {part!r} gets none; "
                f"at least 3 that differ are needed ({len(set(digests))} do), one for each of "
                "train, validation and test"
            )


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
