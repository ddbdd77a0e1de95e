"""Runs of the study: read where they are, trained where they are not, and never lost."""

import os
from pathlib import Path

import pytest

from paramrel.models.config import ModelParams
from paramrel.runs.record import weights_hash
from paramrel.runs.run import load_run
from paramrel.study import runs
from paramrel.study.params import Cell, load_params
from paramrel.study.results import write_json
from paramrel.study.runs import (
    load_or_train,
    read_measured,
    read_runs,
    run_and_history,
    train_once,
)
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
CELL = Cell("digits", "bfn", 0, SMALL, TrainParams(steps=3, batch_size=16, evaluations=1))
PARAMS = load_params(Path(__file__).parents[1] / "tiny_params.yaml")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("paramrel.training.loop.VALIDATED", 20)
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def trainings(monkeypatch):
    """Count the trainings that begin."""
    begun, train_run = [], runs.train_run

    def counting(*cell, **words):
        begun.append(cell)
        return train_run(*cell, **words)

    monkeypatch.setattr(runs, "train_run", counting)
    return begun


def test_a_run_is_trained_once_and_read_from_then_on(tmp_path, trainings, cache):
    first, history = train_once(CELL, tmp_path / "run", progress=False)
    again, same = train_once(CELL, tmp_path / "run", progress=False)
    assert len(trainings) == 1 and same["step"].tolist() == history["step"].tolist() == [3]
    assert weights_hash(again.model.state_dict()) == weights_hash(first.model.state_dict())
    assert not list(cache.glob("resume/*/*.safetensors"))
    other = CELL._replace(train=CELL.train.model_copy(update={"learning_rate": 1e-4}))
    train_once(other, tmp_path / "run", progress=False)
    assert len(trainings) == 2
    assert load_run(tmp_path / "run").train.learning_rate == 1e-4


@pytest.mark.parametrize("what", ["a file", "below a file"])
def test_a_target_that_cannot_be_written_is_found_before_the_first_step(tmp_path, trainings, what):
    (tmp_path / "file").touch()
    place = tmp_path / "file" if what == "a file" else tmp_path / "file" / "run"
    with pytest.raises(OSError, match=f"{tmp_path}/file.* cannot be written .*another folder"):
        train_once(CELL, place, progress=False)
    assert trainings == []


def test_the_end_of_a_training_stays_until_it_is_on_the_disk(tmp_path, monkeypatch, cache):
    with monkeypatch.context() as patch:
        patch.setattr(runs, "save_run", lambda *_: (_ for _ in ()).throw(OSError("disk is full")))
        with pytest.raises(OSError, match="disk is full"):
            train_once(CELL, tmp_path / "run", progress=False)
    assert len(list(cache.glob("resume/*/*.safetensors"))) == 1
    steps = []
    monkeypatch.setattr("paramrel.training.progress.Progress.next_batch", steps.append)
    train_once(CELL, tmp_path / "run", progress=False)  # with no step to do
    assert steps == [] and not list(cache.glob("resume/*/*.safetensors"))


def test_the_runs_of_a_data_set_are_read_by_their_names_and_no_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    train_once(CELL, "runs/digits/bfn-0", progress=False)
    (read,) = read_runs("digits", ["bfn"], [0], "runs/digits")
    assert read.key == "digits-bfn-0"
    write_json({"n_test": 360}, "measured/bfn-0.json")
    assert read_measured([read], "measured") == {"digits-bfn-0": {"n_test": 360}}
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}.*ae-0.*`dvc repro` trains"):
        read_runs("digits", ["ae"], [0], "runs/digits")
    with pytest.raises(ValueError, match=f"{tmp_path}.* is a run on digits, not on scenes"):
        read_runs("scenes", ["bfn"], [0], "runs/digits")


def test_a_notebook_keeps_the_run_that_it_trains_below_its_folder_and_reads_it_there(
    tmp_path, trainings
):
    run_and_history(CELL, "", str(tmp_path))
    folder = tmp_path / "runs" / "digits"
    assert {*os.listdir(folder / "bfn-0")} == {"model.safetensors", "revision.json", "history.csv"}
    run, history = run_and_history(CELL, str(folder), "")
    assert (run.key, len(history), len(trainings)) == ("digits-bfn-0", 1, 1)


def test_no_steps_means_as_many_as_params_yaml_says(monkeypatch):
    asked = []
    monkeypatch.setattr(
        runs, "train_run", lambda *cell, progress: (asked.append(cell[-1].steps), None)
    )
    for steps in (0, 7):
        load_or_train("digits", ["bfn"], [0], "", PARAMS, steps)
    assert asked == [PARAMS.train.steps, 7]


def test_a_run_that_is_trained_now_has_the_numbers_that_its_method_was_tuned_to(trainings):
    params = PARAMS.model_copy(update={"tuned": {"digits": {"beta_vae": {"beta": 0.25}}}})
    load_or_train("digits", ["beta_vae", "vae"], [0], "", params, 1)
    assert [cell[3].beta for cell in trainings] == [0.25, PARAMS.model.beta]
