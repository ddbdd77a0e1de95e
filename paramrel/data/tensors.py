"""Tensors of one's own as a data set, in one call."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paramrel.data.dataset import Dataset, Fields, Split, Variable
from paramrel.data.fields import joined
from paramrel.data.source import PARTS, UNDECIDED
from paramrel.data.splits import digest, require_parts, split_by_content
from paramrel.data.variables import as_tensor, read_classes, read_variable

SHARES = (0.8, 0.1, 0.1)


def from_tensors(
    x: Any,
    kind: str | Mapping[str, str],
    *,
    labels: Any = None,
    levels: int | Mapping[str, int] | None = None,
    name: str = "own",
    label_names: Sequence[str] = (),
    splits: tuple[float, float, float] = SHARES,
    seed: int = 0,
    missing: bool = False,
) -> Dataset:
    """Return a data set of tensors or arrays x, (N, ...), images being (N, C, H, W).

    x: one tensor, whose examples are split by their content: equal ones meet in one part, and
    another `seed` splits otherwise; or a tuple (train, validation, test), which stays as it is.
    Records of mixed type are dicts of tensors, with a dict of kinds.
    kind: "binary", 0 and 1; "categorical", whole numbers from 0, `levels` of them, by default as
    many as occur; "discretized", whole numbers or the centres (2k + 1) / levels - 1 of bins, bytes
    having 256 levels by default; "continuous", numbers in [-1, 1].
    labels: (N,) whole numbers from 0 or words, in a tuple where x is; splits: the parts' shares.
    missing: whether NaN stands for values that nobody knows, of classes too; methods of partial
    evidence learn from what is there (exact where it does not depend on the values which are
    missing), and all others refuse such data.

    Everything is checked here, once. Raises ValueError for values that are not finite or of another
    kind, for lengths that differ, and where there are too few different examples for three parts.

    >>> import torch
    >>> from paramrel.data import Dataset
    >>> x = torch.rand(100, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> data = Dataset.from_tensors(2 * x - 1, "continuous", labels=torch.arange(100) % 2)
    >>> data.shape, data.train.x.dtype, len(data.train) + len(data.validation) + len(data.test)
    ((1, 8, 8), torch.float32, 100)
    """
    parts = x if isinstance(x, tuple) else (x,)
    mixed = isinstance(parts[0], Mapping)
    tensors, lengths = _joined(name, parts if mixed else [{"x": part} for part in parts], missing)
    values, variables = _read(tensors, kind, levels)
    if len(lengths) == 1:
        split = split_own(name, values, splits, seed)
    else:
        split = np.repeat(np.arange(3), lengths)
    labels, label_names = _labels(labels, lengths, label_names)
    rows = {part: torch.from_numpy(np.flatnonzero(split == i)) for i, part in enumerate(PARTS)}
    held = Fields(values) if mixed else values["x"]
    whole = Variable("mixed", (), None) if mixed else variables["x"]
    return Dataset(
        name=name,
        kind=whole.kind,
        shape=whole.shape,
        levels=whole.levels,
        **{part: Split(_rows(held, index), labels[index]) for part, index in rows.items()},
        label_names=label_names,
        licence="one's own",
        citation="one's own data",
        fields=variables if mixed else {},
    )


def _joined(
    name: str, parts: Sequence[Mapping[str, Any]], missing: bool
) -> tuple[dict[str, Tensor], list[int]]:
    """Return the fields of all parts one after another, and how many examples each part has."""
    if len(parts) not in (1, 3):
        raise ValueError(
            f"{name} has {len(parts)} parts; give one tensor, or a tuple (train, validation, test)"
        )
    checked = [{f: as_tensor(f, values, missing) for f, values in part.items()} for part in parts]
    shapes = [{f: tuple(t.shape[1:]) for f, t in part.items()} for part in checked]
    if not shapes[0] or any(shape != shapes[0] for shape in shapes):
        raise ValueError(f"{name} has examples of unequal fields or shapes: {shapes}")
    lengths = [{f: len(t) for f, t in part.items()} for part in checked]
    if any(len(set(counts.values())) > 1 for counts in lengths):
        raise ValueError(f"{name} has fields of unequal lengths: {lengths}")
    return joined(checked), [next(iter(counts.values())) for counts in lengths]


def _read(
    tensors: dict[str, Tensor],
    kind: str | Mapping[str, str],
    levels: int | Mapping[str, int] | None,
) -> tuple[dict[str, Tensor], dict[str, Variable]]:
    kinds = kind if isinstance(kind, Mapping) else dict.fromkeys(tensors, kind)
    counts = levels if isinstance(levels, Mapping) else dict.fromkeys(tensors, levels)
    for what, given in (("kinds", kinds), ("levels", counts)):
        if unknown := given.keys() - tensors.keys():
            raise ValueError(f"{what} names {min(unknown)!r}, but the fields are {[*tensors]}")
    values, variables = {}, {}
    for f, tensor in tensors.items():
        if f not in kinds:
            raise ValueError(f"kind names no kind for the field {f!r}")
        values[f], found = read_variable(f, tensor, kinds[f], counts.get(f))
        variables[f] = Variable(kinds[f], tuple(tensor.shape[1:]), found)
    return values, variables


def _rows(x: Tensor | Fields, index: Tensor) -> Tensor | Fields:
    return Fields(x[index]) if isinstance(x, Fields) else x[index]


def split_own(
    name: str, values: dict[str, Tensor], shares: tuple[float, float, float], seed: int
) -> np.ndarray:
    """Return the part (N,) of each example by what all its fields hold."""
    if len(shares) != 3 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"splits is {shares}; it must be three positive shares that make 1")
    salt = f"{seed} ".encode() if seed else b""
    columns = [tensor.numpy() for tensor in values.values()]
    digests = [
        digest(salt + b"".join(row.tobytes() for row in rows))
        for rows in zip(*columns, strict=True)
    ]
    split = split_by_content(digests, np.full(len(digests), UNDECIDED), shares)
    require_parts(name, digests, split)
    return split


def _labels(
    labels: Any, lengths: list[int], label_names: Sequence[str]
) -> tuple[Tensor, tuple[str, ...]]:
    """Return labels (N,) long and what they are called."""
    if labels is None:
        return torch.zeros(sum(lengths), dtype=torch.long), ()
    parts = [np.asarray(part) for part in (labels if isinstance(labels, tuple) else (labels,))]
    shapes = [part.shape for part in parts]
    if shapes != [(length,) for length in lengths]:
        raise ValueError(f"labels have the shapes {shapes}, for {lengths} examples")
    whole, names = np.concatenate(parts), tuple(label_names)
    if whole.dtype.kind in "OSU":
        words = whole.astype(str)
        names = names or tuple(np.unique(words).tolist())
        if unknown := set(words) - set(names):
            raise ValueError(f"labels hold {min(unknown)!r}, which is not among {names}")
        whole = np.array([names.index(word) for word in words])
    classes, found = read_classes("labels", as_tensor("labels", whole), "categorical", len(names))
    return classes, names or tuple(map(str, range(found)))
