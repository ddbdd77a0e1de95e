"""`python -m paramrel.data`: list the data sets, prepare one, or write the pinned files."""

import argparse
import json
import sys
from pathlib import Path

import pandas as pd

from paramrel.data.disk.files import whole_file
from paramrel.data.listing import list_datasets
from paramrel.data.registry import OWN, prepare_dataset
from paramrel.data.sets.digits import write_digits
from paramrel.data.sets.tables import write_tables


def main(words: list[str] | None = None) -> None:
    """Run the command; a failure is one sentence and exit status 1."""
    arguments = _arguments(words)
    try:
        if arguments.command == "prepare":
            _prepare(arguments.name, arguments.record)
        elif arguments.command == "write-digits":
            _print(str(write_digits(arguments.folder)))
        elif arguments.command == "write-tables":
            _print("\n".join(map(str, write_tables(arguments.folder))))
        else:
            with pd.option_context("display.width", None, "display.max_columns", None):
                _print(list_datasets().to_string(index=False))
            for own in OWN.values():
                _print(f"{own.form}  {own.says}")
    except (ValueError, OSError, ImportError) as error:
        sys.exit(str(error))


def _print(text: str) -> None:
    """Print a text with the signs that the terminal has."""
    encoding = sys.stdout.encoding or "ascii"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("×", "x").encode(encoding, "replace").decode(encoding)
    print(text)


def _prepare(name: str, path: Path | None) -> None:
    record = json.dumps(prepare_dataset(name), indent=2) + "\n"
    print(record, end="")
    if path:
        with whole_file(path) as part:
            part.write_text(record, encoding="utf-8", newline="\n")


def _arguments(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m paramrel.data", description=__doc__)
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("list", help="list the data sets and what is on disk (the default)")
    command = commands.add_parser("prepare", help="download, decode and verify a data set")
    command.add_argument("name", metavar="NAME")
    command.add_argument("--record", type=Path, help="also write what it holds as JSON to here")
    command = commands.add_parser("write-digits", help="write the file that data.dvc pins")
    command.add_argument("folder", nargs="?", type=Path, default=Path("data"))
    command = commands.add_parser("write-tables", help="write the tables that data.dvc pins")
    command.add_argument("folder", nargs="?", type=Path, default=Path("data"))
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
