"""Whether a code is alive: what collapses, and what a collapse costs, in one row."""

import torch
from scipy.stats import sem
from torch import Generator

from paramrel.data.fields import Data
from paramrel.models.autoencoder import FlowAutoencoder, sample_code
from paramrel.models.bounds import shuffled_code_loss
from paramrel.models.encoding import posterior
from paramrel.models.information import aggregate_information
from paramrel.models.objective import mmd, mmd_z_score

MATCHED = 1000  # codes that are compared with the prior, at most: the memory grows with the square


@torch.no_grad()
def monitors(
    model: FlowAutoencoder, x: Data, generator: Generator, num_times: int = 8
) -> dict[str, float]:
    """Measure the code of s = 1 on examples x, N ≥ 2 in any order but sorted; empty without one.

    shuffled_code: nats per example that the code of another example costs the decoder; 0 where it
    ignores the code; shuffled_code_sem: its standard error over the examples. mmd, mmd_z: distance
    of the codes from N(0, I), and that distance in standard deviations of a matched code's. And of
    a stochastic code, in nats: kl, its rate; active_units, how many dimensions have a rate above
    0.01; mutual_information of z and what it is read from, among these examples, which cannot
    exceed mutual_information_cap = ln N: close to it, it says only "at least". For a code of x that
    is I(x; z). For a code of θ it is I(θ₁; z) of one draw of θ₁ for each example, an upper bound on
    I(x; z), as z may tell of θ₁'s noise too: `information_bounds` estimates what it tells of x.

    num_times: at which shuffled_code is estimated.
    """
    if model.encoder is None:
        return {}
    shuffled = shuffled_code_loss(model, x, num_times, generator)
    code = posterior(model, x, 1.0, generator)
    z = sample_code(code, generator)
    row = {"shuffled_code": shuffled.mean().item(), "shuffled_code_sem": sem(shuffled).item()}
    if model.method.stochastic:
        information = aggregate_information(code.mean, code.stddev.log(), z)
        names = ("kl", "active_units", "mutual_information", "mutual_information_cap")
        row |= {name: information[name] for name in names}
    z = z[:MATCHED].to(model.device)
    prior = torch.randn(z.shape, generator=generator, device=z.device)
    return row | {
        "mmd": mmd(z, prior).item(),
        "mmd_z": mmd_z_score(z, prior, generator=generator),
    }
