"""Batches: what is made of them is what is made of all, and no memory grows with their number."""

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from paramrel.data import Fields, load_dataset
from paramrel.measures.config import EvaluateParams
from paramrel.measures.evaluation import evaluate
from paramrel.models.batches import in_batches
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code, posterior
from paramrel.runs.run import Run
from paramrel.tasks.sampling import decode_codes, draw_noise, sample
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4, mlp_width=16)


def make_model(method, dataset):
    torch.manual_seed(0)
    return build_model(method, load_dataset(dataset).variables, SMALL).eval()


@pytest.fixture
def few(monkeypatch):
    """At most 32 images of 16×16 at once, or 128 of 8×8."""
    monkeypatch.setattr("paramrel.models.autoencoder.BATCH_VALUES", 2**13)


@pytest.mark.parametrize("dataset", ["digits", "sprites_16", "digits_mixed"])
def test_codes_of_many_batches_are_those_of_each_example(dataset, few):
    model, x = make_model("vae", dataset), load_dataset(dataset).test.x
    some = x[:300]
    kinds = [some]  # beside it: on disk, or of fields
    if isinstance(some, dict):
        kinds += [Fields(some)]
    elif not isinstance(x, Tensor):
        kinds += [x.some(torch.arange(300))]
    alone = torch.cat([mean_code(model, x[i : i + 1]) for i in range(0, 300, 50)])
    for kind in kinds:
        found = posterior(model, kind)
        assert found.mean.shape == found.stddev.shape == (300, 4)
        torch.testing.assert_close(found.mean[::50], alone)


def test_images_of_many_batches_are_those_of_their_codes_and_noises(few):
    model = make_model("paramrel", "digits")
    torch.nn.init.normal_(model.decoder.head.weight)
    z, noise = torch.randn(300, 4), draw_noise(model, 300, model.generator(0))
    images, last = decode_codes(model, z, noise, 2), decode_codes(model, z[-5:], noise[-5:], 2)
    assert images.shape == (300, 1, 8, 8)
    assert (images[-5:] != last).float().mean() < 0.02  # batches round differently


def test_samples_of_two_batches_differ_and_given_codes_are_shared_out(few):
    model = make_model("paramrel", "digits_continuous")
    images = sample(model, 256, 2)
    assert not torch.equal(images[:128], images[128:])
    given = torch.arange(256.0)[:, None].expand(256, 4)
    taken = []
    output = model.output_distribution
    model.output_distribution = lambda theta, z, t, s: taken.append(z) or output(theta, z, t, s)
    sample(model, 256, 1, code=given)
    assert [len(z) for z in taken] == [128] * 4  # two batches of two predictions
    assert torch.equal(torch.cat(taken[::2]), given)
    with pytest.raises(ValueError, match="code holds 256 codes for 3 samples"):
        sample(model, 3, 1, code=given)


def test_what_is_returned_by_name_is_joined_by_name(few):
    model = make_model("vae", "digits")
    x = torch.arange(300.0)
    found = in_batches(model, lambda x: {"twice": 2 * x, "of": {"it": -x}}, x)
    assert torch.equal(found["twice"], 2 * x) and torch.equal(found["of"]["it"], -x)


class Largest(TorchDispatchMode):
    """Remembers how many bytes the largest tensor has that any operation made."""

    size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        for part in tree_leaves(result):
            if isinstance(part, Tensor):
                self.size = max(self.size, part.untyped_storage().nbytes())
        return result


@pytest.mark.parametrize("method", ["bfn", "paramrel", "vae"])
def test_an_evaluation_of_twice_as_many_examples_makes_no_larger_tensor(method, few, monkeypatch):
    monkeypatch.setattr("paramrel.training.monitors.MATCHED", 50)
    data = load_dataset("sprites_16")
    run = Run("sprites_16", method, 0, make_model(method, "sprites_16"), TrainParams())
    sizes = []
    levels = data.train.x.levels.untyped_storage().nbytes()  # of the set itself, mapped from disk
    for examples in (100, 200):
        params = EvaluateParams(num_times=1, probe_times=(1.0,), examples=examples)
        with Largest() as largest:
            evaluate(run, data, params)
        sizes.append(largest.size)
    assert sizes[0] == sizes[1] < levels
