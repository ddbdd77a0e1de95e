"""Trainings side by side, and in grids: done once, kept where they are read, never done twice."""

from pathlib import Path

import pytest

from paramrel.models.config import ModelParams
from paramrel.runs.record import weights_hash
from paramrel.runs.run import load_run
from paramrel.runs.train import train_run
from paramrel.study.__main__ import main
from paramrel.study.ahead import train_ahead, train_all
from paramrel.study.cells import grid_cells
from paramrel.study.grid import ablate, long_runs
from paramrel.study.params import load_params
from paramrel.training.progress import Progress

TINY = load_params(Path(__file__).parents[1] / "tiny_params.yaml").model_copy(
    update={"methods": ("bfn", "paramrel"), "seeds": (0,), "jobs": 1}
)
RUNS = ["bfn-0", "paramrel-0"]


def weights(folder):
    return [weights_hash(load_run(folder / name).model.state_dict()) for name in RUNS]


def left(cache):
    return sorted((cache / "resume").glob("*/*.safetensors"))


def test_trainings_ahead_have_the_numbers_of_trainings_by_themselves(cache, steps, tmp_path):
    train_ahead("digits", TINY, tmp_path)
    assert steps == 2 * list(range(TINY.train.steps)) and left(cache) == []
    assert sorted(path.name for path in tmp_path.iterdir() if path != cache) == RUNS
    for name, found in zip(RUNS, weights(tmp_path), strict=True):
        run, _ = train_run("digits", name[:-2], 0, TINY.model, TINY.train, progress=False)
        assert weights_hash(run.model.state_dict()) == found
        assert load_run(tmp_path / name).record["recipe"] == run.record["recipe"]


def test_processes_change_no_number(tmp_path):
    train_ahead("digits", TINY, tmp_path / "one")
    train_ahead("digits", TINY.model_copy(update={"jobs": 2}), tmp_path / "two")
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


def test_only_what_is_missing_damaged_or_of_another_recipe_is_trained(steps, tmp_path):
    train_ahead("digits", TINY, tmp_path / "runs")
    once = list(range(TINY.train.steps))
    for change, again in (
        (lambda: None, []),
        (lambda: (tmp_path / "runs/bfn-0/model.safetensors").write_bytes(b"damaged"), once),
        (lambda: (tmp_path / "runs/bfn-0/history.csv").unlink(), once),
    ):
        steps.clear()
        change()
        train_ahead("digits", TINY, tmp_path / "runs")
        assert steps == again
    steps.clear()
    other = TINY.model_copy(update={"model": TINY.model.model_copy(update={"gamma": 0.5})})
    train_ahead("digits", other, tmp_path / "runs")
    assert steps == 2 * once


def test_runs_that_are_no_longer_of_the_study_go(tmp_path):
    train_ahead("digits", TINY, tmp_path / "runs")
    train_ahead("digits", TINY.model_copy(update={"methods": ("bfn",)}), tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["bfn-0"]


def test_the_command_trains_into_the_folder_of_the_study_and_names_what_is_wrong(
    tmp_path, monkeypatch
):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data").symlink_to(Path(__file__).parents[2] / "data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("paramrel.study.__main__.load_params", lambda: TINY)
    main(["ahead", "digits"])
    folder = tmp_path / "results" / "tiny" / "runs" / "digits"
    assert sorted(path.name for path in folder.iterdir()) == RUNS
    with pytest.raises(SystemExit, match="error: the study tiny has no run on 'mnist'"):
        main(["ahead", "mnist"])
    monkeypatch.setenv("PARAMREL_CACHE", "/dev/null/cache")
    (folder / "bfn-0" / "model.safetensors").unlink()
    with pytest.raises(SystemExit, match="error: .*PARAMREL_CACHE"):
        main(["ahead", "digits"])


def test_a_grid_is_measured_from_its_trained_cells_without_a_step(steps, tmp_path):
    now = ablate(TINY.ablation, TINY, progress=False)
    train_all(grid_cells("ablation", TINY), TINY, tmp_path / "cells")
    steps.clear()
    kept = ablate(TINY.ablation, TINY, folder=str(tmp_path / "cells"), progress=False)
    assert steps == [] and kept.equals(now)
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/cells/.* is missing"):
        ablate(TINY.ablation, TINY, steps=3, folder=str(tmp_path / "cells"), progress=False)


def test_the_grid_of_code_times_has_each_method_at_full_length_too(tmp_path, steps):
    short = TINY.model_copy(
        update={"train": TINY.train.model_copy(update={"steps": 3}), "model": ModelParams()}
    )
    cells = grid_cells("code_time", short)
    assert [cell.train.steps for cell in cells.values()] == 5 * [10] + 3 * [3]
    train_all(cells, short, tmp_path)
    steps.clear()
    found = long_runs(short.code_time, short, folder=str(tmp_path))
    assert steps == []
    assert [run.method for run, _ in found] == ["paramrel_same", "paramrel", "bfn"]
    assert [history["step"].iloc[-1] for _, history in found] == [3, 3, 3]


def test_an_interrupted_grid_repeats_no_training(cache, steps, monkeypatch, tmp_path):
    cells = grid_cells("ablation", TINY)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        original = Progress.next_batch

        def next_batch(self, *arguments):
            if len(steps) == TINY.ablation.steps + 3:  # in the second cell
                raise KeyboardInterrupt
            return original(self, *arguments)

        patch.setattr(Progress, "next_batch", next_batch)
        train_all(cells, TINY, tmp_path / "cells")
    steps.clear()
    train_all(cells, TINY, tmp_path / "cells")
    assert steps == list(range(TINY.ablation.steps)) and left(cache) == []
