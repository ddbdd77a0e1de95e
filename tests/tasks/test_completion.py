"""Records of which a part is known."""

from itertools import product
from types import SimpleNamespace

import pytest
import torch
from torch import Generator

from paramrel.data import load_dataset
from paramrel.data.dataset import Variable
from paramrel.figures.images import draws_by_label
from paramrel.measures.completion import completion_table
from paramrel.measures.config import EvaluateParams, GenerateParams
from paramrel.metrics.extractors import train_classifier
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code
from paramrel.runs.run import Run
from paramrel.solvers import exact_predictor
from paramrel.tasks.completion import SOON, complete, completed_code, likeliest_label
from paramrel.training.config import TrainParams

MIXED = load_dataset("digits_mixed")
DIGITS = load_dataset("digits")
KNOWN = {name: MIXED.test.x[name][:4] for name in ("pixels", "summary")}


def untrained(method, data=MIXED):
    torch.manual_seed(0)
    return build_model(method, data.variables, ModelParams(code_dim=4, mlp_width=16)).eval()


EVIDENCE = ["bfn_evidence", "paramrel_evidence", "paramrel_mean_evidence"]


@pytest.mark.parametrize(
    "method", ["bfn", "paramrel", "paramrel_same", "paramrel_clean", *EVIDENCE]
)
def test_known_fields_come_back_as_they_are_and_the_others_are_drawn(method):
    once, again = (
        complete(untrained(method), KNOWN, 3, Generator().manual_seed(0)) for _ in range(2)
    )
    for name, x in KNOWN.items():
        assert torch.equal(once[name], x)
    assert once["label"].shape == (4,) and once["label"].dtype == torch.long
    assert torch.equal(once["label"], again["label"])


@pytest.mark.parametrize(
    ("method", "data", "known", "message"),
    [
        ("bfn", "digits", load_dataset("digits").test.x[:2], "nothing is hidden"),
        ("vae", "digits_mixed", KNOWN, "read from whole records"),
        ("paramrel_x", "digits_mixed", KNOWN, "read from whole records"),
        ("bfn", "digits_mixed", {}, r"known = \[\] must be some of the fields"),
        ("bfn", "digits_mixed", {"sound": KNOWN["pixels"]}, "known = .'sound'. must be some"),
        ("bfn", "digits_mixed", MIXED.test.x[:2], "nothing is hidden"),
    ],
)
def test_what_cannot_be_completed_is_refused_with_the_reason(method, data, known, message):
    with pytest.raises(ValueError, match=message):
        complete(untrained(method, load_dataset(data)), known, 2, Generator())


@pytest.mark.parametrize("method", ["bfn", "paramrel", *EVIDENCE])
@pytest.mark.parametrize("dataset", ["digits", "digits_continuous"])
def test_seen_pixels_come_back_as_they_are_and_hidden_ones_are_not_looked_at(method, dataset):
    model, x = untrained(method, load_dataset(dataset)), load_dataset(dataset).test.x[:4]
    seen = torch.rand(x.shape, generator=Generator().manual_seed(0)) < 0.5
    other = torch.where(seen, x, x.roll(1, 0))
    drawn, again = (complete(model, of, 3, model.generator(0), seen) for of in (x, other))
    assert torch.equal(drawn[seen], x[seen]) and torch.equal(drawn, again)
    assert drawn.dtype == x.dtype and not torch.equal(drawn, x)


@pytest.mark.parametrize("method", ["bfn", *EVIDENCE])
@pytest.mark.parametrize("dataset", ["digits", "digits_mixed"])
def test_what_is_known_stays_at_one_and_the_rest_runs_from_zero(method, dataset, monkeypatch):
    data = load_dataset(dataset)
    model, told, decode = untrained(method, data), [], FlowAutoencoder.output_distribution

    def watched(self, theta, z, t, s):
        told.append((theta, t))
        return decode(self, theta, z, t, s)

    monkeypatch.setattr(FlowAutoencoder, "output_distribution", watched)
    seen = None
    if dataset == "digits":
        seen = torch.arange(8).expand(4, 1, 8, 8) < 4
        complete(model, data.test.x[:4], 4, model.generator(0), seen)
        parts = [(theta, t, seen) for theta, t in told]
    else:
        complete(model, {"label": data.test.x["label"][:4]}, 4, model.generator(0))
        ones = torch.ones(4, dtype=torch.bool)
        parts = [(theta["label"], t if method == "bfn" else t["label"], ones) for theta, t in told]
        if method != "bfn":
            pixels = [t["pixels"] for _, t in told]
            times = [max(i / 4, SOON) for i in range(5)]
            assert [(t.min().item(), t.max().item()) for t in pixels] == [
                pytest.approx((t, t)) for t in times
            ]
    certain = parts[0][0].logits[parts[0][2]]
    for i, (theta, t, seen) in enumerate(parts):
        assert torch.equal(theta.logits[seen], certain)
        if method == "bfn":
            assert t.tolist() == [i / 4] * 4
        else:
            assert (t[seen] == 1).all()
            torch.testing.assert_close(t[~seen], torch.full_like(t[~seen], max(i / 4, SOON)))


POINTS = torch.tensor([*product(range(2), repeat=4)])
MASSES = torch.softmax(1.5 * torch.randn(16, generator=Generator().manual_seed(5)), 0)
RECORDS = {"a": POINTS[:, :2], "b": POINTS[:, 2], "c": POINTS[:, 3]}


@pytest.mark.parametrize("kind", ["vector", "record"])
def test_with_the_exact_predictor_the_rest_is_drawn_from_what_it_is_given_the_known(
    kind, monkeypatch
):
    """Two bits of four are known; the frequencies of the others follow by enumeration."""
    points, variables = POINTS, Variable("binary", (4,), 2)
    if kind == "record":
        points, shapes = RECORDS, {"a": (2,), "b": (), "c": ()}
        variables = {name: Variable("binary", shape, 2) for name, shape in shapes.items()}
    model = build_model("bfn_evidence", variables, ModelParams(mlp_width=16))
    predict = exact_predictor(model.flow, points, MASSES)
    monkeypatch.setattr(
        FlowAutoencoder, "output_distribution", lambda self, theta, z, t, s: predict(theta, t)
    )
    known, number = torch.tensor([1, 0]), 20_000
    if kind == "record":
        drawn = complete(model, {"a": known.repeat(number, 1)}, 100, model.generator(0))
        drawn = torch.cat([drawn["a"], drawn["b"][:, None], drawn["c"][:, None]], 1)
    else:
        seen = (torch.arange(4) < 2).repeat(number, 1)
        x = torch.cat([known, known]).repeat(number, 1)
        drawn = complete(model, x, 100, model.generator(0), seen)
    assert torch.equal(drawn[:, :2], known.repeat(number, 1))
    found = (drawn[:, 2:] @ torch.tensor([2, 1])).bincount(minlength=4) / number
    given = MASSES[(POINTS[:, :2] == known).all(1)]
    expected = given / given.sum()
    torch.testing.assert_close(found, expected, rtol=0, atol=0.02)
    marginal = MASSES.view(4, 4).sum(0)
    assert (expected - marginal).abs().max() > 0.1  # what is known says something


def test_masks_that_do_not_fit_are_refused():
    x = load_dataset("digits").test.x[:4]
    model = untrained("bfn_evidence", load_dataset("digits"))
    for seen in (torch.ones(4, 1, 8, 8), torch.ones(4, 8, 8, dtype=torch.bool)):
        with pytest.raises(ValueError, match="where has"):
            complete(model, x, 2, seen=seen)
    with pytest.raises(ValueError, match="seen names 'label', but known are"):
        complete(untrained("bfn_evidence"), KNOWN, 2, seen={"label": torch.ones(4).bool()})


def test_the_code_of_completions_is_the_mean_of_their_codes_and_needs_a_code():
    model, x = untrained("paramrel_evidence", DIGITS), DIGITS.test.x[:3]
    seen = torch.rand(x.shape, generator=Generator().manual_seed(1)) < 0.5
    generator = Generator().manual_seed(0)
    wholes = [mean_code(model, complete(model, x, 2, generator, seen), generator=generator)
              for _ in range(3)]  # fmt: skip
    found = completed_code(model, x, 2, Generator().manual_seed(0), seen, draws=3)
    torch.testing.assert_close(found, sum(wholes) / 3)
    assert not torch.allclose(wholes[0], wholes[1])  # one draw is not the mean
    with pytest.raises(ValueError, match="code"):
        completed_code(untrained("bfn_evidence", DIGITS), x, 2, seen=seen)


def test_the_likeliest_label_is_that_of_the_least_bound(monkeypatch):
    target = torch.tensor([3, 0, 9])
    model = SimpleNamespace(
        variables={"label": SimpleNamespace(levels=10)},
        generator=lambda seed: Generator().manual_seed(seed),
    )
    monkeypatch.setattr(
        "paramrel.tasks.completion.nll_bound",
        lambda model, x, num_times, generator: SimpleNamespace(total=(x["label"] - target).abs()),
    )
    x = {"label": torch.zeros(3, dtype=torch.long)}
    assert torch.equal(likeliest_label(model, x, "label", 2, 0), target)


def test_drawn_records_are_sorted_by_label_and_a_label_never_drawn_is_empty():
    pixels = torch.arange(3.0).view(3, 1, 1, 1)
    rows = draws_by_label({"pixels": pixels, "label": torch.tensor([7, 2, 7])}, "bfn", 2)
    assert list(rows) == ["bfn, 1", "bfn, 2"]
    assert [row[7].item() for row in rows.values()] == [0, 2]
    assert [row[2].item() for row in rows.values()] == [1, 1]
    assert rows["bfn, 1"][0].item() == -1


def test_the_table_holds_every_run_what_it_can_do_and_the_classifier_as_control():
    train = MIXED.train.x[:100]
    judge = train_classifier(train["pixels"], train["label"], Generator().manual_seed(0), steps=2)
    runs = [Run("digits_mixed", m, 0, untrained(m), TrainParams()) for m in ("paramrel", "vae")]
    numbers = EvaluateParams(num_times=1).model_copy(update={"examples": 8})
    steps = GenerateParams(sampling_steps=2)
    table = completion_table(runs, MIXED, judge, numbers, steps).set_index("method")
    assert table["nll_bound"].notna().tolist() == [True, True, False]
    assert table["label_by_sampling"].notna().tolist() == [True, False, True]
    assert table["pixels_completed"].notna().tolist() == [True, False, True]
    assert table["pixels_recognised"].between(0, 1).all() and (table["n"] == 8).all()
