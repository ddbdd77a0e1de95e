"""The table of metrics: every row finds its number and its ends, and is the one place for both."""

import math

import numpy as np
import pytest
import torch

from paramrel.metrics.factor_vae import draw_from_table
from paramrel.metrics.table import METRICS, Factored, Features, Metric, measured, metrics_of, scores

RNG = np.random.default_rng(0)
FACTORS = RNG.integers(0, 3, (300, 2))
CODES = FACTORS + 0.1 * RNG.standard_normal((300, 2))


def generator():
    return torch.Generator().manual_seed(0)


def given():
    table = (CODES, FACTORS)
    factored = Factored(table, table, draw_from_table(*table), (3, 3), (40, 20), 8, generator())
    features = RNG.standard_normal((2, 300, 4))
    return {
        "labels": ((CODES, FACTORS[:, 0]),) * 3,
        "features": Features(*features, generator()),
        "evaluation": {"nll_bound": 20.0},
        "factors": factored,
        "few factors": factored.few(150),
        "attributes": (CODES, FACTORS > 1, generator()),
    }


def test_every_metric_finds_its_number_between_its_ends():
    for name, metric, row in measured(given()):
        floor, ceiling = metric.ends(row)
        assert math.isfinite(row[metric.key]), name
        assert not row[metric.key] > ceiling, name  # also where there is none
        assert not floor > ceiling, name
    assert {name for name, *_ in measured(given())} == {*METRICS} - {*metrics_of("paths")}


def test_only_what_is_given_is_measured_and_each_function_is_called_once(monkeypatch):
    calls = []

    def twice(row):
        calls.append(row)
        return {"a": 1.0, "b": 2.0}

    for key in ("a", "b"):
        monkeypatch.setitem(METRICS, f"new {key}", Metric("evaluation", twice, key, True))
    found = {name: row[metric.key] for name, metric, row in measured({"evaluation": {}})
             if name.startswith("new")}  # fmt: skip
    assert found == {"new a": 1.0, "new b": 2.0} and len(calls) == 1
    assert scores("evaluation", {"nll_bound": 3.0}) == {"nll_bound": 3.0, "a": 1.0, "b": 2.0}


def test_less_distance_is_better_and_more_of_all_else():
    lower = {name for name, metric in METRICS.items() if not metric.higher_is_better}
    assert lower == {"fd", "fd∞", "kid", "bound on −ln p(x)", *metrics_of("paths")}


@pytest.mark.parametrize(("end", "value"), [(0.5, 0.5), ("n", 7), (lambda row: row["n"] / 2, 3.5)])
def test_an_end_is_a_number_or_is_taken_from_the_row(end, value):
    assert Metric("labels", dict, "x", True, end, end).ends({"n": 7}) == (value, value)
