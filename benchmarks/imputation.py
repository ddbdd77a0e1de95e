"""What stands in an empty cell: imputers of tables side by side.

`python benchmarks/imputation.py [table ...]`: of each table, pattern, share of hidden cells, seed
and imputer the scores of `paramrel.metrics.imputation`, over 1,000 rows that no imputer was fitted
on. Both these rows and those to fit on have cells hidden. Rows that stand in
`results/imputation.csv` are not measured again, so that it can be cut short and go on.

pattern: MCAR hides cells completely at random; MAR hides cells of half of the columns, the likelier
the larger the row's first other column; MNAR hides the likelier the larger the cell itself. Words
are ordered by their frequency.
imputer: `marginal` draws each cell from its column; `neighbours` and `ridge` are scikit-learn's
KNNImputer and IterativeImputer with draws of the posterior, on one-hot classes; `trees` chains
boosted trees by predictive mean matching (miceforest, where it is installed); `paramrel` is a
TableModel. Numbers are scored in standard deviations of the whole column.
"""

import sys
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer
from sklearn.model_selection import train_test_split

from paramrel import load_table
from paramrel.metrics.imputation import class_scores, energy_distance, number_scores
from paramrel.tables import Schema, TableModel

RESULTS = Path(__file__).parent / "results"
TABLES, PATTERNS = ("adult", "weather", "penguins"), ("MCAR", "MAR", "MNAR")
SHARES, SEEDS = (0.1, 0.3, 0.5), (0, 1, 2)
FITTED, TESTED, DRAWS = 12_000, 1000, 20  # rows at most, and draws of each hidden cell
KEY = ["table", "pattern", "share", "seed", "imputer"]

Draws = list[pd.DataFrame]  # each a table without missing cells
Imputer = Callable[[pd.DataFrame, pd.DataFrame, int], Draws]  # fitted on, to be filled, seed


def complete_rows(name: str) -> pd.DataFrame:
    """Return rows of a table without missing cells, whose classes are whole numbers.

    Columns that are mostly missing, that only name or date the rows, or never change are left out.
    """
    df = load_table(name)
    kinds = {column.name: column.kind for column in Schema.infer(df).columns}
    told = [c for c in df if kinds[c] not in ("id", "text", "constant", "date")]
    df = df[[c for c in told if df[c].notna().mean() > 0.5]].dropna().reset_index(drop=True)
    for column in df.columns[~df.dtypes.map(pd.api.types.is_numeric_dtype)]:
        order = df[column].value_counts().index  # 0 is the most frequent
        df[column] = pd.Categorical(pd.Categorical(df[column], order).codes)
    return df.astype(dict.fromkeys(df.select_dtypes("number"), float))


def hidden_cells(
    df: pd.DataFrame, pattern: str, share: float, rng: np.random.Generator
) -> pd.DataFrame:
    """Return which cells are hidden, this share of all, or of MAR of half of the columns."""
    ranks = df.astype(float).rank(pct=True)
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
        if isinstance(cells.dtype, pd.CategoricalDtype):
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
        if isinstance(cells.dtype, pd.CategoricalDtype):
            end = start + len(cells.cat.categories)
            codes = values[:, start:end].argmax(1)
            drawn = pd.Series(pd.Categorical.from_codes(codes, dtype=cells.dtype), df.index)
        else:
            end = start + 1
            drawn = pd.Series(values[:, start], df.index) * like[name].std() + like[name].mean()
        taken[name], start = cells.where(cells.notna(), drawn), end
    return pd.DataFrame(taken)


def marginal(fitted: pd.DataFrame, df: pd.DataFrame, seed: int) -> Draws:
    rng = np.random.default_rng(seed)

    def drawn() -> pd.DataFrame:
        cells = {c: rng.choice(fitted[c].dropna(), len(df)) for c in df}
        return df.where(df.notna(), pd.DataFrame(cells, df.index).astype(df.dtypes))

    return [drawn() for _ in range(DRAWS)]


def neighbours(fitted: pd.DataFrame, df: pd.DataFrame, seed: int) -> Draws:
    imputer = KNNImputer(n_neighbors=10).fit(encoded(fitted, fitted))
    return 2 * [filled(df, imputer.transform(encoded(df, fitted)), fitted)]


def ridge(fitted: pd.DataFrame, df: pd.DataFrame, seed: int) -> Draws:
    imputer = IterativeImputer(
        sample_posterior=True, n_nearest_features=20, max_iter=5, random_state=seed
    ).fit(encoded(fitted, fitted))
    return [filled(df, imputer.transform(encoded(df, fitted)), fitted) for _ in range(DRAWS)]


def trees(fitted: pd.DataFrame, df: pd.DataFrame, seed: int) -> Draws:
    import miceforest

    kernel = miceforest.ImputationKernel(fitted, num_datasets=DRAWS, random_state=seed)
    kernel.mice(5)
    drawn = kernel.impute_new_data(df)
    return [drawn.complete_data(i) for i in range(DRAWS)]


def paramrel(fitted: pd.DataFrame, df: pd.DataFrame, seed: int) -> Draws:
    model = TableModel(random_state=seed).fit(fitted)
    drawn = model.impute(df, draws=DRAWS, random_state=seed)
    return [drawn.loc[draw] for draw in range(DRAWS)]


IMPUTERS: dict[str, Imputer] = {
    made.__name__: made for made in (marginal, neighbours, ridge, trees, paramrel)
}


def scores(truth: pd.DataFrame, hidden: pd.DataFrame, draws: Draws, like: pd.DataFrame) -> dict:
    """Return the means over the columns, and the energy distance of rows with hidden cells."""
    rows = []
    for name, cells in truth.items():
        where = hidden[name]
        if not where.any():
            continue
        if isinstance(cells.dtype, pd.CategoricalDtype):
            drawn = np.stack([draw[name].cat.codes[where] for draw in draws])
            rows.append(class_scores(cells.cat.codes[where], drawn, len(cells.cat.categories)))
        else:
            drawn = np.stack([draw[name][where] for draw in draws]) / like[name].std()
            rows.append(number_scores(cells[where] / like[name].std(), drawn))
    some = hidden.any(axis=1)
    pair = (encoded(table[some], like) for table in (truth, draws[0]))
    return pd.DataFrame(rows).mean().to_dict() | {"energy": energy_distance(*pair)}


def measure(name: str, pattern: str, share: float, seed: int, imputer: str) -> dict:
    """Return what one imputer scores, and its seconds."""
    rng, whole = np.random.default_rng(seed), complete_rows(name)
    tested = min(TESTED, len(whole) // 3)
    fitted, truth = train_test_split(whole, test_size=tested, random_state=seed)
    fitted = fitted[:FITTED].reset_index(drop=True)
    truth = truth.reset_index(drop=True)
    holed = fitted.mask(hidden_cells(fitted, pattern, share, rng))
    hidden = hidden_cells(truth, pattern, share, rng)
    start = time.perf_counter()
    draws = IMPUTERS[imputer](holed, truth.mask(hidden), seed)
    seconds = time.perf_counter() - start
    return scores(truth, hidden, draws, whole) | {"seconds": seconds}


def main() -> None:
    path = RESULTS / "imputation.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEY)
    imputers = [name for name in IMPUTERS if name != "trees" or find_spec("miceforest")]
    for key in product(sys.argv[1:] or TABLES, PATTERNS, SHARES, SEEDS, imputers):
        if (table[KEY] == key).all(axis=1).any():
            continue
        row = dict(zip(KEY, key, strict=True)) | measure(*key)
        print({name: f"{v:.4g}" if isinstance(v, float) else v for name, v in row.items()})
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        table.sort_values(KEY).round(5).to_csv(path, index=False)


if __name__ == "__main__":
    main()
