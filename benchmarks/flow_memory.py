"""Prints time and peak memory of two losses beside their naive forms.

Usage: python benchmarks/flow_memory.py        (20 seconds)

Each form runs in a process of its own: one loss and its backward pass. Memory is how far these
push the process's peak above what it held before, in megabytes.
"""

import resource
import sys
import time
from collections.abc import Callable
from multiprocessing import get_context

import torch
from torch import Tensor
from torch.distributions import Categorical, Normal

from paramrel.flows import CategoricalFlow, DiscretizedNormal, bin_centers


def categorical_step(raw: Tensor, num_classes: int) -> Tensor:
    """L_n of categorical data as the flow computes it."""
    x = torch.zeros(raw.shape[:-1]).long()
    flow = CategoricalFlow(num_classes, beta_1=1.0)
    return flow.loss_discrete_time(x, Categorical(logits=raw), 1, 10)


def naive_categorical_step(raw: Tensor, num_classes: int) -> Tensor:
    """The same from the definition: the log-density of a mixture of K vectors of length K."""
    flow = CategoricalFlow(num_classes, beta_1=1.0)
    alpha = flow.schedule.alpha_step(1, 10)
    sender = flow.sender(torch.zeros(raw.shape[:-1]).long(), alpha)
    receiver = flow.receiver(Categorical(logits=raw), alpha)
    y = sender.sample()
    return 10 * (sender.log_prob(y) - receiver.log_prob(y)).sum(1)


def discretized_mean(raw: Tensor, num_bins: int) -> Tensor:
    """The expected bin as the flow computes it."""
    return DiscretizedNormal(raw[..., 0], raw[..., 1].exp(), num_bins).mean


def naive_discretized_mean(raw: Tensor, num_bins: int) -> Tensor:
    """The same from the definition: differences of CDFs times bin centres."""
    normal = Normal(raw[..., :1], raw[..., 1:].exp())
    edges = torch.arange(num_bins + 1) * 2 / num_bins - 1
    left, right = normal.cdf(edges[:-1]), normal.cdf(edges[1:])
    left = torch.where(edges[:-1] <= -1, 0.0, left)
    right = torch.where(edges[1:] >= 1, 1.0, right)
    return ((right - left) * bin_centers(num_bins, raw)).sum(-1)


EXAMPLES, VARIABLES = 16, 784
# name, naive form, form here, sizes K, and whether raw has K features per variable or two
CASES = [
    ("categorical L_n", naive_categorical_step, categorical_step, (2, 16, 64), True),
    ("discretized mean", naive_discretized_mean, discretized_mean, (16, 64, 256), False),
]


def peak_megabytes() -> float:
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def measure(form: Callable[..., Tensor], size: int, features: int) -> tuple[float, float]:
    """Megabytes and seconds of one loss with its backward pass."""

    def run(examples: int) -> None:
        raw = torch.randn(examples, VARIABLES, features, requires_grad=True)
        form(raw, size).sum().backward()

    run(1)  # loads what is loaded at first use
    before, start = peak_megabytes(), time.perf_counter()
    run(EXAMPLES)
    return peak_megabytes() - before, time.perf_counter() - start


def main() -> None:
    print(f"{EXAMPLES} examples of {VARIABLES} variables, float32")
    print(f"{'':18}{'K':>5}{'naive MB':>11}{'here MB':>11}{'naive s':>10}{'here s':>10}")
    for name, naive, here, sizes, features_are_size in CASES:
        for size in sizes:
            features = size if features_are_size else 2
            with get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
                forms = [(naive, size, features), (here, size, features)]
                (naive_mb, naive_s), (mb, s) = pool.starmap(measure, forms, chunksize=1)
            print(f"{name:18}{size:5}{naive_mb:11.1f}{mb:11.1f}{naive_s:10.3f}{s:10.3f}")


if __name__ == "__main__":
    main()
