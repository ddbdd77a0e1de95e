"""Files that appear whole or not at all, and what is said of those that are damaged."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
