"""What a notebook leaves behind: small files with the same bytes for the same numbers."""

import json
from collections.abc import Container, Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from paramrel.data.disk.files import cause_of, whole_file
from paramrel.study.provenance import provenance

DIGITS = 6  # significant digits of the numbers in files


def write_json(row: dict, path: str | Path, stage: str = "") -> None:
    """Write a tidy row, or rows by name, as JSON, which `dvc metrics show` reads.

    stage: as in `write_table`.
    """
    row = row | _origin(stage, row)
    rounded = json.loads(json.dumps(row), parse_float=lambda x: float(f"{float(x):.{DIGITS}g}"))
    with whole_file(path) as part:
        part.write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8", newline="\n")


def read_json(path: str | Path) -> dict:
    """Read what `write_json` wrote.

    FileNotFoundError says how a missing file is made, ValueError which file is damaged.
    """
    with _blaming(_existing(path)):
        return json.loads(Path(path).read_text(encoding="utf-8"))


def read_table(path: str | Path) -> pd.DataFrame:
    """Read what `write_table` wrote.

    FileNotFoundError says how a missing file is made, ValueError which file is damaged.
    """
    with _blaming(_existing(path)):
        return pd.read_csv(path)


def write_table(table: pd.DataFrame, path: str | Path, stage: str = "") -> None:
    """Write a table as CSV.

    stage: of dvc.yaml, whose `provenance` then stands in every row that does not say it by itself.
    """
    table = table.copy()
    for name, value in _origin(stage).items():
        table[name] = table[name].fillna(value) if name in table else value
    with whole_file(path) as part:
        table.to_csv(part, index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def write_figure(figure: Figure, path: str | Path, stage: str = "") -> None:
    """Write a figure as PNG, without the name of the program that drew it.

    stage: of dvc.yaml, whose `provenance` then stands in the file as PNG text.
    """
    with whole_file(path) as part:
        origin = {"Software": None} | _origin(stage)
        figure.savefig(part, dpi=150, bbox_inches="tight", metadata=origin)


def _origin(stage: str, known: Container[str] = ()) -> dict[str, str]:
    names = provenance(stage) if stage else {}
    return {name: value for name, value in names.items() if name not in known}


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is missing; `dvc repro` makes it")
    return Path(path)


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Name the file where its text can't be read."""
    try:
        yield
    except ValueError as error:
        cause = cause_of(error)
        raise ValueError(f"{path} is damaged ({cause}); delete it, `dvc repro` makes it") from error
