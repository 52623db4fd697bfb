"""`serverlessllm:`, what ServerlessLLM serves and how; and `serve: {backend: serverlessllm}`, which asks for it."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.section import Scalar, Section
from provision.inventory.words import Words

#: As `serve.backend` has it, and the playbook and the section of the inventory.
BACKEND = "serverlessllm"

#: Of a worker's store. No setting: the controller of 0.8.0 connects to this one (sllm/store_manager.py), and the
#: backends on the worker to 127.0.0.1 at the same port (sllm_store/transformers.py), so that it must listen on both.
STORE_PORT = 8073

#: As sllm_store/utils.py reads sizes.
Size = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]*(KB|MB|GB|TB)$"), Words("a size such as `4GB`")]

#: Of a model: as a hub has it. In Ray it names an actor, and on the workers a folder.
MODEL_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*$"

#: Where a folder lies, without blanks.
Folder = Annotated[str, StringConstraints(pattern=r"^/[^\s]*[^\s/]$"), Words("an absolute path without spaces")]


class SllmModel(Section):
    """A model that ServerlessLLM loads when it is asked for. The defaults are those of `sllm deploy` 0.8.0, but for
    `backend`: its `vllm` needs a patch to vLLM that is in none of its packages."""

    backend: Literal["transformers", "vllm"] = Field(
        "transformers", description="what runs it; `vllm` needs ServerlessLLM's own patch to vLLM 0.9.0.1"
    )
    path: str | None = Field(None, description="name on the hub, or a folder on the workers; default: the model's name")
    num_gpus: int = Field(1, ge=0, description="GPUs of one instance")
    min_instances: int = Field(0, ge=0, description="instances that are kept while nobody asks")
    max_instances: int = Field(10, ge=1, description="instances at most")
    target: int = Field(1, ge=1, description="requests at a time of one instance, before another one is started")
    keep_alive: int = Field(0, ge=0, description="seconds for which an idle instance is kept")
    backend_config: dict[str, Scalar] = Field({}, description="more of `backend_config`: `torch_dtype: bfloat16`")

    def request(self, name: str) -> dict[str, object]:
        """The body of `POST /register`."""
        return {
            "model": name,
            "backend": self.backend,
            "num_gpus": self.num_gpus,
            "auto_scaling_config": {
                "metric": "concurrency",
                "target": self.target,
                "min_instances": self.min_instances,
                "max_instances": self.max_instances,
                "keep_alive": self.keep_alive,
            },
            "backend_config": {
                "pretrained_model_name_or_path": self.path or name,
                "device_map": "auto",
                "torch_dtype": "float16",
                "hf_model_class": "AutoModelForCausalLM",
                **self.backend_config,
            },
        }


class ServerlessLlm(Section):
    """ServerlessLLM instead of one vLLM server: models that are loaded when they are asked for, on any worker."""

    port: Annotated[int, Field(ge=1, le=65535)] = Field(8343, description="of its API, on the head")
    storage_path: Folder | None = Field(
        None, description="folder of each worker for models in its own format (STORAGE_PATH); default: below `root`"
    )
    mem_pool_size: Size = Field("4GB", description="memory of each worker for loaded models")
    registration_required: bool = Field(True, description="the store loads registered models alone")
    storage_aware: bool = Field(False, description="schedule by where a model lies already")
    migration: bool = Field(False, description="move running requests between workers")
    ready_timeout: float = Field(600.0, gt=0, description="seconds for a store, and for the controller, to be ready")
    deploy_timeout: float = Field(1800.0, gt=0, description="seconds for one model to be fetched and registered")
    models: dict[str, SllmModel] = Field(
        {}, description="name → how it is deployed: `facebook/opt-1.3b: {num_gpus: 1}`"
    )

    @property
    def store_port(self) -> int:
        return STORE_PORT


def as_serverless(root: YamlNode, problems: Problems) -> YamlNode:
    """The tree with `serve: {backend: serverlessllm}` as the section of that name, before it is checked."""
    serve, section = root.find("serve"), root.find(BACKEND)
    backend = serve.find("backend") if serve is not None else None
    if serve is None or backend is None or backend.value != BACKEND:
        for name in ("serve", "models"):
            other = root.find(name)
            if section is not None and section.value is not None and other is not None and other.children:
                said = f"`{name}` and `{BACKEND}` both say what is served"
                problems.key(max(other, section, key=lambda node: node.key), said, "remove one of the two")
                return root.with_value({key: child for key, child in root.children.items() if key != BACKEND})
        return root
    for key, child in serve.children.items():
        if key != "backend":
            problems.key(
                child,
                f"`{key}` is a setting of vLLM's own server, which the backend `{BACKEND}` does not start",
                f"what it serves is said in a section of its own: `{BACKEND}: {{models: {{facebook/opt-1.3b: {{}}}}}}`",
            )
    if section is None or section.value is None:
        section = serve.with_value({})
    return root.with_value({**{k: v for k, v in root.children.items() if k != "serve"}, BACKEND: section})


def check_deployed(root: YamlNode, problems: Problems) -> None:
    """The names of the models are such as a hub has."""
    models = root.find(BACKEND, "models")
    for name, node in (models.children if models is not None else {}).items():
        if not re.fullmatch(MODEL_NAME, name):
            said = f"`{name}` cannot be the name of a model"
            problems.key(node, said, "write it as the hub does: `facebook/opt-1.3b: {}`")
        few, many = node.find("min_instances"), node.find("max_instances")
        least = few.value if few is not None and isinstance(few.value, int) else 0
        most = many.value if many is not None and isinstance(many.value, int) else 10
        if least > most:
            problems.value(few or node, f"min_instances {least} is above max_instances {most}", "swap the two")
