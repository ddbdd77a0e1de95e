"""Pictures of data: contact sheets, factors varied alone, class balance, binarizations."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
import torch
from matplotlib.figure import Figure
from torch import Generator, Tensor

from paramrel.data import Dataset, Factors, Split
from paramrel.data.disk.files import whole_file
from paramrel.data.factors import Render
from paramrel.data.readings import Reading
from paramrel.figures.images import DPI

__all__ = [
    "as_light",
    "attribute_balance",
    "balance",
    "binarizations",
    "class_shares",
    "contact_sheet",
    "factors_alone",
    "held_factors",
    "image_grid",
    "write_grid",
]

GAP = 3  # pixels between images


def image_grid(rows: Mapping[str, Tensor], side: int) -> Figure:
    """Draw rows of images (N, C, H, W) in [0, 1], one or three channels, names on their left.

    side: pixels of an image on the page, best a multiple of its own. Rows may differ in length.
    """
    step = side + GAP
    canvas = np.ones((step * len(rows), step * max(map(len, rows.values())), 3))
    for i, images in enumerate(rows.values()):
        enlarged = torch.nn.functional.interpolate(images.expand(-1, 3, -1, -1), (side, side))
        for j, image in enumerate(enlarged.permute(0, 2, 3, 1).numpy()):
            canvas[step * i : step * i + side, step * j : step * j + side] = image
    height, width = canvas.shape[:2]
    margin = 20 + 7 * max(map(len, rows))  # the names' width in pixels
    figure = plt.figure(figsize=((margin + width) / DPI, height / DPI), dpi=DPI)
    axis = figure.add_axes((margin / (margin + width), 0, width / (margin + width), 1))
    axis.imshow(canvas, interpolation="nearest", aspect="auto")
    axis.set(xticks=[], yticks=[side / 2 + step * i for i in range(len(rows))])
    axis.set_yticklabels(rows, fontsize="small")
    axis.tick_params(length=0)
    axis.set_frame_on(False)
    return figure


def write_grid(figure: Figure, path: str | Path) -> None:
    """Write a figure of images as PNG, each of its pixels as four, without loss."""
    with whole_file(path) as part:
        figure.savefig(part, dpi=2 * DPI, metadata={"Software": None})


def as_light(x: Tensor, data: Dataset) -> Tensor:
    """Images x (N, C, H, W) of a data set as light in [0, 1]."""
    return x.float() if data.kind == "binary" else (x + 1) / 2


def contact_sheet(sets: Mapping[str, Dataset], number: int) -> Figure:
    """Draw the first test images of every set of images."""
    images = {name: as_light(data.test.x[:number], data) for name, data in sets.items()}
    return image_grid(images, side=32)


def factors_alone(factors: Factors, render: Render, values: Tensor, columns: int) -> Figure:
    """Draw one row a factor: its values, evenly chosen columns of them, all else as in values (F,).

    render: values (N, F) → levels (N, C, H, W), 0..255 or 0 and 1.
    """
    rows = {}
    for i, (name, size) in enumerate(zip(factors.names, factors.sizes, strict=True)):
        steps = torch.linspace(0, size - 1, min(size, columns)).round().long()
        varied = values.repeat(len(steps), 1)
        varied[:, i] = steps
        levels = render(varied).float()
        rows[f"{name} ({size})"] = levels / (255 if levels.shape[1] == 3 else 1)
    return image_grid(rows, side=64)


def held_factors(data: Dataset, number: int, generator: Generator) -> Figure:
    """Draw one batch a factor whose images share one random value of it."""
    batches = {
        f"same {name}": as_light(data.draw_held(i, number, generator), data)
        for i, name in enumerate(data.factors.names)
    }
    return image_grid(batches, side=32)


def class_shares(split: Split, classes: int) -> np.ndarray:
    """Return the share (K,) of every class in a part."""
    return torch.bincount(split.labels, minlength=classes).numpy() / len(split)


def balance(sets: Mapping[str, Dataset]) -> Figure:
    """Draw the share of every class in every part, a panel a set."""
    figure, axes = plt.subplots(
        1, len(sets), figsize=(3 * len(sets) + 1.2, 2.4), layout="constrained", squeeze=False
    )
    for axis, (name, data) in zip(axes.flat, sets.items(), strict=True):
        places = np.arange(len(data.label_names))
        for i, part in enumerate(("train", "validation", "test")):
            shares = class_shares(getattr(data, part), len(places))
            axis.bar(places + 0.27 * (i - 1), shares, 0.25, label=part, color=f"{0.25 + 0.25 * i}")
        axis.set_xticks(places, data.label_names, fontsize="small")
        axis.set(title=name)
    axes.flat[0].set_ylabel("share of the part")
    figure.legend(
        *axes.flat[0].get_legend_handles_labels(), loc="outside center right", frameon=False
    )
    sns.despine(figure)
    return figure


def attribute_balance(data: Dataset) -> Figure:
    """Draw the share of examples that have each attribute, the commonest first, a dot a part."""
    order = data.train.attributes.double().mean(0).argsort(descending=True)
    names = [data.attribute_names[i].replace("_", " ") for i in order]
    figure, axis = plt.subplots(figsize=(0.22 * len(names) + 1.5, 3), layout="constrained")
    for i, part in enumerate(("train", "validation", "test")):
        shares = getattr(data, part).attributes.double().mean(0)[order]
        axis.plot(names, shares, "os^"[i], color=f"{0.25 * i}", mfc="none", ms=5, label=part)
    axis.axhline(0.5, color="gray", ls=":")
    axis.set(title=data.name, ylabel="share of the part", ylim=(0, 1))
    axis.tick_params(axis="x", rotation=90, labelsize="x-small")
    axis.legend(frameon=False, fontsize="small")
    sns.despine(figure)
    return figure


def binarizations(levels: Tensor, max_level: int, generator: Generator) -> Figure:
    """Draw grey levels (N, 1, H, W), the fixed thresholds, and dynamic draws of them."""
    dynamic = Reading("binary", max_level, "bernoulli-dynamic")
    draws = torch.stack([dynamic(levels, generator).float() for _ in range(200)])
    rows = {"grey levels": levels.float() / max_level}
    for name in ("threshold-0.5", "threshold-0"):
        rows[name] = Reading("binary", max_level, name)(levels).float()
    rows |= {f"bernoulli-dynamic, draw {i + 1}": draws[i] for i in range(3)}
    rows["mean of 200 draws"] = draws.mean(0)
    return image_grid(rows, side=48)
