"""METRICS, the one table of what is measured: a new metric is a row, its function and its test."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from paramrel.data.arrays import Array, Row, draw_seed
from paramrel.metrics.disentanglement import Table, dci
from paramrel.metrics.distances import (
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    precision_recall,
)
from paramrel.metrics.factor_vae import Draw, factor_vae_score
from paramrel.metrics.gaps import mig, sap, tad
from paramrel.metrics.probes import knn_probe, logistic_probe
from paramrel.metrics.smoothness import midpoint_distance, path_length, path_shape

RESAMPLES = 30  # of samples and of real images, for the standard error of their distance


End = float | str | Callable[[Row], float]  # str: its name in the function's row


@dataclass(frozen=True)
class Metric:
    """One of the numbers in the row that a function returns.

    of: what the function is given, and so what it is a metric of:
        `labels`: (codes, labels) of the train, validation and test splits;
        `features`: `Features` of samples and of real images;
        `factors`, `few factors`: `Factored` codes, the latter of few examples, for what takes long;
        `attributes`: codes (N, d), attributes (N, A) and a generator, as three arguments;
        `evaluation`: the row of `measures.evaluation.evaluate`;
        `paths`: a decoder, codes at both ends and what judges the images between.
    key: the number's name in the function's row; its standard error over the examples, where the
        function knows it, is `<key>_sem`.
    floor, ceiling: the least and the most that it is held against, numbers or taken from the row;
        `higher_is_better` says which of the two is the good one. NaN where there is none; of
        `features` they are those of the `Reference`.
    compared: its column where the report compares methods; without one, it stands in the rows of
        every seed alone.
    """

    of: str
    function: Callable[..., Row]
    key: str
    higher_is_better: bool
    floor: End = math.nan
    ceiling: End = math.nan
    compared: str = ""

    def ends(self, row: Row) -> tuple[float, float]:
        """Return floor and ceiling for the row that the function returned."""

        def found(end: End) -> float:
            return row[end] if isinstance(end, str) else end(row) if callable(end) else end

        return found(self.floor), found(self.ceiling)


@dataclass(frozen=True)
class Features:
    """Features (N, d) of samples and of real images, and what metrics of them draw with."""

    samples: np.ndarray
    real: np.ndarray
    generator: torch.Generator

    def resampled_error(self, distance: Callable[[np.ndarray, np.ndarray], float]) -> float:
        """Return the standard error of a distance over both sets' examples, by the bootstrap."""
        rng, sets = np.random.default_rng(draw_seed(self.generator)), (self.samples, self.real)
        drawn = ([rng.choice(part, len(part)) for part in sets] for _ in range(RESAMPLES))
        return float(np.std([distance(*pair) for pair in drawn], ddof=1))


@dataclass(frozen=True)
class Factored:
    """Codes and their factors, with what their scores need.

    train, test: (codes (N, d), factors (N, F)). draw, votes, batch: as `factor_vae_score` takes
    them. sizes: how many values each factor has.
    """

    train: Table
    test: Table
    draw: Draw
    sizes: tuple[int, ...]
    votes: tuple[int, int]
    batch: int
    generator: torch.Generator

    def few(self, number: int) -> "Factored":
        """Return the same with the first so many training examples only."""
        return replace(self, train=tuple(array[:number] for array in self.train))


def _logistic(splits: tuple) -> Row:
    return logistic_probe(*splits)


def _knn(splits: tuple) -> Row:
    return knn_probe(*splits)


def _frechet(features: Features) -> Row:
    return {
        "frechet": frechet_distance(features.samples, features.real),
        "frechet_sem": features.resampled_error(frechet_distance),
    }


def _frechet_infinity(features: Features) -> Row:
    distance, error = frechet_infinity(features.samples, features.real, features.generator)
    return {"frechet_infinity": distance, "frechet_infinity_error": error}


def _kernel(features: Features) -> Row:
    distance, error = kernel_distance(features.samples, features.real, features.generator)

    def few(samples: np.ndarray, real: np.ndarray) -> float:
        return kernel_distance(samples, real, features.generator, subsets=10)[0]

    sem = features.resampled_error(few)
    return {"kernel": distance, "kernel_error": error, "kernel_sem": sem}


def _precision_recall(features: Features) -> Row:
    precision, recall = precision_recall(features.real, features.samples)
    return {"precision": precision, "recall": recall}


def _lasso(codes: Factored) -> Row:
    return dci(codes.train, codes.test, "lasso", codes.generator).row


def _boosting(codes: Factored) -> Row:
    return dci(codes.train, codes.test, "boosting", codes.generator).row


def _mig(codes: Factored) -> Row:
    return mig(*codes.test)


def _sap(codes: Factored) -> Row:
    return sap(codes.train, codes.test, codes.generator)


def _factor_vae(codes: Factored) -> Row:
    number, settings = len(codes.sizes), (codes.votes, codes.batch)
    return factor_vae_score(codes.test[0], codes.draw, number, codes.generator, *settings)


def _tad(given: tuple[Array, Array, torch.Generator]) -> Row:
    return tad(*given)


def _half_of_attributes(row: Row) -> float:
    return row["factors"] / 2  # an AUROC is at most ½ ahead of the next


METRICS = {
    "logistic accuracy": Metric(
        "labels", _logistic, "accuracy", True, "floor_accuracy", 1.0, compared="probe accuracy"
    ),
    "logistic AUROC": Metric("labels", _logistic, "auroc", True, 0.5, 1.0),
    "kNN accuracy": Metric(
        "labels", _knn, "accuracy", True, "floor_accuracy", 1.0, compared="kNN accuracy"
    ),
    "kNN AUROC": Metric("labels", _knn, "auroc", True, 0.5, 1.0),
    "fd": Metric("features", _frechet, "frechet", False, compared="fd"),
    "fd∞": Metric("features", _frechet_infinity, "frechet_infinity", False),
    "kid": Metric("features", _kernel, "kernel", False, compared="kid"),
    "precision": Metric("features", _precision_recall, "precision", True),
    "recall": Metric("features", _precision_recall, "recall", True),
    "bound on −ln p(x)": Metric("evaluation", dict, "nll_bound", False, compared="NLL bound"),
    # of D and C the floor is the score of the control `random_mix`
    "D (lasso)": Metric("factors", _lasso, "disentanglement", True, math.nan, 1.0),
    "C (lasso)": Metric("factors", _lasso, "completeness", True, math.nan, 1.0),
    "I (lasso)": Metric("factors", _lasso, "informativeness", True, "floor_informativeness", 1.0),
    "D (boosting)": Metric("few factors", _boosting, "disentanglement", True, math.nan, 1.0),
    "C (boosting)": Metric("few factors", _boosting, "completeness", True, math.nan, 1.0),
    "I (boosting)": Metric(
        "few factors", _boosting, "informativeness", True, "floor_informativeness", 1.0
    ),
    "MIG": Metric("factors", _mig, "mig", True, 0.0, 1.0),
    "SAP": Metric("factors", _sap, "sap", True, 0.0, 1.0),
    "FactorVAE": Metric("factors", _factor_vae, "factor_vae_score", True, "floor", 1.0),
    "TAD": Metric("attributes", _tad, "tad", True, 0.0, _half_of_attributes),
    "ATTRS": Metric("attributes", _tad, "attrs", True, 0.0, "factors"),
    "AUROC gap": Metric(
        "attributes", _tad, "auroc_gap", True, "auroc_gap_floor", _half_of_attributes
    ),
    "path over chord": Metric("paths", path_shape, "path_over_chord", False, 1.0),
    "label switches": Metric("paths", path_shape, "label_switches", False, "label_switches_floor"),
    "path length": Metric("paths", path_length, "path_length", False, 0.0),
    "midpoint distance": Metric(
        "paths", midpoint_distance, "midpoint_distance", False, "endpoint_distance"
    ),
}


def metrics_of(*kinds: str) -> dict[str, Metric]:
    """Return the rows of METRICS that are of one of these, in their order."""
    return {name: metric for name, metric in METRICS.items() if metric.of in kinds}


def measured(given: Mapping[str, Any]) -> Iterator[tuple[str, Metric, Row]]:
    """Yield every metric of what is `given`, by what it is of, with its name and function's row.

    Functions are called in the order of METRICS, each once.
    """
    rows = {}
    for name, metric in metrics_of(*given).items():
        if metric.function not in rows:
            rows[metric.function] = metric.function(given[metric.of])
        yield name, metric, rows[metric.function]


def scores(of: str, given: Any) -> Row:
    """Return all that the functions of one kind of metric say of what is given, in one row."""
    return {key: value for _, _, row in measured({of: given}) for key, value in row.items()}
