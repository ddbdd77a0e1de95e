"""The numbers that say how runs are measured."""

from typing import Annotated

from pydantic import Field

from paramrel.models.config import Count, Distinct, LogSNR, MethodName, Params, Some, Time


class EvaluateParams(Params):
    """How runs are measured.

    >>> EvaluateParams(examples=500).num_times
    32
    """

    examples: int = Field(2000, ge=20, le=10_000_000)
    num_times: Count = 32
    probe_times: Some[Time] = (0.2, 0.5, 1.0)


class QualityParams(Params):
    """How the runs of a data set are compared."""

    samples: int = Field(1000, ge=260)  # 4 (64 + 1): the extractors have 64 features
    sampling_steps: Count = 30
    prior_steps: Count = 600
    extractor_steps: Count = 300
    snr_times: Some[Time] = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0)
    few_labels: Some[Count] = (10, 100, 1000)
    pairs: int = Field(20, ge=2)
    known_when: Distinct[MethodName] = ("paramrel",)
    code_space: Distinct[MethodName] = ("paramrel", "paramrel_same", "vae", "infodiffusion")
    solvers: Distinct[MethodName] = ("bfn", "paramrel")
    evaluations: Some[Annotated[int, Field(ge=2, le=10_000)]] = (5, 10, 20, 50)


class DisentangleParams(Params):
    """How codes are compared with known factors."""

    examples: int = Field(2000, ge=200)
    tree_examples: Annotated[int, Field(ge=0)] = 1000
    votes: int = Field(500, ge=100)
    batch: int = Field(32, ge=2)


class GenerateParams(Params):
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
