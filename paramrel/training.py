"""One training loop for every method, on Lightning Fabric."""

import math
from collections.abc import Callable, Iterator

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from paramrel.data import Dataset
from paramrel.data.subset import subset
from paramrel.model import Data, FlowAutoencoder, Loss, NLLBound
from paramrel.params import TrainParams

VALIDATED = 1000  # validation examples, at most


def train(
    model: FlowAutoencoder, data: Dataset, params: TrainParams, seed: int, progress: bool = True
) -> tuple[FlowAutoencoder, pd.DataFrame]:
    """Train a model and return it with its averaged weights, and the history of the losses.

    The history has one row per evaluation: the step, the mean training losses since the row
    before, and, on the validation split with the averaged weights, the data term and the bound on
    −ln p(x) where the method has one; nats per example.
    The same seed gives the same weights on the same machine.
    """
    fabric = Fabric(devices=1, precision=params.precision)
    generator = Generator(fabric.device).manual_seed(seed)
    model = model.to(fabric.device, memory_format=torch.channels_last)  # faster convolutions
    average = AveragedModel(model, multi_avg_fn=_moving_average(params.ema_decay))
    optimizer = torch.optim.AdamW(
        model.parameters(), params.learning_rate, (0.9, 0.98),
        weight_decay=params.weight_decay, fused=True,
    )  # fmt: skip
    schedule = LambdaLR(optimizer, _warm_up_then_cosine(params.steps))
    wrapped, optimizer = fabric.setup(model, optimizer)
    order = Generator().manual_seed(seed)  # of the examples, which stay where they are stored
    batches = _batches(len(data.train), params.batch_size, order)
    validation = fabric.to_device(subset(data, VALIDATED).validation.x)
    interval = math.ceil(params.steps / params.evaluations)
    history, losses = [], []
    bar = tqdm(range(1, params.steps + 1), "training", disable=not progress, mininterval=2)
    for step in bar:
        x = fabric.to_device(data.train.draw(next(batches), order))
        loss = wrapped(x, generator)
        optimizer.zero_grad()
        fabric.backward(loss.total)
        norm = fabric.clip_gradients(
            wrapped, optimizer, max_norm=params.gradient_clip, error_if_nonfinite=False
        )
        if not (loss.total + norm).isfinite():
            raise FloatingPointError(
                f"at step {step} the loss is {loss.total.item():g} and its gradient's norm "
                f"{norm.item():g}; lower train.learning_rate or train.gradient_clip"
            )
        optimizer.step()
        schedule.step()
        average.update_parameters(model)
        losses.append(torch.stack([part.detach() for part in loss]))
        if step % interval == 0 or step == params.steps:
            history.append(
                {"step": step} | _row(losses) | _validate(average.module, validation, seed)
            )
            losses.clear()
            bar.set_postfix(validation=f"{history[-1]['validation_data']:.2f}")
    return average.module.eval(), pd.DataFrame(history)


def _warm_up_then_cosine(steps: int) -> Callable[[int], float]:
    """Learning rate, as a share of the highest: up in a tenth of the steps, down to zero."""
    warm_up = max(steps // 10, 1)
    return lambda step: min((step + 1) / warm_up, 0.5 + 0.5 * math.cos(math.pi * step / steps))


def _moving_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """Exponential average whose memory grows from 10 steps, so that short runs forget the start."""

    @torch.no_grad()
    def update(averages: list[Tensor], values: list[Tensor], number: Tensor) -> None:
        weight = 1 - min(decay, (1 + number.item()) / (10 + number.item()))
        for average, value in zip(averages, values, strict=True):
            average.lerp_(value, weight)

    return update


def _batches(number: int, size: int, generator: Generator) -> Iterator[Tensor]:
    """Yield indices of batches for ever; every example comes once before any comes again."""
    order = torch.empty(0, dtype=torch.long)
    while True:
        while len(order) < size:
            order = torch.cat([order, torch.randperm(number, generator=generator)])
        batch, order = order[:size], order[size:]
        yield batch


def _row(losses: list[Tensor]) -> dict[str, float]:
    means = torch.stack(losses).mean(0).tolist()
    return {f"train_{name}": mean for name, mean in zip(Loss._fields, means, strict=True)}


def _validate(model: FlowAutoencoder, x: Data, seed: int) -> dict[str, float]:
    model.eval()
    generator = Generator(model.device).manual_seed(seed)  # the same draws at every evaluation
    row = {}
    if model.method.no_bound is None:
        row = _bound(model.nll_bound(x, num_times=8, generator=generator))
    with torch.no_grad():
        return row | {"validation_data": model(x, generator).data.item()}


def _bound(bound: NLLBound) -> dict[str, float]:
    return {
        "validation_nll": bound.total.mean().item(),
        "validation_transmission": bound.transmission.mean().item(),
        "validation_rate": bound.rate.mean().item(),
    }
