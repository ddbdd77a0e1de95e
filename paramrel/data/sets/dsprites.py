"""dSprites: all 737,280 combinations of five factors, 64×64 binary pixels, in one .npz file."""

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from paramrel.data.disk.download import File
from paramrel.data.drawn.sprites import SPRITE_FACTORS
from paramrel.data.sets.shapes3d import check_table
from paramrel.data.source import UNDECIDED, Original, Source, blaming


def read_dsprites(path: Path) -> Original:
    """Read images and factors (the constant color left out); the label is the shape."""
    with blaming(path), path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        factors = file["latents_classes"][:, 1:]
        check_table(factors, tuple((factors.max(0) + 1).tolist()))
    return Original(
        chunks=_read_images(path, len(factors)),
        labels=factors[:, 0],
        split=np.full(len(factors), UNDECIDED),
        factors=factors.astype(np.uint8),
    )


def _read_images(path: Path, number: int) -> Iterator[np.ndarray]:
    """Unpack the images a few at a time: all at once they take 3 GB."""
    with blaming(path), zipfile.ZipFile(path) as archive, archive.open("imgs.npy") as file:
        np.lib.format.read_magic(file)
        shape, by_column, dtype = np.lib.format.read_array_header_1_0(file)
        if dtype != np.uint8 or shape[0] != number or by_column:
            order = ", column by column" if by_column else ""
            raise ValueError(f"its images are {dtype} {shape}{order}, for {number} factors")
        for start in range(0, number, 10_000):
            count = min(10_000, number - start)
            content = file.read(count * math.prod(shape[1:]))
            yield np.frombuffer(content, np.uint8).reshape(count, 1, *shape[1:])


DSPRITES = Source(
    name="dsprites",
    examples=737_280,
    shape=(1, 64, 64),
    max_level=1,
    read=read_dsprites,
    files=(
        File(
            "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
            "md5:7da33b31b13a06f4b04a70402ce90c2e",
            "https://github.com/google-deepmind/dsprites-dataset/raw/"
            "fa310c66517cfc1939d77fe17c725154efc97127/"
            "dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz",
        ),
    ),
    megabytes=26.8,
    label_names=("square", "ellipse", "heart"),
    factors=SPRITE_FACTORS,
    url="https://github.com/google-deepmind/dsprites-dataset",
    licence="Apache 2.0",
    citation=(
        "L. Matthey, I. Higgins, D. Hassabis and A. Lerchner (2017). dSprites: Disentanglement "
        "testing Sprites dataset"
    ),
)
