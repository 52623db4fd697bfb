"""Whether a model fits GPUs, without an inventory or a host: for who is still choosing them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from provision.core.errors import ProvisionError, UsageError
from provision.core.person import expanded
from provision.core.secret import Secret
from provision.inventory.models import Serve
from provision.parallel.architecture import read_architecture
from provision.parallel.fit import Fit
from provision.parallel.fit import fit as fit_over
from provision.parallel.settings import with_overrides
from provision.parallel.size import Room
from provision.weights.files import ModelFiles
from provision.weights.lookup import HUB, HUB_TOKEN, from_folder, from_hub


def fit(
    model: str,
    *,
    hosts: int,
    gpus: int,
    memory: int,
    weights: int = 0,
    tensor_parallel: int | str = "auto",
    pipeline_parallel: int | str = "auto",
    args: Mapping[str, str | int | float | bool] | None = None,
    vllm: str = "",
) -> Fit:
    """`model`: a folder, or a name on the hub. `gpus`: of each host; `memory`: bytes of each, as nvidia-smi shows them.
    `weights`: bytes, where the folder has none. `args`: flags of `vllm serve`, as in an inventory. Raises UsageError
    for a model that is not there, ProvisionError for one whose config cannot be read."""
    serve = Serve.model_validate(
        {
            "model": model,
            "tensor_parallel": tensor_parallel,
            "pipeline_parallel": pipeline_parallel,
            "args": dict(args or {}),
        }
    )
    files = look(serve)
    architecture = read_architecture(with_overrides(files.config, serve))
    if architecture is None:
        raise ProvisionError(f"{files.source}: its config.json does not say how many layers it has", hint=_HINT)
    rooms = tuple(Room(f"host-{number + 1}", gpus, memory) for number in range(hosts))
    found = fit_over(architecture, weights or files.weights, serve, rooms, vllm)
    lacks = files.lacks if found.unknown and not (weights or files.weights) else ""
    return replace(found, unknown=f"{found.unknown}: {lacks}") if lacks else found


_HINT = "MODEL is a folder with the config.json of a language model, or a name on the model hub"


def look(serve: Serve) -> ModelFiles:
    """A folder that exists is that folder, whatever its name."""
    folder = Path(expanded(serve.model))
    if folder.is_dir() or serve.model.startswith((".", "/", "~")):
        files = from_folder(folder)
    elif os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"):
        raise UsageError(f"there is no folder `{serve.model}`, and HF_HUB_OFFLINE is set", hint=_HINT)
    else:
        token = os.environ.get(HUB_TOKEN)
        files = from_hub(serve, Secret(token) if token else None, (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/"))
    if files.problem:
        raise ProvisionError(f"nothing is known of `{serve.model}`: {files.problem}", hint=_HINT)
    return files
