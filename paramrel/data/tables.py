"""A table of one's own as a data set: each column a field of a mixed record."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from pandas.api import types

from paramrel.data.dataset import Dataset
from paramrel.data.source import PARTS
from paramrel.data.tensors import SHARES, from_tensors, split_own
from paramrel.data.variables import as_tensor

FEW = 50  # different values up to which whole numbers are classes


def from_dataframe(
    df: pd.DataFrame,
    kinds: Mapping[str, str] | None = None,
    *,
    name: str = "own",
    splits: tuple[float, float, float] = SHARES,
    seed: int = 0,
) -> Dataset:
    """Return a data set whose examples are the rows of a table and whose fields are its columns.

    Words, booleans, categories and whole numbers of at most 50 different values become categorical;
    other numbers continuous, scaled so that the training part fills [-1, 1] and the others are
    clamped to it. `kinds` names another kind, as `from_tensors` has them, for some columns. Missing
    values stay missing. `to_dataframe` leads back. splits, seed, missing: see `from_tensors`.

    Raises ValueError for columns of one value, and for what is no number or class.

    >>> import pandas as pd
    >>> from paramrel.data import Dataset
    >>> df = pd.DataFrame({"height": [1.5 + 0.01 * i for i in range(40)], "sex": 20 * ["f", "m"]})
    >>> data = Dataset.from_dataframe(df)
    >>> {name: field.kind for name, field in data.fields.items()}, data.categories["sex"]
    ({'height': 'continuous', 'sex': 'categorical'}, ('f', 'm'))
    """
    df = df.rename(columns=str)
    kinds = dict(kinds or {})
    _check(df, kinds)
    kinds = {column: kinds.get(column) or _kind(df[column]) for column in df}
    coded = {
        column: pd.Categorical(df[column])
        for column in df
        if kinds[column] in ("binary", "categorical")
    }
    values = {
        column: as_tensor(column, _numbers(coded.get(column, df[column])), missing=True)
        for column in df
    }
    split = torch.from_numpy(split_own(name, values, splits, seed))
    scales = {}
    for column in df:
        if kinds[column] == "continuous":
            numbers = values[column].double()
            scales[column] = low, high = _scale(column, numbers[split == 0])
            values[column] = (2 * (numbers - low) / (high - low) - 1).clamp(-1, 1)
    data = from_tensors(
        tuple({c: v[split == i] for c, v in values.items()} for i in range(len(PARTS))),
        kinds,
        levels={c: len(coded[c].categories) for c in coded},
        name=name,
        missing=True,
    )
    return replace(
        data, scales=scales, categories={c: tuple(coded[c].categories.tolist()) for c in coded}
    )


def _check(df: pd.DataFrame, kinds: dict[str, str]) -> None:
    if repeated := df.columns[df.columns.duplicated()].tolist():
        raise ValueError(f"the columns {', '.join(repeated)} stand twice; rename one of each")
    if unknown := kinds.keys() - set(df.columns):
        raise ValueError(f"kinds names {min(unknown)!r}, but the columns are {[*df.columns]}")
    if single := [column for column in df if df[column].nunique() < 2]:
        raise ValueError(f"{', '.join(single)}: one value only; leave out such columns")


def _numbers(column: pd.Series | pd.Categorical) -> np.ndarray:
    """Numbers (N,), of classes their codes; NaN where one is missing."""
    if isinstance(column, pd.Categorical):
        return (
            np.where(column.isna(), np.nan, column.codes) if column.isna().any() else column.codes
        )
    return column.to_numpy(float, na_value=np.nan) if column.isna().any() else column.to_numpy()


def _kind(column: pd.Series) -> str:
    if types.is_bool_dtype(column) or not types.is_numeric_dtype(column):
        if types.is_datetime64_any_dtype(column) or types.is_timedelta64_dtype(column):
            raise ValueError(f"{column.name} holds {column.dtype}; turn it to numbers or classes")
        return "categorical"
    known = column.dropna()
    few = column.nunique() <= FEW
    # pandas holds whole numbers of which some are missing as fractions
    whole = types.is_integer_dtype(column) or (len(known) < len(column) and (known % 1 == 0).all())
    return "categorical" if few and whole else "continuous"


def _scale(column: str, values: torch.Tensor) -> tuple[float, float]:
    known = values[~values.isnan()]
    if known.numel() == 0:
        raise ValueError(f"{column} is missing in the whole training part; leave that column out")
    low, high = known.min().item(), known.max().item()
    if low == high:
        raise ValueError(f"{column} is {low:g} in the whole training part; leave that column out")
    return low, high
