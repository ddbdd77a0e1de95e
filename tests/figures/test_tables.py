"""Figures of tables say what they show."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from paramrel import figures


def table(seed=0, rows=50):
    rng = np.random.default_rng(seed)
    kind = pd.Categorical(rng.choice(["a", "b"], rows))
    return pd.DataFrame({"x": rng.normal(size=rows), "y": rng.normal(size=rows), "kind": kind})


REAL, DRAWN = table(0), table(1)
CODES = np.random.default_rng(0).normal(size=(50, 4))
FIGURES = {
    "cell draws": lambda: figures.cell_draws(REAL, [DRAWN, REAL], [(3, "x"), (7, "kind")]),
    "marginals": lambda: figures.column_marginals(REAL, DRAWN, {"x": 0.1, "y": 0.2, "kind": 0.3}),
    "codes": lambda: figures.code_map(CODES, REAL["kind"]),
    "pairs": lambda: figures.row_pairs({"real": REAL, "drawn": DRAWN}, "x", "y", "kind"),
}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_has_words_on_its_axes_and_a_legend(name):
    figure = FIGURES[name]()
    figure.canvas.draw()
    assert all(axis.get_xlabel() for axis in figure.axes)
    assert figure.axes[0].get_ylabel()
    assert figure.legends or figure.axes[0].get_legend()
    plt.close(figure)


def test_the_truth_of_a_hidden_number_is_marked_where_it_lies():
    figure = FIGURES["cell draws"]()
    (line,) = figure.axes[0].lines
    assert [*line.get_xdata()] == [REAL.loc[3, "x"]] * 2
    assert figure.axes[1].get_title() == f"row 7: truth {REAL.loc[7, 'kind']}"
    plt.close(figure)


def test_bars_are_the_shares_of_the_classes():
    figure = FIGURES["marginals"]()
    heights = [bar.get_height() for bar in figure.axes[2].patches]
    shares = REAL["kind"].value_counts(normalize=True)
    drawn = DRAWN["kind"].value_counts(normalize=True)
    assert heights == pytest.approx([*shares, *drawn[shares.index]])
    plt.close(figure)
