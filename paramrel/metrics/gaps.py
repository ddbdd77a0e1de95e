"""How far the best code dimension is ahead of the second best: MIG, SAP, TAD and ATTRS."""

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.metrics import mutual_info_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from paramrel.data.arrays import Array, Row, as_table, constant_columns, draw_seed

Table = tuple[Array, Array]  # codes (N, d) and integer factors (N, F)


def mig(codes: Array, factors: Array, bins: int = 20) -> Row:
    """Score the mutual information gap of codes (N, d) and factors (N, F), in [0, 1].

    mean_j (I(z_(1); v_j) − I(z_(2); v_j)) / H(v_j), the two most informative dimensions (Chen et
    al., 2018, eq. 6), by counting in `bins` equal-width bins as disentanglement_lib and, as
    `mig_quantile`, in bins of equal counts, which heavy tails don't break. A copy of the factors
    scores 1 less the counting bias; floor: 0 for a code that is independent of all factors.
    """
    codes, factors = _at_least_two_codes(*as_table("the", (codes, factors), 10 * bins))
    entropies = np.array([mutual_info_score(v, v) for v in factors.T])
    scores = {}
    for key, strategy in (("mig", "uniform"), ("mig_quantile", "quantile")):
        binned = [_binned(column, bins, strategy) for column in codes.T]
        information = np.array([[mutual_info_score(v, b) for b in binned] for v in factors.T])
        scores[key] = float((_gaps(information) / entropies).mean())
    return {**scores, "bins": bins, **_sizes(codes, factors)}


def sap(train: Table, test: Table, generator: torch.Generator) -> Row:
    """Score the separated attribute predictability, in [0, 1] (Kumar et al., 2018).

    train, test: (codes (N, d), factors (N, F)). The mean over factors of the test accuracy of the
    best less the second best single dimension, each under a linear support vector classifier
    (C = 0.01, balanced classes) on codes standardised by train. Floor: 0.
    """
    (codes, factors), (test_codes, test_factors) = as_table("train", train), as_table("test", test)
    codes, factors = _at_least_two_codes(codes, factors)
    if codes.shape[1] != test_codes.shape[1] or factors.shape[1] != test_factors.shape[1]:
        raise ValueError("train and test differ in their number of codes or factors; they must not")
    scaler, seed = StandardScaler().fit(codes), draw_seed(generator)
    codes, test_codes = scaler.transform(codes), scaler.transform(test_codes)
    accuracy = np.zeros((factors.shape[1], codes.shape[1]))
    for j, i in np.ndindex(*accuracy.shape):
        model = LinearSVC(C=0.01, class_weight="balanced", dual=False, random_state=seed)
        model.fit(codes[:, [i]], factors[:, j])
        accuracy[j, i] = model.score(test_codes[:, [i]], test_factors[:, j])
    return {"sap": float(_gaps(accuracy).mean()), **_sizes(codes, factors)}


def tad(codes: Array, attributes: Array, generator: torch.Generator) -> Row:
    """Score the total AUROC difference and the number of attributes captured (Yeats et al., 2022).

    codes: (N, d) of held-out images; attributes: (N, A) in {0, 1}. Each dimension alone, or its
    negative, detects each attribute with some AUROC. As InfoDiffusion computes it: an attribute
    counts (`attrs`) if its best AUROC is at least 0.75 and no other attribute takes more than 0.2
    of its entropy away; `tad` sums best less second best over those. `auroc_gap` sums it over all
    attributes with no threshold. Floors: `tad` 0, and `auroc_gap_floor` for shuffled attributes.
    """
    codes, attributes = _at_least_two_codes(*as_table("the", (codes, attributes)))
    if not np.isin(attributes, (0, 1)).all():
        raise ValueError(f"attributes has values {np.unique(attributes)}; they must be 0 or 1")
    rarest = int(np.minimum(attributes.sum(0), (1 - attributes).sum(0)).min())
    if rarest < 10:
        raise ValueError(f"an attribute has {rarest} examples of one value; at least 10 are needed")
    scores = single_code_auroc(codes, attributes)
    shared = np.array([[mutual_info_score(a, b) for b in attributes.T] for a in attributes.T])
    entropies = shared.diagonal().copy()
    np.fill_diagonal(shared, 0)
    kept = (scores.max(1) >= 0.75) & (shared.max(1) / entropies <= 0.2)
    order = torch.randperm(len(codes), generator=generator).numpy()
    return {
        "tad": float(_gaps(scores)[kept].sum()),
        "attrs": int(kept.sum()),
        "auroc_gap": float(_gaps(scores).sum()),
        "auroc_gap_floor": float(_gaps(single_code_auroc(codes, attributes[order])).sum()),
        **_sizes(codes, attributes),
    }


def single_code_auroc(codes: np.ndarray, attributes: np.ndarray) -> np.ndarray:
    """Return the AUROC of each code or its negative for each attribute, (A, d), floor 0.5.

    codes: (N, d), attributes: (N, A) in {0, 1}; by the rank sum of Mann & Whitney, ties halved.
    """
    positive = attributes.sum(0)[:, None]
    rank_sum = attributes.T @ rankdata(codes, axis=0)
    auroc = (rank_sum - positive * (positive + 1) / 2) / (positive * (len(codes) - positive))
    return np.maximum(auroc, 1 - auroc)


def _gaps(scores: np.ndarray) -> np.ndarray:
    """Best less second best of each row."""
    ordered = np.sort(scores, axis=1)
    return ordered[:, -1] - ordered[:, -2]


def _binned(column: np.ndarray, bins: int, strategy: str) -> np.ndarray:
    edges = (
        np.linspace(column.min(), column.max(), bins + 1)
        if strategy == "uniform"
        else np.quantile(column, np.linspace(0, 1, bins + 1))
    )
    return np.digitize(column, edges[1:-1])


def _at_least_two_codes(codes: np.ndarray, factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if codes.shape[1] < 2:
        raise ValueError("codes have 1 dimension; a gap needs at least 2")
    return codes, factors


def _sizes(codes: np.ndarray, factors: np.ndarray) -> Row:
    constant = int(constant_columns(codes).sum())
    note = f"{constant} of {codes.shape[1]} codes are constant" if constant else ""
    n, d = codes.shape
    return {"n": n, "d": d, "factors": factors.shape[1], "note": note}
