"""BFN-Solver: the differential equations of θ, solved in few steps (Xue et al. 2024).

In the natural parameter ζ (see `BayesianFlow`) the equations of all kinds of data are the same two:

    probability-flow ODE    d(ζ/√β) = û d√β
    SDE                     dζ = û dβ + √c dW_β

where û(ζ, t) is what the predictor expects of u. An exponential integrator solves them exactly
but for û. Order 1 holds û over a step; order 2 extrapolates it from the last two predictions.
Either way a step costs one prediction.
"""

import math
from functools import partial
from itertools import pairwise
from typing import Literal

import torch
from torch import Generator, Tensor

from paramrel.flows import BayesianFlow, Flow, Theta
from paramrel.flows.checks import check_number

from .run import Callback, Predictor, Run, Shape, check_choice, check_run, inference

Grid = Literal["uniform", "log_snr"]


def bfn_solver(
    flow: BayesianFlow,
    predict: Predictor,
    shape: Shape,
    n: int,
    *,
    order: Literal[1, 2] = 2,
    stochastic: bool = False,
    grid: Grid = "log_snr",
    eta: float = 1e-3,
    final: Literal["sample", "mode"] = "sample",
    theta: Theta | None = None,
    device: torch.device | str | None = None,
    generator: Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """Samples x: `shape` = (B, ...), in n steps from t=η to t=1 and n + 1 predictions.

    Continuous data: BFN-Solver++1, ++2 and their SDE forms; categorical data: BFN-Solver1, 2 and
    SDE-BFN-Solver1, 2 (Xue et al. 2024, arXiv 2404.15766). For discretized data û is the mean of
    the bins.

    stochastic: the SDE; else the ODE, random in its start and in the final sample alone.
    grid: times equally spaced in t, or in the log-SNR (of a MixedFlow: its fields' average).
    eta: where to start, for the equations are singular at t=0.
    theta: θ at t=η; by default ζ ~ N(0, cβ(η)I), as if it told nothing of x yet.
    predict, final, callback: as for `ancestral`.

    Raises ValueError for arguments that are not allowed.
    """
    check_run(flow, shape, n, final, theta)
    check_choice("order", order, (1, 2))
    times = time_grid(flow, n, eta, grid)
    if theta is None:
        prior = flow.natural(flow.prior(shape, device=device, generator=generator))
        zeta = flow.each(partial(_start, generator=generator), prior, flow.beta(eta))
    else:
        flow.check_theta(theta, eta)
        zeta = flow.natural(theta)
    run = Run(flow, predict, callback)
    with inference(predict):
        zeta = solve(run, zeta, times, order, stochastic, generator)
        return run.finish(flow.theta_of(zeta, flow.beta(1.0)), n, final, generator)


def solve(
    run: Run,
    zeta: Tensor,
    times: list[float],
    order: int,
    stochastic: bool = False,
    generator: Generator | None = None,
) -> Tensor:
    """ζ at the last of `times` from ζ at the first; the times of an ODE may fall."""
    flow = run.flow
    betas = [flow.beta(t) for t in times]  # numbers of Python, before the first step
    step = partial(_sde_step, generator=generator) if stochastic else _ode_step
    extrapolate = partial(_extrapolate, stochastic=stochastic)
    u_last = None
    for i, (beta, beta_next) in enumerate(pairwise(betas)):
        out = run.evaluate(flow.theta_of(zeta, beta), i, times[i])
        u = drift = flow.expected_statistic(out)
        if order == 2 and u_last is not None:
            drift = flow.each(extrapolate, u, u_last, betas[i - 1], beta, beta_next)
        zeta = flow.each(step, zeta, drift, beta, beta_next)
        u_last = u
    return zeta


def _ode_step(flow: Flow, zeta: Tensor, drift: Tensor, beta: float, beta_next: float) -> Tensor:
    """Solves d(ζ/√β) = drift d√β: keeps the noise and replaces the signal, as DDIM does."""
    start, end = math.sqrt(beta), math.sqrt(beta_next)
    return end / start * zeta + end * (end - start) * drift


def _sde_step(
    flow: BayesianFlow,
    zeta: Tensor,
    drift: Tensor,
    beta: float,
    beta_next: float,
    generator: Generator | None,
) -> Tensor:
    """Solves dζ = drift dβ + √c dW_β; an ancestral step does so with a sample for the drift."""
    return zeta + flow.message(drift, beta_next - beta, generator)


def _extrapolate(
    flow: BayesianFlow,
    u: Tensor,
    u_last: Tensor,
    beta_last: float,
    beta: float,
    beta_next: float,
    stochastic: bool,
) -> Tensor:
    """The average drift over a step, from û at its start and at the start of the step before."""
    roots = map(math.sqrt, (beta_last, beta, beta_next))
    return u + flow.extrapolation(*roots, stochastic) * (u - u_last)


def _start(flow: BayesianFlow, zeta: Tensor, beta: float, generator: Generator | None) -> Tensor:
    """ζ of the accuracy β that tells nothing of x."""
    return flow.message(torch.zeros_like(zeta), beta, generator)


def time_grid(flow: Flow, n: int, eta: float, grid: Grid) -> list[float]:
    """n + 1 times from η to 1, float64, equally spaced in t or in the log-SNR."""
    check_choice("grid", grid, ("uniform", "log_snr"))
    check_number("eta", eta, 0, 1)
    times = torch.linspace(eta, 1, n + 1, dtype=torch.float64)
    if grid == "uniform":
        return times.tolist()
    levels = torch.linspace(*flow.log_snr(times[[0, -1]]).tolist(), n + 1, dtype=torch.float64)
    return [eta, *times_of_log_snr(flow, levels, eta).tolist()[1:-1], 1.0]


def times_of_log_snr(flow: Flow, levels: Tensor, eta: float = 1e-3) -> Tensor:
    """Times in [η, 1] at which θ_t has the log-SNRs `levels`: (L,), nats; float64 (L,).

    A level that is out of reach gets the nearer end.
    """
    low = torch.full_like(levels, eta, dtype=torch.float64)
    high = torch.ones_like(low)
    for _ in range(60):  # bisection: halves the interval until float64 is exhausted
        middle = (low + high) / 2
        below = flow.log_snr(middle) < levels
        low, high = torch.where(below, middle, low), torch.where(below, high, middle)
    return high
