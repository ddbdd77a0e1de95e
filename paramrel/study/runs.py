"""The runs of the study: trained now, or read from its results."""

from collections.abc import Collection, Iterable, Sequence
from itertools import product
from pathlib import Path

from paramrel.measures.quality import Row
from paramrel.runs.run import Run, load_run
from paramrel.runs.train import train_run
from paramrel.study.params import StudyParams
from paramrel.study.paths import study_root
from paramrel.study.results import read_json


def load_runs(dataset: str, methods: Iterable[str], seeds: Collection[int]) -> list[Run]:
    """Read the study's runs of a data set, in the order of the methods."""
    folder = study_root() / "results" / "runs"
    return [load_run(folder / f"{dataset}-{m}-{seed}") for m in methods for seed in seeds]


def measured_runs(runs: Iterable[Run]) -> dict[str, Row]:
    """Read what `evaluate` said of each run of the study, by its key."""
    folder = study_root() / "results" / "metrics" / "train"
    return {run.key: read_json(folder / f"{run.key}.json") for run in runs}


def load_or_train(
    dataset: str,
    methods: Sequence[str],
    seeds: Sequence[int],
    folder: str | Path,
    params: StudyParams,
    steps: int,
) -> list[Run]:
    """Load the runs of these methods and seeds from a folder of the study, `results/runs`.

    Where the folder is "", train them instead, in so many steps. Raises what `load_run` does.
    """
    cells = list(product(methods, seeds))
    if folder:
        place = study_root() / folder
        return [load_run(place / f"{dataset}-{method}-{seed}") for method, seed in cells]
    short = params.train.model_copy(update={"steps": steps, "evaluations": 1})
    return [train_run(dataset, *cell, params.model, short, progress=False)[0] for cell in cells]
