"""What codes know of columns, and how far drawn rows are from real ones, against known cases."""

import numpy as np
import pandas as pd
import pytest

from paramrel.tables.scores import column_errors, column_probes, detection_auc


def rows(number, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    kind = pd.Categorical(rng.choice(["a", "b", "c"], number, p=[0.5, 0.3, 0.2]))
    return pd.DataFrame({"x": rng.normal(shift, 1, number), "kind": kind})


def test_codes_that_hold_a_column_tell_it_and_noise_tells_no_more_than_the_floor():
    train, test = rows(600, 0), rows(600, 1)

    def codes(table):
        return np.stack([table["x"], *(table["kind"] == k for k in "abc")], 1).astype(float)

    told = column_probes(codes(train), train, codes(test), test)
    assert [*told["measure"]] == ["R²", "accuracy"]
    assert told["code"].to_numpy() == pytest.approx([1, 1], abs=1e-3)
    assert told.loc["kind", "floor"] == pytest.approx((test["kind"] == "a").mean())
    noise = np.random.default_rng(2).normal(size=(2, 600, 3))
    nothing = column_probes(noise[0], train, noise[1], test)
    assert nothing["code"].to_numpy() == pytest.approx(nothing["floor"].to_numpy(), abs=0.05)


def test_the_error_of_a_column_is_the_distance_of_its_distribution():
    real = pd.DataFrame({"x": [0.0, 1, 2, 3], "kind": pd.Categorical(["a", "a", "b", "c"])})
    drawn = pd.DataFrame({"x": [0.0, 1, 9, 9], "kind": pd.Categorical(["a", "b", "b", "b"])})
    errors = column_errors(real, drawn)
    assert errors.to_dict() == {"x": 0.5, "kind": 0.5}
    assert (column_errors(real, real) == 0).all()


def test_rows_of_one_distribution_are_not_told_apart_and_shifted_ones_are():
    real = rows(500, 0)
    assert detection_auc(real, rows(500, 1)) == pytest.approx(0.5, abs=0.06)
    assert detection_auc(real, rows(500, 1, shift=3)) > 0.95


def test_a_dependence_that_is_lost_is_detected_though_all_columns_agree():
    rng = np.random.default_rng(0)
    x = rng.normal(size=800)
    real = pd.DataFrame({"x": x, "y": x + 0.1 * rng.normal(size=800)})
    drawn = real.assign(y=rng.permutation(real["y"]))
    assert column_errors(real, drawn).max() < 0.01
    assert detection_auc(real, drawn) > 0.9
