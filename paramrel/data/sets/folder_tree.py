"""What the folders around one's own images mean: which are parts, and which are classes."""

import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from paramrel.data.source import PARTS, UNDECIDED

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".gif", ".webp", ".ppm", ".pgm", ".pbm",
    ".pnm", ".tif", ".tiff",
}  # fmt: skip
NOT_ONES_OWN = {"__macosx", "__pycache__", "@eadir", "$recycle.bin", "system volume information"}
PART_NAME = re.compile(
    r"(.*[ _-])?((train|training|trn)|(validation|valid|val|dev|devel|development)"
    r"|(test|testing|tst))([ _-]?(set|split|data|images))?[ _-]?\d*"
)

Place = tuple[Path, ...]  # the folders above an image, from the outermost


@dataclass
class Tree:
    """The images of a folder.

    paths: of the N images, sorted; parts: (N,), 0, 1, 2 or UNDECIDED; labels: (N,), numbers of
    label_names; left_out: how many files of which suffix are no images.
    """

    paths: list[Path]
    parts: np.ndarray
    labels: np.ndarray
    label_names: tuple[str, ...]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def classes(self) -> str:
        """The classes and how many images each has, in words."""
        if not self.label_names:
            return "no classes"
        counts = zip(self.label_names, np.bincount(self.labels).tolist(), strict=True)
        listed = [f"{name} {count}" for name, count in counts]
        if len(listed) == 1:
            return f"one class only: {listed[0]}"
        more = ["…"] if len(listed) > 12 else []
        return f"{len(listed)} classes: {', '.join(listed[:12] + more)}"


def read_tree(folder: Path) -> Tree:
    """Find the images in a folder, at every depth, and what its folders mean.

    Hidden folders and those that systems make are skipped; links are followed, but in no circle.
    Folders are parts where at least two of `train`, `validation` and `test` (or `training`, `val`,
    `dev`, `testing` …) stand at the top or in every class; else, and below them, the topmost are
    classes. One more folder around all others has no meaning.

    Raises FileNotFoundError where there is no folder or no image, ValueError for a class without
    an image, for images beside the parts, and where the part to train on is missing.
    """
    if not folder.is_dir():
        raise FileNotFoundError(
            f"there is no folder {folder.resolve()}; a relative path starts at the working folder"
        )
    left_out: Counter[str] = Counter()
    files, folders = _walk(folder, left_out)
    paths = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
    left_out.update(
        path.suffix.lower() or "without suffix"
        for path in files
        if path.suffix.lower() not in SUFFIXES
    )
    if not paths:
        found = f"; it holds {listed(left_out)}" if left_out else ""
        raise FileNotFoundError(
            f"{folder.resolve()} holds no image ({', '.join(sorted(SUFFIXES))}){found}"
        )
    parts, places = _parts(folder, paths)
    if not all(places):
        return Tree(paths, parts, np.zeros(len(paths), dtype=np.int64), (), left_out)
    classes = [place[0] for place in places]
    _check_classes(set(folders), paths, set(classes))
    names, labels = np.unique([path.name for path in classes], return_inverse=True)
    return Tree(paths, parts, labels, tuple(names.tolist()), left_out)


def listed(counts: Counter[str]) -> str:
    """Return counts in words: `3 .heic, 1 .txt`."""
    return ", ".join(f"{number} {what}" for what, number in sorted(counts.items()))


def _walk(
    folder: Path, left_out: Counter[str], above: tuple[Path, ...] = ()
) -> tuple[list[Path], list[Path]]:
    """Return the files and the folders within a folder, at every depth."""
    files, folders, above = [], [], (*above, folder.resolve())
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name.lower() in NOT_ONES_OWN:
            continue
        if path.is_file():
            files.append(path)
        elif not path.is_dir():
            left_out["broken links"] += 1
        elif path.resolve() in above:
            left_out["links in a circle"] += 1
        else:
            inner_files, inner_folders = _walk(path, left_out, above)
            files += inner_files
            folders += [path, *inner_folders]
    return files, folders


def _part_named(folder: Path) -> int | None:
    """The part that a folder's name stands for."""
    match = PART_NAME.fullmatch(folder.name.lower())
    return next((i for i in range(len(PARTS)) if match and match[3 + i]), None)


def _parts(folder: Path, paths: list[Path]) -> tuple[np.ndarray, list[Place]]:
    """Return the part of each image, and its place without parts and folders around everything."""
    above = [path.parents[: len(path.parts) - 1 - len(folder.parts)][::-1] for path in paths]
    places = _unwrapped(list(map(tuple, above)), [0] * len(paths))
    for depth in (0, 1):
        named = [_part_named(p[depth]) if len(p) > depth else None for p in places]
        found = set(named) - {None}
        if len(found) < 2 or (depth and None in named):
            continue
        if None in named:
            stray = paths[named.index(None)].absolute()
            raise ValueError(
                f"{folder.resolve()} has folders for {_words(found)}, but {stray} lies in none of "
                "them; move or remove what is beside them"
            )
        if 0 not in found:
            raise ValueError(
                f"{folder.resolve()} has folders for {_words(found)}, but none for training; name "
                "it `train`"
            )
        inner = [place[:depth] + place[depth + 1 :] for place in places]
        return np.array(named), _unwrapped(inner, named)
    if {_part_named(place[0]) if place else None for place in places} == {0}:  # `train` alone
        places = [place[1:] for place in places]
    return np.full(len(places), UNDECIDED), places


def _words(parts: set[int]) -> str:
    return " and ".join(PARTS[part] for part in sorted(parts))


def _unwrapped(places: list[Place], parts: list[int]) -> list[Place]:
    """Drop the first folder of all places while each part has only one, and folders in it."""
    while all(len(place) > 1 for place in places):
        if len({(p, place[0]) for p, place in zip(parts, places, strict=True)}) > len(set(parts)):
            break
        places = [place[1:] for place in places]
    return places


def _check_classes(folders: set[Path], paths: list[Path], classes: set[Path]) -> None:
    """Raise ValueError for a folder beside the classes in which there is no image."""
    filled = {parent for path in paths for parent in path.parents}
    beside = {path.parent for path in classes}
    names = {path.name for path in classes}  # a class may be missing from a part
    for empty in sorted(folders - filled):
        if empty.parent in beside and empty.name not in names:
            files = [path for path in empty.rglob("*") if path.is_file()]
            held = Counter(path.suffix.lower() or "without suffix" for path in files)
            raise ValueError(
                f"{empty.absolute()} stands beside the classes, but holds no image"
                f"{f', only {listed(held)}' if held else ''}; turn its files to one of "
                f"{', '.join(sorted(SUFFIXES))}, or move it away"
            )
