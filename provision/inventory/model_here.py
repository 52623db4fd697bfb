"""`serve.model` that is a folder beside the inventory is that folder, which is sent to the hosts.

A name of the hub may look the same: what is there wins, since whoever has such a folder has made it for that. Of an
absolute path, or one that begins with `~`, what the hosts have decides (provision.cluster.model_folder).
"""

from __future__ import annotations

from pathlib import Path

from provision.inventory.files import local_path
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems


def with_model_here(root: YamlNode, inventory: Path, problems: Problems) -> YamlNode:
    """The tree as if the folder had been named as `serve.weights.path`."""
    serve = root.find("serve")
    model = serve.find("model") if serve is not None else None
    if serve is None or model is None or not isinstance(model.value, str) or model.text.startswith(("/", "~")):
        return root
    weights = serve.find("weights")
    if weights is not None and (weights.find("source") or weights.find("path")):
        return root
    folder = local_path(model.text, inventory)
    named = model.text.startswith(("./", "../")) or model.text in (".", "..")
    if lacks := _lacks(folder):
        if named:
            hint = "relative folders begin at the inventory's; a name of the hub has no dots in front"
            problems.value(model, f"the model's folder `{model.text}` {lacks}", hint)
        return root
    settings = dict(weights.children) if weights is not None else {}
    sent = serve.with_value(
        {
            **serve.children,
            "model": model.with_text(folder.resolve().name if named else model.text),
            "weights": (weights or model).with_value({**settings, "path": model}),
        }
    )
    return root.with_value({**root.children, "serve": sent})


def _lacks(folder: Path) -> str:
    try:
        if (folder / "config.json").is_file():
            return ""
        return "has no config.json" if folder.is_dir() else "is not there"
    except OSError as error:  # a name that is too long for one, a folder that is not ours to look into
        return f"cannot be looked at: {(error.strerror or str(error)).lower()}"
