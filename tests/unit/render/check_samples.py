"""A made-up check: three hosts, of which one has another driver, one lacks a GPU, and one is as it should be."""

from provision.core.finding import Against, Finding, Known, Severity, sorted_findings
from provision.core.plan import Mode, make_plan
from provision.core.report import Changed, HostReport, Report, Since

HOSTS = ("gpu-01", "gpu-02", "gpu-03")
OLD, NEW = "580.65.06", "580.82.07"


def a_finding(host: str = "gpu-02", severity: Severity = Severity.DRIFT, **changed: object) -> Finding:
    values: dict[str, object] = {
        "area": "drivers",
        "fact": "driver",
        "found": NEW,
        "expected": OLD,
        "against": Against.PEERS,
        "why": "the ranks of one model must run the same driver",
        "hint": f"install {OLD} on {host}",
    }
    return Finding(host=host, severity=severity, **{**values, **changed})  # type: ignore[arg-type]


def a_missing_gpu(host: str = "gpu-03") -> Finding:
    return Finding(
        host, "gpus", "GPUs", Severity.BLOCKS, "7", "8", Against.INVENTORY,
        why="the model is cut into 8 parts per host, one per GPU",
        hint="look for it: `lspci -d 10de:`, then reseat it",
        evidence=("nvidia-smi lists indices 0-6",),
    )  # fmt: skip


def a_warning(host: str = "gpu-01", found: str = "300 W") -> Finding:
    return Finding(
        host, "gpus", "power limit", Severity.WARNING, found, "700 W", Against.SOUND, why="tokens come later"
    )


def known_of(host: str) -> tuple[Known, ...]:
    driver = NEW if host == "gpu-02" else OLD
    gpus = "7" if host == "gpu-03" else "8"
    return (
        Known("drivers", "driver", driver),
        Known("gpus", "GPUs", gpus),
        Known("gpus", "GPU model", "NVIDIA H100 80GB HBM3"),
        Known("gpus", "power limit", "300 W" if host == "gpu-01" else "700 W"),
        Known("system", "uptime", f"{host[-1]} days", lasting=False),
    )


def a_check(**changed: object) -> Report:
    findings = (a_finding(), a_missing_gpu(), a_warning())
    values: dict[str, object] = {
        "command": "check",
        "mode": Mode.CHECK,
        "plan": make_plan(Mode.CHECK, [], {}),
        "hosts": tuple(HostReport(host, "ok", (), (), 0.4, 1, 2) for host in HOSTS),
        "findings": sorted_findings(findings, HOSTS),
        "known": {host: known_of(host) for host in HOSTS},
        "seconds": 0.5,
        "exit_code": 3,
    }
    return Report(**{**values, **changed})  # type: ignore[arg-type]


def a_sound_check(**changed: object) -> Report:
    return a_check(**{"findings": (), "exit_code": 0, **changed})


def some_changes() -> Since:
    changes = (
        Changed("gpu-02", "drivers", "driver", OLD, NEW),
        Changed("gpu-01", "packages", "torch", "2.14.0", "2.14.1"),
        Changed("gpu-02", "packages", "torch", "2.14.0", "2.14.1"),
        Changed("gpu-03", "packages", "flashinfer", "", "0.5.1"),
    )
    return Since(1_795_000_000.0, "cluster/last-up.json", changes)
