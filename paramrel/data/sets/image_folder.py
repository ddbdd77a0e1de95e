"""A folder of one's own images, as a data set named by its path."""

import hashlib
import json
from functools import partial
from pathlib import Path

import numpy as np

from paramrel.data.disk.images import decode, in_chunks
from paramrel.data.source import UNDECIDED, Original, Source, blaming
from paramrel.data.splits import digest, split_by_content

PREFIX = "image_folder:"


SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}


PART_NAMES = {"train": 0, "validation": 1, "valid": 1, "val": 1, "test": 2}


CHOICES = {"crop": ("center", "none"), "color": ("rgb", "grey")}


def image_folder_source(name: str, root: Path) -> Source:
    """Return the source of `image_folder:PATH`, PATH absolute or under root, with any of
    `,size=N` `,crop=center|none` `,color=rgb|grey` behind it.

    Images of a subfolder are a class; folders `train`, `validation` and `test` above the classes
    are the parts. Without a size all images must have the same one. Raises ValueError for unknown
    options and images of many sizes, FileNotFoundError for a folder without images.
    """
    place, options = parse_image_folder(name)
    folder = root / Path(place).expanduser()
    paths = _list(folder)
    with blaming(paths[0]):
        first = decode(paths[0].read_bytes(), **options)
    labels, label_names = _classes(folder, paths)
    digests = {path: digest(path.read_bytes()) for path in paths}  # times may lie, and clocks jump
    listing = [(path.relative_to(folder).as_posix(), d.hex()) for path, d in digests.items()]
    return Source(
        name=name,
        examples=len(paths),
        shape=first.shape,
        max_level=255,
        read=partial(_read, folder, digests, labels, first.shape, options),
        label_names=label_names,
        version=hashlib.sha256(json.dumps(listing).encode()).hexdigest(),
        url=str(place),
        licence="the images' own",
        citation="one's own images",
    )


def parse_image_folder(name: str) -> tuple[str, dict[str, str | int]]:
    """Split a name into the path and the options for `decode`."""
    place, *words = name.removeprefix(PREFIX).split(",")
    if not place:
        raise ValueError(f"{name!r} names no folder; write {PREFIX}PATH")
    options: dict[str, str | int] = {"color": "rgb"}
    for word in words:
        key, _, value = word.partition("=")
        if key == "size" and value.isdecimal() and int(value) > 0:
            options[key] = int(value)
        elif value in CHOICES.get(key, ()):
            options[key] = value
        else:
            raise ValueError(
                f"{word!r} in {name!r} is no option; the options are size=PIXELS, "
                "crop=center|none and color=rgb|grey"
            )
    return place, options


def _list(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}")
    paths = sorted(
        path
        for path in folder.rglob("[!.]*")  # the names of macOS's own files begin with a dot
        if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not paths:
        raise FileNotFoundError(f"{folder} holds no image ({', '.join(sorted(SUFFIXES))})")
    return paths


def _part(folder: Path, path: Path) -> int:
    """The part that the first folder of an image's path names, else UNDECIDED."""
    inner = path.relative_to(folder).parts
    return PART_NAMES.get(inner[0].lower(), UNDECIDED) if len(inner) > 1 else UNDECIDED


def _classes(folder: Path, paths: list[Path]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) by the folder just below the folder or its part; none where images lie bare."""
    places = [
        path.relative_to(folder).parts[_part(folder, path) != UNDECIDED : -1] for path in paths
    ]
    if not all(places):
        return np.zeros(len(paths), dtype=np.int64), ()
    names, labels = np.unique([place[0] for place in places], return_inverse=True)
    return labels, tuple(names.tolist())


def _read(
    folder: Path,
    digests: dict[Path, bytes],
    labels: np.ndarray,
    shape: tuple[int, ...],
    options: dict[str, str | int],
) -> Original:
    """Read the images. Their files' bytes decide the parts: decoders may differ in a pixel."""

    def read(path: Path) -> np.ndarray:
        content = path.read_bytes()
        if digest(content) != digests[path]:
            raise ValueError(f"{path} changed while it was read; try again when nothing writes it")
        with blaming(path):
            image = decode(content, **options)
        if image.shape != shape:
            raise ValueError(
                f"{path} has the shape {image.shape}, but {first} {shape}; name a size that "
                f"all get, as in {PREFIX}PATH,size=64"
            )
        return image

    first, *_ = paths = list(digests)
    split = np.array([_part(folder, path) for path in paths])
    shares = (0.8, 0.1, 0.1)
    if 2 in split:
        shares = (0.9, 0.1, 0)
    if 1 not in split:
        split[split == 0] = UNDECIDED
    split = split_by_content(list(digests.values()), split, shares)
    return Original(in_chunks(paths, read), labels, split)
