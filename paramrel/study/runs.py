"""The runs of the study: read where they were trained, or trained now."""

from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed
from lightning_fabric.utilities import rank_zero_only
from tqdm import tqdm

from paramrel.data import load_dataset
from paramrel.runs.record import recipe, resume_folder
from paramrel.runs.run import Run, is_saved, load_run, save_run
from paramrel.runs.train import train_run
from paramrel.study.durations import is_long, tell_duration
from paramrel.study.params import Cell, StudyParams
from paramrel.study.paths import require_writable
from paramrel.study.results import read_json, read_table, write_table
from paramrel.training.checkpoint import Checkpoints
from paramrel.training.devices import limit_threads


def train_once(cell: Cell, folder: str | Path, progress: bool = True) -> tuple[Run, pd.DataFrame]:
    """Return the run of a folder and its history, trained now where none of this recipe is there.

    What is trained is kept as a checkpoint until it is in the folder. Raises OSError before the
    first step where the folder cannot be written, and what `train_run` raises.
    """
    data = load_dataset(cell.dataset)
    made_of = recipe(data, *cell[1:])
    if is_saved(folder, made_of) and (Path(folder) / "history.csv").is_file():
        return read_run(folder)
    require_writable(folder)
    run, history = train_run(data, *cell[1:], progress=progress, keep=True)
    rank_zero_only(_keep)(run, history, folder)
    rank_zero_only(Checkpoints(resume_folder(made_of, run.model.device)).clear)()
    return run, history


def _keep(run: Run, history: pd.DataFrame, folder: str | Path) -> None:
    write_table(history, Path(folder) / "history.csv")
    save_run(run, folder)  # last: the history of a run that is there is there too


def run_and_history(cell: Cell, runs: str, out: str) -> tuple[Run, pd.DataFrame]:
    """Return a run and its history, read from the folder of its data set's runs.

    runs: that folder; "" trains it now, and keeps it below `out`, "" nowhere.
    """
    if runs:
        return read_run(Path(runs) / cell.place.name)
    return train_once(cell, Path(out, "runs", cell.place)) if out else train_run(*cell)


def read_run(folder: str | Path) -> tuple[Run, pd.DataFrame]:
    """Return the run of a folder and its history; raises what `load_run` raises."""
    place = Path(folder).resolve()
    return load_run(place), read_table(place / "history.csv")


def read_runs(dataset: str, methods: Iterable[str], seeds: Iterable[int], folder: str) -> list[Run]:
    """Read the runs of a data set from their folder, method by method; ValueError for another's."""
    places = [Path(folder).resolve() / f"{m}-{seed}" for m, seed in product(methods, [*seeds])]
    runs = [load_run(place) for place in places]
    for run, place in zip(runs, places, strict=True):
        if run.dataset != dataset:
            raise ValueError(f"{place} is a run on {run.dataset}, not on {dataset}")
    return runs


def read_measured(runs: Iterable[Run], folder: str | Path) -> dict[str, dict]:
    """Read what `evaluate` said of each run of a data set, by the run's key."""
    place = Path(folder).resolve()
    return {run.key: read_json(place / f"{run.method}-{run.seed}.json") for run in runs}


def load_or_train(
    dataset: str,
    methods: Sequence[str],
    seeds: Sequence[int],
    folder: str,
    params: StudyParams,
    steps: int,
) -> list[Run]:
    """Read the runs of these methods and seeds from the folder of the data set's runs.

    Where the folder is "", train them instead, in so many steps; 0: as many as params.yaml says.
    Raises what `load_run` and `train_run` raise.
    """
    if folder:
        return read_runs(dataset, methods, seeds, folder)
    short = params.train.model_copy(update={"steps": steps or params.train.steps, "evaluations": 1})
    cells = [
        Cell(dataset, method, seed, params.model_of(dataset, method), short)
        for method, seed in product(methods, seeds)
    ]
    long = len(cells) > 1 and is_long(cells)  # else starting processes costs more than it saves
    processes = params.processes if long else 1
    tell_duration(cells, processes)
    trained = Parallel(processes, return_as="generator")(
        delayed(_train)(cell, params.threads, progress=not long) for cell in cells
    )
    return list(tqdm(trained, f"trainings on {dataset}", len(cells), disable=len(cells) == 1))


def _train(cell: Cell, threads: int, progress: bool) -> Run:
    limit_threads(threads)
    return train_run(*cell, progress=progress)[0]
