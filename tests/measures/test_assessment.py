"""The magnifier: each table has its controls, floors and ceilings."""

import pytest

from paramrel.data import load_dataset
from paramrel.measures.assessment import (
    assess,
    extractors,
    few_labels,
    fidelity_table,
    information_row,
    probe_table,
    probes_over_snr,
    reconstruction_row,
    references,
    smoothness_row,
)
from paramrel.measures.config import QualityParams
from paramrel.models.config import ModelParams
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
QUALITY = QualityParams(sampling_steps=2, snr_times=(1.0,), few_labels=(2,), pairs=2)


def make_run(method="paramrel", dataset="digits", steps=3):
    params = TrainParams(steps=steps, batch_size=32, evaluations=1)
    return train_run(dataset, method, 0, SMALL, params, progress=False)[0]


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def judges(digits):
    return extractors(digits, seed=0, steps=5)


@pytest.mark.parametrize("dataset", ["digits", "digits_continuous"])
def test_the_code_stands_beside_its_controls_under_every_probe(dataset):
    table = probe_table(make_run(dataset=dataset), load_dataset(dataset))
    assert set(table["representation"]) == {"code", "pixels", "pca_4", "random_encoder"}
    assert set(table["probe"]) == {"logistic", "knn", "mlp"} and len(table) == 12
    pixels = table[table["representation"] == "pixels"]
    assert (pixels["accuracy"] > 0.85).all() and (table["n_test"] == 360).all()


def test_the_code_of_a_time_stands_beside_theta_of_that_time(digits):
    table = probes_over_snr(make_run(), digits, (0.2, 1.0)).set_index(["representation", "t"])
    assert table.loc[("θ", 1.0), "accuracy"] > table.loc[("θ", 0.2), "accuracy"] + 0.2
    assert table.loc[("θ", 1.0), "d"] == 64 and table.loc[("code", 1.0), "d"] == 4


def test_fewer_labels_teach_a_probe_less_and_too_many_are_a_stated_nan(digits):
    table = few_labels(make_run(), digits, (2, 50, 1000))
    table = table.set_index(["representation", "labels_per_class"])
    accuracy = table["accuracy"]
    assert accuracy["pixels", 2] < accuracy["pixels", 50]
    assert table.loc[("code", 1000), "accuracy"] != table.loc[("code", 1000), "accuracy"]
    assert table.loc[("code", 1000), "note"] == "a train class has only 122 examples"


def test_a_deterministic_code_has_a_coding_rate_and_no_information(digits):
    assert set(information_row(make_run("ae"), digits)) == {"coding_rate"}
    row = information_row(make_run("vae"), digits)
    assert row["mutual_information"] <= row["mutual_information_cap"] + 1e-9


def test_samples_are_compared_between_a_floor_and_a_ceiling(judges, digits):
    table = fidelity_table(make_run(), digits, references(digits, judges, QUALITY), QUALITY)
    assert list(table["code"]) == ["self", "self", "prior", "prior"]
    assert set(table["metric"]) == {"fd[classifier]@360", "fd[self_supervised]@360"}
    assert (table["frechet_floor"] < table["frechet_ceiling"]).all()


def test_reconstructions_of_the_code_alone_are_scored_with_their_floor(judges, digits):
    row = reconstruction_row(make_run("vae"), digits, judges, QUALITY)
    assert row["floats_code"] == 4 and row["floats_image"] == 64 and row["n"] == 360
    assert row["pd[classifier]@360"] > 0 and row["mse_mean_image"] > 0


@pytest.mark.parametrize("method", ["ae", "diffae"])
def test_a_run_is_assessed_in_every_way_that_its_method_admits(judges, digits, method):
    tables = assess(make_run(method), digits, judges, QUALITY, progress=False)
    assert list(tables) == [
        "samples", "information", "probes", "few labels", "log SNR", "reconstruction", "paths"
    ]  # fmt: skip
    assert set(tables["samples"]["code"]) == {"learned"}
    assert all(len(table) for table in tables.values())


def test_of_a_run_without_a_code_only_its_samples_are_assessed(judges, digits):
    tables = assess(make_run("bfn"), digits, judges, QUALITY, progress=False)
    assert list(tables) == ["samples"] and len(tables["samples"]) == 2


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized"])
@pytest.mark.parametrize("method", ["paramrel", "paramrel_x"])
def test_a_path_between_codes_is_no_shorter_than_its_chord(judges, method, dataset):
    run = make_run(method, dataset, steps=40)  # of fewer, all codes are drawn as one image
    row = smoothness_row(run, load_dataset(dataset), judges, 3, steps=2)
    assert row["path_over_chord"] >= 1 and row["n"] == 3
