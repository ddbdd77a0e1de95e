"""What the choices of the objective do: a run for every cell of a grid of methods and weights."""

import shutil
from itertools import islice, product
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.data import load_dataset
from paramrel.measures.evaluation import Row, evaluate
from paramrel.runs.record import recipe, resume_folder
from paramrel.runs.train import train_run
from paramrel.study.params import AblationParams, StudyParams
from paramrel.training.devices import limit_threads


def ablate(
    grid: AblationParams, params: StudyParams, steps: int = 0, cells: int = 0, progress: bool = True
) -> pd.DataFrame:
    """Train and measure every cell of a grid; one tidy row per cell, in the grid's order.

    params: all that the grid does not say; params.processes train side by side.
    steps, cells: fewer training steps, the first cells only; 0 for those of the grid.

    An interrupted grid goes on where it was: trained cells are kept until all have been measured.
    """
    everything = product(grid.datasets, grid.methods, grid.seeds, grid.lambdas, grid.gammas)
    todo = list(islice(everything, cells or None))
    measured = Parallel(params.processes, return_as="generator")(
        delayed(_measure)(*cell, params, steps or grid.steps) for cell in todo
    )
    bar = tqdm(measured, "cells of the grid", len(todo), disable=not progress)
    rows, folders = zip(*bar, strict=True)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    return pd.DataFrame(rows)


def _measure(
    dataset: str,
    method: str,
    seed: int,
    lambda_: float,
    gamma: float,
    params: StudyParams,
    steps: int,
) -> tuple[Row, Path]:
    """Return the row of a cell, and the folder where its training is kept."""
    limit_threads(params.threads)
    train = params.train.model_copy(update={"steps": steps, "evaluations": 1})
    model = params.model.model_copy(update={"gamma": gamma, "lambda_": lambda_})
    data = load_dataset(dataset)
    run, _ = train_run(data, method, seed, model, train, progress=False, keep=True)
    kept = resume_folder(recipe(data, method, seed, model, train), run.model.device)
    return {"gamma": gamma, "lambda": lambda_} | evaluate(run, data, params.evaluate), kept
