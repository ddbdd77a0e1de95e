"""What a model and its code are worth in nats, in batches: the bound, the cost of a wrong code."""

from dataclasses import fields

import torch
from torch import Generator, Tensor

from paramrel.data.fields import Data, batches, moved
from paramrel.models.autoencoder import FlowAutoencoder, NLLBound


def nll_bound(
    model: FlowAutoencoder,
    x: Data,
    n: int | None = None,
    num_times: int = 32,
    generator: Generator | None = None,
) -> NLLBound:
    """Return `FlowAutoencoder.nll_bound` of all examples x: (N, ...), on the CPU."""
    parts = [
        model.nll_bound(moved(batch, model.device), n, num_times, generator)
        for batch in batches(x, model.batch_size)
    ]
    terms = ([getattr(part, term.name) for part in parts] for term in fields(NLLBound))
    return NLLBound(*(torch.cat(term).cpu() for term in terms))


def shuffled_code_loss(
    model: FlowAutoencoder, x: Data, num_times: int = 32, generator: Generator | None = None
) -> Tensor:
    """Return `FlowAutoencoder.shuffled_code_loss` of all examples x: (N, ...), on the CPU."""
    parts = [
        model.shuffled_code_loss(moved(batch, model.device), num_times, generator)
        for batch in batches(x, model.batch_size)
    ]
    return torch.cat(parts).cpu()
