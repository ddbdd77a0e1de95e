"""Runs are kept, come back as they were, and damaged files are refused."""

import errno
import json

import pytest
import torch
from filelock import FileLock
from safetensors import safe_open

from paramrel.data import load_dataset
from paramrel.models.config import ModelParams
from paramrel.runs.run import load_run, save_run
from paramrel.runs.train import fit, train_run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)


@pytest.fixture(scope="module")
def run():
    params = TrainParams(steps=2, batch_size=16, evaluations=1)
    return train_run("digits", "paramrel", 3, SMALL, params, progress=False)[0]


def metadata(path):
    with safe_open(path, "pt") as file:
        return json.loads(file.metadata()["paramrel"])


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


def test_a_run_loads_without_its_data(run, tmp_path, monkeypatch):
    save_run(run, tmp_path)
    monkeypatch.setattr("paramrel.data.registry.load_dataset", None)
    monkeypatch.setenv("PARAMREL_DATA", "/nowhere")
    assert load_run(tmp_path).model.variables == load_dataset("digits").variables


def test_records_of_several_fields_come_back_as_they_were(tmp_path):
    params = TrainParams(steps=1, batch_size=16, evaluations=1)
    trained, _ = train_run("digits_mixed", "paramrel", 0, SMALL, params, progress=False)
    save_run(trained, tmp_path)
    assert load_run(tmp_path).model.variables == load_dataset("digits_mixed").variables


def test_a_checkpoint_of_another_format_says_so(run, tmp_path):
    from safetensors.torch import load_file, save_file

    save_run(run, tmp_path)
    path = tmp_path / "model.safetensors"
    weights, written = load_file(path), metadata(path)
    assert written.pop("format") == 2
    save_file(weights, path, {"paramrel": json.dumps(written)})
    with pytest.raises(ValueError, match="it has format 1, and this version of paramrel reads 2"):
        load_run(tmp_path)


def test_a_run_moves_to_a_device_with_its_model(run):
    moved = train_run("digits", "bfn", 0, SMALL, run.train, progress=False)[0].to("meta")
    assert moved.model.device.type == "meta"


def test_numbers_of_a_fit_go_to_the_model_or_to_the_training():
    run = fit("digits", "vae", 2, progress=False, steps=1, evaluations=1, code_dim=3, gamma=0.5)
    assert (run.key, run.model.params.code_dim, run.train.steps) == ("digits-vae-2", 3, 1)
    with pytest.raises(ValueError, match="'stepz' is no number .*did you mean 'steps'"):
        fit("digits", stepz=3)
    with pytest.raises(ValueError, match="gamma = 3.0: Input should be less than or equal to 1"):
        fit("digits", gamma=3.0)


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


@pytest.mark.parametrize("part", ["weights", "parameters"])
def test_a_run_that_does_not_match_its_record_is_refused(run, tmp_path, part):
    from safetensors.torch import load_file, save_file

    save_run(run, tmp_path)
    path = tmp_path / "model.safetensors"
    weights, origin = load_file(path), metadata(path)
    if part == "weights":
        next(iter(weights.values())).flatten()[0] += 1
    else:
        origin["seed"] = 4
    save_file(weights, path, {"paramrel": json.dumps(origin)})
    with pytest.raises(ValueError, match=f"its {part} are not those of its record"):
        load_run(tmp_path)


def test_a_run_says_what_it_was_made_with_and_equal_runs_are_equal_files(run, tmp_path):
    again = train_run("digits", "paramrel", 3, SMALL, run.train, progress=False)[0]
    for number, each in enumerate((run, again)):
        save_run(each, tmp_path / str(number))
    first, second = (tmp_path / n / "model.safetensors" for n in "01")
    assert first.read_bytes() == second.read_bytes()
    record = metadata(first)["record"]
    assert record["torch"] == torch.__version__ and record["device"] in ("cpu", "cuda")
    assert record["examples"] == len(load_dataset("digits").train)
    assert record["threads"] == torch.get_num_threads()
    revision = json.loads((tmp_path / "0" / "revision.json").read_text())
    assert set(revision) == {"commit", "modified"}
    assert load_run(tmp_path / "0").record == record


def test_two_processes_never_write_one_run_folder(run, tmp_path, monkeypatch):
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path))
    monkeypatch.setattr("paramrel.training.checkpoint.PATIENCE", 0.1)
    save_run(run, tmp_path / "out")
    (lock,) = (tmp_path / "locks").iterdir()
    with FileLock(lock), pytest.raises(TimeoutError, match="another process has been writing"):
        save_run(run, tmp_path / "out")


def test_an_interrupted_write_leaves_the_run_that_was_there(run, tmp_path, monkeypatch):
    save_run(run, tmp_path)

    def fail(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(OSError, match=f"to {tmp_path} .No space left on device.; free some space"):
        save_run(run, tmp_path)
    assert list(tmp_path.glob(".*")) == []
    assert load_run(tmp_path).key == run.key


@pytest.mark.parametrize(
    ("dataset", "method", "message"),
    [("digit", "bfn", "did you mean 'digits'"), ("digits", "bfm", "did you mean 'bfn'")],
)
def test_unknown_names_are_refused_before_any_work(dataset, method, message):
    with pytest.raises(ValueError, match=message):
        train_run(dataset, method, 0, SMALL, TrainParams(), progress=False)
