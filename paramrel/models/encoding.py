"""The way from data to codes: in batches, on the model's device, and back on the CPU."""

import torch
from torch import Generator, Tensor
from torch.distributions import Normal

from paramrel.data.fields import Data, count
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.batches import in_batches
from paramrel.models.evidence import evidence, require_present


def posterior(
    model: FlowAutoencoder,
    x: Data,
    s: float = 1.0,
    generator: Generator | None = None,
    seen: Data | None = None,
) -> Normal:
    """Return q(z | θ_s, s), (N, d), of examples x with θ_s drawn anew; its scale may be 0.

    x: (N, ...) on any device or on disk: a tensor, a dict of fields, `Examples` or `Fields`.
    seen: booleans (N, ...), of each field of records, for a code of θ; what is not seen is hidden.
    What is missing in x, NaN or class -1, is hidden. generator: on the model's device; by default
    of seed 0. Raises ValueError without a code, and for missing values where the method does not
    read such data.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> posterior(model, paramrel.load_dataset("digits").test.x).mean.shape
    torch.Size([360, 10])
    """
    generator = generator or model.generator(0)

    if seen is not None and model.encoder is not None and not model.method.reads_theta:
        raise ValueError("a code of x reads whole data: of what is seen only codes of θ tell")

    def encoded(x: Data, *seen: Data) -> dict[str, Tensor]:
        require_present(model.method, x)
        times = torch.full((count(x),), s, device=model.device)
        if seen:
            times = evidence(*seen, times, torch.zeros_like(times))
        code = model.encode(x, times, generator)
        return {"loc": code.mean, "scale": code.stddev}

    given = () if seen is None else (seen,)
    return Normal(**in_batches(model, encoded, x, *given), validate_args=False)


def mean_code(
    model: FlowAutoencoder,
    x: Data,
    s: float = 1.0,
    generator: Generator | None = None,
    seen: Data | None = None,
) -> Tensor:
    """Return the mean (N, d) of `posterior`.

    A model without a code returns the constant that its decoder is given.

    >>> import paramrel
    >>> model = paramrel.load_pretrained("digits").model
    >>> mean_code(model, paramrel.load_dataset("digits").test.x, s=0.5).shape
    torch.Size([360, 10])
    """
    if model.encoder is None:
        return model.no_code(count(x)).cpu()
    return posterior(model, x, s, generator, seen).mean
