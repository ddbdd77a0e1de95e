"""SiLU of a modulated group norm, compiled for the CPU where there is a C++ compiler."""

from paramrel.networks.norm_silu.kernel import norm_silu

__all__ = ["norm_silu"]
