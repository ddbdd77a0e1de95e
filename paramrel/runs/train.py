"""Train a method on a data set: a run."""

from functools import partial

import pandas as pd
import torch

from paramrel.data import load_dataset
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.runs.record import recipe, record, resume_folder
from paramrel.runs.run import Run
from paramrel.training.config import TrainParams
from paramrel.training.loop import train


def train_run(
    dataset: str,
    method: str,
    seed: int,
    model: ModelParams,
    params: TrainParams,
    progress: bool = True,
    keep: bool = False,
) -> tuple[Run, pd.DataFrame]:
    """Build and train a method on a data set; return the run and the history of its losses.

    A training that was interrupted goes on where it was. keep: see `train`. Raises what
    `load_dataset`, `build_model` and `train` raise.
    """
    data = load_dataset(dataset)
    determined_by = recipe(dataset, method, seed, model, params)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = build_model(method, data, model)
        trained, history = train(
            untrained, data, params, seed, progress, partial(resume_folder, determined_by), keep
        )
    known = record(determined_by, trained.device, len(data.train))
    return Run(dataset, method, seed, trained, params, known), history
