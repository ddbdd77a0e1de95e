"""What the two weights of the objective do: a run for every cell of a grid of γ and λ."""

from itertools import islice, product

import pandas as pd
from tqdm import tqdm

from paramrel.evaluation import evaluate
from paramrel.params import StudyParams
from paramrel.runs import train_run


def ablate(
    params: StudyParams, steps: int = 0, cells: int = 0, progress: bool = True
) -> pd.DataFrame:
    """Train and measure every cell of params.ablation's grid; one tidy row per cell.

    steps, cells: fewer training steps, the first cells only; 0 for those of params.ablation.
    """
    grid = params.ablation
    train = params.train.model_copy(update={"steps": steps or grid.steps, "evaluations": 1})
    todo = list(islice(product(grid.seeds, grid.lambdas, grid.gammas), cells or None))
    rows = []
    for seed, lambda_, gamma in tqdm(todo, "cells of the grid", disable=not progress):
        model = params.model.model_copy(update={"gamma": gamma, "lambda_": lambda_})
        run, _ = train_run(grid.dataset, grid.method, seed, model, train, progress=False)
        rows.append({"gamma": gamma, "lambda": lambda_} | evaluate(run, params.evaluate))
    return pd.DataFrame(rows)
