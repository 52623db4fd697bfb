"""The errors that the NVIDIA driver writes to the kernel's log, by their number: what they mean and what to do.

Sources: NVIDIA's Xid catalog (docs.nvidia.com/deploy/xid-errors, "Analyzing Xid Errors with the Xid Catalog": meaning,
and what it asks for at once); for 57, 58 and 61, which newer GPUs do not have, the names in NVIDIA's
open-gpu-kernel-modules, src/common/sdk/nvidia/inc/nverror.h. How loud each is said is this project's own choice: what
the catalog answers by restarting the program, or not at all, says little of a GPU.
"""

from __future__ import annotations

from provision.core.finding import Severity
from provision.core.values import dataclass

#: `…, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)`
RECOVERY = 154

RESET = "reset the GPU, or reboot the host"
SERVICE = "reset the GPU; if it comes back, have it replaced"
LINK = "reset the GPU; if it comes back, check the NVLink bridge and switch"
DIAGNOSE = "check the program that used the GPU; if every program does it, run `dcgmi diag -r 3`"

MEMORY = ("remapped rows", "retired pages", "ECC errors")
GONE = ("GPUs", "nvidia-smi")


@dataclass(frozen=True)
class XidKind:
    """`severity`: None for what programs do to themselves, which says something only in large numbers.

    `shows`: the facts that tell of the same trouble: where one of them is reported, this is its evidence and no
    finding of its own.
    """

    meaning: str
    severity: Severity | None
    action: str
    shows: tuple[str, ...] = ()


def _program(meaning: str) -> XidKind:
    return XidKind(meaning, None, DIAGNOSE)


def _broken(meaning: str, action: str, *shows: str) -> XidKind:
    return XidKind(meaning, Severity.WARNING, action, (*shows, "recovery action"))


def _past(meaning: str, action: str, *shows: str) -> XidKind:
    """It was dealt with."""
    return XidKind(meaning, Severity.NOTE, action, shows)


COPY = (39, 40, 41, 70, 71, 72, 75, 76, 77, 85, *range(126, 136))
VIDEO = (60, 68, *range(82, 85), 86, 88, 89, *range(96, 106), 139, 142)

KINDS = {
    **dict.fromkeys(COPY, _program("a program's copy between memories failed (copy engine)")),
    **dict.fromkeys(VIDEO, _program("a program's use of a video engine failed")),
    **dict.fromkeys((14, 106, 107), _program("a test message")),
    8: _program("the GPU stopped processing"),
    11: _program("a program's commands were corrupt (push buffer)"),
    13: _program("a program's kernel failed (graphics engine exception)"),
    25: _program("a program's commands were not allowed (push buffer)"),
    31: _program("a program used memory that is not its own (page fault)"),
    32: _program("a program's commands arrived corrupt (push buffer, DMA)"),
    37: _program("the driver's firmware did not know a command"),
    38: _program("the driver's firmware timed out"),
    43: _program("a program was ended after a fault of its own"),
    44: _program("a fault while the GPU changed between programs"),
    45: _program("a program's work was cleared away, after another error or because it ended"),
    46: _broken("the GPU stopped processing", RESET),
    48: _broken("memory error that ECC cannot correct (double bit)", SERVICE, *MEMORY),
    54: _broken("the auxiliary power of the GPU is not connected", "reseat the GPU's power cables"),
    57: _broken("the link to the GPU's memory failed in training", SERVICE, *MEMORY),
    58: _broken("an error of the GPU's memory interface", SERVICE, *MEMORY),
    61: _broken("the GPU's power controller met a breakpoint", RESET, *GONE),
    62: _broken("the GPU's power controller halted", RESET, *GONE),
    63: _past("a broken row of the GPU's memory was set aside", "reset the GPU when it is convenient", *MEMORY),
    64: _broken("a broken row of the GPU's memory could not be set aside", SERVICE, *MEMORY),
    66: _program("the driver used a register that it may not"),
    67: _program("the driver used a register that it may not"),
    69: _program("a program sent a command that the GPU does not know (graphics engine class error)"),
    74: _broken("an error on NVLink", LINK, "NVLink"),
    78: _broken("a virtual GPU could not start", "update the driver of host and guest to versions that fit"),
    79: _broken("the GPU has fallen off the bus", "reboot the host; if it comes back, check slot and power", *GONE),
    80: _program("a program's commands arrived corrupt (checksum)"),
    92: _broken("many memory errors that ECC corrected", SERVICE, *MEMORY),
    93: _past("the GPU's InfoROM may not be written any more", "clear its limit with `nvflash --elsessionclear`"),
    94: _broken("memory error that ECC cannot correct, kept to one program", RESET, *MEMORY),
    95: _broken("memory error that ECC cannot correct, spread beyond one program", SERVICE, *MEMORY),
    109: _broken("the GPU did not change between programs in time", RESET),
    110: _broken("a security fault", "power-cycle the host; if it comes back, have the GPU replaced"),
    119: _broken("the GPU's own processor (GSP) did not answer", "reset the GPU, update the driver", *GONE),
    120: _broken("the GPU's own processor (GSP) failed", "reset the GPU, update the driver", *GONE),
    121: _past("errors on the link to the CPU (C2C) were corrected", "reset the GPU when it is convenient"),
    136: _broken("NVLink failed in training", LINK, "NVLink", "fabric state"),
    137: _program("a program used memory across NVLink that is not its own"),
    140: _broken("memory error that ECC cannot correct, and that could not be set aside", SERVICE, *MEMORY),
    141: _program("a program's fast path failed"),
    143: _broken("the GPU failed to start", SERVICE, *GONE),
    144: _broken("an error on NVLink (SAW)", LINK, "NVLink"),
    145: _broken("an error on NVLink (RLW)", LINK, "NVLink"),
    146: _broken("an error on NVLink (TLW)", LINK, "NVLink"),
    147: _broken("an error on NVLink (TREX)", LINK, "NVLink"),
    148: _broken("an error on NVLink (NVLPW)", LINK, "NVLink"),
    149: _broken("an error on NVLink (NETIR)", LINK, "NVLink"),
    150: _broken("an error on NVLink (MSE)", LINK, "NVLink"),
    151: _broken("the keys of confidential computing could not be changed", "restart the virtual machine"),
    RECOVERY: _broken("the driver asks for the GPU to be recovered", RESET, *GONE, *MEMORY, "NVLink", "fabric state"),
    155: _broken("an NVLink was taken down", RESET, "NVLink"),
    156: _broken("a broken part of the GPU is set aside from the next reset on", RESET),
    157: _broken("a broken part of the GPU could not be set aside", SERVICE),
    158: _broken("the GPU did not answer in time", SERVICE, *GONE),
    160: _past("a broken channel of the GPU's memory was set aside", "reset the GPU when it is convenient", *MEMORY),
    161: _broken("a broken channel of the GPU's memory could not be set aside", SERVICE, *MEMORY),
    167: _broken("the GPU did not answer on PCIe in time", "reboot the host; check slot and riser", *GONE),
    168: _broken("the GPU is short of a part of its memory", "switch ECC on with `nvidia-smi -e 1`", "GPU memory"),
    169: _broken("the GPU's security processor halted", RESET),
    171: _broken("memory error that ECC cannot correct, in DRAM", SERVICE, *MEMORY),
    172: _broken("memory error that ECC cannot correct, in SRAM", SERVICE, *MEMORY),
}  # fmt: skip

UNKNOWN = XidKind("not in our list", Severity.WARNING, "look the number up in NVIDIA's Xid catalog")
