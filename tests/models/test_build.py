"""What a model is put together from: rows of tables, by the kind and the shape of the data."""

from typing import get_args

import pytest
import torch
from torch import nn

from paramrel.data import Dataset, load_dataset
from paramrel.flows import (
    BinaryDiffusionFlow,
    CategoricalFlow,
    DiffusionFlow,
    DiscretizedFlow,
    GaussianFlow,
    MixedFlow,
    OneShotFlow,
)
from paramrel.models.build import BACKBONES, build_flow, build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.networks import MLP, FlatPacking, Networks, Transformer, UNet


@pytest.mark.parametrize(
    ("method", "dataset", "kind"),
    [
        ("bfn", "digits", CategoricalFlow),
        ("bfn", "digits_discretized", DiscretizedFlow),
        ("bfn", "digits_continuous", GaussianFlow),
        ("bfn", "digits_mixed", MixedFlow),
        ("vae", "digits", OneShotFlow),
        ("diffae", "digits", BinaryDiffusionFlow),
        ("diffae", "digits_discretized", DiffusionFlow),
        ("diffae", "digits_continuous", DiffusionFlow),
    ],
)
def test_a_flow_is_made_for_the_kind_of_data(method, dataset, kind):
    data = load_dataset(dataset)
    flow = build_flow(METHODS[method], data.variables, ModelParams())
    assert type(flow) is kind and flow.moves == (method != "vae")
    x = data.train.x[:4]
    flow.check(flow.from_data(x))
    again = flow.to_data(flow.from_data(x))
    for name in x if isinstance(x, dict) else [...]:
        torch.testing.assert_close(again[name], x[name])


@pytest.mark.parametrize(("dataset", "decoder"), [("digits", UNet), ("digits_mixed", MLP)])
def test_images_get_a_u_net_and_all_other_data_an_mlp(dataset, decoder):
    assert (
        type(build_model("bfn", load_dataset(dataset).variables, ModelParams()).decoder) is decoder
    )


@pytest.mark.parametrize("dataset", ["digits", "digits_mixed"])
@pytest.mark.parametrize(("backbone", "decoder"), [("mlp", MLP), ("transformer", Transformer)])
def test_a_backbone_is_asked_for_by_its_name(dataset, backbone, decoder):
    params = ModelParams(backbone=backbone)
    assert type(build_model("bfn", load_dataset(dataset).variables, params).decoder) is decoder


@pytest.mark.parametrize("method", METHODS)
def test_fields_of_one_number_each_are_learned_from(method):
    numbers = {
        "real": torch.rand(8) * 2 - 1,
        "level": (torch.arange(8) % 3 - 1) * 2 / 3,
        "bit": torch.arange(8) % 2,
    }
    kinds = {"real": "continuous", "level": "discretized", "bit": "binary"}
    levels = {"level": 3}
    if METHODS[method].flow != "diffusion":
        numbers["class"], kinds["class"], levels["class"] = torch.arange(8) % 4, "categorical", 4
    data = Dataset.from_tensors((numbers,) * 3, kinds, levels=levels)
    model = build_model(method, data.variables, ModelParams(mlp_width=16, mlp_blocks=1))
    x = data.train.x[:]
    loss = model(x, torch.Generator().manual_seed(0))
    loss.total.backward()
    assert loss.total.isfinite()
    if model.encoder is not None:
        assert model.encode(x).mean.shape == (8, 10)


def test_the_likelihood_of_one_number_each_is_that_of_rows_of_one():
    flow, x = GaussianFlow(0.1), torch.tensor([-0.5, 0.2, 0.9])
    theta = flow.sample_theta(x, torch.full((3,), 0.4))
    column = type(theta)(theta.mean[:, None], theta.precision[:, None])
    of_rows = flow.log_likelihood(x[:, None])(column)
    torch.testing.assert_close(flow.log_likelihood(x)(theta), of_rows, rtol=0, atol=0)


def test_a_backbone_that_does_not_take_the_data_is_refused():
    with pytest.raises(ValueError, match="unet does not take .* choose auto or one of mlp, trans"):
        build_model("bfn", load_dataset("digits_mixed").variables, ModelParams(backbone="unet"))
    assert {"auto", *BACKBONES} == {*get_args(ModelParams.model_fields["backbone"].annotation)}


class Lines:
    """A backbone of one linear layer, for images of 8×8 pixels alone."""

    def takes(self, shape):
        return shape == (1, 8, 8)

    def networks(self, shape, num_inputs, num_outputs, sizes, coded):
        packing = FlatPacking(shape, num_outputs)

        class Line(nn.Linear):
            def forward(self, inputs, *_):
                return super().forward(inputs)

        decoder = Line(packing.size(num_inputs), packing.size(num_outputs))
        return Networks(packing, decoder, None)


def test_a_new_backbone_is_a_class_and_its_row(monkeypatch):
    rows = dict(BACKBONES)
    monkeypatch.setattr("paramrel.models.build.BACKBONES", {"lines": Lines()} | rows)
    data = load_dataset("digits")
    model = build_model("bfn", data.variables, ModelParams())
    assert isinstance(model.decoder, nn.Linear)
    assert model.loss(data.train.x[:4]).total.isfinite()
    assert isinstance(
        build_model("bfn", load_dataset("digits_mixed").variables, ModelParams()).decoder, MLP
    )
