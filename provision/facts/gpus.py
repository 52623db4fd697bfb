"""What nvidia-smi said, as GPUs or as the kind of its failure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.facts.model import Gpu

#: Answered by every driver that this can meet; asked alone where nvidia-smi does not list its fields.
PLAIN_FIELDS = (
    "index", "name", "uuid", "pci.bus_id", "driver_version", "memory.total", "memory.free",
)  # fmt: skip

#: Asked as far as this driver knows them: the set differs between drivers.
FIELDS = (
    *PLAIN_FIELDS,
    "compute_cap", "vbios_version", "persistence_mode", "compute_mode", "mig.mode.current", "ecc.mode.current",
    "ecc.errors.uncorrected.volatile.total", "retired_pages.pending", "remapped_rows.pending",
    "remapped_rows.failure", "clocks_event_reasons.active", "clocks_throttle_reasons.active", "power.limit",
    "power.default_limit", "clocks.max.sm", "pcie.link.gen.current", "pcie.link.gen.max", "pcie.link.width.current",
    "pcie.link.width.max", "fabric.state", "fabric.status", "gpu_recovery_action",
)  # fmt: skip

#: Kind of fault → what nvidia-smi or NVML say (lower case). The first that fits counts.
FAULTS = {
    "mismatch": ("driver/library version mismatch",),
    "lost": ("gpu is lost", "fallen off the bus", "unable to determine the device handle"),
    "no-devices": ("no devices were found",),
    "no-driver": ("couldn't communicate with the nvidia driver", "driver not loaded"),
    "no-library": ("nvml library", "libnvidia-ml"),
    "no-permission": ("insufficient permissions",),
}


#: What a cell says in place of a value: there is none. Seen in brackets and without, by driver and GPU.
NOTHING = frozenset({"", "n/a", "not supported", "not available", "not found", "unknown", "insufficient permissions"})

#: What a cell says in place of a value: it could not be read.
BROKEN = ("unknown error", "gpu requires reset", "gpu is lost")


def read_gpus(lines: Sequence[str]) -> tuple[tuple[Gpu, ...], str | None, str | None]:
    """(GPUs, kind of fault, its text). A host may have both: one GPU lost, seven that answer."""
    fields: list[str] = []
    gpus: list[Gpu] = []
    said: list[str] = []
    rc = ""
    for line in lines:
        key, _, value = line.partition("=")
        cells = _cells(line, len(fields))
        if line == "missing":
            return tuple(gpus), line, "nvidia-smi is not installed"
        if line == "flooded":
            return tuple(gpus), line, "nvidia-smi prints more than a megabyte"
        if line == "hung":
            # It may have been another question that it did not answer.
            if not rc:
                return tuple(gpus), line, "nvidia-smi does not answer"
        elif key == "fields":
            fields = value.split(",")
        elif key == "rc":
            rc = value
        elif fields[:1] == ["index"] and cells and re.fullmatch(r"\d{1,4}", cells[0], re.ASCII):
            gpus.append(_gpu(dict(zip(fields, cells, strict=True))))
        elif line.strip():
            said.append(line.strip())
    lost = [f"GPU {gpu.index}: {gpu.error}" for gpu in gpus if gpu.error.lower() == "gpu is lost"]
    if rc == "0" and gpus and not lost:
        return tuple(gpus), None, None
    text = "; ".join([*said, *lost])
    text = text or (f"nvidia-smi ended with exit code {rc}" if rc else "nvidia-smi said nothing")
    return tuple(gpus), _kind(text), text


def read_cuda(lines: Sequence[str]) -> str:
    """`CUDA Version : 13.1` of --version, or `CUDA Version: 13.1` in the head of the table; drivers that tell the
    kernel's and the user's side apart write `CUDA UMD Version`. Empty where neither says it."""
    for line in lines:
        match = re.search(r"CUDA (?:UMD )?version\s*:\s*(\d{1,3}\.\d{1,3})", line, re.ASCII | re.IGNORECASE)
        if match:
            return match[1]
    return ""


def _cells(line: str, count: int) -> list[str]:
    """As many as there are fields, or none. A comma too many belongs to the name, the second field."""
    cells = [cell.strip() for cell in line.split(", ")]
    surplus = len(cells) - count
    if surplus > 0 and count > 2:
        cells[1 : surplus + 2] = [", ".join(cells[1 : surplus + 2])]
    return cells if len(cells) == count else []


def _kind(text: str) -> str:
    low = text.lower()
    return next((kind for kind, signs in FAULTS.items() if any(sign in low for sign in signs)), "failed")


def _gpu(cells: dict[str, str]) -> Gpu:
    throttle = _text(cells, "clocks_event_reasons.active") or _text(cells, "clocks_throttle_reasons.active")
    return Gpu(
        index=int(cells["index"]),
        name=_text(cells, "name"),
        uuid=_text(cells, "uuid"),
        bus_id=_text(cells, "pci.bus_id"),
        driver=_text(cells, "driver_version"),
        memory_mib=_whole(cells, "memory.total") or 0,
        memory_free_mib=_whole(cells, "memory.free") or 0,
        compute_capability=_text(cells, "compute_cap"),
        persistence=_switch(cells, "persistence_mode"),
        mig=_switch(cells, "mig.mode.current"),
        vbios=_text(cells, "vbios_version"),
        compute_mode=_text(cells, "compute_mode"),
        ecc=_switch(cells, "ecc.mode.current"),
        ecc_uncorrected=_whole(cells, "ecc.errors.uncorrected.volatile.total"),
        retired_pending=_switch(cells, "retired_pages.pending"),
        remapped_pending=_switch(cells, "remapped_rows.pending"),
        remapped_failure=_switch(cells, "remapped_rows.failure"),
        throttle=int(throttle, 16) if re.fullmatch(r"0x[0-9a-fA-F]{1,16}", throttle) else 0,
        power_limit=_number(cells, "power.limit"),
        power_default=_number(cells, "power.default_limit"),
        sm_clock_max=_whole(cells, "clocks.max.sm"),
        pcie_gen=_whole(cells, "pcie.link.gen.current"),
        pcie_gen_max=_whole(cells, "pcie.link.gen.max"),
        pcie_width=_whole(cells, "pcie.link.width.current"),
        pcie_width_max=_whole(cells, "pcie.link.width.max"),
        fabric_state=_text(cells, "fabric.state"),
        fabric_status=_text(cells, "fabric.status"),
        # `None` is a word of its own here.
        recovery=_text(cells, "gpu_recovery_action").replace("None", ""),
        error=next((cell.strip("[]") for cell in cells.values() if cell.strip("[]").lower() in BROKEN), ""),
        details=cells,
    )


def _text(cells: dict[str, str], name: str) -> str:
    """Empty for `[N/A]`, `N/A`, `[Not Supported]`, `[Unknown Error]`: all seen in cells."""
    cell = cells.get(name, "")
    return "" if cell.startswith("[") or cell.lower() in NOTHING or cell.lower() in BROKEN else cell


def _number(cells: dict[str, str], name: str) -> float | None:
    """The leading number of a cell such as `700.00 W`."""
    match = re.match(r"\d{1,12}(\.\d{1,6})?", cells.get(name, ""), re.ASCII)
    return float(match[0]) if match else None


def _whole(cells: dict[str, str], name: str) -> int | None:
    """The leading number of a cell such as `81559 MiB`."""
    number = _number(cells, name)
    return None if number is None else int(number)


#: Of modes, and of counters that a driver shows as yes or no, or as a number.
_SWITCH = {"enabled": True, "yes": True, "1": True, "disabled": False, "no": False, "0": False}


def _switch(cells: dict[str, str], name: str) -> bool | None:
    return _SWITCH.get(_text(cells, name).lower())
