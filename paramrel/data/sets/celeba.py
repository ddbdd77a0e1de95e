"""CelebA: 202,599 faces with 40 attributes, aligned, cropped to a square of 64×64 pixels."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from paramrel.data.disk.download import File
from paramrel.data.disk.images import decode, in_chunks
from paramrel.data.source import Original, Source, blaming

ATTRIBUTES = (
    "5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose "
    "Black_Hair Blond_Hair Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee "
    "Gray_Hair Heavy_Makeup High_Cheekbones Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard "
    "Oval_Face Pale_Skin Pointy_Nose Receding_Hairline Rosy_Cheeks Sideburns Smiling Straight_Hair "
    "Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick Wearing_Necklace Wearing_Necktie Young"
).split()


SIZE = 64


def read_celeba(images: Path, attributes: Path, partition: Path) -> Original:
    """Read the aligned images, their attributes and the official split; the label is `Smiling`."""
    names, values = _read_attributes(attributes)
    with blaming(partition):
        rows = [line.split() for line in partition.read_text().splitlines()]
        split = np.array([part for _, part in rows], dtype=np.int8)
    if [name for name, _ in rows] != names:
        raise ValueError(f"{partition} and {attributes} don't name the same images in one order")
    with blaming(images), _opened(images) as folder:
        found = {path.name for path in folder.iterdir() if path.name.endswith(".jpg")}
    if found != set(names):
        example = min(found ^ set(names))
        raise ValueError(f"{images} and {attributes} don't match: {example} is in only one of them")
    return Original(
        chunks=_read_images(images, names),
        labels=values[:, ATTRIBUTES.index("Smiling")],
        split=split,
        attributes=values,
    )


def _read_attributes(path: Path) -> tuple[list[str], np.ndarray]:
    """Return the images' names and their attributes (N, 40), 0 or 1."""
    with blaming(path):
        number, header, *lines = path.read_text().splitlines()
        rows = [line.split() for line in lines]
        values = np.array([row[1:] for row in rows], dtype=np.int8)
        if header.split() != ATTRIBUTES or values.shape != (int(number), len(ATTRIBUTES)):
            raise ValueError(f"it holds {values.shape} of {header.split()[:3]}…")
        if not np.isin(values, (-1, 1)).all():
            raise ValueError("an attribute is neither -1 nor 1")
    return [row[0] for row in rows], (values > 0).astype(np.uint8)


def _read_images(path: Path, names: list[str]) -> Iterator[np.ndarray]:
    with _opened(path) as folder:

        def read(name: str) -> np.ndarray:
            with blaming(path / name):
                return decode((folder / name).read_bytes(), "rgb", SIZE)

        yield from in_chunks(names, read)


@contextmanager
def _opened(images: Path) -> Iterator[Path | zipfile.Path]:
    """The folder of the photographs, unpacked or within the archive."""
    if images.is_dir():
        yield images
    else:
        with zipfile.ZipFile(images) as archive:
            yield zipfile.Path(archive, "img_align_celeba/")


def _file(name: str, md5: str, drive: str) -> File:
    address = f"https://drive.usercontent.google.com/download?id={drive}&confirm=t"
    unpacked = "celeba/img_align_celeba" if name.endswith(".zip") else ""
    return File(f"celeba/{name}", f"md5:{md5}", address, unpacked)


CELEBA = Source(
    name="celeba",
    examples=202_599,
    shape=(3, SIZE, SIZE),
    max_level=255,
    read=read_celeba,
    files=(
        _file("img_align_celeba.zip", "00d2c5bc6d35e252742224ab0c1e8fcb",
              "0B7EVK8r0v71pZjFTYXZWM3FlRnM"),
        _file("list_attr_celeba.txt", "75e246fa4810816ffd6ee81facbd244c",
              "0B7EVK8r0v71pblRyaVFSWGxPY0U"),
        _file("list_eval_partition.txt", "d32c9cbf5e040fd4025c592c306e6668",
              "0B7EVK8r0v71pY0NSMzRuSXJEVkk"),
    ),
    megabytes=1_471,
    label_names=("not smiling", "smiling"),
    attribute_names=tuple(ATTRIBUTES),
    url="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    licence="non-commercial research only",
    citation=(
        "Z. Liu, P. Luo, X. Wang and X. Tang (2015). Deep Learning Face Attributes in the Wild. "
        "ICCV"
    ),
)  # fmt: skip
