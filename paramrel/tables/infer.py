"""What a column of a table is, told from its cells."""

from typing import Any

import numpy as np
import pandas as pd
from pandas.api import types

from paramrel.tables.cells import Sort, gap_of, is_date, read_dates, read_numbers, sort_of
from paramrel.tables.column import LEFT_OUT, Column
from paramrel.tables.quantiles import fit_knots

ATOM = 0.2  # share of the known cells, of ROWS at least, from which on a number is an atom
BINS = 256  # most levels of a count
FEW = 16  # most levels of a count with atoms; of more, a normal can't stand for them
CLASSES = 1000  # most classes of a column
DIFFERENT = 0.95  # share of different values beyond which a column names its rows
ROWS = 20  # known cells from which on shares tell anything; a level that has them is one
EXACT = 2**53  # whole numbers up to here are exact in float64
DECIMALS = 10  # most decimals that numbers are rounded to

KINDS: dict[Sort, tuple[str, ...]] = {
    "numbers": ("continuous", "atoms", "count", "categorical", "ordered", "id"),
    "dates": ("date", "id"),
    "booleans": ("boolean", "categorical", "id"),
    "words": ("categorical", "id", "text"),
    "classes": ("categorical", "ordered", "id"),
}


def infer_column(cells: pd.Series, kind: str | None = None) -> Column:
    """Return what the cells (N,) of a column are, or that they are of the kind asked for.

    Raises TypeError for a type that is not supported, and ValueError for infinite numbers and for
    a kind that the cells can't be of; both name the column.
    """
    sort, known = sort_of(cells), cells.dropna()
    if sort == "numbers":
        read_numbers(known)  # raises for infinite ones, of whatever kind
    if kind is None:
        kind, why = _guess(known, sort, complete=len(known) == len(cells))
    else:
        _check_kind(known, sort, kind)
        why = "asked for"
    missing = float(cells.isna().mean())
    facts = _facts(known, kind)
    return Column(cells.name, kind, why, cells.dtype, missing, gap=gap_of(cells), **facts)


def _guess(known: pd.Series, sort: Sort, complete: bool) -> tuple[str, str]:
    """The kind of known cells, and why."""
    different = known.nunique()
    if different == 0:
        return "constant", "no known value"
    if different == 1:
        value = str(known.iloc[0])[:20]
        return ("constant", f"always {value}") if complete else ("flag", f"{value} or missing")
    if sort == "numbers":
        return _guess_numbers(known)
    if sort == "dates":
        return "date", f"dates, {known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}"
    if sort == "booleans":
        return "boolean", "booleans"
    if different > CLASSES or (sort == "words" and _names_rows(known)):
        why = f"{different} different values in {len(known)} rows"
        return ("text" if sort == "words" and _is_prose(known) else "id"), why
    if sort == "classes" and known.cat.ordered:
        return "ordered", f"{different} ordered categories"
    return "categorical", f"{different} different {'words' if sort == 'words' else 'categories'}"


def _names_rows(known: pd.Series) -> bool:
    return len(known) >= ROWS and known.nunique() > DIFFERENT * len(known)


def _is_prose(known: pd.Series) -> bool:
    return known.str.split().str.len().mean() >= 3


def _guess_numbers(known: pd.Series) -> tuple[str, str]:
    numbers = read_numbers(known)
    values, times = np.unique(numbers, return_counts=True)
    low, high, whole = values[0].item(), values[-1].item(), _are_whole(values)
    counted = types.is_integer_dtype(known.infer_objects())
    if counted and not whole:
        return "id", "whole numbers beyond 2**53"
    if counted and _names_rows(known) and high - low < 2 * len(known):
        return "id", f"{len(values)} different whole numbers in {len(known)} rows count them"
    atoms = values[_recur(times)]
    most = FEW if 0 < len(atoms) < len(values) - 1 else BINS
    if len(values) > 2 and whole and (high - low) // (step := _step(values)) < most:
        steps = f" in steps of {step}" if step > 1 else ""
        return "count", f"whole numbers from {int(low)} to {int(high)}{steps}"
    if len(values) == 2 or len(values) - len(atoms) < 2:
        return "categorical", f"{len(values)} different numbers"
    if len(atoms):
        shares = [f"{time / times.sum():.0%} are {atom:.10g}" for atom, time in
                  zip(atoms, times[_recur(times)], strict=True)]  # fmt: skip
        return "atoms", ", ".join(shares)
    if len(values) <= min(BINS, len(known) / ROWS):
        return "ordered", f"{len(values)} different numbers, each often"
    return "continuous", f"{len(values)} different {'whole ' if whole else ''}numbers"


def _recur(times: np.ndarray) -> np.ndarray:
    return times >= ATOM * max(times.sum(), ROWS)


def _are_whole(values: np.ndarray) -> bool:
    """Whether sorted values are whole numbers whose differences are exact in float64."""
    low, high = values[0].item(), values[-1].item()
    if values.dtype.kind == "f" and max(-low, high) >= EXACT:
        return False
    return high - low < EXACT and not (values % 1).any()


def _step(values: np.ndarray) -> int:
    """The greatest number that leads from the least of sorted whole values to all others."""
    return int(np.gcd.reduce((values - values[0]).astype(np.int64)))


def _check_kind(known: pd.Series, sort: Sort, kind: str) -> None:
    possible = KINDS[sort]
    if sort == "classes" and not known.cat.ordered:
        possible = ("categorical", "id")
    if kind not in possible:
        raise ValueError(
            f"{known.name} holds {sort} and can't be {kind!r}; its kind is one of "
            f"{', '.join(possible)}"
        )
    if kind in LEFT_OUT:
        return
    different = known.nunique()
    if different < 2:
        raise ValueError(f"{known.name} has {different} known values; {kind} needs two or more")
    if kind in ("categorical", "ordered") and different > CLASSES:
        raise ValueError(
            f"{known.name} has {different} different values and may have {CLASSES} classes; is it "
            "an id? Leave it out, or join rare values"
        )
    if sort == "numbers":
        _check_numbers(known, kind)


def _check_numbers(known: pd.Series, kind: str) -> None:
    values, times = np.unique(read_numbers(known), return_counts=True)
    whole = _are_whole(values)
    if kind == "count" and not (whole and (values[-1] - values[0]) // _step(values) < BINS):
        raise ValueError(f"{known.name} can't be 'count'; that is {BINS} whole numbers at most")
    if kind == "atoms" and not (_recur(times).any() and (~_recur(times)).sum() >= 2):
        raise ValueError(
            f"{known.name} can't be 'atoms'; some but not all of its numbers must fill "
            f"{ATOM:.0%} of the known cells each"
        )
    if types.is_integer_dtype(known.infer_objects()) and not whole:
        raise ValueError(f"{known.name} reaches beyond 2**53, more than float64 tells apart")


def _facts(known: pd.Series, kind: str) -> dict[str, Any]:
    """What a `Column` of this kind holds besides."""
    if kind in ("id", "text"):
        return {}
    if kind in ("continuous", "date", "count", "atoms"):
        return _number_facts(known, kind)
    return {"categories": _categories(known)}


def _categories(known: pd.Series) -> tuple[Any, ...]:
    if isinstance(known.dtype, pd.CategoricalDtype):
        return tuple(known.cat.remove_unused_categories().cat.categories.tolist())
    if is_date(known.dtype):
        return tuple(np.unique(read_dates(known, known.dtype)).tolist())
    return tuple(sorted(known.astype(object).unique().tolist()))


def _number_facts(known: pd.Series, kind: str) -> dict[str, Any]:
    dates = kind == "date"
    numbers = read_dates(known, known.dtype) if dates else read_numbers(known)
    atoms = np.empty(0)
    if kind == "atoms":
        values, times = np.unique(numbers, return_counts=True)
        atoms = values[_recur(times)]
    whole = dates or _are_whole(np.unique(numbers))
    if whole:
        numbers, atoms = numbers.astype(np.int64), atoms.astype(np.int64)
    others = ~np.isin(numbers, atoms)
    numbers, known = numbers[others], known[others]
    low, high = numbers.min().item(), numbers.max().item()
    if not high - low < (2**63 if whole else np.inf):
        raise ValueError(
            f"{known.name} reaches from {low:g} to {high:g}, too far to subtract; divide it by its "
            "scale, or hold dates in a coarser unit, as in dt.as_unit('s')"
        )
    step = _step(np.unique(numbers)) if whole else None
    steps = (numbers - low) / step if whole else numbers
    return {
        "atoms": tuple(atoms.tolist()),
        "low": low,
        "high": high,
        "step": step,
        "decimals": 0 if whole else _decimals(known, numbers),
        "knots": () if kind == "count" else fit_knots(steps),
    }


def _decimals(known: pd.Series, numbers: np.ndarray) -> int | None:
    """The least decimals that give the cells back, in their type; None where they have more."""
    for decimals in range(DECIMALS + 1):
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = pd.Series(np.round(numbers, decimals), known.index).astype(known.dtype)
        if (rounded == known).all():
            return decimals
    return None
