"""About how long trainings will take, said before they begin."""

import sys
from collections.abc import Sequence
from time import perf_counter

import torch

from paramrel.data import load_dataset
from paramrel.data.fields import moved
from paramrel.models.build import build_model
from paramrel.study.params import Cell

LONG = 3000  # steps in all, from which on it is said


def tell_duration(cells: Sequence[Cell], processes: int = 1) -> None:
    """Print about how long these trainings take, so many side by side; nothing of short ones."""
    if not is_long(cells):
        return
    steps = sum(cell.train.steps for cell in cells)
    one_each = {(cell.dataset, cell.method): cell for cell in cells}
    a_step = {kind: seconds_a_step(cell) for kind, cell in one_each.items()}
    total = sum(a_step[cell.dataset, cell.method] * cell.train.steps for cell in cells)
    print(
        f"{len(cells)} trainings, {steps:,} steps in all, take about {readable(total / processes)} "
        f"({min(a_step.values()):.2g} to {max(a_step.values()):.2g} s a step)",
        file=sys.stderr,
    )


def is_long(cells: Sequence[Cell]) -> bool:
    """Whether trainings take so long that it pays to say so, and to start processes for them."""
    return sum(cell.train.steps for cell in cells) >= LONG


def seconds_a_step(cell: Cell) -> float:
    """Measure forward and backward pass of one batch, after one that is not counted."""
    data = load_dataset(cell.dataset)
    gpu = cell.train.accelerator != "cpu" and torch.cuda.is_available()
    device = torch.device("cuda" if gpu else "cpu")
    with torch.random.fork_rng():
        model = build_model(cell.method, data.variables, cell.model).to(device)
        batch = data.train.draw(torch.arange(cell.train.batch_size) % len(data.train))
        x = moved(batch, device)
        for _ in range(2):
            start = perf_counter()
            loss = model(x).total
            loss.backward()
            loss.item()  # waits for a GPU
    return perf_counter() - start


def readable(seconds: float) -> str:
    """Return a duration in the unit that suits it.

    >>> readable(40), readable(600), readable(7200), readable(1e6)
    ('40 s', '10 minutes', '2 hours', '12 days')
    """
    for unit, size in {"days": 86400, "hours": 3600, "minutes": 60}.items():
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
