"""Records of several types: fields that are missing, drawn given those that are known."""

from collections.abc import Mapping

import pandas as pd
import torch
from torch import Generator, Tensor
from torch.distributions import Distribution

from paramrel.data import Dataset
from paramrel.flows import MixedFlow, MixedTheta
from paramrel.generation import predictor, sample
from paramrel.metrics.extractors import Classifier
from paramrel.model import FlowAutoencoder
from paramrel.params import EvaluateParams, GenerateParams
from paramrel.provenance import origin
from paramrel.runs import Run
from paramrel.solvers import ancestral, inference


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
        bounds.append(model.nll_bound(tried, num_times=times, generator=generator).total)
    return torch.stack(bounds).argmin(0)


def completion_row(
    run: Run,
    data: Dataset,
    classifier: Classifier,
    evaluate: EvaluateParams,
    generate: GenerateParams,
) -> dict[str, float | int | str]:
    """Measure the whole on the first test records, and its parts given the others.

    classifier: trained on the pixels of the train split; it judges whether the pixels of drawn
    records are those of their label. What a method cannot do is absent.
    """
    model, x = run.model, data.test.x[slice(evaluate.examples)]
    times, steps, label = evaluate.num_times, generate.sampling_steps, x["label"]
    row = origin(run, evaluate, generate) | {"n": len(label)}
    if model.method.no_bound is None:
        bound = model.nll_bound(x, num_times=times, generator=Generator().manual_seed(run.seed))
        row |= {"nll_bound": bound.total.mean().item(), "rate": bound.rate.mean().item()}
        found = likeliest_label(model, x, "label", times, run.seed)
        row["label_by_bound"] = (found == label).double().mean().item()
    if model.method.code in ("none", "theta"):
        generator = Generator().manual_seed(run.seed)
        rest = {name: field for name, field in x.items() if name != "label"}
        found = complete(model, rest, steps, generator)["label"]
        row["label_by_sampling"] = (found == label).double().mean().item()
    generator = Generator().manual_seed(run.seed)
    drawn = sample(model, len(label), steps, generator, model.method.samplers[0])
    recognised = classifier.predict(drawn["pixels"]) == drawn["label"].numpy()
    return row | {
        "pixels_recognised": float(recognised.mean()),
        "judge_sha256": classifier.sha256,
    }


def completion_table(
    runs: list[Run],
    data: Dataset,
    classifier: Classifier,
    evaluate: EvaluateParams,
    generate: GenerateParams,
) -> pd.DataFrame:
    """Return `completion_row` of several runs, and of the classifier on the true pixels."""
    x = data.test.x[slice(evaluate.examples)]
    right = float((classifier.predict(x["pixels"]) == x["label"].numpy()).mean())
    control = {"dataset": data.name, "method": "classifier", "n": len(x["label"])}
    control |= {"label_by_bound": right, "label_by_sampling": right, "pixels_recognised": right}
    control["judge_sha256"] = classifier.sha256
    rows = [completion_row(run, data, classifier, evaluate, generate) for run in runs]
    return pd.DataFrame([*rows, control])


def draws_by_label(records: Mapping[str, Tensor], name: str, number: int) -> dict[str, Tensor]:
    """Return rows of pictures, one for each class, of the first drawn records that have it.

    records: with the fields pixels (N, C, H, W) and label (N,); a class that was drawn too rarely
    is repeated, one that was never drawn is empty. The rows' names start with `name`.
    """
    pixels, label = records["pixels"], records["label"]
    rows = torch.full((number, 10, *pixels.shape[1:]), -1.0)
    for k in range(10):
        found = pixels[label == k]
        for i in range(number if len(found) else 0):
            rows[i, k] = found[i % len(found)]
    return {f"{name}, {i + 1}": row for i, row in enumerate(rows)}


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
