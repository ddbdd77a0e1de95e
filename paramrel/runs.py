"""A run: a model trained on a data set with a seed, and the file that keeps it."""

import json
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from paramrel.data import load_dataset
from paramrel.model import FlowAutoencoder, build_model
from paramrel.params import ModelParams, TrainParams
from paramrel.training import train


@dataclass(frozen=True)
class Run:
    """A trained model and where it comes from."""

    dataset: str
    method: str
    seed: int
    model: FlowAutoencoder
    train: TrainParams

    @property
    def key(self) -> str:
        return f"{self.dataset}-{self.method}-{self.seed}"


def train_run(
    dataset: str,
    method: str,
    seed: int,
    model: ModelParams,
    params: TrainParams,
    progress: bool = True,
) -> tuple[Run, pd.DataFrame]:
    """Build and train a method on a data set; return the run and the history of its losses."""
    data = load_dataset(dataset)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        untrained = build_model(method, data, model)
    trained, history = train(untrained, data, params, seed, progress)
    return Run(dataset, method, seed, trained, params), history


def save_run(run: Run, folder: str | Path) -> None:
    """Write a run's weights and origin as `model.safetensors` into a folder."""
    path = Path(folder) / "model.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    origin = {
        "dataset": run.dataset,
        "method": run.method,
        "seed": run.seed,
        "model": run.model.params.model_dump(by_alias=True),
        "train": run.train.model_dump(),
    }
    weights = {name: value.contiguous() for name, value in run.model.state_dict().items()}
    part = path.with_suffix(".part")
    save_file(weights, part, {"paramrel": json.dumps(origin)})
    part.replace(path)


def load_run(folder: str | Path) -> Run:
    """Read a run that `save_run` wrote.

    Raises FileNotFoundError where there is none, ValueError where the file is damaged.
    """
    path = Path(folder) / "model.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `dvc repro` trains it")
    try:
        with safe_open(path, "pt") as file:
            origin = json.loads(file.metadata()["paramrel"])
            weights = {name: file.get_tensor(name) for name in file.keys()}
        params = ModelParams.model_validate(origin["model"])
        model = build_model(origin["method"], load_dataset(origin["dataset"]), params)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, RuntimeError, ValueError) as error:
        cause = str(error).splitlines()[0]
        raise ValueError(
            f"{path} is no checkpoint of this version, or damaged ({cause}); delete it and run "
            "`dvc repro` to train it again"
        ) from error
    train_params = TrainParams.model_validate(origin["train"])
    return Run(origin["dataset"], origin["method"], origin["seed"], model.eval(), train_params)
