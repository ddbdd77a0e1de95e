"""A run under the magnifier: every metric that it admits, with controls, floors and ceilings."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pandas as pd
import torch
from torch import Generator, Tensor
from tqdm import tqdm

from paramrel.data import Dataset, load_dataset
from paramrel.data.arrays import Array
from paramrel.data.subset import subset
from paramrel.measures.codes import BATCH, code_splits, mean_codes, parts, posteriors, splits
from paramrel.measures.config import QualityParams
from paramrel.metrics.extractors import Extractor, train_classifier, train_self_supervised
from paramrel.metrics.fidelity import Reference, fidelity, reference
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
from paramrel.models.build import build_model
from paramrel.models.information import aggregate_information
from paramrel.runs.run import Run
from paramrel.tasks.reconstruction import reconstruct_from_code
from paramrel.tasks.sampling import fixed_noise_decoder, sample, to_pixels

EXAMPLES = 2000  # of each split, at most, for curves and paths


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
        "samples": lambda: fidelity_table(run, references(data, judges, params), params),
    }
    if run.model.encoder is not None:
        tables |= {
            "information": lambda: pd.DataFrame([information_row(run, data)]),
            "probes": partial(probe_table, run, data),
            "few labels": partial(few_labels, run, data, params.few_labels),
            "log SNR": partial(probes_over_snr, run, data, params.snr_times),
            "reconstruction": lambda: pd.DataFrame([reconstruction_row(run, data, judges, params)]),
            "paths": lambda: pd.DataFrame(
                [smoothness_row(run, judges, params.pairs, params.sampling_steps)]
            ),
        }
    bar = tqdm(tables.items(), run.key, disable=not progress)
    return {name: measure() for name, measure in bar}


def information_row(run: Run, data: Dataset) -> Row:
    """Return what the code of s = 1 of the test split holds, in nats.

    A deterministic code has no finite information: its coding rate alone.
    """
    generator = Generator().manual_seed(run.seed)
    posterior = posteriors(run, data.test.x, 1.0, generator)
    row = {"coding_rate": coding_rate(posterior.mean)}
    if run.model.method.stochastic:
        z = sample_code(posterior, generator)
        row |= aggregate_information(posterior.mean, posterior.stddev.log(), z)
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
    return {"code": code_splits(run, data, 1.0)} | control_splits(run, data)


def control_splits(run: Run, data: Dataset) -> dict[str, tuple[Array, ...]]:
    """Return the controls of a run's code, each (N, d) for the three splits, by name.

    `pixels` and `pca_<d>` depend on the data alone, `random_encoder` on the run's seed and method.
    """
    size, random_codes = run.model.params.code_dim, partial(_random_codes, run, data)
    return control_codes(splits(data), size, random_codes)


def random_splits(run: Run, data: Dataset) -> dict[str, tuple[Tensor, ...]]:
    """Return the control `random_encoder` alone, which another seed of a data set asks for."""
    return {"random_encoder": tuple(_random_codes(run, data, x) for x in splits(data))}


def probes_over_snr(run: Run, data: Dataset, times: tuple[float, ...]) -> pd.DataFrame:
    """Probe the code of time t and θ_t itself, over the log signal-to-noise ratio of t.

    Of 2,000 examples of each split at most, for every time encodes them anew; n_train and n_test of
    a row say how many.
    """
    flow, data = run.model.flow, subset(data, EXAMPLES)

    def theta(t: float) -> tuple[Tensor, ...]:
        generator = Generator().manual_seed(run.seed)
        return tuple(_theta_features(run, x, t, generator) for x in splits(data))

    return pd.DataFrame(
        probe_over_log_snr(
            logistic_probe,
            {"code": partial(code_splits, run, data), "θ": theta},
            _labels(data),
            times,
            lambda t: flow.log_snr(torch.tensor([t])).item(),
        )
    )


def few_labels(run: Run, data: Dataset, per_class: tuple[int, ...]) -> pd.DataFrame:
    """Probe the code of s = 1, and pixels, with only so many labels a class."""
    rows = []
    pixels = tuple(to_pixels(x).flatten(1) for x in splits(data))
    for name, features in {"code": code_splits(run, data, 1.0), "pixels": pixels}.items():
        triples = zip(features, _labels(data), strict=True)
        generator = Generator().manual_seed(run.seed)
        curve = few_label_curve(logistic_probe, *triples, generator, per_class)
        rows += [{"representation": name} | row for row in curve]
    return pd.DataFrame(rows)


def extractors(data: Dataset, seed: int, steps: int) -> tuple[Extractor, Extractor]:
    """Train a classifier and a self-supervised extractor on the training split."""
    images = to_pixels(data.train.x[:])
    classifier = train_classifier(
        images, data.train.labels, Generator().manual_seed(seed), steps=steps
    )
    return classifier, train_self_supervised(images, Generator().manual_seed(seed), steps)


def references(data: Dataset, judges: Judges, params: QualityParams) -> list[Reference]:
    """Return what samples of all the runs of a data set are compared with, one a judge."""
    train, test = (to_pixels(part.x[: params.samples]) for part in (data.train, data.test))
    return [reference(judge, train, test, Generator().manual_seed(0)) for judge in judges]


def fidelity_table(run: Run, known: Sequence[Reference], params: QualityParams) -> pd.DataFrame:
    """Compare samples with as many test images, for each sampler and each of `references`.

    Codes that are read anew at every step, where they are read from θ, and codes from the prior.
    """
    rows = []
    for code in run.model.method.samplers:
        generator = Generator().manual_seed(run.seed)
        number = len(known[0].real)
        images = sample_in_batches(run, number, params.sampling_steps, generator, code)
        rows += [{"code": code} | fidelity(each, images, generator) for each in known]
    return pd.DataFrame(rows)


def sample_in_batches(run: Run, number: int, steps: int, generator: Generator, code: str) -> Tensor:
    """Return images (number, C, H, W) in [-1, 1] of one of the method's samplers."""
    sizes = [min(BATCH, number - start) for start in range(0, number, BATCH)]
    batches = [sample(run.model, size, steps, generator, code) for size in sizes]
    return to_pixels(torch.cat(batches))


def reconstruction_row(run: Run, data: Dataset, judges: Judges, params: QualityParams) -> Row:
    """Score what comes back of the first test images from the code of s = 1 alone, noise fresh."""
    x, generator = data.test.x[: params.samples], Generator().manual_seed(run.seed)
    again = [
        reconstruct_from_code(run.model, batch, params.sampling_steps, generator).images
        for batch in x.split(BATCH)
    ]
    images, others = to_pixels(x), to_pixels(torch.cat(again))
    row = reconstruction(images, {"code": (others, run.model.params.code_dim)})
    for judge in judges:
        scores = perceptual_distance(judge, images, others)
        row |= {scores["metric"]: scores["pd"], f"{scores['metric']}_ceiling": scores["pd_ceiling"]}
    return row


def smoothness_row(run: Run, judges: Judges, pairs: int, steps: int) -> dict:
    """Walk between the codes of pairs of test images, the sampling noise held fixed."""
    classifier, features = judges
    z = torch.as_tensor(code_splits(run, subset(load_dataset(run.dataset), EXAMPLES), 1.0)[2])
    start, end = z[:pairs], z[pairs : 2 * pairs]
    generator = Generator().manual_seed(run.seed)
    decoder = fixed_noise_decoder(run.model, steps, generator)
    return path_length(decoder, features, start, end, generator) | path_shape(
        decoder, features, classifier, start, end, PATH_STEPS
    )


def _labels(data: Dataset) -> tuple[Tensor, ...]:
    return tuple(part.labels for part in parts(data))


def _random_codes(run: Run, data: Dataset, x: Tensor) -> Tensor:
    """Codes (N, d) of an encoder with its initial weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        untrained = replace(run, model=build_model(run.method, data.variables, run.model.params))
    return mean_codes(untrained, x, 1.0, Generator().manual_seed(run.seed))


def _theta_features(run: Run, x: Tensor, t: float, generator: Generator) -> Tensor:
    """What the self-encoder sees of θ_t: (N, features)."""
    times = torch.full((len(x),), t)
    flow = run.model.flow
    theta = flow.sample_theta(run.model.to_flow(x), times, generator=generator)
    return flow.network_input(theta, times).flatten(1)
