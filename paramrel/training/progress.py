"""How far a training is: everything that changes from step to step, as bytes and back."""

import json
import math
from collections.abc import Callable

import torch
from safetensors.torch import load, save
from torch import Generator, Tensor
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel

from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.training.config import TrainParams
from paramrel.training.muon import Muon

OPTIMIZERS = {"muon": Muon, "adamw": torch.optim.AdamW}


class Progress:
    """A model with its average, optimizer, schedule, random generators, data order and history.

    step: how many are done. history: the rows so far. losses: (4,) of each step since the last row.
    noise: the generator of the model's randomness, on its device; order: that of the examples.
    """

    def __init__(self, model: FlowAutoencoder, params: TrainParams, seed: int):
        self.model = model
        self.average = AveragedModel(model, multi_avg_fn=_moving_average(params.ema_decay))
        self.optimizer = OPTIMIZERS[params.optimizer](
            model.parameters(), lr=params.learning_rate, betas=(0.9, 0.98),
            weight_decay=params.weight_decay, fused=True,
        )  # fmt: skip
        self.schedule = LambdaLR(self.optimizer, _warm_up_then_cosine(params.steps))
        self.noise = Generator(model.device).manual_seed(seed)
        self.order = Generator().manual_seed(seed)
        self.waiting = torch.empty(0, dtype=torch.long)  # examples that come before the next epoch
        self.step, self.steps = 0, params.steps
        self.history: list[dict[str, float]] = []
        self.losses: list[Tensor] = []

    def next_batch(self, number: int, size: int) -> Tensor:
        """Return the next indices, (size,), of `number` examples; each comes once an epoch."""
        while len(self.waiting) < size:
            epoch = torch.randperm(number, generator=self.order)
            self.waiting = torch.cat([self.waiting, epoch])
        batch, self.waiting = self.waiting[:size], self.waiting[size:]
        return batch

    def to_bytes(self) -> bytes:
        """Return all of it as one safetensors file; at the end all that is still of use."""
        numbers = {
            "step": self.step,
            "history": self.history,
            "schedule": self.schedule.state_dict(),
        }
        tensors = {name: value.cpu().contiguous() for name, value in self._tensors().items()}
        return save(tensors, {"paramrel": json.dumps(numbers)})

    def restore(self, content: bytes) -> None:
        """Go on where `to_bytes` was called."""
        tensors, numbers = load(content), _metadata(content)
        self.average.load_state_dict(_under("average", tensors))
        self.step, self.history = numbers["step"], numbers["history"]
        if self.step == self.steps:
            return
        self.model.load_state_dict(_under("model", tensors))
        self._restore_optimizer(_under("optimizer", tensors))
        self.schedule.load_state_dict(numbers["schedule"])
        for group, rate in zip(
            self.optimizer.param_groups, self.schedule.get_last_lr(), strict=True
        ):
            group["lr"] = rate
        self.noise.set_state(tensors["random.noise"])
        self.order.set_state(tensors["random.order"])
        torch.set_rng_state(tensors["random.torch"])
        if "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"])
        self.waiting = tensors["waiting"]
        self.losses = list(tensors["losses"].to(self.model.device))

    def _tensors(self) -> dict[str, Tensor]:
        average = {f"average.{name}": value for name, value in self.average.state_dict().items()}
        if self.step == self.steps:
            return average
        moments = {
            f"{index}.{name}": value
            for index, values in self.optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        tensors = {
            "random.noise": self.noise.get_state(),
            "random.order": self.order.get_state(),
            "random.torch": torch.get_rng_state(),
            "waiting": self.waiting,
            "losses": torch.stack(self.losses) if self.losses else torch.empty(0, 4),
        }
        if self.model.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.model.device)
        for part, values in {"model": self.model.state_dict(), "optimizer": moments}.items():
            tensors |= {f"{part}.{name}": value for name, value in values.items()}
        return average | tensors

    def _restore_optimizer(self, moments: dict[str, Tensor]) -> None:
        """A moment gets the memory layout of its parameter, which fused kernels rely on."""
        state: dict[int, dict[str, Tensor]] = {}
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        for place, value in moments.items():
            index, name = place.split(".")
            like = parameters[int(index)]
            if name != "step":
                value = torch.empty_like(like).copy_(value)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})


def _metadata(content: bytes) -> dict:
    """The numbers of `to_bytes`; a safetensors file begins with its header's length and JSON."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["paramrel"])


def _under(part: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    prefix = f"{part}."
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


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
