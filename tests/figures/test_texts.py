"""Pictures of texts say what was measured: letters, colours, floors and ceilings."""

import numpy as np
import pandas as pd
import pytest
import torch

from paramrel import figures
from paramrel.data.alphabet import Alphabet

KNOWN = pd.DataFrame(
    {
        "share": [0.0, 1.0] * 3,
        "factor": ["verb"] * 2 + ["tense"] * 2 + ["number"] * 2,
        "accuracy": [0.2, 0.9] * 3,
        "floor": [0.2] * 6,
        "ceiling": [0.2, 1.0] * 3,
    }
)


def words(axis):
    return [text.get_text() for text in axis.texts]


def test_the_likeliest_letter_stands_on_the_colour_of_its_probability():
    probs = torch.tensor([[[0.1, 0.2, 0.7], [0.9, 0.05, 0.05]], [[0.4, 0.3, 0.3], [0.2, 0.8, 0.0]]])
    figure = figures.likely_letters(probs, Alphabet(" ab", pad=" "), ["early", "late"], "a title")
    axis = figure.axes[0]
    assert words(axis) == ["b", "·", "·", "a"]
    assert [[float(f"{p:.1f}") for p in row] for row in axis.images[0].get_array()] == [
        [0.7, 0.9],
        [0.4, 0.8],
    ]
    assert axis.images[0].get_clim() == (0, 1)
    assert [label.get_text() for label in axis.get_yticklabels()] == ["early", "late"]


def test_every_factor_has_a_panel_between_its_floor_and_its_ceiling():
    figure = figures.factor_knowledge(KNOWN)
    panels = [axis for axis in figure.axes if axis.get_title()]
    assert [axis.get_title() for axis in panels] == ["verb", "tense", "number"]
    ceiling, accuracy, floor = panels[0].lines
    assert (ceiling.get_ydata().tolist(), floor.get_ydata().tolist()) == ([0.2, 1], [0.2, 0.2])
    assert accuracy.get_ydata().tolist() == [0.2, 0.9]
    assert "characters" in figure.get_supxlabel() and "accuracy" in figure.get_supylabel()


def test_weights_are_shares_of_each_factor_and_its_scalars_stand_together():
    figure = figures.factor_weights(np.array([[0.0, 3.0], [2.0, 1.0]]), ["verb", "tense"])
    axis = figure.axes[0]
    shares = axis.collections[0].get_array().reshape(2, 2)
    assert shares.sum(1).tolist() == [1, 1]
    assert shares.tolist() == [[1, 0], [0.25, 0.75]]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["z1", "z0"]


def test_bits_are_a_line_of_orders_and_a_line_a_model():
    table = pd.DataFrame(
        {"model": ["1-grams", "2-grams", "bfn, bound"], "bits_per_character": [3.0, 2.0, 1.5]}
    )
    axis = figures.text_bits(table).axes[0]
    assert axis.lines[0].get_xydata().tolist() == [[1, 3], [2, 2]]
    assert axis.lines[1].get_ydata() == pytest.approx([1.5, 1.5])
    assert axis.get_ylim()[0] == 0 and "bits" in axis.get_ylabel()
