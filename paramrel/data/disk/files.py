"""Files that appear whole or not at all, how they are named, and what is said of damaged ones."""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WINDOWS_DEVICES = r"con|prn|aux|nul|(com|lpt)\d"  # no file can have these names there


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to, and move it there when all of it is written.

    Missing folders are made. After an error, a full disk, a kill or a power cut, what stood there
    before still does; a name that begins with a dot is all that a killed process can leave.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{os.getpid()}-{path.name}")  # with the suffix that writers go by
    try:
        yield part
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        part.replace(path)
        _sync_folder(path.parent)
    finally:
        part.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Bring a rename to the disk, where the system has a way to."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def cause_of(error: Exception) -> str:
    """Return what an error says, on one line of at most 300 characters, or else its kind."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def file_name(dataset: str) -> str:
    """Return a name for files about a data set: distinct, and safe on every system.

    Short names of a-z, 0-9 and _ (all of the registry's) stay as they are. Any other, such as the
    path of a folder or a name in capitals, is cut to those signs and gets a hash of the whole.

    >>> file_name("digits"), file_name("image_folder:../Photos,size=16")
    ('digits', 'image_folder-photos-size-16-1fe77407b7')
    """
    if re.fullmatch(r"[a-z0-9_]{1,40}", dataset) and not re.fullmatch(WINDOWS_DEVICES, dataset):
        return dataset
    readable = re.sub(r"[^a-z0-9_]+", "-", dataset.lower())[-40:].strip("-")
    hashed = hashlib.sha256(dataset.encode("utf-8", "surrogatepass")).hexdigest()[:10]
    return f"{readable}-{hashed}".lstrip("-")
