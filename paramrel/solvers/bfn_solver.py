"""BFN-Solver: the differential equations of θ, solved in few steps (Xue et al. 2024).

In the natural parameter ζ (see `natural`) the equations of all kinds of data are the same two:

    probability-flow ODE    d(ζ/√β) = û d√β
    SDE                     dζ = û dβ + √c dW_β

where û(ζ, t) is what the predictor expects of u. An exponential integrator solves them exactly
but for û. Order 1 holds û over a step; order 2 extrapolates it from the last two predictions.
Either way a step costs one prediction.
"""

import math
from itertools import pairwise
from typing import Literal

import torch
from torch import Generator, Tensor

from paramrel.flows import CategoricalFlow, Flow, GaussianTheta, Theta
from paramrel.flows.checks import check_number

from .natural import expected_statistic, message, natural, per_field, theta_at
from .run import (
    Callback,
    Predictor,
    Shape,
    check_choice,
    check_run,
    evaluate,
    final_draw,
    inference,
)

Grid = Literal["uniform", "log_snr"]


def bfn_solver(
    flow: Flow,
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
        prior = flow.prior(shape, device=device, generator=generator)
        zeta = _start(flow, prior, eta=eta, generator=generator)
    else:
        _check_precision(flow, theta, eta=eta)
        zeta = natural(flow, theta)
    with inference(predict):
        zeta = solve(flow, predict, zeta, times, order, stochastic, generator, callback)
        out = evaluate(predict, theta_at(flow, zeta, t=1.0), n, 1.0, callback)
        return final_draw(flow, out, final, generator)


def solve(
    flow: Flow,
    predict: Predictor,
    zeta: Tensor,
    times: list[float],
    order: int,
    stochastic: bool = False,
    generator: Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """ζ at the last of `times` from ζ at the first; the times of an ODE may fall."""
    last = None
    for i, (t, t_next) in enumerate(pairwise(times)):
        out = evaluate(predict, theta_at(flow, zeta, t=t), i, t, callback)
        u = drift = expected_statistic(flow, out)
        if order == 2 and last is not None:
            t_last, u_last = last
            drift = _extrapolate(flow, u, u_last, times=(t_last, t, t_next), sde=stochastic)
        if stochastic:
            zeta = _sde_step(flow, zeta, drift, t=t, t_next=t_next, generator=generator)
        else:
            zeta = _ode_step(flow, zeta, drift, t=t, t_next=t_next)
        last = t, u
    return zeta


@per_field
def _ode_step(flow: Flow, zeta: Tensor, drift: Tensor, t: float, t_next: float) -> Tensor:
    """Solves d(ζ/√β) = drift d√β: keeps the noise and replaces the signal, as DDIM does."""
    start, end = _sqrt_beta(flow, t), _sqrt_beta(flow, t_next)
    return end / start * zeta + end * (end - start) * drift


@per_field
def _sde_step(
    flow: Flow, zeta: Tensor, drift: Tensor, t: float, t_next: float, generator: Generator | None
) -> Tensor:
    """Solves dζ = drift dβ + √c dW_β; an ancestral step does so with a sample for the drift."""
    alpha = (flow.schedule.beta(t_next) - flow.schedule.beta(t)).item()
    return zeta + message(flow, drift, alpha, generator)


@per_field
def _extrapolate(
    flow: Flow, u: Tensor, u_last: Tensor, times: tuple[float, float, float], sde: bool
) -> Tensor:
    """The average drift over a step, from û at its start and at the start of the step before.

    û is taken to be linear in ½ ln β for continuous data, as in DPM-Solver++(2M), and in √β for
    categorical data, where the integrals over the step are exact: the choices of Xue et al.
    """
    last, now, end = (_sqrt_beta(flow, t) for t in times)
    if not isinstance(flow, CategoricalFlow):
        weight = math.log(end / now) / math.log(now / last) / 2
    elif sde:
        weight = (end - now) / (now - last) * (2 * end + now) / (end + now) / 3
    else:
        weight = (end - now) / (now - last) / 2
    return u + weight * (u - u_last)


def _sqrt_beta(flow: Flow, t: float) -> float:
    return math.sqrt(flow.schedule.beta(t).item())


@per_field
def _start(flow: Flow, prior: Theta, eta: float, generator: Generator | None) -> Tensor:
    nothing = torch.zeros_like(natural(flow, prior))
    return message(flow, nothing, flow.schedule.beta(eta).item(), generator)


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


@per_field
def _check_precision(flow: Flow, theta: Theta, eta: float) -> None:
    if not isinstance(theta, GaussianTheta):
        return
    precision = 1 + flow.schedule.beta(eta).item()
    span = [value.item() for value in theta.precision.aminmax()]
    if max(abs(value / precision - 1) for value in span) > 1e-3:
        raise ValueError(f"theta has precisions in {span}, at eta = {eta} all are {precision:.6g}")
