"""The figures of the introduction: bets on a pixel, distributions, prices, the framework."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from scipy.stats import norm
from torch import Generator, Tensor

from paramrel.figures.palette import METHOD_COLORS
from paramrel.measures.introduction import Moment, Shapes, shapes
from paramrel.measures.messages import grey
from paramrel.models.autoencoder import FlowAutoencoder

__all__ = ["LABELS", "distributions", "framework", "one_pixel", "price_curves"]

SENDER, THETA = "0.75", "0.3"  # greys of what no method changes


BLACK = METHOD_COLORS["paramrel_clean"]


LABELS = {
    "bfn": "BFN, no code",
    "paramrel_same": "code of the same time",
    "paramrel": "code of a later time",
}


STYLES = {"θ alone": "-.", "bfn": "-", "paramrel_same": ":", "paramrel": "--"}


def one_pixel(paths: Tensor, alpha: float, shown: int = 12) -> Figure:
    """Draw two senders, the bets on black pixels as messages arrive, and their mean entropy.

    paths: (messages + 1, runs), as `bets` returns them of black pixels.
    """
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(11, 3.1), layout="constrained")
    y = np.linspace(-1 - 3.5 / alpha**0.5, 1 + 3.5 / alpha**0.5, 400)
    for value, name, color in ((-1, "x is white", "0.55"), (1, "x is black", BLACK)):
        density = norm.pdf(y, value, alpha**-0.5)
        left.fill_between(y, density, color=color, alpha=0.3, lw=0)
        left.plot(y, density, color=color, label=name)
    left.set(title=f"a message of accuracy α = {alpha:g}", xlabel="message y", yticks=[])
    left.legend(frameon=False, fontsize="small", loc="upper left")
    middle.plot(paths[:, :shown], color=BLACK, lw=0.9, alpha=0.7)
    middle.plot(paths.mean(1), color="black", lw=2.5, label="mean of all runs")
    middle.set(title=f"{shown} runs, the pixel is black", ylabel="θ: probability of black")
    middle.legend(frameon=False, fontsize="small", loc="lower right")
    entropy = torch.special.entr(torch.stack([paths, 1 - paths])).sum(0).mean(1)
    right.plot(entropy, "o-", color="black", ms=3)
    right.axhline(np.log(2), color="gray", ls=":")
    right.set(title="what is still unknown", ylabel="mean entropy of θ, nats", ylim=(0, 0.75))
    for axis in (middle, right):
        axis.set(xlabel="messages received", xticks=range(0, len(paths), 3))
    sns.despine(figure)
    return figure


def distributions(found: Sequence[Moment], pixel: tuple[int, int]) -> Figure:
    """Draw θ, and of one pixel input, output, sender and receiver distributions over time."""
    figure, axes = plt.subplots(
        3, len(found), figsize=(2.9 * len(found), 6.6), layout="constrained",
        height_ratios=(1.3, 1.2, 1), sharey="row",
    )  # fmt: skip
    for column, moment in zip(axes.T, found, strict=True):
        _marked_image(column[0], grey(moment.theta)[0, 0], pixel)
        column[0].set_title(f"t = {moment.t:g}")
        _class_bars(column[1], moment)
        _message_densities(column[2], moment)
    for axis, name in zip(axes[:, 0], ("θ of the image", "probability", "density"), strict=True):
        axis.set_ylabel(name)
    axes[1, 0].legend(frameon=False, fontsize="x-small", loc="upper left")
    axes[2, 0].legend(frameon=False, fontsize="x-small", loc="upper left")
    sns.despine(figure)
    return figure


def _marked_image(axis: Axes, image: Tensor, pixel: tuple[int, int]) -> None:
    axis.imshow(image.numpy(), cmap="gray_r", vmin=0, vmax=1)
    corner = (pixel[1] - 0.5, pixel[0] - 0.5)
    axis.add_patch(plt.Rectangle(corner, 1, 1, fill=False, ec=METHOD_COLORS["vae"], lw=2.5))
    axis.set(xticks=[], yticks=[])


def _class_bars(axis: Axes, moment: Moment) -> None:
    bars = {"input p_I: θ alone": (moment.input, THETA)}
    bars |= {f"output p_O: {LABELS[n]}": (p, METHOD_COLORS[n]) for n, p in moment.outputs.items()}
    width = 0.8 / len(bars)
    for number, (label, (probs, color)) in enumerate(bars.items()):
        axis.bar(
            np.arange(2) + (number - 1) * width,
            probs.numpy(),
            width * 0.95,
            color=color,
            label=label,
        )
    axis.set(xticks=[0, 1], xticklabels=["white", "black"], ylim=(0, 1.65), yticks=[0, 0.5, 1])


def _message_densities(axis: Axes, moment: Moment) -> None:
    y, sender, _ = next(iter(moment.messages.values())).densities()
    axis.fill_between(y, sender, color=SENDER, lw=0, label="sender p_S")
    for name, message in moment.messages.items():
        line = dict(color=METHOD_COLORS[name], ls=STYLES[name])
        y, _, receiver = message.densities()
        axis.plot(y, receiver, **line, label=f"receiver p_R: {LABELS[name]}")
    prices = " and ".join(f"{message.kl:.2f}" for message in moment.messages.values())
    axis.set(xlabel="next message y", yticks=[], xlim=(-4.5, 4.5), ylim=(0, 0.95))
    axis.set_title(f"prices {prices} nats", fontsize="small")


def price_curves(tables: Mapping[str, pd.DataFrame], levels: Mapping[str, float]) -> Figure:
    """Draw what has been paid up to each time; levels: horizontal lines by name, nats."""
    figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
    colors = METHOD_COLORS | {"θ alone": THETA}
    labels = LABELS | {"θ alone": "θ alone, no network"}
    for name, table in tables.items():
        line = dict(color=colors[name], ls=STYLES[name], lw=2.5, label=labels[name])
        axis.plot(table["t"], table["paid"], **line)
    for name, level in levels.items():
        axis.axhline(level, color="0.7", lw=1)
        axis.annotate(name, (0, level), va="bottom", fontsize="small", color="0.4")
    axis.set(
        xlabel="time t (0: prior, 1: data)", ylabel="paid so far, nats per image", ylim=(0, None)
    )
    axis.legend(frameon=False, fontsize="small", loc="upper left", bbox_to_anchor=(1, 1))
    sns.despine(figure)
    return figure


@torch.no_grad()
def framework(model: FlowAutoencoder, x: Tensor, s: float, t: float, seed: int) -> Figure:
    """Draw how an image, its parameters, its code and the loss hang together; x: (1, 1, H, W).

    Every shape is that of a tensor on its way through the model, every picture is computed.
    """
    found, generator, flow = shapes(model, x), Generator().manual_seed(seed), model.flow
    t_, s_ = torch.tensor([t]), torch.tensor([s])
    theta_t, theta_s = (flow.sample_theta(x, time, generator) for time in (t_, s_))
    out = model.output_distribution(theta_t, model.encode_theta(theta_s, s_).mean, t_, s_)
    figure, axis = plt.subplots(figsize=(11, 5), layout="constrained")
    axis.axis("off")
    _picture_box(axis, (0.0, 2.2), x, f"image x\n{found.x}")
    _picture_box(axis, (2.3, 3.6), grey(theta_s), f"θ at s = {s:g}\n{found.theta}")
    _picture_box(axis, (2.3, 0.9), grey(theta_t), f"θ at t = {t:g}\n{found.theta}")
    _picture_box(axis, (9.3, 0.9), grey(out), f"output $p_O$\n{found.output}")
    _boxes(axis, found)
    _arrows(axis, found)
    axis.set(xlim=(-0.2, 11), ylim=(-0.6, 4.9), aspect="equal")
    return figure


def _boxes(axis: Axes, found: Shapes) -> None:
    encoder = f"self-encoder\n$q(z | θ_s, s)$\n{found.encoder:,} parameters"
    decoder = f"decoder, a U-Net,\nis told z, t and s\n{found.decoder:,} parameters"
    loss = "loss: price of the\nnext message\nabout x, in nats"
    _box(axis, (4.7, 3.6), 1.9, encoder, METHOD_COLORS["paramrel"])
    _box(axis, (5.6, 0.9), 2.2, decoder, METHOD_COLORS["paramrel"])
    _box(axis, (7.3, 3.6), 1.2, f"code z\n({found.z[0]})", METHOD_COLORS["paramrel_same"])
    _box(axis, (9.0, 3.6), 1.7, loss, METHOD_COLORS["bfn"])


def _arrows(axis: Axes, found: Shapes) -> None:
    _arrow(axis, (1.2, 3.0), (2.2, 4.0))
    _note(axis, (1.15, 4.0), "messages about x\nup to time s")
    _arrow(axis, (1.2, 2.5), (2.2, 1.5))
    _note(axis, (1.15, 1.2), "others, up to\ntime t ≤ s")
    _arrow(axis, (3.5, 4.15), (4.6, 4.15), f"{found.network_input}")
    _arrow(axis, (6.7, 4.15), (7.2, 4.15))
    _arrow(axis, (3.5, 1.45), (5.5, 1.45), f"{found.network_input}")
    _arrow(axis, (7.9, 3.5), (7.0, 2.1))
    _arrow(axis, (7.9, 1.45), (9.2, 1.45), f"{found.raw}")
    _arrow(axis, (9.85, 2.1), (9.85, 3.5))
    loop = dict(arrowstyle="-|>", ls="--", color="0.45", connectionstyle="bar,fraction=-0.09")
    axis.annotate("", (2.85, 0.2), (9.85, 0.2), arrowprops=loop)
    _note(axis, (6.35, -0.32), "to sample: a message about x' drawn from $p_O$ moves θ on")


def _picture_box(axis: Axes, corner: tuple[float, float], image: Tensor, label: str) -> None:
    """image: (1, 1, H, W), 0 white to 1 black."""
    x, y = corner
    extent = (x, x + 1.1, y, y + 1.1)
    axis.imshow(image[0, 0].numpy(), extent=extent, cmap="gray_r", vmin=0, vmax=1, zorder=2)
    axis.add_patch(plt.Rectangle(corner, 1.1, 1.1, fill=False, ec="0.4", zorder=3))
    axis.text(x + 0.55, y - 0.06, label, ha="center", va="top", fontsize=10)


def _box(axis: Axes, corner: tuple[float, float], width: float, label: str, color: tuple) -> None:
    style = "round,pad=0.02,rounding_size=0.12"
    axis.add_patch(FancyBboxPatch(corner, width, 1.1, style, fc=(*color, 0.18), ec=color, lw=1.5))
    axis.text(corner[0] + width / 2, corner[1] + 0.55, label, ha="center", va="center", fontsize=10)


def _arrow(axis: Axes, start: tuple, end: tuple, label: str = "") -> None:
    axis.annotate("", end, start, arrowprops=dict(arrowstyle="-|>", color="0.25", lw=1.5))
    _note(axis, ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + 0.08), label)


def _note(axis: Axes, place: tuple[float, float], text: str) -> None:
    axis.text(*place, text, ha="center", va="bottom", fontsize=9, color="0.25")
