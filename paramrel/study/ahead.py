"""Trainings side by side; the stages that measure them then have none to do.

`dvc repro` runs one stage at a time, which would leave all but one core idle.
"""

import shutil
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.study.durations import tell_duration
from paramrel.study.params import Cell, StudyParams
from paramrel.study.paths import stem
from paramrel.study.runs import train_once
from paramrel.training.devices import limit_threads


def train_ahead(dataset: str, params: StudyParams, folder: Path) -> None:
    """Train all runs of a data set into folder/<method>-<seed>, params.processes at a time.

    A run that is there is not trained again, and one that the study has not is deleted. Raises
    what `train_once` does, and ValueError where the study has no such data set.
    """
    cells = [
        Cell(name, method, seed, params.model_of(name, method), params.train)
        for name, method, seed in params.runs
        if name == dataset
    ]
    if not cells:
        raise ValueError(f"the study {params.study} has no run on {dataset!r}; see params.yaml")
    train_all({cell.place.name: cell for cell in cells}, params, folder)


def train_all(cells: dict[str, Cell], params: StudyParams, folder: Path) -> None:
    """Train cells into the subfolders that they are named by, and delete all others."""
    for old in folder.glob("*"):
        if old.name not in cells:
            shutil.rmtree(old)
    missing = [cell for name, cell in cells.items() if not (folder / name).is_dir()]
    tell_duration(missing, params.processes)
    trained = Parallel(params.processes, return_as="generator_unordered")(
        delayed(_train)(cell, folder / name, params.threads) for name, cell in cells.items()
    )
    names = ", ".join(dict.fromkeys(stem(cell.dataset) for cell in cells.values()))
    for _ in tqdm(trained, f"training on {names}", len(cells)):
        pass


def _train(cell: Cell, folder: Path, threads: int) -> None:
    limit_threads(threads)
    train_once(cell, folder, progress=False)
