"""The data and the settings that all tests share."""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings
from torch import Tensor

ROOT = Path(__file__).parents[1]

# For the kernels of notebooks. A progress bar, of a first preparation of data, would be an output
# that is not stored; and threads of two workers of `pytest -n 2` would wait for each other.
os.environ["TQDM_DISABLE"] = os.environ["OMP_NUM_THREADS"] = "1"

# The same examples on every machine, and no time limit for a slow one.
settings.register_profile("study", derandomize=True, deadline=None)
settings.load_profile("study")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Fetch the data of a fresh clone once, before any xdist worker starts."""
    if not hasattr(session.config, "workerinput") and not (ROOT / "data").exists():
        subprocess.run([sys.executable, "-m", "dvc", "pull", "data"], cwd=ROOT, check=True)


# What brings values of a tensor to Python, whatever its device.
READS = (
    "item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__", "aminmax",
)  # fmt: skip


@pytest.fixture
def counted_reads(monkeypatch):
    """Return a context within which the names of all calls that read values are listed."""

    @contextmanager
    def counted():
        calls = []

        def counting(name):
            original = getattr(Tensor, name)

            def read(self, *args, **kwargs):
                calls.append(name)
                return original(self, *args, **kwargs)

            return read

        with monkeypatch.context() as patch:
            for name in READS:
                patch.setattr(Tensor, name, counting(name))
            yield calls

    return counted
