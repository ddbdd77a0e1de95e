"""A torch Dataset of one's own, such as torchvision has them, as a data set here."""

from numbers import Integral
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset as TorchDataset
from torch.utils.data import IterableDataset

from paramrel.data.dataset import Dataset
from paramrel.data.disk.images import to_array
from paramrel.data.tensors import from_tensors


def from_torch(
    dataset: TorchDataset | tuple[TorchDataset, TorchDataset, TorchDataset],
    kind: str | None = None,
    **options: Any,
) -> Dataset:
    """Return a data set of the examples x, or the pairs (x, class), of a torch Dataset.

    x: images of Pillow, or tensors of one shape. Where all of x lies in [0, 1], as `ToTensor`
    leaves it, it is scaled to [-1, 1], or for "discretized" to the bins.
    kind: see `from_tensors`; by default "discretized" of 256 levels for bytes and images,
    "continuous" for fractions, "binary" for booleans, else "categorical". A tuple of three
    datasets is training, validation and test. options: those of `from_tensors`.

    Raises ValueError where examples differ in shape or the second of a pair is no class.

    >>> import torch
    >>> from torch.utils.data import TensorDataset
    >>> from paramrel.data import Dataset
    >>> x = torch.rand(40, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    >>> data = Dataset.from_torch(TensorDataset(x, torch.arange(40) % 4))
    >>> data.kind, data.shape, data.label_names, bool(data.train.x.min() < 0)
    ('continuous', (1, 8, 8), ('0', '1', '2', '3'), True)
    """
    datasets = dataset if isinstance(dataset, tuple) else (dataset,)
    xs, labels = zip(*map(_collected, datasets), strict=True)
    kind = kind or _kind(xs[0])
    if all(x.is_floating_point() and 0 <= x.min() and x.max() <= 1 for x in xs):
        xs, options = _scaled(xs, kind, options)
    if names := getattr(datasets[0], "classes", None):
        options = {"label_names": tuple(map(str, names))} | options
    labels = None if None in labels else labels
    if len(datasets) == 1:
        return from_tensors(xs[0], kind, labels=labels and labels[0], **options)
    return from_tensors(xs, kind, labels=labels, **options)


def _collected(dataset: TorchDataset) -> tuple[Tensor, list[int | str] | None]:
    """Return x (N, ...) and the classes, if there are any."""
    stream = isinstance(dataset, IterableDataset)
    examples = list(dataset) if stream else [dataset[i] for i in range(len(dataset))]
    pairs = [e if isinstance(e, (tuple, list)) else (e,) for e in examples]
    if not pairs:
        raise ValueError("the torch Dataset holds no example")
    xs = [_tensor(i, pair[0]) for i, pair in enumerate(pairs)]
    for i, x in enumerate(xs):
        if x.shape != xs[0].shape:
            raise ValueError(
                f"example {i} has the shape {tuple(x.shape)}, but the first {tuple(xs[0].shape)}; "
                "resize all to one"
            )
    labels = [_label(i, pair[1]) for i, pair in enumerate(pairs) if len(pair) > 1]
    return torch.stack(xs), labels or None


def _tensor(number: int, x: Any) -> Tensor:
    if isinstance(x, Image.Image):
        grey = x.mode in ("1", "L", "LA")
        return torch.from_numpy(to_array(x, "grey" if grey else "rgb").copy())
    if isinstance(x, (Tensor, np.ndarray, np.generic, float, int)):
        return torch.as_tensor(x)
    raise ValueError(f"example {number} is a {type(x).__name__}, no tensor and no image")


def _label(number: int, label: Any) -> int | str:
    whole = isinstance(label, (Integral, str))
    if isinstance(label, (Tensor, np.ndarray)) and label.ndim == 0:
        label = label.item()
        whole = isinstance(label, Integral)
    if not whole:
        raise ValueError(
            f"example {number} is a pair whose second is {label!r:.60}; it must be a class, a "
            "whole number from 0 or a word"
        )
    return label


def _kind(x: Tensor) -> str:
    if x.is_floating_point():
        return "continuous"
    return {torch.bool: "binary", torch.uint8: "discretized"}.get(x.dtype, "categorical")


def _scaled(xs: tuple[Tensor, ...], kind: str, options: dict) -> tuple[tuple[Tensor, ...], dict]:
    """Bring x from [0, 1] to where values of a kind lie."""
    if kind == "discretized":
        options = {"levels": 256} | options
        return tuple((x * (options["levels"] - 1)).round().long() for x in xs), options
    return (tuple(2 * x - 1 for x in xs) if kind == "continuous" else xs), options
