"""What vLLM says to a cut before it loads anything: its own refusals, with its own reasons, known beforehand.

Source: vllm 0.32.0, `verify_with_parallel_config` and `_get_and_verify_max_len` in vllm/config/model.py,
`QKVParallelLinear` in vllm/model_executor/layers/linear.py, vllm/model_executor/models/registry.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from provision.parallel.architecture import Architecture
from provision.parallel.registry import PLUGINS, WITHOUT_STAGES, covers, knows, removed_before


@dataclass(frozen=True)
class Cut:
    """`length`: `max-model-len`, None for what the model says itself. `any_length`: vLLM was told not to mind."""

    tensor: int
    pipeline: int
    length: int | None = None
    any_length: bool = False

    @property
    def gpus(self) -> int:
        return self.tensor * self.pipeline

    def __str__(self) -> str:
        return f"tensor_parallel {self.tensor} × pipeline_parallel {self.pipeline}"


@dataclass(frozen=True)
class Refusal:
    """`kind`: `architecture`, `heads`, `stages` or `length`. `said`: what is wrong; `hint`: what would be right."""

    kind: str
    said: str
    hint: str


def refusals(model: Architecture, cut: Cut, vllm: str = "") -> list[Refusal]:
    """`vllm`: the version that is to serve it; what only holds for one version is judged for that one alone."""
    return [*_architecture(model, vllm), *_heads(model, cut), *_stages(model, cut, vllm), *_length(model, cut)]


def divides(model: Architecture, tensor: int) -> bool:
    """Whether vLLM can give each of so many GPUs its heads. KV heads that are fewer than GPUs are repeated; of latent
    ones (MLA) every GPU has them all."""
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
    fitting = ", ".join(str(tensor) for tensor in range(1, model.heads + 1) if divides(model, tensor))
    yield Refusal("heads", said, f"choose `serve.tensor_parallel` from {fitting}")


def _stages(model: Architecture, cut: Cut, vllm: str) -> Iterator[Refusal]:
    if cut.pipeline > 1 and covers(vllm) and any(name in WITHOUT_STAGES for name in model.names):
        said = f"vLLM {vllm} cannot cut {model.name} into stages"
        yield Refusal("stages", said, "set `serve.pipeline_parallel` to 1, and take GPUs by `serve.tensor_parallel`")


def _length(model: Architecture, cut: Cut) -> Iterator[Refusal]:
    if cut.length is None or cut.any_length or model.length is None or cut.length <= model.length:
        return
    if model.longer is None or cut.length > model.longer:
        said = f"max-model-len {cut.length} is more than the model's {model.length_key} of {model.length:.0f}"
        yield Refusal("length", said, f"set `serve.args.max-model-len` to {model.length:.0f} or less")
