"""What loads the weights, and what it needs: a loader that is not vLLM's own is a package that vLLM does not bring."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from provision.cluster.cluster import Cluster
from provision.core.finding import Against, Finding, Severity
from provision.environment.lockfile import UNLOCKED


class Loader(NamedTuple):
    """`package`: that it needs; `asked`: as python.packages asks for it; `source`: where that is said."""

    package: str
    asked: str
    source: str


_RUNAI = Loader(
    "runai-model-streamer", "vllm[runai]", "https://docs.vllm.ai/en/stable/models/extensions/runai_model_streamer/"
)

#: By the value of `load-format`.
LOADERS: Mapping[str, Loader] = {
    "runai_streamer": _RUNAI,
    "runai_streamer_sharded": _RUNAI,
    "tensorizer": Loader(
        "tensorizer", "vllm[tensorizer]", "https://docs.vllm.ai/en/stable/models/extensions/tensorizer/"
    ),
    "fastsafetensors": Loader(
        "fastsafetensors", "fastsafetensors", "https://docs.vllm.ai/en/stable/models/extensions/fastsafetensor/"
    ),
}


def of_loaders(cluster: Cluster) -> Iterator[Finding]:
    """Only where it is known what is installed: an image, and an environment of somebody's own, may have it."""
    serve, lock = cluster.inventory.serve, cluster.lock
    if serve is None or lock.digest == UNLOCKED or lock.stale:
        return
    for name, value in serve.args.items():
        loader = LOADERS.get(str(value)) if name.replace("_", "-") == "load-format" else None
        if loader is not None and loader.package not in lock.packages:
            yield Finding(
                "",
                "compatibility",
                "loader",
                Severity.BLOCKS,
                "not in the environment",
                loader.package,
                Against.POSSIBLE,
                why="vLLM would build up its ranks, and end when it comes to the weights",
                hint=f"put `{loader.asked}` into `python.packages`, or leave `load-format` out of serve.args",
                evidence=(f"load-format {value}: {loader.source}",),
                said=f"`load-format: {value}` needs the package {loader.package}",
            )
