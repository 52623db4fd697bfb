"""`export ansible`: a playbook that puts the units of `export systemd` on the hosts and starts them in order."""

from __future__ import annotations

from collections.abc import Sequence

import yaml

from provision.cluster.cluster import Cluster
from provision.export.common import File
from provision.export.layout import HostLayout
from provision.export.systemd import systemd_files, unit

_HEAD = "# Made by `provision export ansible`. README.md says how to run it.\n"

#: What the hosts get, below a folder of their name.
_HOST = "hosts/{{ inventory_hostname }}/"

#: `-e wheels=FOLDER`: a folder on the hosts to install from.
_WHEELS = {"WHEELS": "{{ wheels | default('') }}"}

#: Beside the playbook: the secrets of each host, below a folder of its name, for ansible-vault to keep.
_SECRETS = "secrets/{{ inventory_hostname }}"


def ansible_files(cluster: Cluster, hosts: Sequence[HostLayout]) -> dict[str, File]:
    """Modules of ansible-core alone."""
    units = systemd_files(cluster, hosts)
    return {
        **{f"hosts/{name}": file for name, file in units.items()},
        "inventory.yml": File(_HEAD + _yaml(_inventory(cluster, hosts))),
        "site.yml": File(_HEAD + _yaml(_plays(cluster, hosts))),
    }


def _inventory(cluster: Cluster, hosts: Sequence[HostLayout]) -> object:
    def reached(host: HostLayout) -> dict[str, object]:
        ssh = next(node.host.ssh for node in cluster.nodes if node.name == host.name)
        found: dict[str, object] = {"ansible_host": host.address}
        found |= {"ansible_user": ssh.user} if ssh.user else {}
        found |= {"ansible_port": ssh.port} if ssh.port else {}
        jump = {"ansible_ssh_common_args": f"-o ProxyJump={ssh.jump}"} if ssh.jump else {}
        secrets = [{"name": _basename(place.path), "path": place.path, "owner": place.owner} for place in host.secrets]
        units = [unit(cluster, one) for one in host.programs]
        return {**found, **jump, "units": units, "secret_files": secrets, "folder": f"{host.folder}/install"}

    roles: dict[str, object] = {}
    for role, group in (("head", "head"), ("worker", "workers")):
        members = {host.name: reached(host) for host in hosts if host.role == role}
        if members:
            roles[group] = {"hosts": members}
    return {"all": {"children": roles}}


def _basename(path: str) -> str:
    return path.rpartition("/")[2]


def _plays(cluster: Cluster, hosts: Sequence[HostLayout]) -> list[object]:
    prepared = {
        "name": f"Make the hosts of {cluster.name} ready",
        "hosts": "all",
        "become": True,
        "tasks": [
            _task("The folder of what installs", "file", path="{{ folder }}", state="directory", mode="0755"),
            _task("What installs", "copy", src=_HOST, dest="{{ folder }}/", mode="preserve"),
            {
                **_task("User, folders, files, environment and units", "command", cmd="{{ folder }}/install.sh"),
                # 3: secrets or the model are missing, which come next or are looked for below.
                "environment": _WHEELS,
                "register": "installed",
                "changed_when": False,
                "failed_when": "installed.rc not in [0, 3]",
            },
            {
                **_task(
                    "Secrets",
                    "copy",
                    src=_SECRETS + "/{{ item.name }}",
                    dest="{{ item.path }}",
                    owner="{{ item.owner }}",
                    mode="0600",
                ),
                "loop": "{{ secret_files }}",
                "no_log": True,
            },
            {
                **_task("Nothing is missing", "command", cmd="{{ folder }}/install.sh"),
                "environment": _WHEELS,
                "changed_when": False,
            },
        ],
    }
    return [prepared, *_starts(hosts)]


def _starts(hosts: Sequence[HostLayout]) -> list[object]:
    """The first service of every host, then what waits for all of them."""
    longest = max((len(host.programs) for host in hosts), default=0)
    plays: list[object] = []
    for index in range(longest):
        start = _task("Its unit", "systemd", name="{{ units[" + str(index) + "] }}", state="started", enabled=True)
        plays.append(
            {
                "name": f"Start what waits for {'all members' if index else 'nobody but its head'}",
                "hosts": "all",
                "become": True,
                "tasks": [{**start, "when": f"units | length > {index}"}],
            }
        )
    return plays


def _task(title: str, module: str, /, **arguments: object) -> dict[str, object]:
    return {"name": title, f"ansible.builtin.{module}": arguments}


def _yaml(document: object) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=110, allow_unicode=True)
