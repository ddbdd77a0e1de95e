"""Downloads that resume after an interruption and are taken only with the right checksum."""

import hashlib
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

from tqdm import tqdm

TRIES = 3  # of a download that breaks off; each goes on where the one before stopped


TIMEOUT = 30  # seconds without an answer


PIECE = 1 << 20  # bytes


INTERRUPTIONS = (ConnectionError, TimeoutError, HTTPException)


@dataclass(frozen=True)
class File:
    """One file of a data set: its place under the data folder, its checksum, where to get it.

    checksum: "md5:…" or "sha256:…"; empty for a folder, which one has to put there oneself.
    unpacked: the folder that is used instead where an archive was unpacked and removed.
    """

    path: str
    checksum: str
    url: str
    unpacked: str = ""

    def find(self, root: Path) -> Path | None:
        """Return where the file, or else its unpacked folder, lies under root."""
        places = [root / place for place in (self.path, self.unpacked) if place]
        return next((place for place in places if place.exists()), None)


def fetch(file: File, root: Path) -> Path:
    """Return the path of a file under root, downloaded first where it is missing.

    A file that is there is used as it is and never changed. Raises ValueError where its checksum
    is wrong, FileNotFoundError where a folder is missing, OSError naming the file and the cause
    where a download fails; what has arrived is kept for the next try.
    """
    path, found = root / file.path, file.find(root)
    if found is None and not file.checksum:
        raise FileNotFoundError(f"there is no folder {path}; put there what {file.url} offers")
    if found is None:
        download(file.url, path, file.checksum)
    elif found.is_file():
        _check(found, file.checksum, "remove it, or restore the original")
    return found or path


def download(url: str, path: Path, checksum: str) -> None:
    """Download an address to a path; only a whole file with the right checksum appears there."""
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in reversed(range(TRIES)):
            try:
                _append(url, part)
                break
            except INTERRUPTIONS:
                if left == 0:
                    raise
    except (OSError, HTTPException) as error:
        raise OSError(f"{path} could not be downloaded from {url}: {error}") from error
    try:
        _check(part, checksum, f"{url} does not hold the original any more")
    except ValueError:
        part.unlink()  # going on from it could never succeed
        raise
    part.replace(path)


def _append(url: str, part: Path) -> None:
    """Append to a part of a file what is missing of it."""
    done = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "paramrel"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if done and error.code == 416:  # nothing is left, or the part is too long: see its checksum
            return
        raise
    with answer, part.open("ab" if answer.status == 206 else "wb") as out:
        start = done if answer.status == 206 else 0  # a server may ignore the range
        left = answer.headers["Content-Length"]
        total = None if left is None else start + int(left)
        with tqdm(
            desc=part.stem, initial=start, total=total, unit="B", unit_scale=True, mininterval=1
        ) as bar:
            while piece := answer.read(PIECE):
                out.write(piece)
                bar.update(len(piece))
        if total is not None and out.tell() < total:
            raise ConnectionError(f"the connection broke off at {out.tell()} of {total} bytes")


def _check(path: Path, checksum: str, advice: str) -> None:
    algorithm, expected = checksum.split(":")
    with path.open("rb") as file:
        found = hashlib.file_digest(file, algorithm).hexdigest()
    if found != expected:
        raise ValueError(
            f"{path} is damaged or another file: its {algorithm} is {found}, not {expected}; "
            f"{advice}"
        )
