"""Runs are kept, come back as they were, and damaged files are refused."""

import pytest
import torch

from paramrel.params import ModelParams, TrainParams
from paramrel.runs import load_run, save_run, train_run

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)


@pytest.fixture(scope="module")
def run():
    params = TrainParams(steps=2, batch_size=16, evaluations=1)
    return train_run("digits", "paramrel", 3, SMALL, params, progress=False)[0]


def test_a_saved_run_comes_back_with_its_weights_and_its_origin(run, tmp_path):
    save_run(run, tmp_path)
    loaded = load_run(tmp_path)
    assert (loaded.key, loaded.train) == ("digits-paramrel-3", run.train)
    assert loaded.model.params == run.model.params
    for before, after in zip(
        run.model.state_dict().values(), loaded.model.state_dict().values(), strict=True
    ):
        assert torch.equal(before, after)


def test_training_a_run_leaves_the_global_randomness_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train_run("digits", "bfn", 0, SMALL, TrainParams(steps=1, evaluations=1), progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_a_missing_run_says_how_it_is_made(tmp_path):
    with pytest.raises(FileNotFoundError, match="model.safetensors is missing; `dvc repro`"):
        load_run(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "text", "empty", "no origin", "other weights"])
def test_a_damaged_run_is_refused_by_name(run, tmp_path, damage):
    from safetensors.torch import save_file

    save_run(run, tmp_path)
    path = tmp_path / "model.safetensors"
    whole = path.read_bytes()
    if damage == "no origin":
        save_file({"a": torch.zeros(1)}, path)
    elif damage == "other weights":
        path.write_bytes(
            whole.replace(b'"code_dim": 4', b'"code_dim": 5').replace(
                b'code_dim\\": 4', b'code_dim\\": 5'
            )
        )
    else:
        path.write_bytes(
            {"truncated": whole[: len(whole) // 2], "text": b"hello", "empty": b""}[damage]
        )
    with pytest.raises(ValueError, match="model.safetensors is no checkpoint .* damaged"):
        load_run(tmp_path)


def test_an_interrupted_write_leaves_the_run_that_was_there(run, tmp_path, monkeypatch):
    save_run(run, tmp_path)

    def fail(weights, path, metadata):
        path.write_bytes(b"half of it")
        raise OSError("disk full")

    monkeypatch.setattr("paramrel.runs.save_file", fail)
    with pytest.raises(OSError, match="disk full"):
        save_run(run, tmp_path)
    assert load_run(tmp_path).key == run.key


@pytest.mark.parametrize(
    ("dataset", "method", "message"),
    [("digit", "bfn", "did you mean 'digits'"), ("digits", "bfm", "did you mean 'bfn'")],
)
def test_unknown_names_are_refused_before_any_work(dataset, method, message):
    with pytest.raises(ValueError, match=message):
        train_run(dataset, method, 0, SMALL, TrainParams(), progress=False)
