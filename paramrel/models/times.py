"""Times at which losses are estimated, spread so evenly that their mean is nearly free of noise."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

LEAST_LOG_SNR = -6.0  # below it θ_t holds next to nothing
BELOW_ONE = 1 - torch.finfo(torch.float32).eps


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
    return [
        ((part + low_discrepancy_times(number, generator, device)) / strata).clamp(max=BELOW_ONE)
        for part in range(strata)
    ]


def log_snr_times(u: Tensor, log_snr: Callable[[Tensor], Tensor]) -> Tensor:
    """Return times (B,) whose log-SNR is spread as u (B,) in [0, 1) is, from LEAST_LOG_SNR to t=1.

    log_snr: of times (B,), growing with them, by `Flow.log_snr`; it is inverted by bisection. For
    Gaussian data with x̂ predicted, L_∞'s integrand α(t)/2 |x - x̂|² at these times is the loss of
    v-prediction (Salimans & Ho 2022, section 4) over a uniform log-SNR: (1 + SNR)|x - x̂|², scaled.
    """
    ends = log_snr(torch.tensor([0.0, 1.0], device=u.device)).clamp(min=LEAST_LOG_SNR)
    target = torch.lerp(ends[0], ends[1], u.double())
    t = torch.zeros_like(target)
    for halving in range(1, 41):
        t = torch.where(log_snr(t + 0.5**halving) < target, t + 0.5**halving, t)
    return t.float().clamp(max=BELOW_ONE)
