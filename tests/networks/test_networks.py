"""Shapes, sizes and paths through the networks."""

import pytest
import torch

from paramrel.networks import (
    CONDITIONING,
    MLP,
    Encoder,
    FlatPacking,
    ImagePacking,
    MLPEncoder,
    UNet,
)
from paramrel.networks.blocks import Attention

B, CODE = 3, 5


def unet(size=8, conditioning="adagn", channels=(16, 32), blocks=(1, 1)):
    torch.manual_seed(0)
    return UNet(2, 4, (size, size), CODE, channels, blocks, conditioning=conditioning)


def inputs(size=8):
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(B, 2, size, size, generator=generator)
    return image, torch.zeros(B), torch.randn(B, CODE, generator=generator), torch.ones(B)


def mlp(conditioning="adagn"):
    torch.manual_seed(0)
    return MLP(7, 4, CODE, width=32, blocks=2, conditioning=conditioning)


def vectors():
    generator = torch.Generator().manual_seed(0)
    x, z = torch.randn(B, 7, generator=generator), torch.randn(B, CODE, generator=generator)
    return x, torch.zeros(B), z, torch.ones(B)


NETWORKS = {"unet": (unet, inputs), "mlp": (mlp, vectors)}


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


@pytest.mark.parametrize(
    ("size", "levels", "attends"),
    [(8, 2, True), (28, 3, True), (32, 2, True), (64, 3, True), (64, 2, False)],
)
def test_pixels_attend_to_each_other_at_the_lowest_resolution_where_they_are_few(
    size, levels, attends
):
    network = unet(size, channels=(8,) * levels, blocks=(1,) * levels)
    attentions = [module for module in network.modules() if isinstance(module, Attention)]
    assert len(attentions) == attends


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
def test_the_mlp_gives_its_features_and_a_code_changes_each_of_them_on_a_constant_input(
    conditioning,
):
    network = open_zero_layers(mlp(conditioning))
    _, t, z, s = vectors()
    blank = torch.zeros(B, 7)
    difference = network(blank, t, z, s) - network(blank, t, -z, s)
    assert difference.shape == (B, 4) and difference.abs().min() > 1e-3


def test_the_mlp_encoder_gives_the_mean_and_the_log_scale_of_a_code():
    mean, log_std = MLPEncoder(7, CODE, width=32)(torch.randn(B, 7), torch.zeros(B))
    assert mean.shape == log_std.shape == (B, CODE)


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("name", NETWORKS)
def test_every_parameter_of_a_network_is_used(name, conditioning):
    make, arguments = NETWORKS[name]
    network = open_zero_layers(make(conditioning=conditioning))
    network(*arguments()).square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in network.parameters())


@pytest.mark.parametrize("conditioning", CONDITIONING)
@pytest.mark.parametrize("argument", range(4), ids=["θ", "t", "z", "s"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_decoder_depends_on_each_of_its_arguments(name, conditioning, argument):
    make, arguments = NETWORKS[name]
    network, arguments = open_zero_layers(make(conditioning=conditioning)), list(arguments())
    before = network(*arguments)
    arguments[argument] = arguments[argument] + 1
    assert (network(*arguments) - before).abs().max() > 1e-4


@pytest.mark.parametrize("name", NETWORKS)
def test_times_without_any_signal_are_finite(name):
    make, arguments = NETWORKS[name]
    x, t, z, s = arguments()
    assert open_zero_layers(make())(x, t - torch.inf, z, s + torch.inf).isfinite().all()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_starts_with_an_output_of_zero(name):
    make, arguments = NETWORKS[name]
    assert not make()(*arguments()).any()


def test_an_image_is_packed_into_channels_and_comes_back_as_its_variables():
    packing, x = ImagePacking(3), torch.randn(B, 3, 4, 4, 2)
    packed = packing.pack(x)
    assert packed.shape == (B, packing.size(2), 4, 4)
    assert torch.equal(packing.unpack(packed), x)


def test_records_are_packed_into_a_vector_and_come_back_field_by_field():
    shapes, features = {"a": (2, 3), "b": (), "c": (4,)}, {"a": 1, "b": 5, "c": 2}
    packing = FlatPacking(shapes, features)
    x = {name: torch.randn(B, *shapes[name], features[name]) for name in reversed(shapes)}
    packed = packing.pack(x)
    assert packed.shape == (B, packing.size(features)) == (B, 6 + 5 + 8)
    unpacked = packing.unpack(packed)
    assert all(torch.equal(unpacked[name], x[name]) for name in shapes)


def test_a_sequence_is_packed_into_a_vector_and_comes_back():
    packing, x = FlatPacking((6,), 3), torch.randn(B, 6, 3)
    assert packing.pack(x).shape == (B, packing.size(3))
    assert torch.equal(packing.unpack(packing.pack(x)), x)


def test_a_size_that_does_not_halve_is_refused():
    with pytest.raises(ValueError, match="not divisible by 2"):
        unet(size=7)


@pytest.mark.parametrize("name", NETWORKS)
def test_an_unknown_conditioning_is_refused(name):
    with pytest.raises(ValueError, match="'film', but must be one of"):
        NETWORKS[name][0](conditioning="film")


def test_levels_of_blocks_and_channels_must_match():
    with pytest.raises(ValueError, match="differ in length"):
        unet(blocks=(1,))
