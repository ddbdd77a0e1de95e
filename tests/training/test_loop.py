"""The training loop: it learns, it is reproducible, and it stops at the first bad number."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from paramrel.data import load_dataset
from paramrel.measures.config import EvaluateParams
from paramrel.measures.evaluation import evaluate
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.runs.run import load_run, save_run
from paramrel.runs.train import train_run
from paramrel.study.__main__ import main
from paramrel.training.config import TrainParams
from paramrel.training.loop import train

ROOT = Path(__file__).parents[2]

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
SHORT = TrainParams(steps=12, batch_size=32, evaluations=3)


def trained(method="paramrel", seed=0, dataset="digits", **params):
    data = load_dataset(dataset)
    torch.manual_seed(seed)
    model = build_model(method, data.variables, SMALL)
    return train(model, data, SHORT.model_copy(update=params), seed, progress=False)


def test_the_validation_bound_of_a_plain_network_falls_far_below_an_untrained_one():
    _, history = trained("bfn", steps=120, evaluations=12)
    assert history["validation_nll"].iloc[-1] < 0.6 * history["validation_nll"].iloc[0]


@pytest.mark.parametrize("method", METHODS)
def test_the_loss_of_every_method_falls_and_it_encodes_if_it_has_a_code(method):
    model, history = trained(method, steps=40, evaluations=4)
    assert np.isfinite(history).all(axis=None)
    first, last = history.iloc[0], history.iloc[-1]
    assert last["train_total"] < 0.95 * first["train_total"]
    assert last["validation_data"] < first["validation_data"]
    assert ("validation_nll" in history) == (METHODS[method].no_bound is None)
    assert ("validation_shuffled_code" in history) == (model.encoder is not None)
    if model.encoder:
        code = model.encode(load_dataset("digits").test.x, torch.ones(360)).mean
        assert code.isfinite().all() and (code.std(0) > 0).all()


@pytest.mark.parametrize("method", ["bfn", "paramrel", "paramrel_same", "paramrel_x", "vae"])
def test_a_model_of_records_trains_and_is_evaluated(method, tmp_path):
    params = SHORT.model_copy(update={"steps": 80, "evaluations": 4})
    run, history = train_run("digits_mixed", method, 0, SMALL, params, progress=False)
    assert history["train_total"].iloc[-1] < 0.95 * history["train_total"].iloc[0]
    save_run(run, tmp_path)
    data = load_dataset("digits_mixed")
    row = evaluate(load_run(tmp_path), data, EvaluateParams(num_times=2, probe_times=(1.0,)))
    assert row["n_test"] == 360 and ("shuffled_code" in row) == (method != "bfn")


def test_the_history_has_a_row_for_each_evaluation_and_ends_with_the_last_step():
    _, history = trained(steps=10, evaluations=4)
    assert history["step"].tolist() == [3, 6, 9, 10]
    assert np.isfinite(history).all(axis=None)


@pytest.mark.parametrize("steps", [1, 2, 10, 11])
def test_a_training_may_have_any_number_of_steps(steps):
    _, history = trained(steps=steps)
    assert history["step"].iloc[-1] == steps


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    def weights(seed):
        return torch.cat([p.flatten() for p in trained(seed=seed)[0].parameters()])

    assert torch.equal(weights(0), weights(0))
    assert not torch.equal(weights(0), weights(1))


def test_every_example_is_seen_once_before_any_is_seen_again():
    data = load_dataset("digits")
    seen = []

    def record(module, arguments):
        if module.training:
            seen.append(arguments[0])

    model = build_model("bfn", data.variables, SMALL)
    model.register_forward_pre_hook(record)
    number = len(data.train)
    params = SHORT.model_copy(update={"steps": 2 * (number // 32) + 3, "evaluations": 1})
    train(model, data, params, 0, progress=False)
    epoch = torch.cat(seen)[:number].flatten(1)
    expected = data.train.x.flatten(1)
    assert torch.equal(
        epoch.unique(dim=0, return_counts=True)[1], expected.unique(dim=0, return_counts=True)[1]
    )


def test_the_result_has_averaged_weights_and_is_ready_to_evaluate():
    model, _ = trained(ema_decay=0.0)
    slow, _ = trained(ema_decay=0.9)
    assert not model.training
    first, second = (torch.cat([p.flatten() for p in m.parameters()]) for m in (model, slow))
    assert not torch.equal(first, second)


def test_bfloat16_trains_too(monkeypatch):
    # which PyTorch imitates where the processor lacks it
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: {"avx512_bf16": True})
    _, history = trained(precision="bf16-mixed")
    assert np.isfinite(history).all(axis=None)


def test_a_loss_that_is_not_finite_stops_the_training_and_says_where():
    with pytest.raises(FloatingPointError, match="at step .* train.learning_rate"):
        trained(learning_rate=1.0, gradient_clip=1e30, steps=200)


@pytest.fixture
def study(tmp_path, monkeypatch):
    """A study of two steps, which is the working directory."""
    params = yaml.safe_load((ROOT / "tests" / "tiny_params.yaml").read_text(encoding="utf-8"))
    params["train"] |= {"steps": 2, "evaluations": 1}
    params["threads"] = torch.get_num_threads()
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "data").mkdir()
    shutil.copy(ROOT / "data" / "digits.npz", tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "folder"), [([], "results/tiny/runs/digits/bfn-1"), (["--out", "here"], "here")]
)
def test_the_command_trains_a_run_of_the_parameters_and_keeps_it(study, words, folder):
    main(["train", "digits", "bfn", "1", *words])
    run = load_run(study / folder)
    assert (run.key, run.train.steps) == ("digits-bfn-1", 2)
    assert pd.read_csv(study / folder / "history.csv")["step"].tolist() == [2]


def test_a_failing_command_is_one_sentence(study):
    with pytest.raises(SystemExit, match="^error: method is 'bfm', .*; did you mean 'bfn'"):
        main(["train", "digits", "bfm", "0"])
    (study / "params.yaml").unlink()
    with pytest.raises(SystemExit, match="^error: .*params.yaml"):
        main(["train", "digits", "bfn", "0"])
