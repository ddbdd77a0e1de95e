"""Grids of a method's numbers."""

from pathlib import Path

import pandas as pd

from paramrel.measures.trials import kernel_measures
from paramrel.study.cells import cell_name, grid_cells, long_cells, short_cells
from paramrel.study.grid import ablate
from paramrel.study.params import GRIDS, TrialParams, load_params

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


def test_a_method_that_gamma_and_lambda_do_not_weigh_has_one_cell_a_seed():
    grid = TINY.code_time.model_copy(update={"methods": ("bfn", "paramrel"), "seeds": (0, 1)})
    cells = short_cells(grid, TINY)
    assert [(c.method, c.seed, c.model.gamma) for c in cells if c.seed == 0] == [
        ("bfn", 0, TINY.model.gamma),
        ("paramrel", 0, 0.0),
        ("paramrel", 0, 1.0),
    ]
    assert len(cells) == 6 and len({cell_name(cell) for cell in cells}) == 6
    table = ablate(grid, TINY, steps=1, cells=2, progress=False)
    assert table["gamma"].isna().tolist() == table["lambda"].isna().tolist() == [True, False]


def test_every_combination_of_a_trials_lists_is_a_cell_and_all_else_that_of_the_model():
    vary = [
        {"method": "beta_vae", "beta": [0.5, 2.0]},
        {"method": "paramrel", "conditioning": ["adagn", "cross_attention"], "gamma": [0, 1.0]},
    ]
    grid = TrialParams(datasets=["digits"], seeds=[3], steps=7, vary=vary)
    cells = short_cells(grid, TINY)
    assert [(c.method, c.model.beta, c.model.conditioning, c.model.gamma) for c in cells] == [
        ("beta_vae", 0.5, TINY.model.conditioning, TINY.model.gamma),
        ("beta_vae", 2.0, TINY.model.conditioning, TINY.model.gamma),
        ("paramrel", TINY.model.beta, "adagn", 0.0),
        ("paramrel", TINY.model.beta, "adagn", 1.0),
        ("paramrel", TINY.model.beta, "cross_attention", 0.0),
        ("paramrel", TINY.model.beta, "cross_attention", 1.0),
    ]
    assert {(c.dataset, c.seed, c.train.steps, c.model.code_dim) for c in cells} == {
        ("digits", 3, 7, TINY.model.code_dim)
    }
    assert grid.varied == ("beta", "conditioning", "gamma")


def test_short_cells_have_the_numbers_of_model_and_long_ones_those_of_the_study():
    tuned = {"digits": {"paramrel": {"lambda": 3.0}}}
    params = TINY.model_copy(update={"tuned": tuned})
    grid = params.code_time.model_copy(update={"methods": ("paramrel",)})
    assert {cell.model.lambda_ for cell in short_cells(grid, params)} == {1.0}
    assert {cell.model.lambda_ for cell in long_cells(grid, params)} == {3.0}


def test_every_grid_of_params_has_cells_of_its_own():
    assert GRIDS == (
        "ablation", "code_time", "trials.rivals", "trials.kernels", "trials.attention"
    )  # fmt: skip
    assert [len(grid_cells(name, TINY)) for name in GRIDS] == [2, 8, 4, 2, 2]


def test_what_else_is_measured_stands_behind_what_is_always_measured():
    table = ablate(TINY.trials.kernels, TINY, 1, 1, progress=False, also=kernel_measures)
    assert table["kernel"].tolist() == ["released"] and table["code_dim"].tolist() == [32]
    assert list(table)[:3] == ["kernel", "code_dim", "gamma"]
    assert list(table)[-2:] == ["aggregate_std", "marginal_kl"]
