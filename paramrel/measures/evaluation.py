"""What a run is worth: its bound, its code and what the code knows, as one tidy row."""

from collections.abc import Sequence
from math import log, sqrt

import pandas as pd
import torch
from scipy.stats import sem
from torch import Generator, Tensor
from torch.nn.functional import one_hot

from paramrel.data import Dataset, Variable
from paramrel.data.fields import Data, count, each, leaves
from paramrel.data.subset import subset
from paramrel.measures.codes import splits
from paramrel.measures.config import EvaluateParams
from paramrel.metrics.likelihood import independent_pixels_nll
from paramrel.metrics.probes import logistic_probe, pca_codes
from paramrel.models.autoencoder import FlowAutoencoder, sample_code
from paramrel.models.bounds import nll_bound, transmitted
from paramrel.models.config import ModelParams
from paramrel.models.encoding import mean_code, posterior
from paramrel.models.information import information_bounds, kl_per_dimension
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.training.monitors import monitors

Row = dict[str, float | int | str]
OVER_TIME = ["kl", "information_lower", "information_upper", "transmitted", "transmitted_sem"]


def evaluate(run: Run, data: Dataset, params: EvaluateParams | None = None) -> Row:
    """Measure a run on the test split: bound, use of the code, information, probes; one tidy row.

    Everything in nats per image but the accuracies; `…_sem` is a standard error over the test
    examples. The draws depend on the run's seed alone.
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
            "nll_bound_sem": sem(bound.total).item(),
            "prior": bound.prior.mean().item(),
            "transmission": bound.transmission.mean().item(),
            "reconstruction": bound.reconstruction.mean().item(),
            "rate": bound.rate.mean().item(),
        }
    row |= monitors(model, x, generator, params.num_times)
    for s in params.probe_times if model.encoder and data.label_names else ():
        codes = [mean_code(model, split.x, s, generator) for split in splits(data)]
        row[f"probe_t{s:g}"] = accuracy = probe(data, codes)
        row[f"probe_t{s:g}_sem"] = sqrt(accuracy * (1 - accuracy) / len(data.test))
    return row


def information_over_time(
    run: Run, data: Dataset, times: Sequence[float], params: EvaluateParams, draws: int = 64
) -> pd.DataFrame:
    """Measure what codes of several times s cost and tell, a row each, in nats.

    Of the test split, cut to params.examples; times rise. Of a code that is not deterministic:
    kl: its rate; information_lower, information_upper: estimates of I(x; z_s), the information
        about which of these examples it was, from so many draws of θ_s (`information_bounds`).
    Of a run without a code: transmitted, the nats that it transmits up to s, an upper bound on
        I(x; θ_s) of the same flow, and so on I(x; z_s) of each code of θ_s.
    cap: ln N, the most that can be told about which of N examples it was.
    """
    model, x = run.model, subset(data, params.examples, read=False).test.x
    generator = model.generator(run.seed)
    log_snr = model.flow.log_snr(torch.tensor(times)).tolist()
    table = pd.DataFrame({"time": times, "log_snr": log_snr, "n": count(x), "cap": log(count(x))})
    if model.encoder is None:
        nats = transmitted(model, x, times, params.num_times, generator)
        measured = pd.DataFrame({"transmitted": nats.mean(0), "transmitted_sem": sem(nats)})
    else:
        measured = pd.DataFrame(_code_information(model, x, s, draws, generator) for s in times)
    table = table.join(measured.reindex(columns=OVER_TIME))
    return pd.DataFrame(origin(run, params), table.index).join(table)


def _code_information(
    model: FlowAutoencoder, x: Data, s: float, draws: int, generator: Generator
) -> Row:
    codes = [posterior(model, x, s, generator) for _ in range(draws)]
    means = torch.stack([code.mean for code in codes], 1)
    log_stds = torch.stack([code.stddev for code in codes], 1).log()
    bounds = information_bounds(means, log_stds, sample_code(codes[0], generator))
    kl = kl_per_dimension(means.flatten(0, 1), log_stds.flatten(0, 1)).sum()
    return {"kl": kl} | {f"information_{end}": bounds[end] for end in ("lower", "upper")}


def probe(data: Dataset, features: list[Tensor]) -> float:
    """Return the test accuracy of a linear probe on features of the three splits."""
    labelled = zip(features, (split.labels for split in splits(data)), strict=True)
    return logistic_probe(*labelled)["accuracy"]


def data_floors(data: Dataset, model: ModelParams, params: EvaluateParams) -> Row:
    """Return what a data set gives away without any model: a tidy row of the same quantities.

    model: how long codes are, and the resolution σ₁ of densities. Probes only where the examples
    have classes, as in `evaluate`.
    """
    data = subset(data, params.examples)
    row = {
        "dataset": data.name,
        "n_test": len(data.test),
        "independent_pixels_nll": independent_pixels_nll(data, model.sigma_1),
        "code_dim": model.code_dim,
    }
    if data.label_names:
        pixels = [_features(data, split.x) for split in splits(data)]
        row["probe_pixels"] = probe(data, pixels)
        row["probe_pca"] = probe(data, list(pca_codes(*pixels, d=model.code_dim)))
    return row


def _features(data: Dataset, x: Data) -> Tensor:
    """All that examples x say, in one vector each: (N, F); classes are one-hot."""

    def flat(variable: Variable, part: Tensor) -> Tensor:
        classes = variable.kind == "categorical"
        values = one_hot(part, variable.levels) if classes else part
        return values.reshape(len(part), -1).double()

    return torch.cat(leaves(each(flat, data.variables, x)), 1)
