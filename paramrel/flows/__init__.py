"""How θ moves: a flow per kind of data. No network in here."""

from .categorical import CategoricalFlow
from .diffusion import DiffusionFlow
from .discretized import DiscretizedFlow, DiscretizedNormal, bin_centers, bin_index
from .distributions import PointMass, draw
from .flow import Flow
from .gaussian import GaussianFlow
from .mixed import MixedFlow, MixedTheta
from .one_shot import OneShotFlow
from .schedules import (
    AccuracySchedule,
    ExponentialAccuracy,
    QuadraticAccuracy,
    VariancePreservingAccuracy,
)
from .theta import CategoricalTheta, GaussianTheta, Theta

__all__ = [
    "AccuracySchedule",
    "CategoricalFlow",
    "CategoricalTheta",
    "DiffusionFlow",
    "DiscretizedFlow",
    "DiscretizedNormal",
    "ExponentialAccuracy",
    "Flow",
    "GaussianFlow",
    "GaussianTheta",
    "MixedFlow",
    "MixedTheta",
    "OneShotFlow",
    "PointMass",
    "QuadraticAccuracy",
    "Theta",
    "VariancePreservingAccuracy",
    "bin_centers",
    "bin_index",
    "draw",
]
