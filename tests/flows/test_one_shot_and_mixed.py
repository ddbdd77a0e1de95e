"""The flow that says nothing, and the flow of several fields."""

import pytest
import torch
from torch.distributions import Normal

from paramrel.flows import (
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    MixedFlow,
    OneShotFlow,
    bin_centers,
    draw,
)

T = torch.tensor([0.0, 0.3, 0.7, 1.0])
INDEX = torch.arange(24).view(4, 1, 3, 2) % 4
ONE_SHOT = {
    "categorical": (OneShotFlow(CategoricalFlow(4)), INDEX),
    "discretized": (OneShotFlow(DiscretizedFlow(4)), bin_centers(4, T)[INDEX]),
    "continuous": (OneShotFlow(GaussianFlow(0.1)), INDEX / 3.0),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("name", ONE_SHOT)
def test_a_one_shot_theta_says_the_same_of_all_data_at_all_times(name):
    flow, x = ONE_SHOT[name]
    theta = flow.sample_theta(x, T, generator=seeded())
    inputs = flow.network_input(theta, T)
    assert inputs.shape == (*x.shape, flow.num_inputs)
    assert (inputs == inputs[0, 0, 0, 0]).all()
    assert torch.equal(inputs, flow.network_input(flow.prior(x.shape), T))
    assert (flow.log_snr(T) == -torch.inf).all()


@pytest.mark.parametrize("name", ONE_SHOT)
def test_a_one_shot_bound_counts_the_negative_log_likelihood_once(name):
    flow, x = ONE_SHOT[name]
    raw = torch.randn(*x.shape, flow.num_outputs, generator=seeded())
    out = flow.output_distribution(raw, flow.prior(x.shape), T)
    if name == "continuous":
        scale = raw[..., 1].mean((1, 2, 3), keepdim=True).exp().clamp(0.1, 1)  # σ₁ = 0.1 or more
        expected = -Normal(raw[..., 0], scale).log_prob(x).sum((1, 2, 3))
    else:
        expected = -out.log_prob(x).sum((1, 2, 3))
    torch.testing.assert_close(flow.loss_continuous_time(x, out, T), expected)
    torch.testing.assert_close(flow.loss_discrete_time(x, out, 2, 5), expected)
    torch.testing.assert_close(flow.training_loss(x, out, T), expected)
    assert torch.equal(flow.reconstruction_loss(x, out), torch.zeros(4))
    assert torch.equal(flow.prior_loss(x), torch.zeros(4))
    assert flow.sample_output(out, seeded()).shape == flow.mode_output(out).shape == x.shape


def test_a_one_shot_output_is_read_from_the_network_alone():
    flow, x = ONE_SHOT["discretized"]
    raw = torch.randn(*x.shape, 2, generator=seeded())
    out = flow.output_distribution(raw, flow.prior(x.shape), T)
    assert torch.equal(out.loc, raw[..., 0])
    torch.testing.assert_close(out.scale, raw[..., 1].exp().clamp(min=1 / 16))


PARTS = {
    "pixels": (DiscretizedFlow(4, 0.1), bin_centers(4, T)[INDEX]),
    "label": (CategoricalFlow(10), torch.tensor([3, 1, 4, 1])),
    "position": (GaussianFlow(), torch.rand(4, 2)),
}
MIXED = MixedFlow({name: flow for name, (flow, _) in PARTS.items()})
X = {name: x for name, (_, x) in PARTS.items()}
RAW = {
    name: torch.randn(*x.shape, flow.num_outputs, generator=seeded())
    for name, (flow, x) in PARTS.items()
}


def test_a_mixed_flow_costs_the_sum_of_its_fields():
    theta = MIXED.sample_theta(X, T, generator=seeded())
    out = MIXED.output_distribution(RAW, theta, T)
    inputs = MIXED.network_input(theta, T)
    continuous, training, reconstruction = torch.zeros(3, 4)
    generator = seeded()
    for name, (flow, x) in PARTS.items():
        part = flow.sample_theta(x, T, generator=generator)
        assert torch.equal(flow.network_input(part, T), inputs[name])
        assert inputs[name].shape[-1] == MIXED.num_inputs[name] == flow.num_inputs
        single = flow.output_distribution(RAW[name], part, T)
        continuous += flow.loss_continuous_time(x, single, T)
        training += flow.training_loss(x, single, T)
        reconstruction += flow.reconstruction_loss(x, single)
    torch.testing.assert_close(MIXED.loss_continuous_time(X, out, T), continuous)
    torch.testing.assert_close(MIXED.training_loss(X, out, T), training)
    torch.testing.assert_close(MIXED.reconstruction_loss(X, out), reconstruction)
    assert MIXED.loss_discrete_time(X, out, 1, 3, seeded()).shape == (4,)


def test_a_mixed_flow_takes_the_steps_of_its_fields():
    theta, alpha = (
        MIXED.prior({name: x.shape for name, x in X.items()}),
        MIXED.schedule.alpha_step(2, 5),
    )
    senders = MIXED.sender(X, alpha)
    y = {name: draw(sender, seeded()) for name, sender in senders.items()}
    updated = MIXED.bayesian_update(theta, y, alpha)
    out = MIXED.output_distribution(RAW, updated, T)
    receivers, draws, modes = (
        MIXED.receiver(out, alpha),
        MIXED.sample_output(out),
        MIXED.mode_output(out),
    )
    for name, (flow, x) in PARTS.items():
        single = flow.bayesian_update(flow.prior(x.shape), y[name], flow.schedule.alpha_step(2, 5))
        assert torch.equal(flow.network_input(single, T), flow.network_input(updated[name], T))
        assert receivers[name].log_prob(y[name]).shape == x.shape
        assert draws[name].shape == modes[name].shape == x.shape
        assert MIXED.schedule.beta(0.5)[name] == flow.schedule.beta(0.5)
        assert MIXED.schedule.alpha(0.5)[name] == flow.schedule.alpha(0.5)
        assert updated.entropy()[name].shape == x.shape
        assert updated.to_distribution()[name].batch_shape == x.shape


def test_the_log_snr_of_a_mixed_flow_grows_with_time():
    log_snr = MIXED.log_snr(torch.linspace(0.01, 1, 50))
    assert (log_snr.diff() > 0).all()


def test_fields_may_have_flows_of_any_kind():
    flow = MixedFlow({"pixels": DiffusionFlow(4), "label": OneShotFlow(CategoricalFlow(10))})
    x = {"pixels": X["pixels"], "label": X["label"]}
    theta = flow.sample_theta(x, T, generator=seeded())
    raw = {name: torch.zeros(*v.shape, flow.num_outputs[name]) for name, v in x.items()}
    out = flow.output_distribution(raw, theta, T)
    expected = DiffusionFlow(4).training_loss(x["pixels"], out["pixels"], T) + torch.log(
        torch.tensor(10.0)
    )
    torch.testing.assert_close(flow.training_loss(x, out, T), expected)
    assert (flow.prior_loss(x) > 0).all()
