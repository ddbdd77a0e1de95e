"""A batch in parts, in turn or in several processes, trains as the whole batch does."""

import socket

import pandas as pd
import pytest
import torch
from torch import Generator

from paramrel.data import load_dataset
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.models.methods import METHODS
from paramrel.runs.run import load_run
from paramrel.runs.train import train_run
from paramrel.training.config import TrainParams

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
PARAMS = TrainParams(steps=50, batch_size=16, evaluations=50, accelerator="cpu")
CRASH = """
from paramrel.training.progress import Progress
original = Progress.next_batch
def next_batch(self, *arguments):
    if self.step == 10:
        raise SystemExit(7)
    return original(self, *arguments)
Progress.next_batch = next_batch
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_processes(number, start, out, params, **options):
    """Start a training in several processes, with the environment that torchrun gives them."""
    shared = {
        "WORLD_SIZE": str(number),
        "LOCAL_WORLD_SIZE": str(number),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "TORCHELASTIC_RUN_ID": "test",
        "GROUP_RANK": "0",
    }
    params = params.model_copy(update={"devices": number})
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(number)]
    return [start(out, params, **options, **shared, **rank) for rank in ranks]


def finish(processes, code=0):
    for process in processes:
        process.join()
    assert {process.exitcode for process in processes} == {code}


def losses(folder):
    return pd.read_csv(folder / "history.csv")


def relative_error(a, b):
    """The largest difference of two histories, each column relative to its largest value."""
    return float(((a - b).abs().max() / b.abs().max().clip(lower=1e-9)).max())


@pytest.mark.parametrize("dataset", ["digits", "digits_continuous"])
@pytest.mark.parametrize("method", METHODS)
def test_the_parts_of_a_batch_have_the_mean_loss_of_the_whole(dataset, method):
    data = load_dataset(dataset)
    model, x = build_model(method, data.variables, SMALL), data.train.x[:8]
    codes = []

    def gather(values):
        codes.append(values)
        return values

    def loss(rows):
        return torch.stack(model(x, Generator().manual_seed(1), rows, gather))

    with torch.no_grad():
        whole = loss(slice(None))
        parts = torch.stack([loss(slice(0, 4)), loss(slice(4, 8))])
    terms = [1, 2]  # the data term and the rate; the divergence belongs to all codes together
    assert torch.allclose(parts.mean(0)[terms], whole[terms], rtol=1e-5)
    if codes:
        z, prior, *rest = codes
        for all_rows, cut in ((z, rest[::2]), (prior, rest[1::2])):
            assert torch.allclose(torch.cat(cut), all_rows, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", ["paramrel", "ae", "infodiffusion"])
def test_two_processes_have_the_losses_of_one_with_the_whole_batch(start, tmp_path, method):
    two = start_processes(2, start, tmp_path / "two", PARAMS, method=method)
    one = start(tmp_path / "one", PARAMS, method=method)
    finish([*two, one])
    assert len(losses(tmp_path / "one")) == 50
    assert relative_error(losses(tmp_path / "two"), losses(tmp_path / "one")) < 1e-4


def test_a_checkpoint_moves_between_numbers_of_processes(start, cache, tmp_path):
    params = PARAMS.model_copy(update={"steps": 20, "evaluations": 20, "checkpoint_seconds": 0.0})
    whole = start(tmp_path / "whole", params)
    finish([whole])
    finish(start_processes(2, start, tmp_path / "down", params, before=CRASH), code=7)
    finish([start(tmp_path / "down", params)])
    finish([start(tmp_path / "up", params, before=CRASH)], code=7)
    finish(start_processes(2, start, tmp_path / "up", params))
    for name in ("down", "up"):
        assert relative_error(losses(tmp_path / name), losses(tmp_path / "whole")) < 1e-4
        assert load_run(tmp_path / name).key == "digits-paramrel-0"


@pytest.mark.parametrize("method", ["vae", "paramrel", "infodiffusion"])
def test_accumulated_gradients_are_those_of_the_whole_batch_with_its_divergence(method):
    params = PARAMS.model_copy(update={"steps": 20, "evaluations": 20})
    whole, parts = (
        train_run("digits", method, 0, SMALL, params.model_copy(update=change), progress=False)[1]
        for change in ({}, {"accumulate": 4})
    )
    assert relative_error(parts, whole) < 1e-3
    assert relative_error(parts[:5], whole[:5]) < 1e-4


@pytest.mark.parametrize("backbone", ["unet", "transformer"])
def test_recomputed_activations_change_no_weight_and_hold_less_memory(backbone):
    params = PARAMS.model_copy(update={"steps": 3, "evaluations": 1})
    model = SMALL.model_copy(update={"backbone": backbone, "mlp_width": 32})
    weights, held = [], []

    def pack(tensor):
        held[-1] += tensor.nbytes
        return tensor

    for change in ({}, {"recompute": True}):
        held.append(0)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            run, _ = train_run(
                "digits", "paramrel", 0, model, params.model_copy(update=change), progress=False
            )
        weights.append(torch.cat([p.flatten() for p in run.model.parameters()]))
    assert torch.equal(*weights)
    assert held[1] < 0.6 * held[0]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # the compiler's own, while it looks at tensors
def test_compiled_networks_train_as_others_do():
    params = PARAMS.model_copy(update={"steps": 10, "evaluations": 2})
    plain, compiled = (
        train_run("digits", "paramrel", 0, SMALL, params.model_copy(update=c), progress=False)[1]
        for c in ({}, {"compile": True})
    )
    assert relative_error(compiled, plain) < 1e-4
