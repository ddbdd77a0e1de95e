"""How many evaluations of the network every solver needs, against the Fréchet distance: a table.

`python benchmarks/sampling.py`: trains a plain BFN on digits and a small one on MNIST (it needs
MNIST's files) and draws from them: three CPU minutes. The distance is `fd[classifier]@N` between N
generated and N training images, so its floor is that of N test images or other training images.
The interval is Student's over sampling seeds of one model.
"""

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
from paramrel.generation import predictor, to_pixels
from paramrel.metrics.extractors import train_classifier
from paramrel.metrics.fidelity import frechet_distance
from paramrel.model import build_model
from paramrel.params import ModelParams, TrainParams
from paramrel.solvers import ancestral, bfn_solver
from paramrel.training import train

RESULTS = Path(__file__).parent / "results"
NUMBER, SEEDS = 500, (0, 1, 2)
EVALUATIONS, REFERENCE = (5, 10, 20), 200
# name: networks, training steps
MODELS = {
    "digits": (ModelParams(), 600),
    "mnist": (ModelParams(channels=(16, 32, 32), blocks=(1, 1, 1), code_dim=32), 400),
}


def solvers() -> dict[str, partial]:
    table = {"ancestral": partial(ancestral)}
    for order, sde, grid in product((1, 2), (False, True), ("uniform", "log_snr")):
        name = f"{'SDE' if sde else 'ODE'} order {order}, {grid}"
        table[name] = partial(bfn_solver, order=order, stochastic=sde, grid=grid)
    return table


def measure(name: str) -> pd.DataFrame:
    """One row for each solver, number of evaluations and seed: the distance and the time."""
    params, steps = MODELS[name]
    data = load_dataset(name)
    torch.manual_seed(0)
    model, _ = train(
        build_model("bfn", data, params), data, TrainParams(steps=steps, evaluations=1), 0, False
    )
    images, labels = to_pixels(data.train.x).float(), data.train.labels
    classifier = train_classifier(images, labels, Generator().manual_seed(0), steps=300)
    real = classifier.features(images[:NUMBER])
    rows = []
    for (solver, solve), evaluations in product(solvers().items(), (*EVALUATIONS, REFERENCE)):
        if evaluations == REFERENCE and solver != "ancestral":
            continue
        for seed in SEEDS:
            start = time.process_time()
            generator = Generator().manual_seed(seed)
            shape = (NUMBER, *model.data_shape)
            x = solve(
                model.flow, predictor(model), shape, evaluations - 1, generator=generator,
            )  # fmt: skip
            seconds = time.process_time() - start
            features = classifier.features(to_pixels(model.to_data(x)).float())
            rows.append(
                {
                    "dataset": name, "solver": solver, "evaluations": evaluations, "seed": seed,
                    "fd": frechet_distance(real, features), "seconds": seconds,
                }
            )  # fmt: skip
    floor = classifier.features(images[NUMBER : 2 * NUMBER])
    return pd.DataFrame(rows).assign(floor=frechet_distance(real, floor))


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean distance, half its 95 % interval and time, over the seeds."""
    groups = rows.groupby(["dataset", "solver", "evaluations"], sort=False)
    table = groups.agg(fd=("fd", "mean"), sd=("fd", "std"), seconds=("seconds", "mean"))
    table["half_interval"] = (
        student.ppf(0.975, len(SEEDS) - 1) * table.pop("sd") / len(SEEDS) ** 0.5
    )
    table["floor"] = groups["floor"].first()
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


def draw_figure(table: pd.DataFrame) -> plt.Figure:
    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for axis, (name, rows) in zip(axes, table.groupby("dataset", sort=False), strict=True):
        sns.lineplot(
            rows, x="evaluations", y="fd", hue="solver", style="solver", markers=True,
            palette="colorblind", ax=axis, legend=name == "mnist",
        )  # fmt: skip
        axis.axhline(rows.floor.iloc[0], color="gray", ls=":")
        axis.text(200, rows.floor.iloc[0], "training images", ha="right", va="bottom", color="gray")
        axis.set(title=name, xscale="log", yscale="log", xlabel="evaluations of the network")
        axis.set_xticks([5, 10, 20, 200], ["5", "10", "20", "200"], minor=False)
        axis.set_ylabel(f"fd[classifier]@{NUMBER}")
    axes[1].legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


def main() -> None:
    torch.set_num_threads(1)
    table = pd.concat([summary(measure(name)) for name in MODELS])
    RESULTS.mkdir(exist_ok=True)
    table.round(3).to_csv(RESULTS / "sampling.csv", index=False)
    draw_figure(table).savefig(RESULTS / "sampling.png", dpi=100)
    print(table.round(3).to_string(index=False))
    for _, rows in table.groupby("dataset", sort=False):
        print(claim(rows))


if __name__ == "__main__":
    main()
