"""What the choices of the objective do: a run for every cell of a grid of methods and weights."""

from itertools import islice, product

import pandas as pd
from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.devices import limit_threads
from paramrel.evaluation import Row, evaluate
from paramrel.params import AblationParams, StudyParams
from paramrel.runs import train_run


def ablate(
    grid: AblationParams, params: StudyParams, steps: int = 0, cells: int = 0, progress: bool = True
) -> pd.DataFrame:
    """Train and measure every cell of a grid; one tidy row per cell, in the grid's order.

    params: all that the grid does not say; params.jobs processes share the cells and the threads.
    steps, cells: fewer training steps, the first cells only; 0 for those of the grid.
    """
    everything = product(grid.datasets, grid.methods, grid.seeds, grid.lambdas, grid.gammas)
    todo = list(islice(everything, cells or None))
    rows = Parallel(params.jobs, return_as="generator")(
        delayed(_measure)(*cell, params, steps or grid.steps) for cell in todo
    )
    return pd.DataFrame(tqdm(rows, "cells of the grid", len(todo), disable=not progress))


def _measure(
    dataset: str,
    method: str,
    seed: int,
    lambda_: float,
    gamma: float,
    params: StudyParams,
    steps: int,
) -> Row:
    limit_threads(max(1, params.threads // params.jobs))
    train = params.train.model_copy(update={"steps": steps, "evaluations": 1})
    model = params.model.model_copy(update={"gamma": gamma, "lambda_": lambda_})
    run, _ = train_run(dataset, method, seed, model, train, progress=False)
    return {"gamma": gamma, "lambda": lambda_} | evaluate(run, params.evaluate)
