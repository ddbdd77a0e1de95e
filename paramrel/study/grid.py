"""What the choices of the objective do: a row for every cell of a grid of methods and weights."""

from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.data import load_dataset
from paramrel.measures.evaluation import Row, evaluate
from paramrel.runs.run import Run
from paramrel.runs.train import train_run
from paramrel.study.cells import cell_name, long_cells, short_cells
from paramrel.study.params import AblationParams, Cell, StudyParams
from paramrel.study.runs import read_run
from paramrel.training.devices import limit_threads


def ablate(
    grid: AblationParams,
    params: StudyParams,
    steps: int = 0,
    cells: int = 0,
    folder: str = "",
    progress: bool = True,
) -> pd.DataFrame:
    """Measure every cell of a grid; one tidy row per cell, in the grid's order.

    steps, cells: see `short_cells`. folder: where they are trained; "" trains them now,
    params.processes side by side.
    """
    todo = short_cells(grid, params, steps, cells)
    measured = Parallel(params.processes, return_as="generator")(
        delayed(_measure)(cell, params, folder) for cell in todo
    )
    return pd.DataFrame(tqdm(measured, "cells of the grid", len(todo), disable=not progress))


def long_runs(
    grid: AblationParams, params: StudyParams, steps: int = 0, folder: str = ""
) -> list[tuple[Run, pd.DataFrame]]:
    """Return each method's run at full length and its history; arguments as in `ablate`."""
    return [_run(cell, folder, progress=True) for cell in long_cells(grid, params, steps)]


def _measure(cell: Cell, params: StudyParams, folder: str) -> Row:
    limit_threads(params.threads)
    run, _ = _run(cell, folder, progress=False)
    weights = {"gamma": cell.model.gamma, "lambda": cell.model.lambda_}
    return weights | evaluate(run, load_dataset(cell.dataset), params.evaluate)


def _run(cell: Cell, folder: str, progress: bool) -> tuple[Run, pd.DataFrame]:
    if folder:
        return read_run(Path(folder) / cell_name(cell))
    return train_run(*cell, progress=progress)
