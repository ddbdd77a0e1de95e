"""A table's model as an estimator: sklearn's rules, mixed columns, missing cells."""

import doctest
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from paramrel.tables import TableImputer, TableModel, imputer, model

TINY = dict(code_dim=3, steps=2, batch_size=16)


@parametrize_with_checks(
    [TableModel(**TINY), TableImputer(TableModel(**TINY))],
    expected_failed_checks=lambda estimator: {},
)
def test_sklearn(estimator, check):
    check(estimator)


def mixed(n=60, seed=0):
    """A table of every kind of column, some cells missing."""
    rng = np.random.default_rng(seed)
    number = rng.normal(size=n).round(3)
    df = pd.DataFrame(
        {
            "number": number,
            "spikes": np.where(rng.random(n) < 0.5, 0, rng.normal(size=n)),
            "count": rng.integers(0, 9, n),
            "word": np.where(number > 0, "up", "down"),
            "grade": pd.Categorical(rng.choice(["c", "a", "b"], n), ["c", "b", "a"], ordered=True),
            "yes": rng.random(n) < 0.5,
            "whole": pd.array(rng.integers(0, 5, n), dtype="Int64"),
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, n), "D"),
            "same": 7,
            "key": [f"k{i}" for i in range(n)],
        },
        index=pd.Index(np.arange(n) * 10, name="id"),
    )
    for column in ["number", "spikes", "word", "grade", "whole", "day"]:
        df.loc[rng.random(n) < 0.2, column] = None
    return df


@pytest.fixture(scope="module")
def df():
    return mixed()


@pytest.fixture(scope="module")
def fitted(df):
    return TableModel(**TINY).fit(df)


@pytest.mark.parametrize("file", [model, imputer])
def test_examples(file):
    assert doctest.testmod(file, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0


def test_a_row_alone_has_the_numbers_that_it_has_among_others(fitted, df):
    order = np.random.default_rng(0).permutation(len(df))
    for read in (fitted.transform, fitted.score_samples, fitted.predict_proba):
        whole = np.asarray(read(df))
        alone = np.concatenate([np.asarray(read(df[i : i + 1])) for i in range(0, len(df), 7)])
        np.testing.assert_allclose(alone, whole[::7], rtol=0, atol=1e-7)
        np.testing.assert_allclose(np.asarray(read(df.iloc[order])), whole[order], atol=1e-9)
        assert np.isfinite(whole).all()


def test_missing_cells_say_nothing(fitted, df):
    gone = df.assign(word=None)
    assert np.abs(fitted.transform(gone) - fitted.transform(df)).max() > 1e-4
    hidden = df.copy().astype({"key": object})
    hidden["key"] = None  # has no field
    np.testing.assert_array_equal(fitted.transform(hidden), fitted.transform(df))


def test_the_score_is_that_of_the_bound(fitted, df):
    from paramrel import nll_bound

    rows = fitted._encode(df)
    bound = nll_bound(fitted.run_.model, rows, generator=fitted.run_.model.generator(0)).total
    np.testing.assert_allclose(fitted.score(df), -bound.mean(), rtol=0.1)


def test_known_cells_stay_bit_equal(fitted, df):
    for filled in [
        fitted.impute(df),
        fitted.impute(df, draws=2, random_state=0).loc[1],
        TableImputer(TableModel(**TINY), draws=2).fit_transform(df),
    ]:
        assert_frame_equal(filled, df.where(df.notna(), filled).astype(filled.dtypes))
        assert filled.notna().all().all()
        assert (filled.dtypes == df.dtypes).all()


def test_draws(fitted, df):
    many = fitted.impute(df, draws=3, random_state=0)
    assert many.index.names == ["draw", "id"] and len(many) == 3 * len(df)
    assert_frame_equal(many, fitted.impute(df, draws=3, random_state=0))
    gone = df["number"].isna()
    drawn = many["number"].unstack("draw")[gone]
    assert (drawn.nunique(axis=1) > 1).any()
    with pytest.raises(ValueError, match="draws is 0"):
        fitted.impute(df, draws=0)
    with pytest.raises(ValueError, match="draws is 0"):
        TableImputer(TableModel(**TINY), draws=0).fit(df)


def test_nothing_missing_is_given_back(fitted, df):
    full = df.dropna()
    assert_frame_equal(fitted.impute(full), full)


def test_a_column_that_was_complete_may_be_missing_later(fitted, df):
    later = df.copy()
    later["count"] = later["count"].where(np.arange(len(df)) % 2 == 0)
    filled = fitted.impute(later)
    assert filled["count"].between(0, 8).all()
    gone = df.assign(count=None, yes=None)
    assert fitted.impute(gone)["count"].dtype == df["count"].dtype
    assert set(fitted.impute(gone)["yes"]) <= {True, False}


def test_a_class_that_was_not_seen(fitted, df):
    new = df.assign(word="sideways")
    with pytest.warns(UserWarning, match="word: 'sideways'"):
        codes = fitted.transform(new)
    np.testing.assert_array_equal(codes, fitted.transform(df.assign(word=None)))
    with pytest.warns(UserWarning, match="sideways"):
        assert (fitted.impute(new)["word"] == "sideways").all()
    strict = clone(fitted).set_params(handle_unknown="error").fit(df)
    with pytest.raises(ValueError, match="sideways"):
        strict.transform(new)


def test_fewer_categories_than_in_training(fitted, df):
    some = df.assign(grade=df["grade"].where(df["grade"] == "a").cat.remove_unused_categories())
    filled = fitted.impute(some)
    assert filled["grade"].notna().all()
    assert (filled["grade"][some["grade"].notna()] == "a").all()


def test_samples(fitted, df):
    drawn = fitted.sample(30, random_state=0)
    kept = df.drop(columns="key")
    assert (drawn.dtypes == kept.dtypes).all() and drawn.notna().all().all()
    assert (drawn["same"] == 7).all()
    assert drawn["number"].between(df["number"].min(), df["number"].max()).all()
    assert_frame_equal(drawn, fitted.sample(30, random_state=0))
    assert not drawn.equals(fitted.sample(30, random_state=1))
    with pytest.raises(ValueError, match="n_samples is 0"):
        fitted.sample(0)


def test_given_cells_are_kept(fitted, df):
    given = {"word": "up", "grade": "b", "number": 0.123, "count": 3, "day": df["day"].max()}
    drawn = fitted.sample(5, given=given, random_state=0)
    for name, value in given.items():
        assert (drawn[name] == value).all()
    assert (drawn.dtypes == df.drop(columns="key").dtypes).all()
    with pytest.raises(ValueError, match="sideways"):
        fitted.sample(given={"word": "sideways"})
    with pytest.raises(ValueError, match="count can't hold 2.5"):
        fitted.sample(given={"count": 2.5})
    with pytest.raises(ValueError, match="whole can't hold 2.5"):
        fitted.sample(given={"whole": 2.5})
    with pytest.raises(ValueError, match="grade can't hold 'z'"):
        fitted.sample(given={"grade": "z"})
    with pytest.raises(ValueError, match="given names"):
        fitted.sample(given={"color": "red"})


def test_numbers_that_recur_are_drawn_as_often():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(400) < 0.8, 0, rng.normal(size=400))
    df = pd.DataFrame({"x": x, "y": rng.normal(size=400)})
    drawn = TableModel(steps=100).fit(df).sample(400, random_state=0)
    assert 0.6 < (drawn["x"] == 0).mean() < 0.9  # 0.8, had it been trained for longer


def test_codes_back_to_rows(fitted, df):
    back = fitted.inverse_transform(fitted.transform(df))
    assert (back.dtypes == df.drop(columns="key").dtypes).all() and len(back) == len(df)
    assert back.notna().all().all()
    with pytest.raises(ValueError, match="a code has 3"):
        fitted.inverse_transform(np.zeros((2, 5)))


def test_probabilities(fitted, df):
    chances = fitted.predict_proba(df, "word")
    assert list(chances.columns) == ["down", "up"] and chances.index.equals(df.index)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-6)
    assert_frame_equal(chances, fitted.predict_proba(df.assign(word=None), "word"))
    assert list(fitted.predict_proba(df, "grade")) == ["c", "b", "a"]
    assert list(fitted.predict_proba(df, "count")) == [*range(9)]
    np.testing.assert_allclose(fitted.predict_proba(df, "count").sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(fitted.predict_proba(df)["word"], chances)
    with pytest.raises(ValueError, match="'number' has no classes"):
        fitted.predict_proba(df, "number")


def test_a_flag_stays_as_it_is():
    df = mixed().assign(left=["yes", None] * 30)
    fitted = TableModel(**TINY).fit(df)
    assert fitted.impute(df)["left"].equals(df["left"])
    assert fitted.predict_proba(df, "left").shape == (len(df), 2)
    for given in (None, {"yes": True}):
        drawn = fitted.sample(60, given=given, random_state=0)["left"]
        assert set(drawn.dropna()) == {"yes"} and drawn.isna().any()


def test_saved_pickled_and_cloned(fitted, df, tmp_path):
    fitted.save(tmp_path / "model")
    loaded = TableModel.load(tmp_path / "model")
    for other in (loaded, pickle.loads(pickle.dumps(fitted))):
        assert other.get_params() == fitted.get_params()
        np.testing.assert_array_equal(other.transform(df), fitted.transform(df))
        np.testing.assert_array_equal(other.score_samples(df), fitted.score_samples(df))
        assert_frame_equal(other.sample(4, random_state=0), fitted.sample(4, random_state=0))
        assert_frame_equal(other.history_, fitted.history_)
        assert other.schema_ == fitted.schema_
        assert other.n_features_in_ == 10 and [*other.feature_names_in_] == [*df]
    again = clone(fitted).fit(df)
    np.testing.assert_array_equal(again.transform(df), fitted.transform(df))


def test_an_array_is_saved_with_the_kinds_of_its_columns(tmp_path):
    x = np.random.default_rng(0).normal(size=(20, 3)).round()
    fitted = TableModel(kinds={0: "continuous"}, **TINY).fit(x)
    fitted.save(tmp_path)
    loaded = TableModel.load(tmp_path)
    assert loaded.kinds == {0: "continuous"} and not hasattr(loaded, "feature_names_in_")
    np.testing.assert_array_equal(loaded.transform(x), fitted.transform(x))


def test_pipelines_and_output(df):
    y = df["yes"]
    pipe = make_pipeline(TableModel(**TINY), LogisticRegression()).fit(df, y)
    assert pipe.predict(df).shape == (len(df),)
    codes = TableModel(**TINY).set_output(transform="pandas").fit_transform(df)
    assert list(codes) == ["tablemodel0", "tablemodel1", "tablemodel2"]
    assert codes.index.equals(df.index)
    filling = TableImputer(TableModel(**TINY)).set_output(transform="pandas").fit(df)
    assert list(filling.get_feature_names_out()) == [*df]
    numbers = df[["number", "spikes"]]
    make_pipeline(TableImputer(TableModel(**TINY)), LogisticRegression()).fit(numbers, y).predict(
        numbers
    )


@pytest.mark.parametrize("number", [3, 4, 11])
def test_few_rows(number):
    x = np.random.default_rng(0).normal(size=(number, 2))
    fitted = TableModel(**TINY).fit(x)
    assert fitted.transform(x).shape == (number, 3)
    assert np.isfinite(fitted.score(x))


def test_one_column(df):
    for name in ["number", "spikes", "count", "word"]:
        fitted = TableModel(**TINY).fit(df[[name]])
        assert list(fitted.sample(3)) == [name]
        assert fitted.impute(df[[name]]).notna().all().all()


def imputer_of(**numbers):
    return TableImputer(TableModel(**numbers))


@pytest.mark.parametrize("kind", [TableModel, imputer_of])
def test_what_is_refused(kind, df):
    x = np.random.default_rng(0).normal(size=(20, 2))
    for bad, error, match in [
        (df[:1], ValueError, r"1 sample"),
        (x[:1], ValueError, r"1 sample"),
        (df[:0], ValueError, r"0 sample"),
        (x[:0], ValueError, r"0 sample"),
        (sparse.csr_matrix(x), TypeError, "Sparse"),
        (1j * x, ValueError, "Complex"),
        (np.where(x > 1, np.inf, x), ValueError, "infinity"),
        (pd.DataFrame(np.where(x > 1, np.inf, x)), ValueError, "infinite"),
        (x[0], ValueError, "Reshape your data"),
        (np.ones((5, 2)), ValueError, "no column is left"),
    ]:
        with pytest.raises(error, match=match):
            kind(**TINY).fit(bad)
    fitted = kind(**TINY).fit(df)
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        fitted.transform(df[df.columns[::-1]])
    with pytest.raises(ValueError, match="0 sample"):
        fitted.transform(df[:0])
    with pytest.raises(ValueError, match="code_dim"):
        kind(**TINY | {"code_dim": 0}).fit(df)


def test_no_warning_of_its_own(df):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        TableModel(**TINY).fit(df).impute(df)
