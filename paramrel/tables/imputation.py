"""Imputers of tables side by side: which cells are hidden, what stands there, how near it is."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer

from paramrel.metrics.imputation import class_scores, energy_distance, number_scores
from paramrel.tables.schema import Schema

Draws = Sequence[pd.DataFrame]  # each a table without missing cells
Imputer = Callable[[pd.DataFrame, pd.DataFrame, int, int], Draws]  # fitted on, filled, draws, seed

LESS_IS_BETTER = {"accuracy": False, "log_score": True, "rmse": True, "crps": True, "energy": True}


def complete_rows(df: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a table without missing cells: numbers, and words as categories.

    Categories are in the order of their frequency. Columns that are mostly missing, that only name
    or date the rows, or never change are left out.
    """
    kinds = {column.name: column.kind for column in Schema.infer(df).columns}
    told = [c for c in df if kinds[c] not in ("id", "text", "constant", "date")]
    df = df[[c for c in told if df[c].notna().mean() > 0.5]].dropna().reset_index(drop=True)
    for column in df.columns[~df.dtypes.map(pd.api.types.is_numeric_dtype)]:
        df[column] = pd.Categorical(df[column], df[column].value_counts().index)
    return df.astype(dict.fromkeys(df.select_dtypes("number"), float))


def hidden_cells(
    df: pd.DataFrame, pattern: str, share: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return which cells of complete rows are hidden, this share of all, or of MAR of half.

    pattern: MCAR hides cells completely at random; MAR hides cells of every other column, the
    likelier the larger the row's first cell; MNAR the likelier the larger the cell itself, words
    being ordered as their categories.
    """
    ranks = pd.DataFrame({c: _as_numbers(cells).rank(pct=True) for c, cells in df.items()})
    if pattern == "MCAR":
        chance = pd.DataFrame(share, df.index, df.columns)
    elif pattern == "MNAR":
        chance = 2 * share * ranks
    else:
        chance = pd.DataFrame(0.0, df.index, df.columns)
        chance.iloc[:, 1::2] = 2 * share * ranks.iloc[:, :1].to_numpy()
    return rng.random(df.shape) < chance.clip(upper=0.95)


def encoded(df: pd.DataFrame, like: pd.DataFrame) -> np.ndarray:
    """Return numbers in standard deviations of another table's, classes one-hot: (N, F).

    NaN where one is missing.
    """
    parts = []
    for name, cells in df.items():
        if _has_classes(cells):
            part = np.eye(len(cells.cat.categories))[cells.cat.codes]
            part[cells.isna()] = np.nan
        else:
            part = ((cells - like[name].mean()) / like[name].std()).to_numpy()[:, None]
        parts.append(part)
    return np.hstack(parts)


def filled(df: pd.DataFrame, values: np.ndarray, like: pd.DataFrame) -> pd.DataFrame:
    """Return a table with its missing cells taken from what `encoded` makes of a whole one."""
    taken, start = {}, 0
    for name, cells in df.items():
        if _has_classes(cells):
            end = start + len(cells.cat.categories)
            codes = values[:, start:end].argmax(1)
            drawn = pd.Series(pd.Categorical.from_codes(codes, dtype=cells.dtype), df.index)
        else:
            end = start + 1
            drawn = pd.Series(values[:, start], df.index) * like[name].std() + like[name].mean()
        taken[name], start = cells.where(cells.notna(), drawn), end
    return pd.DataFrame(taken)


def marginal(fitted: pd.DataFrame, df: pd.DataFrame, draws: int, seed: int) -> Draws:
    """Draw each missing cell from the known ones of its column."""
    rng = np.random.default_rng(seed)

    def drawn() -> pd.DataFrame:
        cells = {c: rng.choice(fitted[c].dropna(), len(df)) for c in df}
        return df.where(df.notna(), pd.DataFrame(cells, df.index).astype(df.dtypes))

    return [drawn() for _ in range(draws)]


def neighbours(fitted: pd.DataFrame, df: pd.DataFrame, draws: int, seed: int) -> Draws:
    """Return the mean of the 10 nearest rows, by scikit-learn's KNNImputer: equal draws."""
    imputer = KNNImputer(n_neighbors=10).fit(encoded(fitted, fitted))
    return draws * [filled(df, imputer.transform(encoded(df, fitted)), fitted)]


def ridge(fitted: pd.DataFrame, df: pd.DataFrame, draws: int, seed: int) -> Draws:
    """Draw from chained Bayesian regressions, scikit-learn's IterativeImputer."""
    imputer = IterativeImputer(
        sample_posterior=True, n_nearest_features=20, max_iter=5, random_state=seed
    ).fit(encoded(fitted, fitted))
    return [filled(df, imputer.transform(encoded(df, fitted)), fitted) for _ in range(draws)]


RIVALS: dict[str, Imputer] = {made.__name__: made for made in (marginal, neighbours, ridge)}


def imputation_scores(
    truth: pd.DataFrame, hidden: pd.DataFrame, draws: Draws, like: pd.DataFrame
) -> dict[str, float]:
    """Return `number_scores` and `class_scores` of hidden cells, means over the columns.

    Numbers are scored in standard deviations of another table's. energy: the energy distance
    between the true rows that have hidden cells and one draw of them.
    """
    rows = []
    for name, cells in truth.items():
        where = hidden[name]
        if not where.any():
            continue
        if _has_classes(cells):
            drawn = np.stack([draw[name].cat.codes[where] for draw in draws])
            rows.append(class_scores(cells.cat.codes[where], drawn, len(cells.cat.categories)))
        else:
            drawn = np.stack([draw[name][where] for draw in draws]) / like[name].std()
            rows.append(number_scores(cells[where] / like[name].std(), drawn))
    some = hidden.any(axis=1)
    pair = (encoded(table[some], like) for table in (truth, draws[0]))
    return pd.DataFrame(rows).mean().to_dict() | {"energy": energy_distance(*pair, paired=True)}


def average_ranks(scores: pd.DataFrame, settings: Sequence[str]) -> pd.DataFrame:
    """Return the mean rank, 1 the best, of each imputer in each score over all settings.

    scores: a row of `imputation_scores` for each setting, told by the columns `settings`, and
    "imputer". Settings that not all imputers were measured in don't count; equals share a rank.
    """
    imputers = scores["imputer"].nunique()
    whole = scores.groupby([*settings])["imputer"].transform("nunique") == imputers
    kept = scores[whole]
    ranks = {
        name: kept.groupby([*settings])[name].rank(ascending=less)
        for name, less in LESS_IS_BETTER.items()
        if name in kept
    }
    return pd.DataFrame(ranks).groupby(kept["imputer"]).mean()


def _has_classes(cells: pd.Series) -> bool:
    return isinstance(cells.dtype, pd.CategoricalDtype)


def _as_numbers(cells: pd.Series) -> pd.Series:
    return cells.cat.codes if _has_classes(cells) else cells
