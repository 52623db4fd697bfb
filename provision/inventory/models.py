"""What an inventory says, validated and merged: frozen values that everything else reads.

The reader resolves ranges, groups and overrides before these are made: a `Host` here holds the final word on itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from provision.inventory.proxy import Proxy as Proxy  # noqa: PLC0414
from provision.inventory.python import Python as Python  # noqa: PLC0414
from provision.inventory.runtime import Runtime
from provision.inventory.secret_source import SecretSource as SecretSource  # noqa: PLC0414
from provision.inventory.section import Scalar, Section
from provision.inventory.serverless import ServerlessLlm
from provision.inventory.transfers import Transfers
from provision.inventory.words import Degree, Name, UserName, Words

Role = Literal["head", "worker"]
Port = Annotated[int, Field(ge=1, le=65535)]
Env = dict[str, str]


#: Whom services run as with sudo, if nothing else is said.
SYSTEM_USER = "provision"

DEFAULT_ROOT = "~/.provision"


class Ssh(Section):
    """How a host is reached. What is not said comes from ~/.ssh/config, then from OpenSSH's defaults."""

    user: str | None = Field(None, description="user to log in as")
    port: Port | None = Field(None, description="port of sshd")
    key: str | None = Field(None, description="private key file; ~ is expanded")
    jump: str | None = Field(None, description="[user@]host[:port] to go through, as OpenSSH's ProxyJump")
    config: str | None = Field(None, description="ssh_config file instead of ~/.ssh/config")
    known_hosts: str | None = Field(None, description="known_hosts file instead of ~/.ssh/known_hosts")
    host_key: str | None = Field(None, description="pinned host key, `ssh-ed25519 AAAA…`")
    connect_timeout: float = Field(10.0, gt=0, description="seconds per connection attempt")


class Expect(Section):
    """What a host must be. Never changed by provision: a mismatch blocks `up`."""

    driver: str | None = Field(None, description="version range, such as `>=580` or `>=570,<590`")
    gpus: int | None = Field(None, ge=0, description="number of GPUs")
    gpu: str | None = Field(None, description="part of the GPU's name, such as `H100`")


class Ray(Section):
    """The Ray cluster below the model server. Ports are pinned so that a firewall can name them."""

    port: Port = Field(6379, description="port of the head's GCS, to which workers connect")
    node_manager_port: Port = Field(6380, description="of each node's raylet")
    object_manager_port: Port = Field(6381, description="for objects between nodes")
    runtime_env_agent_port: Port = Field(6382, description="of each node's runtime environment agent")
    dashboard_agent_grpc_port: Port = Field(6383, description="of each node's dashboard agent, gRPC")
    dashboard_agent_listen_port: Port = Field(52365, description="of each node's dashboard agent, HTTP")
    metrics_export_port: Port = Field(6384, description="for Prometheus, on each node")
    dashboard_port: Port = Field(8265, description="of the dashboard, on the head's loopback")
    dashboard: bool = Field(False, description="start the dashboard on the head")
    min_worker_port: Port = Field(20000, description="first port of worker processes")
    max_worker_port: Port = Field(20999, description="last port of worker processes")
    args: dict[str, Scalar] = Field({}, description="additional `ray start` flags, without the dashes")
    env: Env = Field({}, description="environment of Ray on every host")
    join_timeout: float = Field(180.0, gt=0, description="seconds to wait for all hosts and GPUs to join")

    def services(self, *, head: bool) -> tuple[tuple[int, str], ...]:
        """The ports that are pinned on a host, with what listens there; without those of the workers."""
        every = (
            (self.node_manager_port, "Ray's node manager"),
            (self.object_manager_port, "Ray's object manager"),
            (self.runtime_env_agent_port, "Ray's runtime environment agent"),
            (self.dashboard_agent_grpc_port, "Ray's dashboard agent"),
            (self.dashboard_agent_listen_port, "Ray's dashboard agent"),
            (self.metrics_export_port, "Ray's metrics"),
        )
        return ((self.port, "Ray"), *every) if head else every

    def port_keys(self) -> tuple[tuple[int, str], ...]:
        """Of `services` on the head: each port with the key that moves it."""
        names = [name for name in type(self).model_fields if name.endswith("port") and "worker" not in name]
        return tuple((getattr(self, name), f"ray.{name}") for name in names if name != "dashboard_port")


class WeightsSource(Section):
    """How the model comes to the hosts. Nothing said: `model` is a folder that is on every host, or vLLM fetches it."""

    source: Literal["hosts", "hub", "controller", "vllm"] | None = Field(
        None,
        description="`hub`: each host downloads it; `controller`: sent from `path`; `hosts`: it is there already; "
        "`vllm`: left to vLLM. Default: `controller` with a `path`, `hosts` for a folder, `hub` for a name",
    )
    path: str | None = Field(None, description="folder on the controller, relative to the inventory")
    revision: str | None = Field(None, description="branch, tag or commit on the hub; default: its main branch")
    pickles: bool = Field(
        False,
        description="download weights that are pickles (`*.bin`, `*.pt`), which can run their maker's code when loaded",
    )


class Tls(Section):
    """How the API's clients know it: whose certificate it shows. `true`: one of the cluster's own, that clients pin."""

    cert: str | None = Field(
        None,
        description="file in PEM, relative to the inventory: the certificate, and behind it what leads to its root",
    )
    key: str | None = Field(None, description="file with its private key, mode 0600, without a passphrase")


class Serve(Section):
    """The model that is served, and how it is cut."""

    model: str = Field(description="name on the model hub, or a folder that is there on every host")
    backend: Literal["ray", "mp"] = Field(
        "ray", description="what connects the hosts: Ray, or vLLM's own multi-node mode"
    )
    tensor_parallel: Degree = Field(1, description="GPUs that share each layer; within a host")
    pipeline_parallel: Degree = Field(1, description="stages of layers; across hosts")
    weights: WeightsSource = Field(WeightsSource(), description="how the model gets to the hosts")
    port: Port = Field(8000, description="of the OpenAI-compatible API, on the head")
    master_port: Port = Field(29501, description="port on the head to which the ranks connect, with the backend `mp`")
    listen: str | None = Field(None, description="address to listen on; default: the head's node_ip")
    name: str | None = Field(None, description="the model's name in the API; default: `model`")
    rollback_on_failure: bool = Field(
        False, description="when a new start fails for which a model was stopped, start the last good one again"
    )
    guard: bool = Field(True, description="with an API key: every path but `/health` wants it; `false`: vLLM's own few")
    tls: Tls | None = Field(None, description="`true`, or `{cert, key}`: the API speaks HTTPS alone")
    without_key: tuple[Literal["metrics", "ping"], ...] = Field(
        (), description="further paths that need no API key: `metrics`, `ping`"
    )
    args: dict[str, Scalar | tuple[Scalar, ...]] = Field(
        {}, description="additional `vllm serve` flags, without the dashes"
    )
    env: Env = Field({}, description="environment of the model server")
    ready_timeout: float = Field(1800.0, gt=0, description="seconds within which the model must answer")

    @property
    def gpus(self) -> int:
        """How many GPUs the model takes, with all its replicas; 0 while one of the two degrees is `auto`."""
        tensor, pipeline = self.tensor_parallel, self.pipeline_parallel
        copies = self.data_parallel * self.count("prefill-context-parallel-size")
        return tensor * pipeline * copies if isinstance(tensor, int) and isinstance(pipeline, int) else 0

    @property
    def data_parallel(self) -> int:
        """Replicas that one server has, each with all layers."""
        return self.count("data-parallel-size")

    def count(self, flag: str) -> int:
        """The number that `args` has for a flag, with dashes or underscores; 1 if none, or no number."""
        said = str(self.argument(flag) or 1)
        return max(1, int(said)) if said.isdecimal() else 1

    def argument(self, flag: str) -> object:
        """What `args` says for a flag, with dashes or underscores; None if nothing."""
        return next((value for name, value in self.args.items() if name.replace("_", "-") == flag), None)

    @property
    def stage(self) -> int:
        """How many GPUs share each layer; 0 while that is `auto`."""
        return self.tensor_parallel if isinstance(self.tensor_parallel, int) else 0


class Host(Section):
    """One machine. `address` is where SSH goes; `node_ip` what the other nodes talk to."""

    name: str
    address: str
    role: Role = "worker"
    node_ip: str | None = None
    interface: str | None = Field(None, description="network interface of node_ip; default: found on the host")
    ssh: Ssh = Ssh()
    network: str | None = Field(None, description="the network between the nodes, `10.10.0.0/16`")
    sudo: bool = False
    run_as: UserName | None = None
    stay_up: bool = True
    root: str = DEFAULT_ROOT
    expect: Expect = Expect()
    env: Env = Field({}, description="environment variables for services on this host only")
    ray: Ray = Ray()
    groups: tuple[str, ...] = ()
    vars: dict[str, object] = Field({}, description="free variables, for your own playbooks")

    @property
    def base(self) -> str:
        """`root`; with sudo and nothing said, /opt/provision, since root's own home is closed to others."""
        return "/opt/provision" if self.sudo and self.root == DEFAULT_ROOT else self.root

    @property
    def services_user(self) -> str:
        """Whom services run as; empty: whoever logs in. With sudo it is a user of their own: whoever logs in can become
        root, and what runs as that user can change what a login shell runs."""
        return self.run_as or (SYSTEM_USER if self.sudo else "")


class FirewallSettings(Section):
    """The table of this cluster's own that keeps strangers from its ports. `true`, `false`: short for `enabled`."""

    enabled: bool | None = Field(
        None,
        description="`true`: `up` closes them, `check` notices when that is off; `false`: `up` opens them again. "
        "Default: as `provision firewall --apply` left it",
    )
    api_from: tuple[str, ...] = Field(
        (), description="networks or addresses that reach the model's API, `10.0.0.0/8`; default: everybody does"
    )
    ephemeral: bool = Field(
        True, description="close the ports, too, that the kernel hands out: vLLM's ranks listen on such"
    )
    leave: tuple[Port, ...] = Field((), description="ports of the worker and ephemeral ranges that others may reach")


class Accepted(Section):
    """A known finding that is not to count any more."""

    id: str = Field(description="the finding's id, as the report shows it: `CVE-2025-32444`")
    reason: Annotated[str, StringConstraints(pattern=r"\S"), Words("a reason")] = Field(
        description="why it may stay; shown with the finding in every report"
    )


class Inventory(Section):
    """The whole file. `hosts` keep the order of the file."""

    path: Path
    cluster: Name
    hosts: tuple[Host, ...]
    python: Python = Python()
    proxy: Proxy | None = None
    runtime: Runtime | None = None
    ray: Ray = Ray()
    serve: Serve | None = None
    serverlessllm: ServerlessLlm | None = None
    secrets: dict[str, SecretSource] = Field({})
    sudo_password: SecretSource | None = None
    accept: tuple[Accepted, ...] = ()
    firewall: FirewallSettings = FirewallSettings()
    transfer: Transfers = Transfers()
    spares: int = 0
    playbook: Path | None = None

    @property
    def accepted(self) -> dict[str, str]:
        """Id of a finding that is accepted → the reason."""
        return {entry.id: entry.reason for entry in self.accept}

    @property
    def head(self) -> Host:
        return next(h for h in self.hosts if h.role == "head")

    @property
    def workers(self) -> tuple[Host, ...]:
        return tuple(h for h in self.hosts if h.role == "worker")

    @property
    def lock_path(self) -> Path:
        return self.path.with_suffix(".lock")
