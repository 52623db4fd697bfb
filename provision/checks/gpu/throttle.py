"""Why a GPU runs below its clocks: the bits of nvidia-smi's `clocks_event_reasons.active`.

Source: NVML API reference, NvmlClocksEventReasons (docs.nvidia.com/deploy/nvml-api).
"""

from __future__ import annotations

IDLE = 0x1
HW_SLOWDOWN = 0x8

NAMES = {
    IDLE: "idle",
    0x2: "application clocks",
    0x4: "sw power cap",
    HW_SLOWDOWN: "hw slowdown",
    0x10: "sync boost",
    0x20: "sw thermal slowdown",
    0x40: "hw thermal slowdown",
    0x80: "hw power brake",
    0x100: "display clocks",
}

#: Too hot, or short of power. The others are what a sound GPU does: at rest, at its power limit, as it was set.
UNSOUND = HW_SLOWDOWN | 0x20 | 0x40 | 0x80


def slowed_by(bits: int) -> tuple[str, ...]:
    """The names of what is wrong; empty for a sound GPU.

    An idle GPU may show the slowdown alone, while it changes its clocks (the same reference): that is nothing.
    """
    if bits & IDLE and bits & UNSOUND == HW_SLOWDOWN:
        return ()
    return tuple(name for bit, name in NAMES.items() if bits & UNSOUND & bit)
