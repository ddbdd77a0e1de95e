"""How θ moves: a flow per kind of data. No network in here."""

from .bayesian import BayesianFlow
from .categorical import CategoricalFlow
from .diffusion import BinaryDiffusionFlow, DiffusionFlow
from .discretized import DiscretizedFlow
from .discretized_normal import DiscretizedNormal, bin_centers, bin_index
from .distributions import PointMass, draw
from .flow import Flow
from .gaussian import GaussianFlow
from .mixed import MixedFlow
from .mixed_theta import MixedTheta
from .one_shot import OneShotFlow
from .schedules import (
    AccuracySchedule,
    ExponentialAccuracy,
    QuadraticAccuracy,
    VariancePreservingAccuracy,
)
from .theta import CategoricalTheta, GaussianTheta, Theta
from .values import check_steps, check_times

__all__ = [
    "AccuracySchedule",
    "BayesianFlow",
    "BinaryDiffusionFlow",
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
    "check_steps",
    "check_times",
    "draw",
]
