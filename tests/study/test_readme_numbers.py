"""Numbers that the README quotes from results are those of the committed tables, as printed."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
README = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
PRINTED = ROOT / "results" / "digits" / "tables" / "printed"


def printed(table: str, column: str, **row: object) -> str:
    """The cell of a printed table whose row has these values."""
    rows = pd.read_csv(PRINTED / f"{table}.csv", dtype=str)
    for name, value in row.items():
        rows = rows[rows[name] == str(value)]
    (cell,) = rows[column]
    return cell


def mean(cell: str) -> float:
    return float(cell.split(" ± ")[0])


def spread(table: str, column: str, **row: object) -> str:
    """Least and largest mean of a method over the data sets that start with `digits`."""
    rows = pd.read_csv(PRINTED / f"{table}.csv", dtype=str)
    rows = rows[rows["dataset"].str.startswith("digits")]
    for name, value in row.items():
        rows = rows[rows[name] == str(value)]
    means = rows[column].map(mean)
    return f"{round(means.min())} to {round(means.max())}"


def shuffled(dataset: str) -> str:
    cell = printed("runs", "shuffled_code", dataset=dataset, method="paramrel_same")
    return f"{mean(cell):.0f}"


def code_time(dataset: str, gamma: str) -> str:
    cell = {"dataset": dataset, "method": "paramrel_same", "gamma": gamma}
    mean_text, half = printed("code_time", "shuffled_code", **cell).split(" ± ")
    return f"{float(mean_text):.1f} ± {half}"


def quality(method: str, column: str) -> str:
    return printed("quality", column, method=method)


def trees(dataset: str, of: str) -> str:
    return printed("disentanglement", "D (boosting)", dataset=dataset, of=of).split(" ± ")[0]


def robust(method: str, log_snr: str, hidden: str = "nothing") -> str:
    rows = pd.read_csv(PRINTED.parent / "robust_digits.csv", dtype={"log_snr": str})
    kept = rows["trained_on"].eq("clean") & rows["method"].eq(method)
    kept &= rows["log_snr"].eq(log_snr) & rows["hidden"].eq(hidden)
    return f"{rows.loc[kept, 'accuracy'].mean():.3f}"


# A sentence of the README, with the number that it quotes as its one group, and that number.
QUOTED: list[tuple[str, Callable[[], str]]] = [
    (
        r"the code is used \((\d+ to \d+) nats on digits of four types\)",
        lambda: spread("runs", "shuffled_code", method="paramrel"),
    ),
    (r"for a wrong one costs (\d+) nats", lambda: shuffled("digits_continuous")),
    (r"but ([\d.]+ ± [\d.]+) \(γ = 0.9\) and", lambda: code_time("digits_continuous", "0.9")),
    (r"and ([\d.]+ ± [\d.]+) \(γ = 1\) on continuous", lambda: code_time("digits_continuous", "1")),
    (r"distance \(([\d.]+ ± [\d.]+) against", lambda: quality("vae", "fd")),
    (r"distance \([\d. ±]+ against ([\d.]+ ± [\d.]+) of", lambda: quality("paramrel", "fd")),
    (r"bound \(([\d.]+ ± [\d.]+) and", lambda: quality("vae", "NLL bound")),
    (r"bound \(.{11} and ([\d.]+ ± [\d.]+) against", lambda: quality("bfn", "NLL bound")),
    (r"against ([\d.]+ ± [\d.]+) nats at γ = 0.9", lambda: quality("paramrel", "NLL bound")),
    (r"mean image: ([\d.]+) against", lambda: robust("paramrel", "-1")),
    (r"against ([\d.]+) at a log-SNR of −1", lambda: robust("pca", "-1")),
    (r"of −1, ([\d.]+) against", lambda: robust("paramrel", "1")),
    (r"against ([\d.]+) at 1\.", lambda: robust("pca", "1")),
    (r"reads worse: ([\d.]+) against", lambda: robust("paramrel", "inf", "right")),
    (r"reads worse: .{5} against ([\d.]+) and", lambda: robust("pca", "inf", "right")),
    (r"and ([\d.]+) against [\d.]+\. - `paramrel`", lambda: robust("paramrel", "inf", "lower")),
    (r"against ([\d.]+)\. - `paramrel`", lambda: robust("pca", "inf", "lower")),
    (r"does: ([\d.]+) and", lambda: trees("scenes_16_continuous", "paramrel")),
    (r"and ([\d.]+) against [\d.]+ on scenes", lambda: trees("scenes_16_continuous", "beta_vae")),
    (r"against ([\d.]+) on scenes", lambda: trees("scenes_16_continuous", "random_mix")),
    (r"on scenes, ([\d.]+) and", lambda: trees("sprites_16", "paramrel")),
    (r"and ([\d.]+) against [\d.]+ on sprites", lambda: trees("sprites_16", "beta_vae")),
    (r"against ([\d.]+) on sprites", lambda: trees("sprites_16", "random_mix")),
]


@pytest.mark.parametrize(("sentence", "number"), QUOTED)
def test_a_number_of_the_readme_is_that_of_the_results(sentence, number):
    found = re.findall(sentence, README)
    assert set(found) == {number()}, "the README says something else, or in other words"
