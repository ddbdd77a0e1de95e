"""Bounds and the cost of a shuffled code are measured in batches, wherever the data lie."""

import numpy as np
import pytest
import torch
from torch.distributions import Categorical

from paramrel.data import load_dataset
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import nll_bound, shuffled_code_loss, transmitted
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model("paramrel", load_dataset("digits").variables, SMALL).eval()


@pytest.mark.parametrize("measure", [nll_bound, shuffled_code_loss])
def test_no_batch_is_larger_than_the_model_s_and_every_example_is_measured(
    model, measure, monkeypatch
):
    sizes = []
    monkeypatch.setattr(FlowAutoencoder, "batch_size", 16)
    decode = FlowAutoencoder.output_distribution
    monkeypatch.setattr(
        FlowAutoencoder,
        "output_distribution",
        lambda self, theta, z, t, s: sizes.append(len(t)) or decode(self, theta, z, t, s),
    )
    found = measure(model, load_dataset("digits").test.x[:33], num_times=2)
    assert len(getattr(found, "total", found)) == 33 and set(sizes) == {11}


def test_the_mean_in_batches_is_that_of_all_at_once(model, monkeypatch):
    x = load_dataset("digits").test.x
    whole = nll_bound(model, x, num_times=8, generator=model.generator(0)).total.mean().item()
    monkeypatch.setattr(FlowAutoencoder, "batch_size", 40)
    parts = nll_bound(model, x, num_times=8, generator=model.generator(0)).total.mean().item()
    assert parts == pytest.approx(whole, rel=0.02)


def plain(seed=0):
    torch.manual_seed(seed)
    return build_model("bfn", load_dataset("digits").variables, SMALL).eval()


def test_what_is_transmitted_grows_and_is_the_bound_s_transmission_in_the_end():
    model, x = plain(), load_dataset("digits").test.x[:50]
    end = transmitted(model, x, [1.0], num_times=8, generator=model.generator(0))
    bound = nll_bound(model, x, num_times=8, generator=model.generator(0))
    torch.testing.assert_close(end[:, 0], bound.transmission)
    times = [0.05, 0.2, 0.7, 1.0]
    nats = transmitted(model, x, times, num_times=8, generator=model.generator(0))
    assert nats.shape == (50, 4) and (nats.diff(dim=1) > 0).all()
    assert nats[:, -1].mean().item() == pytest.approx(end.mean().item(), rel=0.02)


def test_the_best_predictor_transmits_what_theta_tells(monkeypatch):
    """Fair bits: ln p(x=1|θ)/p(x=0|θ) is a difference of logits, N(±2β, 4β)."""
    model, times = plain(), [0.1, 0.3, 1.0]
    monkeypatch.setattr(
        FlowAutoencoder,
        "output_distribution",
        lambda self, theta, z, t, s: Categorical(logits=theta.logits),
    )
    x = torch.randint(2, (2000, *model.data_shape), generator=torch.Generator().manual_seed(0))
    nats = transmitted(model, x, times, num_times=16, generator=model.generator(0))
    nodes, weights = np.polynomial.hermite_e.hermegauss(200)
    for time, found in zip(times, nats.T, strict=True):
        beta = model.flow.beta(torch.tensor(time))
        surprise = np.logaddexp(0, -(2 * beta + 2 * np.sqrt(beta) * nodes))
        told = x[0].numel() * (np.log(2) - surprise @ weights / weights.sum())
        assert found.mean().item() == pytest.approx(told, rel=0.01)


def test_a_code_and_times_that_do_not_rise_are_refused(model):
    x = load_dataset("digits").test.x[:4]
    with pytest.raises(ValueError, match="a model without a code only"):
        transmitted(model, x, [1.0])
    for times in ([0.5, 0.5], [0.0, 1.0], [0.5, 1.1]):
        with pytest.raises(ValueError, match="they must rise and lie in"):
            transmitted(plain(), x, times)
