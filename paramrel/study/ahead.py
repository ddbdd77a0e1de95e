"""Train the runs of a data set side by side; the stage of each then finds its training done.

`dvc repro` runs one stage at a time, which would leave all but one core idle.
"""

from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.data import load_dataset
from paramrel.runs.record import fingerprint, recipe
from paramrel.runs.run import is_saved
from paramrel.runs.train import train_run
from paramrel.study.params import StudyParams
from paramrel.training.devices import limit_threads


def train_ahead(dataset: str, params: StudyParams, runs: Path) -> dict[str, str]:
    """Train all runs of a data set, params.processes at a time; return each key's recipe, hashed.

    Each training is kept as the checkpoint of its end, which `train_run` then takes up: once. What
    is in `runs`, the folder of the saved ones, is not trained again. Raises what `train_run` does.
    """
    todo = [run for run in params.runs if run[0] == dataset]
    trained = Parallel(params.processes, return_as="generator")(
        delayed(_train)(*run, params, runs) for run in todo
    )
    return dict(tqdm(trained, f"training on {dataset}", len(todo)))


def _train(
    dataset: str, method: str, seed: int, params: StudyParams, runs: Path
) -> tuple[str, str]:
    limit_threads(params.threads)
    data = load_dataset(dataset)
    made_of = recipe(data, method, seed, params.model, params.train)
    key = f"{dataset}-{method}-{seed}"
    if not is_saved(runs / key, made_of):
        train_run(data, method, seed, params.model, params.train, progress=False, keep=True)
    return key, fingerprint(made_of)
