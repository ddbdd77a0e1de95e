"""What a run was made of: the recipe that determines it, and the record that it carries."""

import json
import platform
import subprocess
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from paramrel import __version__
from paramrel.data import Dataset, file_name
from paramrel.data.disk.folders import cache_folder
from paramrel.models.config import ModelParams
from paramrel.training.config import TrainParams

# The rooms that the numbers of a training depend on; those below only look at what is trained.
CODE = ("data", "flows", "networks", "models", "training", "runs")
PACKAGE = Path(__file__).parents[1]
PLACE = {"devices", "num_nodes", "strategy", "checkpoint_seconds"}  # where a run is, not what


def recipe(
    data: Dataset, method: str, seed: int, model: ModelParams, params: TrainParams
) -> dict[str, object]:
    """Return all that a run's numbers depend on but the device."""
    return {
        "dataset": data.name,
        "content": data.content,
        "method": method,
        "seed": seed,
        "model": model.model_dump(by_alias=True),
        "train": params.model_dump(exclude=PLACE),
        "code": _code(),
        "paramrel": __version__,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
    }


def record(recipe: dict[str, object], device: torch.device, examples: int) -> dict[str, object]:
    """Return what a saved run says of itself: no time, no place, so that equal runs stay equal."""
    gpu = device.type == "cuda"
    return {
        "recipe": fingerprint(recipe),
        "content": recipe["content"],
        "code": recipe["code"],
        "examples": examples,
        "threads": recipe["threads"],
        "device": torch.cuda.get_device_name(device) if gpu else device.type,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "paramrel": __version__,
    }


def fingerprint(value: object) -> str:
    """Return the SHA-256 of anything that JSON can write."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def weights_hash(weights: dict[str, Tensor]) -> str:
    """Return one SHA-256 of all names, types, shapes and values."""
    total = sha256()
    for name, value in sorted(weights.items()):
        total.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        total.update(value.cpu().contiguous().flatten().view(torch.uint8).numpy())
    return total.hexdigest()


def resume_folder(recipe: dict[str, object], device: torch.device) -> Path:
    """Return the folder for the checkpoints of an unfinished run; another recipe has another one.

    The kind of device is part of the name, for its random numbers are its own.
    """
    hashed = fingerprint(recipe | {"device": device.type})
    name = f"{file_name(str(recipe['dataset']))}-{recipe['method']}-{recipe['seed']}-{hashed[:16]}"
    return cache_folder() / "resume" / name


def git_revision() -> dict[str, object]:
    """Return the commit that this package is at and whether its files differ from it; or None."""
    if not _git("ls-files", "runs/record.py"):  # installed, or no repository
        return {"commit": None, "modified": None}
    return {"commit": _git("rev-parse", "HEAD"), "modified": bool(_git("status", "-s", "."))}


def _git(*words: str) -> str | None:
    try:
        command = ["git", "-C", str(PACKAGE), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _code() -> str:
    """One SHA-256 of the rooms that a training depends on."""
    root = PACKAGE
    total = sha256()
    for name in CODE:
        for path in sorted((root / name).rglob("*.*")):
            if path.suffix in (".py", ".cpp"):
                total.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    return total.hexdigest()
