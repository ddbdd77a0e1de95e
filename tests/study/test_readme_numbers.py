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


# A sentence of the README, with the number that it quotes as its one group, and that number. A
# sentence that is reworded is skipped; one that stands has to be true.
QUOTED: list[tuple[str, Callable[[], str]]] = [
    (
        r"the code is used \((\d+ to \d+) nats on digits of four types\)",
        lambda: spread("runs", "shuffled_code", method="paramrel"),
    ),
    (r"for a wrong one costs (\d+) nats", lambda: shuffled("digits_continuous")),
    (r"but ([\d.]+ ± [\d.]+) \(γ = 0.9\) and", lambda: code_time("digits_continuous", "0.9")),
    (r"and ([\d.]+ ± [\d.]+) \(γ = 1\) on continuous", lambda: code_time("digits_continuous", "1")),
]


@pytest.mark.parametrize(("sentence", "number"), QUOTED)
def test_a_number_of_the_readme_is_that_of_the_results(sentence, number):
    found = re.findall(sentence, README)
    if not found:
        pytest.skip("the README does not say this any more")
    assert set(found) == {number()}
