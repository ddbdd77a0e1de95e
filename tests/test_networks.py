"""Shapes, sizes and paths through the networks."""

import pytest
import torch

from paramrel.networks import CONDITIONING, Encoder, UNet

B, CODE = 3, 5


def unet(size=8, conditioning="adagn", channels=(16, 32), blocks=(1, 1)):
    torch.manual_seed(0)
    return UNet(2, 4, (size, size), CODE, channels, blocks, conditioning=conditioning)


def inputs(size=8):
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(B, 2, size, size, generator=generator)
    return image, torch.zeros(B), torch.randn(B, CODE, generator=generator), torch.ones(B)


def open_zero_layers(module):
    """Give layers that start at zero the weights of a trained network."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in module.parameters():
            if not parameter.any():
                parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return module


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize(
    ("size", "channels", "blocks"),
    [(8, (16, 32), (0, 1)), (28, (8, 16, 24), (1, 1, 2)), (64, (8, 8, 8, 16), (0, 1, 1, 1))],
)
def test_the_unet_gives_its_channels_at_the_image_s_size(size, channels, blocks, conditioning):
    network = unet(size, conditioning, channels, blocks)
    assert network(*inputs(size)).shape == (B, 4, size, size)


def test_the_encoder_gives_the_mean_and_the_log_scale_of_a_code():
    mean, log_std = Encoder(2, (8, 8), CODE, (16, 32))(torch.randn(B, 2, 8, 8), torch.zeros(B))
    assert mean.shape == log_std.shape == (B, CODE)


@pytest.mark.parametrize("conditioning", CONDITIONING)
def test_a_code_can_draw_a_picture_on_a_constant_input(conditioning):
    """The trap of a flow's start: normalised constant maps stay constant."""
    network = open_zero_layers(unet(conditioning=conditioning))
    _, t, z, s = inputs()
    blank = torch.zeros(B, 2, 8, 8)
    inner = (network(blank, t, z, s) - network(blank, t, -z, s))[:, :, 2:-2, 2:-2]
    assert inner.flatten(2).std(-1).min() > 1e-3  # not only a border, which padding makes


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("argument", range(4), ids=["θ", "t", "z", "s"])
def test_the_unet_depends_on_each_of_its_arguments(conditioning, argument):
    network = open_zero_layers(unet(conditioning=conditioning))
    arguments = list(inputs())
    before = network(*arguments)
    arguments[argument] = arguments[argument] + 1
    assert (network(*arguments) - before).abs().max() > 1e-4


def test_times_without_any_signal_are_finite():
    network = open_zero_layers(unet())
    image, t, z, s = inputs()
    assert network(image, t - torch.inf, z, s + torch.inf).isfinite().all()


def test_a_network_starts_with_an_output_of_zero():
    assert not unet()(*inputs()).any()


def test_a_size_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="not divisible by 2"):
        unet(size=7)


def test_an_unknown_conditioning_is_refused():
    with pytest.raises(ValueError, match="'film', but must be one of"):
        unet(conditioning="film")


def test_levels_of_blocks_and_channels_must_match():
    with pytest.raises(ValueError, match="differ in length"):
        unet(blocks=(1,))
