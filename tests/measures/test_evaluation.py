"""What is measured of a run, and the controls that know nothing of it."""

import dataclasses
import math

import pytest
import torch
from PIL import Image

from paramrel.data import Split, load_dataset
from paramrel.data.subset import subset
from paramrel.measures.config import EvaluateParams
from paramrel.measures.evaluation import data_floors, evaluate, information_over_time
from paramrel.measures.tasks import require_classes
from paramrel.metrics.likelihood import independent_pixels_nll
from paramrel.models.autoencoder import sample_code
from paramrel.models.bounds import nll_bound
from paramrel.models.config import ModelParams
from paramrel.models.encoding import posterior
from paramrel.models.information import aggregate_information
from paramrel.models.methods import METHODS
from paramrel.runs.pretrained import load_pretrained
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
PARAMS = EvaluateParams(num_times=2, probe_times=(0.5, 1.0))


def evaluated(method, dataset="digits"):
    params = TrainParams(steps=5, batch_size=64, evaluations=1)
    run, _ = train_run(dataset, method, 0, SMALL, params, progress=False)
    return evaluate(run, load_dataset(dataset), PARAMS)


def test_a_row_says_what_it_is_of_and_repeats_exactly():
    row = evaluated("paramrel")
    assert row == evaluated("paramrel")
    assert (row["dataset"], row["method"], row["seed"], row["n_test"]) == (
        "digits",
        "paramrel",
        0,
        360,
    )
    assert {"probe_t0.5", "probe_t1", "shuffled_code", "kl", "mmd"} < set(row)


def test_a_row_says_how_far_the_draw_of_the_test_examples_moves_it():
    params = TrainParams(steps=5, batch_size=64, evaluations=1)
    run, _ = train_run("digits", "paramrel", 0, SMALL, params, progress=False)
    data = load_dataset("digits")
    row = evaluate(run, data, PARAMS)
    again = nll_bound(run.model, data.test.x, num_times=2, generator=run.model.generator(0)).total
    assert row["nll_bound"] == pytest.approx(again.mean().item())
    assert row["nll_bound_sem"] == pytest.approx(again.std().item() / math.sqrt(360), rel=1e-5)
    accuracy = row["probe_t1"]
    assert row["probe_t1_sem"] == pytest.approx(math.sqrt(accuracy * (1 - accuracy) / 360))
    assert row["shuffled_code_sem"] > 0


def test_no_code_of_theta_tells_more_of_x_than_a_plain_bfn_transmits():
    data, times, params = load_dataset("digits"), (0.05, 0.1, 0.2), EvaluateParams(num_times=8)
    ceiling, code, same = (
        information_over_time(load_pretrained("digits", method), data, times, params, draws=16)
        for method in ("bfn", "paramrel", "paramrel_same")
    )
    for rows in (code, same):
        assert (rows["information_lower"] < ceiling["transmitted"]).all()
        assert (rows["information_lower"] <= rows["kl"]).all()
        assert rows["cap"].tolist() == pytest.approx([math.log(360)] * 3)
    assert ceiling["kl"].isna().all() and code["transmitted"].isna().all()
    model = load_pretrained("digits").model
    posterior_of_one = posterior(model, data.test.x, times[0])
    z = sample_code(posterior_of_one, model.generator(1))
    one = aggregate_information(posterior_of_one.mean, posterior_of_one.stddev.log(), z)
    assert one["mutual_information"] > 3 * ceiling["transmitted"][0]  # I(θ; z), not I(x; z)
    assert code["information_upper"][0] < one["mutual_information"] / 2


def test_images_without_classes_have_everything_but_probes(tmp_path, monkeypatch):
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    pixels = torch.randint(256, (40, 8, 8), generator=torch.Generator().manual_seed(0))
    for i, image in enumerate(pixels.byte().numpy()):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    name = f"image_folder:{tmp_path}"
    row = evaluated("paramrel", name) | data_floors(
        load_dataset(name), ModelParams(code_dim=4), PARAMS
    )
    assert {"nll_bound", "shuffled_code", "kl", "independent_pixels_nll"} < set(row)
    assert not [column for column in row if column.startswith("probe")]
    with pytest.raises(ValueError, match="has no classes, which the rest of this notebook needs"):
        require_classes(load_dataset(name))


def test_a_method_without_a_code_has_a_bound_and_nothing_else():
    row = evaluated("bfn")
    assert "nll_bound" in row and "kl" not in row
    parts = row["transmission"] + row["reconstruction"] + row["rate"]
    assert row["nll_bound"] == pytest.approx(parts)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_measured_by_what_it_has(method):
    row = evaluated(method)
    assert all(math.isfinite(value) for value in row.values() if not isinstance(value, str))
    assert ("nll_bound" in row) == (METHODS[method].no_bound is None)
    assert ("kl" in row) == METHODS[method].stochastic
    coded = METHODS[method].code != "none"
    assert ({"shuffled_code", "mmd", "mmd_z", "probe_t1"} <= set(row)) == coded


def with_pixels(kind, levels, train, test):
    digits = load_dataset("digits")
    parts = {
        name: Split(x, torch.zeros(len(x)).long())
        for name, x in {"train": train, "test": test}.items()
    }
    return dataclasses.replace(digits, kind=kind, levels=levels, **parts)


def test_independent_binary_pixels_cost_what_smoothed_frequencies_say():
    train = torch.tensor([0, 0, 1, 1]).view(4, 1, 1, 1)
    test = torch.tensor([1, 0]).view(2, 1, 1, 1)
    nll = independent_pixels_nll(with_pixels("binary", 2, train, test))
    assert nll == pytest.approx(math.log(2))
    never = independent_pixels_nll(with_pixels("binary", 2, 0 * train, test[:1]))
    assert never == pytest.approx(math.log(6))  # (0 + 1) / (4 + 2)


def test_independent_discretized_pixels_are_counted_in_their_bins():
    bins = torch.tensor([0, 1, 1, 2]).view(4, 1, 1, 1)
    centres = (2 * bins + 1) / 3 - 1
    nll = independent_pixels_nll(with_pixels("discretized", 3, centres, centres[1:2]))
    assert nll == pytest.approx(-math.log(3 / 7))


def test_independent_continuous_pixels_are_their_training_values_blurred_by_sigma_1():
    torch.manual_seed(0)
    train, test = ((0.2 * torch.randn(20000, 1, 1, 1)).clamp(-1, 1) for _ in range(2))
    nll = independent_pixels_nll(with_pixels("continuous", None, train, test))
    assert nll == pytest.approx(0.5 * math.log(2 * math.pi * math.e * 0.04), abs=0.02)
    constant = with_pixels("continuous", None, 0 * train, 0 * test[:1])
    for sigma_1 in (0.02, 0.1):  # as sharp as the resolution, and no sharper
        nll = independent_pixels_nll(constant, sigma_1)
        assert nll == pytest.approx(math.log(sigma_1 * math.sqrt(2 * math.pi)), abs=1e-6)


def test_independent_variables_of_records_cost_the_sum_of_their_fields():
    record = subset(load_dataset("digits_mixed"), 2000)

    def nll(name):
        parts = {part: getattr(record, part) for part in ("train", "test")}
        fields = {part: dataclasses.replace(s, x=s.x[name]) for part, s in parts.items()}
        variable = vars(record.fields[name])
        return independent_pixels_nll(dataclasses.replace(record, **fields, **variable, fields={}))

    assert independent_pixels_nll(record) == pytest.approx(sum(map(nll, record.fields)))
    assert nll("label") == pytest.approx(math.log(10), abs=0.01)


def test_the_controls_of_records_know_the_label_that_stands_in_them():
    row = data_floors(load_dataset("digits_mixed"), ModelParams(), PARAMS)
    assert row["probe_pixels"] > 0.98
    assert math.isfinite(row["independent_pixels_nll"])


def test_the_controls_of_the_digits_are_where_they_always_were():
    row = data_floors(load_dataset("digits"), ModelParams(), PARAMS)
    assert row["independent_pixels_nll"] == pytest.approx(25.09, abs=0.01)
    assert 0.80 < row["probe_pca"] < row["probe_pixels"] < 0.97
