"""The claims of the study on codes and rivals: whose code is used, what it is worth, who wins."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from math import isnan, nan

import pandas as pd

from paramrel.metrics.statistics import paired_tests
from paramrel.study.verdicts import LEVEL, Claim, corrected, difference, numbers, part

USED = 10.0  # nats that a shuffled code must add to be called used


IGNORED = 1.0  # nats that a shuffled code may add to be called ignored


COLLAPSED = 0.1  # nats of rate below which a code is called collapsed


SAME_IGNORED = "a code of the same time is ignored"
LATER_USED = "a code of a later time is used"
SAME_LOWERS = "a code of the same time lowers the bound of a plain BFN"
LATER_LOWERS = "a code of a later time lowers the bound of a plain BFN"


def thesis_claims(code_time: pd.DataFrame) -> Iterator[Claim]:
    """Yield the claims on whose code is used and what it costs, for each type of data.

    code_time: one row for each cell of method × γ × data set × seed, as `ablate` returns them; a
    plain BFN has no γ.
    """
    for dataset, cells in _by_dataset(code_time):
        yield from _thesis(dataset, cells)


def _thesis(dataset: str, cells: pd.DataFrame) -> Iterator[Claim]:
    methods = dict(list(cells.groupby("method")))
    gammas = sorted(cells.loc[cells["method"] != "bfn", "gamma"].dropna().unique())
    best = max((gamma for gamma in gammas if gamma < 1), default=None)

    def seeds(method: str, gamma: float, column: str) -> pd.DataFrame:
        rows = methods[method]
        return numbers(rows[rows["gamma"] == gamma], column)

    for gamma in gammas if "paramrel_same" in methods else ():
        claim = f"a code of the same time is ignored at γ = {gamma:g} (shuffled: < {IGNORED:g} nat)"
        shuffled = seeds("paramrel_same", gamma, "shuffled_code")
        yield Claim(claim, dataset, [part(shuffled, IGNORED, above=False)])
    for method, name in {"paramrel": "a later", "paramrel_clean": "the last"}.items():
        if method in methods and best is not None:
            claim = f"a code of {name} time is used at γ = {best:g} (shuffled: > {USED:g} nats)"
            yield Claim(claim, dataset, [part(seeds(method, best, "shuffled_code"), USED)])
    for gamma in gammas if {"bfn", "paramrel"} <= set(methods) else ():
        claim = f"a code of a later time costs more than it saves at γ = {gamma:g} (> 0 nats)"
        bound = numbers(methods["bfn"], "nll_bound")
        cost = difference(seeds("paramrel", gamma, "nll_bound"), bound)
        yield Claim(claim, dataset, [part(cost, 0, name="bound − that of a plain BFN:")])


def worth_claims(runs: pd.DataFrame, gamma: float) -> Iterator[Claim]:
    """Yield the claims on codes at full length, for each type of data.

    A code can be read and still be worth nothing: one of the same time repeats what θ says.
    runs: one row a data set, method and seed, as `evaluate` returns them; gamma: γ of these runs.
    """
    for dataset, cells in _by_dataset(runs):
        methods = dict(list(cells.groupby("method")))
        after = f"at γ = {gamma:g} after {cells['steps'].iloc[0]} steps"
        if "paramrel_same" in methods:
            claim = f"{SAME_IGNORED} {after} (shuffled: < {IGNORED:g} nat)"
            shuffled = numbers(methods["paramrel_same"], "shuffled_code")
            yield Claim(claim, dataset, [part(shuffled, IGNORED, above=False)])
        if "paramrel" in methods:
            claim = f"{LATER_USED} {after} (shuffled: > {USED:g} nats)"
            yield Claim(claim, dataset, [part(numbers(methods["paramrel"], "shuffled_code"), USED)])
        for method, lowers in {"paramrel_same": SAME_LOWERS, "paramrel": LATER_LOWERS}.items():
            if {method, "bfn"} <= set(methods):
                claim = f"{lowers} {after} (> 0 nats)"
                bfn, coded = (numbers(methods[name], "nll_bound") for name in ("bfn", method))
                gain = part(difference(bfn, coded), 0, name="bound of a plain BFN − its bound:")
                yield Claim(claim, dataset, [gain])


def dead_codes(runs: pd.DataFrame) -> set[tuple[str, str]]:
    """Return data set and method of the codes that say nothing, by rate or by shuffled codes.

    A probe scales a code before it reads it, and so finds something in a rate of .001 nats too.
    """
    if runs.empty:
        return set()
    means = runs.groupby(["dataset", "method"]).mean(numeric_only=True)
    return {*means.index[is_dead(means)]}


def is_dead(means: pd.DataFrame) -> pd.Series:
    """Return which rows, means over the seeds, are of codes that say nothing."""
    means = means.reindex(columns=["kl", "shuffled_code"])
    return (means["kl"] < COLLAPSED) | (means["shuffled_code"] < IGNORED)


def wins(
    rows: pd.DataFrame,
    measures: Mapping[str, bool],
    method: str = "paramrel",
    of_codes: Collection[str] = (),
    dead: Collection[str] = (),
) -> pd.DataFrame:
    """Return where a method wins and loses against each rival, a row a rival and measure.

    rows: one row a method and seed with the columns `measures`, whose values say whether higher is
    better, and `<measure>_sem` where it is known. One Holm correction over the whole table, and no
    win or loss where p_holm ≥ LEVEL, which is not to say that two are alike. Fewer than 3 seeds
    decide nothing, which a row a measure says; nor does a measure `of_codes` where one of the two
    methods is `dead`.
    """
    tests = []
    for measure, higher in measures.items():
        complete = rows.groupby("method").filter(lambda cells, m=measure: cells[m].notna().all())
        if method not in set(complete["method"]) or complete["method"].nunique() < 2:
            continue
        if complete["seed"].nunique() < 3:
            tests.append({"measure": measure, method: "not decided: fewer than 3 seeds"})
            continue
        for test in paired_tests(complete, measure, method, higher).to_dict("records"):
            shown = f"{test['mean']:.3g} ± {test['high'] - test['mean']:.2g}"
            if measure in of_codes and {method, test["rival"]} & set(dead):
                found = {"p": nan, method: "not decided: dead code"}
            else:
                found = {
                    "p": test["p"],
                    method: "wins" if (test["mean"] > 0) == higher else "loses",
                }
            tests.append({"measure": measure, "rival": test["rival"], "difference": shown} | found)
    adjusted = corrected([test.pop("p", nan) for test in tests])
    for test, p in zip(tests, adjusted, strict=True):
        test["p_holm"] = "" if isnan(p) else f"{p:.2g}"
        if p >= LEVEL:
            test[method] = "not decided"
    columns = ["measure", "rival", "difference", "p_holm", method]
    return pd.DataFrame(tests).reindex(columns=columns) if tests else pd.DataFrame()


def _by_dataset(rows: pd.DataFrame) -> Iterable[tuple[str, pd.DataFrame]]:
    return () if rows.empty else rows.groupby("dataset", sort=False)
