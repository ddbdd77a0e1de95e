"""How a claim is decided: by t tests of its parts, corrected over all claims of a page."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import isnan, nan

import numpy as np
import pandas as pd

from paramrel.metrics.statistics import combined_interval, holm, one_sided_p

COLUMNS = ("claim", "data", "measured", "p_holm", "verdict")


LEVEL = 0.05  # of p_holm, below which a claim is decided


@dataclass(frozen=True)
class Part:
    """One inequality: what is measured, its mean ± half width, p-values for it and against it.

    The p-values are NaN where nothing can be said, and `measured` says why.
    """

    name: str
    measured: str
    p_confirm: float
    p_refute: float


@dataclass(frozen=True)
class Claim:
    """A sentence that all its parts must bear out.

    undecided: why no part can decide it; empty where they do.
    """

    claim: str
    data: str
    parts: Sequence[Part] = ()
    undecided: str = ""

    @property
    def p_confirm(self) -> float:
        """Every part has to be shown, so the weakest counts (intersection–union; Berger, 1982)."""
        return nan if self._silent else max(part.p_confirm for part in self.parts)

    @property
    def p_refute(self) -> float:
        """One part that fails is enough, so the strongest counts, times their number."""
        if self._silent:
            return nan
        return min(1.0, len(self.parts) * min(part.p_refute for part in self.parts))

    @property
    def p(self) -> float:
        """The two-sided p-value; NaN where nothing is decided."""
        return nan if self._silent else min(1.0, 2 * min(self.p_confirm, self.p_refute))

    @property
    def measured(self) -> str:
        """The weakest part of each name."""
        if self.undecided:
            return self.undecided
        named = sorted(self.parts, key=lambda part: [p.name for p in self.parts].index(part.name))
        weakest = [max(of, key=_weakness) for _, of in groupby(named, lambda part: part.name)]
        return "; ".join(f"{part.name} {part.measured}".strip() for part in weakest)

    @property
    def _silent(self) -> bool:
        known = [not isnan(part.p_confirm) for part in self.parts]
        return bool(self.undecided) or not known or not all(known)


def numbers(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return a column as `value` and `sem`, its error over test examples, by seed.

    Rows of one seed, as of several λ, are averaged.
    """
    absent = pd.Series(nan, rows.index)
    value, sem = (rows.get(name, absent) for name in (column, f"{column}_sem"))
    seeds = pd.Index(rows["seed"].to_numpy(), name="seed")
    columns = {"value": value.to_numpy(float), "sem": sem.to_numpy(float)}
    table = pd.DataFrame(columns, seeds)
    return table if seeds.is_unique else table.groupby("seed").mean()


def difference(of: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return `numbers` of − other, paired by seed; the squares of their errors add."""
    seeds = of.index.intersection(other.index)
    of, other = of.loc[seeds], other.loc[seeds]
    errors = np.stack([of["sem"], other["sem"]])
    sem = np.where(np.isnan(errors).all(axis=0), nan, np.nansum(errors**2, axis=0) ** 0.5)
    return pd.DataFrame({"value": of["value"] - other["value"], "sem": sem})


def part(
    found: pd.DataFrame,
    bound: float,
    above: bool = True,
    refuted: float | None = None,
    name: str = "",
) -> Part:
    """Return what `numbers` say of mean > bound, or of mean < bound where `above` is false.

    refuted: where the other side begins, by default at the bound too.
    """
    values = found["value"].to_numpy(float)
    if len(values) < 3 or not np.isfinite(values).all():
        why = "fewer than 3 seeds" if len(values) < 3 else "not a finite number at every seed"
        return Part(name, f"({why})", nan, nan)
    row = combined_interval(values, found["sem"].to_numpy(float))
    measured = f"{row['mean']:.3g} ± {row['high'] - row['mean']:.2g}"
    larger, smaller = one_sided_p(row, bound)
    above_it, below_it = one_sided_p(row, bound if refuted is None else refuted)
    p_values = (larger, below_it) if above else (smaller, above_it)
    return Part(name, measured, *p_values)


def within(found: pd.DataFrame, margin: pd.DataFrame | float, name: str = "") -> list[Part]:
    """Return the two parts of |mean| < margin: two one-sided tests (Schuirmann, 1987)."""
    margin = margin["value"] if isinstance(margin, pd.DataFrame) else margin
    ends = [(found["value"] - margin, False), (found["value"] + margin, True)]
    tests = [part(found.assign(value=value), 0, above) for value, above in ends]
    measured = part(found, 0).measured
    return [Part(name, measured, test.p_confirm, test.p_refute) for test in tests]


def verdicts(groups: Mapping[str, Iterable[Claim]]) -> dict[str, pd.DataFrame]:
    """Return a table of COLUMNS for each group of claims, with one Holm correction over them all.

    `confirmed` or `refuted` where p_holm < LEVEL; else `not decided`.
    """
    claims = [(group, claim) for group, found in groups.items() for claim in found]
    adjusted = corrected([claim.p for _, claim in claims])
    rows = {group: [] for group in groups}
    for (group, claim), p in zip(claims, adjusted, strict=True):
        side = "confirmed" if claim.p_confirm < claim.p_refute else "refuted"
        verdict = side if p < LEVEL else "not decided"
        shown = "" if isnan(p) else f"{p:.2g}"
        rows[group].append((claim.claim, claim.data, claim.measured, shown, verdict))
    return {group: pd.DataFrame(found, columns=COLUMNS) for group, found in rows.items()}


def corrected(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values after Holm's correction over those that are numbers; others stay NaN."""
    adjusted = np.asarray(p_values, float)
    known = ~np.isnan(adjusted)
    adjusted[known] = holm(adjusted[known])
    return adjusted


def _weakness(part: Part) -> tuple[float, float]:
    return (np.inf if isnan(part.p_confirm) else part.p_confirm, -part.p_refute)
