"""Pure: how the model gets to the hosts, and the folder that holds it there, at the same path on each.

vLLM is given one path, and every rank reads its part from it; so what the inventory says of the weights becomes one
folder here, for the head's command line, the facts and the resources alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from provision.core.regex import regex
from provision.inventory.models import Serve

#: `organisation/name`, or a name alone, as the hub has them. `name:Q4_K_M` or `s3://…` is vLLM's own to understand.
_NAME = regex(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?\Z", re.ASCII)

#: What the folder of a model may be called: nothing hidden, and nothing that lies beside the folder of another one.
_FOLDER = regex(r"(?![.])(?!.*[.](manifest|lock)\Z)(?!.*[.]used-)(?!.*[.]manifest[.]).+\Z", re.ASCII)


def is_folder(model: str) -> bool:
    return model.startswith(("/", "~"))


def source_of(serve: Serve) -> str:
    """`hosts`, `hub`, `controller` or `vllm`: what is said, else what `serve.model` can only mean."""
    if serve.weights.source:
        return serve.weights.source
    if serve.weights.path:
        return "controller"
    if is_folder(serve.model):
        return "hosts"
    return "hub" if _NAME.match(serve.model) else "vllm"


def folder_of(serve: Serve, root: str, home: str = "") -> str:
    """Where the model lies on a host; empty while that is vLLM's affair. `root`: of the host, as in `Node.root`;
    `home`: what `~` stands for there, left as it is if that is not known."""
    if is_folder(serve.model):
        return serve.model.replace("~", home, 1) if home and serve.model.startswith("~") else serve.model
    if source_of(serve) == "vllm":
        return ""
    return f"{models_below(root)}/{_slug(serve)}"


def models_below(root: str) -> str:
    """The folder of models that are ours, and of the manifests of all."""
    return f"{root}/models"


def mistakes_of(serve: Serve) -> Iterator[tuple[str, str]]:
    """(what does not go together, what to do)."""
    source, model = source_of(serve), serve.model
    if source == "hub" and (is_folder(model) or not _NAME.match(model)):
        said = f"serve.weights.source is `hub`, but serve.model is `{model}`"
        yield said, "write the hub's name, `organisation/name`, as serve.model"
    if source == "hosts" and not is_folder(model):
        said = f"serve.weights.source is `hosts`, but serve.model is `{model}`, which is no folder"
        yield said, "write the folder's absolute path as serve.model, and how the API is to call it as serve.name"
    if source in ("hub", "controller") and not is_folder(model) and not _FOLDER.match(_slug(serve)):
        said = f"serve.model is `{model}`, and a folder of that name would not be the model's alone"
        yield said, "use another name; or an absolute path as serve.model, and the name as serve.name"
    if source == "controller" and not serve.weights.path:
        yield "serve.weights.source is `controller`, but it names no folder there", "set serve.weights.path"
    if source != "controller" and serve.weights.path:
        said = f"serve.weights.path is a path on the controller, but serve.weights.source is `{source}`"
        yield said, "remove one of the two"


def _slug(serve: Serve) -> str:
    """One folder for each revision, so that going back to the last one costs nothing."""
    revision = f"@{serve.weights.revision}" if serve.weights.revision and source_of(serve) == "hub" else ""
    return re.sub(r"[^\w.@-]+", "--", f"{serve.model}{revision}", flags=re.ASCII).strip("-")
