import math

import numpy as np
import pytest
import torch
from scipy.stats import entropy
from sklearn.metrics import roc_auc_score

from paramrel.metrics.disentanglement import dci, dci_scores, disentanglement_controls
from paramrel.metrics.factor_vae import draw_from_table, factor_vae_score
from paramrel.metrics.gaps import mig, sap, single_code_auroc, tad

RNG = np.random.default_rng(0)
FACTORS = np.stack([RNG.integers(0, k, 600) for k in (2, 3, 4)], 1)
COPY = FACTORS + 0.0
NOISE = RNG.standard_normal((600, 3))


def generator():
    return torch.Generator().manual_seed(0)


def halves(codes, factors=FACTORS):
    return (codes[:400], factors[:400]), (codes[400:], factors[400:])


def test_dci_scores_are_the_entropies_of_the_paper():
    importance = np.array([[4.0, 0.0], [1.0, 1.0], [0.0, 2.0]])
    disentanglement, completeness = dci_scores(importance)
    assert disentanglement == pytest.approx(4 / 8 * 1 + 2 / 8 * 0 + 2 / 8 * 1)
    columns = [1 - entropy(p, base=3) for p in ([4 / 5, 1 / 5, 0], [0, 1 / 3, 2 / 3])]
    assert completeness == pytest.approx(5 / 8 * columns[0] + 3 / 8 * columns[1])


@pytest.mark.parametrize(
    ("importance", "expected"),
    [
        (np.eye(3), (1, 1)),
        (np.ones((4, 3)), (0, 0)),
        (np.eye(3)[[0, 0, 1, 2]], (1, 1 - math.log(2) / math.log(4) / 2)),
        (np.zeros((2, 2)), (math.nan, math.nan)),
    ],
    ids=["copy", "uniform", "duplicated code", "constant codes"],
)
def test_dci_scores_of_exact_constructions(importance, expected):
    assert dci_scores(importance) == pytest.approx(expected, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize("regressor", ["boosting", "lasso"])
def test_dci_of_a_factor_copy_is_one_and_falls_by_rotation_and_mixing(regressor):
    controls = disentanglement_controls(COPY, FACTORS, generator())
    rows = {
        name: dci(*halves(codes), regressor, generator()).row for name, codes in controls.items()
    }
    copy = rows["factor_copy"]
    assert copy["disentanglement"] > 0.99 and copy["completeness"] > 0.99
    assert copy["informativeness"] > 0.99
    assert rows["random_rotation"]["disentanglement"] < 0.6
    assert rows["random_mix"]["disentanglement"] < 0.6


@pytest.mark.parametrize("regressor", ["boosting", "lasso"])
def test_importance_is_one_row_a_code_and_the_informativeness_of_noise_is_the_floor(regressor):
    result = dci(*halves(NOISE[:, :2]), regressor, generator())
    assert result.importance.shape == (2, 3)
    row = result.row
    assert row["informativeness"] == pytest.approx(row["floor_informativeness"], abs=0.1)


def test_the_floor_of_informativeness_names_the_commonest_train_value():
    factors = np.tile([0, 0, 0, 5, 7], 120)[:, None]
    row = dci(*halves(NOISE, np.c_[factors, factors]), "lasso", generator()).row
    assert row["floor_informativeness"] == pytest.approx(3 / 5)


def test_dci_follows_its_generator():
    rows = [dci(*halves(NOISE), "boosting", generator().manual_seed(s)).row for s in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_dci_of_constant_codes_is_a_stated_nan():
    row = dci(*halves(np.ones((600, 2))), "lasso", generator()).row
    assert math.isnan(row["disentanglement"]) and row["note"] == "2 of 2 codes are constant"


def test_mig_of_a_factor_copy_is_one_less_counting_bias():
    row = mig(COPY, FACTORS)
    assert row["mig"] == pytest.approx(1, abs=0.03)
    assert row["mig_quantile"] == pytest.approx(1, abs=0.03)


def test_mig_by_hand_on_a_table_of_all_combinations():
    a, b = np.meshgrid([0, 1], [0, 1])
    factors = np.stack([a.ravel(), b.ravel()], 1).repeat(100, 0)
    both = factors[:, 0] + 2 * factors[:, 1]
    codes = np.stack([factors[:, 0], both], 1)  # gaps: 0 for factor 0, 1 bit for factor 1
    assert mig(codes, factors)["mig"] == pytest.approx(0.5)


@pytest.mark.parametrize("codes", [NOISE, np.ones((600, 2)), COPY[:, [0, 0, 1, 1, 2, 2]]])
def test_mig_and_sap_are_zero_for_noise_constants_and_duplicates(codes):
    assert mig(codes, FACTORS)["mig"] == pytest.approx(0, abs=0.03)
    assert sap(*halves(codes), generator())["sap"] == pytest.approx(0, abs=0.06)


def test_quantile_bins_survive_the_heavy_tail_that_breaks_equal_width():
    heavy = COPY.copy()
    heavy[0] = 1e6
    row = mig(heavy, FACTORS)
    assert row["mig"] < 0.1 and row["mig_quantile"] > 0.9


def test_sap_of_binary_factor_copies_is_perfect_less_chance():
    factors = RNG.integers(0, 2, (600, 2))
    codes = factors + 0.01 * RNG.standard_normal((600, 2))
    assert sap(*halves(codes, factors), generator())["sap"] == pytest.approx(0.5, abs=0.05)


def test_factor_vae_score_is_one_for_a_rotation_free_code_and_chance_for_noise():
    def score(codes):
        draw = draw_from_table(codes, FACTORS)
        return factor_vae_score(codes, draw, 3, generator(), votes=(200, 200))["factor_vae_score"]

    assert score(COPY) == 1
    assert score(NOISE) == pytest.approx(1 / 3, abs=0.12)
    assert score(COPY @ np.ones((3, 3)) + 1e-3 * NOISE) < 0.6


def test_factor_vae_score_weighs_dimensions_by_their_own_scale():
    codes = (COPY + 0.3 * NOISE) * [4, 1, 0.5]
    draw = draw_from_table(codes, FACTORS)
    row = factor_vae_score(codes, draw, 3, generator(), votes=(200, 200))
    assert row["factor_vae_score"] == 1


def test_factor_vae_score_leaves_dead_dimensions_out():
    codes = np.c_[np.zeros(600), COPY]
    row = factor_vae_score(codes, draw_from_table(codes, FACTORS), 3, generator(), votes=(100, 100))
    assert (row["factor_vae_score"], row["active"], row["d"]) == (1, 3, 4)


def test_factor_vae_score_of_constant_codes_is_a_stated_nan():
    codes = np.ones((600, 2))
    row = factor_vae_score(codes, draw_from_table(codes, FACTORS), 3, generator())
    assert math.isnan(row["factor_vae_score"]) and row["note"] == "all codes are constant"


def test_draws_from_a_table_share_one_value_of_the_held_factor_and_vary_the_rest():
    draw, g = draw_from_table(COPY, FACTORS), generator()
    batches = [draw(2, 64, g) for _ in range(50)]
    assert all(
        np.ptp(batch, axis=0).astype(bool).tolist() == [True, True, False] for batch in batches
    )
    assert {batch[0, 2] for batch in batches} == {0, 1, 2, 3}


def test_single_code_auroc_is_that_of_scikit_learn_with_ties():
    codes = np.c_[NOISE, NOISE.round()]
    attributes = (NOISE + RNG.standard_normal((600, 3)) > 0).astype(int)
    expected = [
        [max(roc_auc_score(a, c), roc_auc_score(a, -c)) for c in codes.T] for a in attributes.T
    ]
    np.testing.assert_allclose(single_code_auroc(codes, attributes), expected)


def test_tad_of_attribute_copies_is_a_half_each_and_a_duplicated_dimension_zeroes_it():
    attributes = RNG.integers(0, 2, (2000, 3))
    row = tad(attributes + 0.0, attributes, generator())
    assert row["attrs"] == 3
    assert row["tad"] == row["auroc_gap"] == pytest.approx(3 * 0.5, abs=0.1)
    assert row["auroc_gap_floor"] < 0.1
    twice = tad(np.c_[attributes, attributes] + 0.0, attributes, generator())
    assert (twice["tad"], twice["attrs"]) == (0, 3)


def test_tad_leaves_out_attributes_that_another_one_explains_or_no_code_detects():
    copied = RNG.integers(0, 2, 2000)
    free, missed = RNG.integers(0, 2, (2, 2000))
    attributes = np.stack([copied, copied, free, missed], 1)
    codes = np.stack([copied, free, RNG.standard_normal(2000)], 1)
    row = tad(codes, attributes, generator())
    assert row["attrs"] == 1
    assert row["tad"] == pytest.approx(0.5, abs=0.05)
    assert row["auroc_gap"] == pytest.approx(1.5, abs=0.1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dci(*halves(COPY), "forest", generator()), "'forest'; it must be"),
        (lambda: dci(*halves(COPY, FACTORS * 0), "lasso", generator()), "1 distinct classes"),
        (lambda: dci(*halves(COPY, FACTORS[:, 0]), "lasso", generator()), "they must be"),
        (lambda: dci((COPY, FACTORS), (COPY[:, 1:], FACTORS), "lasso", generator()), "differ"),
        (lambda: dci_scores(-np.eye(2)), "≥ 0"),
        (lambda: mig(COPY[:150], FACTORS[:150]), "at least 200"),
        (lambda: mig(COPY[:, :1], FACTORS), "a gap needs at least 2"),
        (lambda: mig(COPY + np.nan, FACTORS), "NaN"),
        (lambda: sap((COPY, FACTORS), (COPY, FACTORS[:, 1:]), generator()), "differ"),
        (lambda: tad(COPY, FACTORS, generator()), "they must be 0 or 1"),
        (lambda: tad(COPY, np.eye(600)[:, :2], generator()), "at least 10"),
        (lambda: disentanglement_controls(COPY[:, :1], FACTORS, generator()), "at least 2"),
        (lambda: factor_vae_score(COPY, None, 1, generator()), "factors is 1"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
