"""Known data: their exact predictor, and how evenly samples are spread over them."""

import torch
from torch import Tensor
from torch.distributions import Categorical, Distribution
from torch.nn.functional import one_hot

from paramrel.flows import (
    CategoricalFlow,
    CategoricalTheta,
    DiscretizedFlow,
    Flow,
    PointMass,
    Theta,
    bin_index,
)

from .run import Predictor


def exact_predictor(flow: Flow, data: Tensor, weights: Tensor | None = None) -> Predictor:
    """p_O(x|θ, t) if x is one of `data`: (J, ...), with probabilities `weights`: (J,), or equal.

    Bayes' rule gives p(j|θ). Its marginals are returned, variable by variable: a Categorical over
    classes or bins; for a GaussianFlow the point mass at the mean. No predictor has a lower loss.
    Needs B·J·D multiplications per prediction, in float64.
    """
    if weights is None:
        weights = torch.ones(len(data), device=data.device)
    if len(weights) != len(data) or weights.min() <= 0:
        raise ValueError(f"weights {tuple(weights.shape)} must be {len(data)} positive numbers")
    prior = (weights / weights.sum()).double().log()
    if isinstance(flow, CategoricalFlow):
        features = one_hot(data, flow.num_classes).double()
    elif isinstance(flow, DiscretizedFlow):
        features = one_hot(bin_index(data, flow.num_bins), flow.num_bins).double()
    else:
        features = data.double()

    def predict(theta: Theta, t: Tensor) -> Distribution:
        posterior = (prior + _log_likelihood(theta, data, features)).softmax(-1)  # (B, J)
        marginals = torch.tensordot(posterior, features, 1).to(t)  # (B, ..., K) or (B, ...)
        if isinstance(flow, CategoricalFlow | DiscretizedFlow):
            return Categorical(logits=marginals.log())
        return PointMass(marginals)

    return predict


def _log_likelihood(theta: Theta, data: Tensor, features: Tensor) -> Tensor:
    """ln p(θ|x_j) up to what does not depend on j: (B, J)."""
    if isinstance(theta, CategoricalTheta):
        return theta.logits.double().flatten(1) @ features.flatten(1).T
    x, mean, precision = data.double().flatten(1), theta.mean.double(), theta.precision.double()
    beta = (precision - 1).expand_as(mean)
    return (precision * mean).flatten(1) @ x.T - beta.flatten(1) @ x.square().T / 2


def effective_number(x: Tensor, data: Tensor) -> float:
    """How many of the images `data` the samples x: (N, ...) are spread over.

    1/Σp² for a sampler that draws image j with probability p_j: J where all are alike likely, 1
    where it is always the same. Σp² is estimated without bias, by the share of equal pairs.
    """
    nearest = torch.cdist(x.flatten(1).float(), data.flatten(1).float()).argmin(1)
    counts = nearest.bincount(minlength=len(data)).double()
    return (len(x) * (len(x) - 1) / (counts * (counts - 1)).sum()).item()
