"""The errors that the NVIDIA driver writes to the kernel's log, by their number: what they mean and what to do.

Sources: NVIDIA, "XID Errors" and its Xid catalog (docs.nvidia.com/deploy/xid-errors); the names of the codes in
NVIDIA/open-gpu-kernel-modules, src/common/sdk/nvidia/inc/nverror.h; the reset that a code asks for in NVIDIA's
"GPU Debug Guidelines" and, for row remapping, "GPU Memory Error Management" (docs.nvidia.com/deploy). How loud each
is said is this project's own choice: the driver does not tell it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from provision.facts import Facts, Gpu, Xid
from provision.finding import Against, Finding, Severity

FACT = "Xid errors"

#: So many errors of programs on one GPU since boot are worth a word: a GPU that fails can look like a program that does
#: (the catalog asks for a diagnosis of the GPU where 13 and 31 come back). The number is this project's own.
MANY = 50

RESET = "reset the GPU, or reboot the host"
SERVICE = "reset the GPU; if it comes back, have the GPU replaced"
DIAGNOSE = "look at the program that used the GPU; if every program does it, run `dcgmi diag -r 3`"

MEMORY = ("remapped rows", "retired pages", "ECC errors")
GONE = ("GPUs", "nvidia-smi")


@dataclass(frozen=True)
class Kind:
    """`severity`: None for what programs do to themselves, which says something only in numbers (MANY).

    `shows`: the facts that tell of the same trouble: where one of them is reported, this is its evidence and no
    finding of its own.
    """

    meaning: str
    severity: Severity | None
    action: str
    shows: tuple[str, ...] = ()


def _program(meaning: str) -> Kind:
    return Kind(meaning, None, DIAGNOSE)


def _broken(meaning: str, action: str, *shows: str) -> Kind:
    return Kind(meaning, Severity.WARNING, action, shows)


KINDS = {
    8: _program("the GPU stopped processing"),
    13: _program("a program's kernel failed (graphics engine exception)"),
    31: _program("a program used memory that is not its own (MMU fault)"),
    32: _program("the commands that a program sent were corrupt (push buffer)"),
    38: _broken("the driver's firmware reported an error", "update the driver"),
    43: _program("the driver ended a program's channel"),
    44: _program("a fault while the GPU changed between programs"),
    45: _program("a program's work was cleared away, after an earlier error or because it ended"),
    46: _broken("the GPU stopped processing", RESET),
    48: _broken("memory error that ECC cannot correct (double bit)", SERVICE, *MEMORY),
    54: _broken("the auxiliary power of the GPU is not connected", "seat the power cables of the GPU"),
    57: _broken("the link to the GPU's memory failed in training", SERVICE, *MEMORY),
    58: _broken("unstable video memory interface", SERVICE, *MEMORY),
    60: _broken("the GPU's video processor failed", RESET),
    61: _broken("the GPU's power controller met a breakpoint", RESET, "nvidia-smi"),
    62: _broken("the GPU's power controller halted", RESET, *GONE),
    63: _broken("a row of the GPU's memory is set aside from the next reset on", RESET, *MEMORY),
    64: _broken("a broken row of the GPU's memory could not be set aside", SERVICE, *MEMORY),
    66: _program("a program or the driver used an address that it may not"),
    68: _program("the video decoder failed"),
    69: _program("a program sent a command that the GPU does not know (graphics engine class error)"),
    74: _broken("an error on NVLink", "reset the GPU; if it comes back, look at bridge and switch", "NVLink"),
    78: _broken("a virtual GPU could not start", "look at the hypervisor's log"),
    79: _broken("the GPU has fallen off the bus", "reboot the host; seat the GPU, look at its power and heat", *GONE),
    92: _broken("many memory errors that ECC corrected", SERVICE, *MEMORY),
    94: _broken("memory error that ECC cannot correct, kept to one program", RESET, *MEMORY),
    95: _broken("memory error that ECC cannot correct, spread beyond one program", SERVICE, *MEMORY),
    109: _broken("the GPU did not change between programs in time", RESET),
    110: _broken("a security fault", "reboot the host; if it comes back, have the GPU replaced"),
    119: _broken("the GPU's own processor (GSP) did not answer", "reset the GPU, update the driver", *GONE),
    120: _broken("the GPU's own processor (GSP) failed", "reset the GPU, update the driver", *GONE),
    121: _broken("an error on the link between CPU and GPU (C2C)", RESET),
    122: _broken("the GPU's firmware memory could not be read", "update the GPU's firmware, then reboot the host"),
    123: _broken("the GPU's firmware memory could not be written", "update the GPU's firmware, then reboot the host"),
    136: _broken("NVLink failed in training", RESET, "NVLink", "fabric state"),
    137: _program("a program used memory across NVLink that is not its own"),
    140: _broken("memory error that ECC cannot correct", RESET, *MEMORY),
    143: _broken("the GPU failed to start", "reboot the host; if it comes back, have the GPU replaced", *GONE),
    144: _broken("an error on NVLink (SAW)", RESET, "NVLink"),
    145: _broken("an error on NVLink (RLW)", RESET, "NVLink"),
    146: _broken("an error on NVLink (TLW)", RESET, "NVLink"),
    147: _broken("an error on NVLink (TREX)", RESET, "NVLink"),
    148: _broken("an error on NVLink (NVLPW)", RESET, "NVLink"),
    149: _broken("an error on NVLink (NETIR)", RESET, "NVLink"),
    150: _broken("an error on NVLink (MSE)", RESET, "NVLink"),
    154: _broken("the driver asks for the GPU to be recovered", RESET, *GONE, *MEMORY, "NVLink", "fabric state"),
}  # fmt: skip

UNKNOWN = Kind("not in our list", Severity.WARNING, "look the number up in NVIDIA's Xid catalog")


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
    found = ", ".join(dict.fromkeys(str(xid.code) for xid, _, _ in loud))
    yield Finding(
        host,
        "gpus",
        FACT,
        severity,
        found=found,
        expected="none",
        against=Against.SOUND,
        why="the driver reported them since boot: what runs on that GPU fails with it, or soon will",
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


def _kind(xid: Xid) -> Kind:
    return KINDS.get(xid.code, UNKNOWN)
