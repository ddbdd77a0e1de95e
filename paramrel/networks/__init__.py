"""Networks: shapes in, shapes out; no probability in here."""

from paramrel.networks.conditioning import CONDITIONING
from paramrel.networks.encoder import Encoder
from paramrel.networks.mlp import MLP, MLPEncoder
from paramrel.networks.packing import FlatPacking, ImagePacking, Packing
from paramrel.networks.unet import UNet

__all__ = [
    "CONDITIONING",
    "MLP",
    "Encoder",
    "FlatPacking",
    "ImagePacking",
    "MLPEncoder",
    "Packing",
    "UNet",
]
