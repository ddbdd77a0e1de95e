"""Claims are decided by intervals over the seeds, and by nothing else."""

import numpy as np
import pandas as pd
import pytest

from paramrel.study.claims import (
    decide,
    hypothesis_verdicts,
    thesis_verdicts,
    wins,
    worth_verdicts,
)


@pytest.mark.parametrize(
    ("values", "above", "verdict"),
    [
        ([13, 14, 15], True, "confirmed"),
        ([13, 14, 15], False, "refuted"),
        ([1, 2, 3], True, "refuted"),
        ([1, 2, 3], False, "confirmed"),
        ([5, 10, 20], True, "not decided"),
        ([99], True, "not decided"),
    ],
)
def test_an_interval_wholly_on_one_side_decides_and_one_seed_never_does(values, above, verdict):
    assert decide(values, 10, above)[1] == verdict


def test_what_was_measured_is_mean_and_half_width_of_the_t_interval():
    assert decide([1, 2, 3], 0)[0] == "2 ± 2.5"  # 4.303 · 1 / √3
    assert decide([4], 0)[0] == "4"


def cells(**shuffled):
    """Rows as of `ablate`: 3 seeds, γ of 0 and 0.9, the given shuffled_code at γ = 0.9."""
    return pd.DataFrame(
        {
            "dataset": "digits",
            "method": method,
            "gamma": gamma,
            "seed": seed,
            "shuffled_code": value + 0.1 * seed if gamma else 0.1 * seed,
            "kl": 5.0 + seed if gamma else 0.01 * seed,
        }
        for method, value in shuffled.items()
        for gamma in (0.0, 0.9)
        for seed in range(3)
    )


def test_the_thesis_is_confirmed_where_only_codes_of_other_times_are_used():
    table = thesis_verdicts(cells(paramrel_same=0.2, paramrel=100, paramrel_clean=200))
    assert (table["verdict"] == "confirmed").all()
    claims = table["claim"].tolist()
    assert [c for c in claims if c.startswith("a code of the same time is ignored at γ = 0.9")]
    assert len([c for c in claims if c.startswith("H1")]) == 3


def test_a_code_can_be_read_and_yet_be_worth_nothing():
    """The shuffled code of the same time hurts by 6 nats; the bound is that of a BFN or higher."""
    runs = pd.DataFrame(
        {"dataset": "digits", "method": method, "seed": seed, "steps": 600}
        | {"shuffled_code": shuffled + 0.1 * seed, "nll_bound": bound + 0.1 * seed**2}
        for method, shuffled, bound in (("bfn", np.nan, 17), ("paramrel_same", 6, 17.5))
        for seed in range(3)
    )
    table = worth_verdicts(runs).set_index("claim")["verdict"]
    assert table.filter(like="ignored after 600 steps").tolist() == ["refuted"]
    assert table.filter(like="lowers the bound").tolist() == ["refuted"]
    runs.loc[runs["method"] == "paramrel_same", "nll_bound"] -= 2
    assert worth_verdicts(runs)["verdict"].tolist() == ["refuted", "confirmed"]
    assert worth_verdicts(runs[runs["method"] == "bfn"]).empty


def test_the_thesis_can_be_refuted():
    table = thesis_verdicts(cells(paramrel_same=50, paramrel=2)).set_index("claim")["verdict"]
    assert table.filter(like="same time is ignored at γ = 0.9").tolist() == ["refuted"]
    assert table.filter(like="a later time is used").tolist() == ["refuted"]


def hypotheses(code, gap):
    curve = pd.DataFrame(
        {"dataset": "digits", "method": "paramrel", "seed": s, "log_snr": 0.0}
        | {"representation": name, "accuracy": accuracy + 0.001 * s}
        for s in range(3)
        for name, accuracy in {"code": code, "θ": 0.8}.items()
    )
    quality = pd.DataFrame(
        {"dataset": "digits", "method": "paramrel", "seed": s, "of": of}
        | {"measure": "fd[classifier]@360", "value": value + 0.1 * s * (of == "samples, prior")}
        for s in range(3)
        for of, value in {"samples, self": 5.0, "samples, prior": 5.0 + gap}.items()
    )
    return hypothesis_verdicts(curve, quality).set_index("claim")["verdict"]


def test_hypotheses_are_decided_by_what_was_measured_and_the_others_are_not():
    for code, gap, verdict in ((0.7, 2.0, "confirmed"), (0.9, -2.0, "refuted")):
        found = hypotheses(code, gap)
        # a difference that is the same at every seed has an interval of no width
        assert found.filter(like="H3").tolist() == [verdict]
        assert found.filter(like="H6").tolist() == [verdict]
    assert (found.filter(regex="H2|H4|H5") == "not decided").all()


def test_wins_ties_and_losses_follow_the_direction_of_the_measure():
    noise = np.array([0.0, 0.01, 0.02])
    rows = pd.concat(
        pd.DataFrame({"method": m, "seed": range(3), "accuracy": a + noise, "fd": d + noise[::-1]})
        for m, a, d in (("paramrel", 0.8, 5.0), ("vae", 0.5, 9.0), ("bfn", 0.9, np.nan))
    )
    table = wins(rows, {"accuracy": True, "fd": False})
    result = table.set_index(["measure", "rival"])["paramrel"].to_dict()
    assert result == {
        ("accuracy", "bfn"): "loses",
        ("accuracy", "vae"): "wins",
        ("fd", "vae"): "wins",
    }


def test_two_seeds_win_and_lose_nothing():
    rows = pd.DataFrame({"method": ["paramrel", "vae"] * 2, "seed": [0, 0, 1, 1], "fd": 1.0})
    table = wins(rows, {"fd": False})
    assert table["paramrel"].tolist() == ["not decided: fewer than 3 seeds"]
