"""One training loop for every method, on Lightning Fabric.

The same loop serves a notebook, `dvc repro`, `torchrun` and SLURM. Given a folder for checkpoints,
it can be interrupted at any moment and goes on from the last one.
"""

import json
import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from time import monotonic

import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Generator, Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from paramrel.data import Dataset
from paramrel.data.fields import Data
from paramrel.data.subset import subset
from paramrel.models.autoencoder import FlowAutoencoder, Loss
from paramrel.models.bounds import NLLBound, nll_bound
from paramrel.training.checkpoint import Checkpoints, write_whole
from paramrel.training.config import TrainParams
from paramrel.training.devices import (
    agreed,
    gather,
    keep_freed_memory,
    naming_memory,
    recompute_blocks,
    start_fabric,
)
from paramrel.training.monitors import monitors
from paramrel.training.progress import Progress
from paramrel.training.signals import noted_signals, obey

VALIDATED, VALIDATION_TIMES = 400, 4  # validation examples, at most, and times of each


def train(
    model: FlowAutoencoder,
    data: Dataset,
    params: TrainParams,
    seed: int,
    progress: bool = True,
    resume: Callable[[torch.device], Path] | None = None,
    keep: bool = False,
) -> tuple[FlowAutoencoder, pd.DataFrame]:
    """Train a model and return it with its averaged weights, and the history of the losses.

    The history has one row per evaluation: the step, the mean training losses since the row
    before, and, on the validation split with the averaged weights, the data term, the bound on
    −ln p(x) where the method has one, in nats per example, and the monitors of its code.
    The same seed gives the same weights on the same machine.

    resume: the folder of the run's checkpoints, by the device that it is trained on. With it the
    training goes on from the last one, to the very same weights on a CPU, and at its end they are
    deleted; without it nothing is written. keep: leave its end as a checkpoint, from which the next
    training has no step to do. SIGINT and SIGTERM are obeyed after the step and a checkpoint.

    Raises FloatingPointError where a loss or gradient is not finite, MemoryError, ValueError where
    the machine lacks what params ask for, TimeoutError where another process trains the same run,
    OSError where a checkpoint cannot be written.
    """
    fabric = start_fabric(params)
    keep_freed_memory()
    with ExitStack() as stack:
        stack.enter_context(naming_memory())
        checkpoints = None
        if resume and fabric.is_global_zero:
            checkpoints = Checkpoints(resume(fabric.device))
            stack.enter_context(checkpoints.locked())
        model = model.to(fabric.device, memory_format=torch.channels_last)  # faster convolutions
        state = Progress(model, params, seed)
        content = fabric.broadcast(checkpoints.newest() if checkpoints else None)
        if content:
            state.restore(content)
        finished_before = state.step == params.steps
        noted = _train(fabric, state, data, params, seed, checkpoints, progress)
        if noted is None and checkpoints:
            if not keep:
                checkpoints.clear()
            elif not finished_before:
                checkpoints.save(state.step, state.to_bytes())
    if noted is not None:
        obey(noted)
    return state.average.module.eval(), pd.DataFrame(state.history)


def _train(
    fabric: Fabric,
    state: Progress,
    data: Dataset,
    params: TrainParams,
    seed: int,
    checkpoints: Checkpoints | None,
    progress: bool,
) -> list[int] | None:
    """Do the steps that are left; return the signals that cut them short, None at the end."""
    if params.recompute:
        recompute_blocks(state.model)
    for network in state.model.children() if params.compile else ():
        network.compile()
    wrapped, optimizer = fabric.setup(state.model, state.optimizer)
    validation = fabric.to_device(subset(data, VALIDATED).validation.x)
    interval = math.ceil(params.steps / params.evaluations)
    hidden = not (progress and fabric.is_global_zero)
    bar = tqdm(
        desc="training", total=params.steps, initial=state.step, disable=hidden, mininterval=2
    )
    stop, saved = False, monotonic()
    with bar, noted_signals() as noted:
        while state.step < params.steps and not stop:
            stop = _step(fabric, wrapped, optimizer, state, data, params, checkpoints, noted)
            if state.step % interval == 0 or state.step == params.steps:
                row = _validate(state.average.module, validation, seed)
                state.history.append({"step": state.step} | _row(state.losses) | row)
                state.losses.clear()
                bar.set_postfix(validation=f"{row['validation_data']:.2f}")
            bar.update()
            if checkpoints and monotonic() - saved >= params.checkpoint_seconds:
                checkpoints.save(state.step, state.to_bytes())
                saved = monotonic()
        stop = stop or bool(noted)  # in the last step
        if checkpoints and stop:
            checkpoints.save(state.step, state.to_bytes())
    return noted if stop else None


def _step(
    fabric: Fabric,
    wrapped: nn.Module,
    optimizer: Optimizer,
    state: Progress,
    data: Dataset,
    params: TrainParams,
    checkpoints: Checkpoints | None,
    noted: list[int],
) -> bool:
    """Do one step; return whether a process was asked to stop."""
    index = state.next_batch(len(data.train), params.batch_size)
    x = fabric.to_device(data.train.draw(index, state.order))
    optimizer.zero_grad()
    losses = _backward(fabric, wrapped, state.model, x, state.noise, params)
    losses, stop = agreed(fabric, losses, bool(noted))
    norm = fabric.clip_gradients(
        wrapped, optimizer, max_norm=params.gradient_clip, error_if_nonfinite=False
    )
    if not (losses[0] + norm).isfinite():
        _fail(state, params, index, losses[0].item(), norm.item(), checkpoints)
    optimizer.step()
    state.schedule.step()
    state.average.update_parameters(state.model)
    state.losses.append(losses)
    state.step += 1
    return stop


def _backward(
    fabric: Fabric,
    wrapped: nn.Module,
    model: FlowAutoencoder,
    x: Data,
    noise: Generator,
    params: TrainParams,
) -> Tensor:
    """Add up the gradients of a batch's parts; return the mean of their losses, (4,).

    Each process takes its rows of each part. All parts see the randomness of the whole batch, and
    the divergence is that of all their codes.
    """
    before, losses = noise.get_state(), []
    stride = params.accumulate * fabric.world_size
    starts = [part * fabric.world_size + fabric.global_rank for part in range(params.accumulate)]
    parts = [slice(start, None, stride) for start in starts]
    codes = _codes_of_parts(model, x, noise, parts) if len(parts) > 1 else []
    for part, rows in enumerate(parts):
        noise.set_state(before)
        # The processes' gradients meet once, after the last part.
        alone = fabric.world_size > 1 and part < params.accumulate - 1
        join = partial(gather, fabric) if not codes else _joining(fabric, codes, part)
        with fabric.no_backward_sync(wrapped, enabled=alone):
            loss = wrapped(x, noise, rows, join)
            fabric.backward(loss.total / params.accumulate)
        losses.append(torch.stack([term.detach() for term in loss]))
    return torch.stack(losses).mean(0)


def _codes_of_parts(
    model: FlowAutoencoder, x: Data, noise: Generator, parts: list[slice]
) -> list[tuple[Tensor, ...]]:
    """Return codes and draws of the prior, (rows, d) each, of every part; none without a code."""
    before, found = noise.get_state(), []
    for rows in parts:
        noise.set_state(before)
        found.append(model.training_codes(x, noise, rows))
    return found if found[0] else []


def _joining(
    fabric: Fabric, codes: list[tuple[Tensor, ...]], part: int
) -> Callable[[Tensor], Tensor]:
    """Return what puts a part's codes, then its draws of the prior, among those of all parts.

    Only its own have gradients, times the number of parts, by which its loss will be divided.
    """
    kinds = iter(zip(*codes, strict=True))  # codes of all parts, then draws of the prior

    def join(values: Tensor) -> Tensor:
        fixed = list(next(kinds))
        fixed[part] = values.detach() + len(fixed) * (values - values.detach())
        return gather(fabric, torch.cat(fixed))

    return join


def _fail(
    state: Progress,
    params: TrainParams,
    index: Tensor,
    loss: float,
    norm: float,
    checkpoints: Checkpoints | None,
) -> None:
    """Raise FloatingPointError with what led there, which also goes to failure.json."""
    cause = {
        "step": state.step + 1,
        "loss": str(loss),  # JSON has no word for NaN
        "gradient_norm": str(norm),
        "train": params.model_dump(),
        "model": state.model.params.model_dump(by_alias=True),
        "examples": index.tolist(),
    }
    if checkpoints:
        text = json.dumps(cause, indent=2) + "\n"
        write_whole(checkpoints.folder / "failure.json", text.encode(), "free some space")
    raise FloatingPointError(
        f"at step {cause['step']} the loss is {loss:g} and its gradient's norm {norm:g}; lower "
        "train.learning_rate or train.gradient_clip, which starts afresh, or start again as it is, "
        f"which goes on from the last good checkpoint; training examples {cause['examples']}, "
        f"train {cause['train']}, model {cause['model']}"
    )


def _row(losses: list[Tensor]) -> dict[str, float]:
    means = torch.stack(losses).mean(0).tolist()
    return {f"train_{name}": mean for name, mean in zip(Loss._fields, means, strict=True)}


def _validate(model: FlowAutoencoder, x: Data, seed: int) -> dict[str, float]:
    model.eval()
    generator = Generator(model.device).manual_seed(seed)  # the same draws at every evaluation
    row = {}
    if model.method.no_bound is None:
        row = _bound(nll_bound(model, x, num_times=VALIDATION_TIMES, generator=generator))
    with torch.no_grad():
        row["validation_data"] = model(x, generator).data.item()
    watched = monitors(model, x, generator, VALIDATION_TIMES)
    return row | {f"validation_{name}": value for name, value in watched.items()}


def _bound(bound: NLLBound) -> dict[str, float]:
    return {
        "validation_nll": bound.total.mean().item(),
        "validation_transmission": bound.transmission.mean().item(),
        "validation_rate": bound.rate.mean().item(),
    }
