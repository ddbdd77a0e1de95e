"""Data to noise and back."""

import math

import pytest
import torch
from scipy.stats import kstest
from torch import Generator
from torch.distributions import Categorical

from paramrel.flows import (
    CategoricalFlow,
    DiscretizedFlow,
    GaussianFlow,
    MixedFlow,
    PointMass,
    bin_centers,
)
from paramrel.solvers import bfn_solver, decode, exact_predictor, invert

STD = 0.3


def gaussian_predictor(theta, t):
    """Exact for data N(0, STD²)."""
    return PointMass(theta.precision * theta.mean / (theta.precision - 1 + STD**-2))


def gaussian_data(batch=64):
    noise = torch.randn(batch, 1, 8, 8, generator=Generator().manual_seed(0))
    return (STD * noise).clamp(-1, 1)


@pytest.mark.parametrize("sigma_1", [0.02, 1e-3])
def test_gaussian_data_come_back_from_their_noise(sigma_1):
    flow, x = GaussianFlow(sigma_1), gaussian_data()
    inversion = invert(flow, gaussian_predictor, x, 50)
    # x̂ at t=1 shrinks by 1/(STD² β(1)), which no solver can undo
    assert inversion.error.max() < 0.01 * x.square().mean().sqrt()
    assert torch.equal(
        inversion.reconstruction, decode(flow, gaussian_predictor, inversion.noise, 50)
    )


@pytest.mark.parametrize("order", [1, 2])
def test_the_noise_of_gaussian_data_converges_to_x_in_standard_deviations(order):
    """The probability flow is linear there: ε at η is x/STD, but for what η knows of x."""
    flow, x = GaussianFlow(), gaussian_data().double()
    beta, beta_1 = flow.schedule.beta(1e-3).item(), flow.schedule.beta(1.0).item()
    expected = x * ((1 + beta * STD**2) / (STD**2 + 1 / beta_1)) ** 0.5
    errors = [
        (invert(flow, gaussian_predictor, x, n, order=order).noise - expected).abs().max().item()
        for n in (50, 100)
    ]
    assert errors[1] < (0.1 if order == 1 else 0.01)
    assert math.log2(errors[0] / errors[1]) == pytest.approx(order, abs=0.2)


def test_the_theta_of_an_inversion_is_its_noise():
    flow, x = GaussianFlow(), gaussian_data(4)
    inversion = invert(flow, gaussian_predictor, x, 20)
    again = bfn_solver(flow, gaussian_predictor, x.shape, 20, theta=inversion.theta, final="mode")
    torch.testing.assert_close(again, inversion.reconstruction)


def test_samples_of_theta_1_invert_to_standard_normal_noise():
    """The probability flow keeps the law of θ, so discrete data reach noise as it is drawn."""
    flow = CategoricalFlow(2)
    data = torch.tensor([[0, 0], [1, 1], [1, 0]])
    weights = torch.tensor([0.5, 0.3, 0.2])
    generator = Generator().manual_seed(0)
    x = data[torch.multinomial(weights, 4000, replacement=True, generator=generator)]
    predict = exact_predictor(flow, data, weights)
    inversion = invert(flow, predict, x, 50, start="sample", generator=generator)
    assert inversion.error.mean() < 0.01
    torch.testing.assert_close(inversion.noise.sum(-1), torch.zeros(4000, 2), rtol=0, atol=1e-4)
    along = inversion.noise @ torch.tensor([-1.0, 1.0]) / 2**0.5
    assert all(kstest(column, "norm").pvalue > 1e-3 for column in along.T)


@pytest.mark.parametrize("kind", ["categorical", "discretized"])
def test_every_known_example_comes_back(kind):
    generator = Generator().manual_seed(0)
    classes = torch.randint(4, (40, 1, 5, 5), generator=generator)
    flow, data = {
        "categorical": (CategoricalFlow(4), classes),
        "discretized": (DiscretizedFlow(4, 0.02), bin_centers(4, torch.ones(1))[classes]),
    }[kind]
    inversion = invert(flow, exact_predictor(flow, data), data, 20)
    assert inversion.error.max() == 0 and torch.equal(inversion.reconstruction, data)
    shape = (*data.shape, 4) if kind == "categorical" else data.shape
    assert inversion.noise.shape == shape


def test_new_noise_decodes_to_known_examples_in_equal_shares():
    flow, data = CategoricalFlow(3), torch.tensor([[0, 0, 0], [1, 1, 1], [2, 2, 2]])
    noise = torch.randn(6000, 3, 3, generator=Generator().manual_seed(0))
    x = decode(flow, exact_predictor(flow, data), noise, 20)
    shares = (x.unsqueeze(1) == data).all(-1).float().mean(0)
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), rtol=0, atol=0.025)


def test_mixed_fields_come_back():
    flow = MixedFlow({"image": GaussianFlow(), "label": CategoricalFlow(3)})

    def predict(theta, t):
        image = gaussian_predictor(theta["image"], t)
        return {"image": image, "label": Categorical(logits=theta["label"].logits)}

    x = {"image": gaussian_data(6), "label": torch.arange(6) % 3}
    inversion = invert(flow, predict, x, 50)
    assert inversion.error["image"].max() < 0.01 and inversion.error["label"].max() == 0
    assert inversion.noise["label"].shape == (6, 3)


@pytest.mark.parametrize("sigma_1", [0.1, 1e-2, 1e-3])
def test_undoing_the_updates_amplifies_an_error_by_1_over_sigma_1_squared_and_the_ode_by_its_root(
    sigma_1,
):
    """Why `invert` solves the ODE, and does not run h⁻¹, the inverse of the Bayesian update.

    Of data that are one point, x̂ is that point whatever θ is. Both ways start at θ₁ that is off by
    δ = 1e-6; h⁻¹ takes back the messages y = x̂ with their accuracies, in float64.
    """
    flow, delta, n = GaussianFlow(sigma_1), 1e-6, 50
    x = torch.full((1, 1), 0.5, dtype=torch.float64)

    def predict(theta, t):
        return PointMass(torch.full_like(theta.mean, 0.5))

    mean, precision = x + delta, 1 + flow.schedule.beta(1)
    for i in range(n, 0, -1):
        alpha = flow.schedule.alpha_step(i, n)
        mean = (precision * mean - alpha * x) / (precision - alpha)
        precision = precision - alpha
    assert (mean - x).item() == pytest.approx(delta / sigma_1**2, rel=1e-3)

    exact, off = (invert(flow, predict, start, n).noise for start in (x, x + delta))
    assert (off - exact).item() == pytest.approx(delta / sigma_1, rel=0.02)
    assert (off - exact).item() == pytest.approx(delta / sigma_1, rel=0.02)
