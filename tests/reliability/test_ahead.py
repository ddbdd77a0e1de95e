"""Trainings side by side, and in grids: kept until they are taken up, never done twice."""

from pathlib import Path

import pytest
from safetensors.torch import load

from paramrel.runs.record import weights_hash
from paramrel.runs.run import save_run
from paramrel.runs.train import train_run
from paramrel.study.__main__ import main
from paramrel.study.ahead import train_ahead
from paramrel.study.grid import ablate
from paramrel.study.params import load_params
from paramrel.study.results import read_json
from paramrel.training.progress import Progress

TINY = load_params(Path(__file__).parents[1] / "tiny_params.yaml").model_copy(
    update={"methods": ("bfn", "paramrel"), "seeds": (0,), "jobs": 1}
)
RUNS = [("digits", "bfn", 0), ("digits", "paramrel", 0)]


def kept(cache):
    return sorted((cache / "resume").glob("*/*.safetensors"))


def train(run):
    return train_run(*run, TINY.model, TINY.train, progress=False)


def test_a_training_done_ahead_is_taken_up_once_and_has_the_same_numbers(cache, steps, tmp_path):
    expected = [train(run) for run in RUNS]
    steps.clear()
    recipes = train_ahead("digits", TINY, tmp_path)
    assert list(recipes) == ["digits-bfn-0", "digits-paramrel-0"]
    assert steps == 2 * list(range(TINY.train.steps)) and len(kept(cache)) == 2
    steps.clear()
    for run, (known, history) in zip(RUNS, expected, strict=True):
        taken, same = train(run)
        assert weights_hash(taken.model.state_dict()) == weights_hash(known.model.state_dict())
        assert taken.record == known.record and same.equals(history)
        assert recipes[taken.key] == taken.record["recipe"]
    assert steps == [] and kept(cache) == []
    train(RUNS[0])
    assert steps == list(range(TINY.train.steps))


def test_what_is_kept_of_a_training_s_end_is_its_result_alone(cache, tmp_path):
    train_ahead("digits", TINY, tmp_path)
    for path in kept(cache):
        assert {name.split(".")[0] for name in load(path.read_bytes())} == {"average"}


def test_processes_change_no_recipe_and_no_number(steps, tmp_path):
    recipes = train_ahead("digits", TINY, tmp_path)
    for run in RUNS:
        train(run)  # takes it up
    assert train_ahead("digits", TINY.model_copy(update={"jobs": 2}), tmp_path) == recipes
    steps.clear()
    for run in RUNS:
        train(run)
    assert steps == []


def test_a_second_call_and_a_saved_run_train_nothing(cache, steps, tmp_path):
    recipes = train_ahead("digits", TINY, tmp_path)
    run, _ = train(RUNS[0])
    save_run(run, tmp_path / run.key)
    steps.clear()
    assert train_ahead("digits", TINY, tmp_path) == recipes
    assert steps == [] and len(kept(cache)) == 1
    (tmp_path / run.key / "model.safetensors").write_bytes(b"damaged")
    train_ahead("digits", TINY, tmp_path)
    assert steps == list(range(TINY.train.steps))


def test_the_command_writes_a_recipe_of_each_run_and_names_what_is_wrong(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("paramrel.study.__main__.load_params", lambda: TINY)
    monkeypatch.setattr("paramrel.study.__main__.study_root", lambda: tmp_path)
    main(["ahead", "digits", str(tmp_path / "out")])
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "digits-bfn-0.json", "digits-paramrel-0.json",
    }  # fmt: skip
    assert read_json(tmp_path / "out" / "digits-bfn-0.json")["recipe"]
    monkeypatch.setenv("PARAMREL_CACHE", "/dev/null/cache")
    with pytest.raises(SystemExit, match="error: .*PARAMREL_CACHE"):
        main(["ahead", "digits", str(tmp_path / "out")])


def test_an_interrupted_grid_repeats_no_training_and_leaves_nothing_at_its_end(
    cache, steps, monkeypatch
):
    expected = ablate(TINY.ablation, TINY, progress=False)
    assert kept(cache) == [] and steps == 2 * list(range(TINY.ablation.steps))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        original = Progress.next_batch

        def next_batch(self, *arguments):
            if len(steps) == 3 * TINY.ablation.steps:  # in the second cell
                raise KeyboardInterrupt
            return original(self, *arguments)

        patch.setattr(Progress, "next_batch", next_batch)
        ablate(TINY.ablation, TINY, progress=False)
    steps.clear()
    assert ablate(TINY.ablation, TINY, progress=False).equals(expected)
    assert steps == list(range(TINY.ablation.steps)) and kept(cache) == []
