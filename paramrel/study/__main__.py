"""The commands of the study; run them inside a clone."""

import argparse
import sys
from pathlib import Path

from lightning_fabric.utilities import rank_zero_only
from torch import distributed

from paramrel.data import load_dataset
from paramrel.models.build import cost_table
from paramrel.models.config import ModelParams
from paramrel.runs.pretrained import METHODS
from paramrel.runs.run import save_run
from paramrel.runs.train import train_run
from paramrel.study import notebooks, pretrained
from paramrel.study.ahead import train_ahead
from paramrel.study.params import load_params, profiles, use_profile
from paramrel.study.paths import study_root
from paramrel.study.results import write_json, write_table
from paramrel.training.devices import limit_threads


def check(_: argparse.Namespace) -> None:
    """Check the study's params.yaml."""
    params = load_params()
    print(f"params.yaml is valid: {len(params.runs)} runs of {params.train.steps} steps")


def use(wanted: argparse.Namespace) -> None:
    """Write a profile's numbers over those of params.yaml."""
    use_profile(wanted.name)
    check(wanted)


def train(wanted: argparse.Namespace) -> None:
    """Train one run of params.yaml and keep it."""
    params = load_params()
    limit_threads(params.threads)
    run, history = train_run(wanted.dataset, wanted.method, wanted.seed, params.model, params.train)
    out = wanted.out or study_root() / "results" / "runs" / run.key
    rank_zero_only(save_run)(run, out)
    rank_zero_only(write_table)(history, out / "history.csv")
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def ahead(wanted: argparse.Namespace) -> None:
    """Train the runs of a data set side by side, for the stages that take them up."""
    runs = study_root() / "results" / "runs"
    for key, made_of in train_ahead(wanted.dataset, load_params(), runs).items():
        write_json({"recipe": made_of}, wanted.out / f"{key}.json")


def costs(wanted: argparse.Namespace) -> None:
    """Print what every method costs on the data sets that are named, by default the study's."""
    params = load_params()
    for name in wanted.datasets or params.datasets:
        print(f"{name}\n{cost_table(load_dataset(name), params.model).to_string(index=False)}")


def pretrain(wanted: argparse.Namespace) -> None:
    """Train the models of a data set that come with the repository."""
    limit_threads(1)  # the order of a sum depends on it
    pretrained.make_pretrained(wanted.dataset, ModelParams(), pretrained.TRAIN)
    print("now pin and keep them: dvc add data && dvc push data")


def sources(_: argparse.Namespace) -> None:
    """Write stripped copies of the notebooks, which the pipeline runs."""
    notebooks.write_sources(study_root())


def clean(wanted: argparse.Namespace) -> None:
    """Normalise executed notebooks, keep their outputs."""
    for path in wanted.paths:
        notebooks.clean(path, study_root())


def refresh(wanted: argparse.Namespace) -> None:
    """Execute the study's notebooks in place, all of them by default."""
    root = study_root()
    for path in notebooks.find_notebooks(wanted.names, root):
        print(path.relative_to(root), flush=True)
        notebooks.refresh(path, root)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m paramrel.study", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(function, *arguments: tuple[str, dict]) -> None:
        added = commands.add_parser(
            function.__name__, help=function.__doc__, description=function.__doc__
        )
        added.set_defaults(run=function)
        for name, settings in arguments:
            added.add_argument(name, **settings)

    command(check)
    command(use, ("name", {"help": f"one of {', '.join(profiles())}"}))
    command(
        train,
        ("dataset", {}),
        ("method", {}),
        ("seed", {"type": int}),
        ("--out", {"type": Path, "help": "its folder; by default results/runs/KEY"}),
    )
    command(
        ahead,
        ("dataset", {}),
        ("out", {"type": Path, "help": "folder for a file of each run, with its recipe"}),
    )
    command(costs, ("datasets", {"nargs": "*"}))
    command(pretrain, ("dataset", {"choices": METHODS}))
    command(sources)
    command(clean, ("paths", {"nargs": "+", "type": Path, "metavar": "PATH"}))
    command(refresh, ("names", {"nargs": "*", "metavar": "NAME"}))
    return parser


def main(words: list[str] | None = None) -> None:
    """Run a command; a failure is one sentence and exit status 1."""
    wanted = _parser().parse_args(words)
    try:
        wanted.run(wanted)
    except (OSError, ValueError, ArithmeticError, MemoryError, RuntimeError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
