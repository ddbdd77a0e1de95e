"""Records of several types: fields that are missing, drawn given those that are known."""

from collections.abc import Mapping

import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from paramrel.data.fields import count
from paramrel.flows import MixedTheta
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.batches import in_batches
from paramrel.models.bounds import nll_bound
from paramrel.solvers import ancestral, inference
from paramrel.tasks.sampling import predictor


def complete(
    model: FlowAutoencoder,
    known: Mapping[str, Tensor],
    steps: int = 50,
    generator: Generator | None = None,
) -> dict[str, Tensor]:
    """Return records whose other fields are drawn given the `known` ones, each (N, ...).

    θ of a known field is that of t = 1 at every step. In training all fields have the same time, so
    this is an extrapolation, for what the others reveal early: where the known field decides late,
    as a label decides nothing before its pixels do, draw whole records with `sample` and select.
    It ends in the mode. generator: on the model's device; by default of seed 0.

    Raises ValueError for data of one field, for fields that are unknown or all of them, and for a
    model whose θ does not move or whose code is read from whole records.

    >>> import paramrel
    >>> from paramrel.models.config import ModelParams
    >>> data = paramrel.load_dataset("digits_mixed")
    >>> model = paramrel.build_model("bfn", data.variables, ModelParams())
    >>> complete(model, {"label": data.test.x["label"][:3]}, steps=5)["pixels"].shape
    torch.Size([3, 1, 8, 8])
    """
    _check(model, known)
    generator = generator or model.generator(0)
    predict = predictor(model, generator=generator)

    def completed(known: dict[str, Tensor]) -> dict[str, Tensor]:
        time = torch.ones(count(known), device=model.device)
        certain = {
            name: model.flow.flows[name].sample_theta(x, time, generator=generator)
            for name, x in known.items()
        }

        def told(theta: MixedTheta, t: Tensor) -> dict[str, Distribution]:
            return predict(MixedTheta(theta.fields | certain), t)

        with inference(model):
            drawn = ancestral(
                model.flow,
                told,
                model.batch_shape(count(known)),
                steps,
                final="mode",
                device=model.device,
                generator=generator,
            )
        return model.to_data(drawn) | known

    return in_batches(model, completed, dict(known))


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


def _check(model: FlowAutoencoder, known: Mapping[str, Tensor]) -> None:
    if not isinstance(model.variables, dict):
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
