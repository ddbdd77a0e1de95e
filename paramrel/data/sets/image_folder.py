"""A folder of one's own images, as a data set named by its path."""

import hashlib
import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np

from paramrel.data.disk.images import decode, in_chunks
from paramrel.data.sets.folder_tree import Tree, listed, read_tree
from paramrel.data.sets.own import Own, parse_name, positive
from paramrel.data.source import PARTS, UNDECIDED, Original, Source, blaming
from paramrel.data.splits import LEFT_OUT, digest, require_parts, split_by_content

PREFIX = "image_folder:"


DECODING = 2  # goes up when the same files are read as other images, classes or parts


OPTIONS = {
    "size": positive,
    "crop": {"center": "center", "none": "none"}.get,
    "color": {"rgb": "rgb", "grey": "grey"}.get,
}


SHARES = {  # of the undecided images, by whether there are folders for validation and test
    (False, False): (0.8, 0.1, 0.1),
    (False, True): (0.9, 0.1, 0),
    (True, False): (0.9, 0, 0.1),
    (True, True): (1, 0, 0),
}


def image_folder_source(name: str) -> Source:
    """Return the source of `image_folder:PATH`, with any of `,size=N` `,crop=center|none`
    `,color=rgb|grey` behind the path, which is absolute or relative to the working folder.

    `read_tree` says which folders are classes and which are parts; a part that is missing is split
    off the training images by their content. Without a size all images must have the same one;
    what is transparent lies on white. Raises what `read_tree` raises, and ValueError for unknown
    options, for images of many sizes and for too few of them.
    """
    place, options = parse_image_folder(name)
    folder = Path(place).expanduser()
    tree = read_tree(folder)
    digests = {path: digest(path.read_bytes()) for path in tree.paths}  # times may lie, clocks jump
    split, how = _split(tree, list(digests.values()))
    require_parts(f"{name} ({folder.resolve()})", list(digests.values()), split)
    with blaming(tree.paths[0]):
        first = decode(tree.paths[0].read_bytes(), **options)
    listing = [(path.relative_to(folder).as_posix(), d.hex()) for path, d in digests.items()]
    return Source(
        name=name,
        examples=len(tree.paths),
        shape=first.shape,
        max_level=255,
        read=partial(_read, digests, tree.labels, split, first.shape, options),
        label_names=tree.label_names,
        version=hashlib.sha256(json.dumps([DECODING, listing]).encode()).hexdigest(),
        url=place,
        licence="the images' own",
        citation="one's own images",
        remark=_remark(folder, tree, split, how),
    )


def _split(tree: Tree, digests: list[bytes]) -> tuple[np.ndarray, str]:
    """Return the split and how it came. The files' bytes decide: decoders may differ in a pixel."""
    split = tree.parts.copy()
    given = tuple(bool((split == part).any()) for part in (1, 2))
    missing = [part for part, is_given in zip(PARTS[1:], given, strict=True) if not is_given]
    if missing:
        split[split == 0] = UNDECIDED
    how = "by the folders' names"
    if missing:
        how += f", {missing[0]} split off the training images by content"
    return split_by_content(digests, split, SHARES[given]), how if any(given) else "by content"


def _remark(folder: Path, tree: Tree, split: np.ndarray, how: str) -> str:
    """Say what was found in a folder, and what was left out."""
    counts = ", ".join(f"{part} {(split == i).sum()}" for i, part in enumerate(PARTS))
    left_out = Counter(tree.left_out)
    if copies := int((split == LEFT_OUT).sum()):
        left_out["copies of images of a later part"] = copies
    return (
        f"{len(tree.paths)} images in {folder.resolve()}; {tree.classes}; {counts} ({how})"
        f"{f'; left out: {listed(left_out)}' if left_out else ''}"
    )


def parse_image_folder(name: str) -> tuple[str, dict[str, str | int]]:
    """Split a name into the path and the options for `decode`; see `parse_name`."""
    listed = "size=PIXELS, crop=center|none and color=rgb|grey"
    place, options = parse_name(name, "folder", OPTIONS, listed)
    return place, {"color": "rgb", **options}


def _read(
    digests: dict[Path, bytes],
    labels: np.ndarray,
    split: np.ndarray,
    shape: tuple[int, ...],
    options: dict[str, str | int],
) -> Original:
    """Read the images."""

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
    return Original(in_chunks(paths, read), labels, split)


IMAGE_FOLDER = Own(
    parse_image_folder,
    image_folder_source,
    "discretized",
    form="image_folder:PATH[,size=N][,crop=center|none][,color=rgb|grey]",
    says="images in a folder, whose folders are classes or parts",
)
