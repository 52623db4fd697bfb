"""What a cut takes of each GPU: weights, KV cache, and what vLLM needs besides, against what it may have.

Everything is bytes. The weights are those of the files; the KV cache is that of one request of the full length, without
which vLLM does not start. What it needs besides is an estimate of this project's own, and therefore a range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from provision.core.sizing import StageSize
from provision.core.wording import GIB
from provision.parallel.architecture import Architecture
from provision.parallel.cut import Cut

#: CUDA's context, the communicators of a stage, buffers for sampling; at most also the recorded CUDA graphs and what
#: the allocator has between its blocks. Estimates.
FIXED = (1 * GIB, 3 * GIB)
#: Of `FIXED`, what goes with `enforce-eager`.
GRAPHS = 1 * GIB
#: Tokens that go through a layer at once, and requests at the same time, unless told otherwise. vLLM chooses by device
#: and use: 2048 to 8192 (vllm/engine/arg_utils.py, `get_batch_defaults`).
BATCHED = (2048, 8192)
REQUESTS = 256


@dataclass(frozen=True)
class Room:
    """A host with GPUs. `memory`: of its smallest GPU; 0: not told."""

    host: str
    gpus: int
    memory: int


@dataclass(frozen=True)
class MemorySettings:
    """What `serve.args` says. `kv_bytes`: of one number in the KV cache. `offloaded`: weights per GPU that stay in the
    host's memory. `batched`, `requests`: None for vLLM's own. `sure`: nothing in there makes the arithmetic a guess."""

    utilization: float
    kv_bytes: int = 2
    eager: bool = False
    offloaded: int = 0
    batched: int | None = None
    requests: int | None = None
    partition: tuple[int, ...] = ()
    sure: bool = True


def layers_of(layers: int, stages: int, partition: Sequence[int] = ()) -> tuple[int, ...]:
    """How many layers each stage has, as vLLM cuts them (`get_pp_indices` in vllm/distributed/utils.py): what is left
    over goes to the stages before the last. `partition`: VLLM_PP_LAYER_PARTITION."""
    if len(partition) == stages and sum(partition) == layers:
        return tuple(partition)
    each, left = divmod(layers, stages)
    return tuple(each + (stages - 1 - left <= stage < stages - 1) for stage in range(stages))


def placed(cut: Cut, rooms: Sequence[Room]) -> list[tuple[Room, ...]] | None:
    """The hosts that each stage may be on; None: too few GPUs. vLLM fills the head first, `rooms[0]`; in which order
    the others is open until it starts: by Ray's ids of the nodes (`get_bundles_sorted_by_node` in
    vllm/v1/executor/ray_utils.py)."""
    slots = [room for room in rooms for _ in range(room.gpus)]
    if len(slots) < cut.gpus:
        return None
    others = tuple(rooms[1:])
    found = []
    for stage in range(cut.pipeline):
        mine = set(slots[stage * cut.tensor : (stage + 1) * cut.tensor])
        found.append((*(room for room in rooms[:1] if room in mine), *(others if mine - {rooms[0]} else ())))
    return found


def sizes(
    model: Architecture, weights: int, cut: Cut, rooms: Sequence[Room], settings: MemorySettings
) -> tuple[StageSize, ...]:
    """Empty where the GPUs are too few, or do not tell their memory."""
    places = placed(cut, rooms)
    if places is None or any(not room.memory for place in places for room in place):
        return ()
    length = cut.length or model.usual_length
    first, last, layers_weigh = _apart(model, weights)
    found: list[StageSize] = []
    begin = 0
    for stage, count in enumerate(layers_of(model.layers, cut.pipeline, settings.partition)):
        mine = range(begin, begin + count)
        begin += count
        held = layers_weigh * sum(model.shares[layer] for layer in mine)
        held += first * (stage == 0 or (model.tied and stage == cut.pipeline - 1))
        held += last * (stage == cut.pipeline - 1)
        least, most = _besides(model, cut, settings, last=stage == cut.pipeline - 1)
        found.append(
            StageSize(
                stage,
                tuple(room.host for room in places[stage]),
                count,
                max(0, int(held / cut.tensor) - settings.offloaded),
                sum(kv_bytes(model, layer, length, cut.tensor, settings) for layer in mine),
                least,
                most,
                int(settings.utilization * min(room.memory for room in places[stage])),
            )
        )
    return tuple(found)


def kv_bytes(model: Architecture, layer: int, tokens: int, tensor: int, settings: MemorySettings) -> int:
    """What a layer keeps of so many tokens on each GPU. Latent attention (MLA) is on all of them the same. A layer with
    a window keeps that and what goes through at once (`SlidingWindowSpec` in vllm/v1/kv_cache_interface.py)."""
    kept = 0.0
    for part in model.caches[layer]:
        counted = min(tokens, part.window + (settings.batched or BATCHED[1])) if part.window else tokens
        numbers = part.latent or 2 * max(1, part.kv_heads // tensor) * part.head_dim
        kept += (numbers * settings.kv_bytes + part.beside) * counted / part.every
    return math.ceil(kept)


def _apart(model: Architecture, weights: int) -> tuple[float, float, float]:
    """Bytes of the table of tokens, of the output matrix, and of all layers. Both matrices are seldom quantised."""
    matrix = float(model.vocabulary * model.hidden * (2 if model.quantized else min(2, model.stored_bytes)))
    matrix = min(matrix, weights / 4)
    last = 0.0 if model.tied else matrix
    return matrix, last, weights - matrix - last


def _besides(model: Architecture, cut: Cut, settings: MemorySettings, *, last: bool) -> tuple[int, int]:
    least, most = FIXED
    most -= GRAPHS * settings.eager
    few, many = (settings.batched, settings.batched) if settings.batched else BATCHED
    inner = 2 * (model.intermediate or 4 * model.hidden) // cut.tensor + 4 * model.hidden
    logits = (settings.requests or REQUESTS) * model.vocabulary * 4 * last
    return least + few * inner * 2, most + many * inner * 2 + 2 * logits
