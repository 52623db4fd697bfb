"""The README of an export: in which order, with which secrets, and what is not in it."""

from __future__ import annotations

import posixpath
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
    "ansible": (
        "Needs ansible-core here, Python on the hosts, and a user there who may become root. Put the secrets named "
        "below into\n`secrets/HOST/` here, each by the name that its path ends with (`ansible-vault encrypt` keeps "
        "them), and the model onto the hosts:\n\n"
        "```sh\nansible-playbook -i inventory.yml site.yml --ask-vault-pass\n```\n"
    ),
    "compose": (
        "Copy each folder to its host, which has Docker with the NVIDIA Container Toolkit. In it, on every host at "
        "once:\n\n"
        "```sh\nmkdir -m 700 -p secrets     # and in it the files named below\n"
        "docker compose up -d --wait\ndocker compose ps\ndocker compose down        # on the workers last\n```\n\n"
        "The wait services end once what they wait for is there.\n"
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


def readme(kind: str, image: str, cluster: Cluster, hosts: Sequence[HostLayout], notes: Sequence[str]) -> str:
    return "\n".join(_parts(kind, image, cluster, hosts, notes))


def _parts(kind: str, image: str, cluster: Cluster, hosts: Sequence[HostLayout], notes: Sequence[str]) -> Iterator[str]:
    root = ", with root's rights" if any(one.user for host in hosts for one in host.programs) else ""
    yield f"# {cluster.name}, without provision ({kind})\n"
    yield f"What provision {__version__} would run on these hosts, written by `provision export {kind}`.\n"
    yield "## What to do\n"
    programs = list(dict.fromkeys(one.name for host in hosts for one in host.programs))
    if kind == "script" and image:
        fetched = f"fetches `{image}`" if "://" in image else f"expects `{image}`"
        yield f"Every host needs Apptainer (or Singularity): `install.sh` looks for it in PATH, and {fetched}.\n"
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
    models = {f"{host.name}: `{host.model.folder}`": host.model for host in hosts if host.model}
    if models:
        yield "## The model\n\nIt has to be there, the same on all hosts:\n"
        for where, model in models.items():
            at = f" at revision {model.revision}" if model.revision else ""
            yield f"- {where}{f', downloaded from {model.repo}{at}' if model.repo else ''}"
        yield ""
    yield "## Secrets\n"
    yield "No secret is in these files. Write each of these on its host, mode 0600:\n"
    for host in hosts:
        for place in host.secrets:
            what = f"`NAME=value` lines, one each for {', '.join(place.names)}" if place.names else place.what
            path = f"secrets/{posixpath.basename(place.path)}" if kind == "compose" else place.path
            yield f"- {host.name}: `{path}`: {what}"
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
