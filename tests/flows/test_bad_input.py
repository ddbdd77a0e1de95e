"""What flows refuse: one clear sentence that names the argument, its value and what is allowed.

Shapes, dtypes and numbers of Python are refused wherever they come in. Values of tensors, which a
GPU would have to be waited for, are refused once: data by `check`, as bounds, inversion and exact
predictors do with theirs, times and steps by `check_times` and `check_steps`, and predictions by
the solvers at their end.
"""

import math

import pytest
import torch
from torch.distributions import Categorical

from paramrel.flows import (
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    MixedFlow,
    OneShotFlow,
    PointMass,
    bin_centers,
    check_steps,
    check_times,
)
from paramrel.solvers import ancestral, bfn_solver, exact_predictor, invert

T = torch.full((4,), 0.5)
CONTINUOUS = torch.zeros(4, 3)
BINS = bin_centers(4, T)[torch.zeros(4, 3).long()]
CLASSES = torch.zeros(4, 3).long()
FLOWS = {
    "gaussian": (GaussianFlow(), CONTINUOUS),
    "discretized": (DiscretizedFlow(4), BINS),
    "diffusion": (DiffusionFlow(), CONTINUOUS),
    "categorical": (CategoricalFlow(3), CLASSES),
    "one_shot": (OneShotFlow(CategoricalFlow(3)), CLASSES),
}


def output_of(flow, x):
    theta = flow.sample_theta(x, T[: len(x)])
    return flow.output_distribution(torch.zeros(*x.shape, flow.num_outputs), theta, T[: len(x)])


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: GaussianFlow(2.0), r"sigma_1 = 2.0 must lie in \(0, 1\)"),
        (lambda: DiscretizedFlow(1), "num_bins = 1 must be an integer of at least 2"),
        (lambda: DiscretizedFlow(2.5), "num_bins = 2.5 must be an integer"),
        (lambda: DiffusionFlow(1), "num_bins = 1 must be"),
        (lambda: CategoricalFlow(1), "num_classes = 1 must be an integer of at least 2"),
        (lambda: CategoricalFlow(2, beta_1=0), "beta_1 = 0 must lie in"),
        (lambda: MixedFlow({}), "at least one field"),
    ],
)
def test_a_flow_refuses_numbers_that_make_no_flow(make, message):
    with pytest.raises(ValueError, match=message):
        make()


BAD_KIND = {
    "gaussian": [
        (CLASSES, "x has dtype torch.int64, it must be a float32 or float64 tensor"),
        (CONTINUOUS.half(), "x has dtype torch.float16"),
        (torch.zeros(0, 3), r"x has shape \(0, 3\), it must not be empty"),
        ([[0.0]], "x has dtype list"),
    ],
    "categorical": [
        (CLASSES.bool(), "x has dtype torch.bool"),
        (torch.zeros(4, 4), r"read as soft labels: its shape \(4, 4\) must end in num_classes = 3"),
    ],
}
BAD_VALUES = {
    "gaussian": [
        (CONTINUOUS + 1.5, r"x must lie in \[-1, 1\], but its values span \[1.5, 1.5\]"),
        (CONTINUOUS * math.nan, r"x must lie in \[-1, 1\].*nan"),
        (CONTINUOUS - math.inf, r"x must lie in \[-1, 1\].*inf"),
    ],
    "categorical": [
        (CLASSES + 3, r"x must lie in \[0, 2\], but its values span \[3, 3\]"),
        (CLASSES - 1, r"x must lie in \[0, 2\], but its values span \[-1, -1\]"),
        (torch.zeros(4, 3), r"the sum of soft labels x must lie in"),
        (torch.tensor([[1.5, -0.5, 0.0]] * 4), r"x must lie in \[0, 1\]"),
        (torch.full((4, 3), math.nan), r"x must lie in \[0, 1\].*nan"),
    ],
    "discretized": [(CONTINUOUS, "x must hold centres .* lies 0.5 bins off")],
    "bins of a diffusion": [(CONTINUOUS, "x must hold centres .* lies 0.5 bins off")],
}
CHECKED = {name: flow for name, (flow, _) in FLOWS.items()} | {
    "bins of a diffusion": DiffusionFlow(4)
}


def cases_of(cases):
    return [(name, *case) for name, of_name in cases.items() for case in of_name]


@pytest.mark.parametrize("name, x, message", cases_of(BAD_KIND | BAD_VALUES) + cases_of(BAD_KIND))
def test_bad_data_are_refused_by_the_check_and_by_all_that_take_data_once(name, x, message):
    flow = CHECKED[name]
    mixed, one_shot = MixedFlow({"a": flow}), OneShotFlow(flow)
    for use in (
        lambda: flow.check(x),
        lambda: one_shot.check(x),
        lambda: mixed.check({"a": x}),
        lambda: exact_predictor(flow, x),
        lambda: invert(flow, None, x, 3),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("name", FLOWS)
def test_data_pass_the_check(name):
    flow, x = FLOWS[name]
    flow.check(x)
    MixedFlow({"a": flow}).check({"a": x})


def test_soft_labels_pass_the_check():
    CategoricalFlow(3).check(torch.full((4, 3), 1 / 3))


@pytest.mark.parametrize("name, x, message", cases_of(BAD_KIND))
def test_data_of_the_wrong_kind_are_refused_everywhere(name, x, message):
    flow, good = FLOWS[name]
    out = output_of(flow, good)
    for use in (
        lambda: flow.sample_theta(x, T),
        lambda: flow.sender(x, 1.0),
        lambda: flow.loss_continuous_time(x, out, T),
        lambda: flow.loss_discrete_time(x, out, 1, 1),
        lambda: flow.reconstruction_loss(x, out),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize(
    "t, message",
    [
        (T[:3], r"t has shape \(3,\), it must be \(4,\)"),
        (T[:, None], r"t has shape \(4, 1\)"),
        (T.long(), "t has dtype torch.int64"),
        (0.5, "t has dtype float"),
    ],
)
def test_times_of_another_kind_or_of_another_batch_are_refused(name, t, message):
    flow, x = FLOWS[name]
    theta, out = flow.sample_theta(x, T), output_of(flow, x)
    raw = torch.zeros(*x.shape, flow.num_outputs)
    for use in (
        lambda: flow.sample_theta(x, t),
        lambda: flow.network_input(theta, t),
        lambda: flow.output_distribution(raw, theta, t),
        lambda: flow.loss_continuous_time(x, out, t),
        lambda: flow.training_loss(x, out, t),
    ):
        with pytest.raises(ValueError, match=message):
            use()


@pytest.mark.parametrize(
    "t, message",
    [
        (T + 1, r"t must lie in \[0, 1\], but its values span \[1.5, 1.5\]"),
        (-T, r"t must lie in \[0, 1\]"),
        (T * math.nan, r"t must lie in \[0, 1\].*nan"),
        (T.long(), "t has dtype torch.int64"),
        (0.5, "t has dtype float"),
    ],
)
def test_times_outside_the_unit_interval_are_refused_by_their_check(t, message):
    with pytest.raises(ValueError, match=message):
        check_times(t)


def test_times_and_steps_that_exist_pass_their_checks():
    check_times(torch.tensor([0.0, 0.5, 1.0]))
    check_steps(torch.tensor([1, 2, 3]), 3)


@pytest.mark.parametrize(
    "i, n, message",
    [
        (torch.tensor([1, 2, 3, 4]), 3, r"i must lie in \[1, 3\]"),
        (torch.tensor([0]), 3, r"i must lie in \[1, 3\]"),
        (0, 3, r"i must lie in \[1, 3\]"),
        (T, 3, "i has dtype torch.float32"),
        (1, 0, "n = 0 must be an integer of at least 1"),
    ],
)
def test_steps_that_do_not_exist_are_refused_by_their_check(i, n, message):
    with pytest.raises(ValueError, match=message):
        check_steps(i, n)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize(
    "i, n, message",
    [
        (1, 0, "n = 0 must be an integer of at least 1"),
        (0, 3, r"i must lie in \[1, 3\]"),
        (torch.tensor([1, 2, 3]), 3, r"i has shape \(3,\), it must be \(4,\)"),
        (T, 3, "i has dtype torch.float32"),
    ],
)
def test_steps_that_do_not_exist_are_refused(name, i, n, message):
    flow, x = FLOWS[name]
    with pytest.raises(ValueError, match=message):
        flow.loss_discrete_time(x, output_of(flow, x), i, n)


@pytest.mark.parametrize("name", FLOWS)
def test_raw_outputs_of_another_shape_are_refused(name):
    flow, x = FLOWS[name]
    theta = flow.sample_theta(x, T)
    with pytest.raises(
        ValueError, match=rf"raw has shape \(4, 3, 9\), it must be \(4, 3, {flow.num_outputs}\)"
    ):
        flow.output_distribution(torch.zeros(4, 3, 9), theta, T)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_output_distributions_without_a_value_are_refused_by_their_check(name, value):
    flow, x = FLOWS[name]
    raw = torch.full((*x.shape, flow.num_outputs), value)
    out = flow.output_distribution(raw, flow.sample_theta(x, T), T)
    if name == "gaussian" and value == math.inf:
        return flow.check_output(out)  # x̂ is clamped to -1
    for use in (
        lambda: flow.check_output(out),
        lambda: MixedFlow({"a": flow}).check_output({"a": out}),
    ):
        with pytest.raises(ValueError, match="the output distribution must be finite"):
            use()


@pytest.mark.parametrize("name", [name for name, (flow, _) in FLOWS.items() if flow.moves])
@pytest.mark.parametrize("solver", [ancestral, bfn_solver])
@pytest.mark.parametrize("bad", [1, 2, 3])  # at t = 0 a Gaussian flow does not look at raw
def test_a_solver_refuses_a_predictor_that_once_predicts_no_value(name, solver, bad):
    flow, x = FLOWS[name]
    calls = iter(range(4))

    def predict(theta, t):
        raw = torch.full((*x.shape, flow.num_outputs), math.nan if next(calls) == bad else 0.0)
        return flow.output_distribution(raw + flow.network_input(theta, t).sum(), theta, t)

    with pytest.raises(ValueError, match="what predict returns must be finite"):
        solver(flow, predict, tuple(x.shape), 3)


@pytest.mark.parametrize("name", FLOWS)
def test_output_distributions_of_another_shape_are_refused(name):
    flow, x = FLOWS[name]
    out = output_of(flow, x[:, :1])
    for loss in (
        lambda: flow.loss_continuous_time(x, out, T),
        lambda: flow.loss_discrete_time(x, out, 1, 1),
        lambda: flow.reconstruction_loss(x, out),
    ):
        with pytest.raises(ValueError, match=r"out.* has (batch )?shape \(4, 1.*it must be"):
            loss()


def test_output_distributions_of_other_classes_are_refused():
    out = Categorical(logits=torch.zeros(4, 3, 5))
    with pytest.raises(
        ValueError, match=r"out.logits has shape \(4, 3, 5\), it must be \(4, 3, 3\)"
    ):
        CategoricalFlow(3).reconstruction_loss(CLASSES, out)


@pytest.mark.parametrize("name", ["gaussian", "discretized", "diffusion", "categorical"])
@pytest.mark.parametrize(
    "alpha, message",
    [
        (-1.0, r"alpha must lie in \[.*span \[-1.0, -1.0\]"),
        (math.inf, "alpha must lie in .*inf"),
        (torch.ones(3), r"alpha has shape \(3,\), it must be a number, \(4,\)"),
        (torch.ones(2, 4, 3), r"alpha has shape \(2, 4, 3\)"),
    ],
)
def test_accuracies_that_are_none_are_refused(name, alpha, message):
    flow, x = FLOWS[name]
    theta, out = flow.sample_theta(x, T), output_of(flow, x)
    y = flow.sender(x, 1.0).mean
    for use in (
        lambda: flow.sender(x, alpha),
        lambda: flow.receiver(out, alpha),
        lambda: flow.bayesian_update(theta, y, alpha),
    ):
        with pytest.raises(ValueError, match=message):
            use()
    with pytest.raises(ValueError, match="alpha must lie in"):
        flow.sender(x, 0.0)


@pytest.mark.parametrize("name", ["gaussian", "categorical"])
def test_observations_of_another_shape_are_refused_and_those_without_a_value_by_solvers(name):
    flow, x = FLOWS[name]
    theta, y = flow.sample_theta(x, T), flow.sender(x, 1.0).mean
    with pytest.raises(ValueError, match=r"y has shape \(3, .*it must be \(4, "):
        flow.bayesian_update(theta, y[:3], 1.0)
    unknown = flow.bayesian_update(theta, y * math.nan, 1.0)
    with pytest.raises(ValueError, match="theta must be finite"):
        ancestral(flow, exact_predictor(flow, x), tuple(x.shape), 3, theta=unknown, t_start=0.5)


@pytest.mark.parametrize("name", FLOWS)
@pytest.mark.parametrize("shape", [(), (0, 3), (4, -1), [4, 3], (4, 2.5)])
def test_shapes_that_hold_no_data_are_refused(name, shape):
    with pytest.raises(ValueError, match="shape"):
        FLOWS[name][0].prior(shape)


@pytest.mark.parametrize("name", ["categorical", "discretized"])
def test_no_samples_are_refused(name):
    flow, x = FLOWS[name]
    with pytest.raises(ValueError, match="num_samples = 0 must be an integer of at least 1"):
        flow.loss_discrete_time(x, output_of(flow, x), 1, 1, num_samples=0)


def test_fields_that_a_mixed_flow_does_not_have_are_refused():
    flow = MixedFlow({"pixels": GaussianFlow(), "label": CategoricalFlow(3)})
    with pytest.raises(ValueError, match=r"fields \['pixels'\] must be \['label', 'pixels'\]"):
        flow.sample_theta({"pixels": CONTINUOUS}, T)
    x = {"pixels": CONTINUOUS, "label": CLASSES}
    out = {"pixels": PointMass(CONTINUOUS), "labels": Categorical(logits=torch.zeros(4, 3, 3))}
    with pytest.raises(ValueError, match=r"fields \['labels', 'pixels'\] must be"):
        flow.loss_continuous_time(x, out, T)
