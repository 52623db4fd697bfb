"""`export script`: each service as a script that becomes it, and one that starts and stops them; with an image, in
Apptainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from provision.cluster.cluster import Cluster
from provision.export import apptainer
from provision.export.common import WITH_SECRETS, File, assignments, files_of, program, wait_command
from provision.export.image import OF_THE_HOST, entry
from provision.export.layout import HostLayout, HostProgram, Wait
from provision.export.words import sh, sh_command, sh_exports


def script_files(cluster: Cluster, hosts: Sequence[HostLayout], image: str = "") -> dict[str, File]:
    found: dict[str, File] = {}
    for host in hosts:
        # What the environment is for is in the image.
        installed = replace(host, environment="") if image else host
        boxed = apptainer.values(host, image) if image else {}
        common = files_of(cluster, installed, wrapped=True, more=boxed)
        for name, file in {**common, **_scripts(host, image)}.items():
            found[f"{host.name}/{name}"] = file
    return found


def _scripts(host: HostLayout, image: str) -> dict[str, File]:
    found = {"run.sh": File(program("run.sh"), runs=True)}
    for one in host.programs:
        found[f"{one.name}.sh"] = File(_service(host, one, image), runs=True)
        for kind, waits in (("wait", one.before), ("ready", one.ready)):
            if waits:
                found[f"{one.name}.{kind}.sh"] = File(_waiting(host, one, waits, image), runs=True)
    return found


def _service(host: HostLayout, one: HostProgram, image: str) -> str:
    secrets = f"# Its secrets are in {one.secrets_file}: {', '.join(one.secrets)}.\n" if one.secrets else ""
    words, variables = [*with_secrets(host, one), *one.command], dict(one.variables)
    if image:
        program_, arguments = entry(host, one, one.secrets_file, "$")
        words = [*apptainer.command(host, image), *program_, *arguments]
        variables = {name: value for name, value in variables.items() if name not in OF_THE_HOST}
    return (
        f"#!/bin/sh\n# {one.label} on {host.name}, in the foreground. `run.sh start` has it run on.\n{secrets}"
        f"cd /\n{sh_exports(variables)}"
        'ulimit -n "$(ulimit -Hn)" 2>/dev/null\n'
        f"exec {sh_command(words)} </dev/null\n"
    )


def with_secrets(host: HostLayout, one: HostProgram) -> tuple[str, ...]:
    return ("/bin/sh", f"{host.lib}/{WITH_SECRETS}", one.secrets_file) if one.secrets else ()


def _waiting(host: HostLayout, one: HostProgram, waits: Sequence[Wait], image: str) -> str:
    moment = "before" if waits is one.before else "after"
    lines = [f"#!/bin/sh\n# What is waited for {moment} {one.label} is started.\ncd /\n"]
    for wait in waits:
        variables: Mapping[str, str] = wait.variables
        words = [*(with_secrets(host, one) if waits is one.ready else ()), *wait_command(host, wait)]
        if image:
            words = [*apptainer.command(host, image), *words[:-3], *wait_command(replace(host, environment=""), wait)]
        lines.append(f"# {wait.title[0].upper()}{wait.title[1:]}.\n")
        lines.append(f"{assignments(variables)}{' '.join(map(sh, words))} </dev/null || exit 1\n")
    return "".join(lines)
