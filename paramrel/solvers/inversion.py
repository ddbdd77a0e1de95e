"""From data to noise and back, along the probability-flow ODE."""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from torch import Generator, Tensor

from paramrel.flows import BayesianFlow, Theta, draw

from .bfn_solver import Grid, bfn_solver, solve, time_grid
from .run import Callback, Predictor, Run, check_choice, check_run, inference


@dataclass(frozen=True)
class Inversion:
    """The noise of x, and how well x comes back from it.

    noise: ε = ζ/√(cβ(η)), of the shape of x, or (*x.shape, K) for categorical data, where it sums
        to 0 over the K classes. `decode` turns it into x again.
    theta: the θ at t=η that is the same noise: `bfn_solver(theta=theta, eta=η)` goes on from it.
    reconstruction: what `decode` makes of the noise, as x.
    error: (B,), root mean square of reconstruction - x; share of wrong classes.
    """

    noise: Tensor
    theta: Theta
    reconstruction: Tensor
    error: Tensor


def invert(
    flow: BayesianFlow,
    predict: Predictor,
    x: Tensor,
    n: int,
    *,
    order: Literal[1, 2] = 2,
    grid: Grid = "log_snr",
    eta: float = 1e-3,
    start: Literal["mean", "sample"] = "mean",
    generator: Generator | None = None,
    callback: Callback | None = None,
) -> Inversion:
    """The noise from which the ODE leads to x: (B, ...), in n steps from t=1 back to t=η.

    For continuous data it is DDIM's inversion (Song et al. 2021, section 5.4).
    start: θ₁ is the mean of p_F(θ|x; 1), as if x came without noise, or a sample of it. All x of
        a kind that comes in steps (classes, bins) are atoms; the mean takes each to one point
        that is closer to 0 than noise is, a sample to noise as it is drawn in generation.
    predict, grid: as for `bfn_solver`. callback: sees the n predictions of the way back in time.

    Raises ValueError for arguments that are not allowed.
    """
    check_choice("order", order, (1, 2))
    check_choice("start", start, ("mean", "sample"))
    flow.check(x)
    check_run(flow, flow.variables(x), n, "mode", None)
    times = time_grid(flow, n, eta, grid)[::-1]
    zeta = flow.each(partial(_end, start=start, generator=generator), x, flow.beta(1.0))
    run = Run(flow, predict, callback)
    with inference(predict):
        zeta = solve(run, zeta, times, order)
    run.check()
    noise = flow.each(_to_noise, zeta, flow.beta(eta))
    reconstruction = decode(flow, predict, noise, n, order=order, grid=grid, eta=eta)
    theta = flow.theta_of(zeta, flow.beta(eta))
    return Inversion(noise, theta, reconstruction, flow.error(x, reconstruction))


def decode(
    flow: BayesianFlow,
    predict: Predictor,
    noise: Tensor,
    n: int,
    *,
    order: Literal[1, 2] = 2,
    grid: Grid = "log_snr",
    eta: float = 1e-3,
    final: Literal["sample", "mode"] = "mode",
    generator: Generator | None = None,
    callback: Callback | None = None,
) -> Tensor:
    """x: (B, ...) of the noise, the ODE solved from t=η to t=1; other arguments as in `invert`.

    noise: as in `Inversion`, or standard normal for new x.
    """
    theta = flow.theta_of(flow.each(_from_noise, noise, flow.beta(eta)), flow.beta(eta))
    run = dict(order=order, grid=grid, eta=eta, final=final, generator=generator, callback=callback)
    return bfn_solver(flow, predict, theta.shape, n, theta=theta, **run)


def _end(
    flow: BayesianFlow, x: Tensor, beta: float, start: str, generator: Generator | None
) -> Tensor:
    """ζ of a message of the accuracy β about data x."""
    if flow.variables(x) != tuple(x.shape):
        raise ValueError(f"x has dtype {x.dtype}, it must hold classes: soft labels have no noise")
    sender = flow.sender(x, beta)
    y = sender.mean if start == "mean" else draw(sender, generator)
    return flow.centred(flow.told(y, beta))


def _to_noise(flow: BayesianFlow, zeta: Tensor, beta: float) -> Tensor:
    """ε = ζ/√(cβ), standard normal where β is too small for ζ to say anything of x."""
    return zeta / flow.noise_scale(beta)


def _from_noise(flow: BayesianFlow, noise: Tensor, beta: float) -> Tensor:
    """ζ of the accuracy β from the noise, the inverse of `_to_noise`."""
    return noise * flow.noise_scale(beta)
