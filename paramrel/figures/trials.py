"""Trials: rivals over their numbers, and two ways to noise and back."""

import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from paramrel.figures.palette import COLORS, METHOD_COLORS

__all__ = ["trial_panels"]

LABELS = {"beta": "β: weight of the rate", "lambda": "λ: weight of the match"}
WAYS = {"undo updates": COLORS[3], "ODE": COLORS[0]}
LEAST = 1e-4  # an error below it is drawn there


def trial_panels(rivals: pd.DataFrame, inversion: pd.DataFrame) -> Figure:
    """Draw validation accuracy over β and over λ, the chosen ringed, and the errors of inversion.

    rivals: rows of one data set as `mark_chosen` returns them; a line is the mean over the seeds,
    which are dots. inversion: rows of `inversion_table`; the range over the seeds is shaded.
    """
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    axes[1].sharey(axes[0])
    for axis, (number, label) in zip(axes, LABELS.items(), strict=False):
        _rivals(rivals[rivals[number].notna()], number, axis)
        axis.set(xlabel=label, ylabel="probe accuracy, validation")
    _inversion(inversion, axes[2])
    sns.despine(figure)
    return figure


def _rivals(rows: pd.DataFrame, number: str, axis: Axes) -> None:
    axis.set_xscale("log")
    for method, own in rows.groupby("method", sort=False):
        color, means = METHOD_COLORS[method], own.groupby(number)["validation_accuracy"].mean()
        axis.plot(means.index, means, "-o", color=color, label=method)
        axis.plot(own[number], own["validation_accuracy"], ".", color=color, alpha=0.5)
        best = means.loc[own.loc[own["chosen"], number].unique()]
        axis.plot(best.index, best, "o", ms=14, mfc="none", mew=2, color="black", label="chosen")
    values = sorted(rows[number].unique())
    axis.set_xticks(values, [f"{value:g}" for value in values])
    axis.minorticks_off()
    axis.legend(frameon=False, fontsize="small")


def _inversion(rows: pd.DataFrame, axis: Axes) -> None:
    drawn = rows.assign(error=rows["error"].clip(lower=LEAST))
    sns.lineplot(
        drawn, x="sigma_1", y="error", hue="way", style="way", palette=WAYS, markers=True,
        dashes=False, errorbar=("pi", 100), ax=axis,
    )  # fmt: skip
    axis.set(xscale="log", yscale="log", ylim=(LEAST / 2, 2))
    axis.set(xlabel="final noise σ₁", ylabel=f"RMS error, if above {LEAST:g}")
    axis.legend(frameon=False, fontsize="small")
