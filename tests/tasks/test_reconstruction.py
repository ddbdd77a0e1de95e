"""Images again: what is kept of an image, and what is not."""

import math

import pytest
import torch
from sklearn.decomposition import PCA
from torch.distributions import Categorical, Normal

from paramrel.data import load_dataset
from paramrel.measures.config import GenerateParams
from paramrel.measures.reconstruction import reconstruct_in_all_ways, reconstruction_table
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code
from paramrel.runs.run import Run
from paramrel.runs.train import train_run
from paramrel.solvers import exact_predictor, invert
from paramrel.tasks.reconstruction import (
    Reconstruction,
    progression,
    progressive_times,
    reconstruct_from_code,
    reconstruct_from_noise,
    reconstruct_from_theta,
)
from paramrel.tasks.sampling import predictor
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
GENERATE = GenerateParams(
    sampling_steps=4, inversion_steps=4, decoding_steps=4, progressive_log_snr=(0.0, 15.0)
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_run(method, dataset="digits") -> Run:
    torch.manual_seed(0)
    model = build_model(method, load_dataset(dataset).variables, SMALL).eval()
    return Run(dataset, method, 0, model, TrainParams())


@pytest.fixture
def x():
    return load_dataset("digits").test.x[:5]


def test_a_reconstruction_from_the_code_knows_nothing_but_the_code(x):
    """Two images with the same code come back the same."""
    model = make_run("paramrel").model
    model.encode = lambda x, s, generator: Normal(torch.zeros(5, 4), 1.0)
    first, second = (reconstruct_from_code(model, y, 3, seeded()) for y in (x, 1 - x))
    assert torch.equal(first.images, second.images)


def test_an_autoencoder_reconstructs_better_than_as_many_principal_components():
    params = TrainParams(steps=150, batch_size=64, evaluations=1)
    model = train_run("digits_continuous", "ae", 0, ModelParams(), params, progress=False)[0].model
    data = load_dataset("digits_continuous")
    images = data.test.x.flatten(1).numpy()
    pca = PCA(model.params.code_dim).fit(data.train.x.flatten(1).numpy())
    linear = pca.inverse_transform(pca.transform(images))
    ours = reconstruct_from_code(model, data.test.x, 1, seeded()).images.flatten(1).numpy()
    assert ((ours - images) ** 2).mean() < 0.8 * ((linear - images) ** 2).mean()


def with_exact_predictor(model, data):
    """A model that predicts as well as anyone can who knows its `data`, whatever the code."""
    predict = exact_predictor(model.flow, data)
    model.output_distribution = lambda theta, z, t, s: predict(theta, t)
    return model


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized", "digits_continuous"])
def test_theta_of_the_last_time_is_the_image_and_of_an_early_one_is_not(dataset):
    x = load_dataset(dataset).test.x[:20]
    model = with_exact_predictor(make_run("bfn", dataset).model, x)
    late = reconstruct_from_theta(model, x, 1.0, 10, seeded())
    torch.testing.assert_close(late.images, x)
    early = reconstruct_from_theta(model, x, 1e-3, 10, seeded())
    assert ((early.images - x).abs() > 0.01).flatten(1).any(1).sum() > 10


def test_the_first_answer_to_an_empty_code_costs_what_independent_pixels_cost(x):
    """At t = 0 the exact predictor answers with the pixels' frequencies, and the nll is theirs."""
    model = with_exact_predictor(make_run("paramrel").model, x)
    frequencies = torch.stack([1 - x.float().mean(0), x.float().mean(0)], -1)
    expected = -Categorical(frequencies).log_prob(x).flatten(1).sum(1).mean().item()
    kept = reconstruct_from_code(model, x, 3, seeded())
    assert kept.nll == pytest.approx(expected, rel=1e-5)


def test_inverted_noise_brings_the_image_back_through_the_exact_predictor():
    x = load_dataset("digits_continuous").test.x[:10]
    model = with_exact_predictor(make_run("paramrel", "digits_continuous").model, x)
    inversion = reconstruct_from_noise(model, x, torch.zeros(10, 4), 30, seeded())
    assert inversion.error.max() < 0.02


def test_a_trained_model_of_grey_images_inverts_to_less_than_a_hundredth():
    """From the mean of θ₁; a sample of θ₁ is an image with noise σ₁, which comes back with it."""
    params = TrainParams(steps=100, batch_size=64, evaluations=1)
    run, _ = train_run("digits_continuous", "paramrel", 0, ModelParams(), params, progress=False)
    x = load_dataset("digits_continuous").test.x[:50]
    z = mean_code(run.model, x, 1.0, seeded())
    exact = invert(run.model.flow, predictor(run.model, z), x, 50).error
    noisy = reconstruct_from_noise(run.model, x, z, 50, seeded()).error
    size = x.square().flatten(1).mean(1).sqrt()
    assert (exact / size).max() < 0.01 < (noisy / size).min() < 0.02


@pytest.mark.parametrize(
    "method", ["bfn", "paramrel", "paramrel_x", "paramrel_xt", "diffae", "vae"]
)
@pytest.mark.parametrize("dataset", ["digits", "digits_discretized", "digits_continuous"])
def test_the_table_has_a_row_for_each_way_with_its_floats_and_a_floor(method, dataset):
    run, images = make_run(method, dataset), load_dataset(dataset).test.x[:5]
    ways = list(reconstruct_in_all_ways(run, images, GENERATE))
    table = reconstruction_table(run, images, ways, GENERATE).set_index("way")
    counts = {
        "bfn": {"theta": 2, "noise": 1},
        "paramrel": {"code": 2, "theta": 2, "code and noise": 1},
        "paramrel_x": {"code": 1, "code and theta": 2, "code and noise": 1},
        "paramrel_xt": {"code": 2, "code and theta": 2, "code and noise": 1},
        "diffae": {"code": 1, "code and theta": 2, "code and noise": 1},
        "vae": {"code": 1},
    }[method]
    assert table.index.value_counts().to_dict() == counts | {"mean image": 1}
    assert all(kept.images.dtype == images.dtype for kept in ways)
    assert table["mse"].between(0, 1).all() and (table["n"] == 5).all()
    floats = {"code": 4, "theta": 64, "noise": 64, "code and theta": 68, "code and noise": 68}
    assert all((table.loc[[way], "floats"] == floats[way]).all() for way in counts)
    if "theta" in counts:
        assert table.loc["theta", "log_snr"].iloc[0] == pytest.approx(0, abs=1e-5)
    points = method == "diffae" or (method != "vae" and dataset == "digits_continuous")
    has_answers = not points
    assert table["nll"].drop("mean image").notna().any() == has_answers


def test_the_error_of_binary_images_is_the_share_of_wrong_bits(x):
    wrong = x.clone()
    wrong[:, :, 0, :4] = 1 - wrong[:, :, 0, :4]  # 4 of 64 bits
    kept = Reconstruction("code", 1.0, wrong)
    table = reconstruction_table(make_run("vae"), x, [kept], GENERATE).set_index("way")
    assert table.loc["code", "mse"] == table.loc["code", "bit_error"] == pytest.approx(4 / 64)
    frequencies = x.float().mean(0)
    floor = (frequencies * (1 - frequencies)).mean()
    assert table.loc["mean image", "mse"] == pytest.approx(floor.item(), rel=1e-5)
    entropy = -(
        torch.xlogy(frequencies, frequencies) + torch.xlogy(1 - frequencies, 1 - frequencies)
    )
    assert table.loc["mean image", "nll"] == pytest.approx(entropy.sum().item(), rel=1e-5)


def test_grey_images_have_decibels_of_their_mean_error():
    x = load_dataset("digits_continuous").test.x[:5]
    kept = Reconstruction("code", 1.0, (x + 0.2 * (x < 0) - 0.2 * (x >= 0)))
    run = make_run("vae", "digits_continuous")
    row = reconstruction_table(run, x, [kept], GENERATE).iloc[1]
    assert row["mse"] == pytest.approx(0.01, rel=1e-5)  # of pixels in [0, 1]
    assert row["psnr"] == pytest.approx(20, abs=1e-4)


@pytest.mark.parametrize("method", ["bfn", "diffae"])
@pytest.mark.parametrize("dataset", ["digits", "digits_discretized"])
def test_progressive_times_have_the_levels_that_the_flow_reaches_and_end_at_one(method, dataset):
    flow = make_run(method, dataset).model.flow
    *times, last = progressive_times(flow, (0.5, -1.0, 15.0))
    assert last == 1 and times == sorted(times)
    levels = flow.log_snr(torch.tensor(times, dtype=torch.float64)).tolist()
    assert levels == pytest.approx([-1.0, 0.5])


def test_a_progression_begins_with_the_image_and_rises_in_time(x):
    ways = [Reconstruction("code", time, x * 0 + round(9 * time)) for time in (1.0, 0.2)]
    images = progression(x, [*ways, Reconstruction("theta", 0.1, x)], "code")
    assert images.shape == (5, 3, 1, 8, 8)
    assert torch.equal(images[:, 0], x) and images[0, 1:, 0, 0, 0].tolist() == [2, 9]


@pytest.mark.parametrize("method", ["paramrel_x", "diffae"])
def test_theta_alone_is_no_way_of_a_code_that_is_read_from_data(method, x):
    with pytest.raises(ValueError, match="read from data"):
        reconstruct_from_theta(make_run(method).model, x, 0.5, 3, seeded())


def test_the_code_of_a_model_without_one_is_a_constant(x):
    assert not mean_code(make_run("bfn").model, x, 1.0, seeded()).any()
    assert math.isnan(Reconstruction("noise", 1.0, x).nll)
