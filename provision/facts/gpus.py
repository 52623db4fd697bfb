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
    "compute_cap", "persistence_mode", "compute_mode", "mig.mode.current", "ecc.mode.current",
    "ecc.errors.uncorrected.volatile.total", "retired_pages.pending", "remapped_rows.pending",
    "remapped_rows.failure", "clocks_event_reasons.active", "pcie.link.gen.max", "pcie.link.width.current",
    "pcie.link.width.max", "fabric.state", "fabric.status",
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


def read_gpus(lines: Sequence[str]) -> tuple[tuple[Gpu, ...], str | None, str | None]:
    """(GPUs, kind of fault, its text). A host may have both: one GPU lost, seven that answer."""
    fields: list[str] = []
    gpus: list[Gpu] = []
    said: list[str] = []
    rc = ""
    for line in lines:
        if line in ("missing", "hung"):
            text = "nvidia-smi is not installed" if line == "missing" else "nvidia-smi does not answer"
            return tuple(gpus), line, text
        key, _, value = line.partition("=")
        cells = [cell.strip() for cell in line.split(", ")]
        if key == "fields":
            fields = value.split(",")
        elif key == "rc":
            rc = value
        elif fields[:1] == ["index"] and len(cells) == len(fields) and re.fullmatch(r"\d{1,4}", cells[0], re.ASCII):
            gpus.append(_gpu(dict(zip(fields, cells, strict=True))))
        elif line.strip():
            said.append(line.strip())
    if rc == "0" and gpus:
        return tuple(gpus), None, None
    text = "; ".join(said) or (f"nvidia-smi ended with exit code {rc}" if rc else "nvidia-smi said nothing")
    return tuple(gpus), _kind(text), text


def _kind(text: str) -> str:
    low = text.lower()
    return next((kind for kind, signs in FAULTS.items() if any(sign in low for sign in signs)), "failed")


def _gpu(cells: dict[str, str]) -> Gpu:
    return Gpu(
        index=int(cells["index"]),
        name=_text(cells, "name"),
        uuid=_text(cells, "uuid"),
        bus_id=_text(cells, "pci.bus_id"),
        driver=_text(cells, "driver_version"),
        memory_mib=_number(cells, "memory.total"),
        memory_free_mib=_number(cells, "memory.free"),
        compute_capability=_text(cells, "compute_cap"),
        persistence=_switch(cells, "persistence_mode"),
        mig=_switch(cells, "mig.mode.current"),
        details=cells,
    )


def _text(cells: dict[str, str], name: str) -> str:
    """Empty for `[N/A]`, `N/A`, `[Not Supported]`, `[Unknown Error]`: all seen in cells."""
    cell = cells.get(name, "")
    return "" if cell.startswith("[") or cell == "N/A" else cell


def _number(cells: dict[str, str], name: str) -> int:
    """The leading number of a cell such as `81559 MiB`."""
    match = re.match(r"\d{1,12}", cells.get(name, ""), re.ASCII)
    return int(match[0]) if match else 0


def _switch(cells: dict[str, str], name: str) -> bool | None:
    return {"enabled": True, "disabled": False}.get(_text(cells, name).lower())
