"""What is hidden in training, and what a model that is told so makes of it."""

from itertools import product

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.dataset import Variable
from paramrel.data.fields import each, leaves
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import conditional_bound, nll_bound
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.evidence import (
    CONDITIONAL_EVERY,
    ImagePatterns,
    RecordPatterns,
    VectorPatterns,
    evidence,
    greatest_time,
    least_time,
    patterns_of,
)
from paramrel.models.methods import METHODS
from paramrel.models.objective import rate
from paramrel.solvers import exact_predictor

CPU = torch.device("cpu")


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_each_kind_of_data_has_its_patterns():
    assert isinstance(patterns_of(load_dataset("digits").variables), ImagePatterns)
    assert isinstance(patterns_of(load_dataset("digits_mixed").variables), RecordPatterns)
    assert isinstance(patterns_of(Variable("continuous", (5,), None)), VectorPatterns)


@pytest.mark.parametrize(
    "patterns",
    [
        ImagePatterns((3, 8, 12)),
        VectorPatterns((6,)),
        VectorPatterns(()),
        RecordPatterns({"pixels": (1, 8, 8), "label": ()}),
    ],
)
def test_patterns_have_the_shape_of_the_data_and_follow_the_generator(patterns):
    drawn, again, other = (patterns.draw(50, seeded(seed), CPU) for seed in (0, 0, 1))
    shape = getattr(patterns, "shapes", None) or patterns.shape
    assert each(lambda part: (part.dtype, tuple(part.shape)), drawn) == each(
        lambda size: (torch.bool, (50, *size)), shape
    )
    pairs = zip(leaves(drawn), leaves(again), leaves(other), strict=True)
    assert all(torch.equal(a, b) and not torch.equal(a, c) for a, b, c in pairs)


def kind_of(hidden):
    """Which pattern an image's hidden pixels (H, W) are."""
    rows, columns = hidden.any(1), hidden.any(0)
    if not hidden.any():
        return "nothing"
    if not torch.equal(hidden, rows[:, None] & columns):
        return "pixels"
    spans = [line.nonzero() for line in (rows, columns)]
    if any(len(span) != span[-1] - span[0] + 1 for span in spans):
        return "pixels"
    whole = [line.all().item() for line in (rows, columns)]
    line = columns if whole[0] else rows
    return "side" if any(whole) and (line[0] or line[-1]) else "rectangle"


def test_images_show_each_pattern_in_a_fourth_of_the_examples():
    seen = ImagePatterns((2, 16, 16)).draw(4000, seeded(), CPU)
    assert torch.equal(seen[:, 0], seen[:, 1])
    hidden = ~seen[:, 0]
    kinds = [kind_of(image) for image in hidden]
    for kind in ("nothing", "pixels", "side", "rectangle"):
        # random pixels at rates near 0 and 1 hide none, one, or all: they are called otherwise
        assert kinds.count(kind) / 4000 == pytest.approx(0.25, abs=0.035)
    share = hidden.float().mean((1, 2))
    sides = share[torch.tensor([kind == "side" for kind in kinds])]
    assert sides.min() >= 0.25 and sides.quantile(0.99) <= 0.75
    assert sides.mean().item() == pytest.approx(0.5, abs=0.02)
    edges = [
        hidden[:, 0].all(1),
        hidden[:, -1].all(1),
        hidden[:, :, 0].all(1),
        hidden[..., -1].all(1),
    ]
    assert all(0.05 < edge.float().mean() < 0.09 for edge in edges)  # ¼ · ¼ and rare pixels


def test_any_number_of_entries_and_of_fields_is_hidden_in_three_fourths():
    seen = VectorPatterns((2, 2)).draw(40_000, seeded(), CPU)
    number = seen.flatten(1).sum(1).bincount(minlength=5) / 40_000
    expected = torch.tensor([0, 0.25, 0.25, 0.25, 0.25])
    torch.testing.assert_close(number, expected, rtol=0, atol=0.01)
    fields = RecordPatterns({"a": (2, 2), "b": (), "c": (3,)}).draw(40_000, seeded(), CPU)
    shares = [part.reshape(40_000, -1).float().mean(1) for part in fields.values()]
    for share in shares:
        assert set(share.tolist()) == {0.0, 1.0}
        assert share.mean().item() == pytest.approx(0.625, abs=0.01)  # ¾ · ½ + ¼
    assert set(sum(shares).tolist()) == {1.0, 2.0, 3.0}
    single = VectorPatterns(()).draw(40_000, seeded(), CPU)
    assert single.float().mean().item() == pytest.approx(0.25, abs=0.01)


def test_times_of_evidence_and_the_times_of_what_is_known_least_and_best():
    seen = {"a": torch.tensor([[True, False], [True, True]]), "b": torch.tensor([False, True])}
    t = evidence(seen, torch.tensor([0.9, 0.8]), torch.tensor([0.2, 0.3]))
    torch.testing.assert_close(t["a"], torch.tensor([[0.9, 0.2], [0.8, 0.8]]))
    torch.testing.assert_close(t["b"], torch.tensor([0.2, 0.8]))
    torch.testing.assert_close(least_time(t), torch.tensor([0.2, 0.8]))
    torch.testing.assert_close(greatest_time(t), torch.tensor([0.9, 0.8]))
    shared = torch.tensor([0.1, 0.7])
    assert torch.equal(least_time(shared), shared) and torch.equal(greatest_time(shared), shared)


# --- models of partial evidence --------------------------------------------------------------

PARTIAL = [name for name, method in METHODS.items() if method.evidence == "partial"]
PARAMS = ModelParams(channels=(8, 16), embedding=16, mlp_width=32, code_dim=4)


def model_and_x(method, dataset="digits", number=64):
    """An untrained model whose layers that start at zero are open, and a batch of examples."""
    data = load_dataset(dataset)
    torch.manual_seed(0)
    model = build_model(method, data.variables, PARAMS)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
    return model.eval(), data.train.x[:number]


def watch(monkeypatch, *names):
    """The arguments of each call of methods of the model."""
    calls = {name: [] for name in names}

    def watched(name, method):
        def call(self, *arguments):
            calls[name].append(arguments)
            return method(self, *arguments)

        return call

    for name in names:
        method = getattr(FlowAutoencoder, name)
        monkeypatch.setattr(FlowAutoencoder, name, watched(name, method))
    return calls


def flat(t):
    """Times of all variables of all fields, (B, D)."""
    return torch.cat([part.reshape(len(part), -1) for part in leaves(t)], 1)


@pytest.mark.parametrize("dataset", ["digits", "digits_mixed"])
def test_most_of_a_batch_has_shared_times_and_of_every_eighth_some_variables_are_known(
    dataset, monkeypatch
):
    model, x = model_and_x("paramrel_evidence", dataset, 800)
    calls = watch(monkeypatch, "output_distribution", "encode_theta")
    model(x, seeded())
    (_, _, t, s), (_, code) = calls["output_distribution"][0], calls["encode_theta"][0]
    t, s = flat(t), flat(s)
    assert torch.equal(s, flat(code))
    low, high = t.amin(1), t.amax(1)
    eighth = torch.arange(800) % CONDITIONAL_EVERY == 1
    assert torch.equal(low[~eighth], high[~eighth])
    # which are spread as evenly as times without evidence
    assert low[~eighth].sort().values.diff().max() < 2.01 / 800
    rest = eighth & (high > low)
    assert 0.6 < rest.sum() / eighth.sum() < 0.9  # ¾, for a fourth hides nothing
    assert ((t == low[:, None]) | (t == high[:, None])).all()
    assert (high[rest] == 1).float().mean().item() == pytest.approx(0.5, abs=0.2)
    # the code reads θ_t itself in a tenth, else some variables at a later time
    same = (s == t).all(1)
    assert same.float().mean().item() == pytest.approx(PARAMS.same_time_share, abs=0.03)
    read, shown = s > 0, t > low[:, None]
    assert ((s == 0) | (s >= low[:, None]))[~same].all()
    assert read[~same].all(1).float().mean().item() == pytest.approx(0.25, abs=0.06)
    # and of what the decoder is asked for in an eighth, it often reads something
    asked = rest & ~same
    assert (read == shown)[asked].all(1).float().mean() < 0.5  # by chance, of few fields
    assert (read & ~shown)[asked].any(1).float().mean() > 0.5


@pytest.mark.parametrize("dataset", ["digits", "digits_continuous", "digits_mixed"])
@pytest.mark.parametrize("method", PARTIAL)
def test_a_batch_in_two_parts_has_the_loss_of_the_whole(method, dataset):
    model, x = model_and_x(method, dataset)
    parts = [model(x, seeded(), rows) for rows in (slice(0, 32), slice(32, 64))]
    for term in ("data", "rate"):
        mean = sum(getattr(part, term) for part in parts) / 2
        torch.testing.assert_close(mean, getattr(model(x, seeded()), term))


def test_where_nothing_is_hidden_the_loss_is_that_of_shared_times(monkeypatch):
    """And where something is, the outputs of what is seen have no gradient."""
    model, x = model_and_x("bfn_evidence")
    seen = torch.ones(64, 1, 8, 8, dtype=torch.bool)
    monkeypatch.setattr(ImagePatterns, "draw", lambda self, number, *_: seen[:number])
    loss, generator = model(x, seeded()), seeded()
    t = (torch.rand((), generator=generator) + torch.arange(64) / 64) % 1
    torch.rand(2, 64, generator=generator)  # later times and which are 1
    theta = model.flow.sample_theta(x, t, generator=generator)
    out = model.output_distribution(theta, model.no_code(64), t, torch.ones(64))
    torch.testing.assert_close(loss.data, model.flow.loss_continuous_time(x, out, t).mean())

    seen[..., :4] = False
    decode, outputs = FlowAutoencoder.output_distribution, []

    def watched(self, *arguments):
        out = decode(self, *arguments)
        out.logits.retain_grad()
        outputs.append(out)
        return out

    monkeypatch.setattr(FlowAutoencoder, "output_distribution", watched)
    model(x, seeded()).total.backward()
    told = outputs[0].logits.grad.abs().sum(-1) > 0
    eighth = torch.arange(64) % CONDITIONAL_EVERY == 1
    assert told[~eighth].all() and told[eighth][..., :4].all() and not told[eighth][..., 4:].any()


def test_a_code_that_has_read_nothing_of_the_unknown_beyond_theta_has_no_rate(monkeypatch):
    """All show one half: the decoder knows it in every eighth example, where the code reads no
    more; it reads no more either where it reads θ_t itself."""
    model, x = model_and_x("paramrel_evidence")
    seen = (torch.arange(8) < 4).expand(64, 1, 8, 8)
    monkeypatch.setattr(ImagePatterns, "draw", lambda self, number, *_: seen[:number])
    calls = watch(monkeypatch, "output_distribution", "encode_theta")
    loss = model(x, seeded())
    (_, _, t, _), (theta, s) = calls["output_distribution"][0], calls["encode_theta"][0]
    shared = torch.arange(64) % CONDITIONAL_EVERY != 1
    paid = shared & (s > t)[:, 0, 0, 0]
    assert 44 < paid.sum() <= 56
    expected = (rate(model.encode_theta(theta, s)) * paid).mean()
    torch.testing.assert_close(loss.rate, expected)


@pytest.mark.parametrize("method", ["paramrel_evidence", "paramrel_mean_evidence"])
def test_an_encoder_is_told_what_is_hidden_and_that_of_a_mean_image_not_how_well_it_is_seen(method):
    model, x = model_and_x(method, "digits_continuous", 8)
    seen = torch.rand(x.shape, generator=seeded()) < 0.5
    grey = model.flow.prior(x.shape)  # its mean is 0, of hidden pixels as of seen ones
    codes = [
        model.encode_theta(grey, evidence(seen, torch.full((8,), known), torch.zeros(8))).mean
        for known in (0.3, 0.7)
    ]
    whole = model.encode_theta(grey, torch.full((8,), 0.3)).mean
    assert not torch.allclose(codes[0], whole)
    assert torch.equal(*codes) == (method == "paramrel_mean_evidence")


# --- the conditional bound -------------------------------------------------------------------

POINTS = torch.tensor([*product(range(2), repeat=4)])
MASSES = torch.softmax(1.5 * torch.randn(16, generator=seeded(5)), 0)


def entropy(variables):
    """H(x_d for d in variables) of the points, nats."""
    keys = (POINTS[:, variables] * 2 ** torch.arange(len(variables))).sum(1)
    mass = torch.zeros(16).index_add(0, keys, MASSES)
    return torch.special.entr(mass).sum().item()


@pytest.mark.parametrize("known", [[], [0], [1, 3], [0, 1, 2]])
def test_the_exact_predictor_s_conditional_bound_is_the_conditional_entropy(known, monkeypatch):
    model = build_model("bfn_evidence", Variable("binary", (4,), 2), PARAMS)
    predict = exact_predictor(model.flow, POINTS, MASSES)
    monkeypatch.setattr(
        FlowAutoencoder, "output_distribution", lambda self, theta, z, t, s: predict(theta, t)
    )
    x = POINTS[torch.multinomial(MASSES, 20_000, replacement=True, generator=seeded())]
    seen = torch.zeros(4, dtype=torch.bool)
    seen[known] = True
    bound = conditional_bound(model, x, seen.expand(x.shape), 32, seeded())
    error = bound.total.std().item() / len(x) ** 0.5
    expected = entropy([0, 1, 2, 3]) - entropy(known)
    assert error < 0.02
    assert bound.total.mean().item() == pytest.approx(expected, abs=4 * error + 2e-3)
    if not known:
        torch.testing.assert_close(
            bound.total.mean(), nll_bound(model, x, num_times=32).total.mean(), rtol=0.02, atol=0
        )


@pytest.mark.parametrize("method", ["paramrel", "paramrel_same", *PARTIAL[1:]])
def test_a_code_of_what_is_known_is_free_and_reads_nothing_else(method, monkeypatch):
    model, x = model_and_x(method, number=6)
    seen = torch.arange(8).expand(x.shape) < 4
    calls = watch(monkeypatch, "encode_theta")
    bound = conditional_bound(model, x, seen, 2, seeded())
    assert (bound.rate == 0).all() and (bound.total > 0).all()
    if METHODS[method].code_time == "same":
        assert len(calls["encode_theta"]) == 3  # one a time, of θ_K and θ_U(t)
    else:
        ((theta, s),) = calls["encode_theta"]
        assert not theta.logits[~seen].any() and (s[~seen] == 0).all() and (s[seen] == 1).all()
        assert (theta.logits[seen].argmax(-1) == x[seen]).float().mean() > 0.99


def test_a_code_of_data_has_read_the_hidden_variables_and_pays_its_rate():
    model, x = model_and_x("paramrel_x", number=6)
    seen = torch.arange(8).expand(x.shape) < 4
    bound = conditional_bound(model, x, seen, 2, seeded())
    torch.testing.assert_close(bound.rate, nll_bound(model, x, num_times=1).rate)


def test_no_hidden_variable_costs_nothing_and_a_deterministic_code_has_no_bound():
    model, x = model_and_x("paramrel_evidence", "digits_mixed", 6)
    seen = each(lambda part: torch.ones_like(part, dtype=torch.bool), dict(x))
    assert (conditional_bound(model, x, seen, 2).total == 0).all()
    with pytest.raises(ValueError, match="infinite rate"):
        conditional_bound(*model_and_x("diffae"), seen)
