"""How close generated images are to real ones, in the features of a named extractor."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from paramrel.data.arrays import Array, Row, as_labels, require_images
from paramrel.data.fields import batches
from paramrel.metrics.extractors import AT_ONCE, Classifier, Extractor
from paramrel.metrics.table import Features, scores


@dataclass(frozen=True)
class Reference:
    """Test images in the features of an extractor, and the distances that frame those of samples.

    real: (N, d). ends: the distances of training images, `…_floor`, and of noise, `…_ceiling`.
    """

    extractor: Extractor
    real: np.ndarray
    ends: Row


def reference(
    extractor: Extractor, train: Tensor, test: Tensor, generator: torch.Generator
) -> Reference:
    """Return what samples are compared with; one serves all the samples of a data set.

    train, test: (N, C, H, W) in [-1, 1], both cut to the smaller N. The noise is the test images
    with all the pixel values of a batch shuffled.
    """
    require_images(train=train, test=test)
    n = min(len(train), len(test))
    size = max(AT_ONCE // test[0].numel(), 1)
    noise = [extractor.features(_shuffled(x, generator)) for x in batches(test[:n], size)]
    real, ends = extractor.features(test[:n]), {}
    frame = {"_floor": extractor.features(train[:n]), "_ceiling": np.concatenate(noise)}
    for suffix, features in frame.items():
        found = scores("features", Features(features, real, generator))
        ends |= {f"{key}{suffix}": value for key, value in found.items()}
    return Reference(extractor, real, ends)


def fidelity(reference: Reference, generated: Tensor, generator: torch.Generator) -> Row:
    """Compare generated images with test ones, between a floor (train) and a ceiling (noise).

    generated: (N, C, H, W) in [-1, 1], cut to the N of the reference, for distances compare at
    equal N only; ValueError for fewer. The row's `metric` names extractor and N:
    `fd[classifier]@10000`, or `fid_inception_tf1@10000` for Inception alone.
    """
    require_images(generated=generated)
    features = reference.extractor.features(generated[: len(reference.real)])
    return fidelity_of_features(reference, features, generator)


def fidelity_of_features(reference: Reference, features: Array, generator: torch.Generator) -> Row:
    """Return `fidelity` of images whose features (N, d) one already has, of the same extractor."""
    extractor, (n, d) = reference.extractor, reference.real.shape
    if len(features) < n:
        raise ValueError(f"generated has {len(features)} images; the reference needs {n}")
    prefix = "fid_{}" if extractor.name.startswith("inception") else "fd[{}]"
    return {
        "metric": f"{prefix.format(extractor.name)}@{n}",
        "extractor_sha256": extractor.sha256,
        "reference": "test",
        "n": n,
        "d": d,
        **scores("features", Features(features[:n], reference.real, generator)),
        **reference.ends,
    }


def conditional_fidelity(
    judge: Classifier,
    extractor: Extractor,
    generated: Tensor,
    labels: Array,
    test: Tensor,
    test_labels: Array,
) -> Row:
    """Score whether images show the class asked for, and vary within it as real ones do.

    judge: a classifier that is not `extractor`; images: (N, C, H, W) in [-1, 1]; labels: (N,).
    `accuracy` lies between `accuracy_floor`, the share of the commonest class asked for, and about
    `accuracy_real`, that of test images. `diversity` is the mean over classes of the root total
    variance of the judge's features, relative to test images: floor 0, one image a class; theirs 1.
    """
    if judge.sha256 == extractor.sha256:
        raise ValueError("judge is the extractor itself; it must be another network")
    labels = as_labels("labels", labels, len(generated))
    test_labels = as_labels("test_labels", test_labels, len(test))
    return {
        "judge_sha256": judge.sha256,
        "accuracy": float((judge.predict(generated) == labels).mean()),
        "accuracy_floor": float(np.unique(labels, return_counts=True)[1].max() / len(labels)),
        "accuracy_real": float((judge.predict(test) == test_labels).mean()),
        "diversity": _spread(judge, generated, labels) / _spread(judge, test, test_labels),
        "n": len(generated),
        "n_test": len(test),
    }


def _shuffled(images: Tensor, generator: torch.Generator) -> Tensor:
    order = torch.randperm(images.numel(), generator=generator, device=generator.device)
    return images.flatten()[order.to(images.device)].view_as(images)


def _spread(judge: Classifier, images: Tensor, labels: np.ndarray) -> float:
    features = judge.features(images)
    counts = np.unique(labels, return_counts=True)[1]
    if counts.min() < 2:
        raise ValueError(f"a class has {counts.min()} images; its spread needs at least 2")
    groups = (features[labels == c] for c in np.unique(labels))
    return float(np.mean([math.sqrt(group.var(0, ddof=1).sum()) for group in groups]))
