"""What the stages measured, row by row, and its summary over seeds and test examples."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from paramrel.metrics.statistics import summary_table
from paramrel.study.params import StudyParams
from paramrel.study.paths import stem
from paramrel.study.results import read_json, read_table


def read_runs(params: StudyParams) -> pd.DataFrame:
    """Return the measurements of every run of the study, one row each."""
    folder = params.results / "metrics" / "train"
    return pd.DataFrame(
        read_json(folder / stem(dataset) / f"{method}-{seed}.json")
        for dataset, method, seed in params.runs
    )


def read_tables(folder: Path, name: str, datasets: Iterable[str]) -> pd.DataFrame:
    """Return the rows of <folder>/<name>_<dataset>.csv of all these data sets, if any."""
    tables = [read_table(folder / f"{name}_{stem(dataset)}.csv") for dataset in datasets]
    return pd.concat(tables) if tables else pd.DataFrame()


def summarise(rows: pd.DataFrame, by: Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """Return mean ± half width of `combined_interval`, a column a metric; empty where rows are.

    One seed has no interval, and what a method does not have is an empty cell. A number within .1
    of `<metric>_cap`, its largest possible value, is printed as a bound.
    """
    if rows.empty:
        return rows
    by, metrics = list(by), list(metrics)
    long = summary_table(rows, by, metrics)
    long["text"] = [
        "" if pd.isna(mean) else f"{mean:.3g}" + ("" if pd.isna(high) else f" ± {high - mean:.2g}")
        for mean, high in zip(long["mean"], long["high"], strict=True)
    ]
    means = rows.groupby(by, sort=False, dropna=False).mean(numeric_only=True)
    table = means.reset_index()[by]
    for metric in metrics:
        table[metric] = long.loc[long["metric"] == metric, "text"].to_numpy()
        if f"{metric}_cap" in means:
            least = means[f"{metric}_cap"].to_numpy() - 0.1
            capped = (means[metric] >= least).to_numpy()
            table[metric] = np.where(capped, [f"≥ {x:.2g} (cap)" for x in least], table[metric])
    return table
