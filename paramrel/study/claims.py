"""What the study says of the claims that it set out with: an interval over seeds decides each."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from paramrel.metrics.statistics import mean_interval, paired_tests

COLUMNS = ("claim", "data", "measured", "verdict")


USED = 10.0  # nats that a shuffled code must add to be called used


IGNORED = 1.0  # nats that a shuffled code may add to be called ignored


COLLAPSED = 0.1  # nats of rate below which a code is called collapsed


Verdict = tuple[str, str, str, str]  # a row of COLUMNS


def decide(values: Iterable[float], bound: float, above: bool = True) -> tuple[str, str]:
    """Return mean ± half width of the 95 % t-interval, and the verdict on `mean > bound`.

    `confirmed` or `refuted` where the whole interval lies on one side; else `not decided`, as for
    one seed. above: the claim is mean > bound, otherwise mean < bound.
    """
    row = mean_interval(np.asarray(list(values), float))
    half = row["high"] - row["mean"]
    measured = f"{row['mean']:.3g} ± {half:.2g}" if np.isfinite(half) else f"{row['mean']:.3g}"
    larger, smaller = row["low"] > bound, row["high"] < bound
    if not larger and not smaller:
        return measured, "not decided"
    return measured, "confirmed" if larger == above else "refuted"


def thesis_verdicts(code_time: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts on the thesis, a row for each claim and type of data.

    code_time: one row for each cell of method × γ × data set × seed, as `ablate` returns them.
    """
    rows = [
        row
        for dataset, cells in code_time.groupby("dataset", sort=False)
        for row in _thesis(dataset, cells)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _thesis(dataset: str, cells: pd.DataFrame) -> Iterator[Verdict]:
    methods, gammas = cells["method"].unique(), cells["gamma"].unique()
    best = gammas[gammas < 1].max()

    def seeds(method: str, gamma: float, column: str) -> pd.Series:
        return cells.loc[(cells["method"] == method) & (cells["gamma"] == gamma), column]

    for gamma in gammas if "paramrel_same" in methods else ():
        claim = f"a code of the same time is ignored at γ = {gamma:g} (shuffled: < {IGNORED:g} nat)"
        values = seeds("paramrel_same", gamma, "shuffled_code")
        yield claim, dataset, *decide(values, IGNORED, above=False)
    for method, name in {"paramrel": "a later", "paramrel_clean": "the last"}.items():
        if method in methods:
            claim = f"a code of {name} time is used at γ = {best:g} (shuffled: > {USED:g} nats)"
            yield claim, dataset, *decide(seeds(method, best, "shuffled_code"), USED)
    for method in methods if 0 in gammas else ():
        claim = f"H1: at γ = 0 the code of {method} collapses (rate < {COLLAPSED:g} nats)"
        yield claim, dataset, *decide(seeds(method, 0, "kl"), COLLAPSED, above=False)


def worth_verdicts(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts on codes at full length, a row for each claim and type of data.

    A code can be read and still be worth nothing: one of the same time repeats what θ says.
    runs: one row a data set, method and seed, as `evaluate` returns them.
    """
    rows = []
    for dataset, cells in runs.groupby("dataset", sort=False):
        shuffled, bound = (
            cells.pivot(index="seed", columns="method", values=column)
            for column in ("shuffled_code", "nll_bound")
        )
        after = f"after {cells['steps'].iloc[0]} steps (shuffled:"
        if "paramrel_same" in bound:
            claim = f"a code of the same time is ignored {after} < {IGNORED:g} nat)"
            verdict = decide(shuffled["paramrel_same"], IGNORED, above=False)
            rows.append((claim, dataset, *verdict))
        if "paramrel" in bound:
            claim = f"a code of a later time is used {after} > {USED:g} nats)"
            rows.append((claim, dataset, *decide(shuffled["paramrel"], USED)))
        for method, time in {"paramrel_same": "the same", "paramrel": "a later"}.items():
            if {method, "bfn"} <= set(bound):
                claim = f"a code of {time} time lowers the bound of a plain BFN (gain > 0 nats)"
                rows.append((claim, dataset, *decide(bound["bfn"] - bound[method], 0)))
    return pd.DataFrame(rows, columns=COLUMNS)


def hypothesis_verdicts(known_when: pd.DataFrame, quality: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts on H2–H7, which were written down before any run; H1 is in the thesis.

    known_when: probe accuracy of codes and θ over log-SNR; quality: rows of `quality_table`.
    """
    rows = [
        ("H2: with the released kernel the prior is not matched at d = 32", "", "", "not decided"),
        *_ceiling(known_when),
        ("H4: codes of θ_t and of x_t are alike on continuous data", "", "", "not decided"),
        ("H5: attention to the code's scalars disentangles more than γ, λ", "", "", "not decided"),
        *_samplers(quality),
        ("H7: undoing the updates diverges where the ODE does not", "one point, any σ₁",
         "δ/σ₁² against δ/σ₁ (tests/solvers/test_inversion.py)", "confirmed"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=COLUMNS)


def _ceiling(known_when: pd.DataFrame) -> Iterator[Verdict]:
    table = known_when.pivot_table(
        "accuracy", ["dataset", "method", "seed", "log_snr"], "representation"
    )
    excess = (table["code"] - table["θ"]).groupby(["dataset", "method", "seed"]).max()
    for (dataset, method), values in excess.groupby(["dataset", "method"], sort=False):
        claim = (
            f"H3: a probe on the code of {method} never beats one on θ of its time (largest excess)"
        )
        yield claim, dataset, *decide(values, 0, above=False)


def _samplers(quality: pd.DataFrame) -> Iterator[Verdict]:
    distances = quality[quality["measure"].str.startswith("fd[classifier]")]
    table = distances.pivot_table("value", ["dataset", "method", "seed"], "of")
    if not {"samples, self", "samples, prior"} <= set(table):
        return
    gap = (table["samples, prior"] - table["samples, self"]).dropna()
    for (dataset, method), values in gap.groupby(["dataset", "method"], sort=False):
        claim = (
            f"H6: samples of {method} with a code of the prior are further from the data (gap > 0)"
        )
        yield claim, dataset, *decide(values, 0)


def wins(rows: pd.DataFrame, measures: dict[str, bool], method: str = "paramrel") -> pd.DataFrame:
    """Return where a method wins, ties and loses against each rival, a row a rival and measure.

    rows: one row a method and seed with the columns `measures`; their values say whether higher is
    better. A win or a loss is a 95 % t-interval of the paired difference that excludes zero; p_holm
    is corrected over the rivals. Fewer than 3 seeds decide nothing, which a row a measure says.
    """
    found = []
    for measure, higher in measures.items():
        complete = rows.groupby("method").filter(lambda cells, m=measure: cells[m].notna().all())
        if method not in set(complete["method"]) or complete["method"].nunique() < 2:
            continue
        if complete["seed"].nunique() < 3:
            found.append({"measure": measure, method: "not decided: fewer than 3 seeds"})
            continue
        for test in paired_tests(complete, measure, method, higher).to_dict("records"):
            better = test["low"] > 0 if higher else test["high"] < 0
            worse = test["high"] < 0 if higher else test["low"] > 0
            found.append(
                {
                    "measure": measure,
                    "rival": test["rival"],
                    "difference": f"{test['mean']:.3g} ± {test['high'] - test['mean']:.2g}",
                    "p_holm": f"{test['p_holm']:.2g}",
                    method: "wins" if better else "loses" if worse else "ties",
                }
            )
    return pd.DataFrame(found)
