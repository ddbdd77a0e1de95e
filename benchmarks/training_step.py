"""Images a second of a training step, against a plain one and against its convolutions alone.

`OMP_WAIT_POLICY=passive python benchmarks/training_step.py [threads ...]`, by default 1: two
minutes a number of threads. It needs MNIST's files. The plain step is what one writes first:
float32, channels first, PyTorch's group norm, an optimizer and an average that loop over the
parameters. All steps have the same networks. Each has a process of its own, for memory that one
keeps would be at hand for the others, and they take turns, so that a busy machine slows all; times
are a process's own (with one thread), medians of the rounds with the fastest and slowest. Results
of other processors and numbers of threads stay in the tables.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
import torch
from torch import Generator, Tensor, nn

from paramrel.data import Dataset, load_dataset
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.build import build_model, cost_table
from paramrel.models.config import ModelParams
from paramrel.networks.norm_silu import kernel
from paramrel.training.devices import keep_freed_memory

RESULTS = Path(__file__).parent / "results"
BATCH, ROUNDS = 128, 5
# The first U-Net of BFN has 128 channels, doubled twice, and two blocks; this has a quarter of them
LARGE = ModelParams(channels=(32, 64, 64), blocks=(2, 2, 2), code_dim=32)
NETWORKS = {"digits": ModelParams(), "mnist": LARGE, "scenes": LARGE}
# name: channels last, bfloat16, compiled norm, fused optimizer, memory kept from step to step
STEPS = {
    "plain": (False, False, False, False, False),
    "float32": (True, False, True, True, True),
    "bfloat16, norm of PyTorch": (True, True, False, True, True),
    "bfloat16": (True, True, True, True, True),
}
PARTS = ("convolutions", "data", "encode", "decode")
KEY = ["dataset", "processor", "threads"]  # of a result


def training_step(
    model: FlowAutoencoder,
    x: Tensor,
    last: bool,
    bfloat16: bool,
    norm: bool,
    fused: bool,
    keep: bool,
) -> Callable[[], None]:
    """Return a function that makes one step: loss, gradients, clipping, optimizer and average."""
    if keep:
        keep_freed_memory()
    model = model.to(memory_format=torch.channels_last if last else torch.contiguous_format)
    weights = list(model.parameters())
    average = [weight.detach().clone() for weight in weights]
    optimizer = torch.optim.AdamW(weights, 1e-4, fused=fused, foreach=False if not fused else None)
    generator = Generator().manual_seed(0)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16), _norm(norm):
            loss = model(x, generator).total
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(weights, 5.0)
        optimizer.step()
        with torch.no_grad():
            for mean, weight in zip(average, weights, strict=True):
                mean.lerp_(weight, 0.01)

    return step


@contextmanager
def _norm(compiled: bool) -> Iterator[None]:
    library = kernel.library
    if not compiled:
        kernel.library = lambda: None
    try:
        yield
    finally:
        kernel.library = library


def convolutions(model: FlowAutoencoder, x: Tensor) -> Callable[[], None]:
    """Return a function that runs every convolution of a step alone, bfloat16, channels last."""
    calls = []

    def record(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        image = inputs[0].detach().bfloat16().contiguous(memory_format=torch.channels_last)
        first = layer.in_channels == model.decoder.stem.in_channels  # needs no gradient of θ
        grad = torch.ones_like(output, dtype=torch.bfloat16)
        calls.append((copies[layer], image.requires_grad_(not first), grad))

    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    layers = [layer for layer in model.modules() if isinstance(layer, kinds)]
    copies = {layer: _copy(layer) for layer in layers}
    hooks = [layer.register_forward_hook(record) for layer in layers]
    model(x)
    for hook in hooks:
        hook.remove()

    def run() -> None:
        for layer, image, grad in calls:
            inputs = [image] * image.requires_grad + list(layer.parameters())
            torch.autograd.grad(layer(image), inputs, grad)

    return run


def _copy(layer: nn.Module) -> nn.Module:
    kind = dict(stride=layer.stride, padding=layer.padding)
    copy = type(layer)(layer.in_channels, layer.out_channels, layer.kernel_size, **kind)
    return copy.to(torch.bfloat16, memory_format=torch.channels_last)


def sampling_parts(model: FlowAutoencoder, x: Tensor) -> dict[str, Callable[[], None]]:
    """Return what one evaluation of the self-encoding sampler does: encode θ, and decode."""
    t = torch.full((len(x),), 0.5)
    theta, z = model.flow.sample_theta(x, t), model.no_code(len(x))

    @torch.no_grad()
    def encode() -> None:
        model.encode_theta(theta, t)

    @torch.no_grad()
    def decode() -> None:
        model.output_distribution(theta, z, t, t)

    return {"encode": encode, "decode": decode}


def draw_batch(data: Dataset) -> Callable[[], None]:
    generator = Generator().manual_seed(0)
    order = torch.randperm(len(data.train), generator=generator)[:BATCH]
    return lambda: data.train.draw(order, generator)


def functions_of(name: str, parts: tuple[str, ...]) -> dict[str, Callable[[], None]]:
    """Return steps, or the parts of a step, of a data set as functions to time."""
    data = load_dataset(name)
    x = data.train.draw(torch.arange(BATCH), Generator().manual_seed(0))
    model = build_model("paramrel", data.variables, NETWORKS[name])
    if parts != PARTS:
        return {part: training_step(model, x, *STEPS[part]) for part in parts}
    alone = {"convolutions": convolutions(model, x), "data": draw_batch(data)}
    return alone | sampling_parts(model, x)


def serve(pipe: Connection, threads: int, name: str, parts: tuple[str, ...]) -> None:
    """Send the milliseconds of each function whenever asked, until the answer is no."""
    torch.set_num_threads(threads)
    functions = functions_of(name, parts)
    clock = time.process_time if threads == 1 else time.perf_counter
    for function in functions.values():
        function()
    pipe.send("ready")
    while pipe.recv():
        row = {}
        for part, function in functions.items():
            start = clock()
            function()
            row[part] = 1e3 * (clock() - start)
        pipe.send(row)


def timings(name: str, rounds: int) -> pd.DataFrame:
    """Milliseconds of each step and each part of one, one row a round."""
    context, pipes = get_context("spawn"), []
    for parts in (*((step,) for step in STEPS), PARTS):
        ours, theirs = context.Pipe()
        words = (theirs, torch.get_num_threads(), name, parts)
        context.Process(target=serve, args=words, daemon=True).start()
        ours.recv()
        pipes.append(ours)
    rows = []
    for _ in range(rounds):
        row = {}
        for pipe in pipes:
            pipe.send(True)
            row |= pipe.recv()
        rows.append(row)
    for pipe in pipes:
        pipe.send(False)
    return pd.DataFrame(rows)


def measure(name: str) -> tuple[list[dict], list[dict]]:
    """Rows of the steps of a data set, and a row of the shares of the step's parts."""
    times = timings(name, ROUNDS if name != "digits" else 10 * ROUNDS)
    middle = times.median()
    place = {
        "processor": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
    rows = [
        {
            "dataset": name,
            **place,
            "step": step,
            "median_ms": middle[step],
            "fastest_ms": times[step].min(),
            "slowest_ms": times[step].max(),
            "images_per_s": 1e3 * BATCH / middle[step],
            "times_plain": median(times["plain"] / times[step]),
            "share_of_convolution_rate": median(times["convolutions"] / times[step]),
        }
        for step in STEPS
    ]
    best = min(("float32", "bfloat16"), key=lambda step: middle[step])
    flops = cost_table(load_dataset(name), NETWORKS[name]).set_index("method")["FLOPs"]
    shares = {
        "dataset": name,
        **place,
        "data_in_step": median(times["data"] / times[best]),
        "encoder_in_training_flops": 1 - flops["bfn"] / flops["paramrel"],
        "encoder_in_sampling": median(times["encode"] / (times["encode"] + times["decode"])),
    }
    return rows, [shares]


def draw_figure(steps: pd.DataFrame) -> plt.Figure:
    steps = steps.assign(place=steps["processor"] + ", threads: " + steps["threads"].astype(str))
    grid = sns.catplot(
        steps, kind="bar", x="times_plain", y="step", col="dataset", row="place", height=2.6,
        aspect=1.4, color=sns.color_palette("colorblind")[0],
    )  # fmt: skip
    grid.refline(x=1)
    grid.set_axis_labels("images/s, plain step = 1", "")
    grid.set_titles("{col_name}, {row_name}")
    return grid.figure


def main() -> None:
    for threads in [int(argument) for argument in sys.argv[1:]] or [1]:
        torch.set_num_threads(threads)
        for name in NETWORKS:
            rows, row = (pd.DataFrame(table) for table in measure(name))
            print(
                rows.round(3).to_string(index=False),
                row.to_string(index=False),
                sep="\n",
                flush=True,
            )
            steps = write("training_step", rows)
            write("training_shares", row)
            figure = draw_figure(steps)
            figure.savefig(RESULTS / "training_step.png", dpi=100, metadata={"Software": None})
            plt.close(figure)


def write(name: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Put a data set's rows in the place of those that are known; return the whole table."""
    path = RESULTS / f"{name}.csv"
    if path.is_file():
        known = pd.read_csv(path).set_index(KEY)
        known = known.drop(rows.set_index(KEY).index, errors="ignore").reset_index()
        rows = pd.concat([known, rows], ignore_index=True)
    table = rows.round(4).sort_values(KEY, kind="stable")
    table.to_csv(path, index=False)
    return table


if __name__ == "__main__":
    main()
