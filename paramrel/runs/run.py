"""A run: a model trained on a data set with a seed, and the file that keeps it."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from paramrel.data import Variable, Variables, file_name
from paramrel.data.disk.files import cause_of
from paramrel.data.disk.folders import cache_folder
from paramrel.data.fields import each
from paramrel.models.autoencoder import FlowAutoencoder
from paramrel.models.build import build_model
from paramrel.models.config import ModelParams
from paramrel.runs.record import fingerprint, git_revision, weights_hash
from paramrel.training.checkpoint import locked, write_whole
from paramrel.training.config import TrainParams

FILE = "model.safetensors"
FORMAT = 2  # of its metadata; 1 had no number, and named the data set instead of its variables
EARLIER_MODEL = {"residual": False}  # what all models were, before this was a number
EARLIER_TRAIN = {"optimizer": "adamw"}
REMEDY = "free some space or choose another folder, and save it again"


@dataclass(frozen=True)
class Run:
    """A trained model and where it comes from.

    dataset: the name of the data. record: what it was made of, see `record.record`.

    >>> import paramrel
    >>> run = paramrel.load_pretrained("digits")
    >>> run.dataset, run.method, run.train.steps
    ('digits', 'paramrel', 1000)
    """

    dataset: str
    method: str
    seed: int
    model: FlowAutoencoder
    train: TrainParams
    record: dict[str, object] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """A name for files, which no other run of a study has."""
        return f"{file_name(self.dataset)}-{self.method}-{self.seed}"

    def to(self, device: torch.device | str) -> "Run":
        """Move the model to a device, and with it all that is done with this run; return the run.

        >>> import paramrel
        >>> paramrel.load_pretrained("digits").to("cpu").model.device
        device(type='cpu')
        """
        self.model.to(device)
        return self


def save_run(run: Run, folder: str | Path) -> None:
    """Write a run's weights, origin and record as `model.safetensors` into a folder.

    Equal runs on one machine are equal files. The git revision differs with every commit, so it
    stands beside them in `revision.json`, which DVC is told to ignore. One process at a time writes
    into a folder. Raises OSError, and leaves what was there, where the file cannot be written.

    >>> import paramrel, tempfile
    >>> run = paramrel.load_pretrained("digits")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_run(run, folder)
    ...     load_run(folder).key
    'digits-paramrel-0'
    """
    path = Path(folder) / FILE
    origin = {
        "dataset": run.dataset,
        "variables": each(asdict, run.model.variables),
        "method": run.method,
        "seed": run.seed,
        "model": run.model.params.model_dump(by_alias=True),
        "train": run.train.model_dump(),
    }
    state = run.model.state_dict()
    weights = {name: value.cpu().contiguous() for name, value in state.items()}
    known = run.record | _hashes(origin, weights)
    metadata = {"format": FORMAT} | origin | {"record": known}
    content = save(weights, {"paramrel": json.dumps(metadata)})
    lock = cache_folder() / "locks" / f"{fingerprint(str(path.resolve()))[:16]}.lock"
    with locked(lock, f"writing {path}"):
        write_whole(path, content, REMEDY)
        write_whole(path.with_name("revision.json"), json.dumps(git_revision()).encode(), REMEDY)


def load_run(folder: str | Path) -> Run:
    """Read a run that `save_run` wrote, onto the CPU; its data are not needed.

    Raises FileNotFoundError where there is none, ValueError where the file is damaged, of another
    format, or its weights or origin are not those of its record.

    >>> load_run("nothing/here")
    Traceback (most recent call last):
    FileNotFoundError: nothing/here/model.safetensors is missing; ...
    """
    path = Path(folder) / FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; `dvc repro` trains the runs of the study")
    with _blaming(path):
        origin, weights, known = _read_whole(path)
        params = ModelParams.model_validate(EARLIER_MODEL | origin["model"])
        train_params = TrainParams.model_validate(EARLIER_TRAIN | origin["train"])
        model = build_model(origin["method"], _variables(origin["variables"]), params)
        _check_numbers(weights, model)
        model.load_state_dict(weights)
    return Run(
        origin["dataset"], origin["method"], origin["seed"], model.eval(), train_params, known
    )


def _variables(written: dict) -> Variables:
    """What `asdict` made of a variable, or of each field's, as it was."""
    if "kind" in written and not isinstance(written["kind"], dict):
        return Variable(written["kind"], tuple(written["shape"]), written["levels"])
    return {name: _variables(field) for name, field in written.items()}


def is_saved(folder: str | Path, recipe: dict[str, object]) -> bool:
    """Return whether a folder holds a whole run of this recipe."""
    try:
        known = _read_whole(Path(folder) / FILE)[2]
    except Exception:  # missing or damaged, in whatever way
        return False
    return known["recipe"] == fingerprint(recipe)


def _hashes(origin: dict[str, object], weights: dict[str, Tensor]) -> dict[str, str]:
    return {"parameters": fingerprint(origin), "weights": weights_hash(weights)}


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Turn whatever a damaged checkpoint raises into a ValueError that names it."""
    try:
        yield
    except Exception as error:
        raise ValueError(
            f"{path} is no checkpoint of this version, or damaged ({cause_of(error)}); delete it "
            "and run `dvc repro` to train it again"
        ) from error


def _read_whole(path: Path) -> tuple[dict[str, object], dict[str, Tensor], dict[str, object]]:
    """Return the origin, the weights and the record of a checkpoint that is as it was written."""
    with safe_open(path, "pt") as file:
        origin = json.loads(file.metadata()["paramrel"])
        if (found := origin.pop("format", 1)) != FORMAT:
            raise ValueError(f"it has format {found}, and this version of paramrel reads {FORMAT}")
        weights = {name: file.get_tensor(name) for name in file.keys()}
    known = origin.pop("record")
    for part, hashed in _hashes(origin, weights).items():
        if known[part] != hashed:
            raise ValueError(f"its {part} are not those of its record")
    return origin, weights, known


def _check_numbers(weights: Mapping[str, Tensor], model: FlowAutoencoder) -> None:
    """Raise ValueError for numbers that would be rounded when loaded, or that are none."""
    types = {name: value.dtype for name, value in model.state_dict().items()}
    for name, value in weights.items():
        if value.dtype != types.get(name, value.dtype):
            raise ValueError(f"{name} is {value.dtype}, not {types[name]}")
        if not value.isfinite().all():
            raise ValueError(f"{name} holds NaN or infinite values")
