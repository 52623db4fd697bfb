"""A worker's store of ServerlessLLM: `sllm-store start`, which keeps models in memory, and loads them to GPUs; and the
folder that it has them from (STORAGE_PATH)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.resource import Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.serverless import ServerlessLlm
from provision.payload.bundle import shell
from provision.resources.lifeline import Server, lifeline
from provision.resources.serverless_service import health_script, ready_script
from provision.resources.service import Service, aspects_of

#: What its service is called on a host.
STORE = "sllm-store"

#: It must be reached from the head at the node's address, and from backends on the worker at 127.0.0.1
#: (sllm_store/transformers.py, 0.8.0), and takes one address to listen on: so all of them, and a firewall.
LISTEN = "0.0.0.0"

_WELL = "serverless/store_well.sh"


@dataclass(frozen=True)
class ServerlessStore(Service):
    """`python`: the folder of the environment; `lock`: what it was made from. `storage`: folder of the models.
    `plain`: a Python for what needs nothing but Python's own; empty: that of the environment."""

    purpose: ClassVar[str] = "without the store ServerlessLLM loads no model on this worker"
    why: ClassVar[str] = purpose

    python: str
    lock: str
    node_ip: str
    settings: ServerlessLlm
    storage: str
    base: Mapping[str, str] = field(hash=False)
    plain: str = ""

    @property
    def name(self) -> str:
        return "ServerlessLLM store"

    def flags(self) -> dict[str, str]:
        return {
            "host": LISTEN,
            "port": str(self.settings.store_port),
            "storage-path": self.storage,
            "mem-pool-size": self.settings.mem_pool_size,
            "registration-required": str(self.settings.registration_required).lower(),
        }

    def command(self) -> tuple[str, ...]:
        words = [word for name, value in self.flags().items() for word in (f"--{name}", value)]
        return (f"{self.python}/bin/{STORE}", "start", *words)

    def environment(self) -> Mapping[str, str | Secret]:
        return {**self.base, "STORAGE_PATH": self.storage}

    def aspects(self) -> Mapping[str, str]:
        flags = {f"--{name}": value for name, value in self.flags().items()}
        return {"environment": self.lock, **aspects_of(flags, self.environment())}

    def ports(self) -> tuple[int, ...]:
        return (self.settings.store_port,)

    def ready(self) -> Script:
        return ready_script(_WELL, self._asked(), self.settings.ready_timeout)

    def health(self) -> Script:
        return health_script(_WELL, self._asked())

    def _asked(self) -> dict[str, Value]:
        place: Server = (self.node_ip, self.settings.store_port, "the store")
        asked = lifeline("greets", self.plain or f"{self.python}/bin/python", (place,), "store_")
        return {**asked, "address": self.node_ip, "port": self.settings.store_port}


@dataclass(frozen=True)
class ModelsFolder(Resource):
    """`path` is a folder that `user` can write, or whoever logs in if that is empty. It stays
    on the host: what it holds took long to fetch."""

    removable: ClassVar[bool] = False
    area: ClassVar[str] = "storage"
    why: ClassVar[str] = "models that ServerlessLLM fetches have no place"

    path: str
    user: str = ""

    @property
    def id(self) -> str:
        return f"models-folder:{self.path}"

    @property
    def label(self) -> str:
        return f"folder {self.path}"

    def want(self) -> State:
        return {"folder": "writable"}

    def probe(self) -> Script:
        return self._script("probe")

    def fix(self, have: State, want: State) -> Script:
        return self._script("make")

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return failed.tail(), f"make it on the host for {self.user or 'the user who logs in'}, or set `storage_path`"

    def _script(self, what: str) -> Script:
        variables = {"what": what, "path": self.path, "user": self.user}
        return Script(shell("users.sh", "serverless/folder.sh"), variables)
