"""Times that losses are estimated at, against closed forms."""

import math

import pytest
import torch

from paramrel.flows import CategoricalFlow, DiffusionFlow, GaussianFlow, MixedFlow, OneShotFlow
from paramrel.models.times import LEAST_LOG_SNR, log_snr_times

U = torch.arange(1000) / 1000
FLOWS = {
    "binary": CategoricalFlow(num_classes=2, beta_1=9.0),
    "continuous": GaussianFlow(0.02),
    "diffusion": DiffusionFlow(None),
    "mixed": MixedFlow({"a": GaussianFlow(0.02), "b": CategoricalFlow(num_classes=5, beta_1=3.0)}),
}


@pytest.mark.parametrize("flow", FLOWS.values(), ids=FLOWS)
def test_the_log_snr_of_the_times_is_spread_evenly(flow):
    level = flow.log_snr(log_snr_times(U, flow.log_snr))
    first, last = flow.log_snr(torch.tensor([0.0, 1.0])).clamp(min=LEAST_LOG_SNR)
    torch.testing.assert_close(level, first + (last - first) * U.double(), rtol=0, atol=2e-3)


def test_the_times_are_those_of_the_schedule_s_own_inverse():
    schedule = GaussianFlow(0.02).schedule
    level = LEAST_LOG_SNR + (math.log(0.02**-2 - 1) - LEAST_LOG_SNR) * U.double()
    found = log_snr_times(U, GaussianFlow(0.02).log_snr).double()
    torch.testing.assert_close(found, schedule.t_of_beta(level.exp()), rtol=0, atol=1e-6)


def test_the_bound_s_integrand_at_these_times_is_the_loss_of_v_prediction():
    """x̂ of a network that errs by e^(-λ/4), so that neither end decides: closed form by quadrature.

    α(t) = r (1 + β), so that the mean of α/2 |x - x̂|² is r/2 times that of (1 + β)|x - x̂|².
    """
    flow = GaussianFlow(0.02)
    t = log_snr_times(U, flow.log_snr)
    error = torch.exp(-flow.log_snr(t) / 4).square()
    ours = (flow.schedule.alpha(t) / 2 * error).mean()
    level = torch.linspace(LEAST_LOG_SNR, math.log(0.02**-2 - 1), 100_001, dtype=torch.float64)
    v_prediction = torch.trapezoid((1 + level.exp()) * torch.exp(-level / 2), level)
    expected = -math.log(0.02) * v_prediction / (level[-1] - level[0])
    torch.testing.assert_close(ours, expected, rtol=2e-2, atol=0)


def test_times_stay_below_one_also_of_a_flow_that_never_has_a_signal():
    for log_snr in (GaussianFlow(0.02).log_snr, OneShotFlow(GaussianFlow(0.02)).log_snr):
        t = log_snr_times(torch.tensor([0.0, 0.5, 1.0]), log_snr)
        assert ((t >= 0) & (t < 1)).all()
