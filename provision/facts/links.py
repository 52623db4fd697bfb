"""What joins GPUs to each other, and hosts: NVLink, the topology, InfiniBand and RoCE."""

from __future__ import annotations

import re
from collections.abc import Sequence

from provision.core.regex import regex
from provision.facts.model import Fabric

_ANSI = regex(r"\x1b\[[0-9;]*[A-Za-z]")


def read_topology(lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The matrix of `nvidia-smi topo -m`, GPUs alone: its header is underlined by escape sequences, and goes on
    with network devices and affinities. A GPU's link to itself is `X`."""
    count = 0
    rows: list[tuple[str, ...]] = []
    for line in lines:
        name, *cells = [cell.strip() for cell in _ANSI.sub("", line).split("\t")]
        if not name and not count:
            count = sum(1 for cell in cells if re.fullmatch(r"GPU\d{1,3}", cell, re.ASCII))
        elif re.fullmatch(r"GPU\d{1,3}", name, re.ASCII) and 0 < count <= len(cells):
            rows.append(tuple(cells[:count]))
    return tuple(rows) if len(rows) == count else ()


def read_nvlinks(lines: Sequence[str]) -> tuple[tuple[int, int, int], ...]:
    """(GPU's index, active links, links that are down) of `nvidia-smi nvlink -s`. GPUs without links are left out."""
    counts: dict[int, list[int]] = {}
    gpu = -1
    for line in lines:
        head = re.match(r"GPU (\d{1,4}):", line, re.ASCII)
        link = re.match(r"\s+Link \d{1,3}: (.*)", line, re.ASCII)
        if head:
            gpu = int(head[1])
        elif link and gpu >= 0:
            up = re.match(r"\d", link[1], re.ASCII) is not None
            counts.setdefault(gpu, [0, 0])[0 if up else 1] += 1
    return tuple((gpu, up, down) for gpu, (up, down) in sorted(counts.items()))


def read_fabrics(lines: Sequence[str]) -> tuple[Fabric, ...]:
    """`mlx5_0|1|4: ACTIVE|InfiniBand|400 Gb/sec (4X NDR)|ib0`: a line per port, from /sys/class/infiniband."""
    found = []
    for line in lines:
        cells = line.split("|")
        if len(cells) not in (5, 6) or not re.fullmatch(r"\d{1,3}", cells[1], re.ASCII):
            continue
        device, port, state, layer, rate = cells[:5]
        speed = re.match(r"\d{1,6}(?:\.\d{1,3})?", rate, re.ASCII)
        said = re.sub(r"\A\d+: ?", "", state)
        names = tuple(dict.fromkeys(cells[5].split())) if len(cells) == 6 else ()
        found.append(Fabric(device, int(port), said, layer, float(speed[0]) if speed else 0.0, names))
    return tuple(found)
