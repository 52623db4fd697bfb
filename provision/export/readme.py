"""The README of an export: in which order, with which secrets, and what is not in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provision.cluster.cluster import Cluster
from provision.core.version import __version__
from provision.export.layout import HostLayout

_STEPS = {
    "script": (
        "Copy each folder to its host, to any place there. On every host, as whoever is to run the services"
        "{root}:\n\n"
        "```sh\n./install.sh      # says which secrets and which model are missing: write them, and run it again\n"
        "./run.sh start    # on all hosts at once: each waits for those that it needs\n"
        "./run.sh status\n./run.sh stop     # on the workers last\n```\n"
    ),
    "systemd": (
        "Copy each folder to its host, to any place there. On every host, as root:\n\n"
        "```sh\n./install.sh      # says which secrets and which model are missing: write them, and run it again\n"
        "systemctl start {units}    # on all hosts at once: each waits for those that it needs\n"
        "systemctl status {units}\nsystemctl stop {units}     # on the workers last\n```\n\n"
        "A worker has the unit of Ray alone. `install.sh` enables the units: they start again after a crash and a "
        "reboot.\nTo remove them: `systemctl disable --now {units}`, and the files in /etc/systemd/system.\n"
    ),
}


def readme(kind: str, cluster: Cluster, hosts: Sequence[HostLayout], notes: Sequence[str]) -> str:
    return "\n".join(_parts(kind, cluster, hosts, notes))


def _parts(kind: str, cluster: Cluster, hosts: Sequence[HostLayout], notes: Sequence[str]) -> Iterator[str]:
    root = ", with root's rights" if any(one.user for host in hosts for one in host.programs) else ""
    yield f"# {cluster.name}, without provision ({kind})\n"
    yield f"What provision {__version__} would run on these hosts, written by `provision export {kind}`.\n"
    yield "## What to do\n"
    programs = list(dict.fromkeys(one.name for host in hosts for one in host.programs))
    yield _STEPS[kind].format(root=root, units=" ".join(f"{cluster.name}-{name}" for name in programs))
    yield "## What runs\n"
    yield "| host | address | program | waits for | opens |\n|---|---|---|---|---|"
    for host in hosts:
        for one in host.programs:
            waits = ", ".join(wait.title for wait in one.before) or "nobody"
            ports = " ".join(map(str, one.ports)) or "none"
            yield f"| {host.name} | {host.node_ip} | {one.label} | {waits} | {ports} |"
    urls = [one.url for host in hosts for one in host.programs if one.url]
    yield "".join(f"\nThe model answers at {url}/v1.\n" for url in urls)
    yield "## Secrets\n"
    yield "No secret is in these files. Write each of these on its host, mode 0600:\n"
    for host in hosts:
        for place in host.secrets:
            what = f"`NAME=value` lines, one each for {', '.join(place.names)}" if place.names else place.what
            yield f"- {host.name}: `{place.path}`: {what}"
    if any(place.what == "RAY_AUTH_TOKEN" for host in hosts for place in host.secrets):
        yield "\nRAY_AUTH_TOKEN is one token for all hosts; `openssl rand -hex 32` makes one."
    if notes:
        yield "\n## Not known, or not in here\n"
        yield from (f"- {note}" for note in notes)
    yield "\n## What provision does beside\n"
    yield (
        "It proves that the hosts reach each other, compares drivers, packages and weights, restarts what has lost\n"
        "its head, and notices drift. Here a worker and vLLM have to be started again after the head was.\n"
    )
