"""What a run is worth: its bound, its code and what the code knows, as one tidy row."""

from collections.abc import Sequence

import pandas as pd
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from paramrel.data import Dataset, Variable
from paramrel.data.fields import Data, count, each, leaves
from paramrel.data.subset import subset
from paramrel.measures.codes import splits
from paramrel.measures.config import EvaluateParams
from paramrel.metrics.likelihood import independent_pixels_nll
from paramrel.metrics.probes import logistic_probe, pca_codes
from paramrel.models.autoencoder import sample_code
from paramrel.models.bounds import nll_bound
from paramrel.models.encoding import mean_code, posterior
from paramrel.models.information import aggregate_information
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.training.monitors import monitors

Row = dict[str, float | int | str]


def evaluate(run: Run, data: Dataset, params: EvaluateParams | None = None) -> Row:
    """Measure a run on the test split: bound, use of the code, information, probes; one tidy row.

    Everything in nats per image but the accuracies. The draws depend on the run's seed alone.
    A quantity that the method does not have is absent: a bound where none is valid, the rate and
    the information of a deterministic code.
    data: what the run was trained on, of which params.examples of each split are measured.

    >>> import paramrel
    >>> run, data = paramrel.load_pretrained("digits"), paramrel.load_dataset("digits")
    >>> row = evaluate(run, data, EvaluateParams(examples=100, num_times=2, probe_times=(1.0,)))
    >>> row["nll_bound"] < 30 and row["shuffled_code"] > 10
    True
    """
    params = params or EvaluateParams()
    data, model = subset(data, params.examples, read=False), run.model
    generator, x = model.generator(run.seed), data.test.x
    row = origin(run, params) | {"steps": run.train.steps, "n_test": len(data.test)}
    if model.method.no_bound is None:
        bound = nll_bound(model, x, num_times=params.num_times, generator=generator)
        row |= {
            "nll_bound": bound.total.mean().item(),
            "prior": bound.prior.mean().item(),
            "transmission": bound.transmission.mean().item(),
            "reconstruction": bound.reconstruction.mean().item(),
            "rate": bound.rate.mean().item(),
        }
    row |= monitors(model, x, generator, params.num_times)
    for s in params.probe_times if model.encoder and data.label_names else ():
        codes = [mean_code(model, split.x, s, generator) for split in splits(data)]
        row[f"probe_t{s:g}"] = probe(data, codes)
    return row


def information_over_time(
    run: Run, data: Dataset, times: Sequence[float], params: EvaluateParams
) -> pd.DataFrame:
    """Measure the rate and the information of the codes of several times s, a row each, in nats.

    Of the test split, cut to params.examples. For a code of θ that is not deterministic.
    """
    x = subset(data, params.examples, read=False).test.x
    generator, rows = run.model.generator(run.seed), []
    for s in times:
        code = posterior(run.model, x, s, generator)
        z = sample_code(code, generator)
        information = aggregate_information(code.mean, code.stddev.log(), z)
        log_snr = run.model.flow.log_snr(torch.tensor([s])).item()
        rows.append(origin(run, params) | {"time": s, "log_snr": log_snr, "n": count(x)})
        rows[-1] |= {name: information[name] for name in ("kl", "mutual_information")}
        rows[-1]["cap"] = information["mutual_information_cap"]
    return pd.DataFrame(rows)


def probe(data: Dataset, features: list[Tensor]) -> float:
    """Return the test accuracy of a linear probe on features of the three splits."""
    labelled = zip(features, (split.labels for split in splits(data)), strict=True)
    return logistic_probe(*labelled)["accuracy"]


def data_floors(data: Dataset, code_dim: int, params: EvaluateParams) -> Row:
    """Return what a data set gives away without any model: a tidy row of the same quantities.

    Probes only where the examples have classes, as in `evaluate`.
    """
    data = subset(data, params.examples)
    row = {
        "dataset": data.name,
        "n_test": len(data.test),
        "independent_pixels_nll": independent_pixels_nll(data),
        "code_dim": code_dim,
    }
    if data.label_names:
        pixels = [_features(data, split.x) for split in splits(data)]
        row["probe_pixels"] = probe(data, pixels)
        row["probe_pca"] = probe(data, list(pca_codes(*pixels, d=code_dim)))
    return row


def _features(data: Dataset, x: Data) -> Tensor:
    """All that examples x say, in one vector each: (N, F); classes are one-hot."""

    def flat(variable: Variable, part: Tensor) -> Tensor:
        classes = variable.kind == "categorical"
        return (one_hot(part, variable.levels) if classes else part).flatten(1).double()

    return torch.cat(leaves(each(flat, data.variables, x)), 1)
