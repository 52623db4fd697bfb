"""The head of ServerlessLLM: its controller in Ray, and its API (`sllm start`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from provision.core.script import Script, Value
from provision.core.secret import Secret
from provision.inventory.serverless import ServerlessLlm
from provision.payload.bundle import bundle, shell
from provision.resources.ray import RayHead, as_the_head, await_members
from provision.resources.service import Service, aspects_of
from provision.resources.staying import Unit

#: What its service is called on the head.
HEAD = "sllm"

_WELL = "serverless/head_well.sh"


@dataclass(frozen=True)
class ServerlessHead(Service):
    """`ray`: the head that it connects to; `counted` waits for its members. `workers`: those that it was started with:
    it looks for them and their stores once, when it starts, and without any takes no models (sllm/store_manager.py,
    0.8.0)."""

    why: ClassVar[str] = "it loads the models, and what it was asked to deploy is forgotten when it restarts"

    serves: ClassVar[bool] = True

    ray: RayHead
    counted: Script = field(compare=False)
    settings: ServerlessLlm
    workers: tuple[str, ...]

    @property
    def name(self) -> str:
        return "ServerlessLLM"

    @property
    def node_ip(self) -> str:
        return self.ray.setup.network.node_ip

    @property
    def url(self) -> str:
        return f"http://{self.node_ip}:{self.settings.port}"

    def flags(self) -> dict[str, str]:
        """No value: a switch that is on."""
        flags = {"host": self.node_ip, "port": str(self.settings.port)}
        flags |= {"enable-storage-aware": ""} if self.settings.storage_aware else {}
        return flags | ({"enable-migration": ""} if self.settings.migration else {})

    def command(self) -> tuple[str, ...]:
        words = [word for name, value in self.flags().items() for word in (f"--{name}", value) if word]
        return (f"{self.ray.setup.python}/bin/{HEAD}", "start", *words)

    def environment(self) -> Mapping[str, str | Secret]:
        """`sllm start` connects to the Ray that RAY_ADDRESS names, and else starts one of its own (ray.init)."""
        return {
            **self.ray.setup.base,
            "RAY_ADDRESS": self.ray.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": self.ray.setup.token_file,
            # Its messages have characters beyond ASCII.
            "PYTHONIOENCODING": "utf-8",
        }

    def aspects(self) -> Mapping[str, str]:
        flags = {f"--{name}": value or "on" for name, value in self.flags().items()}
        known = {"environment": self.ray.setup.lock, "workers": ", ".join(self.workers)}
        return {**known, **aspects_of(flags, self.environment())}

    def unit(self) -> Unit:
        return Unit(Script(await_members(self.counted), {**self.counted.vars, **as_the_head(self.ray)}))

    def ports(self) -> tuple[int, ...]:
        return (self.settings.port,)

    def ready(self) -> Script:
        variables: dict[str, Value] = {**self._asked(), "seconds": int(self.settings.ready_timeout)}
        return Script(
            shell("listener.sh", _WELL, "serverless/ready.sh"), variables, timeout=self.settings.ready_timeout + 60
        )

    def health(self) -> Script:
        return Script(shell("listener.sh", _WELL, "serverless/health.sh"), self._asked())

    def _asked(self) -> dict[str, Value]:
        return {
            "address": self.node_ip,
            "port": self.settings.port,
            "well_url": self.url,
            "well_python": self.ray.setup.plain_python,
            "well_program": bundle("deployments:main"),
        }
