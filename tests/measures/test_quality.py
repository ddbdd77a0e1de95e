"""All runs side by side: every number has its floor, its ceiling and its origin."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from paramrel import figures
from paramrel.data import load_dataset
from paramrel.measures.assessment import extractors
from paramrel.measures.config import QualityParams
from paramrel.measures.quality import code_space, known_when, quality_table, solver_curve
from paramrel.models.config import ModelParams
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
QUALITY = QualityParams(
    sampling_steps=2, snr_times=(0.2, 1.0), known_when=("paramrel", "vae"), code_space=("ae",)
)
METHODS = ("bfn", "paramrel", "ae")


@pytest.fixture(scope="module")
def runs():
    params = TrainParams(steps=2, batch_size=32, evaluations=1)
    cells = [*((method, 0) for method in METHODS), ("paramrel", 1)]
    return [train_run("digits", *cell, SMALL, params, progress=False)[0] for cell in cells]


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits")


@pytest.fixture(scope="module")
def table(runs, digits):
    measured = {run.key: {"n_test": 360, "parameters_sha256": "0"} for run in runs}
    measured["digits-bfn-0"]["nll_bound"] = 20.0
    judges = extractors(digits, seed=0, steps=2)
    return quality_table(runs, digits, judges, QUALITY, measured, progress=False)


def test_what_is_measured_of_a_run_is_what_its_method_has(table):
    of = table.groupby("method")["of"].unique().map(set)
    assert of["bfn"] == {"samples, self", "model"}
    assert of["paramrel"] == {"code", "samples, self", "samples, prior", "model"}
    assert of["ae"] == {"code", "samples, learned", "model"}


def test_controls_are_probed_once_a_data_set_and_the_random_encoder_once_a_seed(table):
    controls = table[(table["method"] == "") & (table["measure"] == "kNN accuracy")]
    assert controls["of"].tolist() == ["pixels", "pca_4", "random_encoder", "random_encoder"]
    assert controls["seed"].fillna(-1).tolist() == [-1, -1, 0, 1]
    trained = table[table["method"] != ""]
    assert set(trained["of"]) == {
        "code", "samples, self", "samples, prior", "samples, learned", "model"
    }  # fmt: skip


def test_the_ends_of_a_measure_of_samples_are_the_same_for_all_runs(table):
    ends = table[table["of"].str.startswith("samples")].groupby("measure")[["floor", "ceiling"]]
    assert (ends.nunique() == 1).all(axis=None)


def test_every_row_says_how_many_examples_and_which_parameters(table, runs, digits):
    judges = extractors(digits, seed=0, steps=2)
    curve = solver_curve(runs[:1], digits, judges, QUALITY.model_copy(update={"evaluations": (2,)}))
    assert curve["extractor_sha256"].str.len().eq(64).all()
    for rows in (table, known_when(runs, digits, QUALITY).rename(columns={"n_test": "n"}), curve):
        assert (rows["n"] == 360).all() and rows["parameters_sha256"].notna().all()


def test_a_measure_of_samples_is_named_by_its_extractor_and_n_and_says_whose_weights(table):
    samples = table[table["of"].str.startswith("samples")]
    assert "fd[classifier]@360" in set(samples["measure"])
    assert samples["measure"].str.contains(r"\[(?:classifier|self_supervised)\]@360").all()
    assert samples["extractor_sha256"].str.len().eq(64).all() and (samples["n"] == 360).all()
    assert samples.groupby(["method", "seed", "of"]).size().eq(10).all()


def test_noise_is_the_bad_end_of_a_distance_and_of_precision(table):
    rows = table[table["measure"].str.contains("classifier")].set_index("measure")
    assert (
        rows.loc["fd[classifier]@360", "floor"] < rows.loc["fd[classifier]@360", "ceiling"]
    ).all()
    shares = rows.loc["precision[classifier]@360"]
    assert (shares["floor"] <= shares["ceiling"]).all()


def test_a_bound_that_a_method_has_not_is_a_stated_nan(table):
    bound = table[table["of"] == "model"].set_index("method")
    assert bound.loc["bfn", "value"] == 20 and bound.loc["bfn", "note"] == ""
    assert np.isnan(bound.loc["ae", "value"]) and "deterministic" in bound.loc["ae", "note"]


def test_probes_are_repeated_over_time_for_the_methods_asked_for_that_ran(runs, digits):
    curves = known_when(runs, digits, QUALITY)
    assert set(curves["method"]) == {"paramrel"} and len(curves) == 2 * 2 * 3
    assert set(curves["representation"]) == {"code", "θ", "random encoder"}
    assert isinstance(figures.known_when(curves), Figure)


def test_codes_are_mapped_by_both_projections_with_their_labels(runs, digits):
    maps = code_space(runs, digits, QUALITY)
    assert maps.groupby(["method", "map"]).size().to_dict() == {
        ("ae", "PCA"): 360, ("ae", "t-SNE"): 360
    }  # fmt: skip
    assert isinstance(figures.code_space(maps, digits.label_names), Figure)


def test_without_a_run_of_the_methods_a_figure_says_so():
    for draw in (figures.known_when, lambda table: figures.code_space(table, ())):
        (text,) = draw(pd.DataFrame()).texts
        assert text.get_text().startswith("no run of the methods of quality.")
