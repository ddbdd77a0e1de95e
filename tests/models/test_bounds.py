"""Bounds and the cost of a shuffled code are measured in batches, wherever the data lie."""

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import nll_bound, shuffled_code_loss
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)


@pytest.fixture
def model():
    torch.manual_seed(0)
    return build_model("paramrel", load_dataset("digits").variables, SMALL).eval()


@pytest.mark.parametrize("measure", [nll_bound, shuffled_code_loss])
def test_no_batch_is_larger_than_the_model_s_and_every_example_is_measured(
    model, measure, monkeypatch
):
    sizes = []
    monkeypatch.setattr(FlowAutoencoder, "batch_size", 16)
    decode = FlowAutoencoder.output_distribution
    monkeypatch.setattr(
        FlowAutoencoder,
        "output_distribution",
        lambda self, theta, z, t, s: sizes.append(len(t)) or decode(self, theta, z, t, s),
    )
    found = measure(model, load_dataset("digits").test.x[:33], num_times=2)
    assert len(getattr(found, "total", found)) == 33 and set(sizes) == {11}


def test_the_mean_in_batches_is_that_of_all_at_once(model, monkeypatch):
    x = load_dataset("digits").test.x
    whole = nll_bound(model, x, num_times=8, generator=model.generator(0)).total.mean().item()
    monkeypatch.setattr(FlowAutoencoder, "batch_size", 40)
    parts = nll_bound(model, x, num_times=8, generator=model.generator(0)).total.mean().item()
    assert parts == pytest.approx(whole, rel=0.02)
