"""The missing cells of a table, as a step of a pipeline."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin, clone
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from paramrel.tables.model import LEAST, Table, TableModel, read_table, table_tags


class TableImputer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """A table with its missing cells filled by a `TableModel`; known cells stay as they are.

    model: a copy of it is trained; by default `TableModel()`. Its random_state is that of the
    draws, too. draws: of each missing cell, of which it takes the median of numbers and the most
    frequent class. One draw keeps the spread and the relations of the columns; many are nearer to
    the truth on average.

    Fitted: model_, n_features_in_ and, of DataFrames whose columns are called by words,
    feature_names_in_.

    >>> import pandas as pd
    >>> from paramrel.tables import TableImputer, TableModel
    >>> df = pd.DataFrame({"height": [1.5, 1.62, None, 1.75], "sex": ["f", "m", "f", None]})
    >>> TableImputer(TableModel(steps=2)).fit_transform(df).isna().sum().sum()
    np.int64(0)
    """

    def __init__(self, model: TableModel | None = None, draws: int = 1):
        self.model = model
        self.draws = draws

    def fit(self, X: Table, y: object = None) -> Self:
        """Train a `TableModel` on a table; y is not looked at. Raises what that raises."""
        read_table(self, X, least=LEAST, reset=True)
        if self.draws < 1:
            raise ValueError(f"draws is {self.draws}; it must be 1 or more")
        self.model_ = (TableModel() if self.model is None else clone(self.model)).fit(X)
        return self

    def transform(self, X: Table) -> Table:
        """Return a table without missing cells but those that `TableModel.impute` leaves.

        Of an array an array. The draws of a row depend on the rows that it stands among.
        """
        check_is_fitted(self)
        read_table(self, X)
        filled = self.model_.impute_typical(X, self.draws, self.model_.random_state)
        return filled if isinstance(X, pd.DataFrame) else np.asarray(filled)

    def __sklearn_tags__(self) -> Tags:
        return table_tags(super().__sklearn_tags__())
