"""Records of several types: fields that are missing, drawn given those that are known."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from paramrel.flows import MixedFlow, MixedTheta
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.bounds import nll_bound
from paramrel.solvers import ancestral, inference
from paramrel.tasks.sampling import predictor


def complete(
    model: FlowAutoencoder, known: Mapping[str, Tensor], steps: int, generator: Generator
) -> dict[str, Tensor]:
    """Return records whose other fields are drawn given the `known` ones, each (B, ...).

    θ of a known field is that of t = 1 at every step. In training all fields have the same time, so
    this is an extrapolation, for what the others reveal early: where the known field decides late,
    as a label decides nothing before its pixels do, draw whole records with `sample` and select.
    It ends in the mode.

    Raises ValueError for data of one field, for fields that are unknown or all of them, and for a
    model whose θ does not move or whose code is read from whole records.
    """
    _check(model, known)
    number = len(next(iter(known.values())))
    certain = {
        name: model.flow.flows[name].sample_theta(x, torch.ones(number), generator=generator)
        for name, x in known.items()
    }
    predict = predictor(model, generator=generator)

    def told(theta: MixedTheta, t: Tensor) -> dict[str, Distribution]:
        return predict(MixedTheta(theta.fields | certain), t)

    shape = model.batch_shape(number)
    with inference(model):
        drawn = ancestral(model.flow, told, shape, steps, final="mode", generator=generator)
    return model.to_data(drawn) | dict(known)


def likeliest_label(
    model: FlowAutoencoder, x: Mapping[str, Tensor], field: str, times: int, seed: int
) -> Tensor:
    """Return the class (B,) of one field that makes the bound on −ln p(x) least, by trying all.

    All classes see the same times and, as far as they can, the same noise.
    """
    bounds = []
    for label in range(model.variables[field].levels):
        tried = dict(x) | {field: torch.full_like(x[field], label)}
        generator = Generator().manual_seed(seed)
        bounds.append(nll_bound(model, tried, num_times=times, generator=generator).total)
    return torch.stack(bounds).argmin(0)


def _check(model: FlowAutoencoder, known: Mapping[str, Tensor]) -> None:
    if not isinstance(model.flow, MixedFlow):
        raise ValueError("this model's data have one field, so there is nothing to complete")
    if model.method.flow == "one_shot" or model.method.code in ("x", "x_t"):
        raise ValueError(
            "this method's code is read from whole records: only methods without a code, or with "
            "one that is read from θ, can draw some fields given others"
        )
    fields = set(model.flow.flows)
    if not known or not set(known) < fields:
        raise ValueError(
            f"known = {sorted(known)} must be some, but not all, of the fields {sorted(fields)}"
        )
