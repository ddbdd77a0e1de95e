"""What a notebook is asked for: its parameters, checked as params.yaml is."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, create_model

from paramrel.data.sets.tables import TABLES
from paramrel.models.config import (
    Count,
    Distinct,
    MethodName,
    Params,
    Seed,
    Size,
    Some,
)
from paramrel.study.params import SourceName, checked
from paramrel.study.paths import require_writable
from paramrel.study.plain_yaml import read_yaml

AsManyAs = Annotated[int, Field(ge=0, le=10_000_000)]  # 0: as many as params.yaml says, or all
Index = Annotated[int, Field(ge=0)]


def _whole(folder: str) -> str:
    """A path is told from the working folder, as in a shell; "" is none."""
    return str(Path(folder).expanduser().resolve()) if folder else ""


def _writable(folder: str) -> str:
    if folder:
        require_writable(folder)
    return folder


Folder = Annotated[str, Field(max_length=4000), AfterValidator(_whole)]

# What each name means in every notebook.
PARAMETERS = {
    "table": Literal[tuple(TABLES)],
    "dataset": SourceName,
    "datasets": Some[SourceName],
    "method": MethodName,
    "methods": Some[MethodName],
    "shown": Distinct[MethodName],
    "seed": Seed,
    "runs": Folder,
    "measured": Folder,
    "out": Annotated[Folder, AfterValidator(_writable)],
    "steps": AsManyAs,
    "cells": AsManyAs,
    "examples": AsManyAs,
    "images": AsManyAs,
    "votes": AsManyAs,
    "extractor_steps": AsManyAs,
    "sampling_steps": AsManyAs,
    "samples": Count,
    "draws": Count,
    "columns": Size,
    "dimensions": Size,
    "image": Index,
    "row": Index,
    "column": Index,
    "accuracy": Annotated[float, Field(gt=0, le=1e4)],
    "beta_1": Annotated[float, Field(gt=0, le=1e4)],
    "sigma_1": Annotated[float, Field(ge=1e-4, lt=1)],
}


def asked(**values: object) -> tuple:
    """Return the parameters of a notebook in their order, checked; lists may stand in a text.

    Raises ValueError, which says all that is wrong in them, or OSError where nothing can be
    written to `out`.
    """
    known = {name: (PARAMETERS[name], ...) for name in values}
    model = create_model("Asked", __base__=Params, **known)
    read = {name: _read(value) for name, value in values.items()}
    return tuple(vars(checked(model.model_validate, read, "the notebook's parameters")).values())


def _read(value: object) -> object:
    """papermill's `-p methods '[bfn, vae]'` is a text."""
    return read_yaml(value) if isinstance(value, str) and value.startswith("[") else value
