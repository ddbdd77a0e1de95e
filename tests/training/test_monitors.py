"""The monitors of collapse: what they say of a dead code and of a living one."""

import math

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.models.bounds import shuffled_code_loss
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.training.monitors import monitors

PARAMS = ModelParams(channels=(8, 16), embedding=16, mlp_width=32)


def model_and_x(method="paramrel", dataset="digits"):
    """A model whose decoder listens to its code, and 200 test examples."""
    data = load_dataset(dataset)
    torch.manual_seed(0)
    model = build_model(method, data.variables, PARAMS)
    torch.nn.init.normal_(model.decoder.head.weight, std=0.1)
    return model, data.test.x[:200]


def measured(model, x):
    return monitors(model, x, torch.Generator().manual_seed(0), num_times=2)


def write_code(model, scale, log_std):
    """Let the encoder's mean be so many times what it was, and its log-scale a constant."""
    with torch.no_grad():
        head, d = model.encoder.head, PARAMS.code_dim
        head.weight[:d] *= scale
        head.bias[:d] *= scale
        head.weight[d:], head.bias[d:] = 0, log_std


@pytest.mark.parametrize("dataset", ["digits", "digits_mixed"])
def test_a_code_that_equals_its_prior_is_matched_and_dead(dataset):
    model, x = model_and_x(dataset=dataset)
    write_code(model, scale=0, log_std=0)
    row = measured(model, x)
    assert row["kl"] == pytest.approx(0, abs=1e-6) and row["active_units"] == 0
    assert abs(row["mutual_information"]) < 1e-5 and abs(row["mmd_z"]) < 4


def test_a_precise_code_is_alive_and_knows_each_of_the_examples():
    model, x = model_and_x()
    write_code(model, scale=10, log_std=-5)
    row = measured(model, x)
    assert row["active_units"] == PARAMS.code_dim
    assert row["mutual_information_cap"] == pytest.approx(math.log(200))
    assert 0.9 < row["mutual_information"] / row["mutual_information_cap"] < 1.001
    assert row["mmd_z"] > 5 and row["shuffled_code"] != 0
    each = shuffled_code_loss(model, x, 2, torch.Generator().manual_seed(0))
    assert row["shuffled_code_sem"] == pytest.approx(each.std().item() / math.sqrt(200), rel=1e-5)


def test_a_code_collapsed_to_a_point_is_no_match():
    model, x = model_and_x("ae")
    write_code(model, scale=0, log_std=0)
    row = measured(model, x)
    assert row["mmd_z"] > 5 and row["shuffled_code"] == row["shuffled_code_sem"] == 0


@pytest.mark.parametrize("method", METHODS)
def test_every_method_has_the_monitors_of_what_it_has(method):
    row = measured(*model_and_x(method))
    assert all(map(math.isfinite, row.values()))
    expected = set()
    if METHODS[method].code != "none":
        expected = {"shuffled_code", "shuffled_code_sem", "mmd", "mmd_z"}
    if METHODS[method].stochastic:
        expected |= {"kl", "active_units", "mutual_information", "mutual_information_cap"}
    assert set(row) == expected
