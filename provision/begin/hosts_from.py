"""Where the hosts of a first inventory are named: on the command line, in a file of whatever kind, by Slurm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from provision.begin.named import Named, NamedHosts, is_address, once, places
from provision.begin.nodelist import split_list
from provision.begin.ssh_hosts import OWN, hosts_of_config
from provision.core.errors import UsageError
from provision.core.person import expanded
from provision.core.regex import regex
from provision.inventory.ansible_ini import is_ini
from provision.inventory.files import read_text
from provision.inventory.hosts import Listed
from provision.inventory.models import Ssh
from provision.inventory.problems import Problems
from provision.inventory.reader import list_hosts

#: What Slurm tells the processes of an allocation, the second one until release 2.6 (sbatch(1), OUTPUT ENVIRONMENT
#: VARIABLES).
SLURM = ("SLURM_JOB_NODELIST", "SLURM_NODELIST")

_SSH_CONFIG = regex(r"^[ \t]*(Host|Match|Include)([ \t]*=[ \t]*|[ \t]+)\S", re.IGNORECASE | re.MULTILINE)
_MAPPING = regex(r"^[\"']?[\w.-]+[\"']?:(\s|$)|^\{", re.MULTILINE)


def allocation(environ: Mapping[str, str]) -> str:
    """The hosts of Slurm's allocation that we are in, as it writes them; empty without one."""
    return next((environ[name] for name in SLURM if environ.get(name)), "")


def hosts_from(words: Sequence[str], file: Path | None, environ: Mapping[str, str]) -> NamedHosts:
    """`words`: names, ranges and lists of them; with `file`, patterns of which of its hosts are meant, none for all.
    With neither it is Slurm's allocation. Raises UsageError, InventoryError."""
    parts = [part for word in words for part in split_list(word)]
    patterns = [part for part in parts if "*" in part or "?" in part]
    if file is None and patterns and expanded(OWN).is_file():
        file = OWN
    if file is not None:
        return _chosen(_in_file(file), parts)
    if patterns:
        raise UsageError(
            f"--hosts: `{patterns[0]}` is a pattern, and there is no `{OWN}` with names that it could mean",
            hint="write `'gpu-[01:08]'`, or name a file: `--from hosts.txt`",
        )
    if parts:
        return NamedHosts(once([host for part in parts for host in places(part, "--hosts")]), "--hosts")
    if nodes := allocation(environ):
        job = environ.get("SLURM_JOB_ID", "")
        return NamedHosts(once(places(nodes, SLURM[0])), f"Slurm's allocation {job}".rstrip())
    raise UsageError(
        "which hosts? None are named, and this is no allocation of Slurm's",
        hint="`provision init --hosts 'gpu-[01:08]'`, or `--from FILE`",
    )


def _chosen(found: NamedHosts, parts: Sequence[str]) -> NamedHosts:
    if not found.hosts:
        raise UsageError(
            f"{found.origin} names no host", hint="write one host in each line, or `--hosts 'gpu-[01:08]'`"
        )
    if not parts:
        return found
    wanted: list[Named] = []
    for part in parts:
        pattern = "*" in part or "?" in part
        names = [part] if pattern else [host.name for host in places(part, "--hosts")]
        for name in names:
            fitting = [host for host in found.hosts if fnmatchcase(host.name, name)]
            if not fitting:
                known = ", ".join(host.name for host in found.hosts[:6]) + (", …" if len(found.hosts) > 6 else "")
                raise UsageError(f"--hosts: no host of {found.origin} is called `{name}`", hint=f"they are {known}")
            wanted += fitting
    return replace(found, hosts=once(wanted))


def _in_file(file: Path) -> NamedHosts:
    path = expanded(file)
    problems = Problems(str(file))
    text = read_text(path, problems)
    problems.stop_if_any()
    origin = f"`{file}`"
    if _SSH_CONFIG.search(text):
        own = path.absolute() == expanded(OWN).absolute()
        return NamedHosts(hosts_of_config(path, own=own), origin)
    if (
        text.startswith("#!")
        or is_ini(text, path)
        or path.suffix in (".yaml", ".yml", ".json")
        or _MAPPING.search(text)
    ):
        return NamedHosts(tuple(_of_inventory(host) for host in list_hosts(path)), origin)
    return NamedHosts(_of_list(text, str(file)), origin)


def _of_inventory(host: Listed) -> Named:
    def said(*path: str) -> str:
        node = host.settings.find(*path)
        return node.text if node is not None and node.is_scalar and node.value is not None else ""

    return Named(
        host.name,
        address=said("address") if said("address") != host.name else "",
        ssh={key: found for key in Ssh.model_fields if (found := said("ssh", key))},
        sudo=said("sudo") == "true",
        head=said("role") == "head",
    )


def _of_list(text: str, file: str) -> tuple[Named, ...]:
    """One host in each line, as for MPI (`gpu-01 slots=8`), or as /etc/hosts has it (`10.0.0.1 gpu-01`)."""
    found: list[Named] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = [word for word in line.partition("#")[0].split() if "=" not in word]
        if not words:
            continue
        where = f"{file}:{number}"
        if len(words) > 1 and is_address(words[0]):
            found.append(replace(places(words[1], where)[0], address=words[0]))
        elif len(words) > 1:
            raise UsageError(
                f"{where}: `{line.strip()[:60]}` is neither a host nor an address with a name",
                hint="write one host in each line: `gpu-01`, `ubuntu@10.0.0.1`, or `10.0.0.1 gpu-01`",
            )
        else:
            found += places(words[0].removesuffix(","), where)
    return once(found)
