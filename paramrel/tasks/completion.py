"""Data of which a part is missing, fields of records or pixels of images: drawn given the rest."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from paramrel.data.fields import Data, count
from paramrel.flows import MixedTheta, Theta
from paramrel.flows.checks import check_where
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.batches import in_batches
from paramrel.models.bounds import nll_bound
from paramrel.models.evidence import evidence
from paramrel.solvers import ancestral, inference
from paramrel.tasks.sampling import predictor


def complete(
    model: FlowAutoencoder,
    known: Data,
    steps: int = 50,
    generator: Generator | None = None,
    seen: Tensor | None = None,
) -> Data:
    """Return data whose hidden variables are drawn given those that are known, (N, ...).

    known: of records the fields that are known, each (N, ...). Of all other data x itself, (N, ...)
    or what is known of it: only where `seen`, booleans (N, ...), is true is it looked at.

    θ of what is known is that of t = 1 at every step, and θ of all else runs from t = 0 to 1. A
    model of partial evidence is told both, and was trained so. Others are told t alone: in their
    training all variables have the same time, so this is an extrapolation, for what the others
    reveal early: where the known field decides late, as a label decides nothing before its pixels
    do, draw whole records with `sample` and select. It ends in the mode. generator: on the model's
    device; by default of seed 0.

    Raises ValueError for data of one field without `seen`, for fields that are unknown or all of
    them, and for a model whose θ does not move or whose code is read from whole records.

    >>> import paramrel
    >>> from paramrel.models.config import ModelParams
    >>> data = paramrel.load_dataset("digits_mixed")
    >>> model = paramrel.build_model("bfn", data.variables, ModelParams())
    >>> complete(model, {"label": data.test.x["label"][:3]}, steps=5)["pixels"].shape
    torch.Size([3, 1, 8, 8])
    """
    _check(model, known, seen)
    generator = generator or model.generator(0)
    if seen is None:
        return in_batches(model, partial(_complete_records, model, steps, generator), dict(known))
    return in_batches(model, partial(_complete_variables, model, steps, generator), known, seen)


def _complete_records(
    model: FlowAutoencoder, steps: int, generator: Generator, known: dict[str, Tensor]
) -> dict[str, Tensor]:
    number = count(known)
    time = torch.ones(number, device=model.device)
    shape = model.batch_shape(number)
    certain = model.flow.prior(shape, model.device).fields | {
        name: model.flow.flows[name].sample_theta(x, time, generator=generator)
        for name, x in known.items()
    }
    seen = {
        name: torch.full(size, name in known, device=model.device) for name, size in shape.items()
    }
    return _drawn_given(model, MixedTheta(certain), seen, steps, generator) | known


def _complete_variables(
    model: FlowAutoencoder, steps: int, generator: Generator, x: Tensor, seen: Tensor
) -> Tensor:
    time = torch.ones(len(x), device=model.device)
    certain = model.flow.sample_theta(model.to_flow(x), time, generator=generator)
    return torch.where(seen, x, _drawn_given(model, certain, seen, steps, generator))


def _drawn_given(
    model: FlowAutoencoder, certain: Theta, seen: Data, steps: int, generator: Generator
) -> Data:
    """Data drawn with θ of what is seen held at the `certain` one."""
    predict = predictor(model, generator=generator)

    def told(theta: Theta, t: Tensor) -> Distribution | dict[str, Distribution]:
        if model.method.evidence == "shared":
            return predict(certain.where(seen, theta), t)
        return predict(certain.where(seen, theta), evidence(seen, torch.ones_like(t), t))

    with inference(model):
        drawn = ancestral(
            model.flow,
            told,
            model.batch_shape(count(seen)),
            steps,
            final="mode",
            device=model.device,
            generator=generator,
        )
    return model.to_data(drawn)


def likeliest_label(
    model: FlowAutoencoder, x: Mapping[str, Tensor], field: str, times: int, seed: int
) -> Tensor:
    """Return the class (N,) of one field that makes the bound on −ln p(x) least, by trying all.

    All classes see the same times and, as far as they can, the same noise.
    """
    bounds = []
    for label in range(model.variables[field].levels):
        tried = dict(x) | {field: torch.full_like(x[field], label)}
        bound = nll_bound(model, tried, num_times=times, generator=model.generator(seed))
        bounds.append(bound.total)
    return torch.stack(bounds).argmin(0)


def _check(model: FlowAutoencoder, known: Data, seen: Tensor | None) -> None:
    if model.method.flow == "one_shot" or model.method.code in ("x", "x_t"):
        raise ValueError(
            "this method's code is read from whole records: only methods without a code, or with "
            "one that is read from θ, can draw some fields given others"
        )
    if not isinstance(model.variables, dict):
        if seen is None:
            raise ValueError(
                "this model's data have one field, so there is nothing to complete unless seen, "
                "booleans of the shape of x, says which variables are known"
            )
        check_where(seen, known.shape)
        return
    if seen is not None:
        raise ValueError("of records, known fields are those that are given: leave out seen")
    fields = set(model.flow.flows)
    if not known or not set(known) < fields:
        raise ValueError(
            f"known = {sorted(known)} must be some, but not all, of the fields {sorted(fields)}"
        )
