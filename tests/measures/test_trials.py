"""Trials: what is chosen, what a matched code measures, and which way to noise comes back."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from torch.distributions import Normal

from paramrel import figures
from paramrel.data import load_dataset
from paramrel.flows import GaussianFlow, PointMass
from paramrel.measures import trials
from paramrel.measures.config import EvaluateParams
from paramrel.measures.trials import (
    attention_measures,
    inversion_table,
    kernel_measures,
    mark_chosen,
    repeat_updates,
    rival_measures,
    undo_updates,
)

PARAMS = EvaluateParams(examples=300)
RUN = SimpleNamespace(
    seed=0, model=SimpleNamespace(generator=lambda seed: torch.Generator().manual_seed(seed))
)
SIGMAS = [0.1, 1e-2, 1e-3]
RIVALS = pd.DataFrame(
    {
        "dataset": "digits",
        "method": ["beta_vae"] * 6 + ["infovae"] * 2,
        "beta": [0.5, 0.5, 1.0, 1.0, 2.0, 2.0, None, None],
        "lambda": [None] * 6 + [1.0, 10.0],
        "seed": [0, 1, 0, 1, 0, 1, 0, 0],
        "validation_accuracy": [0.8, 0.9, 0.95, 0.7, 0.85, 0.85, 0.6, 0.7],
    }
)


@pytest.fixture(scope="module")
def inversion():
    known = load_dataset("digits_continuous").test.x[:40]
    return inversion_table(known, SIGMAS, [0, 1], images=20, steps=50)


def test_the_best_mean_over_the_seeds_is_chosen_and_of_equals_the_first():
    marked = mark_chosen(RIVALS.sample(frac=1, random_state=0).sort_index(), ["beta", "lambda"])
    assert marked["chosen"].tolist() == 2 * [True] + 5 * [False] + [True]
    assert marked.drop(columns="chosen").equals(RIVALS)
    better = RIVALS["validation_accuracy"] + 0.01 * (RIVALS["beta"] == 2)
    marked = mark_chosen(RIVALS.assign(validation_accuracy=better), ["beta", "lambda"])
    assert marked["beta"][marked["chosen"]].tolist()[:2] == [2.0, 2.0]


def test_the_validation_split_decides_and_the_test_split_has_no_say(monkeypatch):
    """Codes are pixels, and the labels of one of the splits are wrong."""

    def pixels(model, data, s, seed):
        return [part.x.flatten(1).float() for part in (data.train, data.validation, data.test)]

    monkeypatch.setattr(trials, "code_splits", pixels)
    data, found = load_dataset("digits"), {}
    for name in ("test", "validation"):
        part = getattr(data, name)
        wrong = replace(data, **{name: replace(part, labels=(part.labels + 1) % 10)})
        found[name] = rival_measures(RUN, wrong, PARAMS)["validation_accuracy"]
    assert found["test"] > 0.8 and found["validation"] < 0.2  # chance is 0.1


@pytest.mark.parametrize("spread", [0.5, 2.0])
def test_codes_that_all_are_one_normal_have_its_spread_and_its_divergence(monkeypatch, spread):
    """Then q(z) is N(0, spread²), whose KL to the prior is known."""
    monkeypatch.setattr(
        trials,
        "posterior",
        lambda model, x, s, generator: Normal(
            torch.zeros(len(x), 4), torch.full((len(x), 4), spread)
        ),
    )
    row = kernel_measures(RUN, load_dataset("digits"), EvaluateParams())
    assert row["aggregate_std"] == pytest.approx(spread, rel=0.05)
    exact = 4 * (spread**2 / 2 - 0.5 - math.log(spread))
    assert row["marginal_kl"] == pytest.approx(exact, rel=0.15)


def test_a_copy_of_the_factors_is_disentangled_and_noise_is_not(monkeypatch):
    data = load_dataset("sprites_16")

    def codes(copied):
        def of(model, data, s, seed):
            parts = [part.factors for part in (data.train, data.validation, data.test)]
            rng = np.random.default_rng(0)
            return [
                f.astype(float) if copied else rng.normal(size=f.shape)
                for f in map(np.asarray, parts)
            ]

        return of

    rows = []
    for copied in (True, False):
        monkeypatch.setattr(trials, "code_splits", codes(copied))
        rows.append(attention_measures(RUN, data, EvaluateParams(examples=600)))
    assert set(rows[0]) == {"D", "C", "I", "MIG"}
    assert rows[0]["D"] > 0.8 and rows[0]["MIG"] > 0.6
    assert all(rows[0][name] > rows[1][name] + 0.2 for name in rows[0])
    with pytest.raises(ValueError, match="digits has no known factors"):
        attention_measures(RUN, load_dataset("digits"), PARAMS)


@pytest.mark.parametrize("sigma_1", SIGMAS)
def test_undone_updates_multiply_an_error_by_one_over_sigma_1_squared_and_repeat_back(sigma_1):
    """Where the prediction is the same point at every θ, both are sums that are known."""
    flow, delta = GaussianFlow(sigma_1), 1e-6
    x = torch.full((1, 1), 0.5, dtype=torch.float64)

    def predict(theta, t):
        return PointMass(torch.full_like(theta.mean, 0.5))

    total = flow.beta(1.0)
    zeta = (x + delta) * (1 + total)
    start = undo_updates(flow, predict, zeta, 50)
    assert (start - x).item() == pytest.approx(delta / sigma_1**2, rel=1e-3)
    torch.testing.assert_close(repeat_updates(flow, predict, start, 50), zeta)


def test_the_ode_brings_every_known_image_back_and_undone_updates_fewer_the_smaller_sigma_1(
    inversion,
):
    assert len(inversion) == len(SIGMAS) * 2 * 2
    errors = inversion.groupby(["way", "sigma_1"])[["error", "error_float64"]].mean()
    assert (errors.loc["ODE"] < 1e-6).all(axis=None)
    assert errors.loc["undo updates", "error"].is_monotonic_decreasing
    assert errors.loc[("undo updates", 1e-3), "error"] > 0.1
    assert errors.loc[("undo updates", 1e-3), "error_float64"] > 0.1  # rounding is not the cause


def test_the_figure_rings_what_is_chosen(inversion):
    figure = figures.trial_panels(mark_chosen(RIVALS, ["beta", "lambda"]), inversion)
    beta, lambda_, errors = figure.axes
    rings = [
        [line.get_xdata().tolist() for line in axis.lines if line.get_label() == "chosen"]
        for axis in (beta, lambda_)
    ]
    assert rings == [[[0.5]], [[10.0]]]
    assert errors.get_xscale() == errors.get_yscale() == "log"
