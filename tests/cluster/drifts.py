"""What can be different on a host, one thing at a time there, and what `check` has to say of it.

Each row is injected on a lab host that serves a model, looked at, and taken back (test_drifts.py). The table in
docs/check.md is made from these rows (tests/unit/docs/test_drift_table.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any

from provision.lab.demo import MODEL

HOME = "/home/ops/.provision"
SITE = f"{HOME}/envs/current-test-drifts/lib/python3.11/site-packages"


@dataclass(frozen=True)
class Drift:
    """`what`: in the words of the table. `do` and `undo`: sh, as root on `host`. `fault`: what its stand-in
    nvidia-smi shows. `edit`: (old, new) in the inventory. `asked`: further arguments of `provision check`.

    Found must be exactly this: `area`, `fact` and `severity`, on `at` (default `host`; "" for the whole cluster)."""

    what: str
    area: str
    fact: str
    severity: str
    host: str = "lab-2"
    do: str = ""
    undo: str = ""
    fault: Mapping[str, Any] = field(default_factory=dict)
    edit: tuple[str, str] = ("", "")
    asked: tuple[str, ...] = ()
    at: str | None = None
    says: str = ""

    @property
    def place(self) -> str:
        return self.host if self.at is None else self.at


def cell(field_name: str, value: str) -> dict[str, Any]:
    """One field of nvidia-smi on all GPUs of the host."""
    return {"cells": {field_name: value}}


def program(start: str, package: str) -> tuple[str, str]:
    """(sh that starts a stand-in for somebody else's program, known by its command line and its environment alone, sh
    that ends it)."""
    site = "/opt/other/lib/python3.11/site-packages"
    begin = (
        f"mkdir -p /opt/other/bin {site}/{package}.dist-info\n"
        "printf 'import time\\ntime.sleep(600)\\n' > /opt/other/bin/vllm\n"
        f"setsid {start} >/dev/null 2>&1 </dev/null & echo $! > /run/stand-in.pid; sleep 0.3"
    )
    return begin, "kill $(cat /run/stand-in.pid); rm -rf /opt/other /run/stand-in.pid"


def command(name: str, body: str) -> tuple[str, str]:
    """(sh that puts a stand-in command in front of the real one, sh that takes it away)."""
    path = f"/usr/local/bin/{name}"
    return f"cat > {path} <<'END'\n#!/bin/sh\n{body}\nEND\nchmod 755 {path}", f"rm {path}"


TOKEN = f"{HOME}/clusters/test-drifts/lab-2/ray-token"
OLD_OS = """
cp -L /etc/os-release /run/os
sed -i 's/^VERSION_ID=.*/VERSION_ID="11"/' /run/os
mount --bind /run/os $(readlink -f /etc/os-release)
"""
RAYLET = "/opt/other/lib/python3.11/site-packages/ray/core/src/ray/raylet/raylet"
OTHER_RAY = program(f"bash -c 'exec -a {RAYLET} python3 /opt/other/bin/vllm --node_ip_address=10.9.9.9'", "ray-2.40.0")
OTHER_VLLM = program("python3 /opt/other/bin/vllm serve some/model --port 9000", "vllm-0.31.0")
LATE = command("date", 'exec /bin/date --date="@$(($(/bin/date +%s) - 300))" "$@"')
SLOW = command("date", 'exec /bin/date --date="@$(($(/bin/date +%s) - 20))" "$@"')
XID = command("dmesg", 'echo "[ 9.1] NVRM: Xid (PCI:0000:10:00): 79, pid=1234, GPU has fallen off the bus."')

DRIFTS = (
    Drift("driver older than `expect.driver`", "drivers", "driver", "blocks", fault={"driver": "535.161.08"}),
    Drift("driver other than on the other hosts", "drivers", "driver", "drift", fault={"driver": "590.99.01"}),
    Drift("no GPU answers", "drivers", "nvidia-smi", "blocks", fault={"gpus": 0}),
    Drift("more GPUs than `expect.gpus`", "gpus", "GPUs", "blocks", fault={"gpus": 2}),
    Drift("`nvidia-smi` hangs", "drivers", "nvidia-smi", "blocks", fault={"hang": True}),
    Drift(
        "driver upgraded under a running kernel module",
        "drivers",
        "nvidia-smi",
        "blocks",
        fault={"text": "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 590.48"},
        says="reboot",
    ),
    Drift(
        "a GPU is lost",
        "drivers",
        "nvidia-smi",
        "blocks",
        fault={"text": "Unable to determine the device handle for GPU0000:10:00.0: GPU is lost. Reboot the system"},
    ),
    Drift("another GPU model", "gpus", "GPU model", "blocks", fault={"name": "NVIDIA A100-SXM4-80GB"}),
    Drift(
        "PCIe link narrower than it can be", "gpus", "PCIe width", "warning", fault=cell("pcie.link.width.current", "8")
    ),
    Drift(
        "GPU slowed down by heat",
        "gpus",
        "throttling",
        "warning",
        fault=cell("clocks_event_reasons.active", "0x0000000000000040"),
    ),
    Drift("row remapping failed", "gpus", "remapped rows", "blocks", fault=cell("remapped_rows.failure", "Yes")),
    Drift(
        "uncorrected memory errors",
        "gpus",
        "ECC errors",
        "warning",
        fault=cell("ecc.errors.uncorrected.volatile.total", "3"),
    ),
    Drift("MIG switched on", "gpus", "MIG", "blocks", fault=cell("mig.mode.current", "Enabled")),
    Drift("compute mode `Prohibited`", "gpus", "compute mode", "blocks", fault=cell("compute_mode", "Prohibited")),
    Drift("power limit lowered", "gpus", "power limit", "warning", fault=cell("power.limit", "400.00 W")),
    Drift("persistence mode off", "gpus", "persistence", "warning", fault=cell("persistence_mode", "Disabled")),
    Drift("another VBIOS", "gpus", "VBIOS", "warning", fault=cell("vbios_version", "96.00.30.00.01")),
    Drift("NVLink fabric not ready", "gpus", "fabric state", "blocks", fault=cell("fabric.state", "In Progress")),
    Drift(
        "the driver reported Xid 79", "gpus", "Xid errors", "warning", do=XID[0], undo=XID[1], says="fallen off the bus"
    ),
    Drift(
        "another kernel",
        "system",
        "kernel",
        "warning",
        do="echo 6.1.0-99-amd64 > /run/k; mount --bind /run/k /proc/sys/kernel/osrelease",
        undo="umount /proc/sys/kernel/osrelease",
    ),
    Drift(
        "another release of the OS",
        "system",
        "OS",
        "warning",
        do=OLD_OS,
        undo="umount $(readlink -f /etc/os-release)",
    ),
    Drift("clock 5 minutes late", "system", "clock", "drift", do=LATE[0], undo=LATE[1]),
    Drift("clock 20 seconds late", "system", "clock", "warning", do=SLOW[0], undo=SLOW[1]),
    Drift(
        "a reboot is due",
        "system",
        "reboot",
        "warning",
        do="touch /run/reboot-required",
        undo="rm /run/reboot-required",
    ),
    Drift(
        "few open files allowed",
        "system",
        "open files",
        "warning",
        do="echo 'ulimit -n 4096' > /run/rc; cat /home/ops/.bashrc >> /run/rc; cp /run/rc /home/ops/.bashrc",
        undo="sed -i 1d /home/ops/.bashrc",
    ),
    Drift(
        "smaller MTU",
        "network",
        "MTU",
        "drift",
        do="ip link set eth0 mtu 1400",
        undo="ip link set eth0 mtu 1500",
        # Of what vLLM's ranks send each other, big packets are lost then: whether it answers is another question.
        asked=("--only", "network"),
    ),
    Drift(
        "smaller `/dev/shm`",
        "storage",
        "/dev/shm",
        "warning",
        do="mount -o remount,size=1500m /dev/shm",
        undo="mount -o remount,size=2g /dev/shm",
    ),
    Drift(
        "no room where the environment lives",
        "storage",
        "disk free",
        "warning",
        # What is known of the model's files stays: that it is lost is another fault.
        do=f"cp -a {HOME}/models /run && mount -t tmpfs -o size=64m,mode=700,uid=$(stat -c %u {HOME}) tmpfs {HOME} && "
        f"cp -a /run/models {HOME}",
        undo=f"umount {HOME}; rm -r /run/models",
        asked=("--only", "storage"),
    ),
    Drift(
        "a file of the model differs",
        "storage",
        "weights",
        "drift",
        do=f"echo '{{}}' > {MODEL}/other.json",
        undo=f"rm {MODEL}/other.json",
    ),
    Drift(
        "the model's folder is missing",
        "storage",
        "model folder",
        "blocks",
        do=f"mv {MODEL} {MODEL}.away",
        undo=f"mv {MODEL}.away {MODEL}",
    ),
    Drift(
        "another version of a package",
        "packages",
        "six",
        "drift",
        do=f"cd {SITE}; ls -d six-*.dist-info > /run/six; mv six-*.dist-info six-1.0.dist-info",
        undo=f"cd {SITE}; mv six-1.0.dist-info $(cat /run/six)",
    ),
    Drift(
        "a package is missing",
        "packages",
        "six",
        "drift",
        do=f"cd {SITE}; mkdir .away; mv six-*.dist-info .away",
        undo=f"cd {SITE}; mv .away/* .; rmdir .away",
    ),
    Drift(
        "a package that is not in the lock",
        "packages",
        "leftpad",
        "drift",
        do=f"mkdir {SITE}/leftpad-1.0.dist-info",
        undo=f"rmdir {SITE}/leftpad-1.0.dist-info",
    ),
    Drift(
        "a file edited in site-packages",
        "packages",
        "six",
        "drift",
        do=f"cd {SITE}; cp -p six.py .six; echo '# was here' >> six.py",
        undo=f"cd {SITE}; mv .six six.py",
        asked=("--deep", "--limit", "lab-2", "--only", "packages"),
        says="six.py",
    ),
    Drift(
        "another Python patch version",
        "packages",
        "python",
        "drift",
        do=f"sed -i.away 's/^version_info.*/version_info = 3.11.99/' {SITE}/../../../pyvenv.cfg",
        undo=f"mv {SITE}/../../../pyvenv.cfg.away {SITE}/../../../pyvenv.cfg",
    ),
    Drift(
        "a pin in the inventory raised",
        "packages",
        "lock",
        "drift",
        edit=("ray[default]==2.60.0", "ray[default]==2.61.0"),
        at="",
        says="2.61.0",
    ),
    Drift(
        "a flag of Ray changed in the inventory",
        "services",
        "Ray worker $NCCL_DEBUG",
        "drift",
        edit=('"node_ip": "@lab-2"', '"node_ip": "@lab-2", "env": {"NCCL_DEBUG": "INFO"}'),
    ),
    Drift(
        "a flag of vLLM changed in the inventory",
        "services",
        "vLLM --max-num-seqs",
        "drift",
        host="lab-1",
        edit=('"max-num-seqs": 4', '"max-num-seqs": 2'),
    ),
    Drift(
        "Ray's token is another one",
        "files",
        "secret RAY_AUTH_TOKEN content",
        "drift",
        do=f"cp -p {TOKEN} /run/token; echo other > {TOKEN}",
        undo=f"cp -p /run/token {TOKEN}; rm /run/token",
    ),
    Drift(
        "Ray's token is readable by others",
        "files",
        "secret RAY_AUTH_TOKEN mode",
        "drift",
        do=f"chmod 644 {TOKEN}",
        undo=f"chmod 600 {TOKEN}",
    ),
    Drift(
        "somebody else's Ray runs there",
        "services",
        "other Ray",
        "warning",
        do=OTHER_RAY[0],
        undo=OTHER_RAY[1],
        says="2.40.0",
    ),
    Drift(
        "somebody else's vLLM runs there",
        "services",
        "other vLLM",
        "warning",
        do=OTHER_VLLM[0],
        undo=OTHER_VLLM[1],
        says="0.31.0",
    ),
)


def together() -> list[tuple[Drift, ...]]:
    """Every row, in rounds: what is wrong with the GPUs of one host, beside something else on another one."""
    faults = [drift for drift in DRIFTS if drift.fault]
    others = [drift for drift in DRIFTS if drift.do and not drift.asked and TOKEN not in drift.do]
    rest = [drift for drift in DRIFTS if drift not in faults and drift not in others]
    pairs = zip_longest(faults, (replace(drift, host="lab-3") for drift in others))
    return [*(tuple(filter(None, pair)) for pair in pairs), *((drift,) for drift in rest)]
