"""`export systemd`: a unit for each service, that a reboot or a crash starts again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from provision.cluster.cluster import Cluster
from provision.export.common import File, files_of, wait_command
from provision.export.layout import HostLayout, HostProgram, Wait
from provision.export.words import systemd, systemd_command
from provision.inventory.models import SYSTEM_USER
from provision.resources.hardening import HARDENING
from provision.resources.system_user import home_of

#: As payload/service/unit_file.sh has it: the driver's setuid helper cannot be run with NoNewPrivileges.
_DEVICES = '-+/bin/sh -c "! command -v nvidia-modprobe >/dev/null || nvidia-modprobe -u -c=0"'


def systemd_files(cluster: Cluster, hosts: Sequence[HostLayout]) -> dict[str, File]:
    found: dict[str, File] = {}
    for host in hosts:
        units = {unit(cluster, one): File(_unit(cluster, host, one)) for one in host.programs}
        for name, file in {**files_of(cluster, host, tuple(units)), **units}.items():
            found[f"{host.name}/{name}"] = file
    return found


def unit(cluster: Cluster, one: HostProgram) -> str:
    return f"{cluster.name}-{one.name}.service"


def of_the_system(host: HostLayout) -> HostLayout:
    """Units of the system run as a user that is named, and root installs for that one."""
    user = host.user or SYSTEM_USER
    home = host.home or ("" if host.user else home_of(user))
    own = {"USER": user, **({"HOME": home} if home else {})}
    return replace(
        host,
        user=user,
        home=home,
        makes_user=host.makes_user or not host.user,
        programs=tuple(replace(one, user=user, variables={**own, **one.variables}) for one in host.programs),
        secrets=tuple(replace(place, owner=user) for place in host.secrets),
    )


def _unit(cluster: Cluster, host: HostLayout, one: HostProgram) -> str:
    return "".join(f"{line}\n" for line in _lines(cluster, host, one))


def _lines(cluster: Cluster, host: HostLayout, one: HostProgram) -> Iterator[str]:
    yield f"# {one.label} on {host.name}. To be at /etc/systemd/system/{unit(cluster, one)}; install.sh puts it there."
    yield from ("[Unit]", f"Description={one.label} of the cluster {cluster.name}")
    yield from ("Wants=network-online.target", "After=network-online.target", "StartLimitIntervalSec=0")
    # What runs on the same host below it: its Ray.
    for other in host.programs[: host.programs.index(one)]:
        yield from (f"{key}={unit(cluster, other)}" for key in ("Requires", "After", "PartOf"))
    yield from ("", "[Service]", "Type=exec", f"User={one.user}")
    yield from (f"Environment={systemd(f'{name}={value}')}" for name, value in one.variables.items())
    if one.secrets:
        yield f"# {', '.join(one.secrets)}: `NAME=value` lines, mode 0600."
        yield f"EnvironmentFile={one.secrets_file}"
    yield f"ExecStartPre={_DEVICES}"
    for path, mode in host.folders.items():
        # A reboot empties /tmp.
        yield f"ExecStartPre=+/usr/bin/install -d -m {mode} -o {one.user} {path}"
    yield from (f"ExecStartPre={_waiting(host, wait)}" for wait in one.before)
    yield f"ExecStart={systemd_command(one.command)}"
    yield from (f"ExecStartPost={_waiting(host, wait)}" for wait in one.ready)
    yield from ("TimeoutStartSec=infinity", "Restart=always", "RestartSec=5")
    yield from ("KillMode=control-group", "TimeoutStopSec=20", "TasksMax=infinity")
    yield from ("LimitNOFILE=1048576", "LimitMEMLOCK=infinity")
    yield from HARDENING.splitlines()
    yield from ("", "[Install]", "WantedBy=multi-user.target")


def _waiting(host: HostLayout, wait: Wait) -> str:
    words = [f"{name}={value}" for name, value in wait.variables.items()]
    return " ".join(systemd(word, command=True) for word in ("/usr/bin/env", *words, *wait_command(host, wait)))
