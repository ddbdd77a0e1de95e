"""Bits per character of a text after some minutes of one core: flows, their rival, n-grams.

`python benchmarks/text.py text:PATH [minutes ...]`, by default 5 and 10: of each model, seed and
number of minutes one training with a schedule of its own, of as many steps as these minutes of a
core hold; half an hour a seed. Minutes are those that the processor works, so that a busy machine
takes longer and spoils little. Rows that stand in `results/text.csv` are not measured again: it can
be cut short and go on. All models have one optimizer, schedule and batch, and see the same texts of
64 signs, of the test split all: each is paid for alone, its first sign without context.

bfn, paramrel: a Bayesian flow network without and with a code, transformers both. Their bits are
    bounds from above, that of `paramrel` with the price of its code.
autoregressive: a transformer of `torch.nn` that reads from left to right, of the width whose number
    of parameters is nearest to that of `bfn`.
1-grams to 5-grams: `paramrel.metrics.ngrams`, which cost no minutes.
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from paramrel import ModelParams, TrainParams, load_dataset, nll_bound, train_run
from paramrel.data import Dataset
from paramrel.metrics.ngrams import ngram_bits
from paramrel.models.build import build_model
from paramrel.training.devices import keep_freed_memory
from paramrel.training.progress import Progress

RESULTS = Path(__file__).parent / "results"
KEY = ["text", "model", "seed", "minutes"]
SEEDS, MINUTES, ORDERS, NUM_TIMES = (0,), (5, 10), (1, 2, 3, 4, 5), 16
TRAINED = ("autoregressive", "bfn", "paramrel")
MODEL = ModelParams(backbone="transformer", mlp_width=96, mlp_blocks=3, embedding=96, code_dim=32)
TRAIN = TrainParams(batch_size=32, evaluations=1, accelerator="cpu")
Trained = Callable[[Tensor], Tensor]  # texts (N, L) → nats (N,) that each costs


class Autoregressive(nn.Module):
    """A causal transformer: the logits of each sign of a text, given those before it."""

    device = torch.device("cpu")

    def __init__(self, length: int, signs: int, width: int, blocks: int):
        super().__init__()
        self.start = signs  # a class of its own, before the first sign
        self.signs = nn.Embedding(signs + 1, width)
        self.places = nn.Parameter(0.02 * torch.randn(length, width))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                width, width // 32, 4 * width, dropout=0.0, activation="gelu", batch_first=True,
                norm_first=True,
            )
            for _ in range(blocks)
        )  # fmt: skip
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, signs)
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, L) → nats of each text, (B,)."""
        h = self.signs(F.pad(x[:, :-1], (1, 0), value=self.start)) + self.places
        for block in self.blocks:
            h = block(h, src_mask=self.mask, is_causal=True)
        logits = self.head(self.norm(h))
        return F.cross_entropy(logits.transpose(1, 2), x, reduction="none").sum(1)


def parameters(model: nn.Module) -> int:
    return sum(weight.numel() for weight in model.parameters())


def rival(data: Dataset) -> Autoregressive:
    """Return the autoregressive model whose size is nearest to that of `bfn`."""
    wanted = parameters(build_model("bfn", data.variables, MODEL))
    make = partial(Autoregressive, data.shape[0], data.levels, blocks=MODEL.mlp_blocks)
    widths = range(64, 513, 32)
    return make(min(widths, key=lambda width: abs(parameters(make(width)) - wanted)))


def train_rival(data: Dataset, seed: int, steps: int) -> tuple[Trained, int]:
    torch.manual_seed(seed)
    model, params = rival(data), TRAIN.model_copy(update={"steps": steps})
    state = Progress(model, params, seed)
    for _ in range(steps):
        loss = model(data.train.x[state.next_batch(len(data.train), params.batch_size)]).mean()
        state.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), params.gradient_clip)
        state.optimizer.step()
        state.schedule.step()
        state.average.update_parameters(model)
    return state.average.module, parameters(model)


def train_flow(data: Dataset, method: str, seed: int, steps: int) -> tuple[Trained, int]:
    params = TRAIN.model_copy(update={"steps": steps})
    run, _ = train_run(data, method, seed, MODEL, params)
    bound = partial(nll_bound, run.model, num_times=NUM_TIMES)
    return lambda x: bound(x, generator=run.model.generator(seed)).total, parameters(run.model)


def train(data: Dataset, name: str, seed: int, steps: int) -> tuple[Trained, int, float]:
    """Return a trained model, its number of parameters, and the seconds of processor it took."""
    start = time.process_time()
    if name == "autoregressive":
        found = train_rival(data, seed, steps)
    else:
        found = train_flow(data, name, seed, steps)
    return *found, time.process_time() - start


def steps_a_minute(data: Dataset, name: str) -> float:
    train(data, name, 0, 2)  # compiles kernels and reads the data
    few, many = (train(data, name, 0, steps)[-1] for steps in (2, 22))
    return 60 * 20 / (many - few)


@torch.no_grad()
def bits(model: Trained, data: Dataset) -> float:
    """Return bits per character of the test split."""
    nats = torch.cat([model(part) for part in data.test.x[:].split(256)])
    return nats.mean().item() / data.shape[0] / np.log(2)


def measure(data: Dataset, name: str, seed: int, minutes: float) -> dict[str, float]:
    steps = round(minutes * steps_a_minute(data, name))
    model, size, seconds = train(data, name, seed, steps)
    row = {"bits_per_character": bits(model, data), "parameters": size}
    return row | {"steps": steps, "seconds": round(seconds, 1)}


def main() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    data, asked = load_dataset(sys.argv[1]), [float(word) for word in sys.argv[2:]]
    text = Path(sys.argv[1].partition(":")[2]).name or sys.argv[1]
    path = RESULTS / "text.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEY)
    wanted = [(f"{order}-grams", 0, 0.0) for order in ORDERS]
    wanted += product(TRAINED, SEEDS, asked or MINUTES)
    for model, seed, minutes in wanted:
        key = (text, model, seed, minutes)
        if (table[KEY] == key).all(axis=1).any():
            continue
        if minutes:
            row = measure(data, model, seed, minutes)
        else:
            row = {"bits_per_character": ngram_bits(data, int(model[0]))}
        row = dict(zip(KEY, key, strict=True)) | row
        print(row, flush=True)
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        whole = {name: "Int64" for name in ("parameters", "steps") if name in table}
        table.astype(whole).sort_values(KEY).round(4).to_csv(path, index=False)


if __name__ == "__main__":
    main()
