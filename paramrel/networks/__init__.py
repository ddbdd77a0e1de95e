"""Networks: shapes in, shapes out; no probability in here."""

from paramrel.networks.blocks import CONDITIONING
from paramrel.networks.encoder import Encoder
from paramrel.networks.unet import UNet

__all__ = ["CONDITIONING", "Encoder", "UNet"]
