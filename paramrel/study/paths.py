"""Where the study is: the folder that holds `dvc.yaml`."""

from pathlib import Path


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
