"""What a playbook puts on each host, without the probing and fixing: programs, files, folders, and what each waits for.

Commands, variables, ports and addresses are those of the resources themselves, so that an export runs what `up` runs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from provision.cluster.cluster import Cluster, Node
from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.core.values import dataclass
from provision.payload.bundle import module
from provision.resources.absent import Absent
from provision.resources.firewall import OpenPorts
from provision.resources.module import ModuleFile
from provision.resources.plain_digests import PlainDigests
from provision.resources.ports import PortsFree
from provision.resources.ranks import Ranks
from provision.resources.ray import RayHead, RayNode
from provision.resources.ray_members import RayMembers
from provision.resources.secret_file import SecretFile
from provision.resources.service import Service
from provision.resources.service_secrets import is_secret
from provision.resources.system_user import SystemUser, home_of
from provision.resources.text_file import TextFile
from provision.resources.venv import Venv
from provision.resources.vllm import VllmServer
from provision.resources.vllm_mp import Answers, VllmWorker
from provision.resources.weights import Weights

#: Steps that look, count or take away, and leave nothing behind that a host needs.
_NOTHING_TO_PUT = (PortsFree, OpenPorts, Ranks, RayMembers, Answers, Absent, PlainDigests)

#: Secret → what its file holds, where its name does not say it.
_IN_WORDS = {"serve.tls": "the API's private key and its certificates in PEM"}

#: To whom a variable belongs that says which interface to take: empty where it is not known.
_INTERFACE = ("NCCL_SOCKET_IFNAME", "GLOO_SOCKET_IFNAME")


@dataclass(frozen=True)
class Wait:
    """A program of the export that ends well once what it waits for is there. `file`: its name in `lib`."""

    title: str
    file: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class HostProgram:
    """A service. `secrets`: the variables that it reads from `secrets_file`, since the export holds no value of one.
    `before`: what it waits for; `ready`: what waits for it. `ports`: that it opens for others."""

    name: str
    label: str
    command: tuple[str, ...]
    variables: Mapping[str, str]
    user: str
    secrets: tuple[str, ...] = ()
    secrets_file: str = ""
    before: tuple[Wait, ...] = ()
    ready: tuple[Wait, ...] = ()
    ports: tuple[int, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class HostFile:
    """A file on a host. `owner` is empty for whoever installs."""

    path: str
    text: str
    mode: str = "644"
    owner: str = ""


@dataclass(frozen=True)
class SecretPlace:
    """A file that a person has to write, 0600. `names`: of variables, one `NAME=value` a line; none: the file is the
    secret."""

    path: str
    what: str
    names: tuple[str, ...] = ()
    owner: str = ""


@dataclass(frozen=True)
class ModelPlace:
    """`repo`: what is downloaded; empty: the folder has to be there."""

    folder: str
    repo: str = ""
    revision: str = ""


@dataclass(frozen=True)
class HostLayout:
    """One host. `folder`: what belongs to this cluster there; `folders`: path → mode, `user`'s alone. `left_out`: what
    the playbook has and the export does not, in words."""

    name: str
    role: str
    address: str
    node_ip: str
    user: str
    home: str
    folder: str
    environment: str = ""
    python: str = ""
    programs: tuple[HostProgram, ...] = ()
    files: tuple[HostFile, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[SecretPlace, ...] = ()
    model: ModelPlace | None = None
    makes_user: bool = False
    gpus: int = 0
    left_out: tuple[str, ...] = ()

    @property
    def lib(self) -> str:
        """Where the export's own files lie on the host."""
        return f"{self.folder}/lib"


def layouts(cluster: Cluster, book: Playbook) -> tuple[HostLayout, ...]:
    """By host, in the order of the inventory."""
    return tuple(_layout(cluster, node, book) for node in cluster.nodes)


def _layout(cluster: Cluster, node: Node, book: Playbook) -> HostLayout:
    here = [step.resource for step in book.steps if step.host == node.name]
    folder = f"{node.root}/clusters/{cluster.name}/{node.name}"
    venv = next((r for r in here if isinstance(r, Venv)), None)
    weights = next((r for r in here if isinstance(r, Weights)), None)
    made = next((r for r in here if isinstance(r, SystemUser)), None)
    user = made.name if made else (node.facts.login_user if node.facts else "")
    programs, secrets, folders = [], list(_secret_files(here)), {}
    for resource in here:
        if not isinstance(resource, Service):
            continue
        program = _program(cluster, resource, folder, here)
        programs.append(program)
        if program.secrets:
            secrets.append(SecretPlace(program.secrets_file, f"for {program.label}", program.secrets, program.user))
        if scratch := resource.scratch():
            folders[scratch] = "700"
        for name in ("TMPDIR", "VLLM_CONFIG_ROOT"):
            if name in program.variables:
                folders[program.variables[name]] = "700"
    return HostLayout(
        name=node.name,
        role=node.host.role,
        address=node.host.address,
        node_ip=node.node_ip,
        user=user,
        home=home_of(made.name) if made else "",
        folder=folder,
        environment=str(venv.path) if venv else "",
        python=venv.python.version if venv else "",
        programs=tuple(programs),
        files=tuple(_files(here)),
        folders=folders,
        secrets=tuple(secrets),
        model=_model(weights),
        gpus=node.gpus,
        makes_user=made is not None and not made.chosen,
        left_out=tuple(_left_out(here, node)),
    )


def _program(cluster: Cluster, service: Service, folder: str, here: list[Resource]) -> HostProgram:
    name = service.place.owner_mark.rpartition("/")[2]
    given = {**service.started_with(), **service.environment()}
    hidden = tuple(key for key, value in given.items() if is_secret(value))
    plain = {k: str(v) for k, v in given.items() if k not in hidden and not _unknown(k, v)}
    seconds = str(int(cluster.inventory.ray.join_timeout))
    return HostProgram(
        name=name,
        label=service.label,
        command=service.command(),
        variables=plain,
        user=service.place.user,
        secrets=hidden,
        secrets_file=f"{folder}/{name}.secrets" if hidden else "",
        before=tuple(_waits(service, here, seconds)),
        ready=tuple(_answers(service)),
        ports=service.ports(),
        url=service.url if isinstance(service, VllmServer) and not isinstance(service, VllmWorker) else "",
    )


def _unknown(name: str, value: object) -> bool:
    """Whether a variable would name an interface that nobody knows. One that the inventory sets stays as it is."""
    return name in _INTERFACE and value in ("", "=")


def _waits(service: Service, here: list[Resource], seconds: str) -> Iterator[Wait]:
    """A worker waits for its head; what runs on the cluster, for all members."""
    if isinstance(service, RayNode) and not isinstance(service, RayHead):
        if places := service.unit().before.vars.get("places"):
            yield Wait("the Ray head", "wait_for_head.py", {"PLACES": str(places), "SECONDS_LEFT": seconds})
        return
    members = next((r for r in here if isinstance(r, RayMembers)), None)
    if members is None or isinstance(service, RayNode):
        return
    head = members.head
    if head.setup.tells_plainly:
        address, port, name = head.store
        yield Wait("the Ray head", "wait_for_head.py", {"PLACES": f"{address} {port} {name}", "SECONDS_LEFT": seconds})
    counted = members.counted().vars
    # As payload/ray/members.sh has it.
    yield Wait(
        "all members of Ray",
        "wait_for_members.py",
        {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(counted["token_file"]),
            "RAY_ADDRESS": str(counted["address"]),
            "RAY_USAGE_STATS_ENABLED": "0",
            "EXPECTED": str(counted["expected"]),
            "OTHERS": str(counted["others"]),
            "FORMER": "",
            "SECONDS_LEFT": str(counted["seconds"]),
            "NODE_IP": str(counted["node_ip"]),
        },
    )


def _answers(service: Service) -> Iterator[Wait]:
    if not isinstance(service, VllmServer) or isinstance(service, VllmWorker):
        return
    yield Wait(
        "the model's answer",
        "wait_for_answer.py",
        {
            "URL": service.url,
            "MODEL": service.serve.name or service.serve.model,
            "SECONDS_LEFT": str(int(service.serve.ready_timeout)),
        },
    )


def _files(here: list[Resource]) -> Iterator[HostFile]:
    for resource in here:
        if isinstance(resource, TextFile):
            yield HostFile(resource.path, resource.text, resource.mode, resource.owner)
        elif isinstance(resource, RayHead):
            yield from _module(resource.starter)
        elif isinstance(resource, VllmServer):
            yield from _module(resource.guarded.module)


def _module(one: ModuleFile) -> Iterator[HostFile]:
    if one.on:
        yield HostFile(one.path, module(one.source))


def _secret_files(here: list[Resource]) -> Iterator[SecretPlace]:
    for resource in here:
        if isinstance(resource, SecretFile):
            yield SecretPlace(
                resource.path, _IN_WORDS.get(resource.secret.name, resource.secret.name), (), resource.owner
            )


def _model(weights: Weights | None) -> ModelPlace | None:
    if weights is None:
        return None
    return ModelPlace(weights.folder, weights.repo, weights.revision)


def _left_out(here: list[Resource], node: Node) -> Iterator[str]:
    known = (Service, SecretFile, TextFile, Venv, Weights, SystemUser, *_NOTHING_TO_PUT)
    for resource in here:
        if not isinstance(resource, known):
            yield f"{node.name}: {resource.label}"
    services = [r.environment() for r in here if isinstance(r, Service)]
    if lost := [name for name in _INTERFACE if any(_unknown(name, given.get(name)) for given in services)]:
        yield f"{node.name}: {' and '.join(lost)}, since its interface is not known"
