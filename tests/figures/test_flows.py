"""The numbers behind the figures of flows."""

import math

import numpy as np
import pytest
import torch
from torch import Generator

from paramrel.flows import CategoricalFlow, GaussianFlow, PointMass
from paramrel.measures.messages import Message, costs, pixel_message, theta_path
from paramrel.solvers import exact_predictor

IMAGES = torch.randint(2, (20, 1, 4, 4), generator=Generator().manual_seed(0))


@pytest.mark.parametrize("alpha", [0.1, 1.0, 100.0])
def test_a_message_to_a_wrong_point_costs_half_its_accuracy_times_the_squared_error(alpha):
    out = PointMass(torch.full((1, 1, 4, 4), 0.2))
    x = torch.full((1, 1, 4, 4), 0.5)
    message = pixel_message(GaussianFlow(), out, x, (1, 2), alpha)
    assert message.kl == pytest.approx(alpha / 2 * 0.09, rel=0.01)


def test_a_message_that_is_foreseen_costs_nothing():
    message = Message(2.0, 1.0, np.array([-1.0, 1.0]), np.array([0.0, 1.0]))
    assert message.kl == pytest.approx(0, abs=1e-9)


def test_a_hopelessly_loud_message_about_two_classes_costs_what_the_class_was_worth():
    message = Message(1000.0, 1.0, np.array([-1.0, 1.0]), np.array([0.75, 0.25]))
    assert message.kl == pytest.approx(math.log(4), rel=1e-3)


def test_a_path_of_messages_has_the_precision_of_its_times():
    flow, times = GaussianFlow(), [0.0, 0.3, 1.0]
    path = theta_path(flow, torch.zeros(2, 3), times, Generator().manual_seed(0))
    expected = 1 + flow.schedule.beta(torch.tensor(times))
    assert [theta.precision[0].item() for theta in path] == pytest.approx(expected.tolist())


def test_known_images_cost_the_logarithm_of_their_number():
    flow = CategoricalFlow(2)
    predict = exact_predictor(flow, IMAGES)
    times = torch.linspace(0, 1, 61).tolist()
    x = IMAGES.repeat(50, 1, 1, 1)
    table = costs(flow, predict, x, times, Generator().manual_seed(0))
    assert table["entropy"].iloc[0] == pytest.approx(math.log(2))
    assert table["transmitted"].iloc[-1] == pytest.approx(math.log(20), rel=0.03)
