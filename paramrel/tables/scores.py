"""What codes of rows know of each column, and how like real rows the drawn ones are."""

import numpy as np
import pandas as pd
from scipy.stats import ks_2samp
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDS = 5  # of the detection


def column_probes(
    codes: np.ndarray, table: pd.DataFrame, test_codes: np.ndarray, test: pd.DataFrame
) -> pd.DataFrame:
    """Return what linear probes read of each column from codes (N, d), told of test rows.

    table, test: complete rows (N, columns), numbers and categories. Columns of the result:
    measure, "accuracy" of a logistic regression or "R²" of ridge regression; code; and floor, of
    always the commonest class or the mean of `table`.
    """
    rows = {}
    for name, cells in table.items():
        if isinstance(cells.dtype, pd.CategoricalDtype):
            probe, measure = LogisticRegression(max_iter=2000), "accuracy"
            floor = float((test[name] == cells.mode()[0]).mean())
        else:
            probe, measure, floor = RidgeCV(np.logspace(-3, 3, 13)), "R²", 0.0
        fitted = make_pipeline(StandardScaler(), probe).fit(codes, cells)
        rows[name] = (measure, fitted.score(test_codes, test[name]), floor)
    return pd.DataFrame.from_dict(rows, "index", columns=["measure", "code", "floor"])


def column_errors(real: pd.DataFrame, drawn: pd.DataFrame) -> pd.Series:
    """Return how far each column's distribution is from that of real rows, 0 equal to 1 apart.

    Kolmogorov and Smirnov's statistic of numbers, the total variation of categories: 1 less the
    column shapes of SDMetrics. Equal distributions have more than 0, the less the more rows.
    """

    def error(name: str | int) -> float:
        if isinstance(real[name].dtype, pd.CategoricalDtype):
            shares = [table[name].value_counts(normalize=True) for table in (real, drawn)]
            return float(shares[0].sub(shares[1], fill_value=0).abs().sum() / 2)
        return float(ks_2samp(real[name], drawn[name]).statistic)

    return pd.Series({name: error(name) for name in real})


def detection_auc(real: pd.DataFrame, drawn: pd.DataFrame, seed: int = 0) -> float:
    """Return how well boosted trees tell drawn rows from real ones: AUROC, cross-validated.

    0.5 where they can't. Give as many drawn rows as real ones, and none that a model was trained
    on. Columns are numbers and categories, which may be missing.
    """
    rows = pd.concat([real, drawn[real.columns].astype(real.dtypes)], ignore_index=True)
    is_drawn = np.repeat([0, 1], [len(real), len(drawn)])
    trees = HistGradientBoostingClassifier(max_iter=50, random_state=seed)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    chances = cross_val_predict(trees, rows, is_drawn, cv=folds, method="predict_proba")
    return float(roc_auc_score(is_drawn, chances[:, 1]))
