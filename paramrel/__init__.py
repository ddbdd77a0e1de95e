"""Representation learning in the parameter space of Bayesian Flow Networks.

>>> import paramrel
>>> data = paramrel.load_dataset("digits")
>>> run = paramrel.fit(data, "paramrel", steps=2, evaluations=1, progress=False)
>>> run.model.encode(data.test.x).mean.shape
torch.Size([360, 10])
"""

from importlib import import_module

__version__ = "0.2.0"

_HOMES = {
    "data": ["Dataset", "load_dataset"],
    "data.sets.tables": ["load_table"],
    "models.bounds": ["nll_bound"],
    "models.build": ["build_model"],
    "models.config": ["ModelParams"],
    "models.encoding": ["mean_code", "posterior"],
    "models.methods": ["METHODS"],
    "training.config": ["TrainParams"],
    "runs.pretrained": ["load_pretrained"],
    "runs.run": ["Run", "load_run", "save_run"],
    "runs.train": ["fit", "train_run"],
    "tasks.completion": ["complete", "completed_code"],
    "tasks.editing": ["interpolate", "traverse"],
    "tasks.reconstruction": ["reconstruct"],
    "tasks.sampling": ["sample"],
    "measures.config": ["EvaluateParams"],
    "measures.evaluation": ["evaluate"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}
__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> object:
    """Import the public names when they are first used, so that small commands start fast."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'paramrel' has no attribute {name!r}")
    return getattr(import_module(f"paramrel.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
