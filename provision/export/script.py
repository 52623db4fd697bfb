"""`export script`: each service as a script that becomes it, and one that starts and stops them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.cluster.cluster import Cluster
from provision.export.common import WITH_SECRETS, File, assignments, files_of, program, wait_command
from provision.export.layout import HostLayout, HostProgram, Wait
from provision.export.words import sh, sh_command, sh_exports


def script_files(cluster: Cluster, hosts: Sequence[HostLayout]) -> dict[str, File]:
    found: dict[str, File] = {}
    for host in hosts:
        for name, file in {**files_of(cluster, host, wrapped=True), **_scripts(host)}.items():
            found[f"{host.name}/{name}"] = file
    return found


def _scripts(host: HostLayout) -> dict[str, File]:
    found = {"run.sh": File(program("run.sh"), runs=True)}
    for one in host.programs:
        found[f"{one.name}.sh"] = File(_service(host, one), runs=True)
        for kind, waits in (("wait", one.before), ("ready", one.ready)):
            if waits:
                found[f"{one.name}.{kind}.sh"] = File(_waiting(host, one, waits), runs=True)
    return found


def _service(host: HostLayout, one: HostProgram) -> str:
    secrets = f"# Its secrets are in {one.secrets_file}: {', '.join(one.secrets)}.\n" if one.secrets else ""
    return (
        f"#!/bin/sh\n# {one.label} on {host.name}, in the foreground. `run.sh start` has it run on.\n{secrets}"
        f"cd /\n{sh_exports(one.variables)}"
        'ulimit -n "$(ulimit -Hn)" 2>/dev/null\n'
        f"exec {sh_command([*with_secrets(host, one), *one.command])} </dev/null\n"
    )


def with_secrets(host: HostLayout, one: HostProgram) -> tuple[str, ...]:
    return ("/bin/sh", f"{host.lib}/{WITH_SECRETS}", one.secrets_file) if one.secrets else ()


def _waiting(host: HostLayout, one: HostProgram, waits: Sequence[Wait]) -> str:
    moment = "before" if waits is one.before else "after"
    lines = [f"#!/bin/sh\n# What is waited for {moment} {one.label} is started.\ncd /\n"]
    for wait in waits:
        variables: Mapping[str, str] = wait.variables
        words = [*(with_secrets(host, one) if waits is one.ready else ()), *wait_command(host, wait)]
        lines.append(f"# {wait.title[0].upper()}{wait.title[1:]}.\n")
        lines.append(f"{assignments(variables)}{' '.join(map(sh, words))} </dev/null || exit 1\n")
    return "".join(lines)
