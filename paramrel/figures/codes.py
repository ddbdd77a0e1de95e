"""Pictures of codes: what is known when, where codes lie, how well they disentangle."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from paramrel.figures.palette import METHOD_COLORS
from paramrel.metrics.statistics import mean_interval
from paramrel.metrics.table import METRICS

__all__ = ["code_space", "disentanglement", "known_when", "solver_curves"]

SCORES = {"accuracy": "accuracy", "auroc": "macro AUROC"}


def known_when(curves: pd.DataFrame) -> Figure:
    """Draw what a linear probe reads from codes and θ of every log-SNR; mean, range over seeds.

    curves: rows of `quality.known_when`.
    """
    if curves.empty:
        return _nothing("no run of the methods of quality.known_when")
    names = curves["representation"].replace({"θ": "θ_t"})
    lines = curves.assign(line=curves["method"].where(names == "code", names))
    figure, axes = plt.subplots(1, len(SCORES), figsize=(7, 2.6), layout="constrained")
    for axis, (score, name) in zip(axes, SCORES.items(), strict=True):
        sns.lineplot(
            lines, x="log_snr", y=score, hue="line", style="line", ax=axis,
            palette=METHOD_COLORS | {"θ_t": "black", "random encoder": "darkgray"},
            markers=True, errorbar=("pi", 100),
            legend=score == "accuracy",
        )  # fmt: skip
        is_accuracy = score == "accuracy"
        floor = curves["floor_accuracy"].mean() if is_accuracy else METRICS["logistic AUROC"].floor
        axis.axhline(floor, color="gray", ls=":")
        axis.set(
            xlabel="log signal-to-noise ratio of θ_t (nats)",
            ylabel=f"linear probe {name}, test",
            ylim=(None, 1.02),
        )
    axes[0].legend(frameon=False, fontsize="small", title=None)
    sns.despine(figure)
    return figure


def code_space(maps: pd.DataFrame, label_names: tuple[str, ...]) -> Figure:
    """Draw codes in two dimensions, a column a method and a row a map, coloured by label.

    maps: rows of `quality.code_space`.
    """
    if maps.empty:
        return _nothing("no run of the methods of quality.code_space")
    kinds, methods = maps["map"].unique(), maps["method"].unique()
    colors = sns.color_palette("tab10" if len(label_names) <= 10 else "husl", len(label_names))
    figure, axes = plt.subplots(
        len(kinds),
        len(methods),
        figsize=(2.6 * len(methods) + 1.2, 2.6 * len(kinds) + 0.3),
        squeeze=False,
        layout="constrained",
    )
    for line, kind in zip(axes, kinds, strict=True):
        for axis, method in zip(line, methods, strict=True):
            part = maps[(maps["map"] == kind) & (maps["method"] == method)]
            for label, (name, color) in enumerate(zip(label_names, colors, strict=True)):
                points = part[part["label"] == label]
                axis.scatter(points["x"], points["y"], s=8, color=color, label=name, lw=0)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(kind)
    for axis, method in zip(axes[0], methods, strict=True):
        axis.set_title(method)
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside right center", frameon=False, fontsize="small", markerscale=2,
    )  # fmt: skip
    sns.despine(figure, left=True, bottom=True)
    return figure


def disentanglement(rows: pd.DataFrame) -> Figure:
    """Draw every score of codes and of their controls: a dot a seed, the 95 % t-interval a bar.

    rows: of `disentangling.disentangle_table`; what was not scored has no mark.
    """
    own = rows["method"] + rows["of"].map({"rotated_code": ", rotated"}).fillna("")
    rows = rows.assign(name=own.where(rows["method"] != "", rows["of"].str.replace("_", " ")))
    rows = rows.sort_values("method", key=lambda m: m == "", kind="stable")  # controls last
    measures, names = rows["measure"].unique(), rows["name"].unique()
    figure, axes = plt.subplots(
        1, len(measures), figsize=(1.5 * len(measures) + 1.6, 0.3 * len(names) + 0.9),
        sharey=True, squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis, measure in zip(axes.flat, measures, strict=True):
        part = rows[rows["measure"] == measure]
        for name, cells in part.groupby("name"):
            color = METHOD_COLORS.get(cells["method"].iloc[0], "black")
            place = [list(names).index(name)] * len(cells)
            axis.plot(cells["value"], place, "o", ms=5, color=color, mfc="none")
            interval = mean_interval(cells["value"])
            axis.plot([interval["low"], interval["high"]], place[:1] * 2, color=color, lw=2)
        axis.set(title=measure, yticks=range(len(names)), yticklabels=names)
        if part["ceiling"].max() <= 1:
            axis.set_xlim(-0.05, 1.05)
        axis.tick_params(labelsize="small")
        axis.grid(axis="y", color="0.93")
    axes[0, 0].invert_yaxis()
    ways = {"higher" if METRICS[name].higher_is_better else "lower" for name in measures}
    figure.supxlabel(f"score, test split ({' or '.join(ways)} is better)", fontsize="small")
    sns.despine(figure)
    return figure


def _nothing(reason: str) -> Figure:
    """A figure of one sentence, so that the pipeline finds one."""
    figure = plt.figure(figsize=(6, 1))
    figure.text(0.5, 0.5, reason, ha="center", va="center")
    return figure


def solver_curves(curve: pd.DataFrame) -> Figure:
    """Draw rows of `solver_curve`: Fréchet distance over evaluations, a panel a method."""
    methods = list(curve["method"].unique()) if len(curve) else []
    figure, axes = plt.subplots(
        1, max(len(methods), 1), figsize=(4.2 * max(len(methods), 1) + 1.5, 3.6), sharey=True,
        squeeze=False, layout="constrained",
    )  # fmt: skip
    for axis, method in zip(axes.flat, methods, strict=False):
        rows = curve[curve["method"] == method]
        distance = next(column for column in rows if column.startswith("fd["))
        sns.lineplot(
            rows, x="evaluations", y=distance, hue="solver", style="solver", markers=True,
            dashes=False, palette="colorblind", errorbar=("pi", 100), ax=axis,
            legend=axis is axes.flat[-1],
        )  # fmt: skip
        axis.axhline(rows["floor"].iloc[0], color="gray", ls=":", label="training images")
        ticks = sorted(rows["evaluations"].unique())
        axis.set(title=method, xscale="log", yscale="log", xlabel="evaluations of the network")
        axis.set_ylabel(f"{distance}@{rows['n'].iloc[0]}")
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.minorticks_off()
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.yaxis.set_major_formatter("{x:g}")
    axes.flat[-1].legend(frameon=False, fontsize="small", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure
