"""Learn codes of images, tables and other data, and draw, complete and encode with them."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import NoReturn

# Commands with a parser of their own, and what they are about.
ROOMS = {
    "study": "check and change the study's parameters, train its runs, refresh its notebooks",
    "data": "list the data sets, prepare one",
}
DATA = (
    "a table (.csv, .parquet), a folder of images, the name of a data set (`paramrel data` lists "
    "them), or where one's own lies with its options, as in image_folder:photos,size=32"
)
MODEL = "the folder that `paramrel fit` wrote"

EXAMPLES = {
    "fit": """
  paramrel fit people.csv people-model
  paramrel fit photos photos-model --steps 5000 --set code_dim=16 channels=[32,64]
  paramrel fit image_folder:photos,size=32 photos-model --method paramrel_evidence""",
    "encode": """
  paramrel encode people-model people.csv codes.csv
  paramrel encode photos-model photos codes.npy""",
    "sample": """
  paramrel sample people-model drawn.csv -n 1000 --given sex=f age=40
  paramrel sample photos-model drawn.png -n 64""",
    "complete": """
  paramrel complete people-model gaps.csv filled.csv
  paramrel complete photos-model photos completed --seen mask.png --draws 3""",
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="paramrel",
        description=__doc__,
        epilog="example:\n  paramrel fit people.csv model && paramrel sample model drawn.csv -n 100"
        "\n\n`paramrel COMMAND --help` says more. Exit status 2: what was asked for is wrong; "
        "1: it failed.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, about: str, more: str = "") -> Callable[..., argparse.Action]:
        added = commands.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}. {more}",
            epilog=f"examples:{EXAMPLES[name]}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(parser=added)
        return added.add_argument

    def common(add: Callable[..., argparse.Action]) -> None:
        add("--seed", type=_seed, default=0, help="of all that is random (default: 0)")
        add("--force", action="store_true", help="write over what is there, which is else refused")

    add = command(
        "fit",
        "train a model on data and keep it in a folder",
        "An interrupted training goes on\nwhere it was when the same command is given again.",
    )
    add("data", metavar="DATA", help=DATA)
    add("out", metavar="OUT", type=Path, help="the folder of the model")
    add("--method", help="a row of the table in the README (default: paramrel; of tables always "
                         "paramrel_evidence)")  # fmt: skip
    add("--steps", type=_count, help="of the training (default: 600; of tables 2000)")
    add("--set", type=_pair, nargs="+", action="extend", default=[], metavar="NAME=VALUE",
        dest="numbers", help="numbers of model and training, as params.yaml names them; of tables "
        "those of paramrel.tables.TableModel")  # fmt: skip
    common(add)

    add = command("encode", "write the code of each example", "A table's rows keep their index.")
    add("model", metavar="MODEL", type=Path, help=MODEL)
    add("data", metavar="DATA", help=DATA)
    add("out", metavar="OUT", type=Path, help="a .csv, .parquet or .npy file")
    add("--force", action="store_true", help="write over what is there, which is else refused")

    add = command("sample", "draw new examples")
    add("model", metavar="MODEL", type=Path, help=MODEL)
    add("out", metavar="OUT", type=Path, help="of a table a .csv or .parquet file; of images a "
        ".png file for one grid, or a folder of PNGs; of other data a .npy file")  # fmt: skip
    add("-n", type=_count, default=16, metavar="N", help="how many (default: 16)")
    add("--given", type=_pair, nargs="+", action="extend", default=[], metavar="COLUMN=VALUE",
        help="cells that all rows of a table have")  # fmt: skip
    common(add)

    add = command(
        "complete",
        "draw what is missing, given what is known",
        "Of tables that is empty cells; of\nimages, pixels that a mask hides.",
    )
    add("model", metavar="MODEL", type=Path, help=MODEL)
    add("data", metavar="DATA", help="a table, images, or the name of a set of images, as for fit")
    add("out", metavar="OUT", type=Path, help="of a table a .csv or .parquet file; of images a "
        ".png file for one grid, or a folder of PNGs")  # fmt: skip
    add("--seen", type=Path, metavar="MASK.png", help="of images: white where they are seen")
    add("--draws", type=_count, default=1, help="of each example (default: 1)")
    common(add)

    for name, about in ROOMS.items():
        commands.add_parser(name, help=about, add_help=False)
    return parser


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of at least 1")
    return int(text)


def _seed(text: str) -> int:
    if not text.isdecimal() or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to {2**32 - 1}")
    return int(text)


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE; name files before these")
    return name, value


def main(words: list[str] | None = None) -> None:
    """Run a command. A failure is one sentence; its exit status is 2 where the user can mend it."""
    words = sys.argv[1:] if words is None else words
    if words and words[0] in ROOMS:
        _hand_over(*words)
        return
    parser = _parser()
    wanted = parser.parse_args(words)
    if wanted.command is None:
        parser.print_help()
        return
    from paramrel import commands  # slow: help needs none of it

    try:
        getattr(commands, wanted.command)(wanted)
    except KeyboardInterrupt:
        then = "; the same command goes on where it was" if wanted.command == "fit" else ""
        wanted.parser.exit(130, f"{wanted.parser.prog}: stopped{then}\n")
    except (ValueError, TypeError, FileNotFoundError, FileExistsError) as error:
        _fail(wanted.parser, 2, error)
    except (OSError, ArithmeticError, MemoryError, RuntimeError) as error:
        _fail(wanted.parser, 1, error)


def _fail(parser: argparse.ArgumentParser, status: int, error: Exception) -> NoReturn:
    """Say on one line what went wrong, and end."""
    parser.exit(status, f"{parser.prog}: error: {' '.join(str(error).split())}\n")


def _hand_over(room: str, *words: str) -> None:
    """Run a command of a room's own."""
    try:
        command = import_module(f"paramrel.{room}.__main__")
    except ModuleNotFoundError as error:
        sys.exit(f'error: there is no {error.name}; `pip install "paramrel[study]"` brings it')
    command.main([*words])


if __name__ == "__main__":
    main()
