"""The missing cells of a table, as a step of a pipeline."""

from collections.abc import Mapping
from typing import Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from paramrel.tables.model import LEAST, Seed, Table, TableModel, read_table, table_tags


class TableImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A table with its missing cells filled by a `TableModel`; known cells stay as they are.

    draws: of each missing cell, of which it takes the median of numbers and the most frequent
    class. One draw keeps the spread and the relations of the columns; many are nearer to the truth
    on average. The other numbers are those of `TableModel`; random_state is that of the draws, too.

    Fitted: model_, n_features_in_ and, of DataFrames whose columns are called by words,
    feature_names_in_.

    >>> import pandas as pd
    >>> from paramrel.tables import TableImputer
    >>> df = pd.DataFrame({"height": [1.5, 1.62, None, 1.75], "sex": ["f", "m", "f", None]})
    >>> TableImputer(steps=2).fit_transform(df).isna().sum().sum()
    np.int64(0)
    """

    def __init__(
        self,
        draws: int = 1,
        code_dim: int = 8,
        kinds: Mapping[str | int, str] | None = None,
        handle_unknown: Literal["missing", "error"] = "missing",
        steps: int = 2000,
        batch_size: int = 256,
        device: str = "cpu",
        random_state: Seed = 0,
        progress: bool = False,
    ):
        self.draws = draws
        self.code_dim = code_dim
        self.kinds = kinds
        self.handle_unknown = handle_unknown
        self.steps = steps
        self.batch_size = batch_size
        self.device = device
        self.random_state = random_state
        self.progress = progress

    def fit(self, X: Table, y: object = None) -> Self:
        """Train a `TableModel` on a table; y is not looked at. Raises what that raises."""
        read_table(self, X, least=LEAST, reset=True)
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}; it must be 1 or more")
        numbers = {name: value for name, value in self.get_params().items() if name != "draws"}
        self.model_ = TableModel(**numbers).fit(X)
        return self

    def transform(self, X: Table) -> Table:
        """Return a table without missing cells but those that `TableModel.impute` leaves.

        Of an array an array. The draws of a row depend on the rows that it stands among.
        """
        check_is_fitted(self)
        read_table(self, X)
        filled = self.model_.impute_typical(X, self.draws, self.random_state)
        return filled if isinstance(X, pd.DataFrame) else np.asarray(filled)

    def __sklearn_tags__(self) -> Tags:
        return table_tags(super().__sklearn_tags__())
