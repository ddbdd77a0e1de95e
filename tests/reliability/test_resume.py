"""An interrupted training goes on where it was, and ends with the very same numbers."""

import random
import signal
import time

import pytest
import torch
from safetensors.torch import load

from paramrel.data import load_dataset
from paramrel.models.config import ModelParams
from paramrel.runs.record import recipe, resume_folder, weights_hash
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams
from paramrel.training.progress import Progress

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
EVERY_STEP = TrainParams(steps=8, batch_size=16, evaluations=3, checkpoint_seconds=0)
NEVER = EVERY_STEP.model_copy(update={"checkpoint_seconds": 1e6})


@pytest.fixture(autouse=True)
def heard_interrupts():
    """Hear SIGINT as a program in a terminal does; a shell lets its background jobs ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Crash(Exception):
    """What a power failure is to the tests that stay in one process."""


def train(params=EVERY_STEP, seed=0):
    run, history = train_run("digits", "paramrel", seed, SMALL, params, progress=False)
    return weights_hash(run.model.state_dict()), history


def crash_at(step, monkeypatch, action=None):
    """Let trainings crash, or do something else, after so many steps."""
    original = Progress.next_batch

    def next_batch(self, *arguments):
        if self.step == step:
            if action is None:
                raise Crash
            action()
        return original(self, *arguments)

    monkeypatch.setattr(Progress, "next_batch", next_batch)


def interrupted(step, monkeypatch, params=EVERY_STEP):
    with monkeypatch.context() as patch, pytest.raises(Crash):
        crash_at(step, patch)
        train(params)


def checkpoints(cache):
    return sorted((cache / "resume").glob("*/[0-9]*.safetensors"))


def assert_killed_trainings_end_alike(kills, steps_between, start, cache, tmp_path):
    steps = 3 + kills * (steps_between + 2)
    params = EVERY_STEP.model_copy(update={"steps": steps})
    whole = start(tmp_path / "whole", params)
    whole.join()
    assert whole.exitcode == 0 and checkpoints(cache) == []
    moments, done = random.Random(0), 0
    for _ in range(kills):
        target = done + moments.randint(0, steps_between)
        process = start(tmp_path / "killed", params, slow=0.02)
        while done < target and process.is_alive():
            time.sleep(0.002)
            done = max([done, *(int(p.name.split("-")[0]) for p in checkpoints(cache))])
        time.sleep(moments.uniform(0, 0.1))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        done = max([done, *(int(p.name.split("-")[0]) for p in checkpoints(cache))])
        assert len(checkpoints(cache)) <= 3  # the third is deleted after the rename
    last = start(tmp_path / "killed", params)
    last.join()
    assert last.exitcode == 0
    for name in ("model.safetensors", "history.csv"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert checkpoints(cache) == []


def test_a_training_killed_four_times_ends_with_the_same_bytes(start, cache, tmp_path):
    assert_killed_trainings_end_alike(4, 4, start, cache, tmp_path)


@pytest.mark.slow
def test_a_training_killed_twenty_times_ends_with_the_same_bytes(start, cache, tmp_path):
    assert_killed_trainings_end_alike(20, 6, start, cache, tmp_path)


@pytest.mark.parametrize("step", [1, 3, 7])
def test_a_resumed_training_repeats_no_step_and_has_the_same_history(steps, step, monkeypatch):
    weights, history = train()
    interrupted(step, monkeypatch)
    steps.clear()
    again, same = train()
    assert steps == list(range(step, 8))
    assert again == weights
    assert same.equals(history)


def test_an_interrupt_saves_first_and_is_then_a_keyboard_interrupt(steps, cache, monkeypatch):
    weights, _ = train(NEVER)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        crash_at(5, patch, lambda: signal.raise_signal(signal.SIGINT))
        train(NEVER)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert [path.name.split("-")[0] for path in checkpoints(cache)] == [f"{6:012d}"]
    steps.clear()
    assert train(NEVER)[0] == weights
    assert steps == [6, 7]


def test_an_interrupt_in_the_last_step_is_not_forgotten(steps, monkeypatch):
    weights, history = train(NEVER)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        crash_at(7, patch, lambda: signal.raise_signal(signal.SIGINT))
        train(NEVER)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        interrupted = lambda _: signal.raise_signal(signal.SIGINT) or {}  # noqa: E731
        patch.setattr("paramrel.training.loop._row", interrupted)
        train(NEVER.model_copy(update={"evaluations": 1}))
    steps.clear()
    again, same = train(NEVER)
    assert steps == [] and again == weights and same.equals(history)


def test_a_second_interrupt_acts_at_once(cache, monkeypatch):
    def twice():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    crash_at(5, monkeypatch, twice)
    with pytest.raises(KeyboardInterrupt):
        train(NEVER)
    assert checkpoints(cache) == []


def test_a_termination_saves_first_and_then_ends_the_process(start, cache, tmp_path):
    before = """
import signal
from paramrel.training.progress import Progress
original = Progress.next_batch
def next_batch(self, *arguments):
    if self.step == 2:
        signal.raise_signal(signal.SIGTERM)
    return original(self, *arguments)
Progress.next_batch = next_batch
"""
    process = start(tmp_path / "out", NEVER, before=before)
    process.join()
    assert process.exitcode == -signal.SIGTERM
    assert [path.name.split("-")[0] for path in checkpoints(cache)] == [f"{3:012d}"]


@pytest.mark.parametrize("damage", ["truncated", "one bit", "empty"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    steps, cache, monkeypatch, capsys, damage
):
    weights, _ = train()
    interrupted(5, monkeypatch)
    newest = checkpoints(cache)[-1]
    content = bytearray(newest.read_bytes())
    if damage == "one bit":
        content[len(content) // 2] ^= 1
    newest.write_bytes({"truncated": content[:1000], "empty": b""}.get(damage, content))
    newest.with_name(f".1-{newest.name}").write_bytes(b"half of a checkp")
    steps.clear()
    assert train()[0] == weights
    assert steps == [4, 5, 6, 7]
    line = "the checkpoint of step 5 is damaged; training goes on from step 4\n"
    assert capsys.readouterr().err == line


def test_when_both_checkpoints_are_damaged_the_training_starts_again(
    steps, cache, monkeypatch, capsys
):
    weights, _ = train()
    interrupted(5, monkeypatch)
    assert len(checkpoints(cache)) == 2
    for path in checkpoints(cache):
        path.write_bytes(b"")
    steps.clear()
    assert train()[0] == weights
    assert steps == list(range(8))
    line = "the checkpoint of step 5 and step 4 is damaged; training starts again\n"
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(
    "change", [{"learning_rate": 1e-3}, {"steps": 9}, {"batch_size": 32}, {"accumulate": 2}]
)
def test_a_changed_parameter_never_resumes_an_old_model(steps, monkeypatch, change):
    interrupted(5, monkeypatch)
    steps.clear()
    train(EVERY_STEP.model_copy(update=change))
    assert steps[0] == 0


def other_digits(name):
    data = load_dataset(name)
    vars(data)["content"] = "another"
    return data


@pytest.mark.parametrize(
    ("name", "other"),
    [("record._code", lambda: "another"), ("train.load_dataset", other_digits)],
)
def test_changed_code_and_changed_data_never_resume_an_old_model(steps, monkeypatch, name, other):
    interrupted(5, monkeypatch)
    monkeypatch.setattr(f"paramrel.runs.{name}", other)
    steps.clear()
    train()
    assert steps[0] == 0


@pytest.mark.parametrize(
    "change",
    [{"checkpoint_seconds": 10.0}, {"devices": 2}, {"num_nodes": 2}, {"strategy": "ddp"}],
)
def test_how_often_is_saved_and_where_it_runs_may_change(change):
    folders = {
        resume_folder(
            recipe(load_dataset("digits"), "paramrel", 0, SMALL, params), torch.device("cpu")
        )
        for params in (EVERY_STEP, EVERY_STEP.model_copy(update=change))
    }
    assert len(folders) == 1


def test_random_numbers_of_another_kind_of_device_are_not_resumed():
    made_of = recipe(load_dataset("digits"), "paramrel", 0, SMALL, EVERY_STEP)
    folders = {resume_folder(made_of, torch.device(kind)) for kind in ("cpu", "cuda")}
    assert len(folders) == 2


def test_a_checkpoint_is_one_safetensors_file_with_all_of_the_state(cache, monkeypatch):
    interrupted(5, monkeypatch)
    tensors = load(checkpoints(cache)[-1].read_bytes())
    assert {name.split(".")[0] for name in tensors} == {
        "model", "average", "optimizer", "random", "waiting", "losses",
    }  # fmt: skip
    assert tensors["losses"].shape == (2, 4)  # since the row of step 3


def test_a_finished_training_leaves_no_checkpoint_and_saves_none_without_need(cache):
    train(NEVER)
    assert [path for path in (cache / "resume").rglob("*") if path.suffix != ".lock"] == []
