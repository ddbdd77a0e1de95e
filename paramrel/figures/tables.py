"""Pictures of tables: draws of empty cells, codes of rows, drawn rows beside real ones."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from paramrel.figures.palette import COLORS, METHOD_COLORS

__all__ = ["cell_draws", "code_map", "column_marginals", "row_pairs"]

DRAWN, REAL = METHOD_COLORS["paramrel_evidence"], "0.6"
CLASSES = 8  # most that a panel names
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")


def cell_draws(
    truth: pd.DataFrame, draws: Sequence[pd.DataFrame], cells: Sequence[tuple[int, str]]
) -> Figure:
    """Draw what stands in some hidden cells (row, column): all rows, the draws, the truth.

    truth: complete rows; draws: tables of the same rows with the hidden cells drawn.
    """
    figure, axes = _panels(len(cells))
    for axis, (row, name) in zip(axes, cells, strict=True):
        of_cell = pd.Series([draw.loc[row, name] for draw in draws]).astype(truth[name].dtype)
        _shares({"all rows": truth[name], "draws": of_cell}, axis)
        value = truth.loc[row, name]
        said = value if _has_classes(truth[name]) else f"{value:.4g}"
        if not _has_classes(truth[name]):
            axis.axvline(value, color="black", ls="--", lw=1.5)
        axis.set(title=f"row {row}: truth {said}", xlabel=name)
    return _with_legend(figure, axes)


def column_marginals(
    real: pd.DataFrame, drawn: pd.DataFrame, errors: Mapping[str, float]
) -> Figure:
    """Draw each column of real and drawn rows, its error as a title; classes beyond 8 left out."""
    figure, axes = _panels(len(real.columns))
    for axis, name in zip(axes, real, strict=True):
        _shares({"real rows": real[name], "drawn rows": drawn[name]}, axis)
        axis.set(title=f"error {errors[name]:.2f}", xlabel=name)
    return _with_legend(figure, axes)


def code_map(codes: np.ndarray, classes: pd.Series) -> Figure:
    """Draw codes (N, d) along their two principal axes, standardised, a colour and mark a class."""
    pca = PCA(2)
    places = pca.fit_transform(StandardScaler().fit_transform(codes))
    figure, axis = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
    _scatter(pd.DataFrame(places), classes.reset_index(drop=True), axis)
    shares = [
        f"principal axis {i + 1} ({s:.0%})" for i, s in enumerate(pca.explained_variance_ratio_)
    ]
    axis.set(title="codes of rows that no model saw", xlabel=shares[0], ylabel=shares[1])
    figure.legend(loc="outside right center", frameon=False, fontsize="small", title=classes.name)
    sns.despine(figure)
    return figure


def row_pairs(tables: Mapping[str, pd.DataFrame], x: str, y: str, classes: str) -> Figure:
    """Draw two columns of numbers, a panel a table, a colour and mark a class of a third."""
    figure, axes = plt.subplots(
        1, len(tables), figsize=(3.0 * len(tables) + 1.2, 2.8), layout="constrained",
        sharex=True, sharey=True, squeeze=False,
    )  # fmt: skip
    for axis, (title, table) in zip(axes.flat, tables.items(), strict=True):
        _scatter(table[[x, y]], table[classes], axis)
        axis.set(title=title, xlabel=x)
    axes.flat[0].set_ylabel(y)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside center right", frameon=False, fontsize="small", title=classes
    )
    sns.despine(figure)
    return figure


def _panels(number: int) -> tuple[Figure, list[Axes]]:
    columns = min(number, 4)
    rows = -(-number // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(2.5 * columns, 2.0 * rows), layout="constrained", squeeze=False
    )
    for axis in axes.flat[number:]:
        axis.set_axis_off()
    return figure, [*axes.flat[:number]]


def _shares(cells: Mapping[str, pd.Series], axis: Axes) -> None:
    """The shares of two columns, the first real: bars of classes, or steps of numbers."""
    first = next(iter(cells.values()))
    if _has_classes(first):
        names = first.value_counts().index[:CLASSES]
        for i, (label, held) in enumerate(cells.items()):
            shares = held.value_counts(normalize=True).reindex(names, fill_value=0)
            axis.bar(np.arange(len(names)) + 0.4 * i - 0.2, shares, 0.38, label=label,
                     color=(REAL, DRAWN)[i])  # fmt: skip
        turned = {"rotation": 30, "ha": "right"} if len(names) > 3 else {}
        axis.set_xticks(range(len(names)), [str(n)[:12] for n in names], fontsize="small", **turned)
    else:
        bins = np.histogram_bin_edges(pd.concat([*cells.values()]), 20)
        for i, (label, held) in enumerate(cells.items()):
            weights = np.full(len(held), 1 / len(held))
            axis.hist(held, bins, weights=weights, label=label, color=(REAL, DRAWN)[i],
                      histtype=("stepfilled", "step")[i], lw=2)  # fmt: skip


def _with_legend(figure: Figure, axes: list[Axes]) -> Figure:
    axes[0].set_ylabel("share")
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2, frameon=False)
    sns.despine(figure)
    return figure


def _scatter(places: pd.DataFrame, classes: pd.Series, axis: Axes) -> None:
    for i, name in enumerate(classes.cat.categories[:CLASSES]):
        own = places[(classes == name).to_numpy()]
        axis.plot(*own.to_numpy().T, MARKS[i], color=COLORS[i], ms=4, mew=0, label=str(name))


def _has_classes(cells: pd.Series) -> bool:
    return isinstance(cells.dtype, pd.CategoricalDtype)
