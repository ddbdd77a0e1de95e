"""What a notebook leaves behind: small files with the same bytes for the same numbers."""

import json
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

DIGITS = 6  # significant digits of the numbers in files


def write_json(row: dict, path: str | Path) -> None:
    """Write a tidy row, or rows by name, as JSON, which `dvc metrics show` reads."""
    rounded = json.loads(json.dumps(row), parse_float=lambda x: float(f"{float(x):.{DIGITS}g}"))
    _folder_of(path).write_text(json.dumps(rounded, indent=2) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> dict:
    """Read what `write_json` wrote; FileNotFoundError says how a missing file is made."""
    return json.loads(_existing(path).read_text(encoding="utf-8"))


def read_table(path: str | Path) -> pd.DataFrame:
    """Read what `write_table` wrote; FileNotFoundError says how a missing file is made."""
    return pd.read_csv(_existing(path))


def write_table(table: pd.DataFrame, path: str | Path) -> None:
    """Write a table as CSV."""
    table.to_csv(_folder_of(path), index=False, float_format=f"%.{DIGITS}g", lineterminator="\n")


def write_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG, without the name of the program that drew it."""
    figure.savefig(_folder_of(path), dpi=150, bbox_inches="tight", metadata={"Software": None})


def _folder_of(path: str | Path) -> Path:
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _existing(path: str | Path) -> Path:
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path} is missing; `dvc repro` makes it")
    return Path(path)
