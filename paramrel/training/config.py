"""The numbers that define a training."""

from typing import Literal

from pydantic import Field, model_validator

from paramrel.models.config import Count, Params


class TrainParams(Params):
    """The numbers that define a training; params.yaml says what each is.

    >>> TrainParams(steps=2000).batch_size
    128
    """

    steps: Count = 600
    batch_size: int = Field(128, ge=2, le=1_000_000)
    optimizer: Literal["muon", "adamw"] = "muon"
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
