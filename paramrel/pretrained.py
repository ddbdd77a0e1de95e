"""Trained models that come with the repository: `dvc pull data` fetches them beside the digits.

ParamReL on binary digits, and at equal budget its two controls: the reading whose code has the
decoder's own time, and a plain Bayesian Flow Network. Default `ModelParams`, 1,000 steps of 128
of the 1,257 training images, seed 0, float32. data.dvc keeps a card of each. In short, for the
360 test images, in nats per image:

| method        | bound on −ln p(x) | a shuffled code adds | probe on codes of s = 1 |
|---------------|-------------------|----------------------|-------------------------|
| paramrel      | 24                | 160                  | 0.89                    |
| paramrel_same | 17                | 0                    | 0.62                    |
| bfn           | 17                |                      |                         |

They are too small and too few to compare methods by: that is what the study's runs are for.
The same machine makes the same bytes again with

    python -m paramrel.pretrained make digits
    dvc add data && dvc push data
"""

import argparse
import sys
from pathlib import Path

import yaml

from paramrel.devices import limit_threads
from paramrel.evaluation import Row, evaluate
from paramrel.files import whole_file
from paramrel.params import EvaluateParams, ModelParams, TrainParams
from paramrel.paths import study_root
from paramrel.runs import Run, load_run, save_run, train_run

METHODS = {"digits": ("paramrel", "paramrel_same", "bfn")}  # by the data they were trained on
SEED = 0
TRAIN = TrainParams(steps=1000)  # the validation loss rises after that
MEASURED = ("n_test", "nll_bound", "shuffled_code", "probe_t1")


def load_pretrained(dataset: str = "digits", method: str = "paramrel") -> Run:
    """Return a trained model of the repository, on the CPU.

    Raises ValueError for one that there is not or whose file is damaged, FileNotFoundError where
    the file is missing; nothing is fetched.
    """
    if method not in METHODS.get(dataset, ()):
        there = "; ".join(f"{name}: {', '.join(methods)}" for name, methods in METHODS.items())
        raise ValueError(f"no pretrained {method!r} on {dataset!r} comes with the study ({there})")
    path = study_root() / _place(dataset, method)
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; fetch it with `dvc pull data`")
    try:
        return load_run(path.parent)
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged, or of other networks than these; restore it with `dvc pull "
            f"--force data`, or make it anew with `python -m paramrel.pretrained make {dataset}`"
        ) from error


def make_pretrained(dataset: str, model: ModelParams, train: TrainParams) -> None:
    """Train the models of a data set, keep them below data/, write their cards into data.dvc.

    The same seed gives the same bytes on the same machine.
    """
    for method in METHODS[dataset]:
        run, _ = train_run(dataset, method, SEED, model, train)
        path = _place(dataset, method)
        save_run(run, study_root() / path.parent)
        _write_card(path.relative_to("data").as_posix(), card(run))


def card(run: Run) -> Row:
    """Return where a model comes from and what it measures on the test split, in nats per image.

    nll_bound: on −ln p(x); shuffled_code: what another image's code adds to the loss; probe_t1:
    accuracy of a linear probe on codes of s = 1.
    """
    row = evaluate(run, EvaluateParams())
    origin = {
        "title": f"{run.method} on {run.dataset}, {run.model.method.summary}",
        "command": f"python -m paramrel.pretrained make {run.dataset}",
        "seed": run.seed,
        "steps": run.train.steps,
        "parameters": sum(p.numel() for p in run.model.parameters()),
    }
    measured = {name: float(f"{row[name]:.4g}") for name in MEASURED if name in row}
    return origin | measured | {"n_test": row["n_test"]}


def _place(dataset: str, method: str) -> Path:
    return Path("data", "pretrained", f"{dataset}-{method}-{SEED}", "model.safetensors")


def _write_card(name: str, entry: Row) -> None:
    path = study_root() / "data.dvc"
    pinned = yaml.safe_load(path.read_text(encoding="utf-8"))
    pinned["meta"][name] = entry
    text = yaml.safe_dump(pinned, sort_keys=False, allow_unicode=True, width=100)
    with whole_file(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def main(words: list[str] | None = None) -> None:
    """Run the command; a failure is one sentence and exit status 1."""
    parser = argparse.ArgumentParser(prog="python -m paramrel.pretrained")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("make", help="train the models of a data set")
    command.add_argument("dataset", choices=METHODS)
    arguments = parser.parse_args(words)
    limit_threads(1)  # the order of a sum depends on it
    try:
        make_pretrained(arguments.dataset, ModelParams(), TRAIN)
    except (ValueError, OSError) as error:
        sys.exit(f"error: {error}")
    print("now pin and keep them: dvc add data && dvc push data")


if __name__ == "__main__":
    main()
