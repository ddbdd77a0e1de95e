"""Where downloaded files lie and where prepared data sets are kept."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Return the folder of prepared sets: PARAMREL_CACHE, or `.cache/paramrel` in one's home."""
    return _folder("PARAMREL_CACHE") or Path.home() / ".cache" / "paramrel"


def data_folder(root: str | Path | None = None) -> Path:
    """Return the folder of downloaded files: root, or PARAMREL_DATA, or the cache's `downloads`."""
    if root is not None:
        return Path(root).expanduser()
    return _folder("PARAMREL_DATA") or cache_folder() / "downloads"


def _folder(variable: str) -> Path | None:
    value = os.environ.get(variable)
    return Path(value).expanduser() if value else None
