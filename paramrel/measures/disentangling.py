"""Codes against known factors: every score of disentanglement beside the codes that frame it."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from torch import Generator, Tensor
from tqdm import tqdm

from paramrel.data import Dataset
from paramrel.data.arrays import Array, Row
from paramrel.measures.assessment import control_splits
from paramrel.measures.codes import code_splits
from paramrel.measures.config import DisentangleParams
from paramrel.metrics.disentanglement import Table, dci, disentanglement_controls
from paramrel.metrics.factor_vae import Draw, draw_from_table, factor_vae_score
from paramrel.metrics.gaps import mig, sap, tad
from paramrel.models.encoding import mean_code
from paramrel.runs.origin import origin
from paramrel.runs.run import Run

Codes = tuple[Array, Array]  # (N, d) of the train and of the test split


def disentangle_table(
    runs: Iterable[Run], data: Dataset, params: DisentangleParams, progress: bool = True
) -> pd.DataFrame:
    """Return one row for each run, thing scored (`of`) and measure, with its floor and ceiling.

    of: `code`, the mean code of s = 1, and `rotated code`, the same turned at random, which any
    score must punish; once a seed and without a method, the controls `pca_<d>`, `random_encoder`
    (of the first method), `factor_copy`, which is perfect, and `random_mix`, the true floor.
    measure: D, C and I of DCI; MIG; SAP; the FactorVAE score; TAD and ATTRS where the examples
    have attributes. data: the runs' data set, cut to the examples that are to be scored.
    Raises ValueError for data without factors and attributes.
    """
    if data.factors is None and data.test.attributes is None:
        raise ValueError(f"{data.name} has neither factors nor attributes to be disentangled")
    rows, seeds = [], set()
    coded = [run for run in runs if run.model.encoder is not None]
    for run in tqdm(coded, "runs", disable=not progress):
        train, _, test = code_splits(run.model, data, 1.0, run.seed)
        subjects = dict(_own(run, data, (train, test)))
        if run.seed not in seeds:
            subjects |= dict(_controls(run, data, (train, test)))
        seeds.add(run.seed)
        for of, (codes, draw) in subjects.items():
            known = origin(run, params) | {"of": of}
            if of not in ("code", "rotated_code"):
                known["method"] = ""
            generator = Generator().manual_seed(run.seed)
            trees = params.tree_examples if of in ("code", "random_mix") else 0
            rows += [known | row for row in _scores(codes, draw, data, params, trees, generator)]
    return pd.DataFrame(rows)


def _own(run: Run, data: Dataset, codes: Codes) -> Iterator[tuple[str, tuple[Codes, Draw | None]]]:
    encode = partial(mean_code, run.model, s=1.0, generator=run.model.generator(run.seed))
    yield "code", (codes, _drawn(data, encode))
    if data.factors is not None:
        yield "rotated_code", _made(codes, data, "random_rotation", run.seed)


def _controls(
    run: Run, data: Dataset, codes: Codes
) -> Iterator[tuple[str, tuple[Codes, Draw | None]]]:
    for name, (train, _, test) in control_splits(run, data).items():
        if name != "pixels":
            draw = None if data.factors is None else draw_from_table(test, data.test.factors)
            yield name, ((train, test), draw)
    if data.factors is not None:
        for name in ("factor_copy", "random_mix"):
            yield name, _made(codes, data, name, run.seed)


def _drawn(data: Dataset, encode: Callable[[Tensor], Array]) -> Draw | None:
    """Codes of images that are rendered with one factor held."""
    if data.factors is None:
        return None
    return lambda factor, size, generator: encode(data.draw_held(factor, size, generator))


def _made(codes: Codes, data: Dataset, name: str, seed: int) -> tuple[Codes, Draw]:
    """One of `disentanglement_controls`; its batches are resampled from the test split."""
    factors = np.concatenate([data.train.factors, data.test.factors])
    made = disentanglement_controls(np.concatenate(codes), factors, Generator().manual_seed(seed))
    train, test = np.split(made[name], [len(codes[0])])
    return (train, test), draw_from_table(test, data.test.factors)


def _scores(
    codes: Codes,
    draw: Draw | None,
    data: Dataset,
    params: DisentangleParams,
    trees: int,
    generator: Generator,
) -> Iterator[Row]:
    train, test = codes
    if data.factors is not None:
        tables = (train, data.train.factors), (test, data.test.factors)
        yield from _importances(*tables, "lasso", generator)
        if trees:
            few = tuple(array[:trees] for array in tables[0])
            yield from _importances(few, tables[1], "boosting", generator)
        gap = mig(*tables[1])
        yield _row("MIG", gap["mig"], 0.0, 1.0, gap)
        separated = sap(*tables, generator)
        yield _row("SAP", separated["sap"], 0.0, 1.0, separated)
        votes = (params.votes, params.votes // 2)
        number = len(data.factors.sizes)
        voted = factor_vae_score(test, draw, number, generator, votes, params.batch)
        yield _row("FactorVAE", voted["factor_vae_score"], voted["floor"], 1.0, voted)
    if data.test.attributes is not None:
        captured = tad(test, data.test.attributes.long(), generator)
        most = captured["factors"]
        yield _row("TAD", captured["tad"], 0.0, most / 2, captured)
        yield _row("ATTRS", captured["attrs"], 0, most, captured)
        floor = captured["auroc_gap_floor"]
        yield _row("AUROC gap", captured["auroc_gap"], floor, most / 2, captured)


def _importances(train: Table, test: Table, regressor: str, generator: Generator) -> Iterator[Row]:
    """D, C and I of DCI by one regressor."""
    scores = dci(train, test, regressor, generator).row
    for key in ("disentanglement", "completeness", "informativeness"):
        floor = scores.get(f"floor_{key}", math.nan)  # of D and C it is the score of `random_mix`
        yield _row(f"{key[0].upper()} ({regressor})", scores[key], floor, 1.0, scores)


def _row(measure: str, value: float, floor: float, ceiling: float, scores: Row) -> Row:
    return {
        "measure": measure,
        "value": value,
        "floor": floor,
        "ceiling": ceiling,
        "n": scores["n_test"] if "n_test" in scores else scores["n"],
        "note": scores["note"],
    }
