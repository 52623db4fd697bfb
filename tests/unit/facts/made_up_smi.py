"""Answers of nvidia-smi, MADE UP: written by hand to the shapes that are documented for such machines and drivers.
None is a recording; serial numbers, UUIDs and bus addresses belong to nobody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

#: What each driver since 550 or so answers, in the order in which it is asked.
NEW_FIELDS = [
    "index", "name", "uuid", "pci.bus_id", "driver_version", "memory.total", "memory.free", "compute_cap",
    "vbios_version", "persistence_mode", "compute_mode", "mig.mode.current", "ecc.mode.current",
    "ecc.errors.uncorrected.volatile.total", "retired_pages.pending", "remapped_rows.pending",
    "remapped_rows.failure", "clocks_event_reasons.active", "power.limit", "power.default_limit", "clocks.max.sm",
    "pcie.link.gen.current", "pcie.link.gen.max", "pcie.link.width.current", "pcie.link.width.max", "fabric.state",
    "fabric.status",
]  # fmt: skip

#: The 470 branch knows neither compute_cap nor fabric, and has the older name for the reasons of its clocks.
OLD_FIELDS = [
    "clocks_throttle_reasons.active" if field == "clocks_event_reasons.active" else field
    for field in NEW_FIELDS
    if field not in ("compute_cap", "fabric.state", "fabric.status")
]

H100_SXM = {
    "name": "NVIDIA H100 80GB HBM3", "driver_version": "590.48.01", "memory.total": "81559 MiB",
    "memory.free": "81079 MiB", "compute_cap": "9.0", "vbios_version": "96.00.74.00.01", "persistence_mode": "Enabled",
    "compute_mode": "Default", "mig.mode.current": "Disabled", "ecc.mode.current": "Enabled",
    "ecc.errors.uncorrected.volatile.total": "0", "retired_pages.pending": "[N/A]", "remapped_rows.pending": "No",
    "remapped_rows.failure": "No", "clocks_event_reasons.active": "0x0000000000000001", "power.limit": "700.00 W",
    "power.default_limit": "700.00 W", "clocks.max.sm": "1980 MHz", "pcie.link.gen.current": "5",
    "pcie.link.gen.max": "5", "pcie.link.width.current": "16", "pcie.link.width.max": "16",
    "fabric.state": "Completed", "fabric.status": "Success",
}  # fmt: skip

A100_PCIE = {
    **H100_SXM, "name": "NVIDIA A100-PCIE-40GB", "memory.total": "40960 MiB", "memory.free": "40442 MiB",
    "compute_cap": "8.0", "vbios_version": "92.00.25.00.08", "power.limit": "250.00 W",
    "power.default_limit": "250.00 W", "clocks.max.sm": "1410 MHz", "pcie.link.gen.current": "4",
    "pcie.link.gen.max": "4", "fabric.state": "N/A", "fabric.status": "N/A",
}  # fmt: skip

L4 = {
    **A100_PCIE, "name": "NVIDIA L4", "memory.total": "23034 MiB", "memory.free": "22563 MiB", "compute_cap": "8.9",
    "vbios_version": "95.04.29.00.06", "mig.mode.current": "[N/A]", "power.limit": "72.00 W",
    "power.default_limit": "72.00 W", "clocks.max.sm": "2040 MHz", "pcie.link.gen.current": "1",
    "pcie.link.width.current": "8", "clocks_event_reasons.active": "0x0000000000000004",
}  # fmt: skip

#: Idle: its PCIe link is at generation 1, which is normal.
GEFORCE_4090 = {
    **L4, "name": "NVIDIA GeForce RTX 4090", "memory.total": "24564 MiB", "memory.free": "24076 MiB",
    "vbios_version": "95.02.3C.00.8F", "persistence_mode": "Disabled", "ecc.mode.current": "[N/A]",
    "ecc.errors.uncorrected.volatile.total": "[N/A]", "remapped_rows.pending": "[N/A]",
    "remapped_rows.failure": "[N/A]", "power.limit": "450.00 W", "power.default_limit": "450.00 W",
    "clocks.max.sm": "3105 MHz", "pcie.link.width.current": "16", "clocks_event_reasons.active": "0x0000000000000001",
}  # fmt: skip

#: Its memory is the machine's, and most counters are of no use to it.
JETSON_ORIN = {
    **dict.fromkeys(H100_SXM, "[N/A]"), "name": "Orin (nvgpu)", "driver_version": "540.4.0",
    "memory.total": "Not Supported", "memory.free": "[Not Supported]", "persistence_mode": "Enabled",
}  # fmt: skip

GB200 = {
    **H100_SXM, "name": "NVIDIA GB200", "memory.total": "189471 MiB", "memory.free": "188700 MiB",
    "compute_cap": "10.0", "vbios_version": "97.00.B9.00.69", "power.limit": "1200.00 W",
    "power.default_limit": "1200.00 W", "clocks.max.sm": "2062 MHz", "pcie.link.width.max": "16",
}  # fmt: skip

TESLA_470 = {
    **{field: A100_PCIE[field] for field in OLD_FIELDS if field in A100_PCIE}, "name": "Tesla V100-SXM2-32GB",
    "driver_version": "470.57.02", "memory.total": "32510 MiB", "retired_pages.pending": "No",
    "remapped_rows.pending": "[N/A]", "remapped_rows.failure": "[N/A]",
    "clocks_throttle_reasons.active": "0x0000000000000008", "mig.mode.current": "[Not Supported]",
}  # fmt: skip


def made_up(*gpus: Mapping[str, str], fields: Sequence[str] = NEW_FIELDS, said: str = "", rc: int = 0) -> str:
    """The section of the facts for such GPUs, indexed in their order; `said` follows the rows."""
    rows = []
    for index, gpu in enumerate(gpus):
        numbers = {
            "index": str(index),
            "uuid": f"GPU-00000000-0000-0000-0000-{index:012x}",
            "pci.bus_id": f"00000000:{0x18 + index:02X}:00.0",
        }
        rows.append(", ".join({**numbers, **gpu}[field] for field in fields))
    return "\n".join(["@gpus", f"fields={','.join(fields)}", *rows, *([said] if said else []), f"rc={rc}", ""])


MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 590.48"
LOST = "Unable to determine the device handle for GPU0000:41:00.0: GPU is lost.  Reboot the system to recover this GPU"

#: Compute processes: one in a container that hides it, one of whom the user may not know, one of Windows' side.
APPS = """@apps
4242, GPU-00000000-0000-0000-0000-000000000000, 70012 MiB, /home/ops/env/bin/python, with a comma
4242, GPU-00000000-0000-0000-0000-000000000001, 70010 MiB, /home/ops/env/bin/python, with a comma
51, GPU-00000000-0000-0000-0000-000000000001, [N/A], [Not Found]
52, GPU-00000000-0000-0000-0000-000000000001, 300 MiB, [Insufficient Permissions]
53, MIG-00000000-0000-0000-0000-000000000009, [Not Supported], python
[N/A], [N/A], [N/A], [N/A]
lrwxrwxrwx 1 ops ops 0 Nov 21 03:17 /proc/4242/exe -> /usr/bin/python3.12
ls: cannot read symbolic link '/proc/52/exe': Permission denied
lrwxrwxrwx 1 1007 users 0 Nov 21 03:17 /proc/52/exe
/proc/4242/environ:PROVISION_SERVICE=demo/gpu-01/ray\037
/proc/4242/cmdline:ray::RayWorkerWrapper\037\037
"""

#: Two hosts' worth of programs: Ray of one user, vLLM of another whose python was upgraded under it, and what only
#: looks like them.
PROGRAMS = """@programs
lrwxrwxrwx 1 ops ops 0 Nov 21 03:17 /proc/10/exe -> /e/lib/python3.12/site-packages/ray/core/src/ray/gcs/gcs_server
lrwxrwxrwx 1 ops ops 0 Nov 21 03:17 /proc/11/exe -> /e/lib/python3.12/site-packages/ray/core/src/ray/raylet/raylet
lrwxrwxrwx 1 eve eve 0 Nov 21 03:17 /proc/12/exe -> /usr/bin/python3.12 (deleted)
lrwxrwxrwx 1 eve eve 0 Nov 21 03:17 /proc/13/exe
lrwxrwxrwx 1 eve eve 0 Nov 21 03:17 /proc/14/exe -> /usr/bin/bash
/proc/10/environ:PROVISION_SERVICE=demo/gpu-01/ray\037/proc/11/environ:PROVISION_SERVICE=demo/gpu-01/ray\037
/proc/10/cmdline:/e/lib/python3.12/site-packages/ray/core/src/ray/gcs/gcs_server\037--gcs_server_port=6379\037
/proc/11/cmdline:/e/lib/python3.12/site-packages/ray/core/src/ray/raylet/raylet\037--node_ip_address=10.0.0.1\037\
--redis_password=hunter2\037
/proc/12/cmdline:/home/eve/x/bin/python\037/home/eve/x/bin/vllm\037serve\037m\037--api-key\037hunter2\037\
--chat-template\037line one
/proc/12/cmdline:line two\037--port\0378001\037
/proc/13/cmdline:python3\037-m\037vllm.entrypoints.openai.api_server\037--model\037m\037
/proc/14/cmdline:bash\037-c\037/home/eve/x/bin/vllm serve m\037
/proc/15/cmdline:VLLM::EngineCore
/proc/16/cmdline:/home/eve/x/bin/python\037/home/eve/x/bin/vllm\037bench\037serve\037
/proc/17/cmdline:vim\037/e/lib/python3.12/site-packages/ray/core/src/ray/raylet/raylet\037
installed 10 ray-2.60.0.dist-info
installed 11 ray-2.60.0.dist-info
installed 12 ray-2.55.1.dist-info vllm-0.31.0.dist-info vllm-0.32.0.dist-info
"""

TOPOLOGY_8 = "\n".join(
    [
        "@topology",
        "\t\x1b[4m" + "\t".join([*(f"GPU{i}" for i in range(8)), "NIC0", "CPU Affinity", "NUMA Affinity"]) + "\x1b[0m",
        *(
            "\t".join([f"GPU{i}", *(" X " if i == j else "NV18" for j in range(8)), "SYS" if i else "PIX", "0-47", "0"])
            for i in range(8)
        ),
        "NIC0\tPIX\t" + "SYS\t" * 7 + " X \t\t",
        "",
        "Legend:",
        "",
        "  X    = Self",
        "",
        "NIC Legend:",
        "",
        "  NIC0: mlx5_0",
        "",
    ]
)

NVLINKS = """@nvlink
GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-00000000-0000-0000-0000-000000000000)
\t Link 0: 26.562 GB/s
\t Link 1: 26.562 GB/s
\t Link 2: <inactive>
GPU 1: NVIDIA H100 80GB HBM3 (UUID: GPU-00000000-0000-0000-0000-000000000001)
\t Link 0: 26.562 GB/s
GPU 2: NVIDIA A100-PCIE-40GB (UUID: GPU-00000000-0000-0000-0000-000000000002)
NVML: Unable to retrieve NVLink information as all links are inActive
"""

VERSION_590 = """@cuda
NVIDIA-SMI version  : 590.48.01
NVML version        : 590.48
DRIVER version      : 590.48.01
CUDA Version        : 13.1
"""

TABLE_470 = """@cuda
| NVIDIA-SMI 470.57.02    Driver Version: 470.57.02    CUDA Version: 11.4     |
"""

XIDS = """@xids
[  101.2] NVRM: Xid (PCI:0000:3b:00): 31, pid=4242, name=python, Ch 00000008, intr 00000000. MMU Fault
[  101.3] NVRM: Xid (PCI:0000:3b:00): 31, pid=4242, name=python, Ch 00000009, intr 00000000. MMU Fault
[80000.1] NVRM: Xid (PCI:0000:5e:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen off the bus.
Nov 21 03:17:00 gpu-01 kernel: NVRM: Xid (0000:03:00): 48
readable
"""

FABRICS = """@fabrics
mlx5_0|1|4: ACTIVE|InfiniBand|400 Gb/sec (4X NDR)
mlx5_1|1|1: DOWN|InfiniBand|2.5 Gb/sec (1X SDR)
mlx5_2|1|4: ACTIVE|Ethernet|
"""

#: All of it in one host, as raw material for fuzzing.
EVERYTHING = "\n".join(
    [made_up(H100_SXM, GEFORCE_4090, said=LOST), APPS, PROGRAMS, TOPOLOGY_8, NVLINKS, VERSION_590, XIDS, FABRICS]
)
