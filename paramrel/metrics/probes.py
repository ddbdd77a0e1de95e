"""What a simple classifier reads from a code: fit on train, chosen on validation, tested once."""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler, label_binarize

from paramrel.data.arrays import Array, Row, as_codes, as_labels, constant_columns, draw_seed

Split = tuple[Array, Array]  # codes (N, d) and labels (N,)
Triple = tuple[Array, Array, Array]  # one array for each of train, validation and test
Probe = Callable[[Split, Split, Split], Row]
COMPARED = 2000  # evenly spaced training examples, at most, that the values of a grid are fitted to


def logistic_probe(
    train: Split,
    validation: Split,
    test: Split,
    grid: Sequence[float] = (1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0),
) -> Row:
    """Score a multinomial logistic regression on standardised codes.

    train, validation, test: (codes (N, d), labels (N,)). The scaling is the train split's; the
    inverse penalty C from `grid` is the one with the best validation accuracy, the smallest of
    equals, compared on 2,000 training examples at most; the probe is then fitted to all. Row:
    accuracy, macro one-against-rest AUROC and average precision on test, standard errors of the
    first two over the test examples (`_sem`), the chosen C and all sizes. Floors: accuracy
    `floor_accuracy` (always the commonest train class), AUROC 0.5.
    """
    return _probe(
        "logistic",
        "C",
        grid,
        lambda c: LogisticRegression(C=c, max_iter=2000),
        (train, validation, test),
    )


def knn_probe(
    train: Split, validation: Split, test: Split, grid: Sequence[int] = (1, 5, 10, 20, 50)
) -> Row:
    """Score k nearest neighbours on standardised codes; protocol, row and floors as above.

    k is chosen from those of `grid` that the train split can fill.
    """
    possible = [k for k in grid if k <= len(train[0])]
    return _probe("knn", "k", possible, KNeighborsClassifier, (train, validation, test))


def mlp_probe(
    train: Split,
    validation: Split,
    test: Split,
    generator: torch.Generator,
    grid: Sequence[float] = (1e-4, 1e-2, 1.0),
) -> Row:
    """Score a network of one hidden layer of 128 (ReLU, Adam, ≤ 100 epochs) on standardised codes.

    Protocol, row and floors as above; the weight decay alpha is chosen from `grid`.
    """
    seed = draw_seed(generator)

    def build(alpha: float) -> ClassifierMixin:
        network = MLPClassifier((128,), alpha=alpha, max_iter=100, random_state=seed)
        return make_pipeline(FunctionTransformer(np.float32), network)  # twice as fast as float64

    return _probe("mlp", "alpha", grid, build, (train, validation, test))


def few_label_curve(
    probe: Probe,
    train: Split,
    validation: Split,
    test: Split,
    generator: torch.Generator,
    per_class: Sequence[int] = (10, 100, 1000),
) -> list[Row]:
    """Run `probe` with only so many labels a class in train, and at most as many in validation.

    The subsets are nested random draws. A count that some train class can't fill gives NaN.
    """
    orders = [
        torch.randperm(len(split[0]), generator=generator).numpy() for split in (train, validation)
    ]
    available = int(np.unique(np.asarray(train[1]), return_counts=True)[1].min())
    rows = []
    for count in per_class:
        if count > available:
            scores = dict.fromkeys(("accuracy", "auroc", "average_precision"), math.nan)
            note = f"a train class has only {available} examples"
            rows.append({"labels_per_class": count, **scores, "note": note})
            continue
        few = [_first(s, o, count) for s, o in zip((train, validation), orders, strict=True)]
        rows.append({"labels_per_class": count, **probe(*few, test)})
    return rows


def probe_over_log_snr(
    probe: Probe,
    representations: Mapping[str, Callable[[float], Triple]],
    labels: Triple,
    times: Sequence[float],
    log_snr: Callable[[float], float],
) -> list[Row]:
    """Run `probe` on each representation at each time t: the code beside θ_t itself, its ceiling.

    representations: name → function of t giving (train, validation, test) arrays (N, ...);
    labels: (train, validation, test), each (N,); log_snr maps t to log SNR, the axis to plot over.
    A best time must be chosen by `validation_accuracy`.
    """
    rows = []
    for t in times:
        for name, codes_at in representations.items():
            flat = [codes.reshape(len(codes), -1) for codes in codes_at(t)]
            splits = tuple(zip(flat, labels, strict=True))
            place = {"representation": name, "t": float(t), "log_snr": float(log_snr(t))}
            rows.append({**place, **probe(*splits)})
    return rows


def pca_codes(train: Array, *others: Array, d: int) -> tuple[np.ndarray, ...]:
    """Project arrays (N, ...) on the first d principal components of `train`, a linear control."""
    flat = [as_codes("pixels", array.reshape(len(array), -1)) for array in (train, *others)]
    if not 1 <= d <= min(flat[0].shape):
        raise ValueError(f"d is {d}; it must lie in 1…{min(flat[0].shape)}")
    examples, pixels = flat[0].shape
    pca = PCA(d, svd_solver="covariance_eigh" if pixels < examples else "full").fit(flat[0])
    return tuple(pca.transform(array) for array in flat)


def control_codes(
    images: Triple, d: int, random_encoder: Callable[[Array], Array]
) -> dict[str, Triple]:
    """Return the codes that every probe table shows beside its own, by name.

    images: (train, validation, test), each (N, ...); d: the size of the code under test;
    random_encoder: images → (N, d), the same architecture with its initial weights.
    """
    return {
        "pixels": tuple(x.reshape(len(x), -1) for x in images),
        f"pca_{d}": pca_codes(*images, d=d),
        "random_encoder": tuple(random_encoder(x) for x in images),
    }


def _first(split: Split, order: np.ndarray, count: int) -> Split:
    """Keep the first `count` examples of each class along `order`."""
    labels = np.asarray(split[1])[order]
    keep = np.concatenate([np.flatnonzero(labels == c)[:count] for c in np.unique(labels)])
    return np.asarray(split[0])[order][keep], labels[keep]


def _probe(
    name: str,
    parameter: str,
    grid: Sequence[float],
    build: Callable[[float], ClassifierMixin],
    splits: tuple[Split, Split, Split],
) -> Row:
    train, validation, test = (
        _checked(*split, split_name)
        for split, split_name in zip(splits, ("train", "validation", "test"), strict=True)
    )
    _require_known(train, validation, test)
    constant = constant_columns(train[0])
    # a dimension that train never varies has no scale: elsewhere it would enter in raw units
    train, validation, test = ((c * ~constant, y) for c, y in (train, validation, test))
    some = slice(None, None, math.ceil(len(train[0]) / COMPARED))
    few = train[0][some], train[1][some]
    models = [_fit(make_pipeline(StandardScaler(), build(value)), few) for value in grid]
    best = int(np.argmax([model.score(*validation) for model, _ in models]))
    model, note = models[best]
    if len(few[0]) < len(train[0]):
        model, note = _fit(make_pipeline(StandardScaler(), build(grid[best])), train)
    if constant.all():
        note = "all codes are constant"
    return {
        "probe": name,
        **_scores(test[1], model.predict_proba(test[0]), model.classes_),
        "floor_accuracy": float((test[1] == np.bincount(train[1]).argmax()).mean()),
        "validation_accuracy": float(model.score(*validation)),
        parameter: grid[best],
        "n_train": len(train[0]),
        "n_validation": len(validation[0]),
        "n_test": len(test[0]),
        "d": train[0].shape[1],
        "classes": len(model.classes_),
        "note": note,
    }


def _checked(codes: Array, labels: Array, split: str) -> tuple[np.ndarray, np.ndarray]:
    codes = as_codes(f"{split} codes", codes)
    return codes, as_labels(f"{split} labels", labels, len(codes))


def _require_known(
    train: tuple[np.ndarray, np.ndarray], *others: tuple[np.ndarray, np.ndarray]
) -> None:
    for codes, labels in others:
        if codes.shape[1] != train[0].shape[1]:
            raise ValueError(f"codes have {codes.shape[1]} and {train[0].shape[1]} dimensions")
        unseen = np.setdiff1d(labels, train[1])
        if len(unseen):
            raise ValueError(
                f"labels {unseen.tolist()} are not in train; train must have each class"
            )


def _fit(
    model: ClassifierMixin, train: tuple[np.ndarray, np.ndarray]
) -> tuple[ClassifierMixin, str]:
    """Fit, and turn a convergence warning into the row's note."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(*train)
    stopped = any(issubclass(warning.category, ConvergenceWarning) for warning in caught)
    return model, "the chosen probe stopped before convergence" if stopped else ""


def _auroc_error(auroc: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """The standard error of the AUROC of each class (K,), over examples (Hanley & McNeil, 1982)."""
    positive = targets.sum(0)
    negative = len(targets) - positive
    pairs = auroc / (2 - auroc), 2 * auroc**2 / (1 + auroc)
    spread = auroc * (1 - auroc) + sum(
        (n - 1) * (pair - auroc**2) for n, pair in zip((positive, negative), pairs, strict=True)
    )
    return np.sqrt(spread.clip(min=0) / (positive * negative))


def _scores(labels: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> Row:
    """Accuracy, macro AUROC and macro average precision over the classes that test has."""
    accuracy = float((classes[probabilities.argmax(1)] == labels).mean())
    one_hot = label_binarize(labels, classes=classes)
    if len(classes) == 2:
        probabilities = probabilities[:, 1:]  # the larger label is the positive class
    present = one_hot.any(0)
    targets, scores = one_hot[:, present], probabilities[:, present]
    auroc = np.atleast_1d(roc_auc_score(targets, scores, average=None))
    return {
        "accuracy": accuracy,
        "accuracy_sem": math.sqrt(accuracy * (1 - accuracy) / len(labels)),
        "auroc": float(auroc.mean()),
        "auroc_sem": float(np.sqrt(np.square(_auroc_error(auroc, targets)).sum()) / len(auroc)),
        "average_precision": float(average_precision_score(targets, scores, average="macro")),
    }
