"""What stands in an empty cell: imputers of tables side by side.

`OMP_NUM_THREADS=1 python benchmarks/imputation.py [table ...]`, with miceforest 6 and LightGBM 4.6
installed: of each table, pattern, share of hidden cells, seed and imputer the scores of
`paramrel.metrics.imputation`, over 500 rows or a third that no imputer was fitted on. Both these
rows and the 4,000 to fit on, or all others, have cells hidden. Rows that stand in
`results/imputation.csv` are not measured again, so that it can be cut short and go on.

table: adult, weather and penguins are `load_table`'s, diabetes and wine scikit-learn's.
pattern: as `hidden_cells` of `paramrel.tables.imputation` says.
imputer: `marginal`, `neighbours` and `ridge` stand there, too; `trees` chains random forests by
predictive mean matching (miceforest, where it is installed); `paramrel` is a TableModel of a
step for four rows, 200 or more: of 222 penguins the validation bound rises from 150 steps on.
Numbers are scored in standard deviations of the whole column. seconds: of one core.
"""

import sys
import time
from importlib.util import find_spec
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes, load_wine
from sklearn.model_selection import train_test_split

from paramrel import load_table
from paramrel.tables import TableModel
from paramrel.tables.imputation import (
    RIVALS,
    Draws,
    complete_rows,
    hidden_cells,
    imputation_scores,
)
from paramrel.training.devices import limit_threads

RESULTS = Path(__file__).parent / "results"
TABLES = ("penguins", "diabetes", "wine", "weather", "adult")
PATTERNS = ("MCAR", "MAR", "MNAR")
SHARES, SEEDS = (0.3, 0.1, 0.5), (0, 1, 2)
FITTED, TESTED, DRAWS = 4000, 500, 10  # rows at most, and draws of each hidden cell
LEAST, ROUNDS = 200, 5  # steps of the TableModel's training, and rounds of the chain of trees
KEY = ["table", "pattern", "share", "seed", "imputer"]


def whole_table(name: str) -> pd.DataFrame:
    """Return a table as it comes, classes as words."""
    if name == "diabetes":
        table = load_diabetes(as_frame=True, scaled=False).frame
        return table.assign(sex=table["sex"].map({1: "one", 2: "two"}))
    if name == "wine":
        table = load_wine(as_frame=True)
        return table.frame.assign(target=table.target_names[table.target])
    return load_table(name)


def trees(fitted: pd.DataFrame, df: pd.DataFrame, draws: int, seed: int) -> Draws:
    import miceforest

    kernel = miceforest.ImputationKernel(fitted, num_datasets=draws, random_state=seed)
    kernel.mice(ROUNDS, num_threads=1)
    drawn = kernel.impute_new_data(df)
    # without its number, complete_data of miceforest 6.0.5 returns the first round, of mere chance
    return [drawn.complete_data(i, iteration=ROUNDS) for i in range(draws)]


def paramrel(fitted: pd.DataFrame, df: pd.DataFrame, draws: int, seed: int) -> Draws:
    model = TableModel(steps=max(len(fitted) // 4, LEAST), random_state=seed).fit(fitted)
    drawn = model.impute(df, draws=draws, random_state=seed)
    return [drawn.loc[draw] for draw in range(draws)]


IMPUTERS = RIVALS | {"trees": trees, "paramrel": paramrel}


def measure(name: str, pattern: str, share: float, seed: int, imputer: str) -> dict:
    """Return what one imputer scores, and its seconds."""
    rng, whole = np.random.default_rng(seed), complete_rows(whole_table(name))
    tested = min(TESTED, len(whole) // 3)
    fitted, truth = train_test_split(whole, test_size=tested, random_state=seed)
    fitted = fitted[:FITTED].reset_index(drop=True)
    truth = truth.reset_index(drop=True)
    holed = fitted.mask(hidden_cells(fitted, pattern, share, rng))
    hidden = hidden_cells(truth, pattern, share, rng)
    start = time.process_time()
    draws = IMPUTERS[imputer](holed, truth.mask(hidden), DRAWS, seed)
    seconds = time.process_time() - start
    return imputation_scores(truth, hidden, draws, whole) | {"seconds": seconds}


def main() -> None:
    path = RESULTS / "imputation.csv"
    table = pd.read_csv(path) if path.is_file() else pd.DataFrame(columns=KEY)
    imputers = [name for name in IMPUTERS if name != "trees" or find_spec("miceforest")]
    limit_threads(1)
    for seed, share, name, pattern, imputer in product(
        SEEDS, SHARES, sys.argv[1:] or TABLES, PATTERNS, imputers
    ):
        key = (name, pattern, share, seed, imputer)
        if (table[KEY] == key).all(axis=1).any():
            continue
        row = dict(zip(KEY, key, strict=True)) | measure(*key)
        print({name: f"{v:.4g}" if isinstance(v, float) else v for name, v in row.items()})
        table = pd.concat([table, pd.DataFrame([row])], ignore_index=True)
        table.sort_values(KEY).round(5).to_csv(path, index=False)


if __name__ == "__main__":
    main()
