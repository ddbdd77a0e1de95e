"""Pictures of what flows and solvers do: θ on its way, messages, costs, paths, laws."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from IPython.display import Image
from torch import Tensor

from paramrel.figures.images import picture
from paramrel.figures.palette import COLORS
from paramrel.measures.messages import Message
from paramrel.solvers import Step

__all__ = ["cost_curves", "law_curves", "message_panels", "path_panels", "strips"]


def strips(rows: Mapping[str, Sequence[Tensor]], columns: Sequence[str] = ()) -> Image:
    """Draws rows of grey images, each (1, 1, H, W) in [0, 1], with their names on the left."""
    number = len(next(iter(rows.values())))
    size = (0.8 * number + 2, 0.8 * len(rows) + 0.4)
    figure, axes = plt.subplots(len(rows), number, figsize=size, squeeze=False)
    for line, (name, row) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, row, strict=True):
            axis.imshow(image.squeeze(), cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center", fontsize="small")
    for axis, title in zip(axes[0], columns, strict=False):
        axis.set_title(title, fontsize="small")
    figure.subplots_adjust(wspace=0.08, hspace=0.12)
    return picture(figure)


def message_panels(messages: Mapping[str, Sequence[Message]], columns: Sequence[str]) -> Image:
    """Draws sender, receiver and output distributions, a row for each kind of data."""
    shape = (len(messages), len(columns))
    size = (2.9 * shape[1], 1.9 * shape[0] + 0.3)
    figure, axes = plt.subplots(*shape, figsize=size, layout="constrained")
    for line, (name, row) in zip(axes, messages.items(), strict=True):
        for axis, message in zip(line, row, strict=True):
            y, sender, receiver = message.densities()
            top = max(sender.max(), receiver.max())
            bars = message.weights / message.weights.max() * top
            axis.vlines(message.values, 0, bars, color="0.75", lw=5, label="output")
            axis.fill_between(y, sender, color=COLORS[0], alpha=0.35, lw=0, label="sender")
            axis.plot(y, receiver, color=COLORS[1], label="receiver")
            axis.set(yticks=[], ylim=(0, 1.15 * top))
            axis.set_title(f"α = {message.alpha:.2g}, KL = {message.kl:.3f} nats", fontsize="small")
        line[0].set_ylabel(name)
    for axis, title in zip(axes[0], columns, strict=True):
        axis.set_title(f"{title}\n{axis.get_title()}", fontsize="small")
    for axis in axes[-1]:
        axis.set_xlabel("message y")
    axes[0, -1].legend(frameon=False, fontsize="x-small")
    sns.despine(figure, left=True)
    return picture(figure)


def cost_curves(tables: Mapping[str, pd.DataFrame], images: int) -> Image:
    """Draws the entropy of p_I, the loss, and what it adds up to, against t."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    titles = {
        "entropy": "entropy of p_I, nats per pixel",
        "loss": "loss at t, nats per image and unit of time",
        "transmitted": "loss up to t, nats per image",
    }
    styles = ("-", "--", ":")
    for axis, (column, title) in zip(axes, titles.items(), strict=True):
        for (name, table), style, color in zip(tables.items(), styles, COLORS, strict=False):
            axis.plot(table["t"], table[column], style, color=color, label=name, lw=2)
        axis.set(title=title, xlabel="t")
    axes[2].axhline(np.log(images), color="0.5", lw=1)
    axes[2].annotate(
        f"ln {images} = {np.log(images):.2f}", (1, 0.97 * np.log(images)), ha="right", va="top"
    )
    axes[0].legend(frameon=False, fontsize="small")
    sns.despine(figure)
    return picture(figure)


def path_panels(
    paths: Mapping[str, Sequence[Step]],
    samples: Mapping[str, Tensor],
    share: float,
    shown: int = 30,
) -> Image:
    """Draws the mean of θ of one variable against t, and the share of samples above 0."""
    size = (3 * len(paths), 3.2)
    figure, axes = plt.subplots(1, len(paths), figsize=size, sharey=True, layout="constrained")
    for axis, (name, steps) in zip(axes, paths.items(), strict=True):
        times = [step.t for step in steps]
        means = torch.cat([step.theta.mean for step in steps], 1)[:shown]
        for mean, x in zip(means, samples[name], strict=False):
            color = COLORS[1] if x > 0 else COLORS[0]
            axis.plot(times, mean, color=color, lw=0.7, marker=".", ms=3 if len(times) < 30 else 0)
        found = (samples[name] > 0).float().mean()
        axis.set(title=f"{name}\nupper cluster: {found:.2f} (truth {share:.2f})", xlabel="t")
    axes[0].set_ylabel("mean of θ")
    sns.despine(figure)
    return picture(figure)


def law_curves(laws: Mapping[str, pd.DataFrame], images: int, samples: int) -> Image:
    """Draws the effective number of images against the number of steps.

    The band is where 95 % of perfect samplers of so many samples would lie.
    """
    equal_pairs = samples * (samples - 1) / 2 / images
    size = (5 * len(laws), 3.6)
    figure, axes = plt.subplots(1, len(laws), figsize=size, sharey=True, layout="constrained")
    for axis, (name, table) in zip(axes, laws.items(), strict=True):
        axis.axhspan(*(images * (1 + z / equal_pairs**0.5) for z in (-2, 2)), color="0.9")
        sns.lineplot(
            table,
            x="n",
            y="images",
            hue="solver",
            style="solver",
            markers=True,
            legend=axis is axes[-1],
            ax=axis,
            palette="colorblind",
        )
        ticks = sorted(table["n"].unique())
        axis.set(title=name, xlabel="steps n", xscale="log", ylabel="effective number of images")
        axis.minorticks_off()
        axis.set_xticks(ticks, ticks)
    sns.move_legend(axes[-1], "lower right", frameon=False, title=None, fontsize="small")
    sns.despine(figure)
    return picture(figure)
