"""Representation learning in the parameter space of Bayesian Flow Networks, as one study."""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "build_model": "paramrel.models.build",
    "complete": "paramrel.tasks.completion",
    "interpolate": "paramrel.tasks.editing",
    "load_dataset": "paramrel.data",
    "load_pretrained": "paramrel.runs.pretrained",
    "load_run": "paramrel.runs.run",
    "reconstruct": "paramrel.tasks.reconstruction",
    "sample": "paramrel.tasks.sampling",
    "train_run": "paramrel.runs.train",
}
__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    """Import the public functions when they are first used, so that small commands start fast."""
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'paramrel' has no attribute {name!r}")
