"""Codes of noisy and of half-hidden images: codes of θ read the observation, of x an image."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd
import torch
from torch import Generator, Tensor

from paramrel.data import Dataset
from paramrel.data.fields import batches
from paramrel.flows import Flow, Theta
from paramrel.measures.codes import splits
from paramrel.measures.config import GenerateParams
from paramrel.metrics.probes import logistic_probe, pca_codes
from paramrel.models.autoencoder import BATCH_VALUES, FlowAutoencoder
from paramrel.models.build import build_flow
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.solvers import times_of_log_snr
from paramrel.tasks.sampling import require_code

PENALTIES = (0.01, 0.1, 1.0)  # inverse ones, of the probe: chosen on the validation split


# θ of an observation and the time of every variable, (N, ...) each → features (N, d), on the CPU.
Reader = Callable[[Theta, Tensor], Tensor]


@dataclass(frozen=True)
class Corruption:
    """What an observation lacks: accuracy everywhere, or all of it in one half of the image.

    log_snr: of every pixel that is seen, nats; infinity for that of t = 1.
    hidden: the half whose pixels are not seen, `right` or `lower`; `nothing` where all are.
    """

    log_snr: float = float("inf")
    hidden: str = "nothing"


def corruptions(log_snr: Sequence[float]) -> list[Corruption]:
    """Return noise of each level, then none (the clean observation), then each half hidden."""
    halves = (Corruption(hidden=half) for half in ("right", "lower"))
    return [*map(Corruption, log_snr), Corruption(), *halves]


def observe(
    flow: Flow, x: Tensor, corruption: Corruption, generator: Generator
) -> tuple[Theta, Tensor]:
    """Return θ of a corrupted observation of x: (N, C, H, W), and the time of every pixel, as x.

    flow: a Bayesian flow, whose θ holds an accuracy for every pixel. Hidden pixels keep their
    prior, for the accuracy that they have received is β(0) = 0.
    """
    t = times_of_log_snr(flow, torch.tensor([corruption.log_snr])).float()
    height, width = x.shape[-2:]
    seen = torch.ones(height, width)
    if corruption.hidden == "right":
        seen[:, width // 2 :] = 0
    elif corruption.hidden == "lower":
        seen[height // 2 :] = 0
    evidence = (t * seen).expand(x.shape)
    return flow.sample_theta(x, evidence, generator=generator), evidence


def mean_image(flow: Flow, theta: Theta, t: Tensor) -> Tensor:
    """Return the mean of p_I(x | θ) in [-1, 1], (N, C, H, W); 0, grey, where a pixel is hidden."""
    return flow.network_input(theta, t)[..., 0].clamp(-1, 1)


def code_reader(model: FlowAutoencoder, flow: Flow) -> Reader:
    """Return what a model's code makes of an observation, its mean (N, d).

    A code of θ is read from the θ of the observation: told the time of every pixel if it was
    trained on partial evidence, else that of what is seen. A code of x was trained on images: it is
    shown the mean image, which tells more than the most probable one.
    flow: the observation's, a Bayesian one. Raises ValueError without a code, and for one that is
    read from the θ of a diffusion.
    """
    require_code(model)
    if not readable(model):
        raise ValueError("this method's code reads θ of another flow than the observation's")

    @torch.no_grad()
    def read(theta: Theta, t: Tensor) -> Tensor:
        theta, t = theta.map(lambda part: part.to(model.device)), t.to(model.device)
        if model.method.reads_theta:
            return model.encode_theta(theta, t).mean.cpu()
        return model.encode(mean_image(flow, theta, t)).mean.cpu()

    return read


def readable(model: FlowAutoencoder) -> bool:
    """Whether a model has a code that can be read from the θ of a Bayesian flow."""
    of_diffusion = model.method.reads_theta and model.method.flow == "diffusion"
    return model.encoder is not None and not of_diffusion


def robust_rows(
    data: Dataset, read: Reader, flow: Flow, log_snr: Sequence[float], seed: int
) -> Iterator[dict[str, float | int | str]]:
    """Probe what `read` makes of corrupted test images, a row for each corruption and probe.

    trained_on: `clean`, as a classifier that is put to use; or `corrupted`, codes of images that
    are corrupted in the same way, which asks what the codes still hold.
    """

    def codes(corruption: Corruption) -> list[Tensor]:
        generator = Generator().manual_seed(seed)
        return [_read(read, flow, split.x, corruption, generator) for split in splits(data)]

    labels, clean = [split.labels for split in splits(data)], codes(Corruption())
    for corruption in corruptions(log_snr):
        seen = codes(corruption)
        for name, trained in {"clean": clean, "corrupted": seen}.items():
            labelled = zip([*trained[:2], seen[2]], labels, strict=True)
            row = logistic_probe(*labelled, grid=PENALTIES)
            kept = {key: row[key] for key in ("accuracy", "floor_accuracy", "n_test")}
            yield vars(corruption) | {"trained_on": name} | kept


def _read(
    read: Reader, flow: Flow, x: Tensor, corruption: Corruption, generator: Generator
) -> Tensor:
    """What a reader makes of observations of all x: (N, d); they are made batch by batch."""
    size = max(BATCH_VALUES // x[:1].numel(), 2)
    found = [read(*observe(flow, part, corruption, generator)) for part in batches(x, size)]
    return torch.cat(found)


def robust_table(
    runs: Sequence[Run], data: Dataset, model: ModelParams, params: GenerateParams
) -> pd.DataFrame:
    """Probe the codes of runs, of `pca` of the mean image and of all its `pixels`, on corruptions.

    A row for each method, seed, corruption and probe, at params.progressive_log_snr. All see the
    same observations for a seed, drawn on the CPU. Runs whose code cannot be read are left out.
    """
    flow, log_snr = build_flow(METHODS["bfn"], data.variables, model), params.progressive_log_snr
    rows, seeds = [], {}
    for run in runs:
        if readable(run.model):
            read = code_reader(run.model, flow)
            known = origin(run, params)
            rows += [known | row for row in robust_rows(data, read, flow, log_snr, run.seed)]
        seeds.setdefault(run.seed, origin(run, params))
    for seed, known in sorted(seeds.items()):
        for name, read in baseline_readers(data, flow, model.code_dim).items():
            of_baseline = known | {"method": name}
            rows += [of_baseline | row for row in robust_rows(data, read, flow, log_snr, seed)]
    return pd.DataFrame(rows)


def baseline_readers(data: Dataset, flow: Flow, code_dim: int) -> dict[str, Reader]:
    """Return the readers that know no model: all pixels of the mean image, and its PCA."""

    def pixels(theta: Theta, t: Tensor) -> Tensor:
        return mean_image(flow, theta, t).flatten(1)

    clean = _read(pixels, flow, data.train.x, Corruption(), Generator().manual_seed(0))

    def pca(theta: Theta, t: Tensor) -> Tensor:
        return torch.as_tensor(pca_codes(clean, pixels(theta, t), d=code_dim)[1])

    return {"pca": pca, "pixels": pixels}
