"""What is learned from: data sets with fixed splits, pinned, drawn, downloaded or one's own."""

from paramrel.data.dataset import Dataset, Fields, Split, Variable
from paramrel.data.disk.files import file_name
from paramrel.data.factors import Factors
from paramrel.data.readings import Examples
from paramrel.data.registry import (
    DATASETS,
    check_name,
    find,
    is_source,
    load_dataset,
    prepare_dataset,
)

__all__ = [
    "DATASETS",
    "Dataset",
    "Examples",
    "Factors",
    "Fields",
    "Split",
    "Variable",
    "check_name",
    "file_name",
    "find",
    "is_source",
    "load_dataset",
    "prepare_dataset",
]
