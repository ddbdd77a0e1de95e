"""The paper's tasks measured on runs: conditional generation, paths, traversals, manipulation."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.data import Dataset
from paramrel.measures.assessment import smoothness_row
from paramrel.measures.config import GenerateParams
from paramrel.metrics.extractors import Classifier, Extractor
from paramrel.metrics.fidelity import conditional_fidelity
from paramrel.metrics.smoothness import midpoint_distance
from paramrel.models.encoding import mean_code
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.tasks.editing import Latent, manipulate, probe_direction, traverse
from paramrel.tasks.sampling import draw_noise, fixed_noise_decoder, require_code, sample, to_pixels

Judges = tuple[Classifier, Extractor]


def conditional_images(run: Run, data: Dataset, params: GenerateParams) -> dict[str, Tensor]:
    """Draw images of each class from codes of that class, (K, per_class, C, H, W), by source.

    `examples`: the mean codes of the first training images of the class. `gaussian`: codes of the
    normal distribution that is fitted to all training codes of the class. The noise is fresh.
    data: its labels are the classes; for an attribute, give labels that say who has it.
    Raises ValueError for a method without a code.
    """
    z, labels = _training_codes(run, data), data.train.labels
    images = {}
    for source, choose in {"examples": _first_codes, "gaussian": _gaussian_codes}.items():
        generator = run.model.generator(run.seed)
        codes = [choose(z[labels == c], params.per_class, generator) for c in labels.unique()]
        number = len(codes) * params.per_class
        drawn = sample(run.model, number, params.sampling_steps, generator, torch.cat(codes))
        images[source] = drawn.unflatten(0, (len(codes), params.per_class))
    return images


def conditional_table(
    run: Run, data: Dataset, judges: Judges, images: dict[str, Tensor], params: GenerateParams
) -> pd.DataFrame:
    """Let an independent classifier judge the images of `conditional_images`; a row a source."""
    test = to_pixels(data.test.x), data.test.labels
    rows = []
    for source, drawn in images.items():
        wanted = data.train.labels.unique().repeat_interleave(drawn.shape[1])
        scores = conditional_fidelity(*judges, to_pixels(drawn.flatten(0, 1)), wanted, *test)
        rows.append(origin(run, params) | {"source": source} | scores)
    return pd.DataFrame(rows)


def require_classes(data: Dataset) -> None:
    """Raise ValueError where nothing is known of the images that a label could say."""
    if not data.label_names:
        raise ValueError(
            f"{data.name} has no classes, which the rest of this notebook needs; put the images of "
            "each class into a folder of their own"
        )


def require_test(data: Dataset, number: int, parameter: str) -> None:
    """Raise ValueError where the test part has fewer examples than a parameter makes needed."""
    if len(data.test) < number:
        raise ValueError(
            f"the test part of {data.name} has {len(data.test)} examples, and {parameter} in "
            f"params.yaml needs {number}; lower that, or give a larger test part"
        )


def interpolation_table(
    run: Run, data: Dataset, judges: Judges, params: GenerateParams
) -> pd.DataFrame:
    """Measure the paths between the codes of pairs of test images, the noise held fixed; one row.

    Images half-way are compared with as many test images. Raises ValueError without a code.
    """
    require_code(run.model)
    generator = run.model.generator(run.seed)
    decoder = fixed_noise_decoder(run.model, params.decoding_steps, generator)
    z = mean_code(run.model, data.test.x[: 2 * params.pairs], 1.0, generator)
    start, end = z[: params.pairs], z[params.pairs :]
    test = to_pixels(data.test.x)
    row = smoothness_row(run, data, judges, params.pairs, params.decoding_steps)
    return pd.DataFrame(
        [origin(run, params) | row | midpoint_distance(decoder, judges[1], start, end, test)]
    )


def traversal_table(run: Run, data: Dataset, params: GenerateParams) -> pd.DataFrame:
    """Measure how much each dimension of the code moves the images, a row a dimension.

    std: of the code over the training split. change: mean squared difference of pixels in [0, 1]
    between two standard deviations below and above the code, over the first test images, each
    with a noise of its own. Raises ValueError for a method without a code.
    """
    latent = _latent(run, data.test.x[: params.images])
    codes = _training_codes(run, data)
    images = to_pixels(traverse(run.model, latent, codes, (-2, 2), params.decoding_steps))
    below, above = images.unbind(2)  # (B, d, C, H, W)
    change = ((above - below) / 2).square().flatten(2).mean((0, 2))
    columns = {"dimension": range(codes.shape[1]), "std": codes.std(0), "change": change}
    return pd.DataFrame({**origin(run, params), **columns, "n": len(images)})


def manipulation_table(
    run: Run, data: Dataset, judge: Classifier, params: GenerateParams, amounts: Sequence[float]
) -> pd.DataFrame:
    """Move test images of all other classes towards each class; a row an amount.

    share: of n images that the judge takes for the class that they are moved to, the mean over all
    classes.
    amounts: standard deviations of the codes along a linear probe's direction for that class.
    Raises ValueError for a method without a code.
    """
    codes, labels = _training_codes(run, data), data.train.labels
    hits, number = [], 0
    for c in labels.unique():
        others = data.test.x[data.test.labels != c][: params.images]
        direction = probe_direction(codes, labels == c)
        latent = _latent(run, others)
        images = manipulate(run.model, latent, direction, amounts, params.decoding_steps)
        found = judge.predict(to_pixels(images.flatten(0, 1))).reshape(len(others), -1)
        hits.append((found == c.item()).mean(0))
        number += len(others)
    shares = sum(hits) / len(hits)
    known = {"judge_sha256": judge.sha256, "n": number}
    return pd.DataFrame({**origin(run, params), "amount": amounts, "share": shares, **known})


def _training_codes(run: Run, data: Dataset) -> Tensor:
    """Mean codes (N, d) of the training split, of s = 1."""
    require_code(run.model)
    return mean_code(run.model, data.train.x, 1.0, run.model.generator(run.seed))


def _latent(run: Run, x: Tensor) -> Latent:
    """The codes of x and noises that know nothing of x."""
    generator = run.model.generator(run.seed)
    return Latent(mean_code(run.model, x, 1.0, generator), draw_noise(run.model, len(x), generator))


def _first_codes(z: Tensor, number: int, generator: Generator) -> Tensor:
    return z[torch.arange(number) % len(z)]


def _gaussian_codes(z: Tensor, number: int, generator: Generator) -> Tensor:
    """Draw from the normal distribution of codes z: (N, d); (number, d)."""
    spread, axes = torch.linalg.eigh(z.T.cov())
    noise = torch.randn(number, z.shape[1], generator=generator, device=generator.device).to(z)
    return z.mean(0) + noise * spread.clamp(min=0).sqrt() @ axes.T
