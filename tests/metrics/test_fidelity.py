import hashlib

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from sklearn.datasets import load_digits
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.kid import KernelInceptionDistance

from paramrel.metrics import extractors
from paramrel.metrics.distances import (
    frechet_distance,
    frechet_infinity,
    kernel_distance,
    precision_recall,
)
from paramrel.metrics.extractors import (
    Extractor,
    inception_extractor,
    random_extractor,
    require_sha256,
    train_classifier,
    train_self_supervised,
    weights_sha256,
)
from paramrel.metrics.fidelity import conditional_fidelity, fidelity, reference

RNG = np.random.default_rng(0)
FIRST, SECOND = RNG.standard_normal((400, 8)), 1.5 * RNG.standard_normal((300, 8)) + 0.5
IMAGES, LABELS = load_digits(return_X_y=True)
IMAGES = torch.tensor(IMAGES / 8 - 1).float().view(-1, 1, 8, 8)
TRAIN, TEST = IMAGES[:1200], IMAGES[1200:]


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


class Identity(nn.Module):
    """Features that are the pixels, in the form that torchmetrics wants."""

    num_features = 8

    def forward(self, images):
        return images.flatten(1)


def test_frechet_distance_is_the_published_formula_and_that_of_torchmetrics():
    means, covariances = zip(*((f.mean(0), np.cov(f.T)) for f in (FIRST, SECOND)), strict=True)
    trace = np.trace(covariances[0] + covariances[1] - 2 * sqrtm(covariances[0] @ covariances[1]))
    expected = ((means[0] - means[1]) ** 2).sum() + trace.real
    assert frechet_distance(FIRST, SECOND) == pytest.approx(expected)
    metric = FrechetInceptionDistance(Identity(), normalize=True).set_dtype(torch.float64)
    for features, real in ((FIRST, True), (SECOND, False)):
        metric.update(torch.tensor(features).view(-1, 1, 1, 8), real=real)
    assert frechet_distance(FIRST, SECOND) == pytest.approx(float(metric.compute()), rel=1e-5)


def test_frechet_distance_of_a_shift_and_a_scale_is_closed():
    assert frechet_distance(FIRST, FIRST) == pytest.approx(0, abs=1e-10)
    assert frechet_distance(FIRST, FIRST + 2) == pytest.approx(8 * 4)
    variance = FIRST.var(0, ddof=1).sum()
    centred = FIRST - FIRST.mean(0)
    assert frechet_distance(centred, 3 * centred) == pytest.approx(4 * variance)


@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_extrapolation_removes_the_bias_that_grows_as_one_over_n(scale):
    exact = 16 * (scale - 1) ** 2
    pairs = [RNG.standard_normal((2, 1000, 16)) * [[[1]], [[scale]]] for _ in range(20)]
    biased = np.mean([frechet_distance(*pair) for pair in pairs]) - exact
    values, errors = zip(*(frechet_infinity(*pair, generator()) for pair in pairs), strict=True)
    assert biased > 0.15
    assert abs(np.mean(values) - exact) < 0.05
    assert all(0 < error < 0.2 for error in errors)


@pytest.mark.filterwarnings("ignore:Metric .Kernel Inception Distance. will save:UserWarning")
def test_kernel_distance_averages_to_the_unbiased_estimate_of_torchmetrics():
    metric = KernelInceptionDistance(Identity(), subsets=1, subset_size=300, normalize=True)
    for features, real in ((FIRST[:300], True), (SECOND, False)):
        metric.update(torch.tensor(features).view(-1, 1, 1, 8), real=real)
    value, error = kernel_distance(FIRST[:300], SECOND, generator(), subsets=400)
    assert value == pytest.approx(float(metric.compute()[0]), abs=4 * error)


def test_kernel_distance_of_equal_distributions_is_zero_on_average_even_for_few_examples():
    pairs = RNG.standard_normal((1000, 2, 20, 8))
    same = [kernel_distance(*pair, generator(), subsets=5)[0] for pair in pairs]
    other = [kernel_distance(a, b + 0.5, generator(), subsets=5)[0] for a, b in pairs[:100]]
    assert abs(np.mean(same)) < np.mean(other) / 20


def test_precision_and_recall_are_those_of_brute_force():
    real, generated = FIRST[:60], SECOND[:50]

    def share(points, centres):
        apart = np.linalg.norm(centres[:, None] - centres, axis=2)
        radii = np.sort(apart, axis=1)[:, 3]
        reach = np.linalg.norm(points[:, None] - centres, axis=2) <= radii
        return reach.any(1).mean()

    expected = share(generated, real), share(real, generated)
    assert precision_recall(real, generated) == pytest.approx(expected)


def test_dropped_modes_lower_recall_alone_and_noise_lowers_precision_alone():
    modes = RNG.standard_normal((400, 2)) + 100 * np.arange(4)[:, None].repeat(100, 0)
    assert precision_recall(modes, modes) == (1, 1)
    precision, recall = precision_recall(modes, modes[:200])
    assert precision == 1 and recall == 0.5
    precision, recall = precision_recall(modes, np.concatenate([modes, modes + 1000]))
    assert precision == 0.5 and recall == 1
    assert precision_recall(modes, modes + 5000) == (0, 0)


@pytest.fixture(scope="module")
def judge():
    return train_classifier(TRAIN, torch.tensor(LABELS[:1200]), generator(1), "judge", steps=200)


@pytest.fixture(scope="module")
def extractor():
    return train_self_supervised(TRAIN, generator(), steps=100)


def test_fidelity_lies_between_train_images_and_noise_and_its_name_says_extractor_and_n(extractor):
    blurred = nn.functional.avg_pool2d(TRAIN[600:1197], 3, 1, 1)
    row = fidelity(reference(extractor, TRAIN, TEST, generator()), blurred, generator())
    assert row["metric"] == "fd[self_supervised]@597"
    assert row["extractor_sha256"] == extractor.sha256
    for key in ("frechet", "frechet_infinity", "kernel"):
        assert row[f"{key}_floor"] < row[key] < row[f"{key}_ceiling"]
    assert row["precision_ceiling"] < row["precision"] < row["precision_floor"]


def test_real_images_score_like_the_floor_and_each_set_is_cut_to_the_smallest():
    pixels = Extractor("pixels", lambda x: x.flatten(1)[:, 20:28], "")
    known = reference(pixels, TRAIN, TEST, generator())
    row = fidelity(known, TRAIN, generator())
    expected = frechet_distance(pixels.features(TRAIN[:597]), pixels.features(TEST))
    assert row["frechet"] == row["frechet_floor"] == pytest.approx(expected)
    with pytest.raises(ValueError, match="generated has 596 images; the reference needs 597"):
        fidelity(known, TRAIN[:596], generator())


def test_a_trained_classifier_reads_digits_that_it_has_not_seen(judge):
    assert (judge.predict(TEST) == LABELS[1200:]).mean() > 0.85


def test_training_without_labels_beats_the_untrained_network_at_telling_digits_apart(extractor):
    def neighbours_agree(extractor):
        features = extractor.features(TEST)
        features = features / np.linalg.norm(features, axis=1, keepdims=True)
        similarity = features @ features.T - 2 * np.eye(len(features))
        return (LABELS[1200:][similarity.argmax(1)] == LABELS[1200:]).mean()

    assert neighbours_agree(extractor) > neighbours_agree(random_extractor(TEST, generator()))


def test_an_extractor_follows_its_generator_and_its_hash_names_its_weights():
    torch.manual_seed(0)
    before = torch.random.get_rng_state()
    first, again, other = (random_extractor(TEST, generator(s)) for s in (0, 0, 1))
    assert first.sha256 == again.sha256 == weights_sha256(again.network) != other.sha256
    np.testing.assert_array_equal(first.features(TEST), again.features(TEST))
    assert torch.equal(before, torch.random.get_rng_state())


def test_conditional_accuracy_and_diversity_frame_real_swapped_and_repeated_images(
    judge, extractor
):
    def score(images, labels):
        return conditional_fidelity(judge, extractor, images, labels, TEST, LABELS[1200:])

    real = score(TEST, LABELS[1200:])
    assert real["diversity"] == pytest.approx(1)
    assert real["accuracy"] == real["accuracy_real"] > 0.85
    assert score(TEST, (LABELS[1200:] + 1) % 10)["accuracy"] < 0.1
    examples = [TEST[LABELS[1200:] == c][:1] for c in range(10)]
    repeated = score(torch.cat(examples).repeat(5, 1, 1, 1), np.tile(np.arange(10), 5))
    assert repeated["diversity"] == pytest.approx(0, abs=1e-5)
    assert repeated["accuracy_floor"] == pytest.approx(0.1)


def test_inception_is_loaded_from_a_pinned_file_and_given_bytes_in_three_channels(
    tmp_path, monkeypatch
):
    def network(name, features, path):
        assert (name, features, path) == ("inception-v3-compat", ["2048"], str(weights))
        return lambda pixels: pixels.flatten(1)

    weights = tmp_path / "weights.pth"
    weights.write_bytes(b"weights")
    monkeypatch.setattr(extractors, "NoTrainInceptionV3", network)
    inception = inception_extractor(weights, hashlib.sha256(b"weights").hexdigest())
    features = inception.features(torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3))
    assert features.tolist() == [[0, 128, 255] * 3]
    few = Extractor(inception.name, lambda x: x.flatten(1)[:, 20:28], "")
    row = fidelity(reference(few, TRAIN, TEST, generator()), TRAIN, generator())
    assert row["metric"] == "fid_inception_tf1@597"


def test_a_missing_or_changed_weight_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no such file, and nothing is downloaded"):
        inception_extractor(tmp_path / "absent.pth", "0")
    (tmp_path / "changed.pth").write_bytes(b"other")
    with pytest.raises(ValueError, match="the pinned one is 0"):
        require_sha256(tmp_path / "changed.pth", "0")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: frechet_distance(FIRST[:8], SECOND), "8 examples for 8 features"),
        (lambda: frechet_distance(FIRST[:, :3], SECOND), "3 and 8 dimensions"),
        (lambda: frechet_distance(FIRST * np.nan, SECOND), "NaN"),
        (lambda: frechet_infinity(FIRST[:32], SECOND, generator()), "36 are needed"),
        (lambda: kernel_distance(FIRST[:3], SECOND, generator()), "at least 4"),
        (lambda: precision_recall(FIRST[:3], SECOND), "at least 4"),
        (lambda: random_extractor(TEST, generator()).features(TEST * 2), r"must lie in \[-1, 1\]"),
        (lambda: random_extractor(TEST, generator()).features(TEST * np.nan), "must lie in"),
        (lambda: train_self_supervised(TEST[:, 0], generator()), r"must be \(N, C, H, W\)"),
        (lambda: train_classifier(TEST, torch.zeros(3), generator()), "one per example"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_judge_that_is_the_extractor_and_a_class_of_one_image_are_refused(judge, extractor):
    with pytest.raises(ValueError, match="must be another network"):
        conditional_fidelity(judge, judge, TEST, LABELS[1200:], TEST, LABELS[1200:])
    with pytest.raises(ValueError, match="at least 2"):
        conditional_fidelity(judge, extractor, TEST[:2], [0, 1], TEST, LABELS[1200:])
