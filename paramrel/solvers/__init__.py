"""From a predictor of x to samples of x: functions that hold no network and know of none."""

from .ancestral import ancestral
from .bfn_solver import bfn_solver, times_of_log_snr
from .exact import effective_number, exact_predictor
from .inversion import Inversion, decode, invert
from .run import Predictor, Step, inference

__all__ = [
    "Inversion",
    "Predictor",
    "Step",
    "ancestral",
    "bfn_solver",
    "decode",
    "effective_number",
    "exact_predictor",
    "inference",
    "invert",
    "times_of_log_snr",
]
