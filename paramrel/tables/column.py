"""One column of a table: what is known of it, and its cells as fields of a record and back."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import pandas as pd

from paramrel.data import Variable
from paramrel.tables.cells import (
    Dtype,
    dtype_from_json,
    dtype_to_json,
    is_date,
    read_dates,
    read_numbers,
    write_cells,
)
from paramrel.tables.quantiles import from_unit, to_unit

LEFT_OUT = ("constant", "id", "text")
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Column:
    """What a column holds, as the rows told from which it was inferred.

    kind: "continuous", numbers or, as "date", dates; "atoms", numbers some of which recur often;
    "count", at most 256 whole numbers; "categorical", "boolean" and "ordered" classes; "flag", one
    value or none; and what has no field: "constant", "id", "text".
    why: a phrase that says what made it so. missing: the share of missing cells.
    categories: what the classes mean, in their order; of a flag or constant the one value, if any.
    atoms: the recurring numbers. low, high: the range of all other numbers; dates are counted from
    1970 in the unit of their type. step: what all whole numbers and dates are multiples of, from
    low on. decimals: of numbers, None where they have more than 10.
    knots: the quantiles of the map to [-1, 1] (quantiles.py). gap: what a missing cell of objects
    is, such as "nan".
    """

    name: str | int
    kind: str
    why: str
    dtype: Dtype
    missing: float
    categories: tuple[Scalar, ...] = ()
    atoms: tuple[float, ...] = ()
    low: float | None = None
    high: float | None = None
    step: int | None = None
    decimals: int | None = None
    knots: tuple[float, ...] = field(default=(), repr=False)
    gap: str = "None"

    @property
    def levels(self) -> int | None:
        """The number of classes; of atoms, they and all other numbers; else None."""
        if self.kind == "count":
            return (self.high - self.low) // self.step + 1
        if self.kind in ("atoms", "flag"):
            return len(self.atoms or self.categories) + 1
        return None if self.kind in LEFT_OUT else len(self.categories) or None

    @property
    def variables(self) -> dict[str, Variable]:
        """The fields that the column becomes: none, one or, of atoms, two."""
        name, continuous = str(self.name), Variable("continuous", (), None)
        if self.kind in LEFT_OUT:
            return {}
        if self.kind == "atoms":
            return {self.atom: Variable("categorical", (), self.levels), name: continuous}
        if self.levels is None:
            return {name: continuous}
        kind = "discretized" if self.kind in ("count", "ordered") else "categorical"
        return {name: Variable(kind, (), self.levels)}

    @property
    def atom(self) -> str:
        """The name of the field that says which atom a cell is, or 0 for another number."""
        return f"{self.name} atom"

    def encode(self, cells: pd.Series) -> dict[str, np.ndarray]:
        """Return cells (N,) as fields (N,), float64, NaN where a cell is missing or unseen.

        Classes are counted from 0, of a flag 0 where it is missing; counts and ordered classes are
        the centres of bins in [-1, 1]; other numbers lie in [-1, 1]. The number of an atom lies
        there, too: were it missing, a network that is told what is missing would be told the atom.
        """
        known = cells.notna().to_numpy()
        blank = 0.0 if self.kind == "flag" else np.nan
        encoded = {name: np.full(len(cells), blank) for name in self.variables}
        for name, values in self._encode_known(cells[known]).items():
            encoded[name][known] = values
        return encoded

    def _encode_known(self, cells: pd.Series) -> dict[str, np.ndarray]:
        name = str(self.name)
        if self.kind == "atoms":
            numbers = read_numbers(cells)
            which = sum((numbers == atom) * (i + 1) for i, atom in enumerate(self.atoms))
            return {self.atom: which, name: to_unit(self._steps(numbers), self.knots)}
        if self.kind in ("continuous", "date"):
            return {name: to_unit(self._steps(self._read(cells)), self.knots)}
        if self.kind == "count":
            return {name: self._centres(np.rint(self._steps(read_numbers(cells))))}
        codes = self._codes(cells)
        if self.kind == "flag":
            return {name: codes + 1}
        codes = np.where(codes < 0, np.nan, codes)
        return {name: self._centres(codes) if self.kind == "ordered" else codes}

    def unseen(self, cells: pd.Series) -> list[Scalar]:
        """Return the values of classes among cells (N,) that the schema does not know."""
        if self.kind in LEFT_OUT or not self.categories:
            return []
        known = cells.dropna()
        return known[self._codes(known) < 0].unique().tolist()

    def repeat(self, value: Scalar, rows: int) -> pd.Series:
        """Return cells (rows,) of the column's type that all hold a value.

        Raises ValueError where the type can't hold it.
        """
        wrong = ValueError(f"{self.name} can't hold {value!r}: it is {self.dtype}")
        if value not in getattr(self.dtype, "categories", [value]):
            raise wrong
        try:
            cells = pd.Series([value] * rows).astype(self.dtype)
        except (TypeError, ValueError):  # of pandas's own types; NumPy's round
            raise wrong from None
        if not (cells == value).all():
            raise wrong
        return cells

    def decode(self, values: Mapping[str, np.ndarray], rows: int) -> pd.Series:
        """Return fields (N,), float64, as cells (N,) of the column's type; rows: N.

        NaN and negative classes are missing cells. Numbers stay within the range that was seen,
        and are rounded as those were. Raises ValueError for classes that there are not.
        """
        if self.kind == "constant":
            return self._from_codes(np.full(rows, len(self.categories) - 1))
        held = values[str(self.name)]
        if self.kind in ("continuous", "date", "atoms"):
            known, numbers = ~np.isnan(held), self._from_steps(from_unit(held, self.knots))
            if self.kind == "atoms":
                which = self._classes(values[self.atom])
                numbers = np.where(which > 0, np.array((0, *self.atoms))[which], numbers)
                known = (which > 0) | (known & (which == 0))
            return self._write(numbers, known)
        if self.kind in ("count", "ordered"):
            held = (((held + 1) * self.levels - 1) / 2).clip(0, self.levels - 1)
        codes = self._classes(held)
        if self.kind == "count":
            return self._write(self._from_steps(codes), codes >= 0)
        return self._from_codes(codes - 1 if self.kind == "flag" else codes)

    def _read(self, cells: pd.Series) -> np.ndarray:
        return read_dates(cells, self.dtype) if is_date(self.dtype) else read_numbers(cells)

    def _steps(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers clamped to the range seen; whole ones as steps from its low end."""
        numbers = np.clip(numbers, self.low, self.high)
        return numbers if self.step is None else (numbers - self.low) / self.step

    def _from_steps(self, steps: np.ndarray) -> np.ndarray:
        if self.step is not None:
            return _whole(steps) * self.step + self.low
        return steps if self.decimals is None else np.round(steps, self.decimals)

    def _centres(self, bins: np.ndarray) -> np.ndarray:
        return (2 * bins + 1) / self.levels - 1

    def _classes(self, held: np.ndarray) -> np.ndarray:
        classes = _whole(held)
        if (most := classes.max(initial=-1)) >= self.levels:
            raise ValueError(f"{self.name} holds class {most}; it has 0 to {self.levels - 1}")
        return classes

    def _codes(self, cells: pd.Series) -> np.ndarray:
        """The class (N,) of each known cell, -1 of unseen ones."""
        places = {value: i for i, value in enumerate(self.categories)}
        plain = self._read(cells) if is_date(self.dtype) else cells.astype(object)
        return np.array([places.get(value, -1) for value in plain], dtype=int)

    def _from_codes(self, codes: np.ndarray) -> pd.Series:
        meanings = np.array((*self.categories, None), dtype=object)  # -1 means the last one
        return self._write(meanings[np.maximum(codes, -1)], codes >= 0)

    def _write(self, values: np.ndarray, known: np.ndarray) -> pd.Series:
        return write_cells(values, known, self.dtype, self.gap)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return vars(self) | {"dtype": dtype_to_json(self.dtype)}

    @classmethod
    def from_dict(cls, held: Mapping[str, Any]) -> "Column":
        """Return the column that `to_dict` described."""
        read = {f.name: held[f.name] for f in fields(cls)}
        read = {key: tuple(v) if isinstance(v, list) else v for key, v in read.items()}
        return cls(**read | {"dtype": dtype_from_json(held["dtype"])})


def _whole(values: np.ndarray) -> np.ndarray:
    """Values (N,) rounded to int64, NaN as -1."""
    return np.where(np.isnan(values), -1, np.rint(values)).astype(np.int64)
