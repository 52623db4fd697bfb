"""A Ray node: the head, or a worker that joins it. Each with its own --node-ip-address and pinned ports."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.resource import State
from provision.core.script import Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.flags import given
from provision.payload.bundle import shell
from provision.resources.lifeline import Server, lifeline
from provision.resources.module import ModuleFile
from provision.resources.ranks import SEGMENTS
from provision.resources.ray_setup import Setup
from provision.resources.service import Service, aspects_of
from provision.resources.service_secrets import AS_GIVEN
from provision.resources.staying import Unit

#: What a state has for the token that it was started with.
TOKEN = "token"

#: Flags of `ray start` that a worker does not know, or aborts on.
HEAD_ONLY = frozenset({"dashboard-host", "dashboard-port", "include-dashboard", "redis-shard-ports", "port"})

#: A node of Ray 2.60 that is asked to end waits up to half a minute for what Ray Serve has (ray/_private/node.py).
#: There is no Ray Serve here, and vLLM was ended before; a head as a unit of systemd, whose processes are all asked at
#: once, was not through after 20 s, and was killed.
NO_DRAIN = {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0"}


@dataclass(frozen=True)
class RayNode(Service):
    purpose: ClassVar[str] = "the ranks of this host run in it"
    why: ClassVar[str] = f"{purpose}, and new settings take effect only after a restart"

    setup: Setup

    @abstractmethod
    def role_flags(self) -> dict[str, str]: ...

    def flags(self) -> dict[str, str]:
        """Every flag of `ray start`, by name without its dashes; "" for a switch that is on. Those of the inventory
        win."""
        s = self.setup.settings
        common = {
            "node-ip-address": self.setup.network.node_ip,
            "node-manager-port": str(s.node_manager_port),
            "object-manager-port": str(s.object_manager_port),
            "runtime-env-agent-port": str(s.runtime_env_agent_port),
            "dashboard-agent-grpc-port": str(s.dashboard_agent_grpc_port),
            "dashboard-agent-listen-port": str(s.dashboard_agent_listen_port),
            "metrics-export-port": str(s.metrics_export_port),
            "min-worker-port": str(s.min_worker_port),
            "max-worker-port": str(s.max_worker_port),
        }
        own = {k: "" if v is True else str(v) for k, v in s.args.items() if v is not False}
        return {**common, **self.role_flags(), **own}

    def command(self) -> tuple[str, ...]:
        flags = [f"--{name}={value}" if value else f"--{name}" for name, value in self.flags().items()]
        return (
            *self.program(),
            "start",
            *self.role(),
            *flags,
            "--disable-usage-stats",
            "--log-color=false",
            "--block",
        )

    def program(self) -> tuple[str, ...]:
        return (f"{self.setup.python}/bin/ray",)

    def role(self) -> tuple[str, ...]:
        return ()

    def environment(self) -> Mapping[str, str | Secret]:
        return {
            **self.setup.network.environment(),
            **self.setup.base,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": self.setup.token_file,
            **self.setup.settings.env,
        }

    def started_with(self) -> Mapping[str, str]:
        return {**super().started_with(), **NO_DRAIN}

    def aspects(self) -> Mapping[str, str]:
        flags = {f"--{name}": value or "on" for name, value in self.flags().items()}
        # The path of the token file says nothing about what is in it.
        return {
            "environment": self.setup.lock,
            TOKEN: AS_GIVEN,
            **aspects_of(flags, self.environment()),
        }

    def compared_secrets(self) -> Mapping[str, Secret]:
        return {TOKEN: self.setup.token, **super().compared_secrets()}

    def scratch(self) -> str:
        return self.setup.scratch

    def former_scratch(self) -> str:
        return self.setup.former_scratch

    def segments(self) -> tuple[str, ...]:
        """The ranks of this host end with it."""
        return SEGMENTS

    def ready(self) -> Script:
        variables: dict[str, Value] = {"address": self.setup.network.node_ip, "port": self.ready_port()}
        return Script(shell("listener.sh", "ray/ready.sh"), variables, timeout=150)

    @abstractmethod
    def ready_port(self) -> int: ...

    @abstractmethod
    def servers(self) -> tuple[Server, ...]:
        """What listens for the other nodes."""

    def health(self) -> Script:
        """That a port is open says nothing: a process that was stopped listens, too."""
        if not self.setup.tells_plainly:
            return super().health()
        return Script(shell("ray/health.sh"), lifeline("greets", self.setup.plain_python, self.servers(), "health_"))


@dataclass(frozen=True)
class RayHead(RayNode):
    """The head: the cluster's control store and, if wanted, its dashboard, on loopback alone. `counted`: waits for the
    members of a head that has started by itself, where nothing that runs on them does."""

    counted: Script | None = field(default=None, compare=False)

    @property
    def name(self) -> str:
        return "Ray head"

    @property
    def address(self) -> str:
        return f"{self.setup.network.node_ip}:{self.setup.settings.port}"

    def role(self) -> tuple[str, ...]:
        return ("--head",)

    @property
    def starter(self) -> ModuleFile:
        """Ray Client is what nobody here needs; who gives it a port has it."""
        wanted = given(self.setup.settings.args, "ray-client-server-port")
        return ModuleFile("ray_start", f"{self.place.folder}-start", "ray_start.py", on=not any(wanted))

    def program(self) -> tuple[str, ...]:
        if not self.starter.on:
            return super().program()
        # In an image it is known by its name alone.
        ray = "ray" if self.place.contained else super().program()[0]
        return (f"{self.setup.python}/bin/python", self.starter.path, ray)

    def aspects(self) -> Mapping[str, str]:
        return {**super().aspects(), **({"Ray Client": "off"} if self.starter.on else {})}

    def fix(self, have: State, want: State) -> Script:
        return self.starter.around(super().fix(have, want), there=want is not None)

    def role_flags(self) -> dict[str, str]:
        return {
            "port": str(self.setup.settings.port),
            "include-dashboard": str(self.setup.settings.dashboard).lower(),
            "dashboard-host": "127.0.0.1",
            "dashboard-port": str(self.setup.settings.dashboard_port),
            "temp-dir": self.setup.temp_dir,
        }

    def ready_port(self) -> int:
        return self.setup.settings.port

    @property
    def store(self) -> Server:
        return (self.setup.network.node_ip, self.setup.settings.port, "Ray's control store")

    def servers(self) -> tuple[Server, ...]:
        return (self.store, (*self.setup.node_manager, "the raylet"))

    def unit(self) -> Unit:
        before = Script(shell("ray/old_sessions.sh"))
        if self.counted is None:
            return Unit(before)
        return Unit(before, Script(await_members(self.counted), {**self.counted.vars, **as_the_head(self)}))

    def ports(self) -> tuple[int, ...]:
        return (
            self.setup.settings.port,
            self.setup.settings.node_manager_port,
            self.setup.settings.object_manager_port,
        )


@dataclass(frozen=True)
class RayWorker(RayNode):
    """A worker of the head at `head` (address:port)."""

    head: str

    @property
    def name(self) -> str:
        return "Ray worker"

    def servers(self) -> tuple[Server, ...]:
        return ((*self.setup.node_manager, "the raylet"),)

    def unit(self) -> Unit:
        """It joins when the head is there, and joins the next one."""
        if not self.setup.tells_plainly:
            return Unit(Script(shell("ray/old_sessions.sh")))
        address, _, port = self.head.rpartition(":")
        store, plain = ((address, int(port), "Ray's control store"),), self.setup.plain_python
        return Unit(
            before=Script(shell("ray/old_sessions.sh", "ray/reach.sh"), lifeline("reach", plain, store)),
            watch=Script(shell("ray/hold.sh"), lifeline("hold", plain, store, "held_")),
        )

    def role_flags(self) -> dict[str, str]:
        return {"address": self.head, "temp-dir": self.setup.temp_dir}

    def flags(self) -> dict[str, str]:
        return {k: v for k, v in super().flags().items() if k not in HEAD_ONLY}

    def ready_port(self) -> int:
        return self.setup.settings.node_manager_port

    def ports(self) -> tuple[int, ...]:
        return (self.setup.settings.node_manager_port, self.setup.settings.object_manager_port)


def as_the_head(head: RayHead) -> dict[str, Value]:
    """By what the head is known to another service of its host."""
    place = head.place.variables()
    return {f"head_{name}": place[name] for name in ("dir", "mark", "unit")}


def await_members(counted: Script) -> str:
    """Shell: waits until the head does its work and `counted` has seen all members."""
    return f"count_members() {{\n{counted.body}\n}}\n{shell('ray/await_members.sh')}"
