"""Run by the Python of an environment that has vLLM: what vLLM itself says to each cut of each model, before it loads
any weights.

Argument: a file with {"models": {name: config}, "cuts": [[tensor, pipeline], …], "lengths": {name: [tokens, …]}}.
Standard output: {"cuts": {name: {"4x2": reason}}, "lengths": {name: {"8192": reason}}, "sizes": {name: {…}}, …}, a
reason for what is refused, empty for what is not.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

os.environ |= {"VLLM_LOGGING_LEVEL": "CRITICAL", "HF_HUB_OFFLINE": "1", "TORCHDYNAMO_DISABLE": "1"}

import torch
from vllm.config import CacheConfig, ModelConfig, ParallelConfig, VllmConfig, set_current_vllm_config
from vllm.distributed import parallel_state
from vllm.distributed.utils import get_pp_indices
from vllm.model_executor.layers import linear
from vllm.model_executor.models import registry


def in_this_process(self):
    """vLLM looks at each class in a process of its own, which takes ten seconds each; the answer is the same."""
    return registry._ModelInfo.from_model_cls(self.load_model_cls())


registry._LazyRegisteredModel.inspect_model_cls = in_this_process


def model_config(folder, length=None):
    return ModelConfig(
        model=str(folder), skip_tokenizer_init=True, dtype="bfloat16", max_model_len=length, enforce_eager=True
    )


def refused(question, *about):
    try:
        question(*about)
    except BaseException as error:
        return f"{type(error).__name__}: {error}".strip()
    return ""


def cut(config, tensor, pipeline):
    """What vLLM verifies itself, and then how it divides heads in the layer that does so."""
    parallel = ParallelConfig(
        tensor_parallel_size=tensor, pipeline_parallel_size=pipeline, distributed_executor_backend="ray"
    )
    config.verify_with_parallel_config(parallel)
    if config.use_mla:
        return
    # As if this were the first of so many ranks.
    group = SimpleNamespace(world_size=tensor, rank_in_group=0)
    with (
        patch.object(parallel_state, "_TP", group),
        torch.device("meta"),
        set_current_vllm_config(VllmConfig(cache_config=CacheConfig())),
    ):
        heads = config.model_arch_config.total_num_attention_heads
        linear.QKVParallelLinear(heads, config.get_head_size(), heads, config.get_total_num_kv_heads(), bias=False)


def main():
    asked = json.loads(Path(sys.argv[1]).read_text())
    cuts, lengths, sizes = {}, {}, {}
    with tempfile.TemporaryDirectory() as made:
        for number, (name, numbers) in enumerate(asked["models"].items()):
            folder = Path(made, str(number))
            folder.mkdir()
            (folder / "config.json").write_text(json.dumps(numbers))
            try:
                config = model_config(folder)
            except BaseException as error:
                reason = f"{type(error).__name__}: {error}".strip()
                cuts[name] = {f"{tensor}x{pipeline}": reason for tensor, pipeline in asked["cuts"]}
                continue
            cuts[name] = {f"{t}x{p}": refused(cut, config, t, p) for t, p in asked["cuts"]}
            lengths[name] = {str(tokens): refused(model_config, folder, tokens) for tokens in asked["lengths"][name]}
            architecture = config.model_arch_config
            sizes[name] = {
                "layers": architecture.total_num_hidden_layers,
                "heads": architecture.total_num_attention_heads,
                "kv_heads": architecture.total_num_kv_heads,
                "head_dim": architecture.head_size,
                "usual_length": config.max_model_len,
                "stages": [
                    [
                        end - start
                        for start, end in (get_pp_indices(architecture.total_num_hidden_layers, i, n) for i in range(n))
                    ]
                    for n in (2, 3, 4, 5, 8)
                ],
            }
    known = sorted(registry.ModelRegistry.get_supported_archs())
    json.dump({"cuts": cuts, "lengths": lengths, "sizes": sizes, "known": known}, sys.stdout)


main()
