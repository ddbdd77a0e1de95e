"""The pictures of the data: what they show, pixel by pixel, and that every kind can be drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image

from paramrel import figures
from paramrel.data import Dataset, Split, load_dataset
from paramrel.data.drawn.scenes import SCENE_FACTORS, render_scenes
from paramrel.data.sets.digits import write_digits
from paramrel.figures.data import write_grid


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture
def digits(tmp_path):
    write_digits(tmp_path)
    return load_dataset("digits_continuous", tmp_path)


def canvas(figure):
    return figure.axes[0].images[0].get_array()


def test_images_stand_in_their_rows_each_pixel_enlarged_to_a_square():
    x = torch.rand(5, 1, 4, 4)
    colors = torch.rand(2, 3, 8, 8)
    image = canvas(figures.image_grid({"grey": x[:3], "colour": colors}, side=8))
    assert image.shape == (22, 33, 3)
    enlarged = x[1, 0].repeat_interleave(2, 0).repeat_interleave(2, 1)
    np.testing.assert_allclose(image[:8, 11:19, 2], enlarged)
    np.testing.assert_allclose(image[11:19, 11:19], colors[1].permute(1, 2, 0))
    assert (image[11:, 22:] == 1).all()  # the shorter row ends in white


def test_a_written_figure_holds_each_of_its_pixels_four_times(tmp_path):
    figure = figures.image_grid({"": torch.rand(6, 3, 8, 8)}, side=8)
    write_grid(figure, tmp_path / "new" / "a.png")
    pixels = np.asarray(Image.open(tmp_path / "new" / "a.png").convert("RGB"))
    assert np.array_equal(pixels[::2, ::2], pixels[1::2, 1::2])


def test_a_factor_is_varied_alone():
    values = torch.tensor([1, 2, 3, 4, 0, 5])
    figure = figures.factors_alone(SCENE_FACTORS, lambda v: render_scenes(v, 16), values, columns=4)
    varied = values.repeat(4, 1)
    varied[:, 5] = torch.tensor([0, 5, 9, 14])
    expected = render_scenes(varied, 16).float()[2] / 255
    image = canvas(figure)[67 * 5 :, 67 * 2 :][:64, :64][::4, ::4]
    np.testing.assert_allclose(image, expected.permute(1, 2, 0))
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[-1] == "orientation (15)"


def test_classes_and_attributes_are_shown_by_their_shares(digits):
    bars = figures.balance({"digits": digits}).axes[0].patches
    heights = np.array([bar.get_height() for bar in bars]).reshape(3, 10)
    counts = torch.bincount(digits.test.labels) / 360
    np.testing.assert_allclose(heights[2], counts, rtol=1e-6)
    attributes = torch.arange(8).view(8, 1) < torch.tensor([2, 8, 4])
    split = Split(torch.zeros(8, 1, 4, 4), torch.zeros(8).long(), attributes=attributes)
    faces = Dataset(
        "faces", "binary", (1, 4, 4), 2, split, split, split, (), "", "", ("a", "b_c", "d")
    )
    axis = figures.attribute_balance(faces).axes[0]
    assert axis.lines[0].get_ydata().tolist() == [1, 0.5, 0.25]
    assert list(axis.lines[0].get_xdata()) == ["b c", "d", "a"]


def test_the_grey_image_is_the_mean_of_its_dynamic_draws(digits):
    levels = (8 * (digits.test.x[:3] + 1)).to(torch.uint8)
    image = canvas(figures.binarizations(levels, 16, torch.Generator().manual_seed(0)))
    grey, mean = image[:48], image[51 * 6 : 51 * 6 + 48]
    assert np.abs(grey - mean).max() < 0.2 and np.abs(grey - mean).mean() < 0.02


@pytest.mark.parametrize(("kind", "start"), [("png", b"\x89PNG"), ("jpeg", b"\xff\xd8\xff")])
def test_a_picture_is_of_its_kind_and_its_figure_is_closed(digits, kind, start):
    figure = figures.contact_sheet({"digits": digits}, 5)
    assert figures.picture(figure, kind).data.startswith(start)
    assert plt.get_fignums() == []
