"""Codes against known factors: what frames a score stands beside it."""

from dataclasses import replace

import pytest
import torch
from matplotlib.figure import Figure

from paramrel import figures
from paramrel.data import load_dataset
from paramrel.data.subset import subset
from paramrel.measures.config import DisentangleParams
from paramrel.measures.disentangling import dci_beside_rotated, disentangle_table
from paramrel.models.config import ModelParams
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
SCORING = DisentangleParams(examples=300, tree_examples=0, votes=100, batch=8)
CONTROLS = ["pca_4", "random_encoder", "factor_copy", "random_mix"]


def make_run(dataset, method="ae", seed=0):
    params = TrainParams(steps=2, batch_size=32, evaluations=1)
    return train_run(dataset, method, seed, SMALL, params, progress=False)[0]


@pytest.fixture(scope="module")
def sprites():
    return subset(load_dataset("sprites_16"), 300)


@pytest.fixture(scope="module")
def table(sprites):
    runs = [make_run("sprites_16", method) for method in ("bfn", "ae", "vae")]
    return disentangle_table(runs, sprites, SCORING, progress=False)


def test_each_code_is_scored_with_its_rotation_and_the_controls_once_a_seed(table):
    once = table[table["measure"] == "MIG"]
    assert list(once["of"]) == ["code", "rotated_code", *CONTROLS, "code", "rotated_code"]
    assert list(once["method"]) == ["ae", "ae", "", "", "", "", "vae", "vae"]
    assert isinstance(figures.disentanglement(table), Figure)


def test_the_factors_themselves_are_near_the_ceiling_and_above_their_mix(table):
    value = table.set_index(["of", "measure"])["value"]
    assert value["factor_copy", "FactorVAE"].item() > 0.9
    for measure in ("D (lasso)", "MIG", "SAP"):
        assert value["factor_copy", measure].item() > value["random_mix", measure].item()


def test_every_score_has_a_ceiling_and_a_number_of_examples(table):
    assert (table["ceiling"] == 1).all() and (table["n"] == 300).all()
    assert table["parameters_sha256"].str.len().eq(64).all()


def test_attributes_are_scored_where_there_are_no_factors():
    digits = load_dataset("digits")
    attributes = torch.stack([digits.test.labels % 2 == 0, digits.test.labels < 5], 1)
    faces = replace(digits, test=replace(digits.test, attributes=attributes))
    table = disentangle_table([make_run("digits")], faces, SCORING, progress=False)
    assert list(table["measure"].unique()) == ["TAD", "ATTRS", "AUROC gap"]
    assert set(table["of"]) == {"code", "pca_4", "random_encoder"}


def test_data_of_which_nothing_is_known_are_refused():
    with pytest.raises(ValueError, match="digits has neither factors nor attributes"):
        disentangle_table([make_run("digits")], load_dataset("digits"), SCORING, progress=False)


def test_codes_that_are_the_factors_are_disentangled_until_they_are_turned():
    generator = torch.Generator().manual_seed(0)
    train, test = (torch.randint(3, (300, 3), generator=generator) for _ in range(2))
    importance, scores = dci_beside_rotated((train, train), (test, test), seed=0)
    assert importance.argmax(0).tolist() == [0, 1, 2]
    assert scores.loc["code", "disentanglement"] > 0.9
    assert scores.loc["code", "informativeness"] == 1
    assert scores.loc["rotated code", "disentanglement"] < 0.5
    assert scores.loc["rotated code", "informativeness"] > 0.6
