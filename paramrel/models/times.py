"""Times at which losses are estimated, spread so evenly that their mean is nearly free of noise."""

import torch
from torch import Generator, Tensor


def low_discrepancy_times(number: int, generator: Generator | None, device: torch.device) -> Tensor:
    """One time per example, (B,), spread evenly over [0, 1) (Kingma et al. 2021, app. I.1)."""
    u = torch.rand((), generator=generator, device=device)
    return (u + torch.arange(number, device=device) / number) % 1


def stratified_times(
    number: int, strata: int, generator: Generator | None, device: torch.device
) -> list[Tensor]:
    """Times (number,) in each of the equal parts of [0, 1); every example has one in each part.

    An example's time is uniform in its part, and the examples' times are spread evenly over it: the
    mean over examples, which differ less than times do, is then nearly free of the times' noise.
    """
    below_one = 1 - torch.finfo(torch.float32).eps
    return [
        ((part + low_discrepancy_times(number, generator, device)) / strata).clamp(max=below_one)
        for part in range(strata)
    ]
