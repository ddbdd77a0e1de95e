"""What all solvers share: the predictor, who watches it, and what is asked of the arguments."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from inspect import getclosurevars, isfunction
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from paramrel.flows import CategoricalTheta, Flow, MixedFlow, OneShotFlow, Theta
from paramrel.flows.checks import check_count, check_finite

# p_O(x | θ, t) from θ and t: (B,); of a MixedFlow, a dict of them.
Predictor = Callable[[Theta, Tensor], Distribution]
# (B, ...) of the data; of a MixedFlow, a dict of them.
Shape = tuple[int, ...] | dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Step:
    """One evaluation of the predictor: number i in 0..n, at time t."""

    i: int
    t: float
    theta: Theta
    out: Distribution


Callback = Callable[[Step], None]


@contextmanager
def inference(predict: Predictor | nn.Module) -> Iterator[None]:
    """Within it no gradients are recorded and the predictor's dropout is off, as in `.eval()`.

    Finds the module of a predictor that is one, or a method of one, a `functools.partial` of
    these, or a function whose body names a module. One that is buried deeper (`run.model`) it
    cannot find: then enter `inference(run.model)` around the solver.
    """
    while isinstance(predict, partial):
        predict = predict.func
    named = [predict, getattr(predict, "__self__", None)]
    if isfunction(predict):
        names = getclosurevars(predict)
        named += [*names.nonlocals.values(), *names.globals.values()]
    owners = [owner for owner in named if isinstance(owner, nn.Module)]
    modules = {module for owner in owners for module in owner.modules()}
    training = [module for module in modules if module.training]
    try:
        for module in training:
            module.training = False
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True


def evaluate(
    predict: Predictor, theta: Theta, i: int, t: float, callback: Callback | None
) -> Distribution:
    """p_O(x | θ, t) for a time shared by all examples, shown to the callback."""
    tensor = _any_tensor(theta)
    out = predict(theta, tensor.new_full((len(tensor),), t))
    _check_output(out, data_shape(theta))
    if callback is not None:
        callback(Step(i, t, theta, out))
    return out


def final_draw(
    flow: Flow, out: Distribution, final: str, generator: torch.Generator | None
) -> Tensor:
    """x from the last output distribution: a sample or its mode."""
    return flow.sample_output(out, generator) if final == "sample" else flow.mode_output(out)


def data_shape(theta: Theta) -> Shape:
    """Shape (B, ...) of the data that θ speaks of."""
    if hasattr(theta, "fields"):
        return {name: data_shape(field) for name, field in theta.fields.items()}
    tensor = _any_tensor(theta)
    return tuple(tensor.shape[:-1] if isinstance(theta, CategoricalTheta) else tensor.shape)


def _any_tensor(theta: Theta) -> Tensor:
    while hasattr(theta, "fields"):
        theta = next(iter(theta.fields.values()))
    return theta.logits if isinstance(theta, CategoricalTheta) else theta.mean


def _check_output(out: Any, shape: Shape) -> None:
    if isinstance(shape, dict):
        for name in shape:
            _check_output(out[name], shape[name])
    elif (*out.batch_shape, *out.event_shape) != shape:
        raise ValueError(
            f"predict returned a distribution of shape {(*out.batch_shape, *out.event_shape)}, "
            f"it must be that of the data, {shape}"
        )


def check_run(flow: Flow, shape: Shape, n: int, final: str, theta: Theta | None) -> None:
    """Raises ValueError unless the arguments that all solvers share are allowed."""
    if isinstance(flow, OneShotFlow):
        raise ValueError("flow is a OneShotFlow: θ never moves, so there are no steps to solve")
    check_count("n", n, 1)
    check_choice("final", final, ("sample", "mode"))
    if isinstance(flow, MixedFlow) != isinstance(shape, dict):
        raise ValueError(f"shape = {shape} must be a dict of shapes if and only if flow is mixed")
    for sizes in shape.values() if isinstance(shape, dict) else [shape]:
        if not sizes or any(not isinstance(size, int) or size < 1 for size in sizes):
            raise ValueError(f"shape = {shape} must be (B, ...), all sizes at least 1")
    if theta is None:
        return
    if data_shape(theta) != shape:
        raise ValueError(f"theta is of data of shape {data_shape(theta)}, but shape is {shape}")
    theta.map(_finite)


def _finite(tensor: Tensor) -> Tensor:
    check_finite("theta", tensor)
    return tensor


def check_choice(name: str, value: object, allowed: tuple) -> None:
    """`value` must be one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} = {value!r} must be one of {', '.join(map(repr, allowed))}")
