"""Corrupted observations: what is seen of them, and who reads it."""

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.data.dataset import Variable
from paramrel.data.subset import subset
from paramrel.figures import evidence_curves
from paramrel.measures.config import EvaluateParams, GenerateParams
from paramrel.measures.robustness import (
    HIDDEN,
    SHARES,
    Corruption,
    code_reader,
    completed_rows,
    corruptions,
    evidence_table,
    image_of,
    mean_image,
    observe,
    robust_table,
    seen_of,
)
from paramrel.models.build import build_flow, build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.runs.run import Run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
DATASETS = ("digits", "digits_discretized", "digits_continuous")
READ = [m for m, row in METHODS.items() if row.code != "none" and m != "ddpm_theta"]
EVIDENCE = [method for method in READ if METHODS[method].evidence == "partial"]
HALVES = {"right": (..., slice(4, None)), "lower": (..., slice(4, None), slice(None))}


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def observed(dataset, corruption, number=400):
    data = load_dataset(dataset)
    flow, x = build_flow(METHODS["bfn"], data.variables, SMALL), data.train.x[:number]
    return (flow, x, *observe(flow, data.variables, x, corruption, seeded()))


def test_the_corruptions_are_every_level_then_none_then_each_part():
    found = [(c.log_snr, c.hidden) for c in corruptions((-1.0, 2.0))]
    infinity = float("inf")
    seen = [(-1.0, "nothing"), (2.0, "nothing"), (infinity, "nothing")]
    assert found == [*seen, *((infinity, part) for part in HIDDEN)]


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (16, 32)])
def test_a_third_to_two_thirds_are_hidden_and_forms_beside_the_halves_are_no_side_or_rectangle(
    size,
):
    for name in HIDDEN:
        hidden = ~seen_of(Variable("binary", (3, *size), 2), name)
        assert torch.equal(hidden[0], hidden[2]) and 0.3 < hidden.float().mean() < 0.6
        rows, columns = hidden[0].any(1), hidden[0].any(0)
        rectangle = torch.equal(hidden[0], rows[:, None] & columns)
        assert rectangle == (name in HALVES)


def test_of_records_the_label_is_hidden_always_and_parts_of_their_images_are():
    variables = load_dataset("digits_mixed").variables
    for hidden in ("nothing", "lower"):
        seen = seen_of(variables, hidden)
        assert {name: tuple(part.shape) for name, part in seen.items()} == {
            name: variable.shape for name, variable in variables.items()
        }
        assert not seen["label"] and seen["summary"].all()
        assert seen["pixels"].float().mean() == (0.5 if hidden == "lower" else 1)


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("dataset", DATASETS)
def test_hidden_pixels_keep_their_prior_and_the_others_tell_the_image(dataset, half):
    flow, x, theta, t = observed(dataset, Corruption(hidden=half))
    image = mean_image(flow, theta, t)
    seen = torch.ones(8, 8, dtype=bool)
    seen[HALVES[half]] = False
    assert torch.equal(t, seen.float().expand(x.shape)) and not image[HALVES[half]].any()
    truth = x if x.is_floating_point() else 2.0 * x - 1
    assert (image - truth)[..., seen].abs().mean() < 0.05


@pytest.mark.parametrize("level", [-2.0, 1.0])
@pytest.mark.parametrize("dataset", DATASETS)
def test_an_observation_has_the_log_snr_that_was_asked_for(dataset, level):
    """The signal-to-noise ratio of the natural parameter, measured on many pixels."""
    flow, x, theta, t = observed(dataset, Corruption(level), number=1000)
    assert flow.log_snr(t.unique()).item() == pytest.approx(level, abs=1e-4)
    if dataset == "digits":
        evidence = (theta.logits[..., 1] - theta.logits[..., 0]) * (2 * x - 1)  # N(2β, 4β)
        snr = evidence.mean() ** 2 / evidence.var()
    else:
        ratio = (theta.mean * x).sum() / x.square().sum()
        snr = ratio**2 / (theta.mean - ratio * x).var()
    assert snr.log().item() == pytest.approx(level, abs=0.05)


@pytest.mark.parametrize("dataset", DATASETS)
@pytest.mark.parametrize("method", READ)
def test_a_code_of_theta_sees_theta_and_a_code_of_x_sees_the_mean_image(method, dataset):
    flow, _, theta, t = observed(dataset, Corruption(-1.0), number=6)
    model = build_model(method, load_dataset(dataset).variables, SMALL).eval()
    read = code_reader(model, flow)(theta, t)
    with torch.no_grad():
        if METHODS[method].reads_theta:
            expected = model.encode_theta(theta, t).mean
        else:
            expected = model.encode(mean_image(flow, theta, t), torch.ones(6)).mean
    assert torch.equal(read, expected) and read.shape == (6, 4)


@pytest.mark.parametrize("method", ["paramrel_x", "diffae", "vae"])
def test_a_code_of_x_reads_a_certain_image_as_it_reads_the_data(method):
    """θ that is all but certain: the mean image is the image, and so is the code."""
    flow, _, theta, t = observed("digits", Corruption(), number=6)
    certain = theta.map(lambda logits: 100 * (logits - logits.mean(-1, keepdim=True)).sign())
    model = build_model(method, load_dataset("digits").variables, SMALL).eval()
    with torch.no_grad():
        expected = model.encode((certain.logits[..., 1] > 0).long(), torch.ones(6)).mean
    torch.testing.assert_close(code_reader(model, flow)(certain, t), expected)


@pytest.mark.parametrize("method", ["paramrel", "paramrel_mean", *EVIDENCE])
def test_only_codes_of_partial_evidence_are_told_which_pixels_are_hidden(method):
    """θ of a half-hidden image says how much is known of each pixel only of an accuracy."""
    flow, _, theta, t = observed("digits_continuous", Corruption(hidden="right"), number=6)
    model = build_model(method, load_dataset("digits_continuous").variables, SMALL).eval()
    read = code_reader(model, flow)
    alike = torch.equal(read(theta, t), read(theta, torch.ones(6)))
    assert alike == (method not in EVIDENCE)


def test_a_diffusion_s_code_of_theta_cannot_read_a_bayesian_one():
    flow, *_ = observed("digits", Corruption(), number=2)
    model = build_model("ddpm_theta", load_dataset("digits").variables, SMALL)
    with pytest.raises(ValueError, match="cannot read θ"):
        code_reader(model, flow)


def test_a_method_without_a_code_reads_nothing():
    flow, *_ = observed("digits", Corruption(), number=2)
    with pytest.raises(ValueError, match="no code"):
        code_reader(build_model("bfn", load_dataset("digits").variables, SMALL), flow)


def test_the_table_has_every_code_and_control_on_every_corruption():
    data = subset(load_dataset("digits"), 200)
    runs = [
        Run("digits", method, 0, build_model(method, data.variables, SMALL).eval(), TrainParams())
        for method in ("bfn", "paramrel")
    ]
    table = robust_table(runs, data, SMALL, GenerateParams(progressive_log_snr=(-1.0,)))
    assert set(table["method"]) == {"paramrel", "pca", "pixels"}
    assert (table.groupby(["method", "trained_on"]).size() == 2 + len(HIDDEN)).all()
    assert table["accuracy"].between(0, 1).all() and (table["n_test"] == 200).all()
    clean = table[(table["log_snr"] == float("inf")) & (table["hidden"] == "nothing")]
    assert (clean.groupby("method")["accuracy"].nunique() == 1).all()  # the two probes are one
    pixels = clean[clean["method"] == "pixels"]["accuracy"].iloc[0]
    assert pixels > 0.6 > 2 * clean["floor_accuracy"].max()


def runs_of(methods, data):
    return [
        Run(data.name, method, 0, build_model(method, data.variables, SMALL).eval(), TrainParams())
        for method in methods
    ]


def test_a_model_of_partial_evidence_is_probed_by_its_completions_of_images_too():
    data = subset(load_dataset("digits_continuous"), 100)
    numbers = GenerateParams(progressive_log_snr=(-1.0,), sampling_steps=2)
    table = robust_table(runs_of(EVIDENCE, data), data, SMALL, numbers)
    for method in EVIDENCE:
        completed = table[table["method"] == f"{method}, completed"]
        assert (*completed["hidden"],) == (*HIDDEN,) and set(completed["trained_on"]) == {"clean"}
        assert completed["accuracy_sem"].between(0, 0.05).all()


def test_records_are_read_by_codes_of_theta_and_by_the_controls():
    data = subset(load_dataset("digits_mixed"), 200)
    runs = runs_of(("vae", "paramrel", "paramrel_evidence"), data)
    table = robust_table(runs, data, SMALL, GenerateParams(progressive_log_snr=(-1.0,)))
    assert set(table["method"]) == {"paramrel", "paramrel_evidence", "pca", "pixels"}
    pixels = table[(table["method"] == "pixels") & (table["trained_on"] == "clean")]
    by_part = pixels[pixels["log_snr"] == float("inf")].set_index("hidden")["accuracy"]
    assert by_part["nothing"] > 0.6 and by_part["right"] < by_part["nothing"] - 0.1


@pytest.mark.parametrize("dataset", ["digits", "digits_mixed"])
def test_evidence_is_measured_of_every_part_and_share_for_bayesian_flows(dataset):
    data = subset(load_dataset(dataset), 40)
    runs = runs_of(("bfn", "vae", "paramrel", "paramrel_evidence"), data)
    table = evidence_table(runs, data, EvaluateParams(examples=40, num_times=2))
    parts = {*HIDDEN} if dataset == "digits" else {*data.variables}
    assert set(table["method"]) == {"bfn", "paramrel", "paramrel_evidence"}
    for method, rows in table.groupby("method"):
        assert set(rows["hidden"]) == parts | {"random"}
        at_random = rows[rows["hidden"] == "random"].set_index("share")
        assert (*at_random.index,) == SHARES
        bound = at_random["conditional_bound"]
        assert bound.is_monotonic_decreasing and (at_random["conditional_bound_sem"] > 0).all()
        assert at_random["code_distance"].notna().all() == (method != "bfn")


@pytest.mark.parametrize("method", ["bfn", "paramrel_evidence"])
def test_one_method_alone_is_drawn_too(method):
    data = subset(load_dataset("digits"), 20)
    table = evidence_table(runs_of([method], data), data, EvaluateParams(examples=20, num_times=1))
    drawn = evidence_curves(table).axes[-1]
    assert [label.get_text() for label in drawn.get_xticklabels()] == [*HIDDEN]


def test_without_a_bayesian_flow_it_is_said_that_there_is_nothing_to_measure():
    data = subset(load_dataset("digits"), 20)
    with pytest.raises(ValueError, match="add paramrel or bfn"):
        evidence_table(runs_of(["vae"], data), data, EvaluateParams(examples=20))


def test_the_distance_of_a_code_is_none_where_all_is_seen(monkeypatch):
    data = subset(load_dataset("digits_continuous"), 40)
    monkeypatch.setattr("paramrel.measures.robustness.SHARES", (0.0, 1.0))
    table = evidence_table(
        runs_of(("paramrel_evidence",), data), data, EvaluateParams(examples=40, num_times=1)
    )
    distance = table[table["hidden"] == "random"].set_index("share")["code_distance"]
    assert distance[1.0] < 0.1 * distance[0.0]  # θ at t = 1 is drawn anew
    bound = table[table["hidden"] == "random"].set_index("share")["conditional_bound"]
    assert bound[1.0] == 0


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized", "digits_mixed"])
def test_completed_images_show_what_is_seen_as_it_is(dataset):
    data = load_dataset(dataset)
    run, skipped = runs_of(("paramrel_evidence", "vae"), data)
    rows = completed_rows(run, data, ["lower", "disc"], 3, 2, draws=2)
    assert [*rows] == [
        "image", *(f"{part}{more}" for part in ("lower", "disc")
                   for more in (" hidden", ", draw 1", ", draw 2")),
    ]  # fmt: skip
    truth = image_of(data.test.x[:3])
    for draw in (1, 2):
        assert torch.equal(rows[f"lower, draw {draw}"][..., :4, :], truth[..., :4, :])
    assert not rows["lower hidden"][..., 4:, :].any()
    assert completed_rows(skipped, data, ["lower"], 3, 2) == {}
