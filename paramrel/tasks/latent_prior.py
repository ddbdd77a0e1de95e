"""A learned prior of codes, for methods whose code is not read anew while sampling."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from paramrel.data import Dataset, Split
from paramrel.data.fields import Data
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code
from paramrel.tasks.sampling import sample
from paramrel.training.config import TrainParams
from paramrel.training.loop import train

SAMPLING_STEPS = 50


@dataclass(frozen=True)
class LatentPrior:
    """The distribution of codes that a plain Bayesian flow network has learned.

    centre, scale: (d,), on the CPU, bring codes into the flow's [-1, 1]: x = (z − centre) / scale.
    """

    model: FlowAutoencoder
    centre: Tensor
    scale: Tensor

    def sample(self, number: int, generator: Generator) -> Tensor:
        """Return codes z: (number, d), none beyond the range of those that were learned from.

        They are drawn on the generator's device.
        """
        x = sample(self.model.to(generator.device), number, SAMPLING_STEPS, generator)
        return self.centre + self.scale * x


def fit_latent_prior(z: Tensor, seed: int, steps: int = 600) -> LatentPrior:
    """Learn the distribution of codes z: (N, d), by default in seconds on a CPU.

    A regularizer draws codes to N(0, I). Where it fails, or there is none, as in DiffAE (Preechakul
    et al. 2022, arXiv 2111.15640), N(0, I) gives the decoder codes that it has never seen.
    The same seed gives the same prior on the same machine.
    """
    z = z.detach().cpu().float()
    low, high = z.amin(0), z.amax(0)
    centre, scale = (high + low) / 2, ((high - low) / 2).clamp(min=1e-6)  # a constant stays one
    data = _vectors((z - centre) / scale)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build_model("bfn", data.variables, ModelParams())
    params = TrainParams(steps=steps, batch_size=min(128, len(z)), evaluations=1)
    model, _ = train(model, data, params, seed, progress=False)
    return LatentPrior(model, centre, scale)


def code_source(
    model: FlowAutoencoder, name: str, x: Data, seed: int, steps: int = 600
) -> str | LatentPrior:
    """Return what `sample` takes as its code for one of a method's `samplers`, by its name.

    `learned`: the prior that is learned, in so many steps, of the codes of training examples x.
    """
    if name != "learned":
        return name
    return fit_latent_prior(mean_code(model, x, 1.0, model.generator(seed)), seed, steps)


def _vectors(x: Tensor) -> Dataset:
    """Vectors x: (N, d) in [-1, 1] as continuous data; nothing is held out."""
    part = Split(x, torch.zeros(len(x)).long())
    return Dataset("codes", "continuous", tuple(x.shape[1:]), None, part, part, part, (), "", "")
