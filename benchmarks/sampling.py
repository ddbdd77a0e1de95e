"""How many evaluations of the network every solver needs, against the Fréchet distance: a table.

`python benchmarks/sampling.py [digits|mnist_threshold]`: trains a plain BFN on the data set, by
default on both (MNIST needs its files), and draws from it: about a CPU minute each. The distance
is `fd[classifier]@N` between N generated and the first N training images, its floor that of the
next N. The interval is Student's over sampling seeds of one model.
"""

import sys
import time
from functools import partial
from itertools import product
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from scipy.stats import t as student
from torch import Generator

from paramrel.data import load_dataset
from paramrel.metrics.extractors import train_classifier
from paramrel.metrics.fidelity import frechet_distance
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.solvers import ancestral, bfn_solver
from paramrel.tasks.sampling import predictor, to_pixels
from paramrel.training.config import TrainParams
from paramrel.training.loop import train

RESULTS = Path(__file__).parent / "results"
SEEDS = (0, 1, 2)
EVALUATIONS, REFERENCE = (5, 10, 20), 200
SMALL = ModelParams(channels=(16, 32, 32), blocks=(1, 1, 1), code_dim=32)
# name: networks, training steps, images of a sample
MODELS = {"digits": (ModelParams(), 600, 300), "mnist_threshold": (SMALL, 300, 256)}


def solvers() -> dict[str, partial]:
    table = {"ancestral": partial(ancestral)}
    for order, sde, grid in product((1, 2), (False, True), ("uniform", "log_snr")):
        name = f"{'SDE' if sde else 'ODE'} order {order}, {grid}"
        table[name] = partial(bfn_solver, order=order, stochastic=sde, grid=grid)
    return table


def measure(name: str) -> pd.DataFrame:
    """One row for each solver, number of evaluations and seed: the distance and the time."""
    data, (params, steps, number) = load_dataset(name), MODELS[name]
    torch.manual_seed(0)
    untrained = build_model("bfn", data.variables, params)
    model, _ = train(untrained, data, TrainParams(steps=steps, evaluations=1), 0, progress=False)
    images = to_pixels(data.train.x[:5000])
    labels = torch.as_tensor(data.train.labels[: len(images)])
    classifier = train_classifier(images, labels, Generator().manual_seed(0), steps=200)
    real = classifier.features(images[:number])
    rows = []
    for (solver, solve), evaluations in product(solvers().items(), (*EVALUATIONS, REFERENCE)):
        if evaluations == REFERENCE and solver != "ancestral":
            continue
        for seed in SEEDS:
            start = time.process_time()
            generator = Generator().manual_seed(seed)
            shape = (number, *data.shape)
            x = solve(
                model.flow, predictor(model), shape, evaluations - 1, generator=generator,
            )  # fmt: skip
            seconds = time.process_time() - start
            features = classifier.features(to_pixels(model.to_data(x)))
            rows.append(
                {
                    "dataset": name, "solver": solver, "evaluations": evaluations, "seed": seed,
                    "fd": frechet_distance(real, features), "seconds": seconds,
                }
            )  # fmt: skip
    floor = classifier.features(images[number : 2 * number])
    return pd.DataFrame(rows).assign(n=number, floor=frechet_distance(real, floor))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean distance, half its 95 % interval and time, over the seeds."""
    groups = rows.groupby(["dataset", "solver", "evaluations"], sort=False)
    table = groups.agg(fd=("fd", "mean"), sd=("fd", "std"), seconds=("seconds", "mean"))
    table["half_interval"] = (
        student.ppf(0.975, len(SEEDS) - 1) * table.pop("sd") / len(SEEDS) ** 0.5
    )
    table[["n", "floor"]] = groups[["n", "floor"]].first()
    return table.reset_index()


def claim(table: pd.DataFrame) -> str:
    """Whether solvers of 20 evaluations lie within or below the interval of 200 ancestral ones."""
    best = table[table.evaluations == REFERENCE].iloc[0]
    rivals = table[(table.evaluations == 20) & (table.solver != "ancestral")]
    matching = rivals[rivals.fd <= best.fd + best.half_interval].solver.tolist()
    return (
        f"{best.dataset}: ancestral at {REFERENCE}: {best.fd:.2f} ± {best.half_interval:.2f}; "
        f"solvers that match it at 20: {', '.join(matching) or 'none'}"
    )


def draw_figure(tables: list[pd.DataFrame]) -> plt.Figure:
    width = 4 * len(tables) + 2.5
    figure, axes = plt.subplots(
        1, len(tables), figsize=(width, 4), squeeze=False, layout="constrained"
    )
    for axis, table in zip(axes.flat, tables, strict=True):
        sns.lineplot(
            table, x="evaluations", y="fd", hue="solver", style="solver", markers=True,
            palette="colorblind", ax=axis, legend=axis is axes.flat[-1],
        )  # fmt: skip
        first = table.iloc[0]
        axis.axhline(first.floor, color="gray", ls=":")
        axis.text(200, first.floor, "training images", ha="right", va="bottom", color="gray")
        axis.set(title=first.dataset, xscale="log")
        axis.set(xlabel="evaluations of the network", ylabel=f"fd[classifier]@{first.n}")
        axis.set_xticks([5, 10, 20, 200], ["5", "10", "20", "200"])
        axis.minorticks_off()
    axes.flat[-1].legend(frameon=False, fontsize="small", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


def main() -> None:
    torch.set_num_threads(1)
    RESULTS.mkdir(exist_ok=True)
    for name in sys.argv[1:] or MODELS:
        table = summary(measure(name))
        table.round(3).to_csv(RESULTS / f"sampling_{name}.csv", index=False)
        print(table.round(3).to_string(index=False), claim(table), sep="\n")
    files = [RESULTS / f"sampling_{name}.csv" for name in MODELS]
    tables = [pd.read_csv(path) for path in files if path.is_file()]
    draw_figure(tables).savefig(RESULTS / "sampling.png", dpi=100, metadata={"Software": None})


if __name__ == "__main__":
    main()
