"""What a cut of the model takes of each GPU, as numbers that are judged and shown. Everything is bytes."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from provision.core.values import dataclass

Verdict = Literal["fits", "close", "too small"]


@dataclass(frozen=True)
class StageSize:
    """Per GPU. `hosts`: where it may come to lie. `least` and `most`: what is needed besides weights and KV cache.
    `allowed`: what the server may take of the smallest GPU of these (`gpu-memory-utilization`)."""

    stage: int
    hosts: tuple[str, ...]
    layers: int
    weights: int
    kv: int
    least: int
    most: int
    allowed: int

    @property
    def free(self) -> int:
        """At least; below 0 for what is missing."""
        return self.allowed - self.weights - self.kv - self.most

    @property
    def free_at_best(self) -> int:
        return self.allowed - self.weights - self.kv - self.least

    @property
    def verdict(self) -> Verdict:
        if self.free >= 0:
            return "fits"
        return "close" if self.free_at_best >= 0 else "too small"


@dataclass(frozen=True)
class Sizing:
    """`source`: where the numbers of the model are from. `why`: how `auto` came to this cut, empty where none was asked
    for. `length`: tokens of one request. `weights`: of the whole model. `alternatives`: what would fit instead."""

    model: str
    source: str
    tensor_parallel: int
    pipeline_parallel: int
    length: int
    weights: int
    utilization: float
    stages: tuple[StageSize, ...]
    why: str = ""
    alternatives: tuple[str, ...] = field(default=())

    @property
    def verdict(self) -> Verdict:
        """Of the stage that fits worst."""
        return max((stage.verdict for stage in self.stages), key=("fits", "close", "too small").index)
