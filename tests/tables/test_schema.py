"""What a table's columns are, its cells as fields, and back: every type, every complaint."""

import doctest
import json
import os
import pickle
import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from paramrel.data import Dataset
from paramrel.tables import Schema, schema

N = 200
RNG = np.random.default_rng(0)
WORDS = RNG.choice(["a", "b", "c"], N)
SMALL = RNG.integers(-5, 90, N)
WIDE = RNG.integers(-(10**9), 10**9, N)
REALS = RNG.normal(size=N) ** 3
TENTHS = np.round(RNG.normal(size=N), 1)
GONE = RNG.random(N) < 0.3
STAMPS = pd.Series(pd.Timestamp("2013-01-01") + pd.to_timedelta(RNG.integers(0, 9000, N), "h"))
SIZES = pd.CategoricalDtype(["XL", "S", "M", "L"], ordered=True)
SMALL_TYPES = ["int64", "int8", "Int64", "Int8", "float32", "float64", "Float64", "object"]


def with_gaps(series):
    return series.where(~GONE)


COMPLETE = {
    **{f"count {dtype}": pd.Series(SMALL).astype(dtype) for dtype in SMALL_TYPES},
    "count UInt8": pd.Series(SMALL + 5).astype("UInt8"),
    "count uint8": pd.Series(SMALL + 5).astype("uint8"),
    **{f"wide {dtype}": pd.Series(WIDE).astype(dtype) for dtype in ("int64", "Int64", "object")},
    "wide uint64": pd.Series(WIDE + 10**9).astype("uint64"),
    **{f"rounded {dtype}": pd.Series(TENTHS).astype(dtype) for dtype in ("float32", "Float64")},
    "bool": pd.Series(SMALL > 40),
    "boolean": pd.Series(SMALL > 40, dtype="boolean"),
    "object of booleans": pd.Series(SMALL > 40, dtype=object),
    "object of words": pd.Series(WORDS, dtype=object),
    "str": pd.Series(WORDS, dtype="str"),
    "string": pd.Series(WORDS, dtype="string"),
    "category": pd.Series(WORDS).astype(pd.CategoricalDtype(["c", "unused", "a", "b"])),
    "category of numbers": pd.Series(SMALL // 20).astype("category"),
    "ordered category": pd.Series(WORDS).map({"a": "S", "b": "XL", "c": "L"}).astype(SIZES),
    "datetime64[ns]": STAMPS.dt.as_unit("ns"),
    "datetime64[s]": STAMPS.dt.as_unit("s"),
    "datetime64[us, zone]": STAMPS.dt.as_unit("us").dt.tz_localize("Asia/Tokyo"),
    "dates before 1677": pd.Series(np.array([-(10**10), -(10**9)] * 100, "datetime64[s]")),
    "atoms": pd.Series(np.where(GONE, 0, np.round(REALS, 3))),
    "whole atoms": pd.Series(np.where(GONE, -1, WIDE)),
    "two numbers": pd.Series(np.where(GONE, 0.25, 1e9)),
}  # fmt: skip
if find_spec("pyarrow"):
    COMPLETE |= {
        f"pyarrow {dtype}": pd.Series(values).astype(dtype)
        for dtype, values in {
            "string[pyarrow]": WORDS,
            "int64[pyarrow]": WIDE,
            "double[pyarrow]": TENTHS,
            "bool[pyarrow]": SMALL > 40,
        }.items()
    } | {
        "pyarrow own strings": pd.Series(WORDS, dtype=pd.ArrowDtype(__import__("pyarrow").string()))
    }
COLUMNS = COMPLETE | {
    f"{name}, gaps": with_gaps(series)
    for name, series in COMPLETE.items()
    if series.dtype.kind not in "iub" or isinstance(series.dtype, pd.api.extensions.ExtensionDtype)
}


def there_and_back(df, kinds=None):
    schema = Schema.infer(df, kinds)
    return schema.decode(schema.encode(df), df.index)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_of_any_type_comes_back_bit_exact_with_its_type(name):
    df = COLUMNS[name].to_frame("x")
    back = there_and_back(df)
    assert_frame_equal(back, df, check_exact=True)
    assert back["x"].dtype == df["x"].dtype


def test_all_columns_together_come_back_and_are_a_data_set():
    df = pd.DataFrame(COLUMNS)
    schema = Schema.infer(df)
    assert_frame_equal(there_and_back(df), df, check_exact=True)
    kinds = {name: variable.kind for name, variable in schema.variables.items()}
    levels = {name: v.levels for name, v in schema.variables.items() if v.levels}
    data = Dataset.from_tensors(schema.encode(df), kinds, levels=levels, missing=True)
    assert data.variables == schema.variables
    held = data.train.x[torch.arange(len(data.train))]
    exact = [c.name for c in schema.columns if not c.knots]
    rows = set(map(tuple, df[exact].astype(str).to_numpy().tolist()))
    assert rows >= set(map(tuple, schema.decode(held)[exact].astype(str).to_numpy().tolist()))


@pytest.mark.parametrize("values", [REALS, REALS.astype(np.float32), np.exp(10 * REALS)])
def test_a_real_number_comes_back_within_1e_12_of_the_range_or_1e_4_in_float32(values):
    df = pd.DataFrame({"x": values})
    schema = Schema.infer(df)
    assert schema.columns[0].kind == "continuous"
    for held, bound in ((torch.float64, 1e-12), (torch.float32, 1e-4)):
        back = schema.decode({"x": schema.encode(df)["x"].to(held)})
        error = (back.x.astype(float) - df.x.astype(float)).abs().max()
        assert error <= bound * float(np.ptp(values))


reals = st.floats(-1e100, 1e100, allow_nan=False, allow_subnormal=False)
whole = st.integers(-(2**39), 2**39 - 1)  # beyond 1e12 steps they come back within 1e-12 of them
moments = st.datetimes(
    min_value=pd.Timestamp("1700-01-01").to_pydatetime(),
    max_value=pd.Timestamp("2200-01-01").to_pydatetime(),
)


def lists_of(cells):
    """Columns of two different cells or more, and some missing ones."""
    known = st.lists(cells, min_size=2, max_size=60).filter(lambda values: len(set(values)) > 1)
    return st.tuples(known, st.integers(0, 3)).map(lambda pair: pair[0] + pair[1] * [None])


@given(lists_of(whole))
def test_any_whole_numbers_come_back_exact(values):
    df = pd.DataFrame({"x": pd.array(values, dtype="Int64")})
    assert_frame_equal(there_and_back(df, {"x": "continuous"}), df)
    assert_frame_equal(there_and_back(df, {"x": "categorical"}), df)


@given(lists_of(moments))
def test_any_dates_come_back_within_1e_12_of_their_range(values):
    df = pd.DataFrame({"x": pd.Series(values).astype("datetime64[us]")})
    back = there_and_back(df)
    assert (back.x.isna() == df.x.isna()).all()
    assert (back.x - df.x).abs().max() / (df.x.max() - df.x.min()) <= 1e-12


@given(lists_of(reals))
def test_any_numbers_come_back_in_order_and_within_1e_12_of_their_range(values):
    df = pd.DataFrame({"x": pd.Series(values, dtype=float)})
    schema = Schema.infer(df, {"x": "continuous"})
    encoded = schema.encode(df)["x"].numpy()
    known = df.x.notna().to_numpy()
    assert (np.isnan(encoded) == ~known).all() and np.nanmax(np.abs(encoded)) <= 1
    assert (np.diff(encoded[known][np.argsort(df.x[known])]) >= -1e-15).all()
    error = np.abs(schema.decode(schema.encode(df)).x - df.x).max()
    assert error <= 1e-12 * (df.x.max() - df.x.min())


@given(lists_of(st.text(max_size=5)))
def test_any_words_come_back(values):
    df = pd.DataFrame({"x": pd.Series(values, dtype=object)})
    assert_frame_equal(there_and_back(df, {"x": "categorical"}), df)


def test_heavy_tails_fill_the_range_as_a_normal_does():
    df = pd.DataFrame({"x": np.random.default_rng(1).standard_cauchy(20_000)})
    encoded = 3 * Schema.infer(df).encode(df)["x"]
    assert abs(encoded.mean()) < 0.01 and abs(encoded.std() - 0.986) < 0.01  # cut at ±3
    assert (encoded.abs() < 1).double().mean() == pytest.approx(0.6845, abs=0.01)


def kinds_of(schema):
    return {column.name: column.kind for column in schema.columns}


def test_the_kinds_of_columns_and_why_are_told():
    n = 1000
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "row": np.arange(n),
            "key": [f"{i:08x}" for i in rng.permutation(n)],
            "note": [f"it was {i} o'clock" for i in range(n)],
            "same": np.full(n, 7, np.int8),
            "none": pd.Series([None] * n, dtype="Int64"),
            "flag": np.where(rng.random(n) < 0.5, "Y", None),
            "age": rng.integers(17, 90, n),
            "tens": rng.integers(0, 37, n) * 10.0,
            "pay": rng.integers(0, 10**6, n) * 100,
            "rain": np.where(rng.random(n) < 0.9, 0, rng.random(n)),
            "sex": rng.choice(["f", "m"], n),
            "ok": rng.random(n) < 0.5,
            "grade": pd.Categorical(rng.choice([*"CBA"], n), [*"CBA"], ordered=True),
            "when": pd.date_range("2020", periods=n, freq="h"),
            "height": rng.normal(size=n),
            "hash": rng.integers(-(2**62), 2**62, n),
            "hours": np.where(rng.random(n) < 0.5, 40, rng.integers(1, 99, n)),
            "children": np.where(rng.random(n) < 0.5, 0, rng.integers(0, 9, n)),
            "speed": rng.integers(0, 37, n) * 1.15078,
        }
    )
    schema = Schema.infer(df)
    assert kinds_of(schema) == {
        "row": "id",
        "key": "id",
        "note": "text",
        "same": "constant",
        "none": "constant",
        "flag": "flag",
        "age": "count",
        "tens": "count",
        "pay": "continuous",
        "rain": "atoms",
        "sex": "categorical",
        "ok": "boolean",
        "grade": "ordered",
        "when": "date",
        "height": "continuous",
        "hash": "id",
        "hours": "atoms",
        "children": "count",
        "speed": "ordered",
    }
    shown = schema.to_frame().set_index("column")
    assert [*shown.columns] == ["kind", "levels", "missing", "why"] and (shown.why != "").all()
    assert shown.levels["tens"] == 37 and shown.levels["sex"] == 2 and shown.missing["none"] == 1
    assert shown.why["rain"] == "91% are 0" and shown.why["same"] == "always 7"
    assert "rain" in schema._repr_html_() and "91% are 0" in repr(schema)
    back = schema.decode(schema.encode(df))
    assert_frame_equal(
        back.drop(columns="height"), df.drop(columns=["row", "key", "note", "height", "hash"])
    )
    assert next(c.step for c in schema.columns if c.name == "pay") == 100


def test_the_two_fields_of_atoms_say_which_atom_or_what_other_number():
    df = pd.DataFrame({"rain": [0.0] * 30 + [9.0] * 25 + [None] * 5 + [*np.arange(0.5, 5.5, 0.5)]})
    schema = Schema.infer(df)
    assert schema.columns[0].atoms == (0.0, 9.0)
    encoded = schema.encode(df)
    assert encoded["rain atom"][[0, 30, 60]].tolist() == [1, 2, 0]
    assert encoded["rain atom"][55:60].isnan().all()
    assert encoded["rain"].isnan().tolist() == [False] * 55 + [True] * 5 + [False] * 10
    assert encoded["rain"][[0, 30]].tolist() == pytest.approx(
        [-1, 1]
    )  # the ends of the other numbers' range
    drawn = {"rain atom": torch.tensor([0, 1, 2, -1]), "rain": torch.tensor([1.0, 0.3, -1, 0.2])}
    assert schema.decode(drawn).rain.tolist()[:3] == [5.0, 0.0, 9.0]
    assert schema.decode(drawn).rain.isna().tolist() == [False] * 3 + [True]


@pytest.mark.parametrize("value", [1e6, -1e6])
def test_numbers_out_of_the_range_are_clamped(value):
    df = pd.DataFrame({"x": SMALL, "y": TENTHS, "z": STAMPS})
    schema = Schema.infer(df)
    far = pd.DataFrame(
        {"x": [value], "y": value, "z": pd.Timestamp("1900" if value < 0 else "2100")}
    )
    end = df.min() if value < 0 else df.max()
    assert schema.decode(schema.encode(far)).iloc[0].to_dict() == end.to_dict()


def test_decoded_numbers_stay_in_the_range_and_have_the_decimals_that_were_seen():
    df = pd.DataFrame({"x": TENTHS.astype("float32"), "y": WIDE * 10, "z": SMALL})
    schema = Schema.infer(df)
    draws = {name: torch.randn(500, generator=torch.Generator().manual_seed(0)) for name in df}
    back = schema.decode(draws)
    assert (back.min() >= df.min()).all() and (back.max() <= df.max()).all()
    assert (back.x.round(1) == back.x).all() and (back.y % 10 == 0).all() and back.x.nunique() > 1
    assert (back.dtypes == df.dtypes).all()


def test_a_column_that_was_complete_may_miss_cells_later():
    df = pd.DataFrame({"n": SMALL, "w": WIDE, "b": SMALL > 40, "s": WORDS, "d": STAMPS})
    schema = Schema.infer(df)
    later = df.astype(object).where(~np.tile(GONE[:, None], 5), None)
    later["d"] = with_gaps(STAMPS)
    later["n"] = with_gaps(df.n)
    back = schema.decode(schema.encode(later))
    assert {str(dtype) for dtype in back.dtypes[["n", "w", "b"]]} == {"Int64", "boolean"}
    assert (back.isna() == GONE[:, None]).all(axis=None)
    assert (back[~GONE] == df[~GONE]).all(axis=None)
    assert schema.encode(later[GONE])["n"].isnan().all()


def test_values_that_were_not_seen_become_missing_with_one_warning_or_raise():
    df = pd.DataFrame({"city": [*"aabb"], "size": pd.Categorical(["S", "L"] * 2, ["S", "M", "L"])})
    schema = Schema.infer(df)
    new = pd.DataFrame({"city": ["a", "Rome", "Oslo", None], "size": [*"SML"] + [None]})
    with pytest.warns(UserWarning, match="city: 'Rome', 'Oslo'; size: 'M'") as warned:
        encoded = schema.encode(new)
    assert len(warned) == 1
    assert encoded["city"].isnan().tolist() == [False, True, True, True]
    with pytest.raises(ValueError, match="city: 'Rome', 'Oslo'; size: 'M'"):
        schema.encode(new, handle_unknown="error")
    with pytest.raises(ValueError, match="handle_unknown is 'ignore'"):
        schema.encode(new, handle_unknown="ignore")
    assert schema.decode(encoded)["size"].dtype == df["size"].dtype


def test_a_schema_is_equal_after_json_and_pickling_and_forgets_its_rows():
    df = pd.DataFrame(COLUMNS)
    schema = Schema.infer(df)
    for again in (Schema.from_json(schema.to_json()), pickle.loads(pickle.dumps(schema))):
        assert again == schema and again.table is None
        assert_frame_equal(again.decode(schema.encode(df)), df)
        with pytest.raises(ValueError, match="without its table"):
            again.with_kinds(bool="id")
    assert json.loads(schema.to_json())[0]["kind"] == "count"
    assert schema != Schema.infer(df.iloc[:100])


def test_kinds_are_asked_for_at_once_or_later():
    df = pd.DataFrame({"zip": SMALL, "n": TENTHS, 7: WIDE})
    schema = Schema.infer(df, {"zip": "categorical", 7: "id"})
    assert kinds_of(schema) == {"zip": "categorical", "n": "continuous", 7: "id"}
    assert Schema.infer(df).with_kinds({7: "id"}).with_kinds(zip="categorical") == schema
    assert schema.columns[0].why == "asked for"
    assert schema.decode(schema.encode(df)).equals(df[["zip", "n"]])


BAD_KINDS = {
    "nothing": ("w", "w holds words and can't be 'nothing'; its kind is one of categorical"),
    "continuous": ("w", "can't be 'continuous'"),
    "count": ("x", "x can't be 'count'"),
    "atoms": ("x", "x can't be 'atoms'"),
    "ordered": ("c", "its kind is one of categorical, id"),
    "categorical": ("k", "k has 1 known values"),
}


@pytest.mark.parametrize("kind", BAD_KINDS)
def test_a_kind_that_a_column_can_t_be_of_is_refused(kind):
    name, message = BAD_KINDS[kind]
    df = pd.DataFrame({"w": WORDS, "x": REALS, "c": pd.Categorical(WORDS), "k": 1})
    with pytest.raises(ValueError, match=message):
        Schema.infer(df, {name: kind})
    with pytest.raises(ValueError, match="kinds names 'z', but the columns are"):
        Schema.infer(df, {"z": kind})


UNSUPPORTED = {
    "mixed": ([1, "a"], "x holds int and str"),
    "lists": ([[1], [2]], "x holds list"),
    "decimals": ([b"a", b"b"], "x holds bytes"),
    "complex": ([1j, 2j], "x holds complex128"),
    "intervals": (pd.interval_range(0, 2), "x holds interval"),
    "cut": (pd.cut([1, 2], 2), "x holds interval"),
    "periods": (pd.period_range("2020", periods=2, freq="M"), "x holds period"),
    "durations": (pd.to_timedelta([1, 2], "s"), "x holds timedelta64"),
    "sparse": (pd.arrays.SparseArray([0, 1]), "x holds Sparse"),
}


@pytest.mark.parametrize("sort", UNSUPPORTED)
def test_a_type_that_is_not_supported_is_named(sort):
    values, message = UNSUPPORTED[sort]
    with pytest.raises(TypeError, match=message):
        Schema.infer(pd.DataFrame({"x": values, "y": [1, 2]}))


def test_a_bad_table_is_refused_in_one_clear_error():
    good = pd.DataFrame({"x": REALS, "w": WORDS})
    bad = {
        "the table is empty: 0 rows": good.iloc[:0],
        "the table is empty: 200 rows, 0 columns": good[[]],
        "the columns 'x' stand twice": good[["x", "x"]],
        "x has 1 infinite values": good.replace({"x": {REALS[0]: np.inf}}),
        "no column is left to model: k": pd.DataFrame({"k": [1, 1]}),
        r"id \(id: 30000 different values in 30000 rows\)": pd.DataFrame(
            {"id": np.arange(30_000).astype(str)}
        ),
        "x reaches from -1.5e\\+308 to": pd.DataFrame({"x": [-1.5e308, 0, 1.5e308]}),
        "d reaches from .* hold dates in a coarser unit": pd.DataFrame(
            {"d": pd.to_datetime(["1700-01-01", "1980-01-01", "2200-01-01"]).as_unit("ns")}
        ),
        "two fields are called 1": pd.DataFrame({1: REALS, "1": REALS}),
    }
    for message, df in bad.items():
        with pytest.raises(ValueError, match=message):
            Schema.infer(df)
    with pytest.raises(ValueError, match="big has 30000 different values"):
        Schema.infer(pd.DataFrame({"big": np.arange(30_000)}), {"big": "categorical"})
    with pytest.raises(ValueError, match="hash reaches beyond"):
        Schema.infer(pd.DataFrame({"hash": [0, 2**60, 2**61]}), {"hash": "continuous"})
    with pytest.raises(TypeError, match="not ndarray"):
        Schema.infer(good.to_numpy())
    with pytest.raises(TypeError, match=r"the columns \('a', 'b'\) are called"):
        Schema.infer(pd.DataFrame([[1], [2]], columns=pd.MultiIndex.from_tuples([("a", "b")])))


def test_other_columns_or_types_than_the_schema_s_are_refused():
    df = pd.DataFrame({"x": REALS, "w": WORDS, "d": STAMPS, "i": np.arange(N)})
    schema = Schema.infer(df)
    expected = schema.encode(df)
    shuffled = schema.encode(df[["d", "w", "x"]])  # an id is not needed
    assert all(torch.equal(shuffled[name], values) for name, values in expected.items())
    with pytest.raises(ValueError, match="the columns 'x', 'w' are not there"):
        schema.encode(df[["d"]])
    with pytest.raises(ValueError, match="does not know the columns 'new'"):
        schema.encode(df.assign(new=1))
    with pytest.raises(TypeError, match="x holds str; numbers are wanted"):
        schema.encode(df.assign(x=df.w.astype("str")))
    with pytest.raises(TypeError, match=r"d holds int64; datetime64\[.*\] is wanted"):
        schema.encode(df.assign(d=1))
    with pytest.raises(TypeError, match="UTC.* is wanted|datetime64.* is wanted"):
        schema.encode(df.assign(d=STAMPS.dt.tz_localize("UTC")))
    with pytest.raises(ValueError, match="x has 200 infinite"):
        schema.encode(df.assign(x=np.inf))
    with pytest.raises(ValueError, match="the fields 'd', 'w' are not there"):
        schema.decode({"x": expected["x"]})
    with pytest.raises(ValueError, match="w holds class 3; it has 0 to 2"):
        schema.decode(expected | {"w": expected["w"] + 1})
    with pytest.raises(ValueError, match="each must be"):
        schema.decode(expected | {"x": expected["x"][:5]})


@pytest.mark.parametrize(
    "index",
    [pd.date_range("2020", periods=N, freq="D", name="t"), pd.Index([f"r{i}" for i in range(N)])],
)
def test_rows_keep_their_index_and_columns_their_whole_names_and_order(index):
    df = pd.DataFrame({3: WORDS, 0: SMALL, 1: STAMPS}).set_index(index)
    assert_frame_equal(there_and_back(df), df, check_freq=False)
    assert [*Schema.infer(df).variables] == ["3", "0", "1"]


@pytest.mark.parametrize("name", COLUMNS)
def test_a_table_of_one_column_of_any_type_works_and_is_left_as_it_was(name):
    df = COLUMNS[name].to_frame("x")
    before = df.copy(deep=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Schema.infer(df).encode(df)
    assert_frame_equal(df, before)


def test_a_flag_says_where_its_one_value_stands():
    for value in ("Y", 3.5, True, pd.Timestamp("2020-01-01")):
        df = with_gaps(pd.Series([value] * N)).to_frame("x")
        schema = Schema.infer(df)
        assert schema.encode(df)["x"].tolist() == (~GONE).tolist()
        assert_frame_equal(schema.decode(schema.encode(df)), df)


@pytest.mark.parametrize("value", [1, 0.5, "a", True, pd.Timestamp("2020-01-01"), None, pd.NaT])
def test_a_constant_comes_back_with_its_type(value):
    df = pd.DataFrame({"x": REALS, "k": [value] * N})
    assert_frame_equal(there_and_back(df), df)


def test_a_hundred_binary_columns_and_uniform_categories_keep_their_frequencies():
    rng = np.random.default_rng(0)
    df = pd.DataFrame(rng.random((500, 100)) < rng.random(100))
    df["u"] = rng.choice([*"abcd"], 500)
    assert {v.kind for v in Schema.infer(df).variables.values()} == {"categorical"}
    assert_frame_equal(there_and_back(df.rename(columns=str)), df.rename(columns=str))


def test_whole_dates_stay_whole_numbers():
    df = pd.DataFrame({"day": STAMPS.dt.strftime("%Y%m%d").astype(int)})
    assert_frame_equal(there_and_back(df), df)


@pytest.mark.skipif("PARAMREL_DATA" not in os.environ, reason="the tables are not at hand")
@pytest.mark.parametrize("name", ["adult", "weather"])
def test_a_real_table_comes_back_bit_exact(name):
    path = Path(os.environ["PARAMREL_DATA"], "tables", f"{name}.csv.gz")
    df = pd.read_csv(
        path, skipinitialspace=True, na_values="?", index_col=0 if name == "adult" else None
    )
    if name == "weather":
        df["time_hour"] = pd.to_datetime(df["time_hour"])
    assert_frame_equal(there_and_back(df), df, check_exact=True)


def test_the_example_runs():
    result = doctest.testmod(schema)
    assert result.attempted and not result.failed
