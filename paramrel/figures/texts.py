"""Pictures of texts: letters coloured by their probability, what a code knows of each factor."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from torch import Tensor

from paramrel.data.alphabet import Alphabet
from paramrel.figures.palette import COLORS

__all__ = ["factor_knowledge", "factor_weights", "likely_letters", "text_bits"]

SPACE = "·"  # how a space is drawn where a text goes on after it
CELL = (0.19, 0.27)  # inches of a letter


def text_bits(table: pd.DataFrame) -> Figure:
    """Draw bits per character of n-grams over their order, and as lines of all other models.

    table: rows of `texts.bits_table`.
    """
    orders = pd.to_numeric(table["model"].str.removesuffix("-grams"), errors="coerce")
    grams, others = table[orders.notna()], table[orders.isna()]
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    axis.plot(orders.dropna(), grams["bits_per_character"], "-o", color="0.35", label="n-grams")
    for row, color in zip(others.itertuples(), (COLORS[0], COLORS[2], *COLORS[3:]), strict=False):
        label = f"{row.model}: {row.bits_per_character:.2f}"
        axis.axhline(row.bits_per_character, color=color, ls="--", label=label)
    axis.set(xlabel="order n", ylabel="bits per character, test", ylim=(0, None))
    axis.set_xticks(orders.dropna())
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


def likely_letters(
    probs: Tensor, alphabet: Alphabet, names: Sequence[str], title: str = ""
) -> Figure:
    """Draw the most probable letter of every place of texts, on a colour that says how probable.

    probs: (N, L, K) of the K signs of the alphabet; names: of the N rows, drawn at their left.
    """
    best, signs = probs.cpu().max(-1), alphabet.signs
    rows, length = best.values.shape
    size = (length * CELL[0] + 2.2, rows * CELL[1] + 0.6)
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    picture = axis.imshow(best.values.numpy(), vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for row, letters in enumerate(best.indices.tolist()):
        for column, letter in enumerate(letters):
            sure = best.values[row, column] > 0.6
            axis.text(
                column, row, SPACE if signs[letter] == " " else signs[letter],
                ha="center", va="center_baseline", family="monospace", fontsize=11,
                color="white" if sure else "black",
            )  # fmt: skip
    axis.set_yticks(range(rows), list(names), fontsize="small")
    axis.set(xticks=[], title=title)
    axis.tick_params(length=0)
    axis.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    axis.grid(which="minor", axis="y", color="white", lw=2)
    axis.tick_params(which="minor", length=0)
    sns.despine(figure, left=True, bottom=True)
    bar = figure.colorbar(picture, ax=axis, fraction=0.02, pad=0.01, ticks=[0, 0.5, 1])
    bar.set_label("probability", fontsize="small")
    bar.outline.set_visible(False)
    return figure


def factor_knowledge(table: pd.DataFrame) -> Figure:
    """Draw what a probe reads of each factor over the share of a text that is seen, a panel each.

    table: rows of `texts.probes_over_share`.
    """
    factors = list(table["factor"].unique())
    columns = min(len(factors), 5)
    figure, axes = plt.subplots(
        -(-len(factors) // columns), columns, sharex=True, sharey=True, squeeze=False,
        figsize=(2.1 * columns, 1.9 * -(-len(factors) // columns) + 0.4), layout="constrained",
    )  # fmt: skip
    for axis, factor in zip(axes.flat, factors, strict=False):
        rows = table[table["factor"] == factor]
        axis.fill_between(rows["share"], rows["floor"], rows["ceiling"], color="0.92", lw=0)
        axis.plot(rows["share"], rows["ceiling"], "--", color="0.35", label="best guess there is")
        axis.plot(rows["share"], rows["accuracy"], "-o", color=COLORS[0], ms=4, label="code")
        axis.plot(rows["share"], rows["floor"], ":", color="0.35", label="commonest value")
        axis.set(title=factor, ylim=(0, 1.04), xlim=(0, 1.02), xticks=[0, 0.5, 1])
    for axis in axes.flat[len(factors) :]:
        axis.set_axis_off()
    handles = axes.flat[0].get_legend_handles_labels()
    spare = axes.flat[-1] if len(factors) < axes.size else axes.flat[0]
    spare.legend(*handles, frameon=False, fontsize="small", loc="center")
    figure.supxlabel("share of the characters seen", fontsize="medium")
    figure.supylabel("probe accuracy, test", fontsize="medium")
    sns.despine(figure)
    return figure


def factor_weights(importance: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw which scalar of a code (d) a classifier of each factor (F) uses, (d, F), as shares."""
    shares = importance / importance.sum(0).clip(min=1e-12)
    order = np.lexsort((-shares.max(1), shares.argmax(1)))
    figure, axis = plt.subplots(
        figsize=(0.42 * len(shares) + 2.4, 0.3 * len(names) + 1), layout="constrained"
    )
    sns.heatmap(
        shares[order].T, vmin=0, vmax=1, cmap="Blues", linewidths=1, ax=axis,
        xticklabels=[f"z{i}" for i in order], yticklabels=list(names),
        cbar_kws={"label": "share of the weights", "ticks": [0, 0.5, 1]},
    )  # fmt: skip
    axis.tick_params(length=0)
    axis.set(xlabel="scalar of the code")
    return figure
