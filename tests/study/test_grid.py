"""The grid of γ and λ."""

from pathlib import Path

import pandas as pd

from paramrel.study.grid import ablate
from paramrel.study.params import load_params

TINY = load_params(Path(__file__).parents[1] / "tiny_params.yaml").model_copy(update={"jobs": 1})


def test_every_cell_of_the_grid_is_trained_with_its_own_weights_and_measured():
    table = ablate(TINY.ablation, TINY, progress=False)
    assert table[["seed", "lambda", "gamma"]].values.tolist() == [[0, 1, 0], [0, 1, 1]]
    assert (table["steps"] == TINY.ablation.steps).all()
    assert table["nll_bound"].nunique() == 2


def test_fewer_steps_and_cells_can_be_asked_for():
    table = ablate(TINY.ablation, TINY, steps=1, cells=1, progress=False)
    assert table["steps"].tolist() == [1] and table["gamma"].tolist() == [0]


def test_processes_share_the_cells_and_change_no_number():
    one = ablate(TINY.code_time, TINY, steps=2, cells=3, progress=False)
    two = ablate(TINY.code_time, TINY.model_copy(update={"jobs": 2}), 2, 3, progress=False)
    pd.testing.assert_frame_equal(one, two)
    assert one["method"].tolist() == ["paramrel_same", "paramrel_same", "paramrel"]
