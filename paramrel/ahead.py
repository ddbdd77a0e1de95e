"""Train the runs of a data set side by side; the stage of each then finds its training done.

`dvc repro` runs one stage at a time, which would leave all but one core idle.
"""

import argparse
import sys
from pathlib import Path

from joblib import Parallel, delayed
from tqdm import tqdm

from paramrel.devices import limit_threads
from paramrel.params import StudyParams, load_params
from paramrel.paths import study_root
from paramrel.record import fingerprint, recipe
from paramrel.results import write_json
from paramrel.runs import is_saved, train_run


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
    made_of = recipe(dataset, method, seed, params.model, params.train)
    key = f"{dataset}-{method}-{seed}"
    if not is_saved(runs / key, made_of):
        train_run(dataset, method, seed, params.model, params.train, progress=False, keep=True)
    return key, fingerprint(made_of)


def main(words: list[str] | None = None) -> None:
    """Train the runs of a data set of params.yaml; a failure is one sentence and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m paramrel.ahead", description=main.__doc__)
    parser.add_argument("dataset")
    parser.add_argument("out", type=Path, help="folder for a file of each run, with its recipe")
    wanted = parser.parse_args(words)
    try:
        runs = study_root() / "results" / "runs"
        for key, made_of in train_ahead(wanted.dataset, load_params(), runs).items():
            write_json({"recipe": made_of}, wanted.out / f"{key}.json")
    except (OSError, ValueError, ArithmeticError, MemoryError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
