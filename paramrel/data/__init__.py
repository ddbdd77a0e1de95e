"""What is learned from: data sets with fixed splits, pinned, drawn, downloaded or one's own."""

from paramrel.data.alphabet import Alphabet
from paramrel.data.dataset import Dataset, Fields, Split, Variable, Variables
from paramrel.data.disk.files import file_name
from paramrel.data.factors import Factors
from paramrel.data.readings import Examples
from paramrel.data.registry import (
    DATASETS,
    check_name,
    find,
    from_folder,
    is_source,
    load_dataset,
    prepare_dataset,
)
from paramrel.data.tables import from_dataframe
from paramrel.data.tensors import from_tensors
from paramrel.data.torch_datasets import from_torch

# what makes a Dataset imports it, so it is bound here, where all of the room is known
Dataset.from_tensors = staticmethod(from_tensors)
Dataset.from_torch = staticmethod(from_torch)
Dataset.from_dataframe = staticmethod(from_dataframe)
Dataset.from_folder = staticmethod(from_folder)

__all__ = [
    "DATASETS",
    "Alphabet",
    "Dataset",
    "Examples",
    "Factors",
    "Fields",
    "Split",
    "Variable",
    "Variables",
    "check_name",
    "file_name",
    "find",
    "is_source",
    "load_dataset",
    "prepare_dataset",
]
