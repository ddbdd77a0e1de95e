"""What a data set is: examples of one kind, what is known of each, and three fixed parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.data.alphabet import Alphabet
from paramrel.data.factors import Factors, Render
from paramrel.data.fields import leaves
from paramrel.data.readings import Examples, Kind


@dataclass(frozen=True)
class Variable:
    """One field of a record: what `Dataset.kind`, `shape` and `levels` say of a whole example."""

    kind: Kind
    shape: tuple[int, ...]
    levels: int | None


Variables = Variable | dict[str, Variable]  # of an example, or of each field of a record


class Fields:
    """Records of several fields, each a tensor (N, ...).

    fields["label"] is one of the tensors; fields[index] is a dict of the indexed rows of all.
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        self.tensors = dict(tensors)

    def __len__(self) -> int:
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, key: str | int | slice | Tensor) -> Tensor | dict[str, Tensor]:
        if isinstance(key, str):
            return self.tensors[key]
        return {name: tensor[key] for name, tensor in self.tensors.items()}

    def to(self, device: torch.device | str) -> "Fields":
        """Return these records on a device."""
        return Fields({name: tensor.to(device) for name, tensor in self.tensors.items()})


@dataclass(frozen=True)
class Split:
    """One part of a data set.

    x: (N, C, H, W) for images; long classes where the kind is binary or categorical, else float32
    values in [-1, 1]; -1 or NaN where a value is missing. A Tensor where the set is small,
    `Examples` where it stays on disk, `Fields` where it is mixed; x[index] reads all three.
    labels: (N,) long; factors: (N, F) long; attributes: (N, A) bool.
    """

    x: Tensor | Examples | Fields
    labels: Tensor
    factors: Tensor | None = None
    attributes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def draw(self, index: Tensor, generator: Generator | None = None) -> Tensor | dict[str, Tensor]:
        """Return a training batch x, (B, ...); dynamic binarization draws its pixels anew."""
        if isinstance(self.x, Examples):
            return self.x.draw(index, generator)
        return self.x[index]

    def to(self, device: torch.device | str) -> "Split":
        """Return this part on a device."""
        moved = (None if t is None else t.to(device) for t in vars(self).values())
        return Split(*moved)


@dataclass(frozen=True)
class Dataset:
    """A named data set in one reading of its levels.

    `load_dataset` loads one by its name; `from_tensors` (tensors.py), `from_torch`
    (torch_datasets.py), `from_dataframe` (tables.py) and `from_folder` (registry.py) make one of
    one's own data in one call.

    shape: (C, H, W) of one image, (L,) of one text, () of a mixed record.
    levels: classes of a binary or categorical, bins of a discretized variable; else None.
    label_names: empty where nothing is known of the examples; labels are then all 0.
    factors, render: where every combination of known factors can be drawn, by `draw_held`.
    fields: the variables of a mixed record. megabytes: what has to be downloaded.
    scales, categories: of a table's columns, the values (low, high) that became -1 and 1, and what
    the classes mean. alphabet: the signs that the classes of texts mean, as `to_text` writes them.

    >>> import paramrel, torch
    >>> data = paramrel.Dataset.from_tensors(torch.arange(30) % 3, kind="categorical")
    >>> data.kind, data.levels
    ('categorical', 3)
    """

    from_tensors: ClassVar[Callable[..., "Dataset"]]
    from_torch: ClassVar[Callable[..., "Dataset"]]
    from_dataframe: ClassVar[Callable[..., "Dataset"]]
    from_folder: ClassVar[Callable[..., "Dataset"]]

    name: str
    kind: Kind
    shape: tuple[int, ...]
    levels: int | None
    train: Split
    validation: Split
    test: Split
    label_names: tuple[str, ...]
    licence: str
    citation: str
    attribute_names: tuple[str, ...] = ()
    factors: Factors | None = None
    render: Render | None = None
    fields: dict[str, Variable] = field(default_factory=dict)
    source: str = ""
    megabytes: float = 0.0
    scales: dict[str, tuple[float, float]] = field(default_factory=dict)
    categories: dict[str, tuple[object, ...]] = field(default_factory=dict)
    alphabet: Alphabet | None = None

    @property
    def variables(self) -> Variables:
        """What an example is: one variable, or those of a record's fields by name."""
        return self.fields or Variable(self.kind, self.shape, self.levels)

    def draw_held(self, factor: int, size: int, generator: Generator | None = None) -> Tensor:
        """Draw x, (size, *shape), whose examples share one random value of one factor.

        Raises ValueError where the set cannot be drawn from its factors.
        """
        if self.factors is None or self.render is None:
            raise ValueError(f"{self.name} cannot be drawn from factors of variation")
        return self.render(self.factors.draw_held(factor, size, generator))

    @cached_property
    def content(self) -> str:
        """One SHA-256 of all examples and what they mean, as `prepare_dataset` records it where a
        set is loaded by its name; a subset has another one.
        """
        total = sha256(repr((self.variables, self.label_names)).encode())
        for part in (self.train, self.validation, self.test):
            for name, values in vars(part).items():
                for tensor in _tensors(values):
                    total.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                    total.update(tensor.cpu().contiguous().numpy())
        return total.hexdigest()

    def to_text(self, x: Tensor) -> list[str]:
        """Return texts x, (N, L) classes of the set, samples as well, as strings.

        Raises ValueError where the set holds no texts, and for what is none of its classes.
        """
        if self.alphabet is None:
            raise ValueError(f"{self.name} has no alphabet: its classes are no signs of a text")
        return self.alphabet.decode(x)

    def to_dataframe(self, x: Mapping[str, Tensor]) -> pd.DataFrame:
        """Return records x, a dict of (B,), as rows of the table that the set was made from."""
        columns = {name: values.cpu().numpy() for name, values in x.items()}
        for name, (low, high) in self.scales.items():
            columns[name] = low + (columns[name] + 1) / 2 * (high - low)
        for name, meanings in self.categories.items():
            codes = columns[name]
            columns[name] = pd.Series(np.array(meanings)[codes]).where(codes >= 0)
        return pd.DataFrame(columns)


def _tensors(values: Tensor | Examples | Fields | dict[str, Tensor] | None) -> list[Tensor]:
    if isinstance(values, Examples):
        return [values.levels[values.rows]]
    values = values.tensors if isinstance(values, Fields) else values
    return [] if values is None else leaves(values)
