"""From one row per training seed to a table with intervals, and tests against the best rival."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from scipy import stats
from scipy.optimize import brentq
from scipy.special import ndtr, stdtr, stdtrit

from paramrel.data.arrays import Array, Row, as_array, draw_seed


def mean_interval(values: Array) -> Row:
    """Return the mean over training seeds and its 95 % Student t interval; values: (seeds,).

    One seed has no interval: NaN and a note.
    """
    values = as_array("values", values)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"values has shape {values.shape}; it must be (seeds,) with one at least")
    row = {"mean": float(values.mean()), "low": math.nan, "high": math.nan, "seeds": len(values)}
    if len(values) == 1:
        return {**row, "note": "one seed has no interval"}
    half = _squared_error(values) ** 0.5 * float(stdtrit(len(values) - 1, 0.975))
    return {**row, "low": row["mean"] - half, "high": row["mean"] + half, "note": ""}


def combined_interval(values: Array, sems: Array) -> Row:
    """Return the mean over training seeds with a 95 % interval over seeds and test examples.

    values: (S,), one a training seed; sems: (S,), the standard error of each over its test
    examples, NaN where unknown, which counts as 0 and is noted. Both are sampled, and another test
    split moves all seeds alike, so its error is no smaller for many seeds: with few examples it is
    the larger one. se² = s²/S + mean(sem²), and `of_seeds` is the first part's share of it.

    The tails weigh those of Student's t of S − 1 degrees and of the normal distribution by these
    shares, as Cochran (1964) weighs the two quantiles. Satterthwaite's degrees of freedom would
    not do: of three seeds s² is small by chance so often that p < .001 comes 15 times as often as
    it should, and corrected verdicts rest on such p.
    """
    values, sems = as_array("values", values), np.asarray(sems, dtype=np.float64)
    row = mean_interval(values)
    if sems.shape != values.shape or (sems < 0).any():
        raise ValueError(f"sems must be {values.shape}, one error ≥ 0 a seed; it is {sems}")
    if len(values) == 1:
        return {**row, "se": math.nan, "of_seeds": math.nan}
    seeds, examples = _squared_error(values), float(np.mean(np.nan_to_num(sems) ** 2))
    se, share = math.sqrt(seeds + examples), seeds / (seeds + examples) if seeds else 0.0
    widest = stdtrit(len(values) - 1, 0.975)
    half = se * brentq(lambda t: _tail(t, share, len(values)) - 0.025, 0, widest + 1)
    unknown = int(np.isnan(sems).sum())
    note = f"{unknown} of {len(values)} seeds have no error over test examples" if unknown else ""
    ends = {"low": row["mean"] - half, "high": row["mean"] + half}
    return {**row, **ends, "note": note, "se": se, "of_seeds": share}


def one_sided_p(interval: Row, bound: float) -> tuple[float, float]:
    """Return the p-values of two tests, that the mean is above the bound and that it is below.

    interval: of `combined_interval`, whose tails are those of the tests; NaN for one seed.
    """
    distance, se = interval["mean"] - bound, interval["se"]
    t = distance / se if se else math.copysign(math.inf, distance) if distance else 0.0
    share, seeds = interval["of_seeds"], interval["seeds"]
    return _tail(t, share, seeds), _tail(-t, share, seeds)


def bootstrap_interval(
    values: Array, generator: torch.Generator, paired_with: Array | None = None
) -> Row:
    """Return the mean over images, or of a paired difference, with its 95 % bootstrap interval.

    values, paired_with: (N,) per-image numbers, N ≥ 20; 2,000 resamples of images, percentiles
    (Efron & Tibshirani, 1993, §13.3). It holds for the one trained model, not for its method.
    """
    values = as_array("values", values)
    if paired_with is not None:
        other = as_array("paired_with", paired_with)
        if other.shape != values.shape:
            raise ValueError(f"values is {values.shape}, paired_with {other.shape}; must match")
        values = values - other
    if values.ndim != 1 or len(values) < 20:
        raise ValueError(f"values has shape {values.shape}; it must be (N,) with N ≥ 20")
    resampled = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=2000,
        batch=100,
        method="percentile",
        random_state=np.random.default_rng(draw_seed(generator)),
    )
    low, high = map(float, resampled.confidence_interval)
    return {"mean": float(values.mean()), "low": low, "high": high, "n": len(values)}


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Return p-values adjusted for their number by Holm's step-down method (Holm, 1979)."""
    p = as_array("p_values", np.asarray(p_values))
    if p.ndim != 1 or (p < 0).any() or (p > 1).any():
        raise ValueError("p_values must be a list of numbers in [0, 1]")
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)).clip(max=1)
    adjusted = np.empty_like(stepped)
    adjusted[order] = stepped
    return adjusted


def summary_table(runs: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return one row per group and metric: `combined_interval` and the number of seeds.

    runs: one row per training seed with the columns `by`, "seed" and `metrics`, and where it is
    known `<metric>_sem`, the standard error over the test examples. A NaN seed makes the group's
    cell NaN, and its note says how many.
    """
    _require_columns(runs, [*by, "seed", *metrics])
    repeated = runs.duplicated([*by, "seed"]).sum()
    if repeated:
        raise ValueError(f"runs has {repeated} repeated seeds in a group; each must stand once")
    rows = []
    for group, cells in runs.groupby(list(by), sort=False, dropna=False):
        for metric in metrics:
            values, sems = cells[metric].to_numpy(float), _sems(cells, metric).to_numpy(float)
            missing = int((~np.isfinite(values)).sum())
            row = _missing(len(values), missing) if missing else combined_interval(values, sems)
            rows.append({**dict(zip(by, group, strict=True)), "metric": metric, **row})
    return pd.DataFrame(rows)


def paired_tests(
    runs: pd.DataFrame, metric: str, method: str, higher_is_better: bool
) -> pd.DataFrame:
    """Test one method against every rival, paired by seed, with Holm's correction over the rivals.

    runs: one row per "method" and "seed"; every method has the same seeds, 3 or more. The method is
    named beforehand: testing whichever came out best would favour it. Rows: rival, whether it has
    the best mean (`best_rival`), mean difference method − rival with its `combined_interval`,
    two-sided p of the paired t test, p adjusted. (Rank and sign-flip tests on 5 pairs never reach
    p < 0.05.) Where `<metric>_sem` is there, the squares of both methods add, which is cautious:
    they are measured on the same test examples.
    """
    _require_columns(runs, ["method", "seed", metric])
    table = runs.pivot(index="seed", columns="method", values=metric)
    if method not in table or table.shape[1] < 2:
        raise ValueError(f"method is {method!r}; runs has {list(table)}, it and a rival are needed")
    if not np.isfinite(table).all(axis=None) or len(table) < 3:
        raise ValueError(
            f"{metric} needs a finite number for each method at the same 3 seeds or more"
        )
    rivals, squares = table.drop(columns=method), table * math.nan
    if f"{metric}_sem" in runs:
        squares = runs.pivot(index="seed", columns="method", values=f"{metric}_sem") ** 2
    best = rivals.mean().idxmax() if higher_is_better else rivals.mean().idxmin()
    rows = []
    for rival in rivals:
        difference = (table[method] - table[rival]).to_numpy()
        sems = squares[[method, rival]].sum(axis=1, min_count=1) ** 0.5
        row = combined_interval(difference, sems.to_numpy(float))
        if not row["se"]:
            row["note"] = "the difference is the same at every seed"
        place = {"method": method, "rival": rival, "best_rival": rival == best}
        rows.append({**place, **row, "p": min(1.0, 2 * min(one_sided_p(row, 0)))})
    return pd.DataFrame(rows).assign(p_holm=holm([row["p"] for row in rows]))


def _require_columns(runs: pd.DataFrame, columns: Sequence[str]) -> None:
    absent = [column for column in columns if column not in runs]
    if absent or runs.empty:
        raise ValueError(f"runs has {len(runs)} rows and lacks the columns {absent}")


def _tail(t: float, of_seeds: float, seeds: int) -> float:
    """The probability of more than t standard errors."""
    return float(of_seeds * stdtr(seeds - 1, -t) + (1 - of_seeds) * ndtr(-t))


def _squared_error(values: np.ndarray) -> float:
    """The squared standard error of their mean, s²/S; rounding must not vary equal numbers."""
    return float(values.var(ddof=1)) / len(values) if np.ptp(values) else 0.0


def _sems(cells: pd.DataFrame, metric: str) -> pd.Series:
    return cells.get(f"{metric}_sem", pd.Series(math.nan, cells.index))


def _missing(seeds: int, missing: int) -> Row:
    empty = dict.fromkeys(("mean", "low", "high", "se", "of_seeds"), math.nan)
    return {**empty, "seeds": seeds, "note": f"{missing} of {seeds} seeds have no finite number"}
