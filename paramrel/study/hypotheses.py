"""The hypotheses of docs/hypotheses.md: their text, and the computation that decides each."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from paramrel.study.claims import COLLAPSED, IGNORED, dead_codes
from paramrel.study.verdicts import Claim, Part, difference, numbers, part, within

Tables = Mapping[str, pd.DataFrame]


Found = Iterator[tuple[str, list[Part], str]]  # data, parts, why it is not decided


ENTRY = re.compile(r"^## (H\d+)\n\n> (.+)\n\nDecided so: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Hypothesis:
    """Its name, its text as it was written, and the rule that decides it."""

    name: str
    text: str
    rule: str


def read_hypotheses(path: Path) -> list[Hypothesis]:
    """Return what docs/hypotheses.md holds; ValueError where it holds none."""
    found = [Hypothesis(*entry) for entry in ENTRY.findall(path.read_text(encoding="utf-8"))]
    if not found:
        raise ValueError(f"{path.name} holds no entry of the form '## H1', '> text', 'Decided so:'")
    return found


def hypothesis_claims(
    hypotheses: Iterable[Hypothesis], tables: Tables, continuous: Collection[str]
) -> Iterator[Claim]:
    """Yield a claim or more for each hypothesis, in its own words.

    tables: those that the stages wrote, by name, of which any may be missing or empty.
    continuous: the data sets that H4 is about.
    """
    deciding = {
        "H1": (_collapse, ["code_time"]),
        "H2": (_prior, ["trials_kernels"]),
        "H3": (_ceiling, ["known_when", "runs"]),
        "H4": (partial(_diffusion, continuous), ["runs"]),
        "H5": (_attention, ["trials_attention"]),
        "H6": (_samplers, ["quality", "runs"]),
        "H7": (_inversion, ["inversion"]),
        "H8": (_evidence, ["robust", "runs"]),
    }
    for hypothesis in hypotheses:
        claim = f"{hypothesis.name}: {hypothesis.text}"
        if hypothesis.name not in deciding:
            yield Claim(claim, "", undecided="its runs belong to later studies")
            continue
        decide, needed = deciding[hypothesis.name]
        given = [tables.get(name, pd.DataFrame()) for name in needed]
        found = [] if any(table.empty for table in given) else list(decide(*given))
        for data, parts, undecided in found or [("", [], "no data")]:
            yield Claim(claim, data, parts, undecided)


def _collapse(code_time: pd.DataFrame) -> Found:
    plain = code_time[code_time["gamma"] == 0]
    for dataset, cells in plain.groupby("dataset", sort=False):
        rates = {method: numbers(rows, "kl") for method, rows in cells.groupby("method")}
        for method in ("paramrel", "paramrel_same"):
            if {method, "paramrel_x"} <= set(rates):
                of_theta = part(rates[method], COLLAPSED, above=False, name=f"rate of {method}:")
                of_x = part(rates["paramrel_x"], COLLAPSED, name="rate of paramrel_x:")
                yield f"{dataset}, {method}", [of_theta, of_x], ""


def _prior(kernels: pd.DataFrame) -> Found:
    rows = kernels.assign(octaves=np.log2(kernels["aggregate_std"]).abs())
    for (dataset, method), cells in rows.groupby(["dataset", "method"], sort=False):
        by_kernel = dict(list(cells.groupby("kernel")))
        if {"released", "scaled"} <= set(by_kernel):
            released, scaled = by_kernel["released"], by_kernel["scaled"]
            probe = difference(numbers(scaled, "probe_t1"), numbers(released, "probe_t1"))
            name = "|log₂ of the aggregate's standard deviation|"
            parts = [
                part(numbers(released, "octaves"), 1, name=f"{name}, released kernel:"),
                part(numbers(scaled, "octaves"), 1, above=False, name=f"{name}, scaled:"),
                part(probe, -0.02, name="probe accuracy, scaled − released:"),
            ]
            yield f"{dataset}, {method}", parts, ""


def _ceiling(known_when: pd.DataFrame, runs: pd.DataFrame) -> Found:
    dead = dead_codes(runs)
    for dataset, rows in known_when.groupby("dataset", sort=False):
        curves = {
            key: {snr: numbers(cells, "auroc") for snr, cells in curve.groupby("log_snr")}
            for key, curve in rows.groupby(["method", "representation"])
        }
        code = curves.get(("paramrel", "code"))
        if code is None:
            continue
        silent = [name for name in ("paramrel", "paramrel_x") if (dataset, name) in dead]
        others = [
            (("paramrel", "θ"), 0.01, 0, "θ_t"),
            (("paramrel_x", "code"), 0.01, 0, "the code of x"),
            (("paramrel", "random encoder"), 0.05, None, "a random frozen encoder"),
        ]
        missing = [
            name for key, _, _, name in others if not code.keys() <= curves.get(key, {}).keys()
        ]
        why = f"dead code: {', '.join(silent)}" if silent else ""
        why = f"no probe of {', '.join(missing)}" if missing else why
        parts = [
            part(
                difference(code[snr], curves[key][snr]), margin, above=False, refuted=refuted,
                name=f"AUROC of a linear probe, code − {name}, at the worst time:",
            )
            for key, margin, refuted, name in others if not why
            for snr in code
        ]  # fmt: skip
        yield dataset, parts, why


def _diffusion(continuous: Collection[str], runs: pd.DataFrame) -> Found:
    dead = dead_codes(runs)
    for dataset, rows in runs[runs["dataset"].isin(continuous)].groupby("dataset", sort=False):
        probes = {method: numbers(cells, "probe_t1") for method, cells in rows.groupby("method")}
        if {"paramrel", "ddpm_theta"} <= set(probes):
            silent = [name for name in ("paramrel", "ddpm_theta") if (dataset, name) in dead]
            gap = difference(probes["paramrel"], probes["ddpm_theta"])
            why = f"dead code: {', '.join(silent)}" if silent else ""
            yield dataset, within(gap, 0.02, "probe accuracy, paramrel − ddpm_theta:"), why


def _attention(attention: pd.DataFrame) -> Found:
    for (dataset, method), rows in attention.groupby(["dataset", "method"], sort=False):
        ways = dict(list(rows.groupby("conditioning")))
        if {"cross_attention", "adagn"} <= set(ways):
            attended = numbers(ways["cross_attention"], "D")
            name = "D, attention − adagn, in the best of its cells:"
            parts = [
                part(difference(attended, numbers(cell, "D")), 0, name=name)
                for _, cell in ways["adagn"].groupby(["gamma", "lambda"])
            ]
            yield f"{dataset}, {method}", parts, ""


def _samplers(quality: pd.DataFrame, runs: pd.DataFrame) -> Found:
    shuffled = runs.groupby(["dataset", "method"])["shuffled_code"].mean()
    distances = quality[quality["measure"].str.startswith("fd[classifier]")]
    distances = distances.rename(columns={"sem": "value_sem"})
    for dataset, rows in distances.groupby("dataset", sort=False):
        parts, both = [], False
        for method, cells in rows.groupby("method", sort=False):
            by = dict(list(cells.groupby("of")))
            if not {"samples, self", "samples, prior"} <= set(by):
                continue
            both = True
            if shuffled.get((dataset, method), np.inf) < IGNORED:
                own, prior = by["samples, self"], by["samples, prior"]
                gap = difference(numbers(prior, "value"), numbers(own, "value"))
                floor = numbers(own, "floor")
                parts += within(gap, floor, f"fd of prior − of re-encoded codes, {method}:")
        if both:
            yield dataset, parts, "" if parts else "no method whose code is not used"


def log_errors(inversion: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with `log_error`, log₁₀ of `error`.

    Errors of a diverging inversion span many orders; one that is no number counts as the largest
    float32, as it overflowed.
    """
    largest = float(np.finfo(np.float32).max)
    errors = inversion["error"].fillna(np.inf).clip(1 / largest, largest)
    return inversion.assign(log_error=np.log10(errors))


def _inversion(inversion: pd.DataFrame) -> Found:
    rows = log_errors(inversion[inversion["sigma_1"] <= 0.01])
    expected = {"undo updates": (0, True), "ODE": (-1, False)}
    if set(expected) <= set(rows["way"]):
        cells = rows[rows["way"].isin(expected)].groupby(["way", "sigma_1"], sort=False)
        parts = [
            part(numbers(cell, "log_error"), *expected[way], name=f"log₁₀ error, {way}:")
            for (way, _), cell in cells
        ]
        yield ", ".join(f"σ₁ = {sigma:g}" for sigma in rows["sigma_1"].unique()), parts, ""


def _evidence(robust: pd.DataFrame, runs: pd.DataFrame) -> Found:
    dead = dead_codes(runs)
    clean = robust[(robust["log_snr"] == np.inf) & (robust["trained_on"] == "clean")]
    gained = clean["accuracy"] - clean["floor_accuracy"]
    clean = clean.assign(gained=gained, gained_sem=clean["accuracy_sem"])
    for dataset, rows in clean.groupby("dataset", sort=False):
        cells = {key: numbers(cell, "gained") for key, cell in rows.groupby(["method", "hidden"])}
        ways = {"paramrel_evidence": True, "paramrel": False}
        if all((method, "nothing") in cells for method in ways):
            silent = [name for name in ways if (dataset, name) in dead]
            parts = [
                part(
                    difference(cells[method, half], 0.8 * cells[method, "nothing"]), 0, above=above,
                    name=f"accuracy above chance, {half} half hidden − .8 · whole, {method}:",
                )
                for method, above in ways.items()
                for half in ("right", "lower")
            ]  # fmt: skip
            yield dataset, parts, f"dead code: {', '.join(silent)}" if silent else ""
