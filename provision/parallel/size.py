"""What a cut takes of each GPU: weights, KV cache, and what vLLM needs besides, against what it may have.

Everything is bytes. The weights are those of the files; the KV cache is that of one request of the full length, without
which vLLM does not start. What it needs besides is an estimate of this project's own, and therefore a range.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from provision.core.sizing import StageSize
from provision.core.values import dataclass
from provision.core.wording import GIB
from provision.parallel.architecture import Architecture
from provision.parallel.cut import Cut
from provision.parallel.matrices import has_output, has_table

#: CUDA's context, the communicators of a stage, buffers for sampling; at most also the recorded CUDA graphs and what
#: the allocator has between its blocks. Estimates.
FIXED = (1 * GIB, 3 * GIB)
#: Of `FIXED`, what goes with `enforce-eager`.
GRAPHS = 1 * GIB
#: Tokens that go through a layer at once, and requests at the same time, unless told otherwise, by a GPU's memory from
#: so many bytes on (vllm/engine/arg_utils.py, `get_batch_defaults`). An A100 has those of the smallest whatever its
#: memory, so that these are the least everywhere.
BY_MEMORY = ((160 * GIB, 16384, 1024), (70 * GIB, 8192, 1024), (0, 2048, 256))
LEAST = BY_MEMORY[-1]
#: Bytes of smaller and larger cards that programs do not get. See `visible`.
DRIVER_KEEPS = (GIB * 45 // 100, GIB * 68 // 100)


@dataclass(frozen=True)
class Room:
    """A host with GPUs. `memory`: of its smallest GPU; 0: not told."""

    host: str
    gpus: int
    memory: int


@dataclass(frozen=True)
class MemorySettings:
    """What `serve.args` says. `kv_bytes`: of one number in the KV cache,
    where the model does not say (`any_cache`). `offloaded`: weights per GPU that stay in the
    host's memory. `batched`, `requests`: None for vLLM's own. `sure`: nothing in there makes the arithmetic a guess."""

    utilization: float
    kv_bytes: int = 2
    eager: bool = False
    offloaded: int = 0
    batched: int | None = None
    requests: int | None = None
    partition: tuple[int, ...] = ()
    sure: bool = True
    any_cache: bool = False


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
    each, stages = cut.tensor * cut.context, cut.pipeline * cut.data  # replica by replica, stage by stage
    for stage in range(cut.pipeline):
        begins = range(stage * each, stages * each, cut.pipeline * each)
        mine = {slot for begin in begins for slot in slots[begin : begin + each]}
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
    whole = min(model.whole, layers_weigh / 2)
    layers_weigh -= whole
    found: list[StageSize] = []
    begin = 0
    for stage, count in enumerate(layers_of(model.layers, cut.pipeline, settings.partition)):
        mine = range(begin, begin + count)
        begin += count
        held = layers_weigh * sum(model.shares[layer] for layer in mine)
        held += first * has_table(model.names, stage, cut.pipeline, tied=model.tied)
        held += last * has_output(model.names, stage, cut.pipeline)
        memory = min(visible(room.memory) for room in places[stage])
        how = _usual(model, settings, memory)
        least, most = _besides(model, cut, settings, how, last=stage == cut.pipeline - 1)
        keeps = [_kept(model, mine, -(-length // cut.decode), cut, *flying) for flying in _flying(settings, how, cut)]
        found.append(
            StageSize(
                stage,
                tuple(room.host for room in places[stage]),
                count,
                max(0, int(_divided(model, held, cut) + whole) - settings.offloaded),
                keeps[1],
                max(0, least - (keeps[1] - keeps[0])),
                most + keeps[2] - keeps[1],
                int(settings.utilization * memory),
            )
        )
    return tuple(found)


def _divided(model: Architecture, held: float, cut: Cut) -> float:
    """Of a stage's weights what each GPU has. Experts are divided among the GPUs of all replicas: whole ones with
    expert parallel, parts of each without (`FusedMoEParallelConfig.make` in vllm/model_executor/layers/fused_moe)."""
    experts = held * model.expert_share
    more = 1 + cut.redundant / model.experts if model.experts else 1
    return (held - experts) / cut.tensor + experts * more / (cut.tensor * cut.data * cut.context)


def visible(memory: int) -> int:
    """Of what nvidia-smi shows, what CUDA gives programs: the driver keeps some (`torch.cuda.mem_get_info`). Measured
    on cards from T4 to B200: 0.4 to 0.5 GiB below 40 GiB, 0.55 to 0.75 above."""
    return max(0, memory - (DRIVER_KEEPS[1] if memory >= 39 * GIB else DRIVER_KEEPS[0]))


def _flying(said: MemorySettings, usual: MemorySettings, cut: Cut) -> tuple[tuple[MemorySettings, int], ...]:
    """With how many batches on their way a layer with a window is to be counted: at least, usually, and at most. Each
    stage has one, and vLLM prepares the next besides, unless told otherwise or an older version (`max_in_flight_tokens`
    and `max_concurrent_batches` in vllm/config/vllm.py)."""
    least = replace(usual, batched=said.batched or min(LEAST[1], usual.batched or LEAST[1]))
    return (least, 1), (usual, cut.pipeline), (usual, cut.pipeline + 1)


def _kept(
    model: Architecture, layers: Sequence[int], tokens: int, cut: Cut, settings: MemorySettings, flying: int
) -> int:
    return sum(kv_bytes(model, layer, tokens, cut.tensor, settings, flying) for layer in layers)


def kv_bytes(
    model: Architecture, layer: int, tokens: int, tensor: int, settings: MemorySettings, flying: int = 1
) -> int:
    """What a layer keeps of so many tokens on each GPU. Latent attention (MLA) is on all of them the same. A layer with
    a window keeps that and `flying` batches on their way (`SlidingWindowSpec` in vllm/v1/kv_cache_interface.py)."""
    kept, at_once = 0.0, settings.batched or LEAST[1]
    each = 1 if settings.any_cache and model.cache_8bit else settings.kv_bytes
    for part in model.caches[layer]:
        counted = tokens
        if part.window:
            counted = min(tokens, part.window + at_once * flying)
        elif part.encoder:  # as much room as for what goes through at once (`CrossAttentionSpec`)
            counted = max(part.encoder, at_once)
        kept += (part.numbers(tensor) * each + part.beside) * counted / part.every
    return math.ceil(kept)


def _apart(model: Architecture, weights: int) -> tuple[float, float, float]:
    """Bytes of the table of tokens, of the output matrix, and of all layers. Both matrices are seldom quantised."""
    matrix = float(model.vocabulary * model.hidden * (2 if model.quantized else min(2, model.stored_bytes)))
    matrix = min(matrix, weights / 4)
    last = 0.0 if model.tied else matrix
    return matrix, last, weights - matrix - last


#: Memory from which a card of NVIDIA's is a Blackwell (SM10x).
BLACKWELL = 160 * GIB


def _usual(model: Architecture, settings: MemorySettings, memory: int) -> MemorySettings:
    """With vLLM's own numbers where nothing was said. On Blackwell it keeps the cache of GLM-5 in 8 bits
    (`GlmMoeDsaForCausalLM` in vllm/model_executor/models/config.py, 0.32.0)."""
    tokens, requests = next((tokens, requests) for least, tokens, requests in BY_MEMORY if memory >= least)
    if settings.any_cache and memory >= BLACKWELL and "GlmMoeDsaForCausalLM" in model.names:
        settings = replace(settings, kv_bytes=1)
    return replace(settings, batched=settings.batched or tokens, requests=settings.requests or requests)


def _besides(
    model: Architecture, cut: Cut, said: MemorySettings, usual: MemorySettings, *, last: bool
) -> tuple[int, int]:
    least, most = FIXED
    most -= GRAPHS * said.eager
    inner = 2 * (model.intermediate or 4 * model.hidden) // cut.tensor + 4 * model.hidden
    logits = (usual.requests or LEAST[2]) * model.vocabulary * 4 * last
    few, many = said.batched or LEAST[1], usual.batched or LEAST[1]
    return least + few * inner * 2, most + many * inner * 2 + 2 * logits
