"""Rows of images with their names, and pictures small enough for a notebook."""

import io
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import torch
from IPython.display import Image
from matplotlib.figure import Figure
from torch import Tensor

__all__ = ["draws_by_label", "image_rows", "picture"]

DPI = 96  # of pictures in notebooks


def draws_by_label(records: Mapping[str, Tensor], name: str, number: int) -> dict[str, Tensor]:
    """Return rows of pictures, one for each class, of the first drawn records that have it.

    records: with the fields pixels (N, C, H, W) and label (N,); a class that was drawn too rarely
    is repeated, one that was never drawn is empty. The rows' names start with `name`.
    """
    pixels, label = records["pixels"], records["label"]
    rows = torch.full((number, 10, *pixels.shape[1:]), -1.0)
    for k in range(10):
        found = pixels[label == k]
        for i in range(number if len(found) else 0):
            rows[i, k] = found[i % len(found)]
    return {f"{name}, {i + 1}": row for i, row in enumerate(rows)}


def image_rows(
    rows: Mapping[str, Tensor], title: str = "", columns: Sequence[str] = (), block: int = 0
) -> Figure:
    """Draw rows of images with their names on the left.

    rows: binary classes or values in [-1, 1], each (N, C, H, W), C = 1 (ink on paper) or 3 (light).
    columns: a name above each image. block: leave a gap after every so many images.
    Without rows, because no method at hand has what is shown, the figure says so.
    """
    if not rows:
        figure = plt.figure(figsize=(6, 0.5))
        figure.text(0.5, 0.5, f"{title}: none of these methods", ha="center", va="center")
        return figure
    height, width = next(iter(rows.values())).shape[-2:]
    border = max(height // 8, 1)
    number = max(map(len, rows.values()))
    places = [i * (width + border) + i // (block or number) * width // 2 for i in range(number)]
    canvas = np.ones((len(rows) * (height + border), places[-1] + width, 3))
    for line, images in enumerate(rows.values()):
        top = line * (height + border)
        for left, image in zip(places, _as_light(images), strict=False):
            canvas[top : top + height, left : left + width] = image
    scale = 0.42 / height  # inches
    size = (canvas.shape[1] * scale + 1.8, canvas.shape[0] * scale + 0.3 * bool(title) + 0.3)
    figure, axis = plt.subplots(figsize=size, layout="constrained")
    axis.imshow(canvas, interpolation="nearest")
    middles = [line * (height + border) + height / 2 for line in range(len(rows))]
    axis.set_yticks(middles, list(rows), fontsize="small")
    above = [left + width / 2 for left in places[: len(columns)]]
    slanted = dict(rotation=40, ha="left") if max(map(len, columns), default=0) > 5 else {}
    axis.set_xticks(above, list(columns), fontsize="small", **slanted)
    axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axis.set_frame_on(False)
    axis.set_title(title, fontsize="medium")
    return figure


def _as_light(images: Tensor) -> np.ndarray:
    """(N, C, H, W) → what a screen shows of it, (N, H, W, 3) in [0, 1]."""
    light = (images + 1) / 2 if images.is_floating_point() else images
    if images.shape[1] == 1:
        light = (1 - light).expand(-1, 3, -1, -1)
    return light.clamp(0, 1).movedim(1, -1).numpy(force=True)


def picture(figure: Figure, kind: str = "png") -> Image:
    """Close a figure into a picture that is small enough for a notebook.

    kind: "jpeg" for shaded colours, "png" for flat ones, which are reduced to 64.
    """
    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, dpi=DPI, bbox_inches="tight")
    plt.close(figure)  # else the notebook shows it once more
    image = PIL.Image.open(raw).convert("RGB")
    if kind == "jpeg":
        image.save(small, kind, quality=72, subsampling=0, optimize=True)
    else:
        reduced = image.quantize(64, PIL.Image.Quantize.MAXCOVERAGE, kmeans=3)
        reduced.save(small, kind, optimize=True)
    return Image(small.getvalue(), format=kind)
