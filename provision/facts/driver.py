"""The NVIDIA driver as the kernel, the disk and the kernel's log know it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.core.regex import regex
from provision.facts.model import Xid

#: `NVRM: Xid (PCI:0000:3b:00): 79, pid=…, GPU has fallen off the bus.` Source: NVIDIA, XID Errors (r590). Of a GPU in
#: slices, `(PCI:0000:01:00 GPU-I:05)`: NVIDIA, GPU Memory Error Management, contained errors.
_XID = regex(r"NVRM: Xid \((?:PCI:)?([0-9a-fA-F:.]{1,32})(?: GPU-[^)]{1,40})?\): (\d{1,5})(?:, ?(.*))?", re.ASCII)


def read_module(lines: Sequence[str]) -> str | None:
    """`NVRM version: NVIDIA UNIX x86_64 Kernel Module  590.48.01  Mon …`, or `… Open Kernel Module for …`."""
    for line in lines:
        match = re.search(r"Kernel Module.*?\s(\d{3}\.\d+(?:\.\d+)?)\s", line, re.ASCII)
        if line.startswith("NVRM version") and match:
            return match[1]
    return None


def read_library(lines: Sequence[str]) -> str | None:
    """The file that libnvidia-ml.so.1 links to has the driver's version in its name."""
    for line in lines:
        match = re.search(r"/libnvidia-ml\.so\.(\d{3}\.\d{1,4}(?:\.\d{1,4})?)\Z", line, re.ASCII)
        if match:
            return match[1]
    return None


def read_xids(lines: Sequence[str]) -> tuple[Xid, ...] | None:
    """Each code of each GPU once, in the order of the log, with the last text, unless that calls itself `Nonfatal`
    and an earlier one does not. None: the log may not be read."""
    found: dict[tuple[int, str], Xid] = {}
    readable = False
    for line in lines:
        readable = readable or line == "readable"
        match = _XID.search(line)
        if match:
            key = (int(match[2]), match[1])
            before, text = found.get(key), (match[3] or "").strip()
            if before is not None and " Nonfatal " in text:
                text = before.text
            found[key] = Xid(*key, count=before.count + 1 if before else 1, text=text)
    return tuple(found.values()) if readable or found else None
