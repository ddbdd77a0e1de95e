"""What becomes of an image when its code is changed and its noise is not."""

import math

import pytest
import torch

from paramrel.data import load_dataset
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code
from paramrel.models.methods import METHODS
from paramrel.runs.pretrained import load_pretrained
from paramrel.tasks.editing import (
    Latent,
    encode_latent,
    interpolate,
    interpolate_latents,
    manipulate,
    probe_direction,
    slerp,
    time_codes,
    traverse,
)
from paramrel.tasks.sampling import decode_codes, draw_noise, sample

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
CODED = [name for name, method in METHODS.items() if method.code != "none"]
TIMED = [name for name, method in METHODS.items() if method.code in ("theta", "x_t")]
STEPS = 3


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def opened(method, dataset="digits"):
    """An untrained model whose layers that start at zero are open, so that its images differ."""
    torch.manual_seed(0)
    model = build_model(method, load_dataset(dataset).variables, SMALL).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.3)
    return model


def latent_of(model, number=3):
    z = torch.randn(number, 4, generator=seeded())
    return Latent(z, draw_noise(model, number, seeded(1)))


def alike(first, second):
    """Whether classes agree, but for ties that batches of other sizes may round otherwise."""
    return first.shape == second.shape and (first != second).float().mean() < 0.02


@pytest.fixture
def x():
    return load_dataset("digits").test.x[:3]


@pytest.mark.parametrize("method", METHODS)
def test_a_path_begins_and_ends_with_the_reconstructions(method, x):
    model = opened(method)
    start, end = (encode_latent(model, y, STEPS, seeded()) for y in (x, x.roll(1, 0)))
    path = interpolate_latents(model, start, end, 4, STEPS)
    assert path.shape == (3, 4, 1, 8, 8)
    assert alike(path[:, 0], decode_codes(model, start.z, start.noise, STEPS))
    assert alike(path[:, -1], decode_codes(model, end.z, end.noise, STEPS))


@pytest.mark.parametrize("method", ["vae", "paramrel"])
def test_half_way_stands_the_image_of_the_mean_code(method):
    model = opened(method)
    start = latent_of(model)
    end = Latent(start.z + 2, start.noise)
    middle = interpolate_latents(model, start, end, 3, STEPS)[:, 1]
    assert alike(middle, decode_codes(model, start.z + 1, start.noise, STEPS))


def test_the_arc_between_orthogonal_noises_is_a_quarter_circle():
    start, end = torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 3.0]])
    for weight in (0.0, 0.25, 0.5, 1.0):
        angle = weight * math.pi / 2
        expected = 3 * torch.tensor([[math.cos(angle), math.sin(angle)]])
        torch.testing.assert_close(slerp(start, end, weight), expected)


def test_noise_stays_as_long_as_noise_is_and_equal_noises_stay_as_they_are():
    start, end = (torch.randn(2, 1, 30, 30, generator=seeded(seed)) for seed in (0, 1))
    middle = slerp(start, end, 0.5)
    assert middle.flatten(1).norm(dim=1).tolist() == pytest.approx([30, 30], rel=0.1)
    torch.testing.assert_close(slerp(start, start, 0.3), start)


@pytest.mark.parametrize("method", CODED)
def test_a_traversal_passes_through_the_image_and_moves_one_dimension(method):
    model = opened(method)
    latent, codes = latent_of(model), torch.tensor([1.0, 2.0, 3.0, 4.0]) * torch.eye(4)
    images = traverse(model, latent, codes, (-3, 0, 2), STEPS)
    assert images.shape == (3, 4, 3, 1, 8, 8)
    still = decode_codes(model, latent.z, latent.noise, STEPS)
    assert all(alike(images[:, i, 1], still) for i in range(4))
    moved = latent.z.clone()
    moved[:, 2] += 2 * codes[:, 2].std()
    assert alike(images[:, 2, 2], decode_codes(model, moved, latent.noise, STEPS))


@pytest.mark.parametrize("method", CODED)
def test_a_manipulation_adds_so_much_of_a_direction(method):
    model = opened(method)
    latent, direction = latent_of(model), torch.tensor([1.0, 0.0, -1.0, 0.5])
    images = manipulate(model, latent, direction, (0.0, 2.0), STEPS)
    assert alike(images[:, 0], decode_codes(model, latent.z, latent.noise, STEPS))
    moved = decode_codes(model, latent.z + 2 * direction, latent.noise, STEPS)
    assert alike(images[:, 1], moved)


def test_a_probe_s_direction_is_that_in_which_classes_differ_a_deviation_long():
    """Two clouds, 4 apart in the second dimension alone, of scales 10 and 2."""
    wanted = torch.arange(2000) % 2
    codes = torch.randn(2000, 2, generator=seeded()) * torch.tensor([10.0, 0.5])
    codes[:, 1] += 4.0 * wanted
    direction = probe_direction(codes, wanted)
    assert direction[1] == pytest.approx(codes[:, 1].std(correction=0).item(), rel=0.01)
    assert direction[0].abs() < 0.15 * codes[:, 0].std()


def test_a_constant_dimension_has_no_part_in_a_direction():
    codes = torch.randn(200, 2, generator=seeded()) * torch.tensor([1.0, 0.0])
    assert probe_direction(codes, codes[:, 0] > 0)[1] == 0


@pytest.mark.parametrize("method", TIMED)
def test_the_code_of_the_last_time_gives_the_reconstruction(method, x):
    model = opened(method)
    noise = draw_noise(model, 3, seeded(1))
    images = time_codes(model, x, (0.2, 1.0), noise, STEPS, seeded())
    assert images.shape == (3, 2, 1, 8, 8)
    z = mean_code(model, x, 1.0, seeded())
    assert torch.equal(images[:, 1], decode_codes(model, z, noise, STEPS))
    assert torch.equal(images[:, 1:], time_codes(model, x, (1.0,), noise, STEPS, seeded()))


def refusals():
    for method, row in METHODS.items():
        if row.code == "none":
            yield from ((method, task, "no code") for task in ("traverse", "manipulate", "times"))
        elif row.code == "x":
            yield method, "times", "read from data x, and so has no other time"


@pytest.mark.parametrize(("method", "task", "reason"), list(refusals()))
def test_what_a_method_cannot_do_is_refused_with_the_reason(method, task, reason, x):
    model = opened(method)
    latent = latent_of(model)
    tasks = {
        "traverse": lambda: traverse(model, latent, torch.eye(4), (1,), STEPS),
        "manipulate": lambda: manipulate(model, latent, torch.ones(4), (1,), STEPS),
        "times": lambda: time_codes(model, x, (1.0,), latent.noise, STEPS, seeded()),
    }
    with pytest.raises(ValueError, match=reason):
        tasks[task]()


@pytest.mark.parametrize("method", ["bfn", "paramrel", "paramrel_x", "paramrel_xt", "vae"])
def test_records_are_drawn_and_edited_field_by_field(method):
    data = load_dataset("digits_mixed")
    model = opened(method, "digits_mixed")
    x = data.test.x[:3]
    shapes = {name: part.shape for name, part in x.items()}
    drawn = sample(model, 3, STEPS, seeded(), METHODS[method].samplers[0])
    assert {name: part.shape for name, part in drawn.items()} == shapes
    assert all(drawn[name].dtype == x[name].dtype for name in x)
    latent = encode_latent(model, x, STEPS, seeded())
    path = interpolate_latents(model, latent, latent, 2, STEPS)
    expected = decode_codes(model, latent.z, latent.noise, STEPS)
    for name in x:
        torch.testing.assert_close(path[name][:, 0], expected[name], atol=1e-3, rtol=0)
    if METHODS[method].code != "none":
        moved = traverse(model, latent, torch.eye(4), (0, 1), STEPS)
        assert moved["label"].shape == (3, 4, 2) and moved["pixels"].shape == (3, 4, 2, 1, 8, 8)
    if method in TIMED:
        images = time_codes(model, x, (0.5, 1.0), latent.noise, STEPS, seeded())
        assert images["summary"].shape == (3, 2, 4)


def test_as_many_starts_as_ends_are_needed():
    model, x = load_pretrained("digits").model, load_dataset("digits").test.x
    with pytest.raises(ValueError, match="x_start holds 4 examples and x_end 3; as many"):
        interpolate(model, x[:4], x[:3])
