"""Data of which values are missing, in training too: no message about them, no term of them."""

from itertools import product

import pytest
import torch

import paramrel
from paramrel.data import load_dataset
from paramrel.data.dataset import Variable
from paramrel.data.fields import each, leaves, missing
from paramrel.models import autoencoder
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import conditional_bound, nll_bound
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code
from paramrel.models.methods import METHODS
from paramrel.solvers import exact_predictor
from paramrel.tasks.completion import complete

PARTIAL = [name for name, method in METHODS.items() if method.evidence == "partial"]
PARAMS = ModelParams(channels=(8, 16), embedding=16, mlp_width=32, code_dim=4)
KINDS = ["digits", "digits_discretized", "digits_continuous", "digits_mixed"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def with_gaps(x, share=0.3):
    """x of which a share is missing at random."""
    generator = seeded(1)

    def gaps(part):
        gone = torch.rand(part.shape, generator=generator) < share
        return part.masked_fill(gone, torch.nan if part.is_floating_point() else -1)

    return each(gaps, x)


def untrained(method, dataset, number=32):
    data = load_dataset(dataset)
    torch.manual_seed(0)
    model = build_model(method, data.variables, PARAMS)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return model.eval(), with_gaps(data.test.x[:number])


@pytest.mark.parametrize("dataset", KINDS)
@pytest.mark.parametrize("method", PARTIAL)
def test_nothing_depends_on_what_stands_in_place_of_a_missing_value(method, dataset, monkeypatch):
    model, x = untrained(method, dataset)
    seen = each(lambda part: torch.rand(part.shape, generator=seeded(2)) < 0.5, x)

    def results():
        loss = model(x, seeded())
        yield from (loss.total, loss.data, loss.rate, nll_bound(model, x, None, 2, seeded()).total)
        yield conditional_bound(model, x, seen, 2, seeded()).total
        yield mean_code(model, x)
        yield from leaves(complete(model, x, 2, seeded(), seen))

    before = [*results()]

    def filled(part, variable):
        other = load_dataset(dataset).train.x[: len(part)]
        other = (
            other
            if torch.is_tensor(other)
            else next(field for name, field in other.items() if model.variables[name] == variable)
        )
        return torch.where(missing(part), other, part)

    monkeypatch.setattr(autoencoder, "_filled", filled)
    for a, b in zip(before, results(), strict=True):
        assert a.isfinite().all()
        torch.testing.assert_close(a, b, rtol=0, atol=0)


@pytest.mark.parametrize("method", PARTIAL)
def test_what_is_missing_is_not_asked_for(method, monkeypatch):
    model, x = untrained(method, "digits")
    decode, called = FlowAutoencoder.output_distribution, []

    def watched(self, theta, z, t, s):
        out = decode(self, theta, z, t, s)
        out.logits.retain_grad()
        called.append((theta, t, s, out))
        return out

    monkeypatch.setattr(FlowAutoencoder, "output_distribution", watched)
    model(x, seeded()).total.backward()
    ((theta, t, s, out),) = called
    gone = missing(x)
    assert not theta.logits[gone].any() and not t[gone].any()
    assert not out.logits.grad[gone].any() and out.logits.grad[~gone].abs().sum(-1).gt(0).any()
    assert model.encoder is None or not s[gone].any()


POINTS = torch.tensor([*product(range(2), repeat=4)])
FLIPS = (POINTS[:, 1:] != POINTS[:, :-1]).sum(1)
MASSES = 0.5 * 0.1**FLIPS * 0.9 ** (3 - FLIPS)  # a chain: each bit is mostly the one before


def entropy(variables):
    """H(x_d for d in variables) of the points, nats."""
    keys = (POINTS[:, variables] * 2 ** torch.arange(len(variables))).sum(1)
    return torch.special.entr(torch.zeros(16).index_add(0, keys, MASSES)).sum().item()


@pytest.mark.parametrize(("there", "known"), [([0, 2], []), ([0, 1, 3], [1]), ([3], [])])
def test_the_exact_predictor_s_bound_is_the_entropy_of_what_is_there(there, known, monkeypatch):
    model = build_model("bfn_evidence", Variable("binary", (4,), 2), PARAMS)
    predict = exact_predictor(model.flow, POINTS, MASSES)
    monkeypatch.setattr(
        FlowAutoencoder, "output_distribution", lambda self, theta, z, t, s: predict(theta, t)
    )
    x = POINTS[torch.multinomial(MASSES, 20_000, replacement=True, generator=seeded())]
    gone = torch.ones(4, dtype=torch.bool)
    gone[there] = False
    x = x.masked_fill(gone, -1)
    seen = torch.zeros(4, dtype=torch.bool)
    seen[known] = True
    found = conditional_bound(model, x, seen.expand(x.shape), 32, seeded()).total
    error = found.std().item() / len(x) ** 0.5
    assert found.mean().item() == pytest.approx(entropy(there) - entropy(known), abs=4 * error)
    if not known:
        found = nll_bound(model, x, num_times=32, generator=seeded()).total
        assert found.mean().item() == pytest.approx(entropy(there), abs=4 * error)


def test_a_model_learns_from_examples_with_gaps():
    """Four of ten bits are missing at random, so that one example in eight is whole."""
    x = POINTS[torch.multinomial(MASSES, 6_000, replacement=True, generator=seeded())].float()
    parts = tuple(with_gaps(x, 0.4).split([5_000, 500, 500]))
    data = paramrel.Dataset.from_tensors(parts, "binary", missing=True)
    numbers = {"steps": 300, "evaluations": 1, "mlp_width": 64, "progress": False}
    model = paramrel.fit(data, "bfn_evidence", **numbers).model
    whole = POINTS[torch.multinomial(MASSES, 4_000, replacement=True, generator=seeded(2))]
    for known in ([], [0], [1, 3]):
        seen = torch.zeros(4, dtype=torch.bool)
        seen[known] = True
        bound = conditional_bound(model, whole, seen.expand(whole.shape), 16, seeded()).total
        error = bound.std().item() / len(whole) ** 0.5
        least = entropy([0, 1, 2, 3]) - entropy(known)
        independent = sum(entropy([d]) for d in range(4) if d not in known)
        assert least - 4 * error < bound.mean() < least + 0.35 * (independent - least)


def test_methods_of_shared_times_refuse_missing_values_and_name_those_that_do_not():
    model, x = untrained("paramrel", "digits")
    told = f"{int(missing(x).sum())} values of x are missing .*bfn_evidence, paramrel_evidence"
    for refused in (lambda: mean_code(model, x), lambda: nll_bound(model, x)):
        with pytest.raises(ValueError, match=told):
            refused()
    x = with_gaps(load_dataset("digits").train.x[:200].float())
    data = paramrel.Dataset.from_tensors(x, "binary", missing=True)
    with pytest.raises(ValueError, match="values of x are missing"):
        paramrel.fit(data, "paramrel", steps=1, progress=False)


def test_a_number_of_steps_has_no_bound_of_data_with_missing_values():
    with pytest.raises(ValueError, match="only the limit of many steps"):
        nll_bound(*untrained("bfn_evidence", "digits"), n=10)
