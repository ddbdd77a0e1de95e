"""params.yaml as typed parameters: every number that a person may want to change."""

from collections.abc import Callable
from difflib import get_close_matches
from itertools import product
from operator import attrgetter
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, Literal, NamedTuple, TypeVar

from pydantic import (
    AfterValidator,
    Field,
    StrictFloat,
    StrictInt,
    StrictStr,
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
    faults,
    one_of,
)
from paramrel.models.methods import METHODS
from paramrel.models.objective import method_weights
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
        own = name.partition(":")[0]
        raise ValueError(
            "not beside params.yaml under a name of letters, digits, '.', '_' and '-'; link yours "
            f"there and write {own}:NAME with its options, or give it to the notebooks: "
            f"-p dataset {own}:PATH"
        )
    return name


SourceName = Annotated[str, AfterValidator(_source)]


DatasetName = Annotated[str, AfterValidator(_plain_source)]


StudyName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,49}$")]


WEIGHTS = ("beta", "gamma", "lambda")  # of the objective, as ModelParams names them


def weighs(weight: str, method: str) -> bool:
    """Whether a weight of ModelParams is in the objective of a method.

    >>> weighs("beta", "beta_vae"), weighs("beta", "vae")
    (True, False)
    """
    one, other = (ModelParams(**{weight: value}) for value in (0.25, 0.5))
    return method_weights(METHODS[method], one) != method_weights(METHODS[method], other)


def changed(model: ModelParams, numbers: dict) -> ModelParams:
    """Return parameters of a model with other numbers, named as in params.yaml."""
    return ModelParams(**model.model_dump(by_alias=True) | numbers)


def _check_number(method: str, name: str, value: object) -> None:
    """Raise ValueError unless ModelParams has such a number, and the method a use for it."""
    if name in WEIGHTS and not weighs(name, method):
        own = ", ".join(weight for weight in WEIGHTS if weighs(weight, method)) or "none"
        raise ValueError(f"{name} is no weight of {method}'s objective, which has {own}")
    try:
        ModelParams(**{name: value})
    except ValidationError as error:
        raise ValueError(f"{method}: {faults(error)}") from None


def _group(group: dict) -> dict:
    """A method and lists of numbers of `model`, all of which it has a use for."""
    method = group.get("method")
    if not isinstance(method, str):
        raise ValueError("name its method, as in {method: beta_vae, beta: [0.5, 1.0]}")
    one_of(METHODS).func(method)
    for name, values in group.items():
        if name == "method":
            continue
        if isinstance(values, str):
            raise ValueError(f"{name} = {values}: give a list: [{values}]")
        for value in values:
            _check_number(method, name, value)
    return group


Group = Annotated[
    dict[str, StrictStr | Some[StrictInt | StrictFloat | StrictStr]], AfterValidator(_group)
]


class AblationParams(Params):
    """A grid over the weights of the objective, and over whose code they weigh.

    A method that γ and λ do not weigh has one cell a data set and seed.
    """

    datasets: Some[DatasetName]
    methods: Some[MethodName]
    gammas: Some[Gamma]
    lambdas: Some[Lambda]
    seeds: Some[Seed]
    steps: Count

    @property
    def groups(self) -> list[tuple[str, dict]]:
        """Each method, and the lists of numbers of `model` whose product are its cells."""
        weights = {"lambda": self.lambdas, "gamma": self.gammas}
        return [(method, weights if weighs("gamma", method) else {}) for method in self.methods]

    @property
    def varied(self) -> tuple[str, ...]:
        """The numbers of `model` that cells differ in."""
        return "gamma", "lambda"


class TrialParams(Params):
    """A grid over any numbers of `model`: each group of `vary` is a method and their product."""

    datasets: Some[DatasetName]
    seeds: Some[Seed]
    steps: Count
    vary: Annotated[tuple[Group, ...], Field(min_length=1, max_length=100)]

    @property
    def groups(self) -> list[tuple[str, dict]]:
        """Each method, and the lists of numbers of `model` whose product are its cells."""
        return [
            (group["method"], {name: group[name] for name in group if name != "method"})
            for group in self.vary
        ]

    @property
    def varied(self) -> tuple[str, ...]:
        """The numbers of `model` that cells differ in."""
        return tuple({name: None for _, numbers in self.groups for name in numbers})


class Trials(Params):
    """Trainings that choose the rivals' numbers, and that decide on kernel and attention."""

    rivals: TrialParams
    kernels: TrialParams
    attention: TrialParams


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
    tuned: dict[DatasetName, dict[MethodName, dict[Literal[WEIGHTS], StrictFloat]]]
    train: TrainParams
    evaluate: EvaluateParams
    quality: QualityParams
    disentangle: DisentangleParams
    generate: GenerateParams
    ablation: AblationParams
    code_time: AblationParams
    trials: Trials

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

    def group_of(self, dataset: str) -> Grid:
        """Return the group of runs that a data set is of; ValueError where the study has none."""
        for grid in self.grids:
            if dataset in grid.datasets:
                return grid
        raise ValueError(f"the study {self.study} has no run on {dataset!r}; see params.yaml")

    @property
    def runs(self) -> list[tuple[str, str, int]]:
        """Data set, method and seed of every run of the study."""
        return [
            run for grid in self.grids for run in product(grid.datasets, grid.methods, grid.seeds)
        ]

    def model_of(self, dataset: str, method: str) -> ModelParams:
        """Return `model` with the numbers to which a method was tuned on a data set."""
        return changed(self.model, self.tuned.get(dataset, {}).get(method, {}))

    @field_validator("tuned")
    @classmethod
    def _tunable(cls, tuned: dict) -> dict:
        for methods in tuned.values():
            for method, numbers in methods.items():
                for name, value in numbers.items():
                    _check_number(method, name, value)
        return tuned

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
        grids = (*self.grids, *(attrgetter(name)(self) for name in GRIDS))
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


# The grids of cells, as dvc.yaml calls them.
GRIDS = ("ablation", "code_time", *(f"trials.{name}" for name in Trials.model_fields))


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
