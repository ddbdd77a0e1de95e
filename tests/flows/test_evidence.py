"""A time for every variable: what is known of some is told, and the others are paid for alone."""

import math
from itertools import permutations, product

import pytest
import torch

from paramrel.data.fields import each, leaves
from paramrel.flows import (
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    GaussianTheta,
    MixedFlow,
    OneShotFlow,
    PointMass,
    bin_centers,
)
from paramrel.solvers import exact_predictor

FLOWS = {
    "gaussian": GaussianFlow(0.1),
    "discretized": DiscretizedFlow(4, 0.1),
    "classes": CategoricalFlow(3, 2.0),
    "diffusion": DiffusionFlow(4),
    "one_shot": OneShotFlow(CategoricalFlow(3)),
    "mixed": MixedFlow({"pixels": DiscretizedFlow(4, 0.1), "label": CategoricalFlow(3, 2.0)}),
}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def data(name, batch=5, variables=3):
    """x, a time and a mask of every variable, and a raw output."""
    if name == "mixed":
        fields = {"pixels": "discretized", "label": "classes"}
        return (
            dict(zip(fields, part, strict=True))
            for part in zip(*map(data, fields.values()), strict=True)
        )
    generator, shape = seeded(), (batch, variables)
    classes = torch.randint(3, shape, generator=generator)
    x = classes if name in ("classes", "one_shot") else bin_centers(4, torch.ones(()))[classes]
    t = torch.rand(shape, generator=generator)
    where = torch.rand(shape, generator=generator) < 0.5
    raw = torch.randn(*shape, FLOWS[name].num_outputs, generator=generator)
    return x, t, where, raw


def column(part, d):
    return each(lambda values: values[:, d : d + 1], part)


@pytest.mark.parametrize("name", FLOWS)
def test_with_a_time_per_variable_each_is_as_it_is_alone_at_its_time(name):
    flow = FLOWS[name]
    x, t, _, raw = data(name)
    theta = flow.sample_theta(x, t, generator=seeded())
    out = flow.output_distribution(raw, theta, t)
    whole = flow.loss_continuous_time(x, out, t), flow.training_loss(x, out, t)
    parts = [torch.zeros(5), torch.zeros(5)]
    inputs, accuracies = flow.network_input(theta, t), flow.accuracy_input(theta, t)
    for d in range(3):
        alone = theta.map(lambda part, d=d: part[:, d : d + 1] if part.shape[1] > 1 else part)
        x_d, t_d = column(x, d), column(t, d)
        shared = each(lambda times: times[:, 0], t_d)
        out_d = flow.output_distribution(column(raw, d), alone, shared)
        parts[0] += flow.loss_continuous_time(x_d, out_d, shared)
        parts[1] += flow.training_loss(x_d, out_d, shared)
        for one, many in (
            (flow.network_input(alone, shared), inputs),
            (flow.accuracy_input(alone, shared), accuracies),
        ):
            torch.testing.assert_close(one, column(many, d))
    torch.testing.assert_close(whole, tuple(parts))


@pytest.mark.parametrize("name", FLOWS)
def test_a_loss_of_some_variables_and_that_of_the_others_are_the_loss_of_all(name):
    flow = FLOWS[name]
    x, t, where, raw = data(name)
    others = each(torch.logical_not, where)
    out = flow.output_distribution(raw, flow.sample_theta(x, t, generator=seeded()), t)
    for loss, arguments in (
        (flow.loss_continuous_time, (x, out, t)),
        (flow.training_loss, (x, out, t)),
        (flow.reconstruction_loss, (x, out)),
        (flow.nll, (x, out)),
        (flow.prior_loss, (x,)),
    ):
        some, rest = loss(*arguments, where=where), loss(*arguments, where=others)
        torch.testing.assert_close(some + rest, loss(*arguments), equal_nan=True)
        if loss == flow.loss_continuous_time:
            assert (some > 0).any() and (rest > 0).any()


@pytest.mark.parametrize("where", [torch.ones(5, 3), torch.ones(5, dtype=torch.bool), [True]])
@pytest.mark.parametrize("name", [name for name in FLOWS if name != "mixed"])
def test_a_mask_that_is_none_of_the_variables_is_refused(name, where):
    flow = FLOWS[name]
    x, t, _, raw = data(name)
    out = flow.output_distribution(raw, flow.sample_theta(x, t), t)
    for loss in (flow.loss_continuous_time, flow.training_loss):
        with pytest.raises(ValueError, match="where has"):
            loss(x, out, t, where)


@pytest.mark.parametrize("name", FLOWS)
def test_accuracies_rise_with_time_from_a_finite_one_and_tell_hidden_from_known(name):
    flow, (x, *_) = FLOWS[name], data(name)
    levels = []
    for t in (0.0, 0.1, 0.5, 1.0):
        theta = flow.sample_theta(x, torch.full((5,), t))
        found = flow.accuracy_input(theta, torch.full((5,), t))
        for part in leaves(found):
            assert part.shape == (5, 3, 1) and part.abs().max() <= 1
        levels.append(leaves(found)[0][0, 0, 0].item())
    if name == "one_shot":
        assert levels == [-1] * 4  # θ holds nothing
    else:
        assert levels == sorted(set(levels))


@pytest.mark.parametrize("name", FLOWS)
def test_theta_of_some_variables_and_of_others_makes_one(name):
    flow = FLOWS[name]
    x, t, where, _ = data(name)
    one, other = (flow.sample_theta(x, t, generator=seeded(i)) for i in range(2))
    inputs = [flow.network_input(theta, t) for theta in (one.where(where, other), one, other)]
    for name in where if isinstance(where, dict) else [None]:
        mixed, first, second, mask = (part[name] if name else part for part in (*inputs, where))
        assert torch.equal(mixed, torch.where(mask.unsqueeze(-1), first, second))


# --- a known joint of four bits: every conditional entropy by enumeration --------------------

POINTS = torch.tensor([*product(range(2), repeat=4)])  # (16, 4)
MASSES = torch.softmax(1.5 * torch.randn(16, generator=seeded(5)), 0)
BITS = CategoricalFlow(2, 12.0)  # at t = 1 a bit is as good as known
PREDICT = exact_predictor(BITS, POINTS, MASSES)


def entropy(variables):
    """H(x_d for d in variables), nats."""
    if not variables:
        return 0.0
    mass = {}
    for point, p in zip(POINTS.tolist(), MASSES.tolist(), strict=True):
        key = tuple(point[d] for d in variables)
        mass[key] = mass.get(key, 0) + p
    return -sum(p * math.log(p) for p in mass.values())


def bits(batch, seed=0):
    return POINTS[torch.multinomial(MASSES, batch, replacement=True, generator=seeded(seed))]


def conditional_nats(x, known, unknown, predict=PREDICT, flow=BITS):
    """Estimates of the bound on -ln p(x_U | x_K), (B,), all other variables hidden."""
    batch, size = x.shape
    seen = torch.zeros(size)
    seen[list(known)] = 1
    where = torch.zeros(size, dtype=torch.bool)
    where[list(unknown)] = True
    u = (torch.randperm(batch, generator=seeded(9)) + 0.5) / batch

    def told(t, seed):
        times = torch.where(where, t[:, None], seen.expand(batch, -1))
        theta = flow.sample_theta(x, times, generator=seeded(seed))
        return predict(theta, times), times

    out, times = told(u, 1)
    mask = where.expand(batch, -1)
    transmission = flow.loss_continuous_time(x, out, times, mask)
    return transmission, flow.reconstruction_loss(x, told(torch.ones(batch), 2)[0], mask)


@pytest.mark.parametrize("known", [(), (0,), (1, 3), (0, 1, 2)])
def test_the_conditional_bound_of_the_exact_predictor_is_the_conditional_entropy(known):
    unknown = [d for d in range(4) if d not in known]
    transmission, reconstruction = conditional_nats(bits(200_000), known, unknown)
    costs = transmission + reconstruction
    error = costs.std().item() / len(costs) ** 0.5
    expected = entropy(range(4)) - entropy(known)
    assert error < 0.01 and reconstruction.mean() < 3e-3
    assert costs.mean().item() == pytest.approx(expected, abs=4 * error + 1e-3)
    assert expected < entropy(unknown) - 0.02 or not known  # what is known says something


def test_what_some_variables_cost_and_the_others_given_them_is_what_all_cost():
    x = bits(400_000)
    whole, first, rest = (
        sum(conditional_nats(x, known, unknown))
        for known, unknown in (((), range(4)), ((), (0, 2)), ((0, 2), (1, 3)))
    )
    error = sum(part.std().item() for part in (whole, first, rest)) / len(x) ** 0.5
    assert error < 0.015
    assert (first + rest).mean().item() == pytest.approx(whole.mean().item(), abs=3 * error)
    # told nothing of the others, they cost more
    alone = sum(conditional_nats(x, (), (1, 3)))
    assert alone.mean() - rest.mean() > 2 * error


def test_the_joint_is_told_in_any_order_of_single_variables():
    x, expected = bits(100_000), entropy(range(4))
    for order in [*permutations(range(4))][::7]:
        parts = [sum(conditional_nats(x, order[:i], order[i : i + 1])) for i in range(4)]
        total, error = sum(parts), sum(part.std().item() for part in parts) / len(x) ** 0.5
        assert total.mean().item() == pytest.approx(expected, abs=3 * error + 1e-3)


# --- a Gaussian vector: conditional information in closed form -------------------------------

COVARIANCE = 0.04 * torch.tensor([[1.0, 0.8, 0.3], [0.8, 1.0, 0.5], [0.3, 0.5, 1.0]])
VECTORS = GaussianFlow(0.02)


def gaussian_mean(theta: GaussianTheta, t):
    """E[x | θ] of x ~ N(0, Σ) after messages of accuracies precision − 1: (Σ⁻¹ + diag β)⁻¹ ζ."""
    precision = torch.linalg.inv(COVARIANCE) + torch.diag_embed(theta.precision - 1)
    zeta = (theta.precision * theta.mean).unsqueeze(-1)
    return PointMass(torch.linalg.solve(precision, zeta).squeeze(-1))


@pytest.mark.parametrize("known", [(), (0,), (2,), (0, 2)])
def test_a_gaussian_vector_costs_the_information_of_its_messages_given_what_is_known(known):
    """I(x; θ_U | θ_K) = ½ ln det(I + β₁ Cov(x_U | θ_K)), K known at the accuracy β₁ too."""
    unknown = [d for d in range(3) if d not in known]
    noise = torch.randn(200_000, 3, generator=seeded())
    x = noise @ torch.linalg.cholesky(COVARIANCE).T
    transmission, _ = conditional_nats(x, known, unknown, gaussian_mean, VECTORS)
    beta = VECTORS.schedule.beta(1.0)
    seen = torch.zeros(3, dtype=torch.float64)
    seen[list(known)] = beta
    posterior = torch.linalg.inv(torch.linalg.inv(COVARIANCE.double()) + torch.diag(seen))
    left = posterior[unknown][:, unknown]
    expected = torch.linalg.slogdet(torch.eye(len(unknown)) + beta * left).logabsdet / 2
    error = transmission.std().item() / len(x) ** 0.5
    assert error < 0.02
    assert transmission.mean().item() == pytest.approx(expected.item(), abs=4 * error)


# --- records: what a number says of a label, and a label of a number -------------------------

ROWS = {"number": bin_centers(3, torch.ones(()))[[0, 1, 2, 2]][:, None], "label": [0, 0, 1, 0]}
ROWS = ROWS | {"label": torch.tensor(ROWS["label"])}
SHARES = torch.tensor([0.4, 0.1, 0.3, 0.2])


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ((), 1.2799),  # H(number, label)
        (("number",), 0.3365),  # H(label | number) = 0.5 H(0.6)
        (("label",), 0.6689),  # H(number | label) = 0.7 H(4/7, 1/7, 2/7)
    ],
)
def test_fields_of_records_cost_what_they_are_given_the_others(known, expected):
    flow = MixedFlow({"number": DiscretizedFlow(3, 0.1), "label": CategoricalFlow(2, 12.0)})
    predict, batch = exact_predictor(flow, ROWS, SHARES), 200_000
    index = torch.multinomial(SHARES, batch, replacement=True, generator=seeded())
    x = {name: rows[index] for name, rows in ROWS.items()}
    where = {name: torch.full_like(part, name not in known, dtype=bool) for name, part in x.items()}
    u = (torch.randperm(batch, generator=seeded(9)) + 0.5) / batch

    def told(t, seed):
        times = {name: torch.ones(batch) if name in known else t for name in x}
        return predict(flow.sample_theta(x, times, generator=seeded(seed)), times), times

    out, times = told(u, 1)
    costs = flow.loss_continuous_time(x, out, times, where)
    costs = costs + flow.reconstruction_loss(x, told(torch.ones(batch), 2)[0], where)
    error = costs.std().item() / batch**0.5
    assert error < 0.01
    assert costs.mean().item() == pytest.approx(expected, abs=4 * error + 2e-3)
