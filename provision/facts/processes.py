"""Who holds memory of the GPUs, and which Ray and vLLM run: pids, joined with what /proc shows of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import field
from pathlib import PurePosixPath

from provision.core.regex import regex
from provision.core.values import dataclass
from provision.facts.model import GpuProcess, Program

#: Between arguments, where the kernel has NULs.
SEPARATOR = "\037"

_OWNER = regex(r"l\S{9,10}\s+\d+\s+(\S+)\s+\S+\s.*?\s/proc/(\d{1,10})/exe(?: -> (.*))?\Z", re.ASCII)
_MARK = regex(r"/proc/(\d{1,10})/environ:PROVISION_SERVICE=(.*)\Z", re.ASCII)
_COMMAND = regex(r"/proc/(\d{1,10})/cmdline:(.*)\Z", re.ASCII)
_CONTAINER = regex(r"/proc/(\d{1,10})/cgroup:\d+:[^:]*:(.*?)([0-9a-f]{64})", re.ASCII)
_STARTED = regex(r"started (\d{1,10}) (\d{1,15})\Z", re.ASCII)
_INSTALLED = regex(r"installed (\d{1,10}) (.*)\Z", re.ASCII)

#: Flags whose value is nobody's business: what a command line says goes into reports.
_SECRET = regex(r"(--[\w-]*(?:password|passwd|api[-_]key|token|secret))(=.*)?\Z", re.ASCII | re.IGNORECASE)


#: Clock ticks of /proc/<pid>/stat in a second: USER_HZ, which is 100 wherever NVIDIA's driver runs (proc(5)).
TICKS = 100

#: Characters that are kept of one argument: Ray hands its whole configuration down in one.
LONGEST = 200


@dataclass(slots=True)
class Process:
    """What could be seen of one process; empty where it is another user's and hidden. `started`: seconds after the
    host's own start."""

    user: str = ""
    program: str = ""
    mark: str = ""
    arguments: list[str] = field(default_factory=list)
    installed: list[str] = field(default_factory=list)
    started: float | None = None
    container: str = ""

    @property
    def command(self) -> str:
        shown = []
        hide = False
        for argument in self.arguments:
            secret = _SECRET.match(argument)
            if hide and not argument.startswith("-"):
                argument = "***"
            elif secret and secret[2]:
                argument = f"{secret[1]}=***"
            hide = bool(secret and not secret[2])
            shown.append(argument if len(argument) <= LONGEST else f"{argument[:LONGEST]}…")
        return " ".join(shown)


def read_processes(lines: Sequence[str]) -> dict[int, Process]:
    """By pid: what `about` printed of them."""
    found: dict[int, Process] = {}
    for line in lines:
        if owner := _OWNER.match(line):
            process = found.setdefault(int(owner[2]), Process())
            process.user, process.program = owner[1], owner[3] or ""
        elif _MARK.match(line):
            for mark in filter(None, map(_MARK.match, line.split(SEPARATOR))):
                found.setdefault(int(mark[1]), Process()).mark = mark[2]
        elif said := _COMMAND.match(line):
            # An argument of several lines makes several of these.
            arguments = said[2].rstrip(SEPARATOR).split(SEPARATOR)
            found.setdefault(int(said[1]), Process()).arguments += arguments
        elif inside := _CONTAINER.match(line):
            found.setdefault(int(inside[1]), Process()).container = _container(inside[2], inside[3])
        elif begun := _STARTED.match(line):
            found.setdefault(int(begun[1]), Process()).started = int(begun[2]) / TICKS
        elif listed := _INSTALLED.match(line):
            found.setdefault(int(listed[1]), Process()).installed = listed[2].split()
    return found


def _container(above: str, identity: str) -> str:
    """As container/whose.sh. `above`: what stands before the id in the path of its control group."""
    kinds = {"kubepods": "kubernetes", "cri-": "kubernetes", "crio-": "kubernetes", "libpod-": "podman"}
    engine = next((kind for begin, kind in kinds.items() if begin in above), "docker")
    own = "rootless-" if above.startswith("/user.slice/") else ""
    return f"{own}{engine} {identity[:12]}"


def read_gpu_processes(
    lines: Sequence[str], processes: Mapping[int, Process], uptime: float = 0.0
) -> tuple[GpuProcess, ...]:
    """Rows of `pid, gpu_uuid, used_memory, process_name`. A process on several GPUs has a row for each. `uptime`:
    seconds that the host is up, 0 if it is not known."""
    found = []
    for line in lines:
        cells = [cell.strip() for cell in line.split(",", 3)]
        if len(cells) < 4 or not re.fullmatch(r"\d{1,10}", cells[0], re.ASCII):
            continue
        process = processes.get(int(cells[0]), Process())
        memory = re.match(r"\d{1,9}", cells[2], re.ASCII)
        name = "" if cells[3].startswith("[") else cells[3]
        found.append(
            GpuProcess(
                pid=int(cells[0]),
                gpu=cells[1],
                memory_mib=int(memory[0]) if memory else 0,
                user=process.user,
                command=process.command or name,
                mark=process.mark,
                since=_running(process, uptime),
                container=process.container,
            )
        )
    return tuple(found)


def _running(process: Process, uptime: float) -> float | None:
    """A container may tell its own uptime: then a process of its host seems to be from the future."""
    if process.started is None or uptime < process.started:
        return None
    return uptime - process.started


def read_programs(processes: Mapping[int, Process]) -> tuple[Program, ...]:
    """Those of the processes that are Ray's daemons or a vLLM server, by pid. vLLM's engines and ranks are neither."""
    found = []
    for pid, process in sorted(processes.items()):
        kind = _kind(process.arguments)
        if kind:
            environment = _environment(kind, process.arguments)
            found.append(
                Program(
                    kind=kind,
                    pid=pid,
                    user=process.user,
                    command=process.command,
                    environment=environment,
                    version=_version("vllm" if kind == "vllm" else "ray", process.installed),
                    node_ip=_flag(process.arguments, "--node_ip_address", "--node-ip-address"),
                    replaced=process.program.endswith(" (deleted)"),
                    mark=process.mark,
                    container=process.container,
                )
            )
    return tuple(found)


def _kind(arguments: Sequence[str]) -> str:
    """By the program's own name and its first arguments: a shell or an editor that has them further on is neither."""
    name = PurePosixPath(arguments[0]).name if arguments else ""
    if name in ("raylet", "gcs_server"):
        return name
    if re.match(r"python[\d.]*\Z", name, re.ASCII):
        arguments = list(itertools.dropwhile(lambda a: a.startswith("-") and a != "-m", arguments[1:]))
    if arguments[:2] == ["-m", "vllm.entrypoints.openai.api_server"]:
        return "vllm"
    serves = "serve" in arguments[1:2] and PurePosixPath(arguments[0]).name == "vllm"
    return "vllm" if serves or arguments[:3] == ["-m", "vllm.entrypoints.cli.main", "serve"] else ""


def _environment(kind: str, arguments: Sequence[str]) -> str:
    """The folder that has the program's `bin` and `lib`, from the path under which it was started."""
    if kind != "vllm":
        folder, found, _ = arguments[0].partition("/lib/python3")
        return folder if found else ""
    paths = [PurePosixPath(argument) for argument in arguments[:4]]
    # Outside of virtual environments, /usr/bin/python3 runs /usr/local/bin/vllm.
    for path in (*(path for path in paths if path.name == "vllm"), paths[0]):
        if path.is_absolute() and path.parent.name == "bin":
            return str(path.parent.parent)
    return ""


def _version(name: str, installed: Sequence[str]) -> str:
    """Of `vllm-0.33.0.dist-info`. Two of them are a torn installation, of which nothing is known."""
    found = [entry for entry in installed if entry.startswith(f"{name}-") and entry.endswith(".dist-info")]
    return found[0][len(name) + 1 : -len(".dist-info")] if len(found) == 1 else ""


def _flag(arguments: Sequence[str], *names: str) -> str:
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in names:
            return value
    return ""
