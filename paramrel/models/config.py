"""The numbers that define a model, and what all parameters are checked for."""

from collections.abc import Collection
from difflib import get_close_matches
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

from paramrel.models.methods import METHODS
from paramrel.networks.conditioning import CONDITIONING

T = TypeVar("T")


MENTIONED = 15  # names in a message, at most


def one_of(allowed: Collection[str]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in allowed:
            nearest = "".join(f"; did you mean {n!r}?" for n in get_close_matches(name, allowed, 1))
            listed = ", ".join([*allowed][:MENTIONED])
            more = len(allowed) - MENTIONED
            listed += f" and {more} more" if more > 0 else ""
            raise ValueError(f"not one of {listed}{nearest}")
        return name

    return AfterValidator(check)


def distinct(values: tuple[T, ...]) -> tuple[T, ...]:
    if len(set(values)) < len(values):
        raise ValueError("a value stands there twice")
    return values


Distinct = Annotated[tuple[T, ...], Field(max_length=100), AfterValidator(distinct)]


Some = Annotated[Distinct[T], Field(min_length=1)]


MethodName = Annotated[str, one_of(METHODS)]


Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy takes


Count = Annotated[int, Field(ge=1, le=10_000_000)]


Size = Annotated[int, Field(ge=1, le=4096)]


Width = Annotated[int, Field(ge=8, le=4096, multiple_of=8)]  # a group norm has 8 channels a group


Time = Annotated[float, Field(gt=0, le=1)]


LogSNR = Annotated[float, Field(ge=-20, le=20)]


Gamma = Annotated[float, Field(ge=0, le=1)]


Lambda = Annotated[float, Field(ge=0, le=1e6)]


class Params(BaseModel):
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


class ModelParams(Params):
    """The numbers that define a model; params.yaml says what each is.

    backbone: the kind of networks; "auto" is a U-Net for images (C, H, W) and an MLP for all other
    data. A transformer, of mlp_width and mlp_blocks, takes any data, and is only asked for by name.

    training_times: "uniform" makes the data term an estimate of L_∞; "log_snr" weighs the noisy
    times more, where a code matters. Bounds are measured over uniform times in any case.

    >>> ModelParams(code_dim=32).sigma_1
    0.02
    """

    code_dim: Size = 10
    backbone: Literal["auto", "unet", "mlp", "transformer"] = "auto"
    channels: Annotated[tuple[Width, ...], Field(min_length=1, max_length=8)] = (16, 32)
    blocks: tuple[Annotated[int, Field(ge=0, le=50)], ...] = (1, 1)
    mlp_width: Width = 128
    mlp_blocks: int = Field(3, ge=1, le=50)
    embedding: Size = 128
    conditioning: Annotated[str, one_of(CONDITIONING)] = "adagn"
    beta_1: float = Field(9.0, gt=0, le=1e4)
    sigma_1: float = Field(0.02, ge=1e-4, lt=1)
    gamma: Gamma = 0.9
    lambda_: Lambda = Field(1.0, alias="lambda")
    kernel: Literal["scaled", "released"] = "scaled"
    beta: float = Field(4.0, gt=0, le=1e6)
    same_time_share: float = Field(0.1, ge=0, le=1)
    residual: bool = True
    training_times: Literal["uniform", "log_snr"] = "uniform"

    @model_validator(mode="after")
    def _same_levels(self) -> "ModelParams":
        if len(self.blocks) != len(self.channels):
            raise ValueError(
                f"blocks {list(self.blocks)} and channels {list(self.channels)} must have a number "
                "for each resolution"
            )
        return self


def faults(error: ValidationError) -> str:
    """Return what is wrong with parameters, each in one sentence."""
    found = error.errors()
    places = [".".join(map(str, fault["loc"])) for fault in found]
    return "; ".join(
        f"{place} = {fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}"
        for place, fault in zip(places, found, strict=True)
    )
