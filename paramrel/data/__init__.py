"""What is learned from: data sets with fixed splits, pinned, drawn, downloaded or one's own."""

from paramrel.data.dataset import Dataset, Fields, Split, Variable, Variables
from paramrel.data.factors import Factors
from paramrel.data.readings import Examples
from paramrel.data.registry import DATASETS, file_name, find, load_dataset, prepare_dataset

__all__ = [
    "DATASETS",
    "Dataset",
    "Examples",
    "Factors",
    "Fields",
    "Split",
    "Variable",
    "Variables",
    "file_name",
    "find",
    "load_dataset",
    "prepare_dataset",
]
