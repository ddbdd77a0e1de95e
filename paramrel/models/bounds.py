"""What a model and its code are worth in nats: the bound on −ln p(x), the cost of a wrong code."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Generator, Tensor

from paramrel.data.fields import Data, count, each, leaves
from paramrel.flows import Theta
from paramrel.models.autoencoder import FlowAutoencoder, Outputs, sample_code
from paramrel.models.batches import in_batches
from paramrel.models.evidence import evidence, require_present, where_present
from paramrel.models.objective import rate
from paramrel.models.times import stratified_times


@dataclass(frozen=True)
class NLLBound:
    """An upper bound on −ln p(x) and its parts, (B,) nats per example."""

    prior: Tensor
    transmission: Tensor
    reconstruction: Tensor
    rate: Tensor

    @property
    def total(self) -> Tensor:
        return self.prior + self.transmission + self.reconstruction + self.rate


def nll_bound(
    model: FlowAutoencoder,
    x: Data,
    n: int | None = None,
    num_times: int = 32,
    generator: Generator | None = None,
) -> NLLBound:
    """Return an upper bound on −ln p(x), in nats per example, on the CPU.

    x: (N, ...), on any device. n: number of transmission steps; by default their continuous-time
        limit.
    num_times: times of each example, one in each of so many equal parts of [0, 1), at which the
        transmission loss is estimated. generator: on the model's device.

    One code of θ or x, read at s = 1, serves all steps, so its rate is paid once. A code of θ
    of the `same` time: the receiver reads z_t from the θ_t that it holds, so it is free.
    No code: L + L_r (Graves et al. 2023, arXiv 2308.07037, eq. 13). Of values that are missing in
    x no message is sent and no term stands in the bound, which is one on -ln p of the others.
    Raises ValueError for a method that has no bound, with the reason, for missing values where the
    method does not read such data, and with them for a number n.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> x = paramrel.load_dataset("digits").test.x[:20]
    >>> nll_bound(model, x, num_times=4, generator=model.generator(0)).total.shape
    torch.Size([20])
    """
    if model.method.no_bound:
        raise ValueError(f"this method has no bound on −ln p(x): {model.method.no_bound}")

    def measured(x: Data) -> dict[str, Tensor]:
        return vars(_bound_of_batch(model, *_checked(model, x), n, num_times, generator))

    return NLLBound(**in_batches(model, measured, x))


def conditional_bound(
    model: FlowAutoencoder,
    x: Data,
    seen: Data,
    num_times: int = 32,
    generator: Generator | None = None,
) -> NLLBound:
    """Return an upper bound on −ln p(x_U | x_K), in nats per example, on the CPU.

    x: (N, ...), on any device. seen: booleans (N, ...), of each field of records; the variables K
    are those that are seen, U all others that are not missing. num_times, generator: as in
    `nll_bound`.

    θ_K is drawn once, at t = 1, and θ_U(t) runs from 0 to 1:

        −ln p(x_U | x_K) ≤ E_{θ_K, z} [∫ Σ_{d∈U} ℓ_d(x_d, θ_K, θ_U(t), z) dt + Σ_{d∈U} L_r(d)],

    of p(x_U | x_K) = E p(x_U | θ_K, z), by Jensen's inequality. A code of θ is read from θ_K alone,
    and of the `same` time from θ_K and θ_U(t): whoever receives x_U holds both, so that it is free.
    A code of x has read x_U, and its rate to the prior is paid. The bound holds of every method
    that has one, but only those of partial evidence are told what is known and trained on it.
    Raises ValueError for a method that has no bound, with the reason.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> x = paramrel.load_dataset("digits").test.x[:20]
    >>> bound = conditional_bound(model, x, x > 0, num_times=4, generator=model.generator(0))
    >>> bound.total.shape
    torch.Size([20])
    """
    if model.method.no_bound:
        raise ValueError(f"this method has no bound on −ln p(x): {model.method.no_bound}")

    def measured(x: Data, seen: Data) -> dict[str, Tensor]:
        return vars(_conditional_of_batch(model, *_checked(model, x), seen, num_times, generator))

    return NLLBound(**in_batches(model, measured, x, seen))


def transmitted(
    model: FlowAutoencoder,
    x: Data,
    times: Sequence[float],
    num_times: int = 32,
    generator: Generator | None = None,
) -> Tensor:
    """Return the nats that a model without a code transmits from time 0 to each time, (N, T).

    The integral over [0, s] of the loss whose integral over [0, 1] is L_∞. Its mean over any
    examples is not below I(x; θ_s), what θ_s tells of which of them it is made from, which is the
    same integral of the least loss that a predictor can have (Guo et al. 2005, arXiv cs/0412108:
    all messages are Gaussian). By the data-processing inequality no code of θ_s tells more.

    times: T, in (0, 1] and rising. num_times: in each interval between them. generator: as in
    `nll_bound`. Raises ValueError for a model with a code, whose decoder knows more than θ.
    """
    if model.encoder is not None:
        raise ValueError("what θ tells is bounded by the loss of a model without a code only")
    edges = [0.0, *times]
    if any(end <= start for start, end in pairwise(edges)) or edges[-1] > 1:
        raise ValueError(f"times are {tuple(times)}; they must rise and lie in (0, 1]")

    def measured(x: Data) -> Tensor:
        x, present = _checked(model, x)
        shared, _ = _shared_code(model, x, present, generator)
        parts = []
        for start, end in pairwise(edges):
            losses = []
            for u in stratified_times(count(x), num_times, generator, model.device):
                t = start + (end - start) * u
                t = where_present(t, present)
                theta, z, s = _step(model, x, t, shared, generator)
                out = model.output_distribution(theta, z, t, s)
                losses.append(model.flow.loss_continuous_time(x, out, t, present))
            parts.append((end - start) * torch.stack(losses).mean(0))
        return torch.stack(parts, 1).cumsum(1)

    return in_batches(model, measured, x)


def shuffled_code_loss(
    model: FlowAutoencoder, x: Data, num_times: int = 32, generator: Generator | None = None
) -> Tensor:
    """Return the nats per example that the code of another example adds to L_∞, (N,), on the CPU.

    Zero says that the decoder ignores the code. Both losses share θ_t, the times and the code:
    that of s = 1, or of the `same` time. The examples stand in any order but sorted, N ≥ 2.
    """

    def measured(x: Data) -> Tensor:
        return _shuffled_batch(model, *_checked(model, x), num_times, generator)

    return in_batches(model, measured, x)


def _checked(model: FlowAutoencoder, x: Data) -> tuple[Data, Data | None]:
    """Data as the flow takes them, whose values are what a bound can be said of; which are present.

    None where all must be.
    """
    require_present(model.method, x)
    present, x = model.present(x), model.to_flow(x)
    model.flow.check(x)
    return x, present


def _bound_of_batch(
    model: FlowAutoencoder,
    x: Data,
    present: Data | None,
    n: int | None,
    num_times: int,
    generator: Generator | None,
) -> NLLBound:
    if n is not None and present is not None and not all(part.all() for part in leaves(present)):
        raise ValueError("of data with missing values only the limit of many steps is known: no n")
    shared, kl = _shared_code(model, x, present, generator)
    losses = []
    for t in stratified_times(count(x), num_times, generator, model.device):
        if n is not None:
            step = (t * n).long()
            t = step / n
        times = where_present(t, present)
        theta, z, s = _step(model, x, times, shared, generator)
        out = model.output_distribution(theta, z, times, s)
        losses.append(
            model.flow.loss_continuous_time(x, out, times, present)
            if n is None
            else model.flow.loss_discrete_time(x, out, 1 + step, n, generator=generator)
        )
    end = where_present(torch.ones_like(t), present)
    theta, z, s = _step(model, x, end, shared, generator)
    out = model.output_distribution(theta, z, end, s)
    model.flow.check_output(out)
    transmission = torch.stack(losses).mean(0)
    reconstruction = model.flow.reconstruction_loss(x, out, present)
    return NLLBound(model.flow.prior_loss(x, present), transmission, reconstruction, kl)


def _conditional_of_batch(
    model: FlowAutoencoder,
    x: Data,
    present: Data | None,
    seen: Data,
    num_times: int,
    generator: Generator | None,
) -> NLLBound:
    flow, unknown = model.flow, each(torch.logical_not, seen)
    if present is not None:
        seen, unknown = (each(torch.logical_and, part, present) for part in (seen, unknown))
    one, free = (make(count(x), device=model.device) for make in (torch.ones, torch.zeros))
    certain = flow.sample_theta(x, one, generator=generator)
    shared, s, kl = None, None, free
    if model.method.reads_theta and model.method.code_time != "same":
        s = evidence(seen, one, free)
        hidden = flow.prior(model.batch_shape(count(x)), model.device, generator)
        shared = sample_code(model.encode_theta(certain.where(seen, hidden), s), generator)
    elif not model.method.reads_theta:
        (shared, kl), s = _shared_code(model, x, present, generator), one

    def decoded(t: Tensor) -> tuple[Outputs, Data]:
        times = where_present(evidence(seen, one, t), present)
        theta = certain.where(seen, flow.sample_theta(x, times, generator=generator))
        if shared is not None:
            return model.output_distribution(theta, shared, times, s), times
        z = sample_code(model.encode_theta(theta, times), generator)
        return model.output_distribution(theta, z, times, times), times

    losses = []
    for t in stratified_times(count(x), num_times, generator, model.device):
        out, times = decoded(t)
        losses.append(flow.loss_continuous_time(x, out, times, unknown))
    out, _ = decoded(one)
    flow.check_output(out)
    transmission = torch.stack(losses).mean(0)
    reconstruction = flow.reconstruction_loss(x, out, unknown)
    return NLLBound(flow.prior_loss(x, unknown), transmission, reconstruction, kl)


def _shuffled_batch(
    model: FlowAutoencoder,
    x: Data,
    present: Data | None,
    num_times: int,
    generator: Generator | None,
) -> Tensor:
    shared, _ = _shared_code(model, x, present, generator)
    differences = []
    for t in stratified_times(count(x), num_times, generator, model.device):
        t = where_present(t, present)
        theta, z, s = _step(model, x, t, shared, generator)
        outs = (model.output_distribution(theta, code, t, s) for code in (z, z.roll(1, 0)))
        true, shuffled = (model.flow.loss_continuous_time(x, out, t, present) for out in outs)
        differences.append(shuffled - true)
    return torch.stack(differences).mean(0)


def _shared_code(
    model: FlowAutoencoder, x: Data, present: Data | None, generator: Generator | None
) -> tuple[Tensor | None, Tensor]:
    """Return the code (B, d) that serves all times, None where each has its own; its rate.

    x: as the flow takes them.
    """
    free = torch.zeros(count(x), device=model.device)
    if model.encoder is None:
        return model.no_code(len(free)), free
    if model.method.code_time == "same":
        return None, free
    posterior = model.encode(x, where_present(torch.ones_like(free), present), generator)
    return sample_code(posterior, generator), rate(posterior)


def _step(
    model: FlowAutoencoder,
    x: Data,
    t: Data,
    shared: Tensor | None,
    generator: Generator | None,
) -> tuple[Theta, Tensor, Data]:
    """Return θ_t ~ p_F(θ | x; t), the code that goes with it, and the code's time."""
    theta = model.flow.sample_theta(x, t, generator=generator)
    if shared is not None:
        return theta, shared, torch.ones(count(x), device=model.device)
    of_data = model.method.code == "x_t"
    posterior = model.encode(x, t) if of_data else model.encode_theta(theta, t)
    return theta, sample_code(posterior, generator), t
