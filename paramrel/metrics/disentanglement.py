"""Is each factor in one code dimension and each dimension about one factor: DCI, its controls."""

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import entropy, ortho_group
from sklearn.base import ClassifierMixin
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.parallel import Parallel, delayed

from paramrel.data.arrays import Array, Row, as_array, as_table, constant_columns, draw_seed

Table = tuple[Array, Array]  # codes (N, d) and integer factors (N, F)


@dataclass(frozen=True)
class DCI:
    """The importance (d, F) of each code for each factor, and the scores as a row."""

    importance: np.ndarray
    row: Row


def dci(
    train: Table, test: Table, regressor: str, generator: torch.Generator, subsample: float = 0.5
) -> DCI:
    """Score disentanglement, completeness and informativeness (mean test accuracy over factors).

    train, test: (codes (N, d), factors (N, F)); codes are standardised by the train split.
    regressor: "boosting", 100 gradient-boosted trees of depth 3 a class, each on a random share
    `subsample` of the points (1 is disentanglement_lib's choice, twice as slow), importance as
    scikit-learn's; or "lasso", a multinomial logistic regression with an L1 penalty at C = 0.1,
    importance Σ_class |weight|. A copy of the factors scores 1. Floors: the `random_mix` of
    `disentanglement_controls`, whose D is well above 0, and `floor_informativeness`, the accuracy
    of always naming the commonest train value. Source: Eastwood & Williams, 2018.
    """
    if regressor not in ("boosting", "lasso"):
        raise ValueError(f"regressor is {regressor!r}; it must be 'boosting' or 'lasso'")
    (codes, factors), (test_codes, test_factors) = as_table("train", train), as_table("test", test)
    if codes.shape[1] != test_codes.shape[1] or factors.shape[1] != test_factors.shape[1]:
        raise ValueError("train and test differ in their number of codes or factors; they must not")
    models = [_regressor(regressor, draw_seed(generator), subsample) for _ in factors.T]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the row's note says it instead
        Parallel(n_jobs=-1, prefer="threads")(  # trees release the interpreter lock
            delayed(model.fit)(codes, f) for model, f in zip(models, factors.T, strict=True)
        )
    accuracies = [m.score(test_codes, f) for m, f in zip(models, test_factors.T, strict=True)]
    importance = np.stack([_importance(model[-1]) for model in models], 1)
    disentanglement, completeness = dci_scores(importance)
    floors = [_majority_accuracy(*pair) for pair in zip(factors.T, test_factors.T, strict=True)]
    constant = constant_columns(codes).sum()
    notes = [f"{constant} of {codes.shape[1]} codes are constant"] * bool(constant)
    if regressor == "lasso" and any(m[-1].n_iter_.max() == m[-1].max_iter for m in models):
        notes.append("a fit stopped before convergence")
    row = {
        "regressor": regressor,
        "disentanglement": disentanglement,
        "completeness": completeness,
        "informativeness": float(np.mean(accuracies)),
        "floor_informativeness": float(np.mean(floors)),
        "n_train": len(codes),
        "n_test": len(test_codes),
        "d": codes.shape[1],
        "factors": factors.shape[1],
        "note": "; ".join(notes),
    }
    return DCI(importance, row)


def dci_scores(importance: Array) -> tuple[float, float]:
    """Return disentanglement and completeness of importances (d, F), both in [0, 1].

    D = Σ_i ρ_i (1 − H_F(P_i)), C = Σ_j ω_j (1 − H_d(P̃_j)): entropies of the normalised rows and
    columns to the base of their length, weighted by their share of the total. NaN where no code
    has any importance, or where one factor (D) or one code (C) leaves nothing to compare.
    """
    importance = as_array("importance", importance)
    if importance.ndim != 2 or (importance < 0).any():
        raise ValueError(f"importance has shape {importance.shape}; it must be (d, F) and ≥ 0")
    return _concentration(importance), _concentration(importance.T)


def disentanglement_controls(
    codes: Array, factors: Array, generator: torch.Generator
) -> dict[str, np.ndarray]:
    """Return codes that frame any score: the own codes rotated, the factors, their random mix.

    codes: (N, d), factors: (N, F). A random rotation of the standardised codes must lower the
    score, the factor copy (N, F) scores 1, and the random linear mix (N, d) is the floor.
    """
    codes, factors = as_table("the", (codes, factors))
    rng = np.random.default_rng(draw_seed(generator))
    d = codes.shape[1]
    if d < 2:
        raise ValueError("codes have 1 dimension; a rotation needs at least 2")
    copy = StandardScaler().fit_transform(factors)
    return {
        "random_rotation": StandardScaler().fit_transform(codes) @ ortho_group.rvs(d, 1, rng),
        "factor_copy": copy,
        "random_mix": copy @ rng.standard_normal((factors.shape[1], d)),
    }


def _regressor(name: str, seed: int, subsample: float) -> ClassifierMixin:
    if name == "boosting":
        model = GradientBoostingClassifier(subsample=subsample, random_state=seed)
    else:
        model = LogisticRegression(
            C=0.1, l1_ratio=1, solver="saga", tol=1e-3, max_iter=2000, random_state=seed
        )
    return make_pipeline(StandardScaler(), model)


def _importance(model: ClassifierMixin) -> np.ndarray:
    if isinstance(model, GradientBoostingClassifier):
        return np.abs(model.feature_importances_)  # rounding makes zeros negative
    return np.abs(model.coef_).sum(0)


def _majority_accuracy(train: np.ndarray, test: np.ndarray) -> float:
    values, counts = np.unique(train, return_counts=True)
    return float((test == values[counts.argmax()]).mean())


def _concentration(importance: np.ndarray) -> float:
    """Weighted mean over rows of 1 − their entropy to the base of their length."""
    used = importance[importance.any(1)]
    if used.size == 0 or used.shape[1] == 1:
        return math.nan
    share = used.sum(1) / used.sum()
    return float(share @ (1 - entropy(used, base=used.shape[1], axis=1)))
