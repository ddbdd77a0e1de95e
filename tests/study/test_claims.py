"""Claims are decided by corrected tests over seeds and test examples, and by nothing else."""

import hashlib
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from paramrel.study.claims import dead_codes, thesis_claims, wins, worth_claims
from paramrel.study.hypotheses import Hypothesis, hypothesis_claims, read_hypotheses
from paramrel.study.verdicts import COLUMNS, Claim, Part, difference, numbers, part, verdicts

HYPOTHESES = read_hypotheses(Path(__file__).parents[2] / "docs/hypotheses.md")
WORDS = (
    "589655e485afc7ac3487a1a96985552f2bfbc377ad6fcee787d14e226320481f"  # sha256 of the quoted texts
)
MANY, FEW = 300, 100  # studies simulated for each number of seeds; composite rules err less often


def verdict(values, bound, above=True, sems=math.nan):
    found = pd.DataFrame({"value": values, "sem": sems})
    claim = Claim("", "", [part(found.astype(float), bound, above)])
    return verdicts({"page": [claim]})["page"]["verdict"][0]


@pytest.mark.parametrize(
    ("values", "above", "expected"),
    [
        ([13, 14, 15], True, "confirmed"),
        ([13, 14, 15], False, "refuted"),
        ([1, 2, 3], True, "refuted"),
        ([1, 2, 3], False, "confirmed"),
        ([5, 10, 20], True, "not decided"),
        ([99, 99], True, "not decided"),
        ([99, 99, math.nan], True, "not decided"),
    ],
)
def test_a_mean_far_from_the_bound_decides_and_two_seeds_never_do(values, above, expected):
    assert verdict(values, 10, above) == expected


def test_seeds_that_agree_decide_nothing_where_the_test_examples_leave_it_open():
    assert verdict([0.9, 0.901, 0.902], 0.89) == "confirmed"
    assert verdict([0.9, 0.901, 0.902], 0.89, sems=0.016) == "not decided"


def test_what_was_measured_is_mean_and_half_width_and_why_nothing_is():
    def measured(values):
        return part(pd.DataFrame({"value": values, "sem": math.nan}), 0).measured

    assert measured([1.0, 2.0, 3.0]) == "2 ± 2.5"  # 4.303 · 1 / √3
    assert measured([4.0]) == "(fewer than 3 seeds)"
    assert measured([4.0, math.inf, 3.0]) == "(not a finite number at every seed)"


def test_a_composite_claim_needs_all_of_its_parts_and_falls_with_one():
    strong, weak, failed = (
        Part("a", "1", 0.001, 1),
        Part("a", "2", 0.3, 0.7),
        Part("b", "3", 1, 0.004),
    )
    both = Claim("", "", [strong, weak])
    assert (both.p_confirm, both.p_refute, both.measured) == (0.3, 1, "a 2")
    fallen = Claim("", "", [strong, weak, failed])
    assert fallen.p_confirm == 1 and fallen.p_refute == pytest.approx(0.012)
    assert fallen.p == pytest.approx(0.024) and fallen.measured == "a 2; b 3"


def test_one_correction_counts_the_decided_claims_of_all_tables():
    """p = .02 holds alone, and neither beside two others nor because of one that is not decided."""
    claim = Claim("c", "d", [Part("", "1", 0.01, 0.99)])
    silent = Claim("c", "d", undecided="dead code")
    alone = verdicts({"a": [claim], "b": [silent] * 9})
    assert alone["a"][["p_holm", "verdict"]].to_numpy().tolist() == [["0.02", "confirmed"]]
    assert set(alone["b"]["verdict"]) == {"not decided"} and set(alone["b"]["p_holm"]) == {""}
    three = verdicts({"a": [claim], "b": [claim, claim]})
    assert three["a"]["p_holm"].tolist() == ["0.06"] and set(three["b"]["verdict"]) == {
        "not decided"
    }
    assert list(three["a"]) == list(COLUMNS)


def test_numbers_of_two_methods_are_paired_by_seed_and_the_squares_of_their_errors_add():
    rows = pd.DataFrame({"seed": [0, 1, 1], "x": [1.0, 2.0, 4.0], "x_sem": [3.0, 3.0, 3.0]})
    first = numbers(rows, "x")
    assert first["value"].tolist() == [1, 3]  # the two rows of seed 1 are averaged
    other = pd.DataFrame({"value": [1.0, 1.0], "sem": [4.0, math.nan]}, index=[1, 2])
    assert difference(first, other).to_dict("list") == {"value": [2.0], "sem": [5.0]}
    assert numbers(rows, "absent")["value"].isna().all()


class Simulated:
    """Rows of many studies, each under its number as the data set, with errors of both kinds."""

    def __init__(self, seeds, studies, scale=0.02):
        self.rng, self.size, self.scale = np.random.default_rng(seeds), (studies, seeds), scale

    def rows(self, **columns):
        """A row a study and seed; numbers are truths, which seeds and test examples blur."""
        index = np.indices(self.size).reshape(2, -1)
        table = pd.DataFrame({"dataset": index[0], "seed": index[1], "method": "paramrel"})
        for name, truth in columns.items():
            if isinstance(truth, str) or name in ("gamma", "lambda", "log_snr", "sigma_1"):
                table[name] = truth
                continue
            known = name not in ("aggregate_std", "error")  # of these seeds alone are sampled
            of_test = 0.5 * self.scale * known * self.rng.standard_normal((self.size[0], 1))
            table[name] = (
                truth + of_test + self.scale * self.rng.standard_normal(self.size)
            ).ravel()
            table[f"{name}_sem"] = 0.5 * self.scale * known
        return table


def at_once(claims):
    return [claim for claim in claims if not math.isnan(claim.p)]


def hypothesis(name, **tables):
    return at_once(hypothesis_claims([Hypothesis(name, "", "")], tables, range(FEW)))


def _thesis(s):
    rows = [s.rows(method="paramrel_same", gamma=0.9, shuffled_code=1.0)]
    return at_once(thesis_claims(pd.concat(rows)))


def _used(s):
    return at_once(thesis_claims(s.rows(gamma=0.9, shuffled_code=10.0)))


def _cost(s):
    bounds = [s.rows(gamma=0.5, nll_bound=17.0), s.rows(method="bfn", nll_bound=17.0)]
    claims = at_once(thesis_claims(pd.concat(bounds)))
    return [claim for claim in claims if "costs" in claim.claim]


def _worth(s):
    rows = [
        s.rows(method="bfn", nll_bound=17.0),
        s.rows(method="paramrel", nll_bound=17.0, shuffled_code=10.0),
        s.rows(method="paramrel_same", nll_bound=17.0, shuffled_code=1.0),
    ]
    return at_once(worth_claims(pd.concat(rows).assign(steps=600), 0.9))


def _collapse(same, x):
    def claims(s):
        rows = [s.rows(method="paramrel_same", kl=same), s.rows(method="paramrel_x", kl=x)]
        return hypothesis("H1", code_time=pd.concat(rows).assign(gamma=0.0))

    return claims


def _prior(released, scaled, gain):
    def claims(s):
        rows = [
            s.rows(kernel="released", aggregate_std=-released, probe_t1=0.8),
            s.rows(kernel="scaled", aggregate_std=-scaled, probe_t1=0.8 + gain),
        ]
        rows = pd.concat(rows)
        return hypothesis(
            "H2", trials_kernels=rows.assign(aggregate_std=2 ** rows["aggregate_std"])
        )

    return claims


def _ceiling(over_theta, over_x, over_random):
    def claims(s):
        others = {
            ("paramrel", "code"): 0.0,
            ("paramrel", "θ"): over_theta,
            ("paramrel_x", "code"): over_x,
            ("paramrel", "random encoder"): over_random,
        }
        rows = [
            s.rows(method=method, representation=name, log_snr=snr, auroc=0.8 - excess)
            for (method, name), excess in others.items()
            for snr in (-1.0, 1.0)
        ]
        return hypothesis("H3", known_when=pd.concat(rows), runs=s.rows(kl=5.0, shuffled_code=9.0))

    return claims


def _diffusion(s):
    rows = [s.rows(probe_t1=0.8), s.rows(method="ddpm_theta", probe_t1=0.82)]
    return hypothesis("H4", runs=pd.concat(rows).assign(kl=5.0, shuffled_code=9.0))


def _attention(*others):
    def claims(s):
        rows = [s.rows(conditioning="cross_attention", D=0.5, gamma=0.9).assign(**{"lambda": 1.0})]
        rows += [
            s.rows(conditioning="adagn", D=other, gamma=number).assign(**{"lambda": 1.0})
            for number, other in enumerate(others)
        ]
        return hypothesis("H5", trials_attention=pd.concat(rows))

    return claims


def _samplers(s):
    ways = {"samples, self": 5.0, "samples, prior": 6.5}
    rows = pd.concat(s.rows(of=of, value=value) for of, value in ways.items())
    quality = rows.rename(columns={"value_sem": "sem"}).assign(
        measure="fd[classifier]@360", floor=1.5
    )
    return hypothesis("H6", quality=quality, runs=s.rows(kl=0.01, shuffled_code=0.1))


def _inversion(undo, ode):
    def claims(s):
        found = []
        rows = pd.concat(
            s.rows(way=way, sigma_1=0.01, error=error)
            for way, error in {"undo updates": undo, "ODE": ode}.items()
        )
        rows["error"] = 10 ** rows["error"]
        for _, study in rows.groupby("dataset"):
            found += hypothesis("H7", inversion=study)
        return found

    return claims


def _evidence(told, untold):
    """Accuracies of half-hidden images; those of whole ones are .9, and .1 is chance."""

    def claims(s):
        halves = {"paramrel_evidence": told, "paramrel": untold}
        rows = [
            s.rows(method=method, hidden=hidden, accuracy=0.9 if hidden == "nothing" else half)
            for method, half in halves.items()
            for hidden in ("nothing", "right", "lower")
        ]
        robust = pd.concat(rows).assign(log_snr=np.inf, trained_on="clean", floor_accuracy=0.1)
        return hypothesis("H8", robust=robust, runs=s.rows(kl=5.0, shuffled_code=9.0))

    return claims


EITHER = ("confirmed", "refuted")


@pytest.mark.parametrize(
    ("null", "studies", "wrong"),
    [
        pytest.param(_thesis, MANY, EITHER, id="ignored"),
        pytest.param(_used, MANY, EITHER, id="used"),
        pytest.param(_cost, MANY, EITHER, id="cost"),
        pytest.param(_worth, MANY, EITHER, id="worth"),
        pytest.param(_collapse(0.1, 9.0), FEW, EITHER, id="H1: θ at the bound"),
        pytest.param(_collapse(0.0, 0.1), FEW, EITHER, id="H1: x at the bound"),
        pytest.param(_prior(1.0, 0.0, 0.5), FEW, EITHER, id="H2: released kernel at the bound"),
        pytest.param(_prior(3.0, 1.0, 0.5), FEW, EITHER, id="H2: scaled kernel at the bound"),
        pytest.param(_prior(3.0, 0.0, -0.02), FEW, EITHER, id="H2: accuracy at the bound"),
        pytest.param(
            _ceiling(0.01, -0.5, -0.5), FEW, ["confirmed"], id="H3: as much more as is allowed"
        ),
        pytest.param(_ceiling(0.0, 0.0, 0.0), FEW, ["refuted"], id="H3: all equal"),
        pytest.param(_ceiling(-0.5, -0.5, 0.05), FEW, EITHER, id="H3: random encoder at the bound"),
        pytest.param(_diffusion, FEW, EITHER, id="H4: as far as is allowed"),
        pytest.param(_attention(0.5, -9.0), FEW, EITHER, id="H5: one cell as good"),
        pytest.param(_attention(0.5, 0.5, 0.5, 0.5), FEW, EITHER, id="H5: all cells as good"),
        pytest.param(_samplers, FEW, EITHER, id="H6: as far as is allowed"),
        pytest.param(_inversion(0.0, -9.0), FEW, EITHER, id="H7: updates at the bound"),
        pytest.param(_inversion(9.0, -1.0), FEW, EITHER, id="H7: ODE at the bound"),
        pytest.param(_evidence(0.74, 0.3), FEW, EITHER, id="H8: trained on evidence at the bound"),
        pytest.param(_evidence(0.9, 0.74), FEW, EITHER, id="H8: not trained on it at the bound"),
    ],
)
def test_no_rule_gives_a_wrong_verdict_in_more_than_7_of_100_studies(null, studies, wrong):
    claims = [claim for seeds in (3, 5) for claim in null(Simulated(seeds, studies))]
    assert len(claims) >= 2 * studies
    by_claim = pd.DataFrame(
        {
            "claim": claim.claim,
            "wrong": claim.p < 0.05
            and ("confirmed" if claim.p_confirm < claim.p_refute else "refuted") in wrong,
        }
        for claim in claims
    )
    assert by_claim.groupby("claim")["wrong"].mean().max() <= 0.07


@pytest.mark.parametrize("seeds", [3, 5])
def test_a_page_of_claims_at_their_bounds_is_wrong_in_at_most_7_of_100_studies(seeds):
    simulated = Simulated(seeds, FEW)
    claims = _thesis(simulated) + _used(simulated) + _cost(simulated) + _worth(simulated)
    studies = {}
    for claim in claims:
        studies.setdefault(claim.data, []).append(claim)
    wrong = [
        (verdicts({"page": page})["page"]["verdict"] != "not decided").any()
        for page in studies.values()
    ]
    assert {len(page) for page in studies.values()} == {7}
    assert np.mean(wrong) <= 0.07


def test_equal_methods_win_and_lose_in_at_most_7_of_100_tables():
    rng, found = np.random.default_rng(0), []
    names = ["paramrel", "vae", "ae", "bfn"]
    for _ in range(200):
        rows = pd.DataFrame({"method": np.repeat(names, 3), "seed": [0, 1, 2] * 4})
        for measure in ("a", "b"):
            of_test = np.repeat(rng.standard_normal(4), 3)
            rows[measure], rows[f"{measure}_sem"] = of_test + rng.standard_normal(12), 1.0
        found.append(set(wins(rows, {"a": True, "b": False})["paramrel"]) != {"not decided"})
    assert np.mean(found) <= 0.07


def cells(**shuffled):
    """Rows as of `ablate`: 3 seeds, γ of 0 and 0.9, the given shuffled_code at γ = 0.9."""
    coded = pd.DataFrame(
        {
            "dataset": "digits",
            "method": method,
            "gamma": gamma,
            "seed": seed,
            "shuffled_code": value + 0.01 * seed if gamma else 0.01 * seed,
            "kl": 5.0 + seed if gamma else (9 if method == "paramrel_x" else 0.01) + 0.001 * seed,
            "nll_bound": (24 if gamma else 16) + 0.01 * seed**2,
        }
        for method, value in shuffled.items()
        for gamma in (0.0, 0.9)
        for seed in range(3)
    )
    plain = pd.DataFrame(
        {"dataset": "digits", "method": "bfn", "seed": seed, "nll_bound": 17 + 0.01 * seed}
        for seed in range(3)
    )
    return pd.concat([coded, plain])


def by_claim(claims):
    return verdicts({"page": claims})["page"].set_index("claim")["verdict"]


def test_the_thesis_is_confirmed_where_only_codes_of_other_times_are_used():
    table = by_claim(thesis_claims(cells(paramrel_same=0.2, paramrel=100, paramrel_clean=200)))
    assert (table[~table.index.str.contains("costs")] == "confirmed").all()
    assert table.filter(like="same time is ignored at γ = 0.9").tolist() == ["confirmed"]


def test_the_thesis_can_be_refuted():
    table = by_claim(thesis_claims(cells(paramrel_same=50, paramrel=2)))
    assert table.filter(like="same time is ignored at γ = 0.9").tolist() == ["refuted"]
    assert table.filter(like="a later time is used").tolist() == ["refuted"]


def test_what_a_code_costs_is_told_for_each_gamma():
    table = by_claim(thesis_claims(cells(paramrel=100)))
    assert table.filter(regex="costs .* γ = 0 ").tolist() == ["refuted"]
    assert table.filter(regex="costs .* γ = 0.9 ").tolist() == ["confirmed"]


def test_a_code_can_be_read_and_yet_be_worth_nothing():
    """The shuffled code of the same time hurts by 6 nats; the bound is that of a BFN or higher."""
    runs = pd.DataFrame(
        {"dataset": "digits", "method": method, "seed": seed, "steps": 600}
        | {"shuffled_code": shuffled + 0.1 * seed, "nll_bound": bound + 0.01 * seed**2}
        for method, shuffled, bound in (("bfn", np.nan, 17), ("paramrel_same", 6, 17.5))
        for seed in range(3)
    )
    table = by_claim(worth_claims(runs, 0.9))
    assert table.filter(like="ignored at γ = 0.9 after 600 steps").tolist() == ["refuted"]
    assert table.filter(like="lowers the bound").tolist() == ["refuted"]
    runs.loc[runs["method"] == "paramrel_same", "nll_bound"] -= 2
    assert by_claim(worth_claims(runs, 0.9)).tolist() == ["refuted", "confirmed"]
    assert [*worth_claims(runs[runs["method"] == "bfn"], 0.9)] == []


def decided(name, **tables):
    table = verdicts({"page": hypothesis_claims(HYPOTHESES, tables, ["digits"])})["page"]
    return table[table["claim"].str.startswith(f"{name}: ")]


def seeded(**columns):
    rows = pd.concat(pd.DataFrame([columns]).assign(seed=seed) for seed in range(3))
    numbers = rows.select_dtypes("float").columns
    rows[numbers] += 1e-4 * rows[["seed"]].to_numpy()
    return rows.assign(dataset="digits") if "dataset" not in rows else rows


LIVE = {"kl": 5.0, "shuffled_code": 50.0}


def test_hypotheses_are_quoted_and_without_runs_none_is_decided():
    table = verdicts({"page": hypothesis_claims(HYPOTHESES, {}, [])})["page"]
    assert table["claim"].tolist() == [f"{h.name}: {h.text}" for h in HYPOTHESES]
    assert set(table["verdict"]) == {"not decided"} and set(table["p_holm"]) == {""}
    assert table["measured"].tolist() == ["no data"] * 8 + ["its runs belong to later studies"] * 2


def test_the_words_of_the_hypotheses_are_those_that_were_written_before_the_runs():
    assert [one.name for one in HYPOTHESES] == [f"H{number}" for number in range(1, 11)]
    words = "\n".join(one.text for one in HYPOTHESES)
    assert hashlib.sha256(words.encode()).hexdigest() == WORDS
    assert all(one.rule for one in HYPOTHESES)


def test_a_file_without_hypotheses_is_refused(tmp_path):
    (tmp_path / "h.md").write_text("# Nothing\n", encoding="utf-8")
    with pytest.raises(ValueError, match="h.md holds no entry"):
        read_hypotheses(tmp_path / "h.md")


def test_h1_needs_a_code_of_x_that_does_not_collapse():
    rows = cells(paramrel=1, paramrel_same=1, paramrel_x=1)
    table = decided("H1", code_time=rows)
    assert table["data"].tolist() == ["digits, paramrel", "digits, paramrel_same"]
    assert set(table["verdict"]) == {"confirmed"}
    rows.loc[rows["method"] == "paramrel_x", "kl"] = 0.02
    assert set(decided("H1", code_time=rows)["verdict"]) == {"refuted"}
    rows = rows[rows["method"] != "paramrel_x"]
    assert decided("H1", code_time=rows)["measured"].tolist() == ["no data"]


@pytest.mark.parametrize(
    ("released", "scaled", "gain", "expected"),
    [
        (0.2, 0.9, 0.0, "confirmed"),
        (5.0, 0.9, 0.0, "confirmed"),
        (0.9, 0.9, 0.0, "refuted"),
        (0.2, 0.2, 0.0, "refuted"),
        (0.2, 0.9, -0.1, "refuted"),
    ],
)
def test_h2_compares_the_two_kernels(released, scaled, gain, expected):
    rows = [
        seeded(method="paramrel", kernel="released", aggregate_std=released, probe_t1=0.8),
        seeded(method="paramrel", kernel="scaled", aggregate_std=scaled, probe_t1=0.8 + gain),
    ]
    assert decided("H2", trials_kernels=pd.concat(rows))["verdict"].tolist() == [expected]


def curve(code, x, random, theta=0.9):
    found = {"code": code, "θ": theta, "random encoder": random}
    own = [
        seeded(method="paramrel", representation=name, log_snr=snr, auroc=auroc)
        for name, auroc in found.items()
        for snr in (-1, 1)
    ]
    of_x = [
        seeded(method="paramrel_x", representation="code", log_snr=snr, auroc=x) for snr in (-1, 1)
    ]
    return pd.concat(own + of_x)


@pytest.mark.parametrize(
    ("known_when", "expected"),
    [
        (curve(0.8, 0.85, 0.79), "confirmed"),
        (curve(0.8, 0.7, 0.79), "refuted"),
        (curve(0.95, 0.97, 0.94), "refuted"),
        (curve(0.8, 0.85, 0.6), "refuted"),
    ],
)
def test_h3_compares_linear_probes_at_every_time(known_when, expected):
    runs = pd.concat(seeded(method=name, **LIVE) for name in ("paramrel", "paramrel_x"))
    table = decided("H3", known_when=known_when, runs=runs)
    assert table["verdict"].tolist() == [expected]
    assert "linear probe" in table["measured"].iloc[0]


def test_a_dead_code_decides_nothing_of_what_a_code_knows():
    runs = seeded(method="paramrel", kl=0.01, shuffled_code=50.0)
    table = decided("H3", known_when=curve(0.8, 0.85, 0.79), runs=runs)
    assert table[["measured", "verdict"]].to_numpy().tolist() == [
        ["dead code: paramrel", "not decided"]
    ]
    without_x = curve(0.8, 0.85, 0.79).query("method == 'paramrel'")
    table = decided("H3", known_when=without_x, runs=seeded(method="paramrel", **LIVE))
    assert table["measured"].tolist() == ["no probe of the code of x"]


def test_a_code_is_dead_by_its_rate_or_by_its_shuffle_and_a_plain_bfn_has_none():
    rows = [
        seeded(method="bfn", kl=np.nan, shuffled_code=np.nan),
        seeded(method="no_rate", kl=0.05, shuffled_code=50.0),
        seeded(method="no_use", kl=5.0, shuffled_code=0.5),
        seeded(method="deterministic", kl=np.nan, shuffled_code=50.0),
        seeded(method="paramrel", **LIVE),
    ]
    assert dead_codes(pd.concat(rows)) == {("digits", "no_rate"), ("digits", "no_use")}


@pytest.mark.parametrize(
    ("dataset", "accuracy", "expected"),
    [
        ("digits", 0.805, ["confirmed"]),
        ("digits", 0.9, ["refuted"]),
        ("digits", 0.7, ["refuted"]),
        ("binary", 0.805, ["not decided"]),
    ],
)
def test_h4_compares_flow_and_diffusion_on_continuous_data(dataset, accuracy, expected):
    rows = [
        seeded(method=name, dataset=dataset, probe_t1=value, **LIVE)
        for name, value in {"paramrel": 0.8, "ddpm_theta": accuracy}.items()
    ]
    assert decided("H4", runs=pd.concat(rows))["verdict"].tolist() == expected


@pytest.mark.parametrize(("best", "expected"), [(0.4, "confirmed"), (0.6, "refuted")])
def test_h5_compares_attention_with_every_cell(best, expected):
    def cell(way, value, gamma):
        return seeded(method="paramrel", conditioning=way, D=value, gamma=gamma, **{"lambda": 1})

    rows = [cell("cross_attention", 0.5, 1), cell("adagn", 0.1, 0), cell("adagn", best, 1)]
    assert decided("H5", trials_attention=pd.concat(rows))["verdict"].tolist() == [expected]


@pytest.mark.parametrize(
    ("gap", "shuffled", "expected"),
    [
        (0.2, 0.1, "confirmed"),
        (3.0, 0.1, "refuted"),
        (-3.0, 0.1, "refuted"),
        (3.0, 50.0, "not decided"),
    ],
)
def test_h6_is_about_codes_that_are_not_used(gap, shuffled, expected):
    quality = pd.concat(
        seeded(method="paramrel", of=of, measure="fd[classifier]@360", value=value).assign(
            floor=1.0
        )
        for of, value in {"samples, self": 5.0, "samples, prior": 5.0 + gap}.items()
    )
    runs = seeded(method="paramrel", kl=5.0, shuffled_code=shuffled)
    assert decided("H6", quality=quality, runs=runs)["verdict"].tolist() == [expected]


@pytest.mark.parametrize(
    ("undo", "ode", "expected"),
    [
        (1e6, 1e-3, "confirmed"),
        (math.inf, 1e-3, "confirmed"),
        (1e-3, 1e-3, "refuted"),
        (1e6, 10.0, "refuted"),
        (1e6, math.nan, "refuted"),
    ],
)
def test_h7_compares_errors_by_their_order_at_small_sigma_alone(undo, ode, expected):
    rows = [
        seeded(sigma_1=sigma, way=way, error=error * (1 if sigma < 0.05 else 1e-6))
        for way, error in {"undo updates": undo, "ODE": ode}.items()
        for sigma in (0.001, 0.01, 0.1)
    ]
    rows = pd.concat(rows).assign(sigma_1=lambda table: table["sigma_1"].round(3))
    table = decided("H7", inversion=rows)
    assert table["verdict"].tolist() == [expected]
    assert table["data"].tolist() == ["σ₁ = 0.001, σ₁ = 0.01"]


@pytest.mark.parametrize(
    ("told", "untold", "shuffled", "expected"),
    [
        (0.85, 0.5, 9, "confirmed"),
        (0.6, 0.5, 9, "refuted"),
        (0.85, 0.85, 9, "refuted"),
        (0.85, 0.5, 0.1, "not decided"),
    ],
)
def test_h8_asks_for_four_fifths_with_evidence_and_for_less_without(
    told, untold, shuffled, expected
):
    halves = {"paramrel_evidence": told, "paramrel": untold}
    rows = [
        seeded(method=method, hidden=hidden, accuracy=0.9 if hidden == "nothing" else half)
        for method, half in halves.items()
        for hidden in ("nothing", "right", "lower", "disc")
    ]
    robust = pd.concat(rows).assign(
        log_snr=np.inf, trained_on="clean", floor_accuracy=0.1, accuracy_sem=0.001
    )
    noisy = robust.assign(log_snr=-1.0, accuracy=0.5)  # says nothing of halves
    runs = seeded(method="paramrel_evidence", kl=5.0, shuffled_code=shuffled)
    table = decided("H8", robust=pd.concat([robust, noisy]), runs=runs)
    assert table["verdict"].tolist() == [expected]


def compared(**methods):
    noise = np.array([0.0, 0.001, 0.002])
    return pd.concat(
        pd.DataFrame({"method": m, "seed": range(3), "accuracy": a + noise, "fd": d + noise[::-1]})
        for m, (a, d) in methods.items()
    )


def test_wins_and_losses_follow_the_direction_of_the_measure():
    rows = compared(paramrel=(0.8, 5.0), vae=(0.5, 9.0), bfn=(0.9, np.nan))
    rows.loc[rows["method"] == "paramrel", ["accuracy", "fd"]] += 1e-3
    table = wins(rows, {"accuracy": True, "fd": False})
    result = table.set_index(["measure", "rival"])["paramrel"].to_dict()
    assert result == {
        ("accuracy", "bfn"): "loses",
        ("accuracy", "vae"): "wins",
        ("fd", "vae"): "wins",
    }


def test_no_win_stands_without_a_corrected_p_below_the_level():
    """The error over the test examples, and a correction over both measures, leave little."""
    rows = compared(paramrel=(0.8, 5.0), vae=(0.77, 5.1), bfn=(0.79, 6.0))
    rows = rows.assign(accuracy_sem=0.016)
    rows["fd"] += np.random.default_rng(0).normal(0, 0.05, len(rows))
    table = wins(rows, {"accuracy": True, "fd": False})
    assert len(table) == 4
    for row in table.to_dict("records"):
        assert (row["paramrel"] in ("wins", "loses")) == (float(row["p_holm"]) < 0.05)
    assert set(table[table["measure"] == "accuracy"]["paramrel"]) == {"not decided"}


def test_a_dead_code_is_no_rival_in_measures_of_codes():
    rows = compared(paramrel=(0.8, 5.0), vae=(0.5, 9.0))
    table = wins(rows, {"accuracy": True, "fd": False}, of_codes=["accuracy"], dead={"vae"})
    assert table["paramrel"].tolist() == ["not decided: dead code", "wins"]
    assert table["p_holm"].tolist()[0] == ""


def test_two_seeds_win_and_lose_nothing():
    rows = pd.DataFrame({"method": ["paramrel", "vae"] * 2, "seed": [0, 0, 1, 1], "fd": 1.0})
    table = wins(rows, {"fd": False})
    assert table["paramrel"].tolist() == ["not decided: fewer than 3 seeds"]
