"""What would fit where a cut does not: another one, a shorter length, fewer bits, more hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from provision.core.sizing import StageSize
from provision.core.wording import GIB
from provision.parallel.architecture import Architecture
from provision.parallel.choose import inside
from provision.parallel.cut import Cut
from provision.parallel.size import MemorySettings, Room, sizes

#: No shorter ones are offered: hardly a prompt fits in.
SHORTEST = 1024
#: As many hosts more are tried.
MORE_HOSTS = 32


def alternatives(
    model: Architecture,
    weights: int,
    cut: Cut,
    rooms: Sequence[Room],
    settings: MemorySettings,
    accepts: Callable[[Cut], bool],
) -> tuple[str, ...]:
    """Each by itself is enough; those that cost least first."""

    def fit(tried: Cut, bytes_: int = weights, where: Sequence[Room] = rooms, how: MemorySettings = settings) -> bool:
        found = sizes(model, bytes_, tried, where, how)
        return bool(found) and accepts(tried) and all(stage.verdict == "fits" for stage in found)

    others = tuple(_other_cuts(model, cut, [room.gpus for room in rooms], fit))
    return (
        *others,
        *_shorter(model, cut, fit),
        *_cache(settings, cut, fit),
        *_bits(model, weights, cut, fit),
        *(() if others else _hosts(model, cut, rooms, fit)),
    )


def fewer(
    model: Architecture,
    weights: int,
    cut: Cut,
    rooms: Sequence[Room],
    settings: MemorySettings,
    accepts: Callable[[Cut], bool],
) -> tuple[str, ...]:
    """What half of the GPUs or less would do on one host; the others could serve replicas. Empty if all are needed."""
    most = max((room.gpus for room in rooms), default=0)
    for gpus in range(1, min(most, cut.gpus // 2) + 1):
        for tensor in range(gpus, 0, -1):
            if gpus % tensor or gpus // tensor > model.layers:
                continue
            tried = replace(cut, tensor=tensor, pipeline=gpus // tensor, data=1, context=1, decode=1, experts=False)
            found = sizes(model, weights, tried, rooms, settings)
            if found and accepts(tried) and all(stage.verdict == "fits" for stage in found):
                replicas = cut.gpus // gpus
                enough = "1 GPU is enough" if gpus == 1 else f"{gpus} GPUs of one host are enough"
                return (
                    f"{enough} (`serve.tensor_parallel: {tensor}`, `serve.pipeline_parallel: {gpus // tensor}`); "
                    f"`data-parallel-size: {replicas}` in `serve.args` serves as many replicas with all of them",
                )
    return ()


Fits = Callable[..., bool]


def _other_cuts(model: Architecture, cut: Cut, gpus: Sequence[int], fit: Fits) -> Iterator[str]:
    """With the fewest stages, each inside a host if there is such a one."""
    total = sum(gpus)
    cuts = [
        replace(cut, tensor=tensor, pipeline=pipeline)
        for pipeline in range(1, min(model.layers, total) + 1)
        for tensor in range(total // pipeline, 0, -1)
    ]
    cuts.sort(key=lambda other: not inside(other, gpus))
    if found := next((other for other in cuts if other != cut and fit(other)), None):
        yield f"`serve.tensor_parallel: {found.tensor}` with `serve.pipeline_parallel: {found.pipeline}`"


def _shorter(model: Architecture, cut: Cut, fit: Fits) -> Iterator[str]:
    """In steps of 1024 tokens."""
    low, high = 0, (cut.length or model.usual_length) // SHORTEST
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fit(replace(cut, length=middle * SHORTEST)) else (low, middle - 1)
    if low and low * SHORTEST < (cut.length or model.usual_length):
        yield f"`serve.args.max-model-len: {low * SHORTEST}`"


def _cache(settings: MemorySettings, cut: Cut, fit: Fits) -> Iterator[str]:
    if settings.kv_bytes > 1 and fit(cut, how=replace(settings, kv_bytes=1)):
        yield "`serve.args.kv-cache-dtype: fp8`, half the KV cache"


def _bits(model: Architecture, weights: int, cut: Cut, fit: Fits) -> Iterator[str]:
    if model.quantized:
        return
    for bits in (8, 4):
        fewer = weights * bits // 16
        if fit(cut, fewer):
            yield f"the model in {bits} bits, {fewer / GIB:.1f} instead of {weights / GIB:.1f} GiB"
            return


def _hosts(model: Architecture, cut: Cut, rooms: Sequence[Room], fit: Fits) -> Iterator[str]:
    """Hosts like the last one, each with as many stages as it has room for."""
    like = rooms[-1]
    stages = like.gpus // cut.tensor
    for more in range(1, MORE_HOSTS + 1) if stages else ():
        wider = replace(cut, pipeline=cut.pipeline + more * stages)
        if wider.pipeline <= model.layers and fit(wider, where=[*rooms, *[like] * more]):
            many = "1 more host" if more == 1 else f"{more} more hosts"
            yield f"{many} like {like.host}, with `serve.pipeline_parallel: {wider.pipeline}`"
            return


def shortfall(stages: Sequence[StageSize]) -> StageSize:
    """The stage with the least left."""
    return min(stages, key=lambda stage: stage.free)
