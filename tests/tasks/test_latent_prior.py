"""The learned prior of codes: it finds what N(0, I) misses."""

import math

import pytest
import torch

from paramrel.models.objective import mmd
from paramrel.tasks.latent_prior import fit_latent_prior


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def ring(number, generator):
    """Codes at a distance of about 2 from the origin."""
    angle = 2 * math.pi * torch.rand(number, generator=generator)
    radius = 2 + 0.1 * torch.randn(number, generator=generator)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1)


def mixture(number, generator):
    """Codes of 8 dimensions in two clusters, at the vectors of ones and of minus ones."""
    sign = 2 * torch.randint(2, (number, 1), generator=generator) - 1
    return sign + 0.3 * torch.randn(number, 8, generator=generator)


@pytest.mark.parametrize("codes", [ring, mixture])
def test_it_comes_far_closer_to_codes_of_an_odd_shape_than_a_normal_distribution(codes):
    prior = fit_latent_prior(codes(2000, seeded()), seed=0, steps=400)
    fresh = codes(1000, seeded(1))
    drawn = prior.sample(1000, seeded(2))
    normal = torch.randn(fresh.shape, generator=seeded(3))
    assert mmd(drawn, fresh) < 0.1 * mmd(normal, fresh)


def test_it_repeats_and_stays_within_the_range_of_the_codes():
    codes = 5 + ring(64, seeded())
    codes = torch.cat([codes, torch.full((64, 1), 3.0)], 1)  # and a dimension that is constant
    samples = [fit_latent_prior(codes, 0, steps=5).sample(20, seeded()) for _ in range(2)]
    assert torch.equal(*samples) and samples[0].shape == (20, 3)
    assert (samples[0] >= codes.amin(0) - 1e-5).all() and (samples[0] <= codes.amax(0) + 1e-5).all()
