"""Milliseconds of a training step a text, over its length: transformer and perceptron.

`python benchmarks/transformer_cost.py`: a minute of one core; loss and gradients of a batch of 8
texts of 27 signs, medians of the processor's time, written to `results/transformer_cost.csv`.
"""

import time
from itertools import product
from pathlib import Path
from statistics import median

import pandas as pd
import torch

from paramrel import ModelParams
from paramrel.data import Variable
from paramrel.models.build import build_model
from paramrel.training.devices import keep_freed_memory

LENGTHS, BATCH, SIGNS, STEPS = (64, 128, 256, 512, 1024), 8, 27, 4


def measure(length: int, method: str, backbone: str) -> dict[str, float]:
    torch.manual_seed(0)
    text, params = Variable("categorical", (length,), SIGNS), ModelParams(backbone=backbone)
    model, x = build_model(method, text, params), torch.randint(SIGNS, (BATCH, length))
    times = []
    for _ in range(STEPS + 1):
        start = time.process_time()
        model.loss(x).total.backward()
        times.append(time.process_time() - start)
        model.zero_grad()
    milliseconds = 1e3 * median(times[1:]) / BATCH
    size = sum(weight.numel() for weight in model.parameters())
    return {"milliseconds_per_text": round(milliseconds, 2), "parameters": size}


def main() -> None:
    torch.set_num_threads(1)
    keep_freed_memory()
    rows = []
    for length, *kind in product(LENGTHS, ("bfn", "paramrel"), ("mlp", "transformer")):
        known = {"length": length, "method": kind[0], "backbone": kind[1]}
        rows.append(known | measure(length, *kind))
        print(rows[-1], flush=True)
    path = Path(__file__).parent / "results" / "transformer_cost.csv"
    pd.DataFrame(rows).to_csv(path, index=False)


if __name__ == "__main__":
    main()
