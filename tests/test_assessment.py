"""The magnifier: each table has its controls, floors and ceilings."""

import pytest

from paramrel.assessment import (
    extractors,
    few_labels,
    fidelity_table,
    probe_table,
    probes_over_snr,
    smoothness_row,
)
from paramrel.data import load_dataset
from paramrel.params import ModelParams, TrainParams
from paramrel.runs import train_run

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)


def make_run(method="paramrel", dataset="digits"):
    params = TrainParams(steps=3, batch_size=32, evaluations=1)
    return train_run(dataset, method, 0, SMALL, params, progress=False)[0]


@pytest.fixture(scope="module")
def judges():
    return extractors(load_dataset("digits"), seed=0, steps=5)


@pytest.mark.parametrize("dataset", ["digits", "digits_continuous"])
def test_the_code_stands_beside_its_controls_under_every_probe(dataset):
    table = probe_table(make_run(dataset=dataset))
    assert set(table["representation"]) == {"code", "pixels", "pca_4", "random_encoder"}
    assert set(table["probe"]) == {"logistic", "knn"} and len(table) == 8
    pixels = table[table["representation"] == "pixels"]
    assert (pixels["accuracy"] > 0.85).all() and (table["n_test"] == 360).all()


def test_the_code_of_a_time_stands_beside_theta_of_that_time():
    run = make_run()
    table = probes_over_snr(run, (0.2, 1.0)).set_index(["representation", "t"])
    assert table.loc[("θ", 1.0), "accuracy"] > table.loc[("θ", 0.2), "accuracy"] + 0.2
    assert table.loc[("θ", 1.0), "d"] == 64 and table.loc[("code", 1.0), "d"] == 4


def test_fewer_labels_teach_a_probe_less():
    table = few_labels(make_run(), (2, 50)).set_index(["representation", "labels_per_class"])
    accuracy = table["accuracy"]
    assert accuracy["pixels", 2] < accuracy["pixels", 50]


def test_samples_are_compared_between_a_floor_and_a_ceiling(judges):
    table = fidelity_table(make_run(), judges, steps=3)
    assert list(table["code"]) == ["self", "self", "prior", "prior"]
    assert set(table["metric"]) == {"fd[classifier]@360", "fd[self_supervised]@360"}
    assert (table["frechet_floor"] < table["frechet_ceiling"]).all()
    assert len(fidelity_table(make_run("bfn"), judges, steps=3)) == 2


@pytest.mark.parametrize("method", ["ae", "diffae", "paramrel_x"])
def test_samples_of_a_code_that_is_read_from_data_come_from_the_prior(method, judges):
    assert set(fidelity_table(make_run(method), judges, steps=3)["code"]) == {"prior"}


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized"])
@pytest.mark.parametrize("method", ["paramrel", "paramrel_x"])
def test_a_path_between_codes_is_no_shorter_than_its_chord(judges, method, dataset):
    row = smoothness_row(make_run(method, dataset), judges, pairs=3, steps=2)
    assert row["path_over_chord"] >= 1 and row["n"] == 3
