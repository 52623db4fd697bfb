"""GPUs by name, and the memory that nvidia-smi shows of each (`memory.total`, MiB). Data.

Sources: `nvidia-smi` captures in public issues of vLLM, gpustack, NVIDIA/nccl and NVIDIA/open-gpu-kernel-modules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MEMORY_MIB: Mapping[str, int] = {
    "T4": 15360,
    "V100-16GB": 16160,
    "V100-32GB": 32768,
    "A10": 23028,
    "A16": 15356,
    "A2": 15356,
    "A30": 24576,
    "A40": 46068,
    "A100-40GB": 40960,
    "A100-80GB": 81920,
    "A6000": 49140,
    "L4": 23034,
    "L40": 46068,
    "L40S": 46068,
    "H20": 97871,
    "H100": 81559,
    "H100-NVL": 95830,
    "H200": 143771,
    "H200-NVL": 143771,
    "GH200": 97871,
    "B200": 183359,
    "GB200": 189471,
    "B300": 275040,
    "RTX-3090": 24576,
    "RTX-4090": 24564,
    "RTX-5090": 32607,
    "RTX-6000-ADA": 49140,
    "RTX-PRO-6000": 97887,
}

#: What people write for one of them.
_ALSO = {
    "A100": "A100-80GB",
    "A10G": "A10",
    "V100": "V100-32GB",
    "RTX-A6000": "A6000",
    "6000-ADA": "RTX-6000-ADA",
    "3090": "RTX-3090",
    "4090": "RTX-4090",
    "5090": "RTX-5090",
}


def memory_of(name: str) -> int | None:
    """Bytes; None for a GPU that is not in the table. `nvidia h100`, `H100 80GB HBM3`, `A100-SXM4-80GB` are known."""
    plain = re.sub(r"[^A-Z0-9]+", "-", name.upper()).strip("-")
    plain = re.sub(r"^(?:NVIDIA-|GEFORCE-|TESLA-)+|-(?:SXM\d?|PCIE|HBM\d?E?|80GB(?=-HBM))(?=-|$)", "", plain)
    for tried in (plain, plain.removesuffix("-80GB"), re.sub(r"-\d+GB$", "", plain)):
        known = _ALSO.get(tried, tried)
        if known in MEMORY_MIB:
            return MEMORY_MIB[known] * 2**20
    return None
