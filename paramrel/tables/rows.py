"""What a model says of each row by itself: one noise for all rows, in float64.

A row's numbers then depend on no other row, nor on its place among them, and are the same at every
call. Rows x are fields (N,), float32 numbers, NaN where one is missing, or long classes, then -1.
"""

from copy import deepcopy

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from paramrel.data import Variable
from paramrel.data.fields import count, moved
from paramrel.flows import BayesianFlow, Theta
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.batches import in_batches
from paramrel.models.evidence import evidence, where_present
from paramrel.models.objective import rate
from paramrel.tasks.completion import SOON

Rows = dict[str, Tensor]

DRAWS = 8  # of noise, over which codes and probabilities are averaged
TIMES = 32  # of the integral in the bound


def codes_of(model: FlowAutoencoder, x: Rows) -> Tensor:
    """Return the mean codes (N, d) of rows at t = 1, over the same few draws of θ for each row."""
    model = deepcopy(model).double()

    def mean(x: Rows) -> Tensor:
        return torch.stack([_code(model, x, draw).mean.double() for draw in range(DRAWS)]).mean(0)

    return in_batches(model, mean, x)


def bounds_of(model: FlowAutoencoder, x: Rows) -> Tensor:
    """Return estimates (N,) of the bound `nll_bound` on -ln p of the cells that are not missing.

    Nats; numbers count as densities in [-1, 1]. All rows share the times and the noise.
    """
    model = deepcopy(model).double()
    return in_batches(model, lambda x: _bounds(model, x), x)


def _bounds(model: FlowAutoencoder, x: Rows) -> Tensor:
    flow, known, values = model.flow, model.present(x), model.to_flow(x)
    one = torch.ones(count(x), device=model.device)
    posterior = _code(model, x, TIMES)
    z = _draw_code(posterior, TIMES)

    def told(t: float, draw: int) -> tuple[Rows, Rows]:
        times = where_present(t * one, known)
        return times, model.output_distribution(_theta(model, x, known, t, draw), z, times, one)

    losses = []
    for i in range(TIMES):
        times, out = told((i + 0.5) / TIMES, i)
        losses.append(flow.loss_continuous_time(values, out, times, known))
    _, out = told(1.0, TIMES)
    ends = flow.prior_loss(values, known) + flow.reconstruction_loss(values, out, known)
    return ends + torch.stack(losses).mean(0) + rate(posterior)


def chances_of(model: FlowAutoencoder, x: Rows, field: str) -> Tensor:
    """Return the probabilities (N, K) of a field's classes given all others that are known.

    What x holds of the field is not looked at.
    """
    model = deepcopy(model).double()
    values = class_values(model.variables[field]).to(model.device)

    def mean(x: Rows) -> Tensor:
        known = model.present(x)
        known = known | {field: torch.zeros_like(known[field])}
        one = torch.ones(count(x), device=model.device)
        times = evidence(known, one, SOON * one)
        chances = []
        for draw in range(DRAWS):
            theta = _theta(model, x, known, 1.0, draw)
            z = _draw_code(model.encode_theta(theta, times), draw)
            out = model.output_distribution(theta, z, times, times)[field]
            chances.append(torch.stack([out.log_prob(v.expand(len(z))) for v in values], 1).exp())
        return torch.stack(chances).mean(0)

    return in_batches(model, mean, x)


def likeliest_rows(model: FlowAutoencoder, z: Tensor) -> Rows:
    """Return the likeliest value of each cell given a code (N, d) alone."""

    def mode(z: Tensor) -> Rows:
        start, one = (make(len(z), device=model.device) for make in (torch.zeros, torch.ones))
        theta = model.flow.prior(model.batch_shape(len(z)), model.device)
        out = model.output_distribution(theta, z, start, one)
        return model.to_data(model.flow.mode_output(out))

    return in_batches(model, mode, z.float())


def class_values(variable: Variable) -> Tensor:
    """Return what stands for each class of a variable, (K,): its number, or the centre of a bin."""
    classes = torch.arange(variable.levels)
    if variable.kind == "discretized":
        return (2 * classes.double() + 1) / variable.levels - 1
    return classes


def _code(model: FlowAutoencoder, x: Rows, draw: int) -> Normal:
    known = model.present(x)
    one = torch.ones(count(x), device=model.device)
    return model.encode_theta(_theta(model, x, known, 1.0, draw), where_present(one, known))


def _draw_code(posterior: Normal, draw: int) -> Tensor:
    """A draw (N, d) with the same noise in each row."""
    noise = torch.randn(posterior.mean.shape[1], generator=Generator().manual_seed(draw))
    return (posterior.mean + posterior.stddev * noise.to(posterior.mean)).double()


def _theta(model: FlowAutoencoder, x: Rows, known: Rows, t: float, draw: int) -> Theta:
    """θ_t of what is known, with the same noise in each row, and the prior of all else."""
    flow = model.flow
    noise = flow.draw_noise(model.batch_shape(1), generator=Generator().manual_seed(draw))
    statistic = flow.statistic(model.to_flow(x), dtype=torch.float64)
    beta = flow.beta(t)

    def told(flow: BayesianFlow, u: Tensor, noise: Tensor, beta: float) -> Tensor:
        return beta * u + flow.noise_scale(beta) * noise

    zeta = flow.each(told, statistic, moved(noise, model.device), beta)
    prior = flow.prior(model.batch_shape(count(x)), model.device)
    return flow.theta_of(zeta, beta).where(known, prior)
