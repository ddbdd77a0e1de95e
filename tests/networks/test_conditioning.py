"""A conditioning is a class: both networks use it, and find older weights under its names."""

import pytest
import torch
from torch import nn

from paramrel.models.config import ModelParams
from paramrel.networks import CONDITIONING, MLP, UNet
from paramrel.networks.conditioning import Conditioning

B, CODE = 3, 5
NETWORKS = {
    "unet": lambda name: UNet(2, 4, (8, 8), CODE, (16, 32), (1, 1), conditioning=name),
    "mlp": lambda name: MLP(7, 4, CODE, width=32, blocks=2, conditioning=name),
}
INPUTS = {"unet": torch.randn(B, 2, 8, 8), "mlp": torch.randn(B, 7)}


class Gate(Conditioning):
    """The code scales the hidden image of the lowest resolution."""

    def __init__(self, code_dim, lowest, **sizes):
        super().__init__(code_dim, lowest=lowest, **sizes)
        self.gate = nn.Linear(code_dim, lowest[0])

    def at_lowest(self, h, z):
        return h * self.gate(z)[..., None, None]


@pytest.mark.parametrize("network", NETWORKS)
def test_a_new_conditioning_is_a_class_and_its_row(network, monkeypatch):
    with pytest.raises(ValueError, match="'gate', but must be one of"):
        NETWORKS[network]("gate")
    monkeypatch.setitem(CONDITIONING, "gate", Gate)
    decoder = NETWORKS[network]("gate")
    nn.init.ones_(decoder.head.weight)
    z = torch.randn(B, CODE, requires_grad=True)
    decoder(INPUTS[network], torch.zeros(B), z, torch.zeros(B)).square().sum().backward()
    assert z.grad.any() and ModelParams(conditioning="gate").conditioning == "gate"


@pytest.mark.parametrize("name", CONDITIONING)
def test_the_hooks_keep_the_shapes_of_what_they_take(name):
    first, lowest = (8, 6, 4), (16, 3, 2)
    blocks = [first, None, (8, 12, 4)]
    way = CONDITIONING[name](code_dim=CODE, embedding=9, first=first, lowest=lowest, blocks=blocks)
    z = way.read(torch.randn(B, CODE))
    assert way.of_times(torch.zeros(B, 9), z).shape == (B, 9)
    assert way.at_first(torch.zeros(B, *first), z).shape == (B, *first)
    assert way.at_lowest(torch.zeros(B, *lowest), z).shape == (B, *lowest)
    for number, shape in enumerate([first, lowest, (8, 12, 4)]):
        assert way.after_block(torch.zeros(B, *shape), z, number).shape == (B, *shape)


def test_tokens_are_attended_to_after_each_block_of_at_most_8_by_8_pixels():
    attended = [
        [attention is not None for attention in network.conditioning.attention]
        for network in (
            UNet(2, 4, (16, 16), CODE, (8, 16, 16), (1, 2, 1), conditioning="tokens"),
            MLP(7, 4, CODE, width=32, blocks=2, conditioning="tokens"),
        )
    ]
    assert attended == [[False, True, True, True, True, True, True, False], [True, True]]


def test_a_token_depends_on_its_own_scalar_alone():
    pixel = (16, 1, 1)
    way = CONDITIONING["tokens"](CODE, embedding=9, first=pixel, lowest=pixel, blocks=[pixel])
    z = torch.randn(B, CODE)
    tokens, others = way.read(z), way.read(z + torch.eye(CODE)[2])
    changed = (tokens != others).any(-1)
    assert changed.tolist() == [[i == 2 for i in range(CODE)]] * B
    swapped = way.read(z[:, [1, 0, *range(2, CODE)]])
    assert not torch.allclose(swapped[:, 0], tokens[:, 1])  # an MLP of its own, and a name


def test_tokens_reach_every_resolution():
    """What a block's hook adds is the code's, once its output layer is not zero any more."""
    network = UNet(2, 4, (16, 16), CODE, (8, 16, 16), (1, 1, 1), conditioning="tokens")
    way, seen = network.conditioning, []
    hook = way.after_block
    way.after_block = lambda h, z, number: seen.append(tuple(h.shape[1:])) or hook(h, z, number)
    network(torch.randn(B, 2, 16, 16), torch.zeros(B), torch.randn(B, CODE), torch.zeros(B))
    assert seen == [(8, 16, 16), (16, 8, 8), (16, 4, 4), (16, 4, 4), (16, 8, 8), (8, 16, 16)]


OLDER = {
    "unet": {
        "adagn": {"map.0.": "code_map.0.", "embed.": "code_embed."},
        "input_add": {"map.0.": "code_map.0."},
        "cross_attention": {"attention.": "code_attention.", "scale": "code_scale",
                            "name": "code_name", "position": "position"},
    },
    "mlp": {
        "adagn": {"map.0.": "code_map.", "embed.": "code_embed."},
        "input_add": {"map.0.": "code_map."},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("network", "name"), [(network, name) for network, names in OLDER.items() for name in names]
)
def test_weights_saved_before_conditionings_were_classes_are_loaded(network, name):
    saved = nn.ModuleDict({"decoder": NETWORKS[network](name)})
    names = {f"decoder.conditioning.{new}": old for new, old in OLDER[network][name].items()}
    older, renamed = {}, set()
    for key, value in saved.state_dict().items():
        new = next((new for new in names if key.startswith(new)), None)
        older[key if new is None else f"decoder.{names[new]}{key.removeprefix(new)}"] = value
        renamed |= {new} - {None}
    assert renamed == set(names)
    loaded = nn.ModuleDict({"decoder": NETWORKS[network](name)})
    loaded.load_state_dict(older)
    for key, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value)
