import math

import pytest
import torch
from torch import nn

from paramrel.metrics.distances import frechet_distance
from paramrel.metrics.extractors import Classifier, Extractor
from paramrel.metrics.smoothness import midpoint_distance, path_length, path_shape

PIXELS = Extractor("pixels", lambda x: x.flatten(1), "hash")


def generator():
    return torch.Generator().manual_seed(0)


def sign_judge():
    """Class 1 where the first pixel is positive, else class 0."""
    head = nn.Linear(4, 2, bias=False).double()
    with torch.no_grad():
        head.weight.copy_(torch.tensor([[-1.0, 0, 0, 0], [1.0, 0, 0, 0]]))
    return Classifier("sign", lambda x: x.flatten(1), "judge", head)


def linear(codes):
    return codes.view(-1, 1, 2, 2) / 10


def circle(codes):
    """The first code number is an angle on a circle of radius ½ in the first two pixels."""
    angle = codes[:, 0]
    zero = torch.zeros_like(angle)
    return torch.stack([angle.cos(), angle.sin(), zero, zero], 1).view(-1, 1, 2, 2) / 2


START = torch.randn(200, 4, generator=generator()).double()
END = torch.randn(200, 4, generator=generator().manual_seed(1)).double()
ANGLES = torch.zeros(5, 1).double()


@pytest.mark.parametrize("epsilon", [0.01, 0.5, 1.0])
def test_path_length_of_a_linear_decoder_is_its_squared_chord_whatever_epsilon(epsilon):
    row = path_length(linear, PIXELS, START, END, generator(), epsilon)
    chord = ((START - END) ** 2).sum(1).mean().item() / 100
    assert row["path_length"] == pytest.approx(chord)
    assert row["path_length_chord"] == pytest.approx(chord)
    assert row["epsilon"] == epsilon


def test_path_length_on_a_half_circle_is_its_arc_squared():
    row = path_length(circle, PIXELS, ANGLES, ANGLES + math.pi, generator(), 0.01)
    assert row["path_length"] == pytest.approx((math.pi / 2) ** 2, rel=1e-3)
    assert row["path_length_chord"] == pytest.approx(1)


def test_no_path_is_followed_beyond_its_ends():
    row = path_length(lambda z: linear(z**2), PIXELS, START / 2, END / 2, generator(), 1.0)
    assert row["path_length"] == pytest.approx(row["path_length_chord"])


def test_path_over_chord_is_one_on_a_line_and_half_pi_on_a_half_circle():
    row = path_shape(linear, PIXELS, sign_judge(), START, END)
    assert row["path_over_chord"] == pytest.approx(1)
    row = path_shape(circle, PIXELS, sign_judge(), ANGLES, ANGLES + math.pi, steps=200)
    assert row["path_over_chord"] == pytest.approx(math.pi / 2, rel=1e-3)


def test_a_straight_path_switches_labels_only_as_often_as_its_ends_ask_for():
    row = path_shape(linear, PIXELS, sign_judge(), START, END)
    differ = ((START[:, 0] > 0) != (END[:, 0] > 0)).double().mean().item()
    assert row["label_switches"] == row["label_switches_floor"] == pytest.approx(differ)


def test_a_path_through_another_class_switches_twice_though_its_ends_agree():
    start, end = ANGLES, ANGLES + 2 * math.pi - 0.1
    row = path_shape(circle, PIXELS, sign_judge(), start, end)
    assert (row["label_switches"], row["label_switches_floor"]) == (2, 0)


def test_paths_with_equal_ends_have_a_stated_nan():
    row = path_shape(linear, PIXELS, sign_judge(), START, START)
    assert math.isnan(row["path_over_chord"])
    assert row["note"] == "200 paths have equal ends and no ratio"


def test_midpoints_of_a_linear_decoder_leave_its_data_by_their_lower_variance():
    data = linear(START)
    row = midpoint_distance(linear, PIXELS, START, END, data)
    middle = linear((START + END) / 2).flatten(1)
    expected = frechet_distance(middle, data.flatten(1))
    assert row["midpoint_distance"] == pytest.approx(expected)
    assert row["endpoint_distance"] == pytest.approx(0, abs=1e-9) != row["midpoint_distance"]
    assert row["metric"] == "fd[pixels]@200"


def noisy(codes):
    return linear(codes) + 1e-3 * torch.rand(len(codes), 1, 2, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: path_length(noisy, PIXELS, START, END, generator()), "noise must be held fixed"),
        (lambda: path_length(linear, PIXELS, START, END, generator(), 0.0), "epsilon is 0.0"),
        (lambda: path_length(linear, PIXELS, START, END[:3], generator()), "must match"),
        (lambda: path_shape(linear, PIXELS, sign_judge(), START, END, steps=1), "at least 2"),
        (lambda: path_shape(linear, PIXELS, sign_judge(), START * math.nan, END), "NaN"),
        (lambda: midpoint_distance(linear, PIXELS, START, END, linear(START)[:4]), "4 examples"),
    ],
)
def test_senseless_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
