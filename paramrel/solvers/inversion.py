"""From data to noise and back, along the probability-flow ODE."""

from dataclasses import dataclass
from typing import Literal

from torch import Generator, Tensor

from paramrel.flows import CategoricalFlow, Flow, Theta, draw

from .bfn_solver import Grid, bfn_solver, solve, time_grid
from .natural import from_noise, per_field, theta_at, to_noise
from .run import Callback, Predictor, check_choice, check_run, data_shape, inference


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
    flow: Flow,
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
    times = time_grid(flow, n, eta, grid)[::-1]
    zeta = _end(flow, x, start=start, generator=generator)
    check_run(flow, data_shape(theta_at(flow, zeta, t=1.0)), n, "mode", None)
    with inference(predict):
        zeta = solve(flow, predict, zeta, times, order, callback=callback)
    noise = to_noise(flow, zeta, t=eta)
    reconstruction = decode(flow, predict, noise, n, order=order, grid=grid, eta=eta)
    error = _error(flow, x, reconstruction)
    return Inversion(noise, theta_at(flow, zeta, t=eta), reconstruction, error)


def decode(
    flow: Flow,
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
    theta = theta_at(flow, from_noise(flow, noise, t=eta), t=eta)
    run = dict(order=order, grid=grid, eta=eta, final=final, generator=generator, callback=callback)
    return bfn_solver(flow, predict, data_shape(theta), n, theta=theta, **run)


@per_field
def _end(flow: Flow, x: Tensor, start: str, generator: Generator | None) -> Tensor:
    """ζ at t=1 of data x."""
    if isinstance(flow, CategoricalFlow) and x.is_floating_point():
        raise ValueError(f"x has dtype {x.dtype}, it must hold classes: soft labels have no noise")
    beta = flow.schedule.beta(1).item()
    sender = flow.sender(x, beta)
    y = sender.mean if start == "mean" else draw(sender, generator)
    if isinstance(flow, CategoricalFlow):
        return y - y.mean(-1, keepdim=True)  # what all classes share says nothing
    return beta * y


@per_field
def _error(flow: Flow, x: Tensor, reconstruction: Tensor) -> Tensor:
    if isinstance(flow, CategoricalFlow):
        return (x != reconstruction).float().reshape(len(x), -1).mean(1)
    return (x - reconstruction).square().reshape(len(x), -1).mean(1).sqrt()
