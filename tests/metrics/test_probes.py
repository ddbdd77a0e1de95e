import math
from functools import partial

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.preprocessing import StandardScaler

from paramrel.metrics.probes import (
    control_codes,
    few_label_curve,
    knn_probe,
    logistic_probe,
    mlp_probe,
    pca_codes,
    probe_over_log_snr,
)

X, Y = load_digits(return_X_y=True)
SLICES = slice(0, 600), slice(600, 900), slice(900, 1500)
DIGITS = tuple((X[s], Y[s]) for s in SLICES)
PROBES = [logistic_probe, knn_probe, partial(mlp_probe, generator=torch.Generator())]
IDS = ["logistic", "knn", "mlp"]


def splits(codes, labels):
    return tuple(zip(np.array_split(codes, 3), np.array_split(labels, 3), strict=True))


def test_logistic_probe_is_scikit_learn_on_train_scaled_codes():
    row = logistic_probe(*DIGITS, grid=(0.1,))
    scaler = StandardScaler().fit(X[:600])
    model = LogisticRegression(C=0.1, max_iter=2000).fit(scaler.transform(X[:600]), Y[:600])
    scores = model.predict_proba(scaler.transform(X[900:1500]))
    labels = Y[900:1500]
    assert row["accuracy"] == pytest.approx((scores.argmax(1) == labels).mean())
    assert row["auroc"] == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr"))
    precision = average_precision_score(np.eye(10)[labels], scores)
    assert row["average_precision"] == pytest.approx(precision)
    assert (row["n_train"], row["n_validation"], row["n_test"], row["d"]) == (600, 300, 600, 64)


def test_of_two_classes_the_larger_label_is_the_one_to_be_found():
    rare = [(x, (y == 3).astype(int)) for x, y in DIGITS]
    row = logistic_probe(*rare, grid=(1e-3,))
    scaler = StandardScaler().fit(X[:600])
    model = LogisticRegression(C=1e-3, max_iter=2000).fit(scaler.transform(X[:600]), rare[0][1])
    scores = model.predict_proba(scaler.transform(X[900:1500]))[:, 1]
    assert row["average_precision"] == pytest.approx(average_precision_score(rare[2][1], scores))
    assert row["auroc"] == pytest.approx(roc_auc_score(rare[2][1], scores))


def test_the_penalty_is_the_best_on_validation_and_not_on_test():
    train, validation, _ = DIGITS
    shuffled = np.random.default_rng(0).permutation(Y[900:1500])
    rows = [logistic_probe(*DIGITS, grid=(c,)) for c in (1e-4, 0.1)]
    best = max(rows, key=lambda row: row["validation_accuracy"])
    chosen = logistic_probe(train, validation, (X[900:1500], shuffled), grid=(1e-4, 0.1))
    assert chosen["C"] == best["C"]


@pytest.mark.parametrize("probe", PROBES, ids=IDS)
def test_a_code_that_copies_the_label_is_read_perfectly(probe):
    labels = np.tile([0, 1, 2], 60)
    row = probe(*splits(np.eye(3)[labels], labels))
    assert row["accuracy"] == row["auroc"] == row["average_precision"] == 1
    assert row["floor_accuracy"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("probe", PROBES, ids=IDS)
def test_a_random_code_stays_at_the_floors(probe):
    rng = np.random.default_rng(0)
    row = probe(*splits(rng.standard_normal((1500, 4)), rng.integers(0, 2, 1500)))
    assert row["accuracy"] == pytest.approx(row["floor_accuracy"], abs=0.08)
    assert row["auroc"] == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("probe", PROBES, ids=IDS)
def test_a_constant_code_is_scored_at_chance_and_named(probe):
    labels = np.tile([0, 1], 60)
    row = probe(*splits(np.ones((120, 2)), labels))
    assert (row["accuracy"], row["auroc"], row["note"]) == (0.5, 0.5, "all codes are constant")


@pytest.mark.parametrize("probe", [logistic_probe, knn_probe], ids=IDS[:2])
def test_scores_do_not_depend_on_the_scale_of_a_dimension(probe):
    scale = 2.0 ** np.arange(64)
    assert probe(*DIGITS) == probe(*((codes * scale, labels) for codes, labels in DIGITS))


def test_few_labels_use_as_many_of_each_class_in_train_and_at_most_as_many_in_validation():
    rows = few_label_curve(knn_probe, *DIGITS, generator=torch.Generator(), per_class=(5, 10, 1000))
    assert [row["labels_per_class"] for row in rows] == [5, 10, 1000]
    assert [row.get("n_train") for row in rows] == [50, 100, None]
    assert [row.get("n_validation") for row in rows] == [50, 100, None]
    assert rows[0]["accuracy"] < rows[1]["accuracy"]
    assert math.isnan(rows[2]["accuracy"]) and "only" in rows[2]["note"]


def test_the_curve_over_log_snr_shows_the_code_beside_theta_at_each_time():
    def theta(t):
        noise = np.random.default_rng(0)
        return tuple(t * x + (1 - t) * 16 * noise.standard_normal(x.shape) for x, _ in DIGITS)

    representations = {"theta": theta, "code": lambda t: tuple(x[:, :8] for x in theta(t))}
    labels = tuple(y for _, y in DIGITS)
    rows = probe_over_log_snr(logistic_probe, representations, labels, [0.3, 0.9], math.log)
    keys = [(row["representation"], row["t"], row["log_snr"]) for row in rows]
    assert keys == [(n, t, math.log(t)) for t in (0.3, 0.9) for n in ("theta", "code")]
    assert rows[0]["accuracy"] < rows[2]["accuracy"]
    assert rows[1]["accuracy"] < rows[0]["accuracy"]


def test_pca_codes_are_fitted_on_train_alone():
    train, test = pca_codes(X[:600], X[600:900], d=5)
    expected = PCA(5, svd_solver="full").fit(X[:600])
    np.testing.assert_allclose(np.abs(train), np.abs(expected.transform(X[:600])), atol=1e-6)
    np.testing.assert_allclose(np.abs(test), np.abs(expected.transform(X[600:900])), atol=1e-6)


def test_controls_are_pixels_principal_components_and_a_random_encoder():
    images = tuple(x.reshape(-1, 1, 8, 8) for x, _ in DIGITS)
    controls = control_codes(images, 6, lambda x: x.reshape(len(x), -1)[:, :6])
    shapes = {name: [codes.shape for codes in triple] for name, triple in controls.items()}
    assert shapes == {
        "pixels": [(600, 64), (300, 64), (600, 64)],
        "pca_6": [(600, 6), (300, 6), (600, 6)],
        "random_encoder": [(600, 6), (300, 6), (600, 6)],
    }


CODES, LABELS = np.ones((6, 2)), np.array([0, 1, 0, 1, 0, 1])
OK = (CODES, LABELS)


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ((CODES, LABELS[:5]), OK, r"train labels has shape \(5,\)"),
        ((CODES, LABELS * 0), OK, "1 distinct classes"),
        ((CODES * np.inf, LABELS), OK, "train codes has 12 values that are NaN or infinite"),
        ((CODES, LABELS / 2), OK, "must be integers"),
        (OK, (CODES[:, :1], LABELS), "1 and 2 dimensions"),
        (OK, (CODES, LABELS + 1), r"labels \[2\] are not in train"),
        (OK, (CODES[:1], LABELS[:1]), "at least 2"),
    ],
)
def test_senseless_splits_are_refused(train, test, message):
    with pytest.raises(ValueError, match=message):
        logistic_probe(train, OK, test)


def test_more_components_than_examples_are_refused():
    with pytest.raises(ValueError, match="d is 7; it must lie in 1…6"):
        pca_codes(np.ones((6, 10)), d=7)
