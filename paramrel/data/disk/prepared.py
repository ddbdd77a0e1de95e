"""Prepared data sets: decoded once, kept as memory-mapped arrays under their recipe's hash."""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor
from tqdm import tqdm

from paramrel.data.disk.download import fetch
from paramrel.data.disk.folders import cache_folder
from paramrel.data.source import PARTS, Original, Source
from paramrel.data.splits import digest, require_parts, split_by_content

RECORD = "record.json"


@dataclass(frozen=True)
class Stored:
    """All examples of a set: levels (M, ...) uint8, mapped from disk; the rest as in `Split`.

    content: one SHA-256 of all of it.
    """

    levels: Tensor
    labels: Tensor
    split: Tensor
    content: str
    factors: Tensor | None = None
    attributes: Tensor | None = None


def in_memory(original: Original, path: Path) -> Stored:
    """Return a set, read from a file, that is small enough to need no preparation."""
    levels = np.concatenate(list(original.chunks))
    arrays = (levels, original.labels.astype(np.int64), original.split)
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return Stored(*map(torch.from_numpy, arrays), content)


def open_prepared(source: Source, root: Path) -> Stored:
    """Open a set, preparing it first where that has not been done.

    Raises what `prepare` raises.
    """
    folder = _folder(source)
    if not _is_whole(folder):
        prepare(source, root)
    arrays = {  # copy on write: torch wants arrays that may be written; the files never are
        path.stem: torch.from_numpy(np.load(path, mmap_mode="c", allow_pickle=False))
        for path in folder.glob("*.npy")
    }
    for name in arrays.keys() - {"levels", "split"}:
        arrays[name] = arrays[name].bool() if name == "attributes" else arrays[name].long()
    return Stored(**arrays, content=_record(folder)["content"])


def prepare(source: Source, root: Path) -> dict[str, object]:
    """Prepare a set where it isn't yet, verify what lies on disk, and return its record.

    The files lie or are downloaded under root, and are never changed. Raises ValueError or OSError
    naming the file and the cause where one is damaged, missing or can't be had. One process
    prepares while others wait, and a set appears only when it is whole.
    """
    folder = _folder(source)
    _make(folder.parent)
    with FileLock(folder.with_suffix(".lock")):
        if not _is_whole(folder) or _content(folder) != _record(folder)["content"]:
            shutil.rmtree(folder, ignore_errors=True)
            original = source.read(*[fetch(file, root) for file in source.files])
            _write_whole(original, source, folder)
    return _record(folder)


def _make(folder: Path) -> None:
    """Make the cache's folder, or say which setting names another one."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"prepared data sets can't be kept in {folder} ({error.strerror}); set PARAMREL_CACHE "
            "to a folder that can be written"
        ) from error


def is_prepared(source: Source) -> bool:
    """Say whether a set can be opened without its files."""
    return _is_whole(_folder(source))


def _recipe(source: Source) -> dict[str, object]:
    """Whatever changes the prepared arrays when it changes."""
    return {
        "format": 1,
        "name": source.name,
        "version": source.version,
        "shape": source.shape,
        "shares": source.shares,
        "files": {file.path: file.checksum for file in source.files},
    }


def _folder(source: Source) -> Path:
    hashed = hashlib.sha256(json.dumps(_recipe(source)).encode()).hexdigest()
    readable = re.sub(r"[^\w]+", "-", source.name)[-40:]
    return cache_folder() / "prepared" / f"{readable}-{hashed[:16]}"


def _write_whole(original: Original, source: Source, folder: Path) -> None:
    """Write a set beside its place, and move it there when it is whole."""
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    try:
        _write(original, source, unfinished)
        unfinished.rename(folder)
    except (OSError, MemoryError) as error:
        if getattr(error, "filename", None):
            raise
        cause = str(error) or "out of memory"
        raise OSError(f"{source.name} could not be prepared in {folder}: {cause}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _write(original: Original, source: Source, folder: Path) -> None:
    number = len(original.labels)
    digests = _write_levels(original, source, folder / "levels.npy")
    arrays = {
        "labels": original.labels,
        "split": split_by_content(digests, original.split, source.shares),
        "factors": original.factors,
        "attributes": original.attributes,
    }
    for name, array in arrays.items():
        if array is not None:
            if len(array) != number:
                raise ValueError(f"{source.name} has {number} labels but {len(array)} {name}")
            _check(name, array, source)
            np.save(folder / f"{name}.npy", array, allow_pickle=False)
    require_parts(source.name, digests, arrays["split"])
    counts = {part: int((arrays["split"] == i).sum()) for i, part in enumerate(PARTS)}
    sizes = {path.name: path.stat().st_size for path in sorted(folder.glob("*.npy"))}
    record = {"content": _content(folder), **counts, "bytes": sizes, "recipe": _recipe(source)}
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n")


def _write_levels(original: Original, source: Source, path: Path) -> list[bytes]:
    """Write the examples one chunk at a time; return their digests."""
    number, digests = len(original.labels), []
    header = {"descr": "|u1", "fortran_order": False, "shape": (number, *source.shape)}
    bar = tqdm(total=number, desc=f"preparing {source.name}", unit=" examples", mininterval=1)
    with path.open("wb") as file, bar:
        np.lib.format.write_array_header_1_0(file, header)
        for chunk in original.chunks:
            if chunk.dtype != np.uint8 or chunk.shape[1:] != source.shape:
                raise ValueError(
                    f"{source.name} holds {chunk.dtype} {chunk.shape[1:]}, not uint8 {source.shape}"
                )
            if chunk.max(initial=0) > source.max_level:
                raise ValueError(
                    f"{source.name} holds the level {chunk.max()}, above {source.max_level}"
                )
            chunk = np.ascontiguousarray(chunk)
            file.write(chunk.data)
            digests += map(digest, chunk)
            bar.update(len(chunk))
    if len(digests) != number:
        raise ValueError(f"{source.name} has {number} labels but {len(digests)} examples")
    return digests


def _check(name: str, array: np.ndarray, source: Source) -> None:
    """Raise ValueError where what is known of the examples is nothing that the source can know."""
    counts = {
        "labels": len(source.label_names) or None,
        "factors": source.factors and source.factors.sizes,
        "attributes": 2,
    }
    ends = counts.get(name)
    if array.dtype.kind not in "iu" or (name == "labels" and array.ndim != 1):
        raise ValueError(f"{source.name} holds {name} of {array.dtype} {array.shape}")
    if ends is not None and not ((array >= 0) & (array < ends)).all():
        raise ValueError(f"{source.name} holds {name} outside 0 to {np.subtract(ends, 1)}")


def _content(folder: Path) -> str:
    """One SHA-256 of all arrays."""
    total = hashlib.sha256()
    for path in sorted(folder.glob("*.npy")):
        with path.open("rb") as file:
            total.update(hashlib.file_digest(file, "sha256").digest())
    return total.hexdigest()


def _record(folder: Path) -> dict[str, object]:
    return json.loads((folder / RECORD).read_text())


def _is_whole(folder: Path) -> bool:
    """Whether a set's record and every byte of its arrays are there."""
    try:
        sizes = _record(folder)["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False
