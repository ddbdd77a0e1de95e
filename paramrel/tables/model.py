"""A model of a table of one's own, as an estimator of scikit-learn."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
import torch
from numpy.random import RandomState
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    DensityMixin,
    TransformerMixin,
)
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from paramrel.data import Dataset
from paramrel.data.disk.files import whole_file
from paramrel.data.fields import leaves, missing
from paramrel.models.config import ModelParams
from paramrel.runs.run import load_run, save_run
from paramrel.runs.train import train_run
from paramrel.tables.cells import fill_cells
from paramrel.tables.column import Column, Scalar
from paramrel.tables.rows import (
    Rows,
    bounds_of,
    chances_of,
    class_values,
    codes_of,
    likeliest_rows,
)
from paramrel.tables.schema import Schema
from paramrel.tasks.completion import complete
from paramrel.tasks.sampling import sample
from paramrel.training.config import TrainParams

METHOD = "paramrel_evidence"  # reads missing cells, and learns from rows parts of which are hidden
VALIDATION = 10  # rows for each that the history is measured on
LEAST = 3  # rows to train on; two of them are for validation
FILE = "table.json"
CLASSES = ("categorical", "boolean", "ordered", "count", "flag")

Seed = int | RandomState | None
Table = pd.DataFrame | np.ndarray


class TableModel(ClassNamePrefixFeaturesOutMixin, TransformerMixin, DensityMixin, BaseEstimator):
    """Codes, densities, draws and missing cells of a table of mixed columns.

    A Bayesian flow network with a code, trained on rows any of whose cells may be missing or
    hidden. Tables are DataFrames, or arrays, whose columns are then called 0, 1 and so on.

    code_dim: numbers in a code. kinds: the kinds of some columns, by name, where `Schema.infer`
    would guess another. handle_unknown: whether classes that were not seen in training become
    missing, with a warning, or raise ValueError ("error"). steps, batch_size: of the training, 2
    or more rows a batch. device: "cpu", "cuda", or "auto". random_state: of the training.
    progress: whether to show a bar.

    Fitted: schema_, the columns; run_, the trained model; history_, a DataFrame of its losses, two
    rows or a tenth being kept for validation; n_features_in_ and, of DataFrames whose columns
    are called by words, feature_names_in_.

    >>> import pandas as pd
    >>> from paramrel.tables import TableModel
    >>> df = pd.DataFrame({"height": [1.5, 1.62, None, 1.75], "sex": ["f", "m", "f", None]})
    >>> model = TableModel(code_dim=2, steps=2).fit(df)
    >>> model.transform(df).shape
    (4, 2)
    >>> model.impute(df, random_state=0).isna().sum().sum()
    np.int64(0)
    """

    def __init__(
        self,
        code_dim: int = 8,
        kinds: Mapping[str | int, str] | None = None,
        handle_unknown: Literal["missing", "error"] = "missing",
        steps: int = 2000,
        batch_size: int = 256,
        device: str = "cpu",
        random_state: Seed = 0,
        progress: bool = False,
    ):
        self.code_dim = code_dim
        self.kinds = kinds
        self.handle_unknown = handle_unknown
        self.steps = steps
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Table, y: object = None) -> Self:
        """Infer the columns of a table and train on its rows, of which there must be 3 or more.

        y is not looked at. Raises what `Schema.infer`, `Schema.encode` and `train_run` raise.
        """
        table = read_table(self, X, least=LEAST, reset=True)
        seed = _seed(self.random_state)
        self.schema_ = Schema.infer(table, self.kinds)
        fields = self.schema_.encode(table, self.handle_unknown)
        accelerator = "gpu" if self.device == "cuda" else self.device
        self.run_, self.history_ = train_run(
            _dataset(self.schema_, fields, seed),
            METHOD,
            seed,
            ModelParams(code_dim=self.code_dim),
            TrainParams(steps=self.steps, batch_size=self.batch_size, accelerator=accelerator),
            self.progress,
        )
        return self

    def transform(self, X: Table) -> np.ndarray:
        """Return the codes (N, code_dim), float64, of rows: what the model expects of z.

        A row's code depends on its known cells alone, and is the same at every call.
        """
        return codes_of(self.run_.model, self._read(X)[1]).numpy()

    def inverse_transform(self, Z: Any) -> pd.DataFrame:
        """Return the likeliest cell of each column given codes Z (N, code_dim) alone."""
        check_is_fitted(self)
        z = torch.from_numpy(check_array(Z, dtype=np.float64, copy=True))
        if z.shape[1] != self._n_features_out:
            raise ValueError(f"Z has {z.shape[1]} numbers a row; a code has {self._n_features_out}")
        return self.schema_.decode(likeliest_rows(self.run_.model, z))

    def sample(
        self,
        n_samples: int = 1,
        given: Mapping[str | int, Scalar] | None = None,
        random_state: Seed = None,
    ) -> pd.DataFrame:
        """Return new rows, (n_samples, columns), with no cell missing but those of flags.

        given: cells that all rows have, by column; the others are drawn given these. Raises
        ValueError for unknown columns, and for values that were not seen or that a column's type
        can't hold.
        """
        check_is_fitted(self)
        if n_samples < 1:
            raise ValueError(f"n_samples is {n_samples}; it must be 1 or more")
        if given:
            return self._sample_given(given, n_samples, random_state)
        generator = self.run_.model.generator(_seed(random_state))
        return self.schema_.decode(sample(self.run_.model, n_samples, generator=generator))

    def impute(self, X: Table, draws: int = 1, random_state: Seed = None) -> pd.DataFrame:
        """Return a table with its missing cells drawn given the known ones, which stay as they are.

        draws: how many such tables; more than 1 stand one below another, with the index
        (draw, row). Missing stay the cells of flags, where that means something, and of columns
        without a field.
        """
        table, rows = self._read(X)
        if draws < 1:
            raise ValueError(f"draws is {draws}; it must be 1 or more")
        state = check_random_state(random_state)
        tables = [self._fill(table, self._draw(rows, state)) for _ in range(draws)]
        return tables[0] if draws == 1 else pd.concat(tables, keys=range(draws), names=["draw"])

    def impute_typical(self, X: Table, draws: int, random_state: Seed = None) -> pd.DataFrame:
        """Return a table with the typical one of several draws of each missing cell.

        That is the median of numbers, and the most frequent class. Else it is `impute`.
        """
        table, rows = self._read(X)
        state = check_random_state(random_state)
        drawn = [self._draw(rows, state) for _ in range(draws)]
        stacked = {name: torch.stack([one[name] for one in drawn]) for name in rows}
        typical = {
            name: (held.median(0) if held.is_floating_point() else held.mode(0)).values
            for name, held in stacked.items()
        }
        return self._fill(table, typical)

    def predict_proba(self, X: Table, column: str | int | None = None) -> pd.DataFrame:
        """Return the probability of each class of a column given the other known cells of a row.

        column: by default each that has classes; those of the result are then (column, class). Its
        own cells must be there, but are not looked at. Raises ValueError for one without classes.
        """
        table, rows = self._read(X)
        able = {c.name: c for c in self.schema_.columns if c.kind in CLASSES}
        if column is None:
            chances = {name: self._chances(table.index, rows, held) for name, held in able.items()}
            return pd.concat(chances, axis=1) if chances else pd.DataFrame(index=table.index)
        if column not in able:
            raise ValueError(f"{column!r} has no classes; columns that have are {[*able]}")
        return self._chances(table.index, rows, able[column])

    def _chances(self, index: pd.Index, rows: Rows, column: Column) -> pd.DataFrame:
        name = str(column.name)
        values = class_values(self.schema_.variables[name]).double().numpy()
        classes = pd.Index(column.decode({name: values}, len(values)), name=column.name)
        return pd.DataFrame(chances_of(self.run_.model, rows, name).numpy(), index, classes)

    def score_samples(self, X: Table) -> np.ndarray:
        """Return a lower bound (N,) on ln p of the known cells of each row, nats, estimated.

        Numbers count as they lie in [-1, 1] (`Schema.encode`), where they have a density, those of
        atoms too. Times and noise are the same for all rows and at every call.
        """
        return -bounds_of(self.run_.model, self._read(X)[1]).numpy()

    def score(self, X: Table, y: object = None) -> float:
        """Return the mean of `score_samples`, nats a row; more is better."""
        return float(self.score_samples(X).mean())

    def save(self, path: str | Path) -> None:
        """Write the run, by `save_run`, and the columns and parameters as JSON into a folder.

        Raises TypeError where random_state is no whole number or None.
        """
        check_is_fitted(self)
        params = self.get_params() | {"kinds": list((self.kinds or {}).items()) or None}
        held = {
            "params": params,
            "schema": self.schema_.to_json(),
            "history": self.history_.to_dict("list"),
            "names": [*getattr(self, "feature_names_in_", [])],
        }
        text = json.dumps(held)
        save_run(self.run_, path)
        with whole_file(Path(path) / FILE) as part:
            part.write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote, onto the CPU; raises what `load_run` raises."""
        run = load_run(path)
        held = json.loads((Path(path) / FILE).read_text(encoding="utf-8"))
        kinds = held["params"]["kinds"]
        model = cls(**held["params"] | {"kinds": kinds and {name: kind for name, kind in kinds}})
        model.run_, model.schema_ = run, Schema.from_json(held["schema"])
        model.history_ = pd.DataFrame(held["history"])
        model.n_features_in_ = len(model.schema_.columns)
        if held["names"]:
            model.feature_names_in_ = np.array(held["names"], dtype=object)
        return model

    def __sklearn_tags__(self) -> Tags:
        return table_tags(super().__sklearn_tags__())

    @property
    def _n_features_out(self) -> int:
        return self.run_.model.params.code_dim

    def _read(self, X: Table) -> tuple[pd.DataFrame, Rows]:
        check_is_fitted(self)
        table = read_table(self, X)
        return table, self._encode(table)

    def _encode(self, table: pd.DataFrame, handle_unknown: str | None = None) -> Rows:
        """The fields of a table as models take them."""
        fields = self.schema_.encode(table, handle_unknown or self.handle_unknown)
        return {
            name: values.nan_to_num(-1).long()
            if self.schema_.variables[name].kind == "categorical"
            else values.float()
            for name, values in fields.items()
        }

    def _draw(self, rows: Rows, random_state: Seed) -> Rows:
        if not any(missing(values).any() for values in leaves(rows)):
            return rows
        model = self.run_.model
        return complete(model, rows, generator=model.generator(_seed(random_state)))

    def _fill(self, table: pd.DataFrame, rows: Rows) -> pd.DataFrame:
        """A table whose missing cells are those of the rows."""
        drawn = self.schema_.decode(rows, table.index)
        filled = {n: fill_cells(table[n], drawn[n]) if n in drawn else table[n] for n in table}
        return pd.DataFrame(filled, table.index)

    def _sample_given(
        self, given: Mapping[str | int, Scalar], number: int, random_state: Seed
    ) -> pd.DataFrame:
        columns = {c.name: c for c in self.schema_.columns if c.kind not in ("id", "text")}
        if unknown := given.keys() - columns.keys():
            raise ValueError(f"given names {[*unknown]}; the columns are {[*columns]}")
        cells = {name: columns[name].repeat(value, number) for name, value in given.items()}
        table = pd.DataFrame({name: cells.get(name, [None] * number) for name in columns})
        rows = self._encode(table, "error")
        for name in columns.keys() - given.keys():
            rows |= {field: _hidden(rows[field]) for field in columns[name].variables}
        drawn = self.schema_.decode(self._draw(rows, random_state))
        return pd.DataFrame({name: cells.get(name, drawn[name]) for name in drawn})


def read_table(
    estimator: BaseEstimator, X: Table, least: int = 1, reset: bool = False
) -> pd.DataFrame:
    """Return a table or array (N, columns) as a DataFrame, checked as scikit-learn asks.

    reset: whether its columns become those of the estimator, which they must otherwise be. Raises
    ValueError for fewer rows than `least`, other columns, infinite and complex numbers, and
    TypeError for sparse ones.
    """
    table = X
    if not isinstance(X, pd.DataFrame):
        array = check_array(X, dtype=None, ensure_all_finite="allow-nan", estimator=estimator)
        table = pd.DataFrame(array).infer_objects()
    validate_data(estimator, X, reset=reset, skip_check_array=True)
    if len(table) < least:
        raise ValueError(f"the table has {len(table)} sample(s), and {least} are needed at least")
    return table


def table_tags(tags: Tags) -> Tags:
    """Return an estimator's tags with what tables may hold."""
    tags.input_tags.allow_nan = tags.input_tags.string = tags.input_tags.categorical = True
    tags.transformer_tags.preserves_dtype = []
    return tags


def _hidden(values: Tensor) -> Tensor:
    return torch.full_like(values, torch.nan if values.is_floating_point() else -1)


def _seed(random_state: Seed) -> int:
    return int(check_random_state(random_state).randint(2**31))


def _dataset(schema: Schema, fields: Mapping[str, Tensor], seed: int) -> Dataset:
    """The rows, of which a few are kept for validation, and none for a test."""
    number = len(next(iter(fields.values())))
    order = torch.from_numpy(RandomState(seed).permutation(number))
    kept = max(number // VALIDATION, 2)
    train, validation = (
        {name: values[rows] for name, values in fields.items()}
        for rows in (order[kept:], order[:kept])
    )
    variables = schema.variables
    return Dataset.from_tensors(
        (train, validation, validation),
        {name: variable.kind for name, variable in variables.items()},
        levels={name: v.levels for name, v in variables.items() if v.levels},
        name="table",
        missing=True,
    )
