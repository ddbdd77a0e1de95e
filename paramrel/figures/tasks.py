"""Figures of the paper's tasks that are lines and dots: each a function of a tidy table."""

from collections.abc import Iterable

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paramrel.figures.palette import METHOD_COLORS
from paramrel.metrics.table import metrics_of

__all__ = [
    "conditional_accuracy",
    "evidence_curves",
    "moved_pixels",
    "moved_to_a_class",
    "robust_codes",
    "smoothness",
]


def robust_codes(table: pd.DataFrame) -> Figure:
    """Draw probe accuracy under noise and with parts hidden, the mean of the seeds, as numbers.

    table: rows of `robustness.robust_table`. A panel for each way to train the probe; methods and
    controls are sorted by what they say of examples of which a part is hidden, in the first panel.
    """
    ways = list(table["trained_on"].unique())
    clean, whole = table["log_snr"] == float("inf"), table["hidden"] == "nothing"
    observed = table["hidden"].where(~whole | clean, table["log_snr"].map("ln SNR {:g}".format))
    table = table.assign(observed=observed.replace("nothing", "whole"))
    noisy = table.loc[~clean, "observed"].unique()
    names = [*noisy, *table.loc[clean, "observed"].unique()]
    first = table[(table["trained_on"] == ways[0]) & clean & ~whole]
    order = first.groupby("method")["accuracy"].mean().sort_values(ascending=False).index
    figure, axes = plt.subplots(
        1, len(ways), figsize=(1.6 + 0.45 * len(names) * len(ways), 1.4 + 0.24 * len(order)),
        sharey=True, layout="constrained", squeeze=False,
    )  # fmt: skip
    for axis, way in zip(axes.flat, ways, strict=True):
        rows = table[table["trained_on"] == way]
        means = rows.pivot_table("accuracy", "method", "observed").reindex(order)[names]
        sns.heatmap(means, vmin=0, vmax=1, cmap="mako", annot=True, fmt=".2f", cbar=False,
                    annot_kws={"size": 7}, ax=axis)  # fmt: skip
        axis.axvline(len(noisy), color="white", lw=4)
        axis.set(title=f"probe trained on {way} examples", ylabel="")
        axis.set_xlabel("what is observed: through noise, or a part hidden")
        axis.tick_params(axis="x", rotation=90)
        axis.tick_params(length=0, labelsize="small")
    return figure


def evidence_curves(table: pd.DataFrame) -> Figure:
    """Draw what is known of the rest: over the share that is seen, and by what is hidden.

    table: rows of `robustness.evidence_table`. Left, the bound on −ln p(hidden | seen) and the
    distance of the code to that of the whole, over the share of variables that are seen at random;
    right, the bound where whole parts or fields are hidden. Mean of the seeds and their range.
    """
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    style = dict(hue="method", palette=METHOD_COLORS, errorbar=("pi", 100))
    at_random = table[table["hidden"] == "random"]
    for axis, column in zip(axes, ("conditional_bound", "code_distance"), strict=False):
        if column in table:
            sns.lineplot(at_random.dropna(subset=column), x="share", y=column, style="method",
                         dashes=False, markers=True, ax=axis, **style)  # fmt: skip
        axis.set(xlabel="share of the variables that is seen", ylim=(0, None))
    parts = table[(table["hidden"] != "random") & table["conditional_bound"].notna()]
    if len(parts):
        apart = 0.6 if parts["method"].nunique() > 1 else False
        sns.pointplot(parts, x="hidden", y="conditional_bound", dodge=apart, ls="none", ms=4,
                      err_kws={"lw": 1}, legend=False, ax=axes[2], **style)  # fmt: skip
    bound = "−ln p(hidden | seen), at most (nats)"
    axes[0].set(ylabel=bound)
    axes[1].set(ylabel="distance of the code to that of the whole")
    axes[2].set(ylabel=bound, xlabel="what is hidden", ylim=(0, None))
    axes[2].tick_params(axis="x", rotation=30)
    _one_legend(figure, axes[:2])
    return figure


def _one_legend(figure: Figure, axes: Iterable[Axes]) -> None:
    """Name what the panels share at the right of the figure, once."""
    found = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        found |= dict(zip(labels, handles, strict=True))
        if axis.get_legend():
            axis.get_legend().remove()
    figure.legend(
        found.values(), found, loc="outside center right", frameon=False, fontsize="small"
    )
    sns.despine(figure)


def conditional_accuracy(table: pd.DataFrame) -> Figure:
    """Draw how often an image shows the class asked for, over how it varies; a dot a seed.

    table: rows of `tasks.conditional_table`; a panel for each source of the codes.
    """
    sources = list(table["source"].unique())
    figure, axes = plt.subplots(
        1, len(sources), figsize=(4.2 * len(sources) + 1.8, 3.6), sharey=True, sharex=True,
        layout="constrained", squeeze=False,
    )  # fmt: skip
    for axis, source in zip(axes.flat, sources, strict=True):
        rows = table[table["source"] == source]
        sns.scatterplot(rows, x="diversity", y="accuracy", hue="method", style="method",
                        palette=METHOD_COLORS, s=50, ax=axis)  # fmt: skip
        axis.axhline(rows["accuracy_real"].mean(), color="gray", ls="--", label="test images")
        axis.axhline(rows["accuracy_floor"].mean(), color="gray", ls=":", label="chance")
        axis.axvline(1, color="gray", ls="--", lw=1)
        axis.set(title=f"codes: {source}", xlabel="diversity within a class (test images: 1)")
        axis.set_ylabel("accuracy of the class asked for")
    _one_legend(figure, axes.flat)
    return figure


def smoothness(table: pd.DataFrame) -> Figure:
    """Draw the measures of `tasks.interpolation_table`, a row a method and a dot a seed."""
    labels = {
        "path_over_chord": "path over chord (straight: 1)",
        "label_switches": "label switches a path",
        "path_length": f"path length at ε = {table['epsilon'].iloc[0]:g}",
        "midpoint_distance": "Fréchet distance half-way",
    }
    measures = {m.key: labels.get(m.key, name) for name, m in metrics_of("paths").items()}
    methods = table["method"].nunique()
    figure, axes = plt.subplots(
        1, len(measures), figsize=(12, 0.3 * methods + 1.2), sharey=True, layout="constrained"
    )
    for axis, (measure, label) in zip(axes, measures.items(), strict=True):
        sns.stripplot(table, x=measure, y="method", hue="method", palette=METHOD_COLORS,
                      jitter=False, size=6, alpha=0.7, ax=axis)  # fmt: skip
        axis.set(xlabel=label, ylabel="")
        axis.set_xlim(left=0)
    floor = table["label_switches_floor"].mean()
    axes[1].axvline(floor, color="gray", ls="--", lw=1)
    axes[3].plot(table["endpoint_distance"], table["method"], "|", color="black", ms=10)
    sns.despine(figure)
    return figure


def moved_to_a_class(table: pd.DataFrame) -> Figure:
    """Draw the share of images that show the class they are moved to; the seeds' range shaded.

    table: rows of `tasks.manipulation_table`.
    """
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    sns.lineplot(table, x="amount", y="share", hue="method", style="method", dashes=False,
                 markers=True, palette=METHOD_COLORS, errorbar=("pi", 100), ax=axis)  # fmt: skip
    axis.set(
        xlabel="shift of the code along the probe's direction (standard deviations)",
        ylabel="taken for that class",
        ylim=(0, 1),
    )
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


def moved_pixels(table: pd.DataFrame) -> Figure:
    """Draw how much each dimension of the code moves the pixels, the strongest first.

    table: rows of `tasks.traversal_table`; the mean of the seeds and their range.
    """
    ranked = table.assign(
        rank=table.groupby(["method", "seed"])["change"].rank(ascending=False, method="first")
    )
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    sns.lineplot(ranked, x="rank", y="change", hue="method", style="method", dashes=False,
                 markers=True, palette=METHOD_COLORS, errorbar=("pi", 100), ax=axis)  # fmt: skip
    axis.set(xlabel="rank of the dimension", ylabel="mean squared change of pixels", ylim=(0, None))
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure
