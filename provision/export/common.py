"""What scripts, units and Ansible have in common: the values of a host, its files, and what installs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from provision.cluster.cluster import Cluster
from provision.core.script import quote
from provision.core.values import dataclass
from provision.export.layout import HostFile, HostLayout, Wait
from provision.export.words import sh
from provision.payload.bundle import shell, standalone

#: Files of the export → the programs that they are.
PROGRAMS = {
    "wait_for_head.py": "lifeline:reach",
    "wait_for_members.py": "ray_members:main",
    "wait_for_answer.py": "answering:main",
}

WITH_SECRETS = "with_secrets.sh"

#: Who installs, where a list names an owner.
_NOBODY = "-"


@dataclass(frozen=True)
class File:
    """A file of the export, by its path below it elsewhere."""

    text: str
    runs: bool = False


def files_of(
    cluster: Cluster,
    host: HostLayout,
    units: Sequence[str] = (),
    *,
    wrapped: bool = False,
    more: Mapping[str, str] | None = None,
) -> dict[str, File]:
    """What every kind of export has for one host. `wrapped`: secrets are read by WITH_SECRETS. `more`: values."""
    placed = [*host.files, *library(host, wrapped=wrapped)]
    names = _names(placed)
    return {
        "host.sh": File(values(cluster, host, units, more or {})),
        "install.sh": File(program("install.sh"), runs=True),
        "folders": File("".join(folders(host))),
        "files.list": File("".join(map(_line, placed, names))),
        "secrets.list": File("".join(_secrets(host))),
        **({"requirements.txt": File(cluster.lock.requirements)} if host.environment else {}),
        **{f"files/{name}": File(file.text) for file, name in zip(placed, names, strict=True)},
    }


def program(name: str) -> str:
    """A shell program of the export."""
    return f"#!/bin/sh\n{shell(f'export/{name}')}"


def library(host: HostLayout, *, wrapped: bool) -> Iterator[HostFile]:
    """What the host's programs wait with, and read secrets with."""
    waits = {wait.file for one in host.programs for wait in (*one.before, *one.ready)}
    for file in sorted(waits):
        yield HostFile(f"{host.lib}/{file}", standalone(PROGRAMS[file]))
    if wrapped and any(one.secrets for one in host.programs):
        yield HostFile(f"{host.lib}/{WITH_SECRETS}", program(WITH_SECRETS), "755")


def values(cluster: Cluster, host: HostLayout, units: Sequence[str], more: Mapping[str, str]) -> str:
    names = [one.name for one in host.programs]
    model = host.model
    found = {
        "host": host.name,
        "mark": f"{cluster.name}/{host.name}",
        "folder": host.folder,
        "user": host.user if any(one.user for one in host.programs) else "",
        "makes_user": "yes" if host.makes_user else "",
        "home": host.home,
        "services": " ".join(names),
        "stops": " ".join(reversed(names)),
        "units": " ".join(units),
        "environment": host.environment,
        "python": host.python,
        "model": model.folder if model else "",
        "model_repo": model.repo if model else "",
        "model_revision": model.revision if model else "",
        **more,
    }
    head = f"# {host.name}, the {host.role} of the cluster {cluster.name}, at {host.node_ip}.\n"
    return head + "".join(f"{name}={quote(value)}\n" for name, value in found.items())


def folders(host: HostLayout) -> Iterator[str]:
    owner = host.user if any(one.user for one in host.programs) else ""
    yield f"755\t{_NOBODY}\t{host.folder}\n"
    yield f"700\t{_NOBODY}\t{host.folder}/log\n"
    if host.home:
        yield f"700\t{owner or _NOBODY}\t{host.home}\n"
    for path, mode in host.folders.items():
        yield f"{mode}\t{owner or _NOBODY}\t{path}\n"


def wait_command(host: HostLayout, wait: Wait) -> tuple[str, ...]:
    """What runs one of PROGRAMS: with the environment's packages only where it needs them."""
    python = f"{host.environment}/bin/python" if host.environment else "python3"
    return (python, "-I", f"{host.lib}/{wait.file}")


def _line(file: HostFile, name: str) -> str:
    return f"{file.mode}\t{file.owner or _NOBODY}\t{file.path}\t{name}\n"


def _names(placed: Sequence[HostFile]) -> list[str]:
    """Below `files/`: each by its own name, and with its folder's where two have the same."""
    last = [file.path.rpartition("/")[2] for file in placed]
    return [
        name if last.count(name) == 1 else "-".join(file.path.split("/")[-2:])
        for file, name in zip(placed, last, strict=True)
    ]


def _secrets(host: HostLayout) -> Iterator[str]:
    for place in host.secrets:
        names = " ".join(place.names) or _NOBODY
        yield f"{place.path}\t{place.owner or _NOBODY}\t{names}\t{place.what}\n"


def assignments(variables: Mapping[str, str]) -> str:
    """In front of a command of sh."""
    return "".join(f"{name}={sh(value)} " for name, value in variables.items())
