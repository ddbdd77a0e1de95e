"""No value of a tensor is read in the loops of training and sampling: a GPU would be waited for."""

from functools import partial

import pytest
import torch
from torch import Generator

from paramrel.data.fields import each, leaves
from paramrel.flows import (
    BinaryDiffusionFlow,
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    MixedFlow,
    OneShotFlow,
    bin_centers,
)
from paramrel.solvers import ancestral, bfn_solver, exact_predictor, invert

CLASSES = torch.arange(24).view(4, 6) % 3
CENTRES = bin_centers(3, torch.zeros(1))[CLASSES]
MOVING = {
    "categorical": (CategoricalFlow(3), CLASSES),
    "binary": (CategoricalFlow(2), CLASSES % 2),
    "discretized": (DiscretizedFlow(3), CENTRES),
    "continuous": (GaussianFlow(), CENTRES),
    "diffusion": (DiffusionFlow(), CENTRES),
    "bins of a diffusion": (DiffusionFlow(3), CENTRES),
    "classes of a diffusion": (BinaryDiffusionFlow(), CLASSES % 2),
    "mixed": (
        MixedFlow({"a": CategoricalFlow(3), "b": DiscretizedFlow(3), "c": GaussianFlow()}),
        {"a": CLASSES, "b": CENTRES, "c": CENTRES},
    ),
}
ALL = MOVING | {
    f"one shot, {name}": (OneShotFlow(MOVING[name][0]), MOVING[name][1])
    for name in ("categorical", "discretized", "continuous")
}
SOLVERS = {
    "ancestral": ancestral,
    "ODE": partial(bfn_solver, grid="uniform"),
    "SDE": partial(bfn_solver, grid="uniform", stochastic=True),
}


def output_of(flow, theta, t, weight):
    """The output distribution of a network with one weight."""
    inputs = flow.network_input(theta, t)
    raw = each(lambda u, m: weight * u.sum(-1, keepdim=True).expand(*u.shape[:-1], m),
               inputs, flow.num_outputs)  # fmt: skip
    return flow.output_distribution(raw, theta, t)


def losses_and_draws(flow, x):
    """Everything that a flow does in a step of training, of measuring and of sampling."""
    t, weight = torch.tensor([0.0, 0.3, 0.7, 1.0]), torch.ones((), requires_grad=True)
    x = flow.from_data(x)
    flow.certain_input(x)
    flow.log_snr(t)
    out = output_of(flow, flow.sample_theta(x, t), t, weight)
    losses = (
        flow.training_loss(x, out, t),
        flow.loss_continuous_time(x, out, t),
        flow.loss_discrete_time(x, out, torch.tensor([1, 2, 3, 4]), 5),
        flow.reconstruction_loss(x, out),
        flow.prior_loss(x),
    )
    sum(loss.sum() for loss in losses).backward()
    flow.to_data(flow.sample_output(out))
    flow.to_data(flow.mode_output(out))


@pytest.mark.parametrize("name", ALL)
def test_losses_their_gradients_and_draws_read_no_value_after_the_first_time(name, counted_reads):
    losses_and_draws(*ALL[name])
    with counted_reads() as calls:
        losses_and_draws(*ALL[name])
    assert calls == []


@pytest.mark.parametrize("name", ALL)
def test_no_operation_below_python_reads_a_value_either(name):
    """Tensors of the device `meta` have none, and an operation that asks for one fails."""
    flow, x = ALL[name]
    x = each(lambda part: part.to("meta"), flow.from_data(x))
    t = torch.full((4,), 0.5, device="meta")
    out = output_of(flow, flow.sample_theta(x, t), t, torch.ones((), device="meta"))
    flow.training_loss(x, out, t)
    flow.loss_continuous_time(x, out, t)
    flow.reconstruction_loss(x, out)
    drawn = flow.to_data(flow.sample_output(out))
    assert all(part.device.type == "meta" for part in leaves(drawn))


@pytest.mark.parametrize("solver", SOLVERS)
@pytest.mark.parametrize("name", MOVING)
def test_more_steps_of_a_solver_read_no_more_values(name, solver, counted_reads):
    """Schedules are read before the first step; whether all went well, after the last one."""
    flow, x = MOVING[name]
    shape = each(lambda part: tuple(part.shape), x)
    times, weight = [], torch.ones(())

    def predict(theta, t):
        times.append(len(calls))
        return output_of(flow, theta, t, weight)

    with counted_reads() as calls:
        SOLVERS[solver](flow, predict, shape, 5, generator=Generator().manual_seed(0))
    assert len(times) == 6 and len(set(times[:-1])) == 1


@pytest.mark.parametrize("name", [name for name in MOVING if name != "classes of a diffusion"])
def test_more_steps_of_an_inversion_read_no_more_values(name, counted_reads):
    flow, x = MOVING[name]
    times, weight = [], torch.ones(())

    def predict(theta, t):
        times.append(len(calls))
        return output_of(flow, theta, t, weight)

    with counted_reads() as calls:
        invert(flow, predict, x, 5, grid="uniform")
    assert len(times) == 11 and len(set(times[:5])) == len(set(times[5:-1])) == 1


@pytest.mark.parametrize("name", ["categorical", "discretized", "continuous", "mixed"])
def test_an_exact_predictor_reads_values_once_and_none_in_a_prediction(name, counted_reads):
    flow, x = MOVING[name]
    predict, t = exact_predictor(flow, x), torch.full((4,), 0.5)
    theta = flow.sample_theta(x, t)
    with counted_reads() as calls:
        predict(theta, t)
    assert calls == []
