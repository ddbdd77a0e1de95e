"""Train a method on data: a run."""

from collections.abc import Mapping
from difflib import get_close_matches
from functools import partial

import pandas as pd
import torch
from pydantic import ValidationError
from torch import Generator

from paramrel.data import Dataset, load_dataset
from paramrel.data.readings import Examples
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams, faults
from paramrel.models.evidence import require_present
from paramrel.runs.record import recipe, record, resume_folder
from paramrel.runs.run import Run
from paramrel.training.config import TrainParams
from paramrel.training.loop import train

FITTED = 4096  # training examples, at most, that marginals are counted on


def fit(
    data: Dataset | str,
    method: str = "paramrel",
    seed: int = 0,
    progress: bool = True,
    **numbers: object,
) -> Run:
    """Train a method on a data set, or on one of the registry by its name; return the run.

    numbers: any of `ModelParams` and `TrainParams` by name, such as steps=2000, code_dim=32,
    gamma=0.5. Raises ValueError, which names what is wrong, for unknown ones, and what `train_run`
    raises.

    >>> import paramrel, torch
    >>> x = torch.rand(300, 1, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    >>> data = paramrel.Dataset.from_tensors(x, kind="continuous")
    >>> run = fit(data, "paramrel", progress=False, steps=2, evaluations=1, channels=(8, 16))
    >>> run.key
    'own-paramrel-0'
    """
    model, train = read_numbers(numbers)
    return train_run(data, method, seed, model, train, progress=progress)[0]


def read_numbers(numbers: Mapping[str, object]) -> tuple[ModelParams, TrainParams]:
    """Return the numbers of a model and of a training, each by its name; others are the usual ones.

    Raises ValueError, which names what is wrong, for unknown names and values.
    """
    known = {*ModelParams.model_fields, *TrainParams.model_fields}
    for name in numbers.keys() - known:
        nearest = "".join(f"; did you mean {near!r}?" for near in get_close_matches(name, known, 1))
        raise ValueError(f"{name!r} is no number of a model or of a training{nearest}")
    try:
        return tuple(
            kind(**{name: value for name, value in numbers.items() if name in kind.model_fields})
            for kind in (ModelParams, TrainParams)
        )
    except ValidationError as error:
        raise ValueError(faults(error)) from None


def train_run(
    data: Dataset | str,
    method: str,
    seed: int,
    model: ModelParams,
    params: TrainParams,
    progress: bool = True,
    keep: bool = False,
) -> tuple[Run, pd.DataFrame]:
    """Build and train a method on data; return the run and the history of its losses.

    data: a data set, or the name of one of the registry. A training that was interrupted goes on
    where it was. keep: see `train`. Raises what `load_dataset`, `build_model` and `train` raise,
    and ValueError for missing values where the method does not read such data.

    >>> import paramrel
    >>> params = paramrel.TrainParams(steps=2, evaluations=1)
    >>> run, history = train_run("digits", "bfn", 0, paramrel.ModelParams(), params, progress=False)
    >>> list(history["step"])
    [2]
    """
    if isinstance(data, str):
        data = load_dataset(data)
    made_of = recipe(data, method, seed, model, params)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = build_model(method, data.variables, model)
        for x in (data.train.x, data.validation.x):
            if not isinstance(x, Examples):  # of bytes, none of which is missing
                require_present(untrained.method, x[:])
        some = torch.randperm(len(data.train), generator=Generator().manual_seed(seed))[:FITTED]
        untrained.fit_marginal(data.train.draw(some, Generator().manual_seed(seed)))
        trained, history = train(
            untrained, data, params, seed, progress, partial(resume_folder, made_of), keep
        )
    known = record(made_of, trained.device, len(data.train))
    return Run(data.name, method, seed, trained, params, known), history
