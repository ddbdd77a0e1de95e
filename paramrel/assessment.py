"""A run under the magnifier: every metric that it admits, with controls, floors and ceilings."""

from functools import partial

import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.data import Dataset, load_dataset
from paramrel.data.subset import subset
from paramrel.evaluation import codes, parts
from paramrel.generation import fixed_noise_decoder, sample, to_pixels
from paramrel.metrics.extractors import Extractor, train_classifier, train_self_supervised
from paramrel.metrics.fidelity import fidelity
from paramrel.metrics.probes import (
    control_codes,
    few_label_curve,
    knn_probe,
    logistic_probe,
    probe_over_log_snr,
)
from paramrel.metrics.smoothness import path_length, path_shape
from paramrel.model import build_model
from paramrel.runs import Run

EXAMPLES = 2000  # of each split, at most
PATH_STEPS = 10  # from one code to another


def probe_table(run: Run) -> pd.DataFrame:
    """Probe the code of s = 1, and beside it pixels, PCA and an encoder that was never trained."""
    data = _data(run)
    representations = {"code": _codes(run, 1.0)} | control_codes(
        _splits(run), run.model.params.code_dim, partial(_random_codes, run, data)
    )
    rows = []
    for name, features in representations.items():
        triples = tuple(zip(features, _labels(data), strict=True))
        for probe in (logistic_probe, knn_probe):
            rows.append({"representation": name} | probe(*triples))
    return pd.DataFrame(rows)


def probes_over_snr(run: Run, times: tuple[float, ...]) -> pd.DataFrame:
    """Probe the code of time t and θ_t itself, over the log signal-to-noise ratio of t."""
    flow = run.model.flow

    def theta(t: float) -> tuple[Tensor, ...]:
        generator = Generator().manual_seed(run.seed)
        return tuple(_theta_features(run, x, t, generator) for x in _splits(run))

    return pd.DataFrame(
        probe_over_log_snr(
            logistic_probe,
            {"code": partial(_codes, run), "θ": theta},
            _labels(_data(run)),
            times,
            lambda t: flow.log_snr(torch.tensor([t])).item(),
        )
    )


def few_labels(run: Run, per_class: tuple[int, ...]) -> pd.DataFrame:
    """Probe the code of s = 1, and pixels, with only so many labels a class."""
    data, rows = _data(run), []
    pixels = tuple(to_pixels(x).flatten(1) for x in _splits(run))
    for name, features in {"code": _codes(run, 1.0), "pixels": pixels}.items():
        triples = zip(features, _labels(data), strict=True)
        generator = Generator().manual_seed(run.seed)
        curve = few_label_curve(logistic_probe, *triples, generator, per_class)
        rows += [{"representation": name} | row for row in curve]
    return pd.DataFrame(rows)


def extractors(data: Dataset, seed: int, steps: int) -> tuple[Extractor, Extractor]:
    """Train a classifier and a self-supervised extractor on the training split."""
    images = to_pixels(data.train.x)
    classifier = train_classifier(
        images, data.train.labels, Generator().manual_seed(seed), steps=steps
    )
    return classifier, train_self_supervised(images, Generator().manual_seed(seed), steps)


def fidelity_table(run: Run, judges: tuple[Extractor, ...], steps: int) -> pd.DataFrame:
    """Compare as many samples as there are test images with them, for each sampler and extractor.

    Codes that are read anew at every step, where they are read from θ, and codes from the prior;
    steps: of the sampler.
    """
    data, rows = _data(run), []
    train, test = to_pixels(data.train.x), to_pixels(data.test.x)
    for code in run.model.method.samplers:
        generator = Generator().manual_seed(run.seed)
        images = to_pixels(sample(run.model, len(test), steps, generator, code))
        for judge in judges:
            rows.append({"code": code} | fidelity(judge, images, train, test, generator))
    return pd.DataFrame(rows)


def smoothness_row(run: Run, judges: tuple[Extractor, ...], pairs: int, steps: int) -> dict:
    """Walk between the codes of pairs of test images, the sampling noise held fixed."""
    classifier, features = judges
    z = torch.as_tensor(_codes(run, 1.0)[2])
    start, end = z[:pairs], z[pairs : 2 * pairs]
    generator = Generator().manual_seed(run.seed)
    decoder = fixed_noise_decoder(run.model, steps, generator)
    return path_length(decoder, features, start, end, generator) | path_shape(
        decoder, features, classifier, start, end, PATH_STEPS
    )


def _data(run: Run) -> Dataset:
    return subset(load_dataset(run.dataset), EXAMPLES)


def _splits(run: Run) -> tuple[Tensor, ...]:
    return tuple(part.x for part in parts(_data(run)))


def _labels(data: Dataset) -> tuple[Tensor, ...]:
    return tuple(part.labels for part in parts(data))


def _codes(run: Run, t: float) -> tuple[Tensor, ...]:
    generator = Generator().manual_seed(run.seed)
    return tuple(codes(run.model, x, t, generator).mean for x in _splits(run))


def _random_codes(run: Run, data: Dataset, x: Tensor) -> Tensor:
    """Codes (N, d) of an encoder with its initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        untrained = build_model(run.method, data, run.model.params)
    return codes(untrained, x, 1.0, Generator().manual_seed(run.seed)).mean


def _theta_features(run: Run, x: Tensor, t: float, generator: Generator) -> Tensor:
    """What the self-encoder sees of θ_t: (N, features)."""
    times = torch.full((len(x),), t)
    flow = run.model.flow
    theta = flow.sample_theta(x, times, generator=generator)
    return flow.network_input(theta, times).flatten(1)
