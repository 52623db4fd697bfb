"""The inventory file as it is written: the same settings cluster-wide, in a group, on a host, all optional.

`models` is what comes out once ranges, groups and overrides are resolved.
"""

from __future__ import annotations

from pydantic import Field

from provision.inventory.models import (
    Accepted,
    Env,
    Expect,
    FirewallSettings,
    Proxy,
    Python,
    Ray,
    Role,
    SecretSource,
    Serve,
    Ssh,
)
from provision.inventory.runtime import Runtime
from provision.inventory.section import Section
from provision.inventory.served_model import ServedModel
from provision.inventory.serverless import ServerlessLlm
from provision.inventory.transfers import Transfers
from provision.inventory.words import Name, UserName


class Settings(Section):
    """What a host can be told: cluster-wide at the top, in a group, or on the host itself. The nearest wins,
    and mappings are merged."""

    ssh: Ssh = Field(Ssh(), description="how the host is reached")
    network: str | None = Field(None, description="network that holds node_ip, `10.10.0.0/16`; default: the fastest")
    sudo: bool = Field(False, description="use sudo: system units, /opt")
    run_as: UserName | None = Field(
        None, description="user that services run as, made if missing; with sudo `provision`"
    )
    stay_up: bool = Field(
        True, description="services start again by themselves, also at boot, where the host can do that"
    )
    root: str = Field("~/.provision", description="the one directory of provision on the host")
    expect: Expect = Field(Expect(), description="requirements for the host; a mismatch blocks `up`")
    env: Env = Field({}, description="environment variables for services on the host")
    ray: Ray = Field(Ray(), description="ports, flags and environment of Ray")
    vars: dict[str, object] = Field({}, description="free variables, for your own playbooks")


class HostEntry(Settings):
    """A host, or as many as the ranges in its name stand for."""

    address: str | None = Field(None, description="where SSH goes; default: the host's name. May hold a range")
    role: Role | None = Field(None, description="`worker` by default; exactly one host is the head")
    node_ip: str | None = Field(None, description="IP address for the other nodes, or `auto`. May hold a range")
    interface: str | None = Field(None, description="network interface of node_ip; default: found on the host")
    groups: tuple[str, ...] = Field((), description="groups it belongs to, besides those that list it")


class GroupEntry(Settings):
    """Settings for some of the hosts. Where several groups say something, the later one in the file wins."""

    hosts: tuple[str, ...] = Field((), description="names of hosts, or ranges such as `gpu-[02:04]`")
    role: Role | None = Field(None, description="of each of its hosts")
    interface: str | None = Field(None, description="network interface of node_ip; default: found on the host")


class InventoryFile(Settings):
    """An inventory of provision: hosts, how to reach them, and what the cluster should be."""

    cluster: Name = Field(description="name of the cluster, part of the names of everything on the hosts")
    hosts: dict[str, HostEntry] = Field(description="by name; a name may hold a range, such as `gpu-[02:04]`")
    groups: dict[str, GroupEntry] = Field({}, description="by name, in the order in which they override each other")
    python: Python = Field(Python(), description="the environment, identical on every host")
    proxy: Proxy | None = Field(None, description="what is fetched goes through this proxy")
    runtime: Runtime | None = Field(None, description="run in containers of an image, instead of `python`")
    serve: Serve | None = Field(None, description="the model to serve, and how it is cut")
    models: dict[str, ServedModel] = Field({}, description="instead of `serve`: name → its settings; so far one entry")
    serverlessllm: ServerlessLlm | None = Field(
        None, description="instead of `serve`: models that ServerlessLLM loads when they are asked for"
    )
    secrets: dict[str, SecretSource] = Field({}, description="environment variable of the model server → its source")
    sudo_password: SecretSource | None = Field(None, description="where the password for sudo comes from")
    firewall: FirewallSettings = Field(
        FirewallSettings(), description="`true`, or a mapping: keep hosts outside the cluster from its ports"
    )
    transfer: Transfers = Field(Transfers(), description="how large files come to the hosts")
    spares: int = Field(
        0, ge=0, description="so many hosts are prepared and not started; one of them serves when another is gone"
    )
    playbook: str | None = Field(
        None, description="your own playbook, a file relative to the inventory, instead of the built-in one"
    )
    accept: tuple[Accepted, ...] = Field((), description="findings that are known and may stay, each with its reason")
