"""The commands of the study; run them inside a clone."""

import argparse
import sys
from pathlib import Path

# A command imports what it needs when it runs: dvc.yaml's stages depend on no more than that.
from paramrel.study.params import GRIDS, Cell, load_params
from paramrel.study.paths import study_root
from paramrel.study.studies import own_values, studies, use_study


def check(_: argparse.Namespace) -> None:
    """Check the study's params.yaml, and say what differs from the study that it is named after."""
    params = load_params()
    print(
        f"params.yaml is valid: the study {params.study}, {len(params.runs)} runs of "
        f"{params.train.steps} steps, results in {params.results}"
    )
    for difference in own_values(study_root() / "params.yaml"):
        print(f"  {difference}")


def use(wanted: argparse.Namespace) -> None:
    """Make params.yaml that of another study; nothing of the old one is left over."""
    print(use_study(wanted.name, wanted.force))
    check(wanted)


def train(wanted: argparse.Namespace) -> None:
    """Train one run with the numbers of params.yaml and keep it."""
    from torch import distributed

    from paramrel.study.durations import tell_duration
    from paramrel.study.runs import train_once
    from paramrel.training.devices import limit_threads

    params = load_params()
    limit_threads(params.threads)
    model = params.model_of(wanted.dataset, wanted.method)
    cell = Cell(wanted.dataset, wanted.method, wanted.seed, model, params.train)
    tell_duration([cell])
    train_once(cell, wanted.out or params.results / "runs" / cell.place)
    if distributed.is_available() and distributed.is_initialized():
        distributed.destroy_process_group()


def ahead(wanted: argparse.Namespace) -> None:
    """Train the study's runs on a data set side by side; those that are there stay."""
    from paramrel.study.ahead import train_ahead
    from paramrel.study.paths import stem

    params = load_params()
    train_ahead(wanted.dataset, params, params.results / "runs" / stem(wanted.dataset))


def cells(wanted: argparse.Namespace) -> None:
    """Train the cells of a grid of params.yaml side by side; those that are there stay."""
    from paramrel.study.ahead import train_all
    from paramrel.study.cells import grid_cells

    params = load_params()
    train_all(grid_cells(wanted.grid, params), params, params.results / "cells" / wanted.grid)


def costs(wanted: argparse.Namespace) -> None:
    """Print what every method costs on the data sets that are named, by default the study's."""
    from paramrel.data import load_dataset
    from paramrel.models.build import cost_table

    params = load_params()
    for name in wanted.datasets or params.datasets:
        print(f"{name}\n{cost_table(load_dataset(name), params.model).to_string(index=False)}")


def pretrain(wanted: argparse.Namespace) -> None:
    """Train the models of a data set that come with the repository."""
    from paramrel.study.pretrained import make_pretrained, numbers_of
    from paramrel.training.devices import limit_threads

    limit_threads(1)  # the order of a sum depends on it
    make_pretrained(wanted.dataset, *numbers_of(wanted.dataset))
    print("now pin and keep them: dvc add data && dvc push data")


def sources(_: argparse.Namespace) -> None:
    """Write stripped copies of the notebooks, which the pipeline runs."""
    from paramrel.study.notebooks import write_sources

    write_sources(study_root(), load_params().results)


def clean(wanted: argparse.Namespace) -> None:
    """Normalise executed notebooks, keep their outputs."""
    from paramrel.study import notebooks

    for path in wanted.paths:
        notebooks.clean(path, study_root())


def refresh(wanted: argparse.Namespace) -> None:
    """Execute the study's notebooks in place, all of them by default."""
    from paramrel.study import notebooks

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
    command(
        use,
        ("name", {"help": f"one of {', '.join(studies())}"}),
        ("--force", {"action": "store_true", "help": "also over values of one's own"}),
    )
    command(
        train,
        ("dataset", {}),
        ("method", {}),
        ("seed", {"type": int}),
        ("--out", {"type": Path, "help": "its folder; by default that of the study"}),
    )
    command(ahead, ("dataset", {}))
    command(cells, ("grid", {"choices": GRIDS}))
    command(costs, ("datasets", {"nargs": "*"}))
    command(pretrain, ("dataset", {}))
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
