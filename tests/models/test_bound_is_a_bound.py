"""exp(−bound) of all that there is sums to at most 1, as the probabilities below it do."""

from functools import cache
from itertools import product

import pytest
import torch

from paramrel.data import Dataset
from paramrel.models import bounds
from paramrel.models.bounds import conditional_bound, nll_bound
from paramrel.models.methods import METHODS
from paramrel.runs.train import fit

BOUNDED = [name for name, method in METHODS.items() if method.no_bound is None]
COPIES = 100  # of each outcome, whose bounds are averaged

OUTCOMES = {
    "binary": torch.tensor([*product((0, 1), repeat=4)]),
    "discretized": torch.tensor([*product((-2 / 3, 0.0, 2 / 3), repeat=2)]),
}
TOLD = {
    "binary": dict(kind="binary"),
    "discretized": dict(kind="discretized", levels=3),
}


@cache
def trained(method, kind):
    """A model of two outcomes that are as common as all others together."""
    outcomes = OUTCOMES[kind]
    drawn = torch.randint(len(outcomes), (400,), generator=torch.Generator().manual_seed(0))
    x = outcomes[torch.where(torch.arange(400) % 2 == 0, drawn % 2 * 5, drawn)]
    data = Dataset.from_tensors(x, **TOLD[kind])
    numbers = dict(code_dim=2, mlp_width=32, mlp_blocks=1, embedding=16, sigma_1=0.1, beta_1=4.0)
    steps = dict(steps=250, batch_size=64, evaluations=1, learning_rate=0.01)
    return fit(data, method, progress=False, **numbers, **steps).model


def total(model, kind):
    x = OUTCOMES[kind].repeat_interleave(COPIES, 0)
    bound = nll_bound(model, x, num_times=32, generator=model.generator(0)).total
    return torch.exp(-bound.view(-1, COPIES).mean(1)).sum().item()


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("method", BOUNDED)
def test_no_bound_is_lower_than_what_it_bounds(method, kind):
    tight = 1e-12 if METHODS[method].flow == "diffusion" else 0.1  # it trains for no bound
    assert tight < total(trained(method, kind), kind) < 1.02  # of so many draws


@pytest.mark.parametrize("method", ["paramrel", "paramrel_x", "vae"])
def test_the_sum_finds_a_rate_that_is_not_paid(method, monkeypatch):
    monkeypatch.setattr(bounds, "rate", lambda posterior: 0 * posterior.mean.sum(-1))
    assert total(trained(method, "binary"), "binary") > 1.05


@pytest.mark.parametrize("kind", OUTCOMES)
@pytest.mark.parametrize("method", BOUNDED)
def test_given_what_is_known_no_bound_is_lower_than_what_it_bounds(method, kind):
    """The outcomes of the hidden variables given one value of the first: they sum to at most 1."""
    model, outcomes = trained(method, kind), OUTCOMES[kind]
    outcomes = outcomes[outcomes[:, 0] == outcomes[0, 0]]
    x = outcomes.repeat_interleave(COPIES, 0)
    seen = (torch.arange(x.shape[1]) == 0).expand(x.shape)
    generator = model.generator(0)
    bound = conditional_bound(model, x, seen, num_times=32, generator=generator).total
    found = torch.exp(-bound.view(-1, COPIES).mean(1)).sum().item()
    tight = {"diffusion": 1e-12, "bayesian": 0.1, "one_shot": 0.03}[METHODS[method].flow]
    assert tight < found < 1.02
