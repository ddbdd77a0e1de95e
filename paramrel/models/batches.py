"""One rule for whatever a model does to data: batch by batch, on its device, back on the CPU."""

from collections.abc import Callable

import torch

from paramrel.data.fields import Data, batches, joined, moved
from paramrel.models.autoencoder import FlowAutoencoder


@torch.no_grad()
def in_batches(model: FlowAutoencoder, function: Callable[..., Data], *data: Data) -> Data:
    """Return function(*batches of data), (N, ...), of all batches one after another, on the CPU.

    data: each (N, ...), on any device or on disk, of which at most model.batch_size examples at
    once are on the model's device. function: may return tensors by name, as data of many fields.
    """
    parts = zip(*(batches(x, model.batch_size) for x in data), strict=True)
    done = [
        moved(function(*(moved(x, model.device) for x in part)), torch.device("cpu"))
        for part in parts
    ]
    return joined(done)
