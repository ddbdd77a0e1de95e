"""What a choice does: a row for every cell of a grid of methods and their numbers."""

import math
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.data import Dataset, load_dataset
from paramrel.measures.config import EvaluateParams
from paramrel.measures.evaluation import Row, evaluate
from paramrel.runs.run import Run
from paramrel.runs.train import train_run
from paramrel.study.cells import cell_name, long_cells, short_cells
from paramrel.study.params import (
    WEIGHTS,
    AblationParams,
    Cell,
    StudyParams,
    TrialParams,
    weighs,
)
from paramrel.study.runs import read_run
from paramrel.training.devices import limit_threads

Measure = Callable[[Run, Dataset, EvaluateParams], Row]


def ablate(
    grid: AblationParams | TrialParams,
    params: StudyParams,
    steps: int = 0,
    cells: int = 0,
    folder: str = "",
    progress: bool = True,
    also: Measure | None = None,
) -> pd.DataFrame:
    """Measure every cell of a grid; one tidy row per cell, in the grid's order.

    A row begins with the numbers that the grid varies, NaN where they are no weight of the
    method's objective, and goes on as `evaluate` measures, and `also`, where it is given.
    steps, cells: see `short_cells`. folder: where they are trained; "" trains them now,
    params.processes side by side.
    """
    todo = short_cells(grid, params, steps, cells)
    measured = Parallel(params.processes, return_as="generator")(
        delayed(_measure)(cell, grid.varied, params, folder, also) for cell in todo
    )
    return pd.DataFrame(tqdm(measured, "cells of the grid", len(todo), disable=not progress))


def long_runs(
    grid: AblationParams, params: StudyParams, steps: int = 0, folder: str = ""
) -> list[tuple[Run, pd.DataFrame]]:
    """Return each method's run at full length and its history; arguments as in `ablate`."""
    return [_run(cell, folder, progress=True) for cell in long_cells(grid, params, steps)]


def _measure(
    cell: Cell, varied: tuple[str, ...], params: StudyParams, folder: str, also: Measure | None
) -> Row:
    limit_threads(params.threads)
    run, _ = _run(cell, folder, progress=False)
    data, numbers = load_dataset(cell.dataset), cell.model.model_dump(by_alias=True)
    unused = [name for name in WEIGHTS if not weighs(name, cell.method)]
    row = {name: math.nan if name in unused else numbers[name] for name in varied}
    row |= evaluate(run, data, params.evaluate)
    return row | also(run, data, params.evaluate) if also else row


def _run(cell: Cell, folder: str, progress: bool) -> tuple[Run, pd.DataFrame]:
    if folder:
        return read_run(Path(folder) / cell_name(cell))
    return train_run(*cell, progress=progress)
