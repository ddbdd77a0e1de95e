"""What stops a training says why in one sentence, and costs no more than the steps since."""

import errno
import json
import os

import pytest
import torch
from filelock import FileLock

from paramrel.data import load_dataset
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.config import ModelParams
from paramrel.runs.record import recipe, resume_folder
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams
from paramrel.training.progress import Progress

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
PARAMS = TrainParams(steps=6, batch_size=16, evaluations=1, checkpoint_seconds=0)


def train(**changes):
    params = PARAMS.model_copy(update=changes)
    return train_run("digits", "bfn", 0, SMALL, params, progress=False)


def folder(**changes):
    params = PARAMS.model_copy(update=changes)
    return resume_folder(
        recipe(load_dataset("digits"), "bfn", 0, SMALL, params), torch.device("cpu")
    )


def names(path):
    return sorted(file.name.split("-")[0] for file in path.iterdir())


def on_step(step, action, monkeypatch):
    """Do something instead of the model's loss in one step."""
    count, forward = [], FlowAutoencoder.forward

    def changed(self, *arguments):
        if self.training:
            count.append(1)
        loss = forward(self, *arguments)
        return action(loss) if self.training and len(count) == step else loss

    monkeypatch.setattr(FlowAutoencoder, "forward", changed)


def raising(error):
    def action(_):
        raise error

    return action


@pytest.mark.parametrize("part", ["loss", "gradient"])
def test_a_number_that_is_not_finite_stops_the_run_and_says_what_led_there(monkeypatch, part):
    def spoil(loss):
        if part == "loss":
            return loss._replace(total=loss.total * torch.nan)
        loss.total.register_hook(lambda gradient: gradient * torch.inf)
        return loss

    batches, original = [], Progress.next_batch

    def next_batch(self, *arguments):
        batches.append(original(self, *arguments))
        return batches[-1]

    with monkeypatch.context() as patch:
        patch.setattr(Progress, "next_batch", next_batch)
        on_step(4, spoil, patch)
        with pytest.raises(FloatingPointError, match="at step 4 .* train.learning_rate") as caught:
            train()
    failure = json.loads((folder() / "failure.json").read_text())
    assert failure["step"] == 4 and failure["examples"] == batches[3].tolist()
    assert failure["train"]["learning_rate"] == PARAMS.learning_rate
    assert failure["model"]["code_dim"] == SMALL.code_dim
    assert str(failure["examples"]) in str(caught.value)
    assert "'learning_rate': 0.003" in str(caught.value)
    assert names(folder()) == [f"{2:012d}", f"{3:012d}", "failure.json"]


def test_after_such_a_failure_the_same_parameters_go_on_and_others_start_afresh(steps, monkeypatch):
    expected, _ = train()
    with monkeypatch.context() as patch, pytest.raises(FloatingPointError):
        on_step(4, lambda loss: loss._replace(total=loss.total * torch.nan), patch)
        train()
    steps.clear()
    train(learning_rate=1e-3)
    assert steps == [0, 1, 2, 3, 4, 5]
    steps.clear()
    run, _ = train()
    assert steps == [3, 4, 5]
    for before, after in zip(expected.model.parameters(), run.model.parameters(), strict=True):
        assert torch.equal(before, after)
    assert not folder().exists()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
    ],
)
def test_too_little_memory_names_the_parameters_and_loses_no_checkpoint(monkeypatch, error):
    on_step(4, raising(error), monkeypatch)
    with pytest.raises(MemoryError, match="raise train.accumulate .* or lower train.batch_size"):
        train()
    assert names(folder()) == [f"{2:012d}", f"{3:012d}"]


def test_other_errors_pass_as_they_are(monkeypatch):
    on_step(1, raising(RuntimeError("shapes do not fit")), monkeypatch)
    with pytest.raises(RuntimeError, match="^shapes do not fit$"):
        train()


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(monkeypatch):
    count, sync = [], os.fsync

    def fill(descriptor):
        count.append(descriptor)
        if len(count) == 5:  # a checkpoint syncs its file and its folder: this is the third's file
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(descriptor)

    monkeypatch.setattr("os.fsync", fill)
    message = f"to {folder()} .No space left on device.; free some space or set PARAMREL_CACHE"
    with pytest.raises(OSError, match=message):
        train()
    assert names(folder()) == [f"{1:012d}", f"{2:012d}"]


def test_a_folder_that_cannot_be_written_is_named_before_the_first_step(monkeypatch):
    def refuse(*_):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    message = "resume cannot be written .Read-only file system.; set PARAMREL_CACHE to a folder"
    with pytest.raises(OSError, match=message):
        train()


def test_two_processes_never_train_one_run_at_a_time(monkeypatch):
    monkeypatch.setattr("paramrel.training.checkpoint.PATIENCE", 0.1)
    lock = folder().with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        with pytest.raises(TimeoutError, match="another process .* wait until it has ended"):
            train()
        train(steps=2)  # another run
    train()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accelerator": "gpu"}, "train.accelerator is gpu, but PyTorch sees no GPU"),
        ({"devices": 2}, "is 2, but .* started is 1; .* `torchrun --nproc-per-node 2 -m"),
        ({"num_nodes": 2}, "train.devices × train.num_nodes is 2"),
    ],
)
def test_what_the_machine_lacks_is_said_before_any_work(monkeypatch, cache, changes, message):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ValueError, match=message):
        train(**changes)
    assert not (cache / "resume").exists()


def test_a_graphics_card_without_bfloat16_is_named(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda **_: False)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Old Card")
    with pytest.raises(ValueError, match="bf16-mixed, which Old Card lacks: .* choose 32-true"):
        train(precision="bf16-mixed")


def test_a_processor_without_bfloat16_is_told_before_any_work(monkeypatch, cache):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    with pytest.raises(ValueError, match="bf16-mixed, which this processor lacks: .* 32-true"):
        train(precision="bf16-mixed")
    assert not (cache / "resume").exists()


def test_slurm_tells_how_many_processes_it_started(monkeypatch):
    monkeypatch.setenv("SLURM_NTASKS", "2")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    monkeypatch.setenv("SLURM_JOB_NAME", "study")
    with pytest.raises(ValueError, match="num_nodes is 1, but the number of .* started is 2"):
        train()


def test_more_devices_than_the_machine_has_are_refused(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    monkeypatch.setattr("paramrel.training.devices._processes", lambda: 2)
    with pytest.raises(ValueError, match="train.devices is 2, but this machine has 1 GPUs"):
        train(devices=2)
