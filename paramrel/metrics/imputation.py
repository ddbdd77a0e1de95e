"""How near drawn cells are to those that were hidden, as points and as distributions."""

import numpy as np
import torch
from sklearn.metrics import pairwise_distances
from torchmetrics.functional.regression import continuous_ranked_probability_score

from paramrel.data.arrays import Array, Row

CENTRAL = 0.9  # of the draws, between whose ends the truth should lie as often


def number_scores(truth: Array, draws: Array) -> Row:
    """Score two or more draws (D, N) of hidden numbers (N,), in their unit.

    rmse: of the draws' mean. crps: the continuous ranked probability score, which is least for
    draws of the true distribution (Gneiting and Raftery 2007, eq. 21); of equal draws it is the
    mean absolute error. coverage: how often the central 90 % of the draws, between interpolated
    quantiles, hold the truth; true draws do in 0.9 (D - 1) / (D + 1), 0.74 of 10 and 0.81 of 20.
    """
    truth, draws = np.asarray(truth, float), np.asarray(draws, float)
    low, high = np.quantile(draws, [(1 - CENTRAL) / 2, (1 + CENTRAL) / 2], axis=0)
    crps = continuous_ranked_probability_score(torch.tensor(draws.T), torch.tensor(truth))
    return {
        "rmse": float(np.sqrt(((draws.mean(0) - truth) ** 2).mean())),
        "crps": crps.item(),
        "coverage": float(((low <= truth) & (truth <= high)).mean()),
    }


def class_scores(truth: Array, draws: Array, classes: int) -> Row:
    """Score draws (D, N) of hidden classes (N,), whole numbers from 0.

    accuracy: of the most frequent draw. log_score: -ln of the truth's share among the draws, nats,
    where each class has half a draw more (Krichevsky and Trofimov 1981), lest one be infinite.
    """
    truth, draws = np.asarray(truth), np.asarray(draws)
    counts = np.stack([(draws == k).sum(0) for k in range(classes)], 1)
    of_truth = counts[np.arange(len(truth)), truth]
    return {
        "accuracy": float((counts.argmax(1) == truth).mean()),
        "log_score": float(-np.log((of_truth + 0.5) / (len(draws) + classes / 2)).mean()),
    }


def energy_distance(x: Array, y: Array, paired: bool = False) -> float:
    """Return 2 E‖X − Y‖ − E‖X − X'‖ − E‖Y − Y'‖ of points x: (N, F) and y: (M, F).

    U-statistics (Székely and Rizzo 2013): 0 on average for equal distributions, so a value may be
    negative. paired: whether each point of y was made of that of x, as a row with drawn cells is of
    the true one. Their distance is left out then: else the nearest, not the truest draws were best.
    """

    def apart(a: Array, b: Array) -> float:
        distances = pairwise_distances(a, b)
        return (distances.sum() - distances.trace()) / (len(a) * (len(a) - 1))

    across = apart(x, y) if paired else pairwise_distances(x, y).mean()
    return float(2 * across - apart(x, x) - apart(y, y))
