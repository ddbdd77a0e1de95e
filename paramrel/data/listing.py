"""The registry as a table, with what is present on disk."""

from pathlib import Path

import pandas as pd

from paramrel.data.disk.folders import data_folder
from paramrel.data.disk.prepared import is_prepared
from paramrel.data.registry import DATASETS
from paramrel.data.sets.digits import DIGITS
from paramrel.data.source import Source


def list_datasets(root: str | Path | None = None) -> pd.DataFrame:
    """Return one row a data set: what it holds, its licence, and what of it is on disk.

    root: the folder of downloaded files, as in `load_dataset`.
    """
    rows = [
        {
            "name": name,
            "type": reading.kind,
            "shape": "×".join(map(str, source.shape)),
            "levels": str(reading.levels or ""),
            "examples": source.examples,
            "known": _known(source),
            "licence": source.licence,
            "on disk": _presence(source, data_folder(root)),
        }
        for name, (source, reading) in DATASETS.items()
    ]
    return pd.DataFrame(rows)


def _known(source: Source) -> str:
    if source.factors:
        return f"{len(source.factors.names)} factors"
    if source.attribute_names:
        return f"{len(source.attribute_names)} attributes"
    return f"{len(source.label_names)} classes" if source.label_names else "nothing"


def _presence(source: Source, root: Path) -> str:
    if source is DIGITS:
        return "with the package"
    if is_prepared(source):
        return "prepared"
    if not source.files:
        return "drawn when needed"
    if all(file.find(root) for file in source.files):
        return "downloaded"
    return f"no, {source.megabytes:,.0f} MB"
