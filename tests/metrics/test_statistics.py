import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from paramrel.metrics.statistics import (
    bootstrap_interval,
    combined_interval,
    holm,
    mean_interval,
    one_sided_p,
    paired_tests,
    summary_table,
)

RNG = np.random.default_rng(0)


def generator():
    return torch.Generator().manual_seed(0)


def runs(seeds=5, **columns):
    """Three methods that share their seeds' luck; b is worse than a by about 1, c by nothing."""
    luck = RNG.standard_normal(seeds)
    rows = [
        {"data": "digits", "method": m, "seed": s, "score": luck[s] - shift + 0.01 * s * sign}
        for m, shift, sign in (("a", 0, 1), ("b", 1, 0), ("c", 0, 2))
        for s in range(seeds)
    ]
    return pd.DataFrame(rows).assign(**columns)


def test_the_interval_is_students():
    values = RNG.standard_normal(5)
    row = mean_interval(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx(tuple(expected))
    assert row["mean"] == pytest.approx(values.mean())


def test_the_interval_covers_the_truth_in_95_of_100_studies():
    rows = [mean_interval(values) for values in RNG.standard_normal((2000, 3))]
    covered = np.mean([row["low"] < 0 < row["high"] for row in rows])
    assert covered == pytest.approx(0.95, abs=0.015)


def test_one_seed_has_no_interval():
    row = mean_interval([2.0])
    assert row["mean"] == 2 and math.isnan(row["low"]) and row["note"] == "one seed has no interval"


def test_without_an_error_over_test_examples_the_combined_interval_is_students():
    values = RNG.standard_normal(5)
    row, alone = combined_interval(values, np.full(5, math.nan)), mean_interval(values)
    assert [row[key] for key in ("mean", "low", "high")] == pytest.approx(
        [alone[key] for key in ("mean", "low", "high")]
    )
    assert row["of_seeds"] == 1 and row["note"] == "5 of 5 seeds have no error over test examples"


def test_equal_seeds_leave_the_normal_interval_of_the_test_examples():
    row = combined_interval([0.9] * 3, [0.016, 0.016, 0.016])
    assert row["se"] == pytest.approx(0.016) and row["of_seeds"] < 1e-9 and row["note"] == ""
    assert row["high"] - row["mean"] == pytest.approx(1.959964 * 0.016)


def test_the_errors_of_seeds_and_of_test_examples_add_by_hand():
    # s² = 1 of the values, so se² = 1/3 + (4 + 4 + 1)/3, a tenth of which is of the seeds
    row = combined_interval([1.0, 2.0, 3.0], [2.0, 2.0, 1.0])
    assert row["se"] ** 2 == pytest.approx(10 / 3)
    assert row["of_seeds"] == pytest.approx(0.1)
    q = (row["high"] - row["mean"]) / row["se"]
    assert 0.1 * stats.t.sf(q, 2) + 0.9 * stats.norm.sf(q) == pytest.approx(0.025)
    assert one_sided_p(row, row["low"])[0] == pytest.approx(0.025)


@pytest.mark.parametrize("seeds", [3, 5])
@pytest.mark.parametrize("of_test", [0.3, 1.0, 3.0])
def test_the_combined_interval_covers_the_truth_where_all_seeds_share_the_test_examples(
    seeds, of_test
):
    rng = np.random.default_rng(seeds)
    shared = of_test * rng.standard_normal((4000, 1))
    studies = shared + rng.standard_normal((4000, seeds))
    rows = [combined_interval(values, np.full(seeds, of_test)) for values in studies]
    assert 0.93 <= np.mean([row["low"] < 0 < row["high"] for row in rows]) <= 0.97
    # what a correction over fifty claims looks at
    p = np.array([min(one_sided_p(row, 0)) for row in rows])
    assert np.mean(p < 0.0005) <= 0.0025


def test_an_interval_over_seeds_alone_misses_what_the_test_examples_share():
    rng = np.random.default_rng(0)
    studies = 3 * rng.standard_normal((1000, 1)) + rng.standard_normal((1000, 3))
    rows = [mean_interval(values) for values in studies]
    assert np.mean([row["low"] < 0 < row["high"] for row in rows]) < 0.75


def test_one_sided_tests_are_scipys_where_seeds_alone_count():
    values = RNG.standard_normal(5)
    row = combined_interval(values, np.zeros(5))
    for p, side in zip(one_sided_p(row, 0.3), ("greater", "less"), strict=True):
        assert p == pytest.approx(stats.ttest_1samp(values, 0.3, alternative=side).pvalue)
    same = combined_interval([1.0, 1.0, 1.0], np.zeros(3))
    assert [one_sided_p(same, bound) for bound in (0, 1, 2)] == [(0, 1), (0.5, 0.5), (1, 0)]
    assert all(map(math.isnan, one_sided_p(combined_interval([1.0], [0.1]), 0)))


def test_paired_tests_and_summaries_count_the_test_examples_where_their_errors_stand():
    table = runs().assign(score_sem=0.3)
    row = paired_tests(table, "score", "a", True).iloc[0]
    wide = table.pivot(index="seed", columns="method", values="score")
    expected = combined_interval((wide["a"] - wide["b"]).to_numpy(), np.full(5, 0.3 * 2**0.5))
    assert (row["low"], row["high"]) == pytest.approx((expected["low"], expected["high"]))
    assert row["p"] == pytest.approx(2 * min(one_sided_p(expected, 0)))
    summary = summary_table(table, ["method"], ["score"])
    of_a = combined_interval(wide["a"].to_numpy(), np.full(5, 0.3))
    assert summary["high"][0] == pytest.approx(of_a["high"])


def test_the_bootstrap_of_a_mean_is_close_to_the_normal_interval():
    values = RNG.standard_normal(1000) + 3
    row = bootstrap_interval(values, generator())
    half = 1.96 * stats.sem(values)
    assert row["low"] == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert row["high"] == pytest.approx(values.mean() + half, abs=0.1 * half)
    assert row == bootstrap_interval(values, generator())


def test_the_paired_bootstrap_ignores_what_images_share():
    shared = 100 * RNG.standard_normal(50)
    row = bootstrap_interval(shared + 1, generator(), paired_with=shared)
    assert (row["low"], row["high"]) == pytest.approx((1, 1))


def test_holm_by_hand():
    # sorted .01 .02 .03 .5 times 4 3 2 1, made monotone
    assert holm([0.03, 0.01, 0.5, 0.02]) == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.9, 0.8]) == pytest.approx([1, 1])


def test_holm_keeps_the_family_wise_error_at_its_level():
    errors = [holm(p).min() < 0.05 for p in RNG.random((4000, 5))]
    assert np.mean(errors) == pytest.approx(0.05, abs=0.012)


def test_the_paired_test_is_scipys_and_pairs_by_seed_not_by_row():
    table = runs()
    result = paired_tests(table.sample(frac=1, random_state=0), "score", "a", True)
    scores = {m: g.sort_values("seed")["score"].to_numpy() for m, g in table.groupby("method")}
    assert list(result["rival"]) == ["b", "c"]
    for row in result.to_dict("records"):
        expected = stats.ttest_rel(scores["a"], scores[row["rival"]]).pvalue
        assert row["p"] == pytest.approx(expected)
    np.testing.assert_allclose(result["p_holm"], holm(result["p"]))
    assert result["mean"][0] == pytest.approx(1.02)
    assert list(result["best_rival"]) == [False, True]
    assert list(paired_tests(table, "score", "a", False)["best_rival"]) == [True, False]


def test_differences_without_variance_are_named():
    table = pd.DataFrame({"method": ["a"] * 3 + ["b"] * 3 + ["c"] * 3, "seed": [0, 1, 2] * 3})
    table["score"] = [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 2.0, 3.0, 4.0]
    result = paired_tests(table, "score", "a", True)
    assert list(result["p"]) == [1, 0]
    assert set(result["note"]) == {"the difference is the same at every seed"}


def test_the_summary_has_one_row_per_group_and_metric():
    table = runs(other=1.0)
    summary = summary_table(table, ["data", "method"], ["score", "other"])
    assert list(zip(summary["method"], summary["metric"], strict=True)) == [
        (m, k) for m in "abc" for k in ("score", "other")
    ]
    first = mean_interval(table.loc[table["method"] == "a", "score"])
    assert summary.iloc[0][["mean", "low", "high", "seeds"]].to_dict() == pytest.approx(
        {key: first[key] for key in ("mean", "low", "high", "seeds")}
    )


def test_a_seed_without_a_number_blanks_its_cell_and_says_so():
    table = runs()
    table.loc[2, "score"] = math.nan
    summary = summary_table(table, ["method"], ["score"])
    assert summary["mean"].isna().tolist() == [True, False, False]
    assert summary["note"][0] == "1 of 5 seeds have no finite number"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([]), "one at least"),
        (lambda: mean_interval([1.0, math.nan]), "NaN"),
        (lambda: combined_interval([1.0, 2.0], [0.1]), "one error ≥ 0 a seed"),
        (lambda: combined_interval([1.0, 2.0], [0.1, -1]), "one error ≥ 0 a seed"),
        (lambda: bootstrap_interval(np.ones(19), generator()), "N ≥ 20"),
        (lambda: bootstrap_interval(np.ones(30), generator(), np.ones(29)), "must match"),
        (lambda: holm([0.5, 1.1]), r"numbers in \[0, 1\]"),
        (lambda: paired_tests(runs(2), "score", "a", True), "3 seeds or more"),
        (lambda: paired_tests(runs()[1:], "score", "a", True), "same 3 seeds"),
        (lambda: paired_tests(runs(), "score", "z", True), "method is 'z'"),
        (lambda: summary_table(runs(), ["method"], ["absent"]), r"lacks the columns \['absent'\]"),
        (lambda: summary_table(runs(), ["data"], ["score"]), "10 repeated seeds"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
