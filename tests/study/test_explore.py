"""The sliders draw, and what they draw is what they say."""

import io
from dataclasses import replace

import ipywidgets as widgets
import numpy as np
import PIL.Image
import pytest
import torch

from paramrel.data import load_dataset
from paramrel.measures.robustness import HIDDEN
from paramrel.models.config import ModelParams
from paramrel.runs.train import train_run
from paramrel.study.explore import (
    Completed,
    Eraser,
    Explorer,
    Look,
    Observation,
    eraser,
    png,
    sliders,
)
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)


@pytest.fixture(scope="module")
def explorer():
    params = TrainParams(steps=30, batch_size=64, evaluations=1)
    model = train_run("digits", "paramrel", 0, SMALL, params, progress=False)[0].model
    return Explorer(model, load_dataset("digits").test.x[:20], steps=3)


def parts(widget, kind):
    """Return all widgets of a kind inside another, from left to right."""
    if isinstance(widget, kind):
        return [widget]
    return [found for child in getattr(widget, "children", ()) for found in parts(child, kind)]


def named(view):
    return {s.description: s for s in parts(view, (widgets.IntSlider, widgets.FloatSlider))}


def test_there_is_a_slider_for_the_image_the_time_the_noise_and_every_dimension(explorer):
    names = ["image", "code time s", "noise seed", "z0", "z1", "z2", "z3"]
    assert list(named(sliders(explorer))) == names


@pytest.mark.parametrize(
    ("slider", "value", "changed"),
    [
        ("image", 3, {"image", "theta", "expected"}),
        ("code time s", 0.3, {"theta", "expected"}),
        ("noise seed", 7, {"decoded"}),
        ("z2", 3.0, {"expected"}),
    ],
)
def test_moving_a_slider_redraws_what_depends_on_it_and_nothing_else(
    explorer, slider, value, changed
):
    view = sliders(explorer)
    before = [picture.value for picture in parts(view, widgets.Image)]
    named(view)[slider].value = value
    after = [picture.value for picture in parts(view, widgets.Image)]
    found = {n for n, a, b in zip(Look._fields, before, after, strict=True) if a != b}
    assert changed <= found <= changed | {"decoded"}


def test_the_button_brings_the_first_pictures_back(explorer):
    view = sliders(explorer)
    before = [picture.value for picture in parts(view, widgets.Image)]
    named(view)["z0"].value = 2.0
    parts(view, widgets.Button)[0].click()
    assert named(view)["z0"].value == 0
    assert [picture.value for picture in parts(view, widgets.Image)] == before


def test_a_picture_is_a_png_in_which_one_is_black():
    shown = np.asarray(PIL.Image.open(io.BytesIO(png(torch.tensor([[0.0, 1.0]])))))
    assert set(shown[:, : shown.shape[1] // 2].flat) == {255}
    assert set(shown[:, shown.shape[1] // 2 :].flat) == {0}


def test_a_move_counts_in_standard_deviations_of_the_codes(explorer):
    setting = explorer.start(2)
    assert setting.moved(1, 2.0).moved(1, -0.5).moves == (0.0, 1.5, 0.0, 0.0)
    generator = torch.Generator().manual_seed(0)
    codes = explorer.model.encode(explorer.x, torch.ones(20), generator).mean
    torch.testing.assert_close(explorer.spread, codes.std(0))


def test_the_strongest_dimension_is_the_one_that_the_decoder_is_made_to_listen_to(explorer):
    only = Explorer(explorer.model, explorer.x, steps=3)
    only.spread[[0, 1, 3]] = 0.0
    assert only.strongest(only.start(0), 1) == [2]


def test_equal_settings_give_equal_pictures(explorer):
    setting = explorer.start(5).moved(0, 1.0)
    for once, again in zip(explorer.look(setting), explorer.look(setting), strict=True):
        assert torch.equal(once, again)


@pytest.fixture(scope="module")
def hiding():
    params = TrainParams(steps=30, batch_size=64, evaluations=1)
    model = train_run("digits", "paramrel_evidence", 0, SMALL, params, progress=False)[0].model
    return Eraser(model, load_dataset("digits").test.x[:20], steps=3)


def test_what_is_seen_stays_in_every_picture_and_the_rest_is_grey_expected_or_drawn(hiding):
    observation = Observation(3, "lower", 0.7, 5)
    seen, image = hiding.seen(observation)[0, 0], hiding.x[3, 0].float()
    assert not seen[4:].any() and 0.4 < seen[:4].float().mean() < 1
    look = hiding.look(observation)
    assert all(torch.equal(picture[seen], image[seen]) for picture in look)
    assert (look.seen[~seen] == 0.5).all()
    assert ((0 < look.expected) & (look.expected < 1))[~seen].all()
    assert all(set(draw.unique().tolist()) <= {0.0, 1.0} for draw in look[2:])
    again = hiding.look(observation)
    assert all(torch.equal(*pair) for pair in zip(look, again, strict=True))


def test_where_nothing_is_hidden_the_image_comes_back(hiding):
    for picture in hiding.look(Observation(3, "nothing", 1.0, 0)):
        assert torch.equal(picture, hiding.x[3, 0].float())


def test_the_eraser_has_a_control_for_each_choice_and_redraws(hiding):
    view = eraser(hiding)
    (hide,) = parts(view, widgets.Dropdown)
    assert hide.options == ("nothing", *HIDDEN)
    assert list(named(view)) == ["image", "share seen", "seed"]
    before = [picture.value for picture in parts(view, widgets.Image)]
    hide.value = "disc"
    after = [picture.value for picture in parts(view, widgets.Image)]
    assert len(after) == len(Completed._fields) and after[0] != before[0]


def test_frames_are_what_the_decoder_expects_of_each_time_with_one_scalar_moved(explorer):
    found = explorer.frames(3, [-3.0, 0.0, 3.0], [0.0, 0.5])
    assert found.held.shape == (2, 8, 8) and found.expected.shape == (4, 3, 2, 8, 8)
    np.testing.assert_array_equal(found.image, explorer.x[3, 0])
    own = explorer.start(3)
    for place, name in enumerate(found.choices):
        moved = explorer.look(own.moved(int(name[1:]), 3.0)).expected
        np.testing.assert_allclose(found.expected[place, 2, 0], moved, atol=1e-6)
    np.testing.assert_allclose(found.held[1], explorer.look(replace(own, s=0.5)).theta, atol=1e-6)
    change = np.abs(found.expected[:, 2, 0] - found.expected[:, 0, 0]).sum((1, 2))
    assert (np.diff(change) <= 0).all(), "the scalar that changes most comes first"
