"""The numbers behind the figures of the introduction: bets, distributions, prices, shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor, nn

from paramrel.flows import CategoricalFlow, Flow, Theta, draw
from paramrel.measures.messages import Message, grey, pixel_message, theta_path
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.solvers import Predictor


def bets(flow: CategoricalFlow, x: Tensor, alpha: float, messages: int, seed: int) -> Tensor:
    """Return θ's probability of class 1 after 0, 1, … messages: (messages + 1, *x.shape).

    Every message about x: (B, ...) has the accuracy alpha.
    """
    generator, theta = Generator().manual_seed(seed), flow.prior(x.shape)
    path = [grey(theta)]
    for _ in range(messages):
        theta = flow.bayesian_update(theta, draw(flow.sender(x, alpha), generator), alpha)
        path.append(grey(theta))
    return torch.stack(path)


@dataclass(frozen=True)
class Moment:
    """What is held of one binary pixel at time t, and the next message about it."""

    t: float
    theta: Theta  # of the whole image
    input: Tensor  # (2,) p_I of the pixel
    outputs: dict[str, Tensor]  # (2,) p_O of the pixel, for each predictor
    messages: dict[str, Message]  # the sender, and each predictor's receiver


@torch.no_grad()
def moments(
    flow: CategoricalFlow,
    x: Tensor,
    predictors: Mapping[str, Predictor],
    times: Sequence[float],
    pixel: tuple[int, int],
    step: float,
    seed: int,
) -> list[Moment]:
    """Follow a pixel (row, column) of x: (1, 1, H, W); messages take `step` of time each."""
    path, found = theta_path(flow, x, times, Generator().manual_seed(seed)), []
    for t, theta in zip(times, path, strict=True):
        outs = {name: predict(theta, torch.tensor([t])) for name, predict in predictors.items()}
        alpha = (flow.schedule.beta(t + step) - flow.schedule.beta(t)).item()
        messages = {n: pixel_message(flow, out, x, pixel, alpha) for n, out in outs.items()}
        outputs = {n: out.probs[0, 0, *pixel] for n, out in outs.items()}
        found.append(Moment(t, theta, theta.logits[0, 0, *pixel].softmax(0), outputs, messages))
    return found


@torch.no_grad()
def prices(
    flow: Flow, x: Tensor, predict: Predictor, messages: int, rate: float, seed: int
) -> pd.DataFrame:
    """Return what has been paid for x: (N, ...) at each time, in nats per image.

    Every one of the equally long messages costs KL(p_S ‖ p_R), and the code its `rate` before.
    """
    generator, paid = Generator().manual_seed(seed), [rate]
    for i in range(1, messages + 1):
        t = torch.full((len(x),), (i - 1) / messages)
        theta = flow.sample_theta(x, t, generator)
        loss = flow.loss_discrete_time(x, predict(theta, t), i, messages, generator)
        paid.append(paid[-1] + loss.mean().item() / messages)
    return pd.DataFrame({"t": np.linspace(0, 1, messages + 1), "paid": paid})


@dataclass(frozen=True)
class Shapes:
    """Shapes, without the batch axis, of what passes through a model; parameters of its parts."""

    x: tuple[int, ...]
    theta: tuple[int, ...]
    network_input: tuple[int, ...]
    z: tuple[int, ...]
    raw: tuple[int, ...]
    output: tuple[int, ...]
    encoder: int
    decoder: int


@torch.no_grad()
def shapes(model: FlowAutoencoder, x: Tensor) -> Shapes:
    """Send images x: (B, ...) of classes through a model that reads its code from θ; look on."""
    t = torch.full((len(x),), 0.5)
    theta = model.flow.sample_theta(x, t)
    z, raw = model.encode_theta(theta, t).mean, []
    hook = model.decoder.register_forward_hook(
        lambda _, inputs, output: raw.append((inputs, output))
    )
    out = model.output_distribution(theta, z, t, t)
    hook.remove()
    inputs, output = raw[0]
    passed = (x, theta.logits, inputs[0], z, output, out.logits)
    parts = (model.encoder, model.decoder)
    return Shapes(*(tuple(part.shape[1:]) for part in passed), *map(_parameters, parts))


def _parameters(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())
