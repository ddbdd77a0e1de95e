"""Short trainings in this process and in others, each test with a cache of its own."""

import os
from multiprocessing import get_context
from pathlib import Path

import pytest

from paramrel.models.config import ModelParams
from paramrel.training.config import TrainParams
from paramrel.training.progress import Progress

SMALL = ModelParams(channels=(8, 16), embedding=16, code_dim=4)
# What another process executes; `slow` lengthens every write, so that it is hit more often.
SCRIPT = """
import os, time
os.environ.update(environment)
os.chdir(study)
import torch
torch.set_num_threads(1)
import paramrel.training
from paramrel.runs.run import save_run
from paramrel.runs.train import train_run
paramrel.training.loop.VALIDATED = 20
if slow:
    sync = os.fsync
    os.fsync = lambda descriptor: (time.sleep(slow), sync(descriptor))
exec(before)
run, history = train_run("digits", method, 0, model, params, progress=False)
if os.environ.get("RANK", "0") == "0":
    save_run(run, out)
    history.to_csv(out + "/history.csv", index=False)
"""


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Give a test a cache of its own, and return its folder; validate on few examples."""
    monkeypatch.setattr("paramrel.training.loop.VALIDATED", 20)
    monkeypatch.setenv("PARAMREL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def steps(monkeypatch):
    """Return a list that grows with the number of every step that is begun in this process."""
    steps, original = [], Progress.next_batch
    monkeypatch.setattr(
        Progress, "next_batch", lambda self, *a: (steps.append(self.step), original(self, *a))[1]
    )
    return steps


@pytest.fixture
def start(cache):
    """Return a function that starts a training in another process, forked from a warm one."""
    context, started = get_context("forkserver"), []
    context.set_forkserver_preload(["paramrel.runs.run"])

    def start(out, params: TrainParams, method="paramrel", slow=0.0, before="", **environment):
        names = {
            "environment": {"PARAMREL_CACHE": str(cache), "OMP_NUM_THREADS": "1", **environment},
            "study": os.fspath(Path.cwd()),
            "method": method,
            "model": SMALL,
            "params": params,
            "slow": slow,
            "before": before,
            "out": str(out),
        }
        process = context.Process(target=exec, args=(SCRIPT, names))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()
