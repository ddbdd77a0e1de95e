"""A run under the magnifier: every metric that it admits, with controls, floors and ceilings."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import torch
from torch import Generator, Tensor
from tqdm import tqdm

from paramrel.data import Dataset
from paramrel.data.arrays import Array
from paramrel.data.fields import Data, count
from paramrel.data.subset import subset
from paramrel.measures.codes import Splits, code_splits, splits
from paramrel.measures.config import QualityParams
from paramrel.metrics.extractors import Extractor, train_classifier, train_self_supervised
from paramrel.metrics.fidelity import Reference, fidelity_of_features, reference
from paramrel.metrics.information import coding_rate
from paramrel.metrics.probes import (
    control_codes,
    few_label_curve,
    knn_probe,
    logistic_probe,
    mlp_probe,
    probe_over_log_snr,
)
from paramrel.metrics.reconstruction import perceptual_distance, reconstruction
from paramrel.metrics.smoothness import path_length, path_shape
from paramrel.models.autoencoder import sample_code
from paramrel.models.batches import in_batches
from paramrel.models.build import build_model
from paramrel.models.encoding import mean_code, posterior
from paramrel.models.information import aggregate_information
from paramrel.runs.run import Run
from paramrel.tasks.latent_prior import code_source
from paramrel.tasks.reconstruction import reconstruct_from_code
from paramrel.tasks.sampling import fixed_noise_decoder, sample, to_pixels

EXAMPLES = 2000  # of each split, at most, for curves and paths
DRAWN = 125  # images at once, at most: their noise is drawn in such batches


PATH_STEPS = 10  # from one code to another


Judges = tuple[Extractor, ...]


Row = dict[str, float | int | str]


def assess(
    run: Run, data: Dataset, judges: Judges, params: QualityParams, progress: bool = True
) -> dict[str, pd.DataFrame]:
    """Return every table that a run admits, by name; without a code, its samples alone.

    data: the run's data set, cut to the examples that are to be measured. judges: `extractors`.
    """
    tables = {
        "samples": lambda: fidelity_table(run, data, references(data, judges, params), params),
    }
    if run.model.encoder is not None:
        tables |= {
            "information": lambda: pd.DataFrame([information_row(run, data)]),
            "probes": partial(probe_table, run, data),
            "few labels": partial(few_labels, run, data, params.few_labels),
            "log SNR": partial(probes_over_snr, run, data, params.snr_times),
            "reconstruction": lambda: pd.DataFrame([reconstruction_row(run, data, judges, params)]),
            "paths": lambda: pd.DataFrame(
                [smoothness_row(run, data, judges, params.pairs, params.sampling_steps)]
            ),
        }
    bar = tqdm(tables.items(), run.key, disable=not progress)
    return {name: measure() for name, measure in bar}


def information_row(run: Run, data: Dataset) -> Row:
    """Return what the code of s = 1 of the test split holds, in nats.

    A deterministic code has no finite information: its coding rate alone.
    """
    generator = run.model.generator(run.seed)
    code = posterior(run.model, data.test.x, 1.0, generator)
    row = {"coding_rate": coding_rate(code.mean)}
    if run.model.method.stochastic:
        z = sample_code(code, generator)
        row |= aggregate_information(code.mean, code.stddev.log(), z)
    return row


def probe_table(run: Run, data: Dataset) -> pd.DataFrame:
    """Probe the code of s = 1, and beside it pixels, PCA and an encoder that was never trained."""
    mlp = partial(mlp_probe, generator=Generator().manual_seed(run.seed))
    rows = []
    for name, features in representations(run, data).items():
        triples = tuple(zip(features, _labels(data), strict=True))
        for probe in (logistic_probe, knn_probe, mlp):
            rows.append({"representation": name} | probe(*triples))
    return pd.DataFrame(rows)


def representations(run: Run, data: Dataset) -> dict[str, tuple[Tensor, ...]]:
    """Return the codes of s = 1 of the three splits and their controls, each (N, d), by name."""
    return {"code": code_splits(run.model, data, 1.0, run.seed)} | control_splits(run, data)


def control_splits(run: Run, data: Dataset) -> dict[str, tuple[Array, ...]]:
    """Return the controls of a run's code, each (N, d) for the three splits, by name.

    `pixels` and `pca_<d>` depend on the data alone, `random_encoder` on the run's seed and method.
    """
    size, random_codes = run.model.params.code_dim, partial(_random_codes, run)
    images = tuple(split.x for split in splits(data))
    return control_codes(images, size, random_codes)


def random_splits(run: Run, data: Dataset) -> dict[str, tuple[Tensor, ...]]:
    """Return the control `random_encoder` alone, which another seed of a data set asks for."""
    return {"random_encoder": tuple(_random_codes(run, split.x) for split in splits(data))}


def probes_over_snr(run: Run, data: Dataset, times: tuple[float, ...]) -> pd.DataFrame:
    """Probe the code of time t, over the log signal-to-noise ratio of t.

    Beside a code of θ, θ_t itself and an encoder that was never trained; one of x does not change.
    Of 2,000 examples of each split at most, for every time encodes them anew; n_train and n_test of
    a row say how many.
    """
    flow, data = run.model.flow, subset(data, EXAMPLES)

    def code(t: float) -> Splits:
        return code_splits(run.model, data, t, run.seed)

    def theta(t: float) -> Splits:
        generator = run.model.generator(run.seed)
        return tuple(_theta_features(run, split.x, t, generator) for split in splits(data))

    def random_codes(t: float) -> Splits:
        return tuple(_random_codes(run, split.x, t) for split in splits(data))

    beside = {"θ": theta, "random encoder": random_codes} if run.model.method.reads_theta else {}
    return pd.DataFrame(
        probe_over_log_snr(
            logistic_probe,
            {"code": code} | beside,
            _labels(data),
            times,
            lambda t: flow.log_snr(torch.tensor([t])).item(),
        )
    )


def few_labels(run: Run, data: Dataset, per_class: tuple[int, ...]) -> pd.DataFrame:
    """Probe the code of s = 1, and pixels, with only so many labels a class."""
    rows = []
    pixels = tuple(to_pixels(split.x).flatten(1) for split in splits(data))
    codes = code_splits(run.model, data, 1.0, run.seed)
    for name, features in {"code": codes, "pixels": pixels}.items():
        triples = zip(features, _labels(data), strict=True)
        generator = Generator().manual_seed(run.seed)
        curve = few_label_curve(logistic_probe, *triples, generator, per_class)
        rows += [{"representation": name} | row for row in curve]
    return pd.DataFrame(rows)


def extractors(data: Dataset, seed: int, steps: int) -> tuple[Extractor, Extractor]:
    """Train a classifier and a self-supervised extractor on the training split."""
    x, labels = data.train.x, data.train.labels
    classifier = train_classifier(x, labels, Generator().manual_seed(seed), steps=steps)
    return classifier, train_self_supervised(x, Generator().manual_seed(seed), steps)


def references(data: Dataset, judges: Judges, params: QualityParams) -> list[Reference]:
    """Return what samples of all the runs of a data set are compared with, one a judge."""
    train, test = (to_pixels(part.x[: params.samples]) for part in (data.train, data.test))
    return [reference(judge, train, test, Generator().manual_seed(0)) for judge in judges]


def fidelity_table(
    run: Run, data: Dataset, known: Sequence[Reference], params: QualityParams
) -> pd.DataFrame:
    """Compare samples with as many test images, for each sampler and each of `references`.

    data: whose training codes a prior is learned of, where the method needs one.
    """
    rows = []
    for name in run.model.method.samplers:
        code = code_source(run.model, name, data.train.x, run.seed, params.prior_steps)
        generator = run.model.generator(run.seed)
        number, size, found = len(known[0].real), _at_once(run), []
        for start in range(0, number, size):
            few = min(size, number - start)
            x = to_pixels(sample(run.model, few, params.sampling_steps, generator, code))
            found.append([of_test.extractor.features(x) for of_test in known])
        features = map(np.concatenate, zip(*found, strict=True))
        for pair in zip(known, features, strict=True):
            rows.append({"code": name} | fidelity_of_features(*pair, generator))
    return pd.DataFrame(rows)


def reconstruction_row(run: Run, data: Dataset, judges: Judges, params: QualityParams) -> Row:
    """Score what comes back of the first test images from the code of s = 1 alone, noise fresh."""
    x, generator = data.test.x[: params.samples], run.model.generator(run.seed)
    again = [
        reconstruct_from_code(run.model, batch, params.sampling_steps, generator).images
        for batch in x.split(_at_once(run))
    ]
    images, others = to_pixels(x), to_pixels(torch.cat(again))
    row = reconstruction(images, {"code": (others, run.model.params.code_dim)})
    for judge in judges:
        scores = perceptual_distance(judge, images, others)
        row |= {scores["metric"]: scores["pd"], f"{scores['metric']}_ceiling": scores["pd_ceiling"]}
    return row


def smoothness_row(run: Run, data: Dataset, judges: Judges, pairs: int, steps: int) -> dict:
    """Walk between the codes of pairs of test images, the sampling noise held fixed."""
    classifier, features = judges
    z = code_splits(run.model, subset(data, EXAMPLES), 1.0, run.seed)[2]
    start, end = z[:pairs], z[pairs : 2 * pairs]
    generator = run.model.generator(run.seed)
    decoder = fixed_noise_decoder(run.model, steps, generator)
    return path_length(decoder, features, start, end, generator) | path_shape(
        decoder, features, classifier, start, end, PATH_STEPS
    )


def _labels(data: Dataset) -> tuple[Tensor, ...]:
    return tuple(split.labels for split in splits(data))


def _random_codes(run: Run, x: Tensor, s: float = 1.0) -> Tensor:
    """Codes (N, d) of time s of an encoder with its initial weights."""
    model = run.model
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        untrained = build_model(run.method, model.variables, model.params).to(model.device)
    return mean_code(untrained, x, s, untrained.generator(run.seed))


def _theta_features(run: Run, x: Data, t: float, generator: Generator) -> Tensor:
    """What the self-encoder sees of θ_t: (N, features)."""
    model = run.model

    def seen(x: Data) -> Tensor:
        times = torch.full((count(x),), t, device=model.device)
        theta = model.flow.sample_theta(model.to_flow(x), times, generator=generator)
        return model.flow.network_input(theta, times).flatten(1)

    return in_batches(model, seen, x)


def _at_once(run: Run) -> int:
    return min(DRAWN, run.model.batch_size)
