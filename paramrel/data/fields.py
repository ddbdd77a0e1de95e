"""One field or many: data are tensors, records of several fields are dicts of them."""

from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor


def each(function: Callable[..., Any], first: Any, *others: Any) -> Any:
    """Return function(first, *others), or a dict of it for the fields of dicts with equal keys."""
    if not isinstance(first, Mapping):
        return function(first, *others)
    return {
        name: function(part, *[other[name] for other in others]) for name, part in first.items()
    }


def leaves(tree: Any) -> list[Any]:
    """Return what the fields hold, as a list; of what has no fields, itself."""
    return list(tree.values()) if isinstance(tree, Mapping) else [tree]


def count(x: Tensor | Mapping[str, Tensor]) -> int:
    """Return the number of examples in x: (B, ...), or a dict of fields (B, ...)."""
    return len(leaves(x)[0])
