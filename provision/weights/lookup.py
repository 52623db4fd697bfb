"""Where the controller itself can look at the model before a host has it: a folder of its own, or the model hub.

Only config.json, what ModelOpt writes beside it, and the sizes of the files are read. The hub is asked while the hosts
are connected to, so that nobody waits for it; if it has not answered by then, its answer is done without.
"""

from __future__ import annotations

import json
import os
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from provision.core.person import expanded
from provision.core.reading import read_kept
from provision.core.secret import Secret
from provision.core.wording import is_true
from provision.inventory.models import Inventory, Serve
from provision.payload.weights.selection import only_pickles
from provision.weights.files import (
    QUANTIZATION,
    ModelFiles,
    pickles_of,
    says_no_quantization,
    weights_bytes,
    with_quantization,
)
from provision.weights.here import here
from provision.weights.mistral import as_config
from provision.weights.source import source_of

HUB = "https://huggingface.co"
HUB_TOKEN = "HF_TOKEN"

#: Seconds for the hub's two answers together, from when it was first asked.
PATIENCE = 6.0

_NONE: Mapping[str, str] = MappingProxyType({})

#: Called with whether a host has the model already: then the hub is not waited for.
Look = Callable[[bool], ModelFiles]


def look_for(inventory: Inventory, secrets: Mapping[str, Secret]) -> Look:
    """Begins to look; the call of what is returned waits for the end. Never raises: what went wrong is in `problem`."""
    serve = inventory.serve
    if serve is not None and serve.weights.path:
        folder = (inventory.path.parent / expanded(serve.weights.path)).resolve()
        return lambda _: from_folder(folder)
    if (own := here(serve)) is not None:
        return lambda there: ModelFiles() if there else from_folder(own)
    if serve is not None and source_of(serve) in ("hub", "vllm"):
        return _meanwhile(serve, secrets.get(HUB_TOKEN), inventory.python.proxies)
    return lambda _: ModelFiles()


def from_folder(folder: Path) -> ModelFiles:
    """As it is on this machine."""
    # Most inventories name a model of the hub.
    from provision.weights.whole import lacking

    try:
        sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
        # Mistral's newest come with no other config than their own.
        own = "config.json" not in sizes and "params.json" in sizes
        text = read_kept(folder / ("params.json" if own else "config.json")).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return ModelFiles(problem=f"{folder} on this machine: {error}")
    config = as_config(_object(text)) if own else _object(text)
    if not config:
        return ModelFiles(problem=f"{folder}/{'params' if own else 'config'}.json is not a model config")
    if QUANTIZATION in sizes:
        with suppress(OSError, UnicodeDecodeError):
            config = with_quantization(config, _object(read_kept(folder / QUANTIZATION).decode("utf-8")))
    # What is there of it is no measure of what it needs.
    lacks, _ = lacking(folder, sizes)
    weights = (0 if lacks else weights_bytes(sizes)) or _indexed(folder)
    return ModelFiles(config, weights, f"{folder} on this machine", pickles=pickles_of(sizes), lacks=lacks)


def _indexed(folder: Path) -> int:
    """What the index of weights says that they have together, where they are not there themselves; 0 without one."""
    for name in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        try:
            told = _object(read_kept(folder / name).decode("utf-8")).get("metadata")
        except (OSError, UnicodeDecodeError):
            continue
        size = told.get("total_size") if isinstance(told, dict) else None
        if isinstance(size, (int, float)) and size > 0:
            return int(size)
    return 0


def from_hub(serve: Serve, token: Secret | None, endpoint: str, proxies: Mapping[str, str] = _NONE) -> ModelFiles:
    """As it is on the hub, by two requests or three. `proxies`: of the inventory; without, those of the environment."""
    # Only those pay for an HTTP client who need one.
    from provision.transport.web import NotFetched, fetch

    name = urllib.parse.quote(serve.model)
    revision = urllib.parse.quote(serve.weights.revision or "main", safe="")
    source = f"{serve.model} on {urllib.parse.urlsplit(endpoint).netloc}"
    folder = f"{endpoint}/{name}/resolve/{revision}"
    try:
        text = fetch(f"{folder}/config.json", token=token, limit=2**23, proxies=proxies)
        listed = fetch(
            f"{endpoint}/api/models/{name}/revision/{revision}?blobs=true", token=token, limit=2**23, proxies=proxies
        )
    except NotFetched as error:
        return ModelFiles(problem=error.message)
    config = _object(text.decode("utf-8", "replace"))
    files = _object(listed.decode("utf-8", "replace")).get("siblings")
    sizes = {
        str(file["rfilename"]): int(file["size"])
        for file in (files if isinstance(files, list) else ())
        if isinstance(file, dict) and "rfilename" in file and isinstance(file.get("size"), int)
    }
    if not config:
        return ModelFiles(problem=f"{source}: config.json is not a model config")
    if QUANTIZATION in sizes and says_no_quantization(config):
        with suppress(NotFetched):
            beside = fetch(f"{folder}/{QUANTIZATION}", token=token, limit=2**23, proxies=proxies)
            config = with_quantization(config, _object(beside.decode("utf-8", "replace")))
    # Without leave for pickles, another form of the weights is what comes.
    pickles = pickles_of(sizes) if serve.weights.pickles else tuple(only_pickles(sizes))
    return ModelFiles(config, weights_bytes(sizes), source, pickles=pickles)


def _meanwhile(serve: Serve, token: Secret | None, proxies: Mapping[str, str]) -> Look:
    """Asks in a thread, which a run does not wait for beyond `PATIENCE`."""
    if is_true(os.environ.get("HF_HUB_OFFLINE", "")):
        return lambda _: ModelFiles(problem="HF_HUB_OFFLINE is set, so the hub was not asked")
    endpoint = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    found: list[ModelFiles] = []
    thread = threading.Thread(target=lambda: found.append(from_hub(serve, token, endpoint, proxies)), daemon=True)
    thread.start()

    def look(there: bool) -> ModelFiles:
        thread.join(0.0 if there else PATIENCE)
        return found[0] if found else ModelFiles(problem=f"{endpoint} does not answer")

    return look


def _object(text: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
