"""Where the study is, and what its files are called."""

import os
import re
from pathlib import Path
from tempfile import TemporaryFile

import paramrel
from paramrel.data import file_name

# Names of data sets that DVC can make paths and stages of, as dvc.yaml does.
OWN_HERE = r"(image_folder|text|sequences):\w[\w.-]*(,\w+(=\w+)?)*"
PLAIN = re.compile(r"[\w.-]+" if os.name == "nt" else rf"[\w.-]+|{OWN_HERE}")


def study_root() -> Path:
    """Return the nearest folder at or above the working directory that holds `dvc.yaml`.

    The search never starts at this file: an editable install would lead it from a clone's
    pipeline into the repository that the package was installed from.

    Raises FileNotFoundError where there is no such folder.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "dvc.yaml").is_file():
            return folder
    raise FileNotFoundError(
        f"no dvc.yaml in {here} or above it; run this inside a clone of the study"
    )


def require_one_clone() -> None:
    """Raise ValueError where code and study are of two clones: numbers would be of neither."""
    code, root = Path(paramrel.__file__).resolve().parent, study_root().resolve()
    if (root / "paramrel").is_dir() and code != root / "paramrel":
        raise ValueError(
            f"the study is {root}, but the code that runs is {code}; activate the environment that "
            f"{root} was installed into, or start this in {root}, with PYTHONPATH unset"
        )


def stem(dataset: str) -> str:
    """Return what a data set is called in the names of files, as dvc.yaml calls it."""
    return dataset if PLAIN.fullmatch(dataset) else file_name(dataset)


def require_writable(folder: str | Path) -> None:
    """Raise OSError where no file can be made in a folder, which is made where it is missing."""
    place = Path(folder).resolve()
    try:
        place.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise OSError(
            f"{place} cannot be written ({error.strerror or error}); choose another folder"
        ) from error
