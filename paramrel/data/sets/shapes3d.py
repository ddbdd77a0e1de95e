"""3D Shapes: all 480,000 combinations of six factors, 64×64 pixels, in one HDF5 file."""

import math
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from paramrel.data.disk.download import File
from paramrel.data.drawn.scenes import SCENE_FACTORS
from paramrel.data.factors import Factors
from paramrel.data.source import UNDECIDED, Original, Source, blaming

LARGEST_CHUNK = 1 << 28  # bytes that are unpacked at once


def read_shapes3d(path: Path) -> Original:
    """Read images and factors; the label is the shape. The table must be in the factors' order."""
    h5py = _h5py()
    with blaming(path), h5py.File(path) as file:
        _check_sizes(file["images"], file["labels"])
        labels = file["labels"][()]
        if not np.isfinite(labels).all():
            raise ValueError("a label is no finite number")
        columns = [np.unique(column, return_inverse=True) for column in labels.T]
        factors = np.stack([inverse for _, inverse in columns], 1)
        check_table(factors, tuple(len(values) for values, _ in columns))
        if len(file["images"]) != len(factors):
            raise ValueError(f"it holds {len(file['images'])} images and {len(factors)} labels")
    return Original(
        chunks=_read_images(path),
        labels=factors[:, SCENE_FACTORS.names.index("shape")],
        split=np.full(len(factors), UNDECIDED),
        factors=factors.astype(np.uint8),
    )


def _h5py() -> ModuleType:
    """Return the library that reads HDF5 files, which nothing else needs."""
    try:
        return import_module("h5py")
    except ImportError as error:
        raise ImportError(
            "3D Shapes needs h5py; install it: pip install paramrel[study]"
        ) from error


def _check_sizes(images: Any, labels: Any) -> None:
    """Raise ValueError unless both can be read: a damaged file may claim to fill the memory."""
    for data, shape, kind in ((images, (64, 64, 3), "u1"), (labels, (6,), "f8")):
        chunk = math.prod(data.chunks or (0,)) * data.dtype.itemsize
        known = data.dtype == kind and data.shape[1:] == shape
        if not known or len(data) > SHAPES3D.examples or chunk > LARGEST_CHUNK:
            raise ValueError(f"its {data.name} are {data.dtype} {data.shape} by {data.chunks}")


def check_table(factors: np.ndarray, sizes: tuple[int, ...]) -> None:
    """Raise ValueError unless factors (N, F) are all combinations, in order."""
    table = Factors(tuple(map(str, range(len(sizes)))), sizes)
    whole = math.prod(sizes) == len(factors)  # else the table may be too large to be made
    if not whole or not np.array_equal(
        factors, table.from_index(torch.arange(len(factors))).numpy()
    ):
        raise ValueError(f"its factors aren't all combinations of {sizes} values in order")


def _read_images(path: Path) -> Iterator[np.ndarray]:
    h5py = _h5py()
    with blaming(path), h5py.File(path) as file:
        images = file["images"]
        for start in range(0, len(images), 5000):
            yield images[start : start + 5000].transpose(0, 3, 1, 2)


SHAPES3D = Source(
    name="shapes3d",
    examples=480_000,
    shape=(3, 64, 64),
    max_level=255,
    read=read_shapes3d,
    files=(
        File(
            "3dshapes.h5",
            "sha256:0a0f6ed98baff276a50f3a081a7434d788da63cb135a98189b2a5b5769be1785",
            "https://storage.googleapis.com/3d-shapes/3dshapes.h5",
        ),
    ),
    megabytes=267.6,
    label_names=("cube", "cylinder", "sphere", "capsule"),
    factors=SCENE_FACTORS,
    url="https://github.com/google-deepmind/3d-shapes",
    licence="Apache 2.0",
    citation="C. Burgess and H. Kim (2018). 3D Shapes Dataset",
)
