"""params.yaml as typed parameters: every number that a person may want to change."""

from collections.abc import Callable
from difflib import get_close_matches
from itertools import product
from operator import attrgetter
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from paramrel.data import DATASETS, check_name, is_source
from paramrel.measures.config import (
    DisentangleParams,
    EvaluateParams,
    GenerateParams,
    QualityParams,
)
from paramrel.models.config import (
    Count,
    Distinct,
    Gamma,
    Lambda,
    MethodName,
    ModelParams,
    Params,
    Seed,
    Some,
    one_of,
)
from paramrel.models.methods import METHODS
from paramrel.networks.blocks import lowest_size
from paramrel.study.paths import PLAIN, require_one_clone, stem, study_root
from paramrel.study.plain_yaml import read_yaml
from paramrel.training.config import TrainParams

T = TypeVar("T")


def _source(name: str) -> str:
    return check_name(name) if is_source(name) else one_of(DATASETS).func(name)


def _plain_source(name: str) -> str:
    """DVC makes paths of what params.yaml names."""
    if not PLAIN.fullmatch(_source(name)):
        raise ValueError(
            "not a folder beside params.yaml with a name of letters, digits, '.', '_' and '-'; "
            "link yours there and write image_folder:NAME,size=16, or give it to the notebooks: "
            "-p dataset image_folder:PATH,size=16"
        )
    return name


SourceName = Annotated[str, AfterValidator(_source)]


DatasetName = Annotated[str, AfterValidator(_plain_source)]


StudyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$")]


class AblationParams(Params):
    """A grid over the weights of the objective, and over whose code they weigh."""

    datasets: Some[DatasetName]
    methods: Some[MethodName]
    gammas: Some[Gamma]
    lambdas: Some[Lambda]
    seeds: Some[Seed]
    steps: Count

    @field_validator("methods")
    @classmethod
    def _have_the_weights(cls, methods: tuple[str, ...]) -> tuple[str, ...]:
        for method in methods:
            if METHODS[method].regularizer != "mutual_information":
                raise ValueError(f"{method} has no code that γ and λ weigh")
        return methods


class Grid(Params):
    """Runs: every combination of these; none where nothing is named."""

    datasets: Distinct[DatasetName]
    methods: Distinct[MethodName]
    seeds: Distinct[Seed]


class StudyParams(Params):
    """All of params.yaml; study: its name, and that of the folder of its results."""

    study: StudyName
    datasets: Some[DatasetName]
    methods: Some[MethodName]
    seeds: Some[Seed]
    types: Grid
    factors: Grid
    mixed: Grid
    threads: int = Field(ge=1, le=256)
    jobs: int = Field(ge=1, le=256)
    model: ModelParams
    train: TrainParams
    evaluate: EvaluateParams
    quality: QualityParams
    disentangle: DisentangleParams
    generate: GenerateParams
    ablation: AblationParams
    code_time: AblationParams

    @property
    def results(self) -> Path:
        """The folder of all that the study makes."""
        return study_root() / "results" / self.study

    @property
    def processes(self) -> int:
        """How many trainings run side by side."""
        return max(1, self.jobs // self.threads)

    @property
    def grids(self) -> tuple[Grid, ...]:
        """All groups of runs, the main one first."""
        main = Grid(datasets=self.datasets, methods=self.methods, seeds=self.seeds)
        return main, self.types, self.factors, self.mixed

    @property
    def runs(self) -> list[tuple[str, str, int]]:
        """Data set, method and seed of every run of the study."""
        return [
            run for grid in self.grids for run in product(grid.datasets, grid.methods, grid.seeds)
        ]

    @model_validator(mode="after")
    def _one_group_each(self) -> "StudyParams":
        names = [name for grid in self.grids for name in grid.datasets]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(
                f"{', '.join(sorted(twice))} stands in two of the groups datasets, types, factors "
                "and mixed; name it in one of them"
            )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> "StudyParams":
        """Find what no single number shows, before any work."""
        grids = (*self.grids, self.ablation, self.code_time)
        for name in {name: None for grid in grids for name in grid.datasets}:
            if is_source(name):  # its images say more when they are prepared
                continue
            source, reading = DATASETS[name]
            if len(source.shape) == 3 and reading.kind != "mixed":
                lowest_size(source.shape[1:], len(self.model.channels))
            training = int(source.examples * source.shares[0])
            if self.train.batch_size > training:
                raise ValueError(
                    f"train.batch_size = {self.train.batch_size} is larger than the training split "
                    f"of {name}, about {training} examples"
                )
        for part, whole in (
            ("train.evaluations", "train.steps"),
            ("generate.images", "generate.reconstructed"),
        ):
            few, many = (attrgetter(place)(self) for place in (part, whole))
            if few > many:
                raise ValueError(f"{part} = {few} is more than {whole} = {many}; lower it")
        return self


class Cell(NamedTuple):
    """What a run is made of."""

    dataset: str
    method: str
    seed: int
    model: ModelParams
    train: TrainParams

    @property
    def place(self) -> Path:
        """Where it lies below a folder of runs."""
        return Path(stem(self.dataset), f"{self.method}-{self.seed}")


GRIDS = tuple(n for n, f in StudyParams.model_fields.items() if f.annotation is AblationParams)


def load_params(path: str | Path | None = None) -> StudyParams:
    """Read and check params.yaml, by default the study's.

    Raises ValueError, which says all that is wrong in it, or where the study is of another clone
    than the code; OSError where the file can't be read.
    """
    if path is None:
        require_one_clone()
    path = Path(path) if path else study_root() / "params.yaml"
    return checked(StudyParams.model_validate, plain_values(path), path.name)


def plain_values(path: Path) -> object:
    """Return what a file says, unchecked; ValueError where it is not YAML."""
    try:
        return read_yaml(path.read_bytes().decode("utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def checked(check: Callable[[object], T], values: object, name: str) -> T:
    """Return what a check of pydantic's makes of values; ValueError with all that is wrong."""
    try:
        return check(values)
    except ValidationError as error:
        sentences = [_sentence(fault) for fault in error.errors()]
        more = f"; and {len(sentences) - 5} more" if len(sentences) > 5 else ""
        raise ValueError(f"{name}: {'; '.join(sentences[:5])}{more}") from None


def _sentence(fault: dict) -> str:
    """Where a fault stands, what is wrong, and what is allowed."""
    *section, name = fault["loc"] or ("it",)
    place = ".".join(map(str, fault["loc"])) or "the file"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "value_error" and isinstance(fault["input"], dict):
        return message if not fault["loc"] else f"{place}: {message}"
    if fault["type"] == "tuple_type":
        return f"{place} = {shortened(fault['input'])}: give a list: [{shortened(fault['input'])}]"
    if fault["type"] == "string_pattern_mismatch":
        return f"{place} = {shortened(fault['input'])}: give letters, digits, _ and -, 50 at most"
    if fault["type"] != "extra_forbidden":
        return f"{place} = {shortened(fault['input'])}: {message}"
    fields = StudyParams.model_fields
    for part in section:
        fields = fields[part].annotation.model_fields
    allowed = [field.alias or key for key, field in fields.items()]
    nearest = get_close_matches(str(name), allowed, 1)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"allowed: {', '.join(allowed)}"
    place = place if len(place) < 80 else f"{place[:80]}…"
    return f"{place} is not a known parameter; {hint}"
