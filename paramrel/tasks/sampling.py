"""Images from a model: unconditional samples, and images that share a code or a noise."""

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch import Generator, Tensor

from paramrel.data.fields import Data, count, each, moved
from paramrel.flows import Theta
from paramrel.models.autoencoder import FlowAutoencoder, Outputs, sample_code
from paramrel.models.batches import in_batches
from paramrel.solvers import Predictor, ancestral, bfn_solver, decode, inference

Solver = Literal["ancestral", "bfn_solver"]
Noise = Data | None  # (B, ...) as `solvers.Inversion.noise`, of each field; None without a flow


class CodePrior(Protocol):
    """What codes can be drawn from."""

    def sample(self, number: int, generator: Generator) -> Tensor:
        """Return codes z: (number, d)."""


def predictor(
    model: FlowAutoencoder,
    z: Tensor | None = None,
    s: float | None = 1.0,
    generator: Generator | None = None,
) -> Predictor:
    """Return p_O(x | θ, t) of a model as the function that solvers take.

    z: (B, d), a code of time s that all steps share; the decoder is told t where s is None.
    Without z, a model that has a self-encoder re-encodes the current θ_t at every step, as
    ParamReL samples (s is then t). t may be one time per variable, of models that are trained on
    partial evidence. ValueError where the code is read from data instead.
    """
    if z is None and model.encoder is not None and not model.method.reads_theta:
        raise ValueError(
            "this method's code is read from data, and not from θ while sampling: give z, "
            "encoded from data, or sample z from the prior (code='prior')"
        )

    def predict(theta: Theta, t: Data) -> Outputs:
        one = theta.times(1.0)
        if z is not None:
            return model.output_distribution(theta, z, t, t if s is None else s * one)
        if model.encoder is None:
            return model.output_distribution(theta, model.no_code(len(one)), t, one)
        z_t = sample_code(model.encode_theta(theta, t), generator)
        return model.output_distribution(theta, z_t, t, t)

    return predict


def sample(
    model: FlowAutoencoder,
    number: int,
    steps: int = 50,
    generator: Generator | None = None,
    code: Literal["self", "prior"] | CodePrior | Tensor | None = None,
    solver: Solver = "ancestral",
) -> Data:
    """Return samples x: (number, ...), of each field where data are records, with fresh noise.

    code: `self` re-encodes z_t from the current θ_t at every step (a model without a code has
        none, one whose code is read from data is refused); `prior` draws one z ~ N(0, I) that all
        steps share. A learned prior of the codes of s = 1 is drawn from, and codes of s = 1 that
        are given, (number, d), are taken as they are. By default what the method was trained for,
        `method.sampler`; one whose codes follow no known distribution has to be given a prior.
    solver: the n messages that define a Bayesian flow network, or its probability-flow ODE.
    generator: on the model's device; by default of seed 0.

    Raises ValueError for codes where the method has none, and without a prior that is needed.

    >>> import paramrel
    >>> sample(paramrel.load_pretrained("digits").model, 4, steps=10).shape
    torch.Size([4, 1, 8, 8])
    """
    generator = generator or model.generator(0)
    code = model.method.sampler if code is None else code
    if isinstance(code, str) and code == "learned":
        raise ValueError(
            "this method's codes follow no known distribution: learn it with code = "
            "fit_latent_prior(mean_code(model, x), seed) and give that, or draw them from N(0, I) "
            "all the same with code='prior'"
        )
    if not isinstance(code, str) or code != "self":
        require_code(model)
    given = code if isinstance(code, Tensor) else torch.arange(number)
    if len(given) != number:
        raise ValueError(f"code holds {len(given)} codes for {number} samples; give one for each")

    def drawn(given: Tensor) -> Data:
        z, s = given, 1.0
        if not isinstance(code, Tensor):
            z, s = draw_codes(model, len(given), code, generator)
        predict = predictor(model, z, s, generator)
        return run_sampler(model, len(given), steps, generator, predict, solver=solver)

    return in_batches(model, drawn, given)


def draw_codes(
    model: FlowAutoencoder, number: int, code: str | CodePrior, generator: Generator
) -> tuple[Tensor | None, float | None]:
    """Return codes (number, d) and their time as `predictor` takes both: none for `self`."""
    if code == "self":
        return None, None
    if code == "prior":
        z = torch.randn(number, model.params.code_dim, generator=generator, device=model.device)
        return z, None if model.method.code_time == "same" else 1.0
    return code.sample(number, generator).to(model.device), 1.0


def run_sampler(
    model: FlowAutoencoder,
    number: int,
    steps: int,
    generator: Generator | None,
    predict: Predictor,
    theta: Theta | None = None,
    t: float = 0.0,
    solver: Solver = "ancestral",
) -> Data:
    """Sample x: (number, ...) from θ at time t on, or from the prior at t = 0: one batch.

    It ends in the mode of the last output distribution, an image without that draw's noise, and
    stays on the model's device. Without a flow there is one step: from the code to that mode.
    steps: those of [0, 1].
    """
    shape = model.batch_shape(number)
    if model.method.flow == "one_shot":
        theta, t = model.flow.prior(shape, model.device), 1.0
    with inference(model):
        if t == 1:
            out = predict(theta, torch.ones(number, device=model.device))
            model.flow.check_output(out)
            return model.to_data(model.flow.mode_output(out))
        n = max(round((1 - t) * steps), 1)
        run = dict(final="mode", theta=theta, device=model.device, generator=generator)
        if solver == "ancestral":
            x = ancestral(model.flow, predict, shape, n, t_start=t, **run)
        else:
            x = bfn_solver(model.flow, predict, shape, n, eta=t or 1e-3, **run)
    return model.to_data(x)


def draw_noise(model: FlowAutoencoder, number: int, generator: Generator) -> Noise:
    """Return noise for `decode_codes`, a standard normal for each image; None without a flow.

    generator: on the model's device.
    """
    if not model.flow.moves:
        return None
    noise = model.flow.draw_noise(model.batch_shape(number), model.device, generator)
    return moved(noise, "cpu")


def decode_codes(
    model: FlowAutoencoder, z: Tensor, noise: Noise, steps: int, s: float = 1.0
) -> Data:
    """Return x: (N, ...) of codes z: (N, d) of time s and of noise: (N, ...), with no randomness.

    The probability-flow ODE leads from the noise to x; without a flow, z alone makes x.
    """

    def decoded(z: Tensor, noise: Noise = None) -> Data:
        predict = predictor(model, z, s)
        if model.method.flow == "one_shot":
            return run_sampler(model, len(z), steps, None, predict)
        return model.to_data(decode(model.flow, predict, noise, steps))

    return in_batches(model, decoded, z, *([] if noise is None else [noise]))


def fixed_noise_decoder(
    model: FlowAutoencoder, steps: int, generator: Generator
) -> Callable[[Tensor], Tensor]:
    """Return codes (N, d) of s = 1 → images (N, C, H, W) in [-1, 1] that share one drawn noise."""
    noise = draw_noise(model, 1, generator)

    def decoder(z: Tensor) -> Tensor:
        same = None if noise is None else noise.expand(len(z), *noise.shape[1:])
        return to_pixels(decode_codes(model, z, same, steps))

    return decoder


def generate_like(
    model: FlowAutoencoder, z: Tensor, noise: Noise, steps: int, s: float = 1.0
) -> Data:
    """Return x: (B, M, ...), a row for each code z: (B, d) and a column for each noise (M, ...).

    Along a row the code is fixed and the noise varies, along a column the noise is fixed.
    Raises ValueError for a method without a code or without a flow, which has no noise.
    """
    require_code(model)
    if noise is None:
        raise ValueError(
            "this method has no flow, and so no noise to vary: a code makes one image, which "
            "decode_codes(model, z, None, steps) returns"
        )
    rows, columns = len(z), count(noise)
    noises = each(lambda part: part.repeat(rows, *[1] * (part.ndim - 1)), noise)
    x = decode_codes(model, z.repeat_interleave(columns, 0), noises, steps, s)
    return each(lambda part: part.unflatten(0, (rows, columns)), x)


def require_code(model: FlowAutoencoder) -> None:
    """Raise ValueError for a method that has no code."""
    if model.encoder is None:
        raise ValueError("this method has no code: choose one with a code, or sample with 'self'")


def to_pixels(x: Tensor) -> Tensor:
    """Images in [-1, 1], whatever the kind of x: binary classes become −1 and 1."""
    return x if x.is_floating_point() else 2.0 * x - 1
