"""params.yaml as typed parameters: every number that a person may want to change."""

import argparse
import sys
from collections.abc import Collection
from difflib import get_close_matches
from io import StringIO
from itertools import product
from operator import attrgetter
from pathlib import Path
from reprlib import repr as shortened
from typing import Annotated, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from ruamel.yaml import YAML

from paramrel.data import DATASETS
from paramrel.files import whole_file
from paramrel.methods import METHODS
from paramrel.networks.blocks import lowest_size
from paramrel.paths import study_root
from paramrel.plain_yaml import read_yaml

T = TypeVar("T")
MENTIONED = 15  # names in a message, at most


def _one_of(allowed: Collection[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in allowed:
            nearest = "".join(f"; did you mean {n!r}?" for n in get_close_matches(name, allowed, 1))
            listed = ", ".join([*allowed][:MENTIONED])
            more = len(allowed) - MENTIONED
            listed += f" and {more} more" if more > 0 else ""
            raise ValueError(f"not one of {listed}{nearest}")
        return name

    return AfterValidator(check)


def _distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a value stands there twice")
    return values


Distinct = Annotated[tuple[T, ...], Field(max_length=100), AfterValidator(_distinct)]
Some = Annotated[Distinct[T], Field(min_length=1)]
DatasetName = Annotated[str, _one_of(DATASETS)]
MethodName = Annotated[str, _one_of(METHODS)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy takes
Count = Annotated[int, Field(ge=1, le=10_000_000)]
Size = Annotated[int, Field(ge=1, le=4096)]
Width = Annotated[int, Field(ge=8, le=4096, multiple_of=8)]  # a group norm has 8 channels a group
Time = Annotated[float, Field(gt=0, le=1)]
LogSNR = Annotated[float, Field(ge=-20, le=20)]
Gamma = Annotated[float, Field(ge=0, le=1)]
Lambda = Annotated[float, Field(ge=0, le=1e6)]


class _Params(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, allow_inf_nan=False
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_booleans(cls, value: object, info: ValidationInfo) -> object:
        """Refuse what would pass for 0 or 1."""
        if cls.model_fields[info.field_name].annotation is bool:
            return value
        for item in value if isinstance(value, list | tuple) else [value]:
            if isinstance(item, bool):
                raise ValueError("true and false are not numbers")
        return value


class ModelParams(_Params):
    """The numbers that define a model; params.yaml says what each is."""

    code_dim: Size = 10
    channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)] = (16, 32)
    blocks: tuple[Annotated[int, Field(ge=0, le=50)], ...] = (1, 1)
    mlp_width: Width = 128
    mlp_blocks: int = Field(3, ge=1, le=50)
    embedding: Size = 128
    conditioning: Literal["adagn", "input_add", "cross_attention"] = "adagn"
    beta_1: float = Field(9.0, gt=0, le=1e4)
    sigma_1: float = Field(0.02, ge=1e-4, lt=1)
    gamma: Gamma = 0.9
    lambda_: Lambda = Field(1.0, alias="lambda")
    beta: float = Field(4.0, gt=0, le=1e6)
    same_time_share: float = Field(0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _same_levels(self) -> "ModelParams":
        if len(self.blocks) != len(self.channels):
            raise ValueError(
                f"blocks {list(self.blocks)} and channels {list(self.channels)} must have a number "
                "for each resolution"
            )
        return self


class TrainParams(_Params):
    """The numbers that define a training."""

    steps: Count = 600
    batch_size: int = Field(128, ge=2, le=1_000_000)
    learning_rate: float = Field(3e-3, gt=0, le=1)
    weight_decay: float = Field(0.01, ge=0, le=10)
    gradient_clip: float = Field(5.0, gt=0, le=1e6)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    evaluations: Count = 8
    precision: Literal["32-true", "bf16-mixed"] = "32-true"
    accumulate: Count = 1
    recompute: bool = False
    compile: bool = False
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Count = 1
    num_nodes: Count = 1
    strategy: Literal["auto", "ddp"] = "auto"
    checkpoint_seconds: float = Field(60.0, ge=0)

    @model_validator(mode="after")
    def _divisible(self) -> "TrainParams":
        parts = self.accumulate * self.devices * self.num_nodes
        if self.batch_size % parts or self.batch_size < 2 * self.accumulate:
            raise ValueError(
                f"batch_size {self.batch_size} must be a multiple of accumulate × devices × "
                f"num_nodes = {parts}, and at least twice accumulate"
            )
        return self


class EvaluateParams(_Params):
    """How runs are measured."""

    examples: int = Field(2000, ge=20, le=10_000_000)
    num_times: Count = 32
    probe_times: Some[Time] = (0.2, 0.5, 1.0)


class QualityParams(_Params):
    """How the runs of a data set are compared."""

    samples: int = Field(1000, ge=260)  # 4 (64 + 1): the extractors have 64 features
    sampling_steps: Count = 30
    extractor_steps: Count = 300
    snr_times: Some[Time] = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
    few_labels: Some[Count] = (10, 100, 1000)
    pairs: int = Field(20, ge=2)
    known_when: Distinct[MethodName] = ("paramrel",)
    code_space: Distinct[MethodName] = ("paramrel", "paramrel_same", "vae", "infodiffusion")
    solvers: Distinct[MethodName] = ("bfn", "paramrel")
    evaluations: Some[Annotated[int, Field(ge=2, le=10_000)]] = (5, 10, 20, 50)


class DisentangleParams(_Params):
    """How codes are compared with known factors."""

    examples: int = Field(2000, ge=200)
    tree_examples: Annotated[int, Field(ge=0)] = 1000
    votes: int = Field(500, ge=100)
    batch: int = Field(32, ge=2)


class GenerateParams(_Params):
    """How images are drawn."""

    sampling_steps: Count = 30
    inversion_steps: Count = 50
    decoding_steps: Count = 20
    progressive_log_snr: Some[LogSNR] = (-4.0, -2.0, -1.0, 0.0, 1.0)
    reconstructed: int = Field(100, ge=2, le=100_000)
    images: int = Field(10, ge=1, le=30)
    prior_steps: Count = 200
    judge_steps: Count = 400
    per_class: int = Field(20, ge=2, le=10_000)
    pairs: int = Field(100, gt=64, le=100_000)


class AblationParams(_Params):
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


class Grid(_Params):
    """Runs: every combination of these; none where nothing is named."""

    datasets: Distinct[DatasetName]
    methods: Distinct[MethodName]
    seeds: Distinct[Seed]


class StudyParams(_Params):
    """All of params.yaml."""

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


def load_params(path: str | Path | None = None) -> StudyParams:
    """Read and check params.yaml, by default the study's.

    Raises ValueError, which says all that is wrong in it, or OSError where it can't be read.
    """
    path = Path(path) if path else study_root() / "params.yaml"
    return _parse(path.read_bytes(), path.name)


def _parse(content: bytes, name: str) -> StudyParams:
    try:
        return StudyParams.model_validate(read_yaml(content.decode("utf-8-sig")))
    except ValidationError as error:
        sentences = [_sentence(fault) for fault in error.errors()]
        more = f"; and {len(sentences) - 5} more" if len(sentences) > 5 else ""
        raise ValueError(f"{name}: {'; '.join(sentences[:5])}{more}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _sentence(fault: dict) -> str:
    """Where a fault stands, what is wrong, and what is allowed."""
    *section, name = fault["loc"] or ("it",)
    place = ".".join(map(str, fault["loc"])) or "the file"
    message = fault["msg"].removeprefix("Value error, ")
    if fault["type"] == "missing":
        return f"{place} is missing"
    if fault["type"] == "value_error" and isinstance(fault["input"], dict):
        return message if not fault["loc"] else f"{place}: {message}"
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


def profiles() -> dict[str, Path]:
    """Return the larger studies that ship with the package, by name."""
    return {path.stem: path for path in sorted((Path(__file__).parent / "profiles").glob("*.yaml"))}


def use_profile(name: str) -> None:
    """Write a profile's numbers over those of params.yaml; comments and all other numbers stay.

    ValueError for an unknown name, or for a profile that does not fit the rest of the file,
    which is then left as it was.
    """
    if name not in profiles():
        raise ValueError(f"there is no profile {name!r}, only {', '.join(profiles())}")
    path, editor = study_root() / "params.yaml", YAML()
    editor.width = 1000
    content = path.read_bytes()
    _parse(content, path.name)
    params = editor.load(content)
    for key, value in editor.load(profiles()[name].read_text(encoding="utf-8")).items():
        if isinstance(value, dict):
            params[key].update(value)
        else:
            params[key] = value
    changed = StringIO()
    editor.dump(params, changed)
    _parse(changed.getvalue().encode(), f"{path.name} with the profile {name}")
    with whole_file(path) as part:
        part.write_text(changed.getvalue(), encoding="utf-8", newline="\n")


def main(words: list[str] | None = None) -> None:
    """Check the study's params.yaml; exit with one sentence for each thing that is wrong."""
    parser = argparse.ArgumentParser(prog="python -m paramrel.params", description=main.__doc__)
    parser.add_argument(
        "--use", metavar="PROFILE", help=f"first use one of {', '.join(profiles())}"
    )
    profile = parser.parse_args(words).use
    try:
        if profile:
            use_profile(profile)
        params = load_params()
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"params.yaml is valid: {len(params.runs)} runs of {params.train.steps} steps")


if __name__ == "__main__":
    main()
