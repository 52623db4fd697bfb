"""The errors that the NVIDIA driver wrote to the kernel's log since boot, judged by provision.diagnosis.xids."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from provision.core.finding import Against, Finding, Severity
from provision.core.wording import span
from provision.facts import Facts, Gpu, Xid

if TYPE_CHECKING:
    from provision.diagnosis.xids import XidKind

FACT = "Xid errors"

#: So many errors of programs on one GPU since boot are worth a word: a GPU that fails can look like a program that does
#: (the catalog asks for a diagnosis of the GPU where 13 and 31 come back). The number is this project's own.
MANY = 50


def of_xids(host: str, facts: Facts, said: Collection[str]) -> Iterable[Finding]:
    """At most one finding. `said`: the facts of this host that are reported already."""
    programs: dict[str, int] = {}
    for xid in facts.xids or ():
        if _kind(xid).severity is None:
            programs[address(xid.bus_id)] = programs.get(address(xid.bus_id), 0) + xid.count
    loud = []
    for xid in facts.xids or ():
        kind = _kind(xid)
        if kind.severity is None:
            if programs[address(xid.bus_id)] >= MANY:
                loud.append((xid, kind, Severity.NOTE))
        elif not set(kind.shows) & set(said):
            loud.append((xid, kind, kind.severity))
    if not loud:
        return
    loud.sort(key=lambda each: (each[2].rank, -each[0].count))
    _, worst, severity = loud[0]
    ago = f" {span(facts.uptime_seconds)} ago" if facts.uptime_seconds else ""
    found = ", ".join(dict.fromkeys(str(xid.code) for xid, _, _ in loud))
    yield Finding(
        host,
        "gpus",
        FACT,
        severity,
        found=found,
        expected="none",
        against=Against.SOUND,
        why=f"since the host was booted{ago}: what ran on that GPU has probably failed, and may fail again",
        hint=f"on {host}: {worst.action} (`sudo dmesg | grep Xid` shows all)",
        evidence=tuple(line(xid, facts.gpus) for xid, _, _ in loud),
        said=f"the driver reported {line(loud[0][0], facts.gpus)}" + (f", and {len(loud) - 1} more" * (len(loud) > 1)),
    )


def evidence_of(fact: str, facts: Facts) -> tuple[str, ...]:
    """The errors that tell of the same trouble as `fact`."""
    return tuple(line(xid, facts.gpus) for xid in facts.xids or () if fact in _kind(xid).shows)


def line(xid: Xid, gpus: Collection[Gpu]) -> str:
    """`Xid 79 on GPU 3 (0000:41:00): the GPU has fallen off the bus`."""
    gpu = next((gpu for gpu in gpus if xid.bus_id and address(gpu.bus_id) == address(xid.bus_id)), None)
    where = f" on GPU {gpu.index} ({xid.bus_id})" if gpu else f" on {xid.bus_id}" if xid.bus_id else ""
    times = f" {xid.count} times" if xid.count > 1 else ""
    return f"Xid {xid.code}{where}{times}: {_kind(xid).meaning}"


def address(bus_id: str) -> str:
    """What the log's `PCI:0000:41:00` and nvidia-smi's `00000000:41:00.0` have in common."""
    parts = bus_id.lower().removeprefix("pci:").partition(".")[0].split(":")
    return ":".join(part.lstrip("0") or "0" for part in parts)


def _kind(xid: Xid) -> XidKind:
    from provision.diagnosis.xids import KINDS, RECOVERY, UNKNOWN

    kind = KINDS.get(xid.code, UNKNOWN)
    # `…, RLW_RXPIPE Nonfatal XC0 …` (NVLink, 144 to 150): corrected. 154 is written, too, when a GPU has recovered.
    dealt_with = " Nonfatal " in f" {xid.text} " or (xid.code == RECOVERY and xid.text.endswith("(None)"))
    return replace(kind, severity=None, shows=()) if dealt_with else kind
