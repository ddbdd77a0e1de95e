"""What the columns of a table are, and its rows as fields of records and back."""

import json
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from paramrel.data import Variable
from paramrel.tables.column import Column
from paramrel.tables.infer import infer_column

SHOWN = 5  # unseen values that a message names


@dataclass(frozen=True, repr=False)
class Schema:
    """What each column of a table is, and why; printed, it is a table of that.

    `encode` turns rows to fields as `Dataset.from_tensors` takes them with missing=True, and
    `decode` turns fields to rows. Missing cells, of whatever type, stay missing. Columns that only
    name the rows, "id" and "text", and those of one value have no field.
    table: the rows that it was inferred from, which only `with_kinds` needs; None after
    `from_json` and unpickling.

    >>> import pandas as pd
    >>> from paramrel.tables import Schema
    >>> df = pd.DataFrame({"height": [1.5, 1.62, None, 1.75], "sex": ["f", "m", "f", None]})
    >>> schema = Schema.infer(df)
    >>> schema
    column        kind  levels missing                 why
    height  continuous    <NA>     25% 3 different numbers
       sex categorical       2     25%   2 different words
    >>> schema.decode(schema.encode(df)).equals(df)
    True
    """

    columns: tuple[Column, ...]
    table: pd.DataFrame | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        names = Counter(name for column in self.columns for name in column.variables)
        if repeated := [name for name, times in names.items() if times > 1]:
            raise ValueError(f"two fields are called {', '.join(repeated)}; rename a column")
        if not names:
            whys = "; ".join(f"{c.name} ({c.kind}: {c.why})" for c in self.columns)
            raise ValueError(f"no column is left to model: {whys}")

    @classmethod
    def infer(cls, df: pd.DataFrame, kinds: Mapping[str | int, str] | None = None) -> "Schema":
        """Return what the columns of a table are; `kinds` names the kinds of some (`Column`).

        Raises TypeError for columns of no supported type and ValueError for empty tables, repeated
        names, infinite numbers, kinds that a column can't be of, and where no column is left.
        """
        kinds = dict(kinds or {})
        _check_table(df)
        _check_kinds(kinds, df)
        return cls(tuple(infer_column(df[name], kinds.get(name)) for name in df.columns), df)

    def with_kinds(self, kinds: Mapping[str | int, str] | None = None, **named: str) -> "Schema":
        """Return this schema with some columns inferred anew as of these kinds.

        schema.with_kinds(zip="categorical") says the same as with_kinds({"zip": "categorical"}).
        Raises ValueError as `infer` does, and where the table is not known any more.
        """
        if self.table is None:
            raise ValueError("this schema comes without its table; use Schema.infer(df, kinds)")
        asked = dict(kinds or {}) | named
        _check_kinds(asked, self.table)
        changed = {name: infer_column(self.table[name], kind) for name, kind in asked.items()}
        return Schema(tuple(changed.get(c.name, c) for c in self.columns), self.table)

    @property
    def variables(self) -> dict[str, Variable]:
        """What each field is, by name."""
        return {name: v for column in self.columns for name, v in column.variables.items()}

    def encode(
        self, df: pd.DataFrame, handle_unknown: Literal["missing", "error"] = "missing"
    ) -> dict[str, Tensor]:
        """Return the rows of a table as fields (N,), float64, NaN where a cell is missing.

        Classes are whole numbers from 0; counts and ordered classes the centres of bins in [-1, 1];
        other numbers lie in [-1, 1], those out of the range that was seen at its ends.
        handle_unknown: whether classes that were not seen become missing, with one warning, or
        raise ValueError. Raises ValueError for other columns than the schema's, and TypeError for
        columns of another type. Columns without a field need not be there.
        """
        self._check_columns(df)
        if handle_unknown not in ("missing", "error"):
            raise ValueError(f"handle_unknown is {handle_unknown!r}; it is 'missing' or 'error'")
        unseen = {c.name: c.unseen(df[c.name]) for c in self._modelled}
        if said := "; ".join(f"{name}: {_list(found)}" for name, found in unseen.items() if found):
            if handle_unknown == "error":
                raise ValueError(f"values that the schema does not know in {said}")
            warnings.warn(f"values that were not seen become missing in {said}", stacklevel=2)
        encoded = {k: v for c in self._modelled for k, v in c.encode(df[c.name]).items()}
        return {name: torch.from_numpy(values) for name, values in encoded.items()}

    def decode(self, fields: Mapping[str, Tensor], index: pd.Index | None = None) -> pd.DataFrame:
        """Return fields (N,) as rows of the table, with its columns, types and categories.

        fields: as `encode` gives them, or as data sets and models hold them: float32, long classes,
        -1 where one is missing. index: of the rows, by default 0 to N - 1. Columns of the kinds
        "id" and "text" are left out. NumPy's whole numbers and booleans become pandas's own types,
        such as Int64, where some are missing. Raises ValueError for missing fields, unequal lengths
        and classes that there are not.
        """
        if absent := sorted(self.variables.keys() - fields.keys()):
            raise ValueError(f"the fields {_list(absent)} are not there")
        values = {name: _to_array(fields[name]) for name in self.variables}
        shapes = {name: held.shape for name, held in values.items()}
        rows = len(next(iter(values.values())))
        if set(shapes.values()) != {(rows,)}:
            raise ValueError(f"the fields have the shapes {shapes}; each must be (N,)")
        kept = [column for column in self.columns if column.kind not in ("id", "text")]
        df = pd.DataFrame({column.name: column.decode(values, rows) for column in kept})
        return df if index is None else df.set_axis(index)

    def to_frame(self) -> pd.DataFrame:
        """Return a table of the columns: column, kind, levels, missing (a share) and why."""
        rows = [(c.name, c.kind, c.levels, c.missing, c.why) for c in self.columns]
        df = pd.DataFrame(rows, columns=["column", "kind", "levels", "missing", "why"])
        return df.astype({"levels": "Int64"})

    def to_json(self) -> str:
        """Return all of the schema but its table as JSON."""
        return json.dumps([column.to_dict() for column in self.columns])

    @classmethod
    def from_json(cls, text: str) -> "Schema":
        """Return the schema, equal to the one, that `to_json` wrote."""
        return cls(tuple(Column.from_dict(held) for held in json.loads(text)))

    def __getstate__(self) -> dict[str, Any]:
        return {"columns": self.columns, "table": None}

    def __repr__(self) -> str:
        return self._shown().to_string(index=False)

    def _repr_html_(self) -> str:
        return self._shown().to_html(index=False)

    def _shown(self) -> pd.DataFrame:
        return self.to_frame().assign(missing=[_percent(c.missing) for c in self.columns])

    @property
    def _modelled(self) -> list[Column]:
        return [column for column in self.columns if column.variables]

    def _check_columns(self, df: pd.DataFrame) -> None:
        _check_names(df)
        if absent := [c.name for c in self._modelled if c.name not in df.columns]:
            raise ValueError(f"the columns {_list(absent)} are not there")
        known = {column.name for column in self.columns}
        if extra := [name for name in df.columns if name not in known]:
            raise ValueError(f"the schema does not know the columns {_list(extra)}")


def _check_names(df: pd.DataFrame) -> None:
    if not isinstance(df, pd.DataFrame):
        raise TypeError(f"a table is a DataFrame, not {type(df).__name__}")
    if odd := [name for name in df.columns if not isinstance(name, str | int | np.integer)]:
        raise TypeError(f"the columns {_list(odd)} are called neither by words nor whole numbers")
    if repeated := df.columns[df.columns.duplicated()].unique().tolist():
        raise ValueError(f"the columns {_list(repeated)} stand twice; rename one of each")


def _check_table(df: pd.DataFrame) -> None:
    _check_names(df)
    if df.empty:
        raise ValueError(f"the table is empty: {len(df)} rows, {len(df.columns)} columns")


def _check_kinds(kinds: Mapping[str | int, str], df: pd.DataFrame) -> None:
    if unknown := [name for name in kinds if name not in df.columns]:
        raise ValueError(
            f"kinds names {_list(unknown)}, but the columns are {_list([*df.columns])}"
        )


def _list(names: list[Any]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(repr(name) for name in names[:SHOWN]) + more


def _percent(share: float) -> str:
    return "<1%" if 0 < share < 0.01 else f"{share:.0%}"


def _to_array(values: Tensor) -> np.ndarray:
    return torch.as_tensor(values).detach().cpu().double().numpy()
