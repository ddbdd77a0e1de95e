"""What is hidden, what rivals put there, and how it is scored and ranked."""

import numpy as np
import pandas as pd
import pytest

from paramrel.tables.imputation import (
    RIVALS,
    average_ranks,
    complete_rows,
    encoded,
    filled,
    hidden_cells,
    imputation_scores,
)


def people(rows=400, seed=0):
    """Numbers and classes that depend on each other, none missing."""
    rng = np.random.default_rng(seed)
    height = rng.normal(1.7, 0.1, rows)
    weight = 60 + 100 * (height - 1.7) + rng.normal(0, 2, rows)
    size = pd.Categorical(np.where(height > 1.7, "tall", "short"), ["short", "tall"])
    return pd.DataFrame({"height": height, "weight": weight, "size": size})


def test_complete_rows_have_numbers_and_categories_by_frequency_and_no_names_of_rows():
    df = pd.DataFrame(
        {
            "name": [f"n{i}" for i in range(40)],
            "kind": ["a", "b", "b", "b"] * 10,
            "count": [1, 2, 3, 4] * 10,
            "often missing": [None] * 30 + [1.0] * 10,
            "always": 1,
        }
    )
    df.loc[0, "kind"] = None
    rows = complete_rows(df)
    assert [*rows] == ["kind", "count"] and len(rows) == 39 and rows.notna().all(axis=None)
    assert [*rows["kind"].cat.categories] == ["b", "a"] and rows["count"].dtype == float


@pytest.mark.parametrize("pattern", ["MCAR", "MNAR"])
def test_the_share_asked_for_is_hidden(pattern):
    hidden = hidden_cells(people(4000), pattern, 0.3, np.random.default_rng(0))
    assert hidden.to_numpy().mean() == pytest.approx(0.3, abs=0.01)


def test_what_hides_a_cell_is_chance_the_first_column_or_the_cell_itself():
    df = people(4000)
    hidden = {
        pattern: hidden_cells(df, pattern, 0.3, np.random.default_rng(0))
        for pattern in ("MCAR", "MAR", "MNAR")
    }
    more = {
        (pattern, by): df[by][held["weight"]].mean() - df[by][~held["weight"]].mean()
        for pattern, held in hidden.items()
        for by in ("height", "weight")
    }
    assert abs(more["MCAR", "weight"]) < 1 and more["MNAR", "weight"] > 3
    assert more["MAR", "height"] > 0.05
    assert not hidden["MAR"][["height", "size"]].any(axis=None)


def test_a_table_is_filled_from_its_encoding_and_known_cells_stay():
    df = people()
    holed = df.mask(hidden_cells(df, "MCAR", 0.3, np.random.default_rng(0)))
    whole = filled(holed, encoded(df, df), df)
    pd.testing.assert_frame_equal(whole, df)


@pytest.mark.parametrize("name", RIVALS)
def test_a_rival_fills_all_cells_with_the_types_of_the_table(name):
    df, rng = people(), np.random.default_rng(0)
    holed = df.mask(hidden_cells(df, "MCAR", 0.3, rng))
    draws = RIVALS[name](holed[:300], holed[300:], 3, 0)
    assert len(draws) == 3
    for draw in draws:
        assert draw.notna().all(axis=None) and (draw.dtypes == df.dtypes).all()
        known = holed[300:].notna()
        assert (draw.where(known) == holed[300:]).where(known, True).all(axis=None)


def test_the_truth_has_the_best_scores_and_rivals_that_look_beat_the_marginal():
    df, rng = people(), np.random.default_rng(0)
    hidden = hidden_cells(df, "MCAR", 0.3, rng)
    holed = df.mask(hidden)
    truth = imputation_scores(df, hidden, [df, df], df)
    assert (truth["rmse"], truth["crps"], truth["accuracy"]) == (0, 0, 1)
    assert truth["energy"] == pytest.approx(0, abs=1e-9)
    found = {n: imputation_scores(df, hidden, f(holed, holed, 10, 0), df)
             for n, f in RIVALS.items()}  # fmt: skip
    for name in ("neighbours", "ridge"):
        assert found[name]["rmse"] < 0.9 * found["marginal"]["rmse"]
    assert found["neighbours"]["accuracy"] > found["marginal"]["accuracy"] + 0.05


def test_ranks_count_from_the_best_in_settings_that_all_were_measured_in():
    scores = pd.DataFrame(
        {
            "table": ["a", "a", "b", "b", "c"],
            "imputer": ["one", "two", "one", "two", "one"],
            "rmse": [1.0, 2.0, 3.0, 3.0, 0.0],
            "accuracy": [0.1, 0.2, 0.9, 0.3, 0.0],
        }
    )
    ranks = average_ranks(scores, ["table"])
    expected = {"rmse": {"one": 1.25, "two": 1.75}, "accuracy": {"one": 1.5, "two": 1.5}}
    assert ranks.to_dict() == expected
