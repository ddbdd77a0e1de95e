"""What trials decide on: rivals at their best, the kernel, attention, and how data are inverted."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor

from paramrel.data import Dataset
from paramrel.data.arrays import Row
from paramrel.data.subset import subset
from paramrel.flows import BayesianFlow, GaussianFlow
from paramrel.measures.codes import code_splits
from paramrel.measures.config import EvaluateParams
from paramrel.measures.evaluation import probe
from paramrel.measures.tasks import require_classes
from paramrel.metrics.disentanglement import dci
from paramrel.metrics.gaps import mig
from paramrel.models.autoencoder import sample_code
from paramrel.models.encoding import posterior
from paramrel.models.information import aggregate_information
from paramrel.runs.run import Run
from paramrel.solvers import Predictor, exact_predictor, invert


def rival_measures(run: Run, data: Dataset, params: EvaluateParams) -> Row:
    """Return the accuracy of a linear probe on the code of s = 1, on the validation split.

    What is chosen by it has not seen the test split. Raises ValueError without classes.
    """
    require_classes(data)
    data = subset(data, params.examples, read=False)
    seen = replace(data, test=data.validation)
    return {"validation_accuracy": probe(seen, [*code_splits(run.model, seen, 1.0, run.seed)])}


def kernel_measures(run: Run, data: Dataset, params: EvaluateParams) -> Row:
    """Return how the aggregate code of the test split differs from N(0, I).

    aggregate_std: root of the mean over dimensions of the variance of sampled codes of s = 1; 1 is
    matched. marginal_kl: KL(q(z) ‖ p(z)) in nats.
    """
    x = subset(data, params.examples, read=False).test.x
    generator = run.model.generator(run.seed)
    code = posterior(run.model, x, 1.0, generator)
    z = sample_code(code, generator)
    information = aggregate_information(code.mean, code.stddev.log(), z)
    spread = z.var(0).mean().sqrt().item()
    return {"aggregate_std": spread, "marginal_kl": information["marginal_kl"]}


def attention_measures(run: Run, data: Dataset, params: EvaluateParams) -> Row:
    """Return D, C and I of DCI by lasso, and MIG, of the mean code of s = 1 and known factors.

    Raises ValueError for data without factors.
    """
    if data.factors is None:
        raise ValueError(f"{data.name} has no known factors that codes could be compared with")
    data = subset(data, params.examples, read=False)
    train, _, test = code_splits(run.model, data, 1.0, run.seed)
    tables = (train, data.train.factors), (test, data.test.factors)
    row = dci(*tables, "lasso", torch.Generator().manual_seed(run.seed)).row
    names = {"D": "disentanglement", "C": "completeness", "I": "informativeness"}
    return {key: row[name] for key, name in names.items()} | {"MIG": mig(*tables[1])["mig"]}


def mark_chosen(rows: pd.DataFrame, numbers: Sequence[str]) -> pd.DataFrame:
    """Return rows of rivals with `chosen`, True for the best numbers of a method on a data set.

    numbers: the columns that were varied. The best have the highest mean `validation_accuracy`
    over the seeds; of equals, those that come first.
    """
    rows = rows.reset_index(drop=True)
    which = rows.groupby(["dataset", "method", *numbers], dropna=False).ngroup()
    means = rows["validation_accuracy"].groupby(which).transform("mean")
    best = means.groupby([rows["dataset"], rows["method"]]).transform("idxmax")
    return rows.assign(chosen=which == which[best].to_numpy())


def undo_updates(flow: BayesianFlow, predict: Predictor, zeta: Tensor, n: int) -> Tensor:
    """Return ζ: (B, ...) of t = 0 from that of t = 1: h⁻¹, the Bayesian update taken back n times.

    The message that is taken back is the one that the predictor expects, y = x̂(θ_i, t_i).
    """
    for i in range(n, 0, -1):
        zeta = zeta - _told(flow, predict, zeta, i / n, flow.gain((i - 1) / n, i / n))
    return zeta


def repeat_updates(flow: BayesianFlow, predict: Predictor, zeta: Tensor, n: int) -> Tensor:
    """Return ζ: (B, ...) of t = 1 from that of t = 0, by n updates with expected messages."""
    for i in range(n):
        zeta = zeta + _told(flow, predict, zeta, i / n, flow.gain(i / n, (i + 1) / n))
    return zeta


def _told(flow: BayesianFlow, predict: Predictor, zeta: Tensor, t: float, gain: float) -> Tensor:
    theta = flow.theta_of(zeta, flow.beta(t))
    return flow.told(flow.expected_statistic(predict(theta, theta.times(t))), gain)


def inversion_table(
    known: Tensor, sigmas: Sequence[float], seeds: Sequence[int], images: int, steps: int
) -> pd.DataFrame:
    """Turn continuous images into noise and back, in two ways; a row for each σ₁, seed and way.

    known: (N, ...) in [-1, 1], all images that there are; the predictor is exact for them, so that
    no training is in the numbers. A seed draws `images` of them. Both ways start at the mean of
    θ₁ of an image, and take `steps` there and as many back.
    way: `undo updates`, by h⁻¹ and updates again, or `ODE`, by the probability flow.
    error: root mean square of the difference to the images, computed in float32; error_float64:
    the same in float64, which tells rounding from the way itself.
    """
    rows = []
    for sigma_1 in sigmas:
        flow = GaussianFlow(sigma_1)
        predict = exact_predictor(flow, known)
        for seed in seeds:
            order = torch.randperm(len(known), generator=torch.Generator().manual_seed(seed))
            x = known[order[:images]]
            for way, again in {"undo updates": _undone, "ODE": _inverted}.items():
                errors = {
                    column: _rms(again(flow, predict, x.to(dtype), steps) - x)
                    for column, dtype in (("error", x.dtype), ("error_float64", torch.float64))
                }
                rows.append({"sigma_1": sigma_1, "seed": seed, "way": way} | errors)
                rows[-1] |= {"steps": steps, "n": len(x)}
    return pd.DataFrame(rows)


def _undone(flow: GaussianFlow, predict: Predictor, x: Tensor, steps: int) -> Tensor:
    zeta = flow.statistic(x, x.dtype) * flow.beta(1.0)
    zeta = repeat_updates(flow, predict, undo_updates(flow, predict, zeta, steps), steps)
    theta = flow.theta_of(zeta, flow.beta(1.0))
    return flow.mode_output(predict(theta, theta.times(1.0)))


def _inverted(flow: GaussianFlow, predict: Predictor, x: Tensor, steps: int) -> Tensor:
    return invert(flow, predict, x, steps).reconstruction


def _rms(difference: Tensor) -> float:
    return difference.square().mean().sqrt().item()
