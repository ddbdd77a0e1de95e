"""Every figure as a function of a tidy table or of images; one palette throughout the study."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paramrel.figures.palette import COLORS, METHOD_COLORS
from paramrel.models.methods import METHODS

__all__ = [
    "ablation_planes",
    "code_time_panels",
    "information_curves",
    "learning_curves",
    "likelihood_bars",
    "probes_over_snr",
    "probes_over_time",
    "reconstruction_errors",
    "shuffled_code",
]


def learning_curves(history: pd.DataFrame) -> Figure:
    """Draw the parts of the training loss, and of validation's bound or data term, over steps."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for name, label in {"data": "data term", "rate": "rate", "divergence": "divergence"}.items():
        left.plot(history["step"], history[f"train_{name}"], marker="o", ms=4, label=label)
    left.set(title="training, means between evaluations", ylabel="nats per image")
    bound = {"nll": "bound", "transmission": "transmission", "rate": "rate"}
    for name, label in (bound if "validation_nll" in history else {"data": "data term"}).items():
        right.plot(history["step"], history[f"validation_{name}"], marker="o", ms=4, label=label)
    right.set(title="validation, averaged weights")
    for axis in (left, right):
        axis.set(xlabel="step", ylim=(0, None))
        axis.legend(frameon=False)
    sns.despine(figure)
    return figure


def likelihood_bars(rows: pd.DataFrame, independent_pixels: float) -> Figure:
    """Draw what the bound of each method that has one consists of, its seeds as dots."""
    rows = rows.dropna(subset="nll_bound")
    parts = {"transmission": COLORS[0], "reconstruction": COLORS[9], "rate": COLORS[1]}
    means = rows.groupby("method", sort=False)[list(parts)].mean()
    figure, axis = plt.subplots(figsize=(7, 0.6 * len(means) + 1.4), layout="constrained")
    left = 0
    for part, color in parts.items():
        axis.barh(means.index, means[part], left=left, color=color, label=part, height=0.6)
        left = left + means[part]
    axis.plot(rows["nll_bound"], rows["method"], "o", ms=4, color="black", label="total, each seed")
    axis.axvline(independent_pixels, color="gray", ls="--", label="independent pixels")
    axis.set(xlabel="bound on −ln p(x), nats per image of the test split")
    axis.invert_yaxis()
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


def probes_over_time(rows: pd.DataFrame, pixels: float, pca: float) -> Figure:
    """Draw the accuracy of a linear probe on codes of time s, mean and range over the seeds."""
    columns = [name for name in rows if name.startswith("probe_t") and not name.endswith("_sem")]
    long = rows.dropna(subset=columns).melt(["method", "seed"], columns, "time", "accuracy")
    long["time"] = long["time"].str.removeprefix("probe_t").astype(float)
    figure, axis = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
    sns.lineplot(
        long, x="time", y="accuracy", hue="method", palette=METHOD_COLORS, marker="o",
        errorbar=("pi", 100), ax=axis,
    )  # fmt: skip
    axis.axhline(pixels, color="gray", ls="--", label="pixels")
    axis.axhline(pca, color="gray", ls=":", label="PCA of the same dimension")
    axis.set(xlabel="time s of the code (0: prior, 1: data)", ylabel="probe accuracy, test")
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


def probes_over_snr(curve: pd.DataFrame) -> Figure:
    """Draw probe accuracy over the log signal-to-noise ratio, a line a representation."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    sns.lineplot(
        curve, x="log_snr", y="accuracy", hue="representation", style="representation",
        markers=True, ax=axis,
    )  # fmt: skip
    axis.axhline(curve["floor_accuracy"].iloc[0], color="gray", ls=":", label="commonest class")
    axis.set(xlabel="log signal-to-noise ratio of θ_t (nats)", ylabel="probe accuracy, test")
    axis.legend(frameon=False, fontsize="small")
    sns.despine(figure)
    return figure


def shuffled_code(rows: pd.DataFrame) -> Figure:
    """Draw the nats that another example's code adds to the loss, a dot a seed."""
    rows = rows.dropna(subset="shuffled_code")
    figure, axis = plt.subplots(
        figsize=(6, 0.5 * rows["method"].nunique() + 1), layout="constrained"
    )
    sns.stripplot(
        rows, x="shuffled_code", y="method", hue="method", palette=METHOD_COLORS, ax=axis,
        size=7, alpha=0.7, jitter=False,
    )  # fmt: skip
    axis.axvline(0, color="gray", ls="--")
    axis.set(
        xlabel="loss with a shuffled code − loss with the true code, nats per image", ylabel=""
    )
    sns.despine(figure)
    return figure


def reconstruction_errors(table: pd.DataFrame) -> Figure:
    """Draw the error of each way of reconstruction over the log-SNR of θ or of the code's θ.

    table: rows of `reconstruction_table`, of one run or of several; a line a method, its range
    over the seeds shaded. A code without a time is a level across.
    """
    floor = table.loc[table["way"] == "mean image", "mse"].mean()
    panels = {"theta": "θ of time t alone", "code": "code of time s alone"}
    figure, axes = plt.subplots(1, 2, figsize=(10, 3.6), sharey=True, layout="constrained")
    for axis, (way, title) in zip(axes, panels.items(), strict=True):
        rows = table[table["way"] == way]
        timed = rows.groupby("method")["time"].transform("nunique") > 1
        if timed.any():
            sns.lineplot(
                rows[timed], x="log_snr", y="mse", hue="method", palette=METHOD_COLORS, marker="o",
                errorbar=("pi", 100), ax=axis,
            )  # fmt: skip
        for method, mse in rows[~timed].groupby("method", sort=False)["mse"].mean().items():
            axis.axhline(mse, color=METHOD_COLORS[method], lw=1, ls="-.", label=method)
        axis.axhline(floor, color="gray", ls="--", label="mean image")
        axis.set(title=title, xlabel="log signal-to-noise ratio of θ (nats)")
        axis.set_ylabel("mean squared error, test")
    handles = dict(zip(*reversed(axes[1].get_legend_handles_labels()), strict=True))
    handles |= dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    for axis in axes:
        if axis.get_legend():
            axis.get_legend().remove()
    figure.legend(
        handles.values(), handles, loc="outside center right", frameon=False, fontsize="small"
    )
    sns.despine(figure)
    return figure


def ablation_planes(rows: pd.DataFrame, columns: Mapping[str, str]) -> Figure:
    """Draw measurements over the plane of γ and λ, a panel for each named column."""
    width = (len(columns) + 1) // 2
    figure, axes = plt.subplots(2, width, figsize=(3.4 * width, 5.2), layout="constrained")
    for axis, (column, title) in zip(axes.flat, columns.items(), strict=False):
        _plane(rows, column, axis)
        axis.set(title=title, xlabel="γ", ylabel="λ")
    for axis in axes.flat[len(columns) :]:
        axis.remove()
    return figure


def _plane(rows: pd.DataFrame, column: str, axis: Axes) -> None:
    plane = rows.pivot_table(column, "lambda", "gamma", dropna=False).sort_index(ascending=False)
    sns.heatmap(
        plane, annot=True, fmt=".3g", cmap="crest", cbar=False, square=False, ax=axis,
        linewidths=1, annot_kws={"fontsize": "small"},
    )  # fmt: skip


def code_time_panels(rows: pd.DataFrame, measures: Mapping[str, str]) -> Figure:
    """Draw measurements over γ, a row of panels a measure, a column a data set, a line a method.

    Mean and range over the seeds; a method that γ does not weigh is a level across, dashed. The
    scale is symmetric-logarithmic where values span decades; bounds of different data share none.
    """
    datasets = list(rows["dataset"].unique())
    weighed = rows["method"].map(lambda name: METHODS[name].regularizer == "mutual_information")
    figure, axes = plt.subplots(
        len(measures), len(datasets), figsize=(3.2 * max(len(datasets), 1.5), 2.4 * len(measures)),
        sharex=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for line, (measure, label) in zip(axes, measures.items(), strict=True):
        for axis, dataset in zip(line, datasets, strict=True):
            here = rows["dataset"] == dataset
            sns.lineplot(
                rows[here & weighed], x="gamma", y=measure, hue="method", style="method",
                palette=METHOD_COLORS, markers=True, dashes=False, errorbar=("pi", 100), ax=axis,
            )  # fmt: skip
            if axis.get_legend():
                axis.get_legend().remove()
            axis.set(xlabel="γ", ylabel=label if axis is line[0] else "")
            if measure != "nll_bound":
                axis.sharey(line[0])
                if rows[measure].abs().max() > 20:
                    axis.set_yscale("symlog", linthresh=1)
            levels = rows[here & ~weighed].dropna(subset=measure)
            for method, values in levels.groupby("method", sort=False)[measure]:
                _level(axis, method, values)
    for axis, dataset in zip(axes[0], datasets, strict=True):
        axis.set_title(dataset)
    _legend_below(figure, columns=max(2 * len(datasets), 3))
    sns.despine(figure)
    return figure


def _level(axis: Axes, method: str, values: pd.Series) -> None:
    """Draw the mean of a method's values across, and their range; named at the edge if far off."""
    color, mean = METHOD_COLORS[method], values.mean()
    low, high = axis.get_ylim()
    if low - (high - low) < mean < high + (high - low):
        axis.axhline(mean, color=color, ls="--", label=method)
        axis.axhspan(values.min(), values.max(), color=color, alpha=0.2, lw=0)
    else:
        above = mean > high
        bottom, top = axis.get_ylim()  # room for its name beyond the lines
        room = 0.12 * (top - bottom)
        axis.set_ylim(bottom - (not above) * room, top + above * room)
        axis.text(
            0.03, 0.97 if above else 0.03, f"{'↑' if above else '↓'} {method}: {mean:.4g}",
            color=color, fontsize="small", va="top" if above else "bottom",
            transform=axis.transAxes,
        )  # fmt: skip


def information_curves(over_time: pd.DataFrame, histories: pd.DataFrame) -> Figure:
    """Draw what codes of θ cost and tell over the log-SNR of their θ, and the rate over training.

    over_time: rows of `information_over_time`; those of a run without a code are the ceiling.
    """
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 4.6), width_ratios=(3, 2), layout="constrained"
    )
    for _, rows in over_time.dropna(subset="transmitted").groupby("method"):
        ceiling = rows["transmitted"].clip(upper=rows["cap"])
        label = "no code tells more: nats that a BFN transmits, or ln N"
        left.plot(rows["log_snr"], ceiling, ":", color="black", lw=2.5, zorder=3, label=label)
    coded = over_time.dropna(subset="kl")
    for method, rows in coded.groupby("method", sort=False):
        color, log_snr = METHOD_COLORS[method], rows["log_snr"]
        low, high = rows["information_lower"], rows["information_upper"]
        left.plot(log_snr, rows["kl"], "o--", ms=4, color=color, label=f"{method}: rate")
        left.plot(log_snr, low, color=color, label=f"{method}: I(x; z), at least")
        left.fill_between(log_snr, low, high, color=color, alpha=0.15, label="… and at most")
    left.set(xlabel="log signal-to-noise ratio of θ (nats)", ylabel="nats per example")
    sns.lineplot(
        histories, x="step", y="train_rate", hue="method", palette=METHOD_COLORS, marker="o",
        errorbar=("pi", 100), ax=right,
    )  # fmt: skip
    right.legend(frameon=False, fontsize="small")
    right.set(xlabel="training step", ylabel="rate in training, nats")
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower left",
        ncols=coded["method"].nunique(), frameon=False,
        fontsize="small",
    )  # fmt: skip
    sns.despine(figure)
    return figure


def _legend_below(figure: Figure, columns: int) -> None:
    """Write one legend below all panels: a name that stands in several of them, once."""
    named = {}
    for axis in figure.axes:
        named |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    figure.legend(
        named.values(), named, loc="outside lower center", ncols=columns, frameon=False,
        fontsize="small",
    )  # fmt: skip
