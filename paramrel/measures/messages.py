"""What flows and solvers do, as numbers: θ on its way, messages, costs, laws."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.stats import norm
from torch import Generator, Tensor
from torch.distributions import Categorical, Distribution

from paramrel.flows import Flow, Theta, bin_centers, check_times, draw
from paramrel.solvers import Predictor, effective_number


def theta_path(flow: Flow, x: Tensor, times: Sequence[float], generator: Generator) -> list[Theta]:
    """θ of x: (B, ...) at rising times, the first from the prior and each further one from the
    one before, by a message about x."""
    theta, t_last, path = flow.prior(x.shape), 0.0, []
    for t in times:
        if t > t_last:
            alpha = (flow.schedule.beta(t) - flow.schedule.beta(t_last)).item()
            theta = flow.bayesian_update(theta, draw(flow.sender(x, alpha), generator), alpha)
        path.append(theta)
        t_last = t
    return path


def grey(values: Theta | Distribution) -> Tensor:
    """The expected grey value under θ or an output distribution, from 0 (white) to 1 (black)."""
    if not isinstance(values, Distribution):
        values = values.to_distribution()
    if not isinstance(values, Categorical):
        return (values.mean + 1) / 2
    bins = values.probs.shape[-1]
    levels = torch.arange(2.0) if bins == 2 else (bin_centers(bins, values.probs) + 1) / 2
    return values.probs @ levels


@dataclass(frozen=True)
class Message:
    """The next message about one pixel: y is N(value, 1/α) for the value that is sent.

    For two classes y stands for (y₁ - y₀)/2α, which is a message about x = ±1.
    """

    alpha: float
    x: float
    values: np.ndarray  # (K,) what the output distribution holds possible
    weights: np.ndarray  # (K,) and how probable

    def densities(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A grid of y, and on it the densities of the sender and of the receiver."""
        scale = self.alpha**-0.5
        y = np.linspace(-1 - 4 * scale, 1 + 4 * scale, 2001)
        receiver = norm.pdf(y[:, None], self.values, scale) @ self.weights
        return y, norm.pdf(y, self.x, scale), receiver

    @property
    def kl(self) -> float:
        """KL(p_S ‖ p_R) in nats, by quadrature: what the message costs to transmit."""
        y, sender, receiver = self.densities()
        ratio = np.log(np.maximum(sender, 1e-300) / np.maximum(receiver, 1e-300))
        return float(np.trapezoid(sender * ratio, y))


def pixel_message(
    flow: Flow, out: Distribution, x: Tensor, pixel: tuple[int, int], alpha: float
) -> Message:
    """The message of accuracy alpha about a pixel (row, column) of x: (1, 1, H, W)."""
    at, (values, weights) = (0, 0, *pixel), flow.outcomes(out)
    sent = flow.certain_input(x)[..., -1][at].item()
    return Message(alpha, sent, values[at].numpy(), weights[at].numpy())


def costs(
    flow: Flow, predict: Predictor, x: Tensor, times: Sequence[float], generator: Generator
) -> pd.DataFrame:
    """Entropy of p_I per pixel at each time, and nats per image transmitted up to then."""
    check_times(torch.tensor(times))
    rows = []
    for time in times:
        t = torch.full((len(x),), time)
        theta = flow.sample_theta(x, t, generator)
        loss = flow.loss_continuous_time(x, predict(theta, t), t)
        rows.append(
            {"t": time, "entropy": theta.entropy().mean().item(), "loss": loss.mean().item()}
        )
    table = pd.DataFrame(rows)
    steps = table["t"].diff() * (table["loss"] + table["loss"].shift()) / 2
    return table.assign(transmitted=steps.fillna(0).cumsum())


def sampling_laws(
    flow: Flow,
    predict: Predictor,
    data: Tensor,
    solvers: Mapping[str, Callable[..., Tensor]],
    steps: Sequence[int],
    samples: int,
    seed: int,
) -> pd.DataFrame:
    """The effective number of images that each solver draws in so many steps."""
    shape = (samples, *data.shape[1:])
    rows = []
    for name, solver in solvers.items():
        for n in steps:
            x = solver(flow, predict, shape, n, generator=Generator().manual_seed(seed))
            rows.append({"solver": name, "n": n, "images": effective_number(x, data)})
    return pd.DataFrame(rows)
