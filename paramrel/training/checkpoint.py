"""Checkpoints of an unfinished run: its last two states on disk, each whole and verified."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout

from paramrel.data.disk.files import whole_file

KEPT = 2


PATIENCE = 60.0  # seconds that a process waits for another one


class Checkpoints:
    """The checkpoints of one run, in a folder that one process at a time may use.

    A file is named by its step and its SHA-256, so that the two appear together with one rename.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes away; TimeoutError where one is at work and does not end soon."""
        with locked(self.folder.with_suffix(".lock"), f"training {self.folder.name}"):
            yield

    def save(self, step: int, state: bytes) -> None:
        """Write a state and delete all but the last two; OSError where that cannot be done."""
        name = f"{step:012d}-{sha256(state).hexdigest()}.safetensors"
        write_whole(
            self.folder / name,
            state,
            "free some space or set PARAMREL_CACHE to another folder, and start again: training "
            "goes on from the last checkpoint",
        )
        for outdated in self._newest_first()[KEPT:]:
            outdated.unlink()

    def newest(self) -> bytes | None:
        """Return the newest state that is whole, None where there is none.

        One line on the error stream tells of damaged files, which are deleted.
        """
        damaged, content = [], None
        for path in self._newest_first():
            content = _verified(path)
            if content is not None:
                break
            damaged.append(_step(path))
            path.unlink(missing_ok=True)
        if damaged:
            steps = " and ".join(f"step {step}" for step in damaged)
            then = "starts again" if content is None else f"goes on from step {_step(path)}"
            print(f"the checkpoint of {steps} is damaged; training {then}", file=sys.stderr)
        return content

    def clear(self) -> None:
        """Delete all checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _newest_first(self) -> list[Path]:
        return sorted(self.folder.glob("[0-9]*.safetensors"), reverse=True)


def _step(path: Path) -> int:
    return int(path.stem.split("-")[0])


def _verified(path: Path) -> bytes | None:
    """Return a file's content, None where it is not what its name says."""
    try:
        content = path.read_bytes()
    except OSError:  # a bad sector
        return None
    return content if path.stem.endswith(f"-{sha256(content).hexdigest()}") else None


@contextmanager
def locked(path: Path, work: str) -> Iterator[None]:
    """Hold a lock file; TimeoutError where another process is at that work and does not end soon.

    Raises OSError where the file cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(PATIENCE)
    except Timeout:
        raise TimeoutError(
            f"another process has been {work} for more than {PATIENCE:g} seconds; wait until it "
            "has ended, or end it, and start again"
        ) from None
    except OSError as error:
        raise OSError(
            f"{path.parent} cannot be written ({error.strerror or error}); set PARAMREL_CACHE to "
            "a folder that can"
        ) from error
    try:
        yield
    finally:
        lock.release()


def write_whole(path: Path, content: bytes, remedy: str) -> None:
    """Write a file so that a crash at any moment leaves the old one, or none, or the new one.

    Raises OSError, naming the folder, the cause and the remedy, and then leaves nothing behind.
    """
    try:
        with whole_file(path) as part:
            part.write_bytes(content)
    except OSError as error:
        raise OSError(
            f"{path.name} could not be written to {path.parent} ({error.strerror or error}); "
            f"{remedy}"
        ) from error
