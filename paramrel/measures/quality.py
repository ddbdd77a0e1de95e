"""All runs of a data set side by side: what each code knows and how good its samples are."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import torch
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from torch import Tensor
from tqdm import tqdm

from paramrel.data import Dataset
from paramrel.data.arrays import Array
from paramrel.data.fields import Data
from paramrel.measures.assessment import (
    Judges,
    control_splits,
    fidelity_table,
    probes_over_snr,
    random_splits,
    references,
)
from paramrel.measures.codes import code_splits, splits
from paramrel.measures.config import QualityParams
from paramrel.metrics.distances import frechet_distance
from paramrel.metrics.fidelity import Reference
from paramrel.metrics.table import measured, metrics_of
from paramrel.models.batches import in_batches
from paramrel.runs.origin import origin
from paramrel.runs.run import Run
from paramrel.solvers import ancestral, bfn_solver, inference
from paramrel.tasks.latent_prior import code_source
from paramrel.tasks.sampling import CodePrior, draw_codes, predictor, to_pixels

Row = dict[str, float | int | str]


SOLVERS = {
    "ancestral": ancestral,
    "ODE, order 1": partial(bfn_solver, order=1),
    "ODE, order 2": bfn_solver,
    "SDE, order 2": partial(bfn_solver, stochastic=True),
}


def quality_table(
    runs: Collection[Run],
    data: Dataset,
    judges: Judges,
    params: QualityParams,
    evaluated: Mapping[str, Row],
    progress: bool = True,
) -> pd.DataFrame:
    """Return one row for each run, thing measured (`of`) and measure, with its floor and ceiling.

    of: `code`, of s = 1; `samples, self` and `samples, prior`; `model`, for the bound on −ln p(x),
    nats per image. Before them, without a method, the controls of codes: `pixels` and `pca_<d>`
    once and without a seed, `random_encoder` (of the first method with a code) once a seed.
    measure: `logistic accuracy` …, `fd[<extractor>]@N` … data: the runs' data set, cut to the
    examples that are to be measured. judges: `extractors`, the same ones for all runs.
    sem: the standard error of the value over the test examples, NaN where it is not known.
    evaluated: what `evaluate` said of each run, by its key. A number that a method cannot have is
    NaN, and `note` says why.
    """
    known, rows = references(data, judges, params), list(_controls(runs, data, params))
    for run in tqdm(runs, "runs", disable=not progress):
        found = [*_sampled(run, data, known, params), *_evaluated(run, evaluated[run.key])]
        if run.model.encoder is not None:
            found = [*_probed({"code": code_splits(run.model, data, 1.0, run.seed)}, data), *found]
        rows += [origin(run, params) | row for row in found]
    return pd.DataFrame(rows).astype({"seed": "Int64"})


def known_when(runs: Iterable[Run], data: Dataset, params: QualityParams) -> pd.DataFrame:
    """Probe codes and θ of all times, of the methods params.known_when names; rows as a curve's."""
    curves = [
        probes_over_snr(run, data, params.snr_times).assign(**origin(run, params))
        for run in runs
        if run.method in params.known_when and run.model.encoder is not None
    ]
    return pd.concat(curves) if curves else pd.DataFrame()


def solver_curve(
    runs: Iterable[Run], data: Dataset, judges: Judges, params: QualityParams
) -> pd.DataFrame:
    """Compare samples with the test images, for each solver and number of network evaluations.

    Of the methods params.solvers names, with codes as `sample` takes them by default. As many
    samples as test images, in the features of the first judge; a row a run, solver and number.
    On a diffusion, the ODE of order 1 is DDIM (Song et al. 2021).
    """
    test, train = to_pixels(data.test.x), to_pixels(data.train.x[: len(data.test)])
    real = judges[0].features(test)
    floor = frechet_distance(judges[0].features(train), real)
    rows = []
    for run in (run for run in runs if run.method in params.solvers):
        sampler = run.model.method.sampler
        code = code_source(run.model, sampler, data.train.x, run.seed, params.prior_steps)
        for (name, solve), number in product(SOLVERS.items(), params.evaluations):
            images = _solved(run, solve, len(test), number - 1, code)
            distance = frechet_distance(judges[0].features(images), real)
            rows.append(
                origin(run, params) | {"solver": name, "evaluations": number, "n": len(test)}
                | {f"fd[{judges[0].name}]": distance, "floor": floor}
                | {"extractor_sha256": judges[0].sha256}
            )  # fmt: skip
    return pd.DataFrame(rows)


def _solved(
    run: Run, solve: Callable[..., Data], number: int, steps: int, code: str | CodePrior
) -> Tensor:
    """So many images (N, C, H, W) in [-1, 1] by one of SOLVERS."""
    model, generator = run.model, run.model.generator(run.seed)

    def solved(rows: Tensor) -> Data:
        predict = predictor(model, *draw_codes(model, len(rows), code, generator), generator)
        shape = model.batch_shape(len(rows))
        with inference(model):
            x = solve(model.flow, predict, shape, steps, device=model.device, generator=generator)
        return model.to_data(x)

    return to_pixels(in_batches(model, solved, torch.arange(number)))


def code_space(runs: Iterable[Run], data: Dataset, params: QualityParams) -> pd.DataFrame:
    """Map the test codes of s = 1 to two dimensions, by PCA and by t-SNE.

    Of the methods params.code_space names, the first run each. t-SNE (van der Maaten & Hinton,
    2008) keeps neighbours, not distances: neither the size of a cluster nor the gap between two
    means anything.
    """
    maps = []
    first = {run.method: run for run in reversed(list(runs)) if run.model.encoder is not None}
    for method in params.code_space:
        if method not in first:
            continue
        run = first[method]
        z = np.asarray(code_splits(run.model, data, 1.0, run.seed)[2], dtype=np.float64)
        for name, project in {"PCA": PCA(2), "t-SNE": TSNE(init="pca", random_state=0)}.items():
            places = pd.DataFrame(project.fit_transform(z), columns=["x", "y"])
            maps.append(places.assign(method=method, map=name, label=np.asarray(data.test.labels)))
    return pd.concat(maps) if maps else pd.DataFrame()


def _controls(runs: Iterable[Run], data: Dataset, params: QualityParams) -> Iterator[Row]:
    """Probe what no method was trained for; see `quality_table`."""
    coded = [run for run in runs if run.model.encoder is not None]
    firsts = {run.seed: run for run in reversed(coded)}  # of each seed
    for run in (run for run in coded if firsts[run.seed] is run):
        controls = control_splits if run is coded[0] else random_splits
        for row in _probed(controls(run, data), data):
            of_seed = {"method": "", "seed": run.seed if row["of"] == "random_encoder" else None}
            yield origin(run, params) | of_seed | row


def _probed(codes: Mapping[str, tuple[Array, ...]], data: Dataset) -> Iterator[Row]:
    labels = [split.labels for split in splits(data)]
    for of, features in codes.items():
        labelled = tuple(zip(features, labels, strict=True))
        for name, metric, row in measured({"labels": labelled}):
            ends, sem = metric.ends(row), row.get(f"{metric.key}_sem", np.nan)
            yield _row(of, name, row[metric.key], sem, *ends, row["n_test"], row["note"])


def _sampled(
    run: Run, data: Dataset, known: Sequence[Reference], params: QualityParams
) -> Iterator[Row]:
    for scores in fidelity_table(run, data, known, params).to_dict("records"):
        sha256 = {"extractor_sha256": scores["extractor_sha256"]}
        of = f"samples, {scores['code']}"
        extractor = scores["metric"].removeprefix("fd")  # [name]@N
        for name, metric in metrics_of("features").items():
            ends = scores[f"{metric.key}_floor"], scores[f"{metric.key}_ceiling"]
            if metric.higher_is_better:  # real images are the ceiling, noise is the floor
                ends = ends[::-1]
            sem = scores.get(f"{metric.key}_sem", np.nan)
            yield _row(of, name + extractor, scores[metric.key], sem, *ends, scores["n"]) | sha256


def _evaluated(run: Run, known: Row) -> Iterator[Row]:
    note = run.model.method.no_bound or ""
    for name, metric, row in measured({"evaluation": known}):
        value, sem = (row.get(key, np.nan) for key in (metric.key, f"{metric.key}_sem"))
        row = _row("model", name, value, sem, *metric.ends(row), known["n_test"], note)
        yield row | {"parameters_sha256": known["parameters_sha256"]}


def _row(
    of: str,
    measure: str,
    value: float,
    sem: float,
    floor: float,
    ceiling: float,
    n: int,
    note: str = "",
) -> Row:
    spread = {"sem": sem, "floor": floor, "ceiling": ceiling}
    return {"of": of, "measure": measure, "value": value, **spread, "n": n, "note": note}
