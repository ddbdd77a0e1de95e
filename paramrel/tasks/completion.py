"""Data of which a part is missing, fields of records or pixels of images: drawn given the rest."""

from collections.abc import Mapping
from functools import partial

import torch
from torch import Generator, Tensor

from paramrel.data import Variable
from paramrel.data.fields import Data, count, each, leaves
from paramrel.flows import Theta
from paramrel.flows.checks import check_where
from paramrel.models.autoencoder import FlowAutoencoder, Outputs
from paramrel.models.batches import in_batches
from paramrel.models.bounds import nll_bound
from paramrel.models.encoding import mean_code
from paramrel.models.evidence import evidence, present
from paramrel.tasks.sampling import Solver, predictor, require_code, run_sampler

SOON = 1e-6  # t = 0 of what is drawn, which is asked for, unlike what has received nothing


def complete(
    model: FlowAutoencoder,
    known: Data,
    steps: int = 50,
    generator: Generator | None = None,
    seen: Data | None = None,
    solver: Solver = "ancestral",
) -> Data:
    """Return data whose hidden variables are drawn given those that are known, (N, ...).

    known: x, (N, ...), or what is known of it; of records the fields that are known, all or some.
    seen: booleans (N, ...), of each field given; where it is false, and where a value of x is
    missing (NaN, or class -1), x is not looked at. By default all is seen that is not missing.

    θ of what is known is that of t = 1 at every step, and θ of all else runs from t = 0 to 1. A
    model of partial evidence is told both, and was trained so. Others are told t alone: in their
    training all variables have the same time, so this is an extrapolation, for what the others
    reveal early: where the known field decides late, as a label decides nothing before its pixels
    do, draw whole records with `sample` and select. It ends in the mode. solver: as of `sample`.
    generator: on the model's device; by default of seed 0.

    Raises ValueError where nothing is hidden, for fields that are none of the model's, and for a
    model whose θ does not move or whose code is read from whole records.

    >>> import paramrel
    >>> from paramrel.models.config import ModelParams
    >>> data = paramrel.load_dataset("digits_mixed")
    >>> model = paramrel.build_model("bfn", data.variables, ModelParams())
    >>> complete(model, {"label": data.test.x["label"][:3]}, steps=5)["pixels"].shape
    torch.Size([3, 1, 8, 8])
    """
    _check(model, known, seen)
    x = _whole_records(model, known) if isinstance(model.variables, dict) else known
    generator = generator or model.generator(0)
    drawn = partial(_complete_batch, model, steps, generator, solver)
    return in_batches(model, drawn, x, _seen(x, seen))


def completed_code(
    model: FlowAutoencoder,
    known: Data,
    steps: int = 50,
    generator: Generator | None = None,
    seen: Data | None = None,
    draws: int = 8,
) -> Tensor:
    """Return the mean code (N, d) of `draws` completions of each example: E[z | what is seen].

    `mean_code(..., seen=)` reads an observation once; this asks what the code would be if all were
    seen, on average over what the model expects of the rest. Other arguments, and errors, are those
    of `complete`; ValueError without a code.

    >>> import paramrel, torch
    >>> model = paramrel.load_pretrained("digits", "paramrel_evidence").model
    >>> x = paramrel.load_dataset("digits").test.x[:3]
    >>> left = (torch.arange(8) < 4).expand(x.shape)
    >>> completed_code(model, x, steps=5, seen=left, draws=2).shape
    torch.Size([3, 10])
    """
    require_code(model)
    generator = generator or model.generator(0)
    codes = (
        mean_code(model, complete(model, known, steps, generator, seen), generator=generator)
        for _ in range(draws)
    )
    return sum(codes) / draws


def _whole_records(model: FlowAutoencoder, known: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Records all of whose fields that are not known are missing."""
    number = count(known)

    def unknown(variable: Variable) -> Tensor:
        mark = -1 if variable.kind in ("binary", "categorical") else torch.nan
        return torch.full((number, *variable.shape), mark)

    return each(unknown, model.variables) | dict(known)


def _seen(x: Data, seen: Data | None) -> Data:
    """Which of x is seen: all that is not missing, where `seen` says no more of it."""
    there = present(x)
    if isinstance(x, dict):
        seen = {**there, **(seen or {})}
    elif seen is None:
        seen = there
    found = each(lambda there, seen: there & seen.to(there.device), there, seen)
    if all(part.all() for part in leaves(found)):
        raise ValueError("nothing is hidden, so there is nothing to complete: say what is seen")
    return found


def _complete_batch(
    model: FlowAutoencoder,
    steps: int,
    generator: Generator,
    solver: Solver,
    x: Data,
    seen: Data,
) -> Data:
    """x where it is seen; all else drawn with θ of what is seen held at that of t = 1."""
    one = torch.ones(count(x), device=model.device)
    certain = model.flow.sample_theta(model.to_flow(x), one, generator=generator)
    predict = predictor(model, generator=generator)

    def told(theta: Theta, t: Tensor) -> Outputs:
        theta = certain.where(seen, theta)
        if model.method.evidence == "shared":
            return predict(theta, t)
        return predict(theta, evidence(seen, one, t.clamp(min=SOON)))

    drawn = run_sampler(model, count(x), steps, generator, told, solver=solver)
    return each(torch.where, seen, x, drawn)


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


def _check(model: FlowAutoencoder, known: Data, seen: Data | None) -> None:
    if model.method.flow == "one_shot" or model.method.code in ("x", "x_t"):
        raise ValueError(
            "this method's code is read from whole records: only methods without a code, or with "
            "one that is read from θ, can draw some fields given others"
        )
    if not isinstance(model.variables, dict):
        if seen is not None:
            check_where(seen, known.shape)
        return
    fields = set(model.flow.flows)
    if not known or not set(known) <= fields:
        raise ValueError(f"known = {sorted(known)} must be some of the fields {sorted(fields)}")
    for name, part in (seen or {}).items():
        if name not in known:
            raise ValueError(f"seen names {name!r}, but known are {sorted(known)}")
        check_where(part, known[name].shape)
