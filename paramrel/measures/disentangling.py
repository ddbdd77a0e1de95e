"""Codes against known factors: every score of disentanglement beside the codes that frame it."""

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
from paramrel.metrics.factor_vae import Draw, draw_from_table
from paramrel.metrics.table import Factored, measured
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


def dci_beside_rotated(train: Table, test: Table, seed: int) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the importance (d, F) of codes by lasso, and D, C and I of them and of them turned.

    train, test: codes (N, d) and factors (N, F). A row for `code` and one for `rotated code`, the
    same turned at random, which knows as much and is disentangled by chance alone.
    """
    generator = Generator().manual_seed(seed)
    turned = control_of("random_rotation", train, test, seed)
    pairs = {"code": (train, test)}
    pairs["rotated code"] = (turned[0], train[1]), (turned[1], test[1])
    found = {of: dci(*pair, "lasso", generator) for of, pair in pairs.items()}
    scores = ("disentanglement", "completeness", "informativeness", "floor_informativeness")
    table = pd.DataFrame({of: {key: one.row[key] for key in scores} for of, one in found.items()})
    return found["code"].importance, table.T


def control_of(name: str, train: Table, test: Table, seed: int) -> Codes:
    """Return one of `disentanglement_controls` of codes (N, d) and factors (N, F) of two splits."""
    codes, factors = (np.concatenate(pair) for pair in zip(train, test, strict=True))
    made = disentanglement_controls(codes, factors, Generator().manual_seed(seed))[name]
    return tuple(np.split(made, [len(train[0])]))


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
    tables = (codes[0], data.train.factors), (codes[1], data.test.factors)
    train, test = control_of(name, *tables, seed)
    return (train, test), draw_from_table(test, data.test.factors)


def _scores(
    codes: Codes,
    draw: Draw | None,
    data: Dataset,
    params: DisentangleParams,
    trees: int,
    generator: Generator,
) -> Iterator[Row]:
    (train, test), given = codes, {}
    if data.factors is not None:
        tables = (train, data.train.factors), (test, data.test.factors)
        votes = (params.votes, params.votes // 2)
        settings = (draw, data.factors.sizes, votes, params.batch, generator)
        given["factors"] = Factored(*tables, *settings)
        if trees:
            given["few factors"] = given["factors"].few(trees)
    if data.test.attributes is not None:
        given["attributes"] = test, data.test.attributes.long(), generator
    for name, metric, row in measured(given):
        floor, ceiling = metric.ends(row)
        n = row["n_test"] if "n_test" in row else row["n"]
        ends = {"floor": floor, "ceiling": ceiling}
        yield {"measure": name, "value": row[metric.key], **ends, "n": n, "note": row["note"]}
