"""The bound on the test split after some minutes of training: recipes at equal wall clock.

`python benchmarks/speedrun.py [set ...]`: of each set, seed, recipe and number of minutes one
training of a plain BFN on two threads, with a schedule of its own, of as many steps as these
minutes hold; about an hour a set and seed. Rows that stand in `results/speedrun.csv` are not
measured again, so that it can be cut short and go on. MNIST and Fashion-MNIST need their files. A
machine that does anything else meanwhile spoils it: `seconds` says how long a training took.

plain: what one writes after reading the paper (Graves et al. 2023): independent uniform times,
    outputs from nothing, AdamW, PyTorch's group norm, float32, channels first; but with the
    learning rate, average and network of `today`, for its own are made for long trainings.
today: this library before this benchmark: low-discrepancy times, norm and SiLU in one pass,
    channels last, and bfloat16 for 28×28 and more where the processor has it.
residual, muon, stem: each has the lever of its name and those before it. Outputs are residuals to
    each variable's own posterior; matrices take orthogonal steps; and no block works at the full
    resolution, where images are large.
ours: all of these and, where images are large, half the batch.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from itertools import product
from pathlib import Path
from unittest.mock import patch

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch import Generator, Tensor

from paramrel import ModelParams, TrainParams, load_dataset, nll_bound, train_run
from paramrel.networks.norm_silu import kernel

RESULTS = Path(__file__).parent / "results"
THREADS, SEEDS, TESTED, NUM_TIMES = 2, (0, 1, 2), 1000, 16
RECIPES = ("plain", "today", "ours")  # at all these minutes; the levers at the fewest
LEVERS, MINUTES = ("residual", "muon", "stem"), (2, 5, 10)
SMALL = {"channels": (16, 32), "blocks": (1, 1)}
LARGE = {"channels": (32, 64, 64), "blocks": (1, 1, 1)}
STEM = {"channels": (16, 32, 64), "blocks": (0, 1, 1)}
SETS = {"digits": SMALL, "mnist": LARGE, "fashion_mnist_continuous": LARGE, "scenes": LARGE}
KEY = ["set", "recipe", "seed", "minutes"]


def numbers(name: str, recipe: str) -> tuple[ModelParams, dict[str, object]]:
    """Return those of the model, and those of the training."""
    large = SETS[name] is LARGE
    bfloat16 = large and torch.cpu.get_capabilities().get("avx512_bf16", False)
    levers = {"plain": 0, "today": 0, "residual": 1, "muon": 2, "stem": 3, "ours": 4}[recipe]
    network = STEM if large and levers >= 3 else SETS[name]
    training = {
        "optimizer": "muon" if levers >= 2 else "adamw",
        "batch_size": 64 if large and levers >= 4 else 128,
        "precision": "bf16-mixed" if bfloat16 and recipe != "plain" else "32-true",
    }
    return ModelParams(residual=levers >= 1, **network), training


@contextmanager
def plain() -> Iterator[None]:
    """Take away what makes a training faster."""
    with ExitStack() as stack:
        for patched in (
            patch.object(kernel, "library", lambda: None),
            patch.object(torch, "channels_last", torch.contiguous_format),
            patch("paramrel.models.autoencoder.low_discrepancy_times", uniform_times),
        ):
            stack.enter_context(patched)
        yield


def uniform_times(number: int, generator: Generator | None, device: torch.device) -> Tensor:
    return torch.rand(number, generator=generator, device=device)


def train(name: str, recipe: str, seed: int, steps: int) -> tuple[float, float]:
    """Return the bound of the test split in nats per example, and the seconds of training."""
    model, training = numbers(name, recipe)
    params = TrainParams(steps=steps, evaluations=1, checkpoint_seconds=3600, **training)
    with plain() if recipe == "plain" else nullcontext():
        start = time.perf_counter()
        run, _ = train_run(name, "bfn", seed, model, params)
        seconds = time.perf_counter() - start
    x = load_dataset(name).test.x[:TESTED]
    bound = nll_bound(run.model, x, num_times=NUM_TIMES, generator=Generator().manual_seed(0))
    return bound.total.mean().item(), seconds


@cache
def steps_a_minute(name: str, recipe: str) -> float:
    """Return how many steps a minute holds, after two that compile kernels and read the data."""
    train(name, recipe, 0, 2)
    few, many = (train(name, recipe, 0, steps)[1] for steps in (2, 22))
    return 60 * 20 / (many - few)


def draw_figure(table: pd.DataFrame) -> plt.Figure:
    """Draw the bounds over the minutes: mean and range of the seeds, a panel a set."""
    grid = sns.relplot(
        table[table["recipe"].isin(RECIPES)], kind="line", x="minutes", y="bound", hue="recipe",
        hue_order=RECIPES, marker="o", col="set", col_wrap=2, height=2.8, aspect=1.3,
        errorbar=("pi", 100), palette="colorblind", facet_kws={"sharey": False},
    )  # fmt: skip
    grid.set_axis_labels("minutes of two cores", "bound on −ln p(x), nats")
    grid.set_titles("{col_name}")
    return grid.figure


def main() -> None:
    torch.set_num_threads(THREADS)
    path = RESULTS / "speedrun.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEY)
    wanted = [*product(RECIPES, MINUTES), *product(LEVERS, MINUTES[:1])]
    for seed, name, (recipe, minutes) in product(SEEDS, sys.argv[1:] or SETS, wanted):
        if (table[KEY] == (name, recipe, seed, minutes)).all(axis=1).any():
            continue
        steps = round(minutes * steps_a_minute(name, recipe))
        bound, seconds = train(name, recipe, seed, steps)
        row = dict(zip(KEY, (name, recipe, seed, minutes), strict=True))
        row |= {"bound": round(bound, 3), "steps": steps, "seconds": round(seconds, 1)}
        print(row, flush=True)
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True).astype({"steps": int})
        table.sort_values(KEY).to_csv(path, index=False)
        figure = draw_figure(table)
        figure.savefig(RESULTS / "speedrun.png", dpi=100, metadata={"Software": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
