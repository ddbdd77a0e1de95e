"""The cells of a pandas column as plain values, and back with the column's type."""

from typing import Any, Literal

import numpy as np
import pandas as pd
from pandas.api import types

Sort = Literal["booleans", "numbers", "dates", "words", "classes"]
Dtype = np.dtype | pd.api.extensions.ExtensionDtype

GAPS = {str(gap): gap for gap in (None, np.nan, pd.NA, pd.NaT)}
OBJECTS: dict[str, Sort] = {
    "empty": "words",
    "string": "words",
    "boolean": "booleans",
    "integer": "numbers",
    "floating": "numbers",
    "mixed-integer-float": "numbers",
}


def sort_of(cells: pd.Series) -> Sort:
    """Return what a column holds; classes are those of pandas's own type, category.

    Raises TypeError, which names the column and its type, where it holds anything else.
    """
    dtype = cells.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        held = sort_of(pd.Series(dtype.categories, name=cells.name))
        sort = None if held == "dates" else "classes"
    elif types.is_object_dtype(dtype):
        sort = OBJECTS.get(types.infer_dtype(cells, skipna=True))
    elif isinstance(dtype, pd.StringDtype) or dtype.kind == "U":
        sort = "words"
    else:
        sort = {"b": "booleans", "i": "numbers", "u": "numbers", "f": "numbers"}.get(dtype.kind)
        sort = "dates" if is_date(dtype) else sort
    if sort is None or isinstance(dtype, pd.SparseDtype):
        raise TypeError(
            f"{cells.name} holds {_held(cells)}; make them numbers, words, booleans, categories of "
            "those, or datetime64, one sort in a column"
        )
    return sort


def is_date(dtype: Dtype) -> bool:
    """Return whether a type is datetime64, with a time zone or without."""
    return isinstance(dtype, pd.DatetimeTZDtype) or (
        isinstance(dtype, np.dtype) and dtype.kind == "M"
    )


def _held(cells: pd.Series) -> str:
    if not types.is_object_dtype(cells.dtype):
        return str(cells.dtype)
    return " and ".join(sorted({type(value).__name__ for value in cells.dropna()}))


def gap_of(cells: pd.Series) -> str:
    """Return what the first missing cell of a column of objects is, as `GAPS` names it."""
    gone = cells[cells.isna()]
    return str(gone.iloc[0]) if types.is_object_dtype(cells.dtype) and len(gone) else "None"


def read_numbers(cells: pd.Series) -> np.ndarray:
    """Return known cells (N,) as int64 where their type is whole, else as float64.

    Raises TypeError for what is no number and ValueError for infinite ones.
    """
    if len(cells) == 0:
        return np.empty(0)
    if sort_of(cells) not in ("numbers", "booleans"):
        raise TypeError(f"{cells.name} holds {_held(cells)}; numbers are wanted")
    cells = cells.infer_objects()
    whole = types.is_integer_dtype(cells) and int(cells.max()) < 2**63
    numbers = cells.to_numpy(np.int64 if whole else np.float64)
    if infinite := int(np.isinf(numbers).sum()):
        raise ValueError(f"{cells.name} has {infinite} infinite values; all must be finite")
    return numbers


def read_dates(cells: pd.Series, dtype: Dtype) -> np.ndarray:
    """Return known cells (N,) as int64, counted in the unit of a type of dates.

    Raises TypeError for what is no date, and for dates of which only one side has a time zone.
    """
    if len(cells) == 0:
        return np.empty(0)
    if not is_date(cells.dtype) or (cells.dt.tz is None) != (_zone(dtype) is None):
        raise TypeError(f"{cells.name} holds {_held(cells)}; {dtype} is wanted")
    return cells.dt.as_unit(_unit(dtype)).astype(np.int64).to_numpy()


def _unit(dtype: Dtype) -> str:
    return np.datetime_data(dtype)[0] if isinstance(dtype, np.dtype) else dtype.unit


def _zone(dtype: Dtype) -> Any:
    return getattr(dtype, "tz", None)


def write_cells(
    values: np.ndarray, known: np.ndarray, dtype: Dtype, gap: str = "None"
) -> pd.Series:
    """Return values (N,) where known (N,) as a column of a type, missing elsewhere.

    gap: what a missing cell of objects is, one of `GAPS`; other types have their own.
    NumPy's whole numbers and booleans know no missing values: where there are some, the type is
    pandas's own one for them, such as Int64.
    """
    if is_date(dtype):
        counts = np.where(known, values, np.iinfo(np.int64).min).astype(np.int64)
        dates = pd.Series(counts.view(f"datetime64[{_unit(dtype)}]"))
        zone = _zone(dtype)
        return dates if zone is None else dates.dt.tz_localize("UTC").dt.tz_convert(zone)
    if isinstance(dtype, np.dtype) and dtype.kind in "iub" and not known.all():
        dtype = pd.array(np.empty(0, dtype)).dtype
    return pd.Series(np.where(known, values.astype(object), GAPS[gap]), dtype=dtype)


def fill_cells(cells: pd.Series, drawn: pd.Series) -> pd.Series:
    """Return cells (N,), those that are missing replaced by drawn ones (N,), of equal index.

    The type is that of the cells where any is known. Categories that they lack are added.
    """
    known = cells.notna()
    if known.all() or drawn.isna().any():
        return cells
    if not known.any():
        return drawn
    if isinstance(cells.dtype, pd.CategoricalDtype):
        have = cells.cat.categories
        cells = cells.cat.add_categories([v for v in drawn.unique() if v not in have])
    return cells.where(known, drawn.astype(cells.dtype))


def dtype_to_json(dtype: Dtype) -> str | dict[str, Any]:
    """Return what `dtype_from_json` makes the same type of."""
    if isinstance(dtype, pd.CategoricalDtype):
        held = dtype.categories
        return {"of": dtype_to_json(held.dtype), "all": held.tolist(), "ordered": dtype.ordered}
    if isinstance(dtype, pd.StringDtype):
        return {"storage": dtype.storage, "nan": dtype.na_value is not pd.NA}
    if isinstance(dtype, pd.ArrowDtype):
        return {"arrow": str(dtype.pyarrow_dtype)}
    return str(dtype)


def dtype_from_json(held: str | dict[str, Any]) -> Dtype:
    """Return the type that `dtype_to_json` described."""
    if isinstance(held, str):
        return types.pandas_dtype(held)
    if "of" in held:
        categories = pd.Index(held["all"], dtype=dtype_from_json(held["of"]))
        return pd.CategoricalDtype(categories, held["ordered"])
    if "arrow" in held:
        import pyarrow

        return pd.ArrowDtype(pyarrow.type_for_alias(held["arrow"]))
    return pd.StringDtype(held["storage"], na_value=np.nan if held["nan"] else pd.NA)
