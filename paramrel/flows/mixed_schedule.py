"""Accuracies of records of several fields."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from .flow import Flow

Fields = dict[str, Tensor]


@dataclass(frozen=True)
class MixedSchedule:
    """The accuracies of every field at the time that they share."""

    flows: Mapping[str, Flow]

    def beta(self, t: float | Tensor) -> Fields:
        return {name: flow.schedule.beta(t) for name, flow in self.flows.items()}

    def alpha(self, t: float | Tensor) -> Fields:
        return {name: flow.schedule.alpha(t) for name, flow in self.flows.items()}

    def alpha_step(self, i: int | Tensor, n: int) -> Fields:
        return {name: flow.schedule.alpha_step(i, n) for name, flow in self.flows.items()}
