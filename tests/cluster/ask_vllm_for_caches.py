"""Run by the Python of an environment that has vLLM: what its models keep of a token, of each config that is named.

    python ask_vllm_for_caches.py FOLDER/*.json >> kv_of_vllm.jsonl

made tests/unit/parallel/kv_of_vllm.jsonl. The models are built without weights (on torch's `meta` device), as the CPU
build of vLLM builds them; what that build cannot (a backend for sparse attention, torchvision, CUTLASS) is passed over,
since it changes nothing of what a layer keeps. A config that this does not build is named on standard error.
"""

import dataclasses
import importlib.abc
import importlib.machinery
import json
import os
import sys
import tempfile
import types
from collections import Counter
from pathlib import Path

os.environ |= {"VLLM_LOGGING_LEVEL": "CRITICAL", "HF_HUB_OFFLINE": "1", "TORCHDYNAMO_DISABLE": "1", "VLLM_PLUGINS": ""}

import torch
from vllm.config import DeviceConfig, VllmConfig, set_current_vllm_config
from vllm.distributed import parallel_state
from vllm.engine.arg_utils import EngineArgs
from vllm.model_executor.layers.fused_moe import config as experts
from vllm.model_executor.model_loader.utils import initialize_model
from vllm.model_executor.models import registry
from vllm.platforms.cpu import CpuPlatform
from vllm.utils.torch_utils import set_default_torch_dtype
from vllm.v1.kv_cache_interface import AttentionSpec, MambaSpec
from vllm.v1.worker.utils import customize_attention_spec

NAMES = {"ChunkedLocalAttentionSpec": "chunk", "CrossAttentionSpec": "encoder"}


class Hollow(types.ModuleType):
    """A package that has whatever name is asked of it."""

    __path__ = ()

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type("Hollow", (type,), {"__getattr__": lambda _, attribute: attribute})(name, (), {})


class NotInstalled(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torchvision", "cutlass", "timm", "cuda"):
            return importlib.machinery.ModuleSpec(name, self, is_package=True)
        return None

    def create_module(self, spec):
        return Hollow(spec.name)

    def exec_module(self, module):
        pass


def without_numbers():
    """What models do with numbers while they are built; on `meta` there are none."""
    for name, instead in (("item", 1), ("__bool__", True), ("__float__", 1.0), ("__int__", 1), ("__index__", 1)):
        own = getattr(torch.Tensor, name)
        setattr(torch.Tensor, name, lambda self, own=own, instead=instead: instead if self.is_meta else own(self))
    tolist, to = torch.Tensor.tolist, torch.Tensor.to
    torch.Tensor.tolist = lambda self: [1.0] * self.numel() if self.is_meta else tolist(self)
    torch.Tensor.cpu = lambda self: self

    def stays(self, *about, **named):
        if not self.is_meta:
            return to(self, *about, **named)
        about = [one for one in about if not isinstance(one, (str, torch.device))]
        named.pop("device", None)
        return to(self, *about, **named) if about or named else self

    torch.Tensor.to = stays


def as_on_a_gpu():
    """Sparse attention, experts without gates, and each class looked at in this process."""
    backend = CpuPlatform.get_attn_backend_cls.__func__

    def dense(cls, selected, attn_selector_config, *about, **named):
        changed = attn_selector_config
        replaced = (
            changed._replace(use_sparse=False)
            if hasattr(changed, "_replace")
            else dataclasses.replace(changed, use_sparse=False)
        )
        return backend(cls, selected, replaced, *about, **named)

    CpuPlatform.get_attn_backend_cls = classmethod(dense)
    for one in vars(experts).values():
        if isinstance(one, type) and "is_act_and_mul" in vars(one):
            one.is_act_and_mul = property(lambda self: True)
    registry._LazyRegisteredModel.inspect_model_cls = lambda self: registry._ModelInfo.from_model_cls(
        self.load_model_cls()
    )


def specs(folder):
    config = EngineArgs(
        model=str(folder),
        skip_tokenizer_init=True,
        dtype="bfloat16",
        enforce_eager=True,
        max_num_batched_tokens=2048,
        max_num_seqs=8,
        enable_prefix_caching=False,
    ).create_engine_config()
    found = []
    with set_current_vllm_config(config), torch.device("meta"), set_default_torch_dtype(torch.bfloat16):
        initialize_model(vllm_config=config)
        for layer in config.compilation_config.static_forward_context.values():
            if not hasattr(layer, "get_kv_cache_spec") or getattr(layer, "kv_sharing_target_layer_name", None):
                continue
            spec = layer.get_kv_cache_spec(config)
            if isinstance(spec, AttentionSpec):
                spec = customize_attention_spec(layer.get_attn_backend(), spec)
            if spec is not None and not isinstance(spec, MambaSpec):
                found.append((spec, spec.max_memory_usage_bytes(config)))
    return config.model_config.max_model_len, found


def row(name, numbers):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_text(json.dumps(numbers))
        length, found = specs(folder)
    kept = Counter()
    for spec, _ in found:
        tokens = NAMES.get(type(spec).__name__) or getattr(spec, "sliding_window", None) or 0
        size = spec.page_size_bytes / spec.block_size
        kept[int(size) if size == int(size) else size, tokens] += 1
    request = [length, sum(most for _, most in found), sum(spec.page_size_bytes for spec, _ in found)]
    layers = [[count, size, tokens] for (size, tokens), count in sorted(kept.items(), key=str)]
    return {"name": name, "kept": layers, "request": request, "config": numbers}


def main():
    sys.meta_path.append(NotInstalled())
    without_numbers()
    as_on_a_gpu()
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29731"}
    with set_current_vllm_config(VllmConfig(device_config=DeviceConfig("cpu"))):
        store = "tcp://127.0.0.1:29731"
        parallel_state.init_distributed_environment(1, 0, store, 0, backend="gloo")
        parallel_state.initialize_model_parallel(1, 1)
    for path in map(Path, sys.argv[1:]):
        numbers = json.loads(path.read_text())
        # How weights are stored changes nothing of the cache, and its kernels may not be built here.
        numbers.pop("quantization_config", None)
        try:
            print(json.dumps(row(path.stem, numbers), separators=(",", ":")), flush=True)
        except BaseException as error:
            print(f"{path.stem}: {type(error).__name__}: {error}".splitlines()[0], file=sys.stderr)


main()
