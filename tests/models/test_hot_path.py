"""A training step reads no value of a tensor; data are validated where bounds are computed."""

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.models.bounds import nll_bound, shuffled_code_loss
from paramrel.models.build import build_model, methods_for
from paramrel.models.config import ModelParams

PARAMS = ModelParams(channels=(8, 16), embedding=16, mlp_width=32)
DATASETS = ("digits", "digits_discretized", "digits_continuous", "digits_mixed")


def examples(name, number=6):
    data = load_dataset(name)
    return data, data.train.x[:number]


@pytest.mark.parametrize(
    ("dataset", "method"),
    [(name, method) for name in DATASETS for method in methods_for(load_dataset(name).variables)],
)
def test_a_loss_and_its_gradients_read_no_value_after_the_first_step(
    dataset, method, counted_reads
):
    data, x = examples(dataset)
    model = build_model(method, data.variables, PARAMS)
    model.loss(x).total.backward()  # which may read what stays as it is
    with counted_reads() as calls:
        model.loss(x).total.backward()
    assert calls == []


@pytest.mark.parametrize("dataset", DATASETS)
def test_bounds_refuse_values_that_are_no_data(dataset):
    data, x = examples(dataset)
    model = build_model("paramrel", data.variables, PARAMS)
    for name, part in x.items() if isinstance(x, dict) else [("", x)]:
        bad = part + 100
        bad = x | {name: bad} if name else bad
        for bound in (nll_bound, shuffled_code_loss):
            with pytest.raises(ValueError, match=r"x must lie in .* its values span \["):
                bound(model, bad, num_times=1)


def test_a_bound_of_a_decoder_that_says_nothing_is_refused():
    data, x = examples("digits")
    model = build_model("bfn", data.variables, PARAMS)
    with torch.no_grad():
        model.decoder.head.bias.fill_(torch.nan)
    with pytest.raises(ValueError, match="the output distribution must be finite"):
        nll_bound(model, x, num_times=1)
