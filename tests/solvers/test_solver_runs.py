"""What all solvers promise: repeatable, without traces in the predictor, and clear about errors."""

from functools import partial

import pytest
import torch
from torch import Generator, nn
from torch.distributions import Categorical

from paramrel.flows import CategoricalFlow, CategoricalTheta, GaussianFlow, MixedFlow, OneShotFlow
from paramrel.solvers import ancestral, bfn_solver, decode, exact_predictor, inference, invert

FLOW, SHAPE = CategoricalFlow(3), (4, 2, 2)
UNKNOWN = torch.full((*SHAPE, 3), float("nan"))
SOLVERS = {
    "ancestral": ancestral,
    "ode": bfn_solver,
    "sde": partial(bfn_solver, stochastic=True, order=1),
}
every_solver = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def predict(theta, t):
    return Categorical(logits=2 * theta.logits)


class Network(nn.Module):
    """Half of its features are dropped while it trains."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.Linear(50, 3))
        self.frozen = nn.Dropout(0.5).eval()
        self.seen = []

    def forward(self, theta, t):
        out = Categorical(logits=self.body(theta.logits))
        self.seen.append((self.training or self.body[1].training, out.logits.requires_grad))
        return out

    def scaled(self, theta, t, scale):
        return self.forward(theta.map(lambda logits: scale * logits), t)


@every_solver
def test_equal_generators_give_equal_samples(solver):
    a, b, other = (
        solver(FLOW, predict, (50, 2, 2), 5, generator=Generator().manual_seed(seed))
        for seed in (0, 0, 1)
    )
    assert torch.equal(a, b) and not torch.equal(a, other)


@every_solver
def test_the_global_generator_is_left_alone(solver):
    before = torch.get_rng_state()
    solver(FLOW, predict, SHAPE, 3, generator=Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


@every_solver
def test_samples_are_classes_of_the_shape_asked_for(solver):
    x = solver(FLOW, predict, SHAPE, 3)
    assert x.shape == SHAPE and x.dtype == torch.long and set(x.unique().tolist()) <= {0, 1, 2}


@every_solver
def test_the_callback_sees_every_prediction_in_order(solver):
    steps = []
    solver(FLOW, predict, SHAPE, 5, callback=steps.append)
    assert [step.i for step in steps] == [0, 1, 2, 3, 4, 5]
    assert steps[-1].t == 1.0 and all(a.t < b.t for a, b in zip(steps, steps[1:], strict=False))
    assert steps[0].theta.logits.shape == (*SHAPE, 3)
    assert steps[0].out.logits.shape == (*SHAPE, 3)


@every_solver
def test_times_have_the_batch_and_the_dtype_of_theta(solver):
    times = []

    def watched(theta, t):
        times.append(t)
        return predict(theta, t)

    theta = CategoricalTheta(torch.zeros(*SHAPE, 3, dtype=torch.float64))
    solver(FLOW, watched, SHAPE, 3, theta=theta)
    assert {(t.shape, t.dtype) for t in times} == {((4,), torch.float64)}


@every_solver
@pytest.mark.parametrize("kind", ["module", "method", "partial", "function"])
def test_a_network_predicts_as_in_eval_without_gradients_and_is_left_as_it_was(solver, kind):
    network = Network()
    predictor = {
        "module": network,
        "method": network.forward,
        "partial": partial(network.scaled, scale=2.0),
        "function": lambda theta, t: network(theta, t),
    }[kind]
    solver(FLOW, predictor, SHAPE, 3)
    assert set(network.seen) == {(False, False)}
    assert network.training and network.body[1].training and not network.frozen.training
    assert torch.is_grad_enabled()


def test_a_network_is_left_as_it_was_after_an_error():
    network = Network()
    with pytest.raises(RuntimeError), inference(network):
        assert not network.training and not torch.is_grad_enabled()
        raise RuntimeError
    assert network.training and torch.is_grad_enabled()


def test_inversion_too_leaves_the_network_as_it_was():
    network = Network()
    invert(FLOW, network, torch.zeros(SHAPE, dtype=torch.long), 3)
    assert set(network.seen) == {(False, False)} and network.training


@pytest.mark.parametrize("grid", ["uniform", "log_snr"])
def test_the_grid_is_uniform_in_what_it_is_named_after(grid):
    steps = []
    bfn_solver(FLOW, predict, SHAPE, 7, grid=grid, eta=0.01, callback=steps.append)
    times = torch.tensor([step.t for step in steps], dtype=torch.float64)
    gaps = (times if grid == "uniform" else FLOW.log_snr(times)).diff()
    torch.testing.assert_close(gaps, gaps.mean().expand(7))
    assert times[[0, -1]].tolist() == [0.01, 1.0]


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: ancestral(FLOW, predict, SHAPE, 0), "n = 0"),
        (lambda: ancestral(FLOW, predict, SHAPE, 2.0), "n = 2.0"),
        (lambda: ancestral(FLOW, predict, (0, 2), 3), r"shape = \(0, 2\)"),
        (lambda: ancestral(FLOW, predict, (), 3), "shape"),
        (lambda: ancestral(FLOW, predict, SHAPE, 3, final="mean"), "final = 'mean'.*'sample'"),
        (lambda: ancestral(FLOW, predict, SHAPE, 3, t_start=0.5), "t_start = 0.5"),
        (
            lambda: ancestral(FLOW, predict, SHAPE, 3, theta=FLOW.prior(SHAPE), t_start=1.0),
            "t_start = 1.0",
        ),
        (lambda: ancestral(FLOW, predict, SHAPE, 3, theta=FLOW.prior((4, 2))), "theta.*shape"),
        (
            lambda: ancestral(FLOW, predict, SHAPE, 3, theta=CategoricalTheta(UNKNOWN)),
            "theta must be finite",
        ),
        (lambda: decode(FLOW, predict, UNKNOWN, 3), "theta must be finite"),
        (lambda: ancestral(OneShotFlow(FLOW), predict, SHAPE, 3), "OneShotFlow"),
        (lambda: ancestral(MixedFlow({"a": FLOW}), predict, SHAPE, 3), "dict"),
        (
            lambda: ancestral(
                FLOW, lambda theta, t: predict(theta, t).expand((3, 4, 2, 2)), SHAPE, 3
            ),
            "predict returned",
        ),
        (lambda: bfn_solver(FLOW, predict, SHAPE, 0), "n = 0"),
        (lambda: bfn_solver(FLOW, predict, SHAPE, 3, order=3), "order = 3.*1, 2"),
        (lambda: bfn_solver(FLOW, predict, SHAPE, 3, grid="cosine"), "grid = 'cosine'"),
        (lambda: bfn_solver(FLOW, predict, SHAPE, 3, eta=0.0), "eta = 0.0"),
        (lambda: bfn_solver(FLOW, predict, SHAPE, 3, eta=1.0), "eta = 1.0"),
        (
            lambda: bfn_solver(
                GaussianFlow(), predict, (2, 3), 3, theta=GaussianFlow().prior((2, 3)), eta=0.5
            ),
            "theta has precisions .* eta = 0.5",
        ),
        (lambda: invert(FLOW, predict, torch.full(SHAPE, 3), 3), "x must lie in"),
        (lambda: invert(FLOW, predict, torch.ones(4, 3) / 3, 3), "soft labels"),
        (lambda: invert(FLOW, predict, torch.zeros(SHAPE).long(), 0), "n = 0"),
        (lambda: invert(FLOW, predict, torch.zeros(SHAPE).long(), 3, start="end"), "start = 'end'"),
        (lambda: decode(FLOW, predict, torch.zeros(*SHAPE, 3), 3, order=0), "order = 0"),
        (lambda: exact_predictor(FLOW, torch.zeros(2, 1).long(), torch.ones(3)), "weights"),
    ],
)
def test_what_is_not_allowed_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
