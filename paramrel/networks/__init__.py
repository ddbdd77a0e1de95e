"""Networks: shapes in, shapes out; no probability in here."""

from paramrel.networks.backbone import Backbone, Networks
from paramrel.networks.conditioning import CONDITIONING
from paramrel.networks.encoder import Encoder
from paramrel.networks.mlp import MLP, MLPBackbone, MLPEncoder
from paramrel.networks.packing import FlatPacking, ImagePacking, Packing, TokenPacking
from paramrel.networks.transformer import Transformer, TransformerBackbone, TransformerEncoder
from paramrel.networks.unet import UNet, UNetBackbone

__all__ = [
    "CONDITIONING",
    "MLP",
    "Backbone",
    "Encoder",
    "FlatPacking",
    "ImagePacking",
    "MLPBackbone",
    "MLPEncoder",
    "Networks",
    "Packing",
    "TokenPacking",
    "Transformer",
    "TransformerBackbone",
    "TransformerEncoder",
    "UNet",
    "UNetBackbone",
]
