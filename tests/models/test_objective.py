"""The terms of the objective against closed forms, and what the MMD tells apart."""

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from paramrel.models.objective import mmd, mmd_z_score, objective_weights, rate, released_mmd


def seeded():
    return torch.Generator().manual_seed(0)


def draws(scale, number, batch=64, d=32):
    """Pairs of a code, a normal one of this scale, and a draw of the prior."""
    pairs = torch.randn(number, 2, batch, d, generator=torch.Generator().manual_seed(0))
    return [(scale * x, prior) for x, prior in pairs]


def test_the_rate_is_the_kl_divergence_to_the_standard_normal_summed_over_dimensions():
    mean, std = torch.randn(5, 3), torch.rand(5, 3) + 0.1
    expected = kl_divergence(Normal(mean, std), Normal(0.0, 1.0)).sum(-1)
    torch.testing.assert_close(rate(Normal(mean, std)), expected)


def test_the_mmd_agrees_with_its_definition_written_out_in_loops():
    x, y = torch.randn(4, 3).double(), torch.randn(5, 3).double()

    def kernel(a, b):
        squared = ((a - b) ** 2).sum()
        return sum(torch.exp(-squared / (2 * s * 3)) for s in (0.25, 0.5, 1, 2, 4)) / 5

    within_x = sum(kernel(x[i], x[j]) for i in range(4) for j in range(4) if i != j) / 12
    within_y = sum(kernel(y[i], y[j]) for i in range(5) for j in range(5) if i != j) / 20
    between = sum(kernel(a, b) for a in x for b in y) / 20
    torch.testing.assert_close(mmd(x, y), within_x + within_y - 2 * between)


def test_the_mmd_of_two_equal_distributions_is_zero_on_average():
    generator = torch.Generator().manual_seed(0)
    pairs = torch.randn(400, 2, 32, 10, generator=generator)
    values = torch.stack([mmd(x, y) for x, y in pairs])
    assert values.mean().abs() < 4 * values.std() / len(values) ** 0.5
    assert values.min() < 0  # unbiased, so not always positive


@pytest.mark.parametrize("scale", [0.0, 3.0], ids=["collapsed", "three times too wide"])
def test_the_mmd_tells_a_matched_code_from_a_wrong_one_at_32_dimensions(scale):
    matched, wrong = (
        torch.stack([mmd(x, prior) for x, prior in draws(factor, 200)]) for factor in (1.0, scale)
    )
    z_score = (wrong.mean() - matched.mean()) / matched.std()
    assert z_score > 5


@pytest.mark.parametrize(
    ("gamma", "lambda_", "expected"),
    [(0, 1, (1, 0)), (1, 1, (0, 1)), (0.9, 1, (0.1, 0.9)), (0, 10, (1, 9)), (1, 0.5, (0, 0.5))],
)
def test_the_weights_are_those_of_the_elbo_and_of_infovae(gamma, lambda_, expected):
    assert objective_weights(gamma, lambda_) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("d", "matched", "collapsed", "wide"),
    [(2, 0.0155, 0.176, 0.302), (10, 0.0061, 0.0129, 0.252), (32, 0.0020, 0.0019, 0.056)],
)
def test_the_released_mmd_takes_a_collapsed_code_of_32_dimensions_for_a_matched_one(
    d, matched, collapsed, wide
):
    """Means of the biased statistic over 200 batches of 64: at d = 32 they are the same."""
    means = [
        torch.stack([released_mmd(*pair) for pair in draws(scale, 200, d=d)]).mean().item()
        for scale in (1.0, 0.0, 3.0)
    ]
    assert means == pytest.approx([matched, collapsed, wide], rel=0.1)
    assert (abs(means[1] / means[0] - 1) < 0.1) == (d == 32)


@pytest.mark.parametrize(("scale", "least"), [(0.0, 5), (3.0, 5), (1.5, 5)])
def test_the_z_score_of_a_wrong_code_is_high(scale, least):
    scores = [mmd_z_score(*pair, generator=seeded()) for pair in draws(scale, 5)]
    assert min(scores) > least


def test_the_z_score_of_a_matched_code_is_standardised():
    scores = torch.tensor([mmd_z_score(*pair, generator=seeded()) for pair in draws(1.0, 100)])
    assert scores.mean().abs() < 0.4 and 0.7 < scores.std() < 1.4


def test_the_z_score_is_that_of_permutations_written_out():
    x, prior = torch.randn(5, 3, generator=seeded()) + 1, torch.randn(7, 3, generator=seeded())
    both = torch.cat([x, prior])
    orders = torch.rand(40, 12, generator=seeded()).argsort(1)
    # an order says the new place of each row: the first five places are the first sample
    null = torch.stack([mmd(both[order < 5], both[order >= 5]) for order in orders])
    expected = (mmd(x, prior) - null.mean()) / null.std()
    assert mmd_z_score(x, prior, 40, seeded()) == pytest.approx(expected.item(), rel=1e-4)
