"""The sampler that defines a Bayesian flow network: n messages about its own predictions."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Generator, Tensor

from paramrel.flows import BayesianFlow, Theta

from .run import Callback, Predictor, Run, Shape, check_run, inference


def ancestral(
    flow: BayesianFlow,
    predict: Predictor,
    shape: Shape,
    n: int,
    *,
    final: Literal["sample", "mode"] = "sample",
    theta: Theta | None = None,
    t_start: float = 0.0,
    device: torch.device | str | None = None,
    generator: Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Samples x: `shape` = (B, ...), in n steps and n + 1 predictions (Graves et al. 2023, alg. 3).

    Each step draws x' from the output distribution p_O(x|θ, t) (of a GaussianFlow: its point
    mass), y from the sender p_S(y|x'; α), and updates θ. The steps are equal in time and lie in
    [t_start, 1]; their accuracies α are differences of β. In the end x is drawn from p_O(x|θ₁, 1)
    or is its mode, which is sharper but not distributed as the model says.

    predict: p_O(x|θ, t) from θ and t: (B,), of the dtype of θ.
    theta: θ at t_start to go on from; its precision may differ from variable to variable.
    callback: is called with a `Step` at each of the n + 1 predictions.

    Raises ValueError for arguments that are not allowed.
    """
    check_run(flow, shape, n, final, theta)
    if not 0 <= t_start < 1:
        raise ValueError(f"t_start = {t_start} must lie in [0, 1)")
    if theta is None and t_start != 0:
        raise ValueError(f"t_start = {t_start} must be 0 unless theta says where to start")
    times = torch.linspace(t_start, 1, n + 1, dtype=torch.float64).tolist()
    run = Run(flow, predict, callback)
    accuracies = [flow.gain(t, t_next) for t, t_next in pairwise(times)]
    with inference(predict):
        if theta is None:
            theta = flow.prior(shape, device=device, generator=generator)
        for i, alpha in enumerate(accuracies):
            x = flow.sample_output(run.evaluate(theta, i, times[i]), generator)
            u = flow.statistic(x, theta.dtype)
            theta = flow.add(theta, flow.message(u, alpha, generator), alpha)
        return run.finish(theta, n, final, generator)
