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

COMPLETED = {f"{method}, completed": color for method, color in METHOD_COLORS.items()}
COLORS = METHOD_COLORS | COMPLETED | {"pca": "0.35", "pixels": "0.6"}


def robust_codes(table: pd.DataFrame) -> Figure:
    """Draw probe accuracy over the noise of an observation, and with a part of it hidden.

    table: rows of `robustness.robust_table`. A row of panels for each way to train the probe; the
    mean of the seeds and their range; controls in grey.
    """
    ways = list(table["trained_on"].unique())
    figure, axes = plt.subplots(
        len(ways), 2, figsize=(11.5, 3.6 * len(ways)), sharey=True, layout="constrained",
        width_ratios=(1, 1), squeeze=False,
    )  # fmt: skip
    for (noise, parts), way in zip(axes, ways, strict=True):
        rows = table[table["trained_on"] == way]
        style = dict(y="accuracy", hue="method", palette=COLORS, errorbar=("pi", 100))
        noisy = rows[(rows["hidden"] == "nothing") & (rows["log_snr"] != float("inf"))]
        sns.lineplot(noisy, x="log_snr", style="method", dashes=False, markers=True, ax=noise,
                     **style)  # fmt: skip
        hidden = rows[rows["log_snr"] == float("inf")]
        sns.pointplot(hidden, x="hidden", dodge=0.6, ls="none", ms=4, err_kws={"lw": 1}, ax=parts,
                      legend=False, **style)  # fmt: skip
        for axis in (noise, parts):
            axis.axhline(rows["floor_accuracy"].mean(), color="gray", ls=":", lw=1)
        noise.set(title=f"probe trained on {way} images", ylabel="probe accuracy, test")
        noise.set_xlabel("log signal-to-noise ratio of the observation (nats)")
        parts.set(xlabel="part that is hidden, the rest clean", title="")
        parts.tick_params(axis="x", rotation=30)
    _one_legend(figure, axes[:, 0])
    return figure


def evidence_curves(table: pd.DataFrame) -> Figure:
    """Draw what is known of the rest: over the share that is seen, and by what is hidden.

    table: rows of `robustness.evidence_table`. Left, the bound on −ln p(hidden | seen) and the
    distance of the code to that of the whole, over the share of variables that are seen at random;
    right, the bound where whole parts or fields are hidden. Mean of the seeds and their range.
    """
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.8), layout="constrained")
    style = dict(hue="method", palette=COLORS, errorbar=("pi", 100))
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
