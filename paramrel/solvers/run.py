"""What all solvers share: the predictor, who watches it, and what is asked of the arguments."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from inspect import getclosurevars, isfunction
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from paramrel.flows import BayesianFlow, Flow, Theta
from paramrel.flows.checks import check_count
from paramrel.flows.values import check_finite, check_flag

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


@dataclass
class Run:
    """The predictions of a solver: each is shown to the callback, and all must be finite.

    Whether they are is read at the end alone, so that no step waits for a GPU.
    """

    flow: BayesianFlow
    predict: Predictor
    callback: Callback | None = None
    finite: list[Tensor] = field(default_factory=list)  # (), of each prediction

    def evaluate(self, theta: Theta, i: int, t: float) -> Distribution:
        """p_O(x | θ, t) for a time shared by all examples."""
        out = self.predict(theta, theta.times(t))
        _check_output(out, theta.shape)
        self.finite.append(self.flow.finite(out))
        if self.callback is not None:
            self.callback(Step(i, t, theta, out))
        return out

    def check(self) -> None:
        """Raises ValueError where a prediction was not finite."""
        check_flag("what predict returns", torch.stack(self.finite).all())

    def finish(self, theta: Theta, n: int, final: str, generator: torch.Generator | None) -> Tensor:
        """x from the last output distribution: a sample or its mode."""
        out = self.evaluate(theta, n, 1.0)
        self.check()
        if final == "sample":
            return self.flow.sample_output(out, generator)
        return self.flow.mode_output(out)


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
    if not flow.moves:
        kind = type(flow).__name__
        raise ValueError(f"flow is a {kind}: θ never moves, so there are no steps to solve")
    check_count("n", n, 1)
    check_choice("final", final, ("sample", "mode"))
    flow.check_shape(shape)
    if theta is None:
        return
    if theta.shape != shape:
        raise ValueError(f"theta is of data of shape {theta.shape}, but shape is {shape}")
    theta.map(_finite)


def _finite(tensor: Tensor) -> Tensor:
    check_finite("theta", tensor)
    return tensor


def check_choice(name: str, value: object, allowed: tuple) -> None:
    """`value` must be one of those allowed."""
    if value not in allowed:
        raise ValueError(f"{name} = {value!r} must be one of {', '.join(map(repr, allowed))}")
