"""The ancestral sampler: its law, its steps, and going on from a θ (T12, T13, T15)."""

import pytest
import torch
from scipy.stats import chisquare
from torch import Generator
from torch.distributions import Categorical

from paramrel.flows import (
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    DiscretizedNormal,
    GaussianFlow,
    GaussianTheta,
    MixedFlow,
    PointMass,
    bin_centers,
    draw,
)
from paramrel.solvers import ancestral, exact_predictor

CLASSES = torch.arange(3).unsqueeze(-1)  # (J, 1)
WEIGHTS = torch.tensor([0.7, 0.2, 0.1])
POINTS, POINT_WEIGHTS = torch.tensor([[-0.8], [0.6]]), torch.tensor([0.25, 0.75])


def generator(seed=0):
    return Generator().manual_seed(seed)


def p_value_of_classes(n, final, size=20_000):
    """Of the hypothesis that the sampler's law is WEIGHTS."""
    flow = CategoricalFlow(3, beta_1=1.0)
    predict = exact_predictor(flow, CLASSES, WEIGHTS)
    x = ancestral(flow, predict, (size, 1), n, final=final, generator=generator())
    return chisquare(x.flatten().bincount(minlength=3), WEIGHTS.double() * size).pvalue


@pytest.mark.parametrize("n", [1, 3, 10])
def test_samples_of_one_variable_follow_the_data_at_any_number_of_steps(n):
    assert p_value_of_classes(n, "sample") > 1e-3


@pytest.mark.parametrize("n", [1, 3, 10])
def test_modes_do_not_follow_the_data(n):
    assert p_value_of_classes(n, "mode") < 1e-9


@pytest.mark.parametrize("n, share", [(5, 0.94), (10, 0.84), (20, 0.80), (50, 0.77), (200, 0.754)])
def test_point_masses_favour_the_larger_cluster_in_few_steps(n, share):
    flow = GaussianFlow(sigma_1=1e-3)
    predict = exact_predictor(flow, POINTS, POINT_WEIGHTS)
    x = ancestral(flow, predict, (40_000, 1), n, generator=generator())
    assert (x > 0).float().mean().item() == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("n", [1, 5, 20])
def test_samples_of_bins_keep_the_clusters_in_proportion(n):
    flow = DiscretizedFlow(num_bins=5, sigma_1=1e-3)
    predict = exact_predictor(flow, bin_centers(5, POINTS)[[0, 3]].unsqueeze(-1), POINT_WEIGHTS)
    x = ancestral(flow, predict, (40_000, 1), n, generator=generator())
    assert (x > 0).float().mean().item() == pytest.approx(0.75, abs=0.01)


@pytest.mark.parametrize("name", ["categorical", "gaussian", "discretized"])
def test_a_step_is_the_bayesian_update_by_a_draw_of_the_sender(name):
    flow, predict = {
        "categorical": (CategoricalFlow(3), lambda theta, t: Categorical(logits=theta.logits)),
        "gaussian": (GaussianFlow(), lambda theta, t: PointMass(theta.mean.tanh())),
        "discretized": (
            DiscretizedFlow(16),
            lambda theta, t: DiscretizedNormal(theta.mean, torch.ones_like(theta.mean), 16),
        ),
    }[name]
    n, g, steps = 7, generator(), []
    ancestral(flow, predict, (4, 5), n, generator=generator(), callback=steps.append)
    theta = flow.prior((4, 5))
    for i in range(1, n + 1):
        x = flow.sample_output(predict(theta, None), g)
        alpha = flow.schedule.alpha_step(i, n).item()
        theta = flow.bayesian_update(theta, draw(flow.sender(x, alpha), g), alpha)
    torch.testing.assert_close(vars(steps[-1].theta), vars(theta), rtol=1e-4, atol=1e-5)


def test_going_on_from_a_theta_on_the_way_ends_in_the_same_sample():
    flow, g, seen = CategoricalFlow(3), generator(), {}
    predict = exact_predictor(flow, torch.randint(3, (6, 4), generator=generator(1)))
    whole = ancestral(
        flow,
        predict,
        (50, 4),
        10,
        generator=g,
        callback=lambda step: seen.update({step.i: (step, g.get_state())}),
    )
    step, state = seen[4]
    later = Generator()
    later.set_state(state)
    rest = ancestral(flow, predict, (50, 4), 6, theta=step.theta, t_start=step.t, generator=later)
    assert step.t == pytest.approx(0.4) and torch.equal(rest, whole)


def test_hidden_variables_are_sampled_given_the_known_ones():
    """A known variable enters with a high precision, a hidden one with that of the prior."""
    flow = GaussianFlow()
    pairs = torch.tensor([[0.5, 0.5], [-0.5, -0.5], [0.5, -0.5]])
    theta = GaussianTheta(torch.tensor([[0.5, 0.0]] * 4000), torch.tensor([[1e4, 1.0]] * 4000))
    predict = exact_predictor(flow, pairs, torch.tensor([0.1, 0.6, 0.3]))
    x = ancestral(flow, predict, (4000, 2), 200, theta=theta, generator=generator())
    assert torch.allclose(x[:, 0], torch.tensor(0.5), atol=1e-3)
    assert (x[:, 1] > 0).float().mean().item() == pytest.approx(0.25, abs=0.03)


def test_diffusion_samples_follow_gaussian_data():
    flow, mean, std = DiffusionFlow(), 0.1, 0.3

    def predict(theta, t):
        information = theta.precision * theta.mean + mean / std**2
        return PointMass(information / (theta.precision - 1 + std**-2))

    x = ancestral(flow, predict, (5000, 1), 800, generator=generator())
    assert x.mean().item() == pytest.approx(mean, abs=0.01)
    assert x.std().item() == pytest.approx(std, rel=0.05)


def test_mixed_fields_are_sampled_together():
    """The label of each example is the sign of its number: predicted from both fields."""
    flow = MixedFlow({"number": GaussianFlow(0.1), "label": CategoricalFlow(2, 4.0)})

    def predict(theta, t):
        number = theta["number"]
        logit = number.precision[:, 0] * number.mean[:, 0] + theta["label"].logits.diff()[..., 0]
        return {
            "number": PointMass(0.5 * (logit / 2).tanh().unsqueeze(-1)),
            "label": Categorical(logits=torch.stack([0 * logit, logit], -1)),
        }

    shape = {"number": (2000, 1), "label": (2000,)}
    x = ancestral(flow, predict, shape, 50, generator=generator())
    assert torch.equal(x["number"][:, 0] > 0, x["label"] == 1)
    assert x["label"].float().mean().item() == pytest.approx(0.5, abs=0.05)
