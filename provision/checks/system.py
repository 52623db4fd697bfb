"""The rest of a host: disks, shared memory, limits, clock, kernel."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from statistics import median

from provision.checks.cells import offset
from provision.cluster.cluster import Cluster, Node
from provision.cluster.model_folder import differing
from provision.core.finding import Against, Finding, Severity
from provision.core.wording import GIB, size, span
from provision.environment.python_version import minor
from provision.facts import Facts, ModelFolder
from provision.inventory.models import Serve
from provision.weights.here import here, sent_to
from provision.weights.source import source_of

#: vLLM's ranks of one host exchange tensors through /dev/shm, and NCCL does; Docker's default of 64 MiB ends in
#: "No space left on device" (NCCL's user guide, troubleshooting, shared memory).
SHM_LEAST = GIB

#: A host with one GPU has no such ranks, but vLLM sends to its own ones through rings of ten chunks, the larger of
#: 24 MiB, and does not start where /dev/shm has less free (vLLM 0.32's shm_broadcast.py; run with 64 and with 168 MiB).
#: Ray takes some more.
SHM_OF_RINGS = 256 << 20

#: Below this Ray warns at its start: each worker and each connection between nodes takes some.
OPEN_FILES_LEAST = 8192

#: The environment with the CPU builds of vLLM and torch takes 3.3 GB (measured), and those for CUDA more.
DISK_FOR_ENVIRONMENT = 5 * GIB

#: Logs and Ray's sessions need as much.
DISK_LEAST = GIB

#: Compute capabilities (Blackwell) for which vLLM takes FlashInfer unless told otherwise; on older GPUs it takes what
#: torch and its own wheel bring.
_FLASHINFER = frozenset({"10", "11", "12"})

#: Packages that bring FlashInfer's kernels compiled.
_CUBINS = frozenset({"flashinfer-cubin", "flashinfer-jit-cache"})

#: Seconds from the median of the hosts. The offset is measured to a second or so, less well on a busy host; one whose
#: clock is kept by NTP is within milliseconds.
CLOCK_OFF = 5.0
CLOCK_WRONG = 60.0


def of_system(cluster: Cluster) -> Iterable[Finding]:
    for node in cluster.nodes:
        if node.facts is not None:
            for judge in (_shared_memory, _open_files, _disk, _model, _compilers):
                yield from judge(node, node.facts, cluster)
    yield from differing(cluster)
    yield from _clocks(cluster)


def _shared_memory(node: Node, facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    least = _shared_memory_least(node, facts, cluster.inventory.serve)
    if 0 < facts.shm_bytes < least:
        yield _warning(
            node,
            "storage",
            "/dev/shm",
            found=size(facts.shm_bytes),
            expected=f">= {size(least)}",
            why="ranks get their work and exchange tensors through it: with less, vLLM or NCCL may not start",
            hint=f"run `sudo mount -o remount,size=50% /dev/shm` on {node.name}; in a container use `--ipc=host`",
        )


def _shared_memory_least(node: Node, facts: Facts, serve: Serve | None) -> int:
    """0: none that is known. With Ray the rings are on the host where vLLM runs, if that has ranks."""
    if len(facts.gpus) > 1:
        return SHM_LEAST
    rings = serve is not None and (serve.backend == "mp" or (serve.backend == "ray" and node.host.role == "head"))
    return SHM_OF_RINGS if facts.gpus and rings else 0


def _open_files(node: Node, facts: Facts, _cluster: Cluster) -> Iterator[Finding]:
    if 0 < facts.nofile_hard < OPEN_FILES_LEAST:
        yield _warning(
            node,
            "system",
            "open files",
            found=str(facts.nofile_hard),
            expected=f">= {OPEN_FILES_LEAST}",
            why="Ray opens a file for each worker and each connection, and fails under load when it runs out",
            hint=f"raise `nofile` (hard) to 65536 in /etc/security/limits.conf on {node.name}",
        )


def _disk(node: Node, facts: Facts, _cluster: Cluster) -> Iterator[Finding]:
    # Both sizes come from one df: where it told that of /dev/shm, 0 is what is free, and not what is unknown.
    known = facts.disk_free_bytes > 0 or facts.shm_bytes > 0
    if not known or facts.disk_free_bytes >= DISK_FOR_ENVIRONMENT:
        return
    full = facts.disk_free_bytes < DISK_LEAST
    yield _warning(
        node,
        "storage",
        "disk free",
        found=size(facts.disk_free_bytes),
        expected=f">= {size(DISK_FOR_ENVIRONMENT)}",
        why=f"there is no room for {'logs or for ' if full else ''}the next environment",
        hint=f"make room on the disk of {facts.root or node.root} on {node.name}, or set hosts.{node.name}.root",
    )


def _model(node: Node, facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    serve, model = cluster.inventory.serve, facts.model
    if serve is None or model is None or source_of(serve) in ("hub", "controller"):
        return  # or it is yet to come
    sent = model.path == sent_to(serve, node.root) != ""
    path = serve.model if sent else model.path or serve.model
    if model.there and model.files and not sent:
        yield from _parts(node, model, path)
        return
    # It may have files all the same: for another user, or behind a file server that does not answer.
    there = model.there and not sent
    said = f"no files are visible in the model's folder {path}" if there else f"there is no folder {path}"
    yield Finding(
        node.name,
        "storage",
        "model folder",
        Severity.BLOCKS,
        found="no files" if there else "not there",
        against=Against.INVENTORY,
        why="every rank reads its part of the model from it",
        hint=f"copy the model to {path} on {node.name}, or mount it there{_here(serve)}",
        said=said,
    )


def _parts(node: Node, model: ModelFolder, path: str) -> Iterator[Finding]:
    """Of weights in numbered parts, some are not there: a copy that was broken off."""
    if not model.missing:
        return
    others = len(model.missing) - 1
    more = f", and {others} more part{'s' if others > 1 else ''} of the weights" if others else ""
    yield Finding(
        node.name,
        "storage",
        "model folder",
        Severity.BLOCKS,
        found=f"without {others + 1} part{'s' if others else ''} of its weights",
        against=Against.POSSIBLE,
        why="the ranks that need them do not start",
        hint=f"copy what is missing to {path} on {node.name}: `ls {shlex.quote(path)}` shows what is there",
        said=f"{path} has no {model.missing[0]}{more or ', a part of the weights'}",
    )


def _here(serve: Serve) -> str:
    """Whether this machine has it, while some of the hosts have it as well: nobody says whose it is to be."""
    if here(serve) is None:
        return ""
    return f"; this machine has it: `weights: {{path: {serve.model}}}` in `serve` sends it to all of them"


def _clocks(cluster: Cluster) -> Iterator[Finding]:
    """Each against the median of all. Of two hosts the controller's clock says which is wrong; a single one is
    compared with it, and either may be wrong."""
    told = [(node, f.clock_offset) for node in cluster.nodes if (f := node.facts) and f.clock_offset is not None]
    if not told:
        return
    alone = len(told) == 1
    middle = 0.0 if alone else median([value for _, value in told] + ([0.0] if len(told) < 3 else []))
    whose = "the one here" if alone else "the other hosts'"
    for node, value in told:
        away = value - middle
        if abs(away) > CLOCK_OFF:
            yield Finding(
                node.name,
                "system",
                "clock",
                Severity.DRIFT if abs(away) > CLOCK_WRONG and not alone else Severity.WARNING,
                found=offset(away),
                expected=f"within {CLOCK_OFF:.0f} s",
                against=Against.PEERS,
                why="certificates and tokens are rejected, and the hosts' logs do not line up",
                hint=f"run `sudo timedatectl set-ntp true` on {node.name}" + ", or here: compare `date -u`" * alone,
                said=f"its clock is {span(abs(away))} {'ahead of' if away > 0 else 'behind'} {whose}",
            )


def _compilers(node: Node, facts: Facts, cluster: Cluster) -> Iterator[Finding]:
    """What is compiled when vLLM starts, where NVIDIA's driver is, and lacks what it is compiled with."""
    wanted, lock = minor(cluster.python), cluster.lock.packages
    headers, nvcc = _cell(facts, "Python headers"), _cell(facts, "CUDA compiler")
    fitting = [python for python in facts.pythons if python.version == wanted]
    # Without one, uv brings one that has its headers.
    of_the_system = fitting and all(python.path.startswith("/usr/bin/") for python in fitting)
    if "triton" in lock and nvcc and of_the_system and wanted not in headers.split():
        yield _warning(
            node,
            "system",
            "Python headers",
            found=headers or "none",
            expected=wanted,
            said=f"Python {wanted} is there without its headers",
            why="vLLM fails to start without them: torch's Triton compiles a module for Python",
            hint=f"on {node.name}: `sudo apt-get install python{wanted}-dev`, or as its system has them",
        )
    yield from _flashinfer(node, facts, lock)


def _flashinfer(node: Node, facts: Facts, lock: Mapping[str, str]) -> Iterator[Finding]:
    """Its kernels come with the environment, or are compiled when vLLM starts. vLLM 0.32 leaves it out where nvcc or
    ninja are missing (vllm/utils/flashinfer.py); older ones do not start (vllm#49497)."""
    if "flashinfer-python" not in lock or _CUBINS & lock.keys():
        return
    nvcc, ninja, cpp = (_cell(facts, fact) for fact in ("CUDA compiler", "ninja", "C++ compiler"))
    chosen = any(gpu.compute_capability.partition(".")[0] in _FLASHINFER for gpu in facts.gpus)
    why = "FlashInfer compiles its kernels when vLLM starts, and brings none of them"
    if nvcc == "none" and chosen:
        hint = (
            "add `flashinfer-cubin` of FlashInfer's version to python.packages; or, on "
            f"{node.name}, install NVIDIA's CUDA toolkit, of the CUDA that torch is built for"
        )
        yield _warning(node, "system", "CUDA compiler", found="none", expected="nvcc", why=why, hint=hint)
    if nvcc not in ("", "none") and ninja == "none" and "ninja" not in lock:
        hint = "add `ninja` to python.packages"
        yield _warning(node, "system", "ninja", found="none", expected="ninja", why=why, hint=hint)
    if nvcc not in ("", "none") and cpp == "none":
        hint = f"on {node.name}: `sudo apt-get install g++`, or as its system has it"
        yield _warning(node, "system", "C++ compiler", found="none", expected="c++ or g++", why=why, hint=hint)


def _cell(facts: Facts, fact: str) -> str:
    return facts.printed.get(fact, "").split("\n")[0].strip()


def _warning(
    node: Node, area: str, fact: str, *, found: str, why: str, hint: str, expected: str = "", said: str = ""
) -> Finding:
    against = Against.SOUND
    return Finding(node.name, area, fact, Severity.WARNING, found, expected, against, why, hint, (), said)
