"""Images from a model: the predictor that solvers take, and unconditional samples."""

from typing import Literal

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from paramrel.flows import OneShotFlow, Theta
from paramrel.model import FlowAutoencoder, draw
from paramrel.solvers import Predictor, ancestral, inference


def predictor(
    model: FlowAutoencoder,
    z: Tensor | None = None,
    s: float | None = 1.0,
    generator: Generator | None = None,
) -> Predictor:
    """Return p_O(x | θ, t) of a model as the function that solvers take.

    z: (B, d), a code of time s that all steps share; the decoder is told t where s is None.
    Without z, a model that has a self-encoder re-encodes the current θ_t at every step, as
    ParamReL samples (s is then t). ValueError where the code is read from data instead.
    """
    if z is None and model.method.code in ("x", "x_t"):
        raise ValueError(
            "this method's code is read from data, and not from θ while sampling: give z, "
            "encoded from data, or sample z from the prior (code='prior')"
        )

    def predict(theta: Theta, t: Tensor) -> Distribution:
        if z is not None:
            return model.output_distribution(theta, z, t, t if s is None else torch.full_like(t, s))
        if model.encoder is None:
            return model.output_distribution(theta, model.no_code(len(t)), t, torch.ones_like(t))
        return model.output_distribution(theta, draw(model.encode_theta(theta, t), generator), t, t)

    return predict


def sample(
    model: FlowAutoencoder,
    number: int,
    steps: int,
    generator: Generator,
    code: Literal["self", "prior"] = "self",
) -> Tensor:
    """Return unconditional samples x: (number, ...).

    code: `self` re-encodes z_t from the current θ_t at every step (a model without a code has
    none, one whose code is read from data is refused); `prior` draws one z ~ N(0, I) that all
    steps share.
    """
    z, s = None, None if model.method.code_time == "same" else 1.0
    if code == "prior":
        z = torch.randn(number, model.params.code_dim, generator=generator, device=model.device)
    return run_ancestral(model, number, steps, generator, predictor(model, z, s, generator))


def run_ancestral(
    model: FlowAutoencoder,
    number: int,
    steps: int,
    generator: Generator,
    predict: Predictor,
    theta: Theta | None = None,
    t: float = 0.0,
) -> Tensor:
    """Sample x: (number, ...) from θ at time t on, or from the prior at t = 0.

    It ends in the mode of the last output distribution, an image without that draw's noise.
    Without a flow there is one step: from the code to that mode.
    """
    shape = (number, *model.data_shape)
    if isinstance(model.flow, OneShotFlow):
        theta, t = model.flow.prior(shape, model.device), 1.0
    with inference(model):
        if t == 1:
            x = model.flow.mode_output(predict(theta, torch.ones(number, device=model.device)))
            return model.to_data(x)
        x = ancestral(
            model.flow,
            predict,
            shape,
            max(round((1 - t) * steps), 1),
            theta=theta,
            t_start=t,
            final="mode",
            device=model.device,
            generator=generator,
        )
    return model.to_data(x)


def to_pixels(x: Tensor) -> Tensor:
    """Images in [-1, 1], whatever the kind of x: binary classes become −1 and 1."""
    return x if x.is_floating_point() else 2.0 * x - 1
