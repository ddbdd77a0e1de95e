"""Samples and reconstructions: what is kept of an image, and what is not."""

import pytest
import torch
from sklearn.decomposition import PCA

from paramrel.data import load_dataset
from paramrel.generation import predictor, sample
from paramrel.methods import METHODS
from paramrel.params import GenerateParams, ModelParams, TrainParams
from paramrel.reconstruction import (
    reconstruct_from_code,
    reconstruct_from_theta,
    reconstruct_in_all_ways,
    reconstruction_table,
)
from paramrel.runs import Run, train_run

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
SHORT = TrainParams(steps=2, batch_size=16, evaluations=1)
GENERATE = GenerateParams(sampling_steps=4, inversion_steps=4, progressive_times=(0.5, 1.0))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_run(method, dataset="digits") -> Run:
    return train_run(dataset, method, 0, SMALL, SHORT, progress=False)[0]


@pytest.fixture(scope="module")
def run():
    return make_run("paramrel")


@pytest.fixture(scope="module")
def x():
    return load_dataset("digits").test.x[:5]


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized", "digits_continuous"])
@pytest.mark.parametrize("method", METHODS)
def test_samples_look_like_the_data_to_a_program_and_depend_on_the_seed_alone(method, dataset):
    model, test = make_run(method, dataset).model, load_dataset(dataset).test.x
    torch.nn.init.normal_(model.decoder.head.weight, generator=seeded())  # not all alike
    code = "prior" if METHODS[method].code in ("x", "x_t") else "self"
    first, again, other = (sample(model, 6, 3, seeded(seed), code) for seed in (0, 0, 1))
    assert first.shape == (6, 1, 8, 8) and first.dtype == test.dtype
    assert test.min() - 1e-6 <= first.min() and first.max() <= test.max() + 1e-6
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("method", ["ae", "vae", "diffae", "paramrel_x", "paramrel_xt"])
def test_a_code_of_the_data_cannot_be_read_while_sampling(method):
    model = make_run(method).model
    with pytest.raises(ValueError, match="read from data.*sample z from the prior"):
        sample(model, 2, 3, seeded())


def test_without_a_flow_a_sample_is_one_code_decoded_once():
    model = make_run("vae").model
    t = torch.ones(6)
    z = torch.randn(6, 4, generator=seeded())
    out = model.output_distribution(model.flow.prior((6, 1, 8, 8)), z, t, t)
    assert torch.equal(sample(model, 6, 3, seeded(), "prior"), out.mode)


@pytest.mark.parametrize(("method", "told"), [("paramrel_x", [1, 1, 1, 1]), ("paramrel_xt", None)])
def test_a_code_from_the_prior_is_told_with_the_time_that_training_told(method, told):
    model, times = make_run(method).model, []
    output = model.output_distribution
    model.output_distribution = lambda theta, z, t, s: (
        times.append((t[0].item(), s[0].item())) or output(theta, z, t, s)
    )
    sample(model, 2, 3, seeded(), "prior")
    t, s = map(list, zip(*times, strict=True))
    assert s == (told or t)


def test_a_code_can_come_from_the_prior_instead(run):
    model = run.model
    assert not torch.equal(sample(model, 6, 3, seeded()), sample(model, 6, 3, seeded(), "prior"))


def test_sampling_reads_the_code_anew_from_every_theta(run):
    encoded = []
    encode = run.model.encode_theta
    run.model.encode_theta = lambda theta, s: encoded.append(s[0].item()) or encode(theta, s)
    try:
        sample(run.model, 2, 4, seeded())
    finally:
        del run.model.encode_theta
    assert encoded == [0.0, 0.25, 0.5, 0.75, 1.0]


def test_a_shared_code_is_told_to_the_decoder_with_its_own_time(run):
    theta = run.model.flow.prior((2, 1, 8, 8))
    z, t = torch.ones(2, 4), torch.full((2,), 0.3)
    told = predictor(run.model, z, 0.7)(theta, t).logits
    expected = run.model.output_distribution(theta, z, t, torch.full((2,), 0.7)).logits
    torch.testing.assert_close(told, expected)


def test_a_reconstruction_from_the_code_knows_nothing_but_the_code(run, x):
    """Two images with the same code come back the same."""
    run.model.encode = lambda x, s, generator: torch.distributions.Normal(torch.zeros(5, 4), 1.0)
    try:
        first, second = (reconstruct_from_code(run.model, y, 3, seeded()) for y in (x, 1 - x))
    finally:
        del run.model.encode
    assert torch.equal(first, second)


def test_an_autoencoder_reconstructs_better_than_as_many_principal_components():
    params = TrainParams(steps=150, batch_size=64, evaluations=1)
    model = train_run("digits_continuous", "ae", 0, ModelParams(), params, progress=False)[0].model
    data = load_dataset("digits_continuous")
    images = data.test.x.flatten(1).numpy()
    pca = PCA(model.params.code_dim).fit(data.train.x.flatten(1).numpy())
    linear = pca.inverse_transform(pca.transform(images))
    ours = reconstruct_from_code(model, data.test.x, 1, seeded()).flatten(1).numpy()
    assert ((ours - images) ** 2).mean() < 0.8 * ((linear - images) ** 2).mean()


def test_theta_of_the_last_time_is_the_image_and_of_an_early_one_is_not(x):
    run = train_run("digits", "bfn", 0, SMALL, TrainParams(steps=150), progress=False)[0]
    late = reconstruct_from_theta(run.model, x, 1.0, 10, seeded())
    early = reconstruct_from_theta(run.model, x, 0.05, 10, seeded())
    assert (late != x).float().mean() < 0.02 < 0.1 < (early != x).float().mean()


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized", "digits_continuous"])
@pytest.mark.parametrize("method", ["bfn", "paramrel", "paramrel_x", "diffae", "vae"])
def test_the_table_has_a_row_for_each_way_with_its_floats_and_a_floor(method, dataset):
    run, images = make_run(method, dataset), load_dataset(dataset).test.x[:5]
    ways = reconstruct_in_all_ways(run, images, GENERATE)
    table = reconstruction_table(run, images, ways).set_index(["way", "time"])
    theta = {("theta", 0.5), ("theta", 1.0)}
    code, both = {("code", 1.0)}, {("code and noise", 1.0)}
    expected = {
        "bfn": theta | {("noise", 1.0)},
        "paramrel": theta | code | {("code", 0.5)} | both,
        "paramrel_x": code | both,
        "diffae": code | both,
        "vae": code,
    }[method]
    assert set(ways) == expected and set(table.index) == expected | {("mean image", 0.0)}
    assert all(image.dtype == images.dtype for image in ways.values())
    assert table["mse"].between(0, 1).all() and (table["n"] == 5).all()
    if method != "bfn":
        assert table.loc[("code", 1.0), "floats"] == 4
    if both <= expected:
        assert table.loc[("code and noise", 1.0), "floats"] == 68


def test_the_error_of_binary_images_is_the_share_of_wrong_bits(run, x):
    wrong = x.clone()
    wrong[:, :, 0, :4] = 1 - wrong[:, :, 0, :4]  # 4 of 64 bits
    table = reconstruction_table(run, x, {("code", 1.0): wrong}).set_index("way")
    assert table.loc["code", "mse"] == pytest.approx(4 / 64)
    frequencies = x.float().mean(0)
    floor = (frequencies * (1 - frequencies)).mean()
    assert table.loc["mean image", "mse"] == pytest.approx(floor.item(), rel=1e-5)
