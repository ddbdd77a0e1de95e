"""Known data: their exact predictor, and how evenly samples are spread over them."""

from functools import partial

import torch
from torch import Tensor
from torch.distributions import Distribution

from paramrel.data.fields import Data, count, leaves
from paramrel.flows import BayesianFlow, Flow, Theta

from .run import Predictor


def exact_predictor(flow: BayesianFlow, data: Data, weights: Tensor | None = None) -> Predictor:
    """p_O(x|θ, t) if x is one of `data`: (J, ...), with probabilities `weights`: (J,), or equal.

    Bayes' rule gives p(j|θ). Its marginals are returned, variable by variable: a Categorical over
    classes or bins; for a GaussianFlow the point mass at the mean. No predictor has a lower loss.
    θ alone says how much is known of each variable, so that they may have times of their own.
    Needs B·J·D multiplications per prediction, in float64.
    """
    flow.check(data)
    number = count(data)
    if weights is None:
        weights = torch.ones(number, device=leaves(data)[0].device)
    if len(weights) != number or weights.min() <= 0:
        raise ValueError(f"weights {tuple(weights.shape)} must be {number} positive numbers")
    prior = (weights / weights.sum()).double().log()
    features, log_likelihood = flow.features(data), flow.log_likelihood(data)

    def predict(theta: Theta, t: Tensor) -> Distribution:
        posterior = (prior + log_likelihood(theta)).softmax(-1)  # (B, J)
        mean = partial(_mean, posterior=posterior, like=leaves(t)[0])
        return flow.output_of(flow.each(mean, features))

    return predict


def _mean(flow: Flow, features: Tensor, posterior: Tensor, like: Tensor) -> Tensor:
    """The features (J, ...) expected under the posterior (B, J): (B, ...)."""
    return torch.tensordot(posterior, features, 1).to(like)


def effective_number(x: Tensor, data: Tensor) -> float:
    """How many of the images `data` the samples x: (N, ...) are spread over.

    1/Σp² for a sampler that draws image j with probability p_j: J where all are alike likely, 1
    where it is always the same. Σp² is estimated without bias, by the share of equal pairs.
    """
    nearest = torch.cdist(x.flatten(1).float(), data.flatten(1).float()).argmin(1)
    counts = nearest.bincount(minlength=len(data)).double()
    return (len(x) * (len(x) - 1) / (counts * (counts - 1)).sum()).item()
