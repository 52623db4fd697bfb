"""What vLLM says to a cut before it loads anything: its own refusals, with its own reasons, known beforehand.

Source: vllm 0.32.0, `verify_with_parallel_config` and `_get_and_verify_max_len` in vllm/config/model.py,
`QKVParallelLinear` in vllm/model_executor/layers/linear.py, vllm/model_executor/models/registry.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from packaging.version import InvalidVersion, Version

from provision.core.values import dataclass
from provision.parallel.architecture import Architecture
from provision.parallel.equal_parts import left_over, shares_tower
from provision.parallel.fp8_blocks import SHARED
from provision.parallel.registry import PLUGINS, WITHOUT_STAGES, covers, knows, removed_before


@dataclass(frozen=True)
class Cut:
    """`length`: `max-model-len`, None for what the model says itself. `any_length`: vLLM was told not to mind. `data`:
    replicas of one server; `experts`: whether experts are divided among all their GPUs (expert parallel); `context`:
    GPUs that share a prompt's tokens (`prefill-context-parallel-size`); `decode`: ones of a stage that share its KV
    cache (`decode-context-parallel-size`). `balanced`: whether vLLM moves experts while it serves (`enable-eplb`), for
    which it keeps so many more of them (`redundant`). `whole_tower`: what sees images is on every GPU whole, or is
    left out."""

    tensor: int
    pipeline: int
    length: int | None = None
    any_length: bool = False
    data: int = 1
    experts: bool = False
    context: int = 1
    decode: int = 1
    balanced: bool = False
    redundant: int = 0
    whole_tower: bool = False

    @property
    def gpus(self) -> int:
        return self.tensor * self.pipeline * self.data * self.context

    def __str__(self) -> str:
        further = (("data_parallel", self.data), ("prefill_context_parallel", self.context))
        said = [f"tensor_parallel {self.tensor}", f"pipeline_parallel {self.pipeline}"]
        return " × ".join([*said, *(f"{name} {degree}" for name, degree in further if degree > 1)])


#: Kinds of refusals with which no other number of the cut means anything.
IMPOSSIBLE = ("heads", "parts", "blocks", "stages")


@dataclass(frozen=True)
class Refusal:
    """`kind`: `architecture`, `heads`, `parts`, `blocks`, `experts`, `context`, `stages` or `length`. `said`: what is
    wrong; `hint`: what would be right."""

    kind: str
    said: str
    hint: str


#: More GPUs than anybody has; heads beyond that are a mistake of the config.
MOST = 4096


def refusals(model: Architecture, cut: Cut, vllm: str = "") -> list[Refusal]:
    """`vllm`: the version that is to serve it; what only holds for one version is judged for that one alone."""
    cut = cut if shares_tower(vllm) else replace(cut, whole_tower=True)
    return [
        *_architecture(model, vllm),
        *_heads(model, cut),
        *_parts(model, cut),
        *_blocks(model, cut),
        *_experts(model, cut),
        *_decode(model, cut),
        *_stages(model, cut, vllm),
        *_length(model, cut, vllm),
    ]


def divides(model: Architecture, tensor: int) -> bool:
    """Whether vLLM can give each of so many GPUs its heads. KV heads that are fewer than GPUs are repeated; of latent
    ones (MLA) every GPU has them all. True also where it is not known how many heads there are."""
    if not model.heads:
        return True
    shared = model.kv_heads if not model.latent else 0
    fits = not shared or not (tensor % shared if tensor >= shared else shared % tensor)
    return model.heads % tensor == 0 and fits


def _architecture(model: Architecture, vllm: str) -> Iterator[Refusal]:
    if not model.names or any(knows(vllm, name) for name in model.names):
        return
    plugin = next((PLUGINS[name] for name in model.names if name in PLUGINS), "")
    last = next((found for name in model.names if (found := removed_before(name, vllm))), "")
    said = f"unsupported architecture: vLLM {vllm} does not know {model.name}"
    if plugin and covers(vllm):
        yield Refusal("architecture", f"{said} without a plugin", f"add the plugin to `python.packages`: {plugin}")
    elif last:
        yield Refusal("architecture", f"{said}, {last} was the last that did", f"pin `vllm=={last}`, or an older one")
    elif covers(vllm):
        yield Refusal("architecture", said, "choose another model, or a vLLM that lists it among its supported models")


def _heads(model: Architecture, cut: Cut) -> Iterator[Refusal]:
    if divides(model, cut.tensor):
        return
    if model.heads % cut.tensor:
        said = f"its {model.heads} attention heads cannot be divided among tensor_parallel {cut.tensor}"
    else:
        said = f"its {model.kv_heads} KV heads can neither be divided among tensor_parallel {cut.tensor} nor repeated"
    yield Refusal("heads", said, f"choose `serve.tensor_parallel` from {_fitting(model, cut, model.heads)}")


def _parts(model: Architecture, cut: Cut) -> Iterator[Refusal]:
    found = _left_over(model, cut, cut.tensor)
    if found is None or not divides(model, cut.tensor):
        return
    what, among = found
    fitting = _fitting(model, cut, model.heads or among)
    said = f"its {what} cannot be divided among {among} GPUs"
    hint = f"choose `serve.tensor_parallel` from {fitting}" if fitting else "choose another `data-parallel-size`"
    if what.startswith("expert size"):
        hint += ", or set `enable-expert-parallel: true` in `serve.args`, which leaves experts whole"
    if what.endswith("vision part"):
        hint += ", or set `mm-encoder-tp-mode: data` in `serve.args`, with which each GPU has that part whole"
    yield Refusal("parts", said, hint)


def _fitting(model: Architecture, cut: Cut, most: int) -> str:
    """The degrees that would do, with all else as it is."""
    tried = (tensor for tensor in range(1, min(most, MOST) + 1) if divides(model, tensor))
    return ", ".join(str(tensor) for tensor in tried if not _left_over(model, cut, tensor))


def _left_over(model: Architecture, cut: Cut, tensor: int) -> tuple[str, int] | None:
    experts = 1 if cut.experts else tensor * cut.data * cut.context
    return left_over(model, tensor, experts, 1 if cut.whole_tower else tensor)


def _blocks(model: Architecture, cut: Cut) -> Iterator[Refusal]:
    """Each GPU's part of an FP8 weight must be whole blocks."""
    wrong = blocks_cut(model, cut, cut.tensor) if divides(model, cut.tensor) else None
    if not wrong:
        return
    what, part = wrong
    tried = (tensor for tensor in range(1, cut.tensor) if divides(model, tensor) and not _left_over(model, cut, tensor))
    fitting = ", ".join(str(tensor) for tensor in tried if not blocks_cut(model, cut, tensor))
    said = f"tensor_parallel {cut.tensor} gives each GPU {part} of its {what}, which is not whole FP8 blocks of "
    said += str(model.block[1])
    yield Refusal("blocks", said, f"choose `serve.tensor_parallel` from {fitting}, and more stages")


def blocks_cut(model: Architecture, cut: Cut, tensor: int) -> tuple[str, int] | None:
    """What of an FP8 weight tensor parallel would split inside a block: its name, the part of each GPU."""
    columns = model.block[1]
    if tensor == 1 or not columns:
        return None
    # Each GPU has shared experts whole then (`use_sequence_parallel_moe` in vllm/config/parallel.py).
    whole = cut.experts and cut.data > 1
    # Rounded up: a size that is not divided evenly is no whole number of blocks either.
    parts = ((what, -(-size // tensor)) for what, size in model.blocks if not (whole and what == SHARED))
    return next(((what, part) for what, part in parts if part % columns), None)


def _experts(model: Architecture, cut: Cut) -> Iterator[Refusal]:
    # The class of a dense Nemotron-H's config says that it has experts, and that is what vLLM asks.
    if cut.experts and not model.experts and not model.not_modelled and model.model_type != "nemotron_h":
        said = "it has no experts, and enable-expert-parallel divides them"
        yield Refusal("experts", said, "remove `enable-expert-parallel` from `serve.args`")
    # `_validate_parallel_config` in vllm/config/parallel.py
    if cut.balanced and not cut.experts:
        said = "enable-eplb balances experts that are divided among GPUs, and they are not"
        yield Refusal("experts", said, "set `enable-expert-parallel: true` in `serve.args`, or remove `enable-eplb`")
    elif cut.balanced and cut.tensor * cut.data * cut.context == 1:
        yield Refusal("experts", "enable-eplb wants more than one GPU in a stage", "remove `enable-eplb`")
    elif cut.redundant and not cut.balanced:
        said = f"{cut.redundant} redundant experts are for enable-eplb, which is not set"
        yield Refusal("experts", said, "set `enable-eplb: true` in `serve.args`, or remove `num_redundant_experts`")


def _decode(model: Architecture, cut: Cut) -> Iterator[Refusal]:
    """`verify_with_parallel_config` in vllm/config/model.py, and vllm/config/parallel.py."""
    if cut.decode == 1:
        return
    hint = "remove `decode-context-parallel-size` from `serve.args`, or choose one that vLLM takes"
    if cut.tensor % cut.decode:
        said = f"decode-context-parallel-size {cut.decode} does not divide tensor_parallel {cut.tensor}"
        yield Refusal("context", said, hint)
    elif not model.latent and model.kv_heads:
        most = cut.tensor // model.kv_heads
        group = model.heads // model.kv_heads
        if most < 2:
            said = f"decode-context-parallel-size wants tensor_parallel above its {model.kv_heads} KV heads"
            yield Refusal("context", said, hint)
        elif cut.decode > most:
            said = f"decode-context-parallel-size {cut.decode} is more than {most}, tensor_parallel ÷ its KV heads"
            yield Refusal("context", said, hint)
        elif group % cut.decode:
            said = f"decode-context-parallel-size {cut.decode} does not divide its {group} heads per KV head"
            yield Refusal("context", said, hint)


def _stages(model: Architecture, cut: Cut, vllm: str) -> Iterator[Refusal]:
    if cut.pipeline > 1 and covers(vllm) and any(name in WITHOUT_STAGES for name in model.names):
        said = f"vLLM {vllm} cannot cut {model.name} into stages"
        yield Refusal("stages", said, "set `serve.pipeline_parallel` to 1, and take GPUs by `serve.tensor_parallel`")


#: From this version on a model's length is not multiplied by the factor of YaRN: its own number holds that already.
YARN_COUNTS_NO_MORE = Version("0.30.0")


def longest(model: Architecture, vllm: str) -> float | None:
    """The most tokens that this vLLM takes without being told to; None where the model does not say."""
    if model.length is None or model.yarn == 1.0:
        return model.length
    try:
        older = Version(vllm) < YARN_COUNTS_NO_MORE
    except InvalidVersion:
        older = False
    return model.length * model.yarn if older else model.length


def _length(model: Architecture, cut: Cut, vllm: str) -> Iterator[Refusal]:
    length = longest(model, vllm)
    if cut.length is None or cut.any_length or length is None or cut.length <= length:
        return
    if model.longer is None or cut.length > model.longer:
        said = f"max-model-len {cut.length} is more than the model's {model.length_key} of {length:.0f}"
        yield Refusal("length", said, f"set `serve.args.max-model-len` to {length:.0f} or less")
