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


def cost(dataset: str, verdict: str) -> str:
    """What a later code costs more than a BFN at full length, of a claim with this verdict."""
    rows = pd.read_csv(PRINTED / "worth.csv", dtype=str)
    rows = rows[rows["data"].eq(dataset) & rows["claim"].str.contains("a later time lowers")]
    assert rows["verdict"].tolist() == [verdict]
    return rows["measured"].iloc[0].split(": -")[1]


def probe(method: str) -> str:
    return printed("runs", "probe_t1", dataset="digits", method=method)


def comparisons() -> str:
    return str(len(pd.read_csv(PRINTED / "wins.csv")))


def hidden_half(method: str) -> str:
    return printed("evidence", "right", dataset="digits", method=method)


def quality(method: str, column: str) -> str:
    return printed("quality", column, method=method)


def trees(dataset: str, of: str) -> str:
    return printed("disentanglement", "D (boosting)", dataset=dataset, of=of).split(" ± ")[0]


COMPLETED = "paramrel_evidence, completed"


def robust(method: str, log_snr: str, hidden: str = "nothing", dataset: str = "digits") -> str:
    rows = pd.read_csv(PRINTED.parent / f"robust_{dataset}.csv", dtype={"log_snr": str})
    kept = rows["trained_on"].eq("clean") & rows["method"].eq(method)
    kept &= rows["log_snr"].eq(log_snr) & rows["hidden"].eq(hidden)
    return f"{rows.loc[kept, 'accuracy'].mean():.3f}"


def of_levels(hidden: str) -> str:
    return robust("paramrel_evidence", "inf", hidden, "digits_discretized")


# A sentence of the README, with the number that it quotes as its one group, and that number.
QUOTED: list[tuple[str, Callable[[], str]]] = [
    (
        r"the code is used \((\d+ to \d+) nats on digits of four types\)",
        lambda: spread("runs", "shuffled_code", method="paramrel"),
    ),
    (r"digits a wrong one costs (\d+) nats", lambda: shuffled("digits_continuous")),
    (r"it costs ([\d.]+ ± [\d.]+) nats more than it saves", lambda: cost("digits", "refuted")),
    (r"too \(([\d.]+ ± [\d.]+), ", lambda: cost("digits_discretized", "not decided")),
    (r"too \(.{9}, ([\d.]+ ± [\d.]+),", lambda: cost("digits_continuous", "not decided")),
    (r"too \(.{9}, .{10}, ([\d.]+ ± [\d.]+)\)", lambda: cost("digits_mixed", "not decided")),
    (
        r"unused \(a shuffled one costs ([\d.]+ ± [\d.]+) nats",
        lambda: printed("runs", "shuffled_code", dataset="digits", method="paramrel_evidence"),
    ),
    (r"types, ([\d.]+ ± [\d.]+) \(γ = 0.9\)", lambda: code_time("digits_continuous", "0.9")),
    (r"and ([\d.]+ ± [\d.]+) \(γ = 1\) on continuous", lambda: code_time("digits_continuous", "1")),
    (r"\(([\d.]+ ± [\d.]+) nats at γ = 0.9 against", lambda: quality("paramrel", "NLL bound")),
    (r"at γ = 0.9 against ([\d.]+ ± [\d.]+),", lambda: quality("bfn", "NLL bound")),
    (r"against .{11}, ([\d.]+ ± [\d.]+) and", lambda: quality("bfn_evidence", "NLL bound")),
    (r"and ([\d.]+ ± [\d.]+)\), and wins", lambda: quality("beta_vae", "NLL bound")),
    (r"same code \(([\d.]+ ± [\d.]+)\)", lambda: quality("ddpm_theta", "NLL bound")),
    (r"The VAE's ([\d.]+ ± [\d.]+), the", lambda: quality("vae", "NLL bound")),
    (r"the ([\d.]+ ± [\d.]+) of `paramrel_same`", lambda: quality("paramrel_same", "NLL bound")),
    (r"InfoVAE's ([\d.]+ ± [\d.]+) are", lambda: quality("infovae", "NLL bound")),
    (r"correction for (\d+) comparisons", comparisons),
    (r"a bound of ([\d.]+ ± [\d.]+) nats", lambda: quality("paramrel_evidence", "NLL bound")),
    (r"\(`paramrel`: ([\d.]+ ± [\d.]+); not", lambda: quality("paramrel", "NLL bound")),
    (r"right half costs ([\d.]+ ± [\d.]+) nats", lambda: hidden_half("paramrel_evidence")),
    (r"left one, not ([\d.]+ ± [\d.]+) as", lambda: hidden_half("paramrel")),
    (r"trained for it \(([\d.]+ ± [\d.]+) and", lambda: hidden_half("bfn")),
    (r"for it \(.{11} and ([\d.]+ ± [\d.]+) nats\)", lambda: hidden_half("bfn_evidence")),
    (r"linear probe ([\d.]+) and [\d.]+, read at", lambda: robust(COMPLETED, "inf", "right")),
    (r"linear probe .{5} and ([\d.]+), read at", lambda: robust(COMPLETED, "inf", "lower")),
    (r"read at once ([\d.]+) and", lambda: robust("paramrel_evidence", "inf", "right")),
    (r"read at once .{5} and ([\d.]+);", lambda: robust("paramrel_evidence", "inf", "lower")),
    (r"image \(([\d.]+) against", lambda: robust(COMPLETED, "inf", "disc")),
    (r"image \(.{5} against ([\d.]+),", lambda: robust("pca", "inf", "disc")),
    (r", ([\d.]+) against [\d.]+\)\. !", lambda: robust(COMPLETED, "inf", "scribble")),
    (r"against ([\d.]+)\)\. !", lambda: robust("pca", "inf", "scribble")),
    (r"digits to ([\d.]+) and [\d.]+, where", lambda: of_levels("right")),
    (r"digits to .{5} and ([\d.]+), where", lambda: of_levels("lower")),
    (
        r"hardly used \(a shuffled one costs ([\d.]+ ± [\d.]+) nats",
        lambda: printed(
            "runs", "shuffled_code", dataset="digits_discretized", method="paramrel_evidence"
        ),
    ),
    (r"as well \(([\d.]+ ± [\d.]+) against", lambda: probe("vae")),
    (r"as well \(.{13} against ([\d.]+ ± [\d.]+)\)", lambda: probe("paramrel")),
    (r"mean image: ([\d.]+) against", lambda: robust("paramrel", "-1")),
    (r"against ([\d.]+) at a log-SNR of −1", lambda: robust("pca", "-1")),
    (r"of −1, ([\d.]+) against", lambda: robust("paramrel", "1")),
    (r"against ([\d.]+) at 1\.", lambda: robust("pca", "1")),
    (r"reads worse: ([\d.]+) against", lambda: robust("paramrel", "inf", "right")),
    (r"reads worse: .{5} against ([\d.]+) and", lambda: robust("pca", "inf", "right")),
    (r"and ([\d.]+) against [\d.]+\. - Training", lambda: robust("paramrel", "inf", "lower")),
    (r"against ([\d.]+)\. - Training", lambda: robust("pca", "inf", "lower")),
    (r"does: ([\d.]+) and", lambda: trees("scenes_16_continuous", "paramrel")),
    (r"and ([\d.]+) against [\d.]+ on scenes", lambda: trees("scenes_16_continuous", "beta_vae")),
    (r"against ([\d.]+) on scenes", lambda: trees("scenes_16_continuous", "random_mix")),
]


def test_the_hypotheses_fell_and_stood_as_the_readme_says():
    rows = pd.read_csv(PRINTED / "hypotheses.csv", dtype=str)
    names = rows["claim"].str.split(":").str[0]
    verdicts = {name: set(rows.loc[names == name, "verdict"]) for name in dict.fromkeys(names)}
    assert {name for name in verdicts if verdicts[name] == {"refuted"}} == {"H2", "H7"}
    assert not any("confirmed" in found for found in verdicts.values())
    assert "two fell (H2, on the released kernel; H7, on undoing Bayesian updates), none" in README


@pytest.mark.parametrize(("sentence", "number"), QUOTED)
def test_a_number_of_the_readme_is_that_of_the_results(sentence, number):
    found = re.findall(sentence, README)
    assert set(found) == {number()}, "the README says something else, or in other words"
