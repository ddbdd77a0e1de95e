"""Samples, and images that share a code or a noise."""

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.runs.run import Run
from paramrel.runs.train import train_run
from paramrel.solvers import decode
from paramrel.tasks.sampling import (
    decode_codes,
    draw_noise,
    fixed_noise_decoder,
    generate_like,
    predictor,
    sample,
)
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
SHORT = TrainParams(steps=2, batch_size=16, evaluations=1)
CODED = [name for name, method in METHODS.items() if method.code != "none"]
FLOWING = [name for name in CODED if METHODS[name].flow != "one_shot"]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def make_run(method, dataset="digits") -> Run:
    return train_run(dataset, method, 0, SMALL, SHORT, progress=False)[0]


def opened(method, dataset="digits"):
    """An untrained model whose layers that start at zero are open, so that its images differ."""
    torch.manual_seed(0)
    model = build_model(method, load_dataset(dataset).variables, SMALL).eval()
    generator = seeded()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.3, generator=generator)
    return model


@pytest.fixture(scope="module")
def run():
    return make_run("paramrel")


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
        sample(model, 2, 3, seeded(), "self")


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


@pytest.mark.parametrize("method", CODED)
def test_a_learned_prior_is_drawn_from_and_given_codes_are_taken_as_they_are(method):
    class Learned:
        def sample(self, number, generator):
            return torch.full((number, 4), 2.0)

    model = opened(method)
    given = torch.full((6, 4), 2.0)
    drawn, taken = (sample(model, 6, 3, seeded(), code) for code in (Learned(), given))
    assert torch.equal(drawn, taken)
    assert not torch.equal(taken, sample(model, 6, 3, seeded(), -given))


@pytest.mark.parametrize("method", ["bfn", "paramrel", "diffae", "vae"])
def test_both_solvers_draw_and_without_a_flow_they_agree(method):
    model = opened(method)
    code = "prior" if METHODS[method].sampler == "learned" else METHODS[method].sampler
    slow, fast = (sample(model, 6, 3, seeded(), code, s) for s in ("ancestral", "bfn_solver"))
    assert slow.shape == fast.shape == (6, 1, 8, 8)
    assert torch.equal(slow, fast) == (method == "vae")


@pytest.mark.parametrize("code", ["prior", torch.zeros(2, 4)])
def test_a_method_without_a_code_is_given_none(code):
    with pytest.raises(ValueError, match="no code: .* sample with 'self'"):
        sample(opened("bfn"), 2, 3, seeded(), code)


@pytest.mark.parametrize("dataset", ["digits", "digits_discretized", "digits_continuous"])
@pytest.mark.parametrize("method", METHODS)
def test_a_code_and_a_noise_make_one_image_without_any_randomness(method, dataset):
    model = opened(method, dataset)
    z, noise = torch.ones(3, 4), draw_noise(model, 3, seeded())
    first, again = (decode_codes(model, z, noise, 3) for _ in range(2))
    assert torch.equal(first, again) and first.dtype == load_dataset(dataset).test.x.dtype
    if METHODS[method].flow == "one_shot":
        assert noise is None and torch.equal(first[0], first[1])
    else:
        ode = decode(model.flow, predictor(model, z), noise, 3)
        assert torch.equal(first, model.to_data(ode)) and not torch.equal(first[0], first[1])


@pytest.mark.parametrize("method", FLOWING)
def test_rows_share_a_code_and_columns_share_a_noise(method):
    model = opened(method)
    z, noise = torch.randn(2, 4, generator=seeded()), draw_noise(model, 3, seeded())
    grid = generate_like(model, z, noise, 3)
    assert grid.shape == (2, 3, 1, 8, 8)
    for i in range(2):
        for j in range(3):
            alone = decode_codes(model, z[i : i + 1], noise[j : j + 1], 3)[0]
            assert (grid[i, j] != alone).float().mean() < 0.05  # batches round differently
    assert torch.equal(grid, generate_like(model, z, noise, 3))


@pytest.mark.parametrize(
    ("method", "reason"),
    [("bfn", "no code"), ("ae", "no flow, and so no noise"), ("vae", "no flow, and so no noise")],
)
def test_images_like_a_code_are_refused_with_the_reason(method, reason):
    model = opened(method)
    with pytest.raises(ValueError, match=reason):
        generate_like(model, torch.zeros(2, 4), draw_noise(model, 2, seeded()), 3)


@pytest.mark.parametrize("method", ["paramrel", "vae"])
def test_a_decoder_of_one_noise_gives_equal_images_for_equal_codes(method):
    decoder = fixed_noise_decoder(opened(method), 3, seeded())
    images = decoder(torch.ones(2, 4))
    assert torch.equal(images[0], images[1]) and images.abs().max() == 1
    assert not torch.equal(images, decoder(-torch.ones(2, 4)))
