"""One field or many: data are tensors, records of several fields are dicts of them."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Data = Tensor | dict[str, Tensor]  # (B, ...), or of each field of records


def each(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Return function(first, *others), or a dict of it for the fields of dicts with equal keys.

    What a field holds may be a dict again.
    """
    if not isinstance(first, Mapping):
        return function(first, *others)
    return {
        name: each(function, part, *[other[name] for other in others])
        for name, part in first.items()
    }


def leaves(tree: Any) -> list[Any]:
    """Return what the fields hold, as a list; of what has no fields, itself."""
    return list(tree.values()) if isinstance(tree, Mapping) else [tree]


def count(x: Tensor | Mapping[str, Tensor]) -> int:
    """Return the number of examples in x: (B, ...), or a dict of fields (B, ...)."""
    return len(leaves(x)[0])


def missing(x: Tensor) -> Tensor:
    """Return where x, (N, ...), holds what nobody knows: NaN among numbers, -1 among classes."""
    return x.isnan() if x.is_floating_point() else x < 0


def first(x: Any, number: int) -> Data:
    """Return at most `number` examples of x, (N, ...), which is anything one can slice."""
    return each(lambda part: part[:number], x)


def moved(x: Data, device: torch.device | str) -> Data:
    """Return x on a device."""
    return each(lambda part: part.to(device), x)


def batches(x: Any, size: int) -> Iterator[Data]:
    """Yield the examples of x, (N, ...), in order, at most `size` at a time, evenly many.

    x is anything one can slice: data sets that stay on disk are read batch by batch.
    """
    number = count(x) if isinstance(x, Mapping) else len(x)
    even = math.ceil(number / math.ceil(number / size)) if number else 1
    for start in range(0, number, even):
        rows = slice(start, start + even)
        yield each(lambda part: part[rows], x)  # noqa: B023, which is called at once


def joined(parts: Sequence[Data]) -> Data:
    """Return batches one after another, (N, ...): the inverse of `batches`."""
    return each(lambda *of_field: torch.cat(of_field), *parts)
