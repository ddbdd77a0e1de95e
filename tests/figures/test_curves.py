"""Every figure can be drawn from what the study measures, and says what its axes are."""

import runpy
from importlib import import_module
from inspect import isfunction
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
import pytest
import torch

from paramrel import figures
from paramrel.figures import palette
from paramrel.models.methods import METHODS

FILES = [path.stem for path in Path(figures.__file__).parent.glob("[!_]*.py")]

METHOD_ROWS = pd.DataFrame(
    {
        "method": ["bfn", "paramrel", "paramrel_same"] * 2,
        "seed": [0, 0, 0, 1, 1, 1],
        "nll_bound": [18.0, 25.0, 18.5] * 2,
        "transmission": [17.0, 8.0, 18.0] * 2,
        "reconstruction": [1.0, 1.0, 0.5] * 2,
        "rate": [0.0, 16.0, 0.0] * 2,
        "shuffled_code": [None, 120.0, 0.0] * 2,
        "probe_t0.5": [None, 0.8, 0.5] * 2,
        "probe_t1": [None, 0.9, 0.7] * 2,
        "probe_t1_sem": [None, 0.01, 0.01] * 2,
    }
)
ERRORS = pd.DataFrame(
    {
        "method": ["paramrel"] * 5 + ["vae"],
        "way": ["mean image", "theta", "theta", "code", "code", "code"],
        "time": [0.0, 0.5, 1.0, 0.5, 1.0, 1.0],
        "log_snr": [None, 0.8, 2.2, 0.8, 2.2, -float("inf")],
        "mse": [0.13, 0.04, 0.0, 0.08, 0.06, 0.05],
    }
)
TWO_SEEDS = pd.DataFrame({"method": ["paramrel", "vae"] * 2, "seed": [0, 0, 1, 1]})
ROBUST = TWO_SEEDS.merge(
    pd.DataFrame(
        {
            "log_snr": [-1.0, 1.0, float("inf"), float("inf")],
            "hidden": ["nothing", "nothing", "nothing", "right"],
            "accuracy": [0.3, 0.5, 0.9, 0.6],
        }
    ),
    how="cross",
).assign(trained_on="clean", floor_accuracy=0.1)
CONDITIONAL = TWO_SEEDS.assign(
    source="examples", accuracy=0.9, accuracy_real=0.95, accuracy_floor=0.1, diversity=0.8
)
PATHS = TWO_SEEDS.assign(
    path_over_chord=2.0,
    label_switches=1.5,
    label_switches_floor=0.9,
    path_length=10.0,
    epsilon=0.05,
    midpoint_distance=3.0,
    endpoint_distance=1.0,
)
MOVED = TWO_SEEDS.merge(
    pd.DataFrame({"amount": [0.0, 3.0], "share": [0.0, 0.8], "change": [0.1, 0.2]}), how="cross"
)
HISTORY = pd.DataFrame(
    {
        "step": [1, 2],
        **{f"train_{part}": [2.0, 1.0] for part in ("data", "rate", "divergence")},
        **{f"validation_{part}": [2.0, 1.0] for part in ("nll", "transmission", "rate", "data")},
    }
)
CURVE = pd.DataFrame(
    {
        "representation": ["code", "θ"] * 2,
        "log_snr": [-2.0, -2.0, 2.0, 2.0],
        "accuracy": [0.2, 0.3, 0.9, 0.95],
        "floor_accuracy": 0.1,
    }
)
TIMES = pd.DataFrame(
    {
        "method": ["bfn"] * 2 + ["paramrel"] * 2,
        "log_snr": [-2.0, 2.0] * 2,
        "kl": [None, None, 1.0, 9.0],
        "information_lower": [None, None, 0.5, 5.7],
        "information_upper": [None, None, 0.9, 5.9],
        "transmitted": [0.8, 14.0, None, None],
        "cap": 5.9,
    }
)
GRID = pd.DataFrame(
    {
        "dataset": "digits",
        "method": ["paramrel", "paramrel", "bfn", "vae"],
        "gamma": [0.0, 1.0, 0.9, 0.9],
        "lambda": 1.0,
        "kl": [0.0, 30, None, 12.0],
        "nll_bound": [20.0, 40.0, 19.0, 900.0],
    }
)
PLANE = GRID[:2]
CODE_TIME = {"nll_bound": "bound on −ln p(x), nats", "kl": "rate, nats"}
FIGURES = {
    "learning curves": lambda: figures.learning_curves(HISTORY),
    "learning curves without a bound": lambda: figures.learning_curves(
        HISTORY.drop(columns=["validation_nll", "validation_transmission", "validation_rate"])
    ),
    "likelihood": lambda: figures.likelihood_bars(METHOD_ROWS, 25.1),
    "probes": lambda: figures.probes_over_time(METHOD_ROWS, 0.93, 0.88),
    "shuffled code": lambda: figures.shuffled_code(METHOD_ROWS),
    "reconstruction": lambda: figures.reconstruction_errors(ERRORS),
    "reconstruction without codes": lambda: figures.reconstruction_errors(ERRORS[:3]),
    "robust codes": lambda: figures.robust_codes(ROBUST),
    "conditional accuracy": lambda: figures.conditional_accuracy(CONDITIONAL),
    "smoothness": lambda: figures.smoothness(PATHS),
    "moved to a class": lambda: figures.moved_to_a_class(MOVED),
    "moved pixels": lambda: figures.moved_pixels(MOVED),
    "probes over log-SNR": lambda: figures.probes_over_snr(CURVE),
    "code time": lambda: figures.code_time_panels(GRID, CODE_TIME),
    "code time without levels": lambda: figures.code_time_panels(PLANE, CODE_TIME),
    "information": lambda: figures.information_curves(TIMES, HISTORY.assign(method="paramrel")),
    "information without a ceiling": lambda: figures.information_curves(
        TIMES[2:], HISTORY.assign(method="paramrel")
    ),
    "ablation": lambda: figures.ablation_planes(PLANE, {"kl": "rate, nats"}),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_with_words_on_its_axes(name):
    figure = FIGURES[name]()
    figure.canvas.draw()
    assert all(axis.get_xlabel() for axis in figure.axes)
    assert any(axis.get_ylabel() or axis.get_yticklabels() for axis in figure.axes)
    plt.close(figure)


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_drawn_the_same_twice(name):
    """A jitter drawn from the global generator would change a file that no number changed."""
    pictures = []
    for _ in range(2):
        figure = FIGURES[name]()
        figure.canvas.draw()
        pictures.append(bytes(figure.canvas.buffer_rgba()))
        plt.close(figure)
    assert pictures[0] == pictures[1]


def names_in(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_a_method_without_gamma_is_a_level_across_where_it_has_the_number():
    figure = figures.code_time_panels(GRID, CODE_TIME)
    bound, rate = figure.axes
    assert names_in(figure.legends[0]) == ["paramrel", "bfn", "vae"]
    assert [*bound.lines[-1].get_ydata()] == [19.0, 19.0]
    assert [*rate.lines[-1].get_ydata()] == [12.0, 12.0]
    plt.close(figure)


def test_a_level_far_off_is_named_at_the_edge_and_leaves_the_scale_alone():
    figure = figures.code_time_panels(GRID, CODE_TIME)
    assert [text.get_text() for text in figure.axes[0].texts] == ["↑ vae: 900"]
    assert figure.axes[0].get_ylim()[1] < 60
    plt.close(figure)


def test_the_ceiling_of_information_is_cut_at_what_so_many_examples_can_show():
    figure = figures.information_curves(TIMES, HISTORY.assign(method="paramrel"))
    assert [*figure.axes[0].lines[0].get_ydata()] == [0.8, 5.9]
    assert names_in(figure.legends[0])[0].startswith("no code tells more")
    plt.close(figure)


def drawn(rows, **options):
    """The axis of `image_rows`, and what is drawn on it: (H, W, 3) in [0, 1]."""
    figure = figures.image_rows(rows, **options)
    axis = figure.axes[0]
    plt.close(figure)
    return axis, axis.images[0].get_array()


def test_rows_of_images_are_drawn_with_their_names():
    images = torch.rand(3, 1, 8, 8)
    axis, _ = drawn({"first": images, "second": images}, columns=["a", "b", "c"])
    assert [label.get_text() for label in axis.get_yticklabels()] == ["first", "second"]
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b", "c"]


def test_ink_is_black_on_paper_and_colours_are_light():
    _, ink = drawn({"classes": torch.tensor([0, 1]).view(2, 1, 1, 1).expand(2, 1, 8, 8)})
    assert ink[:8, :8].min() == 1 and ink[:8, 9:].max() == 0  # a gap of one pixel between them
    colours = torch.tensor([-1.0, 0.0, 1.0]).view(1, 3, 1, 1).expand(1, 3, 8, 8)
    _, light = drawn({"colours": colours})
    assert light[0, 0].tolist() == [0, 0.5, 1]


def test_a_figure_without_rows_says_so():
    figure = figures.image_rows({}, "digits")
    assert figure.texts[0].get_text() == "digits: none of these methods"
    plt.close(figure)


def test_a_gap_stands_after_every_block():
    images = torch.ones(4, 1, 8, 8).long()
    _, together = drawn({"row": images})
    _, apart = drawn({"row": images}, block=2)
    assert apart.shape[1] - together.shape[1] == 4


def test_every_method_has_its_own_color():
    assert set(figures.METHOD_COLORS) == set(METHODS)
    assert len(set(figures.METHOD_COLORS.values())) == len(METHODS)


def test_a_new_method_has_a_color_before_anyone_has_chosen_one(monkeypatch):
    monkeypatch.setitem(METHODS, "new", METHODS["bfn"])
    colors = runpy.run_path(palette.__file__)["METHOD_COLORS"]
    assert colors.pop("new") not in colors.values()
    assert colors == figures.METHOD_COLORS


@pytest.mark.parametrize("name", FILES)
def test_what_a_file_of_figures_draws_is_found_among_them(name):
    module = import_module(f"paramrel.figures.{name}")
    own = {
        key for key, value in vars(module).items()
        if isfunction(value) and value.__module__ == module.__name__ and key[0] != "_"
    }  # fmt: skip
    assert own <= {*module.__all__}
    assert all(getattr(figures, key) is getattr(module, key) for key in module.__all__)
