"""Written reports of checks, for the tests of the page: three hosts with one fault of each kind, and two hundred."""

from collections.abc import Mapping
from dataclasses import replace

from provision.core.errors import Unreachable
from provision.core.finding import Against, Finding, Known, Severity, blocker, sorted_findings
from provision.core.plan import Mode
from provision.core.report import Changed, HostReport, Report, Since

#: 2026-11-20 10:00 UTC.
AT = 1_795_168_800.0

#: What a host can print, and a browser could obey, drop, or refuse.
HOSTILE = "<script>alert(1)</script>\"'&amp;</td></table><!--]]>{{table}}\x00\x1b[31m\u2028\u202e\ud800`x`"

SOUND = {
    ("drivers", "driver"): "580.65.06",
    ("drivers", "kernel module"): "580.65.06",
    ("drivers", "CUDA"): "13.0",
    ("gpus", "GPUs"): "8",
    ("gpus", "GPU model"): "NVIDIA H200",
    ("gpus", "GPU memory"): "143771 MiB",
    ("gpus", "power limit"): "700 W",
    ("gpus", "PCIe width"): "16",
    ("packages", "python"): "3.12.11",
    ("packages", "torch"): "2.14.0",
    ("packages", "transformers"): "5.2.1",
    ("services", "Ray"): "2.60.0",
    ("network", "MTU"): "9000",
    ("network", "link speed"): "400 Gbit/s",
    ("storage", "/dev/shm"): "1007 GiB",
    ("system", "OS"): "Ubuntu 24.04.2 LTS",
    ("system", "kernel"): "6.8.0-60-generic",
    ("system", "glibc"): "2.39",
}


def known(changed: Mapping[str, str] | None = None) -> tuple[Known, ...]:
    """`changed`: fact → another value."""
    return tuple(Known(area, fact, (changed or {}).get(fact, value)) for (area, fact), value in SOUND.items())


def report(
    findings: tuple[Finding, ...] = (), values: Mapping[str, tuple[Known, ...]] | None = None, code: int = 3
) -> Report:
    values = values or {name: known() for name in ("gpu-01", "gpu-02", "gpu-03")}
    hosts = tuple(HostReport(name, "drift" if findings else "ok", (), (), 1.4) for name in values)
    return Report(
        "check",
        Mode.UP,
        None,
        hosts,
        findings=sorted_findings(findings, values),
        known=values,
        seconds=2.3,
        exit_code=code if findings else 0,
    )


OLD_DRIVER = Finding(
    "gpu-03",
    "drivers",
    "driver",
    Severity.BLOCKS,
    found="535.161.08",
    expected=">=580",
    against=Against.POSSIBLE,
    why="vllm 0.33.0 needs CUDA 13, and CUDA 13 needs driver 580 or newer",
    hint="install driver 580 on gpu-03 and reboot it, or set `vllm: 0.11.0`, the newest that runs there",
    evidence=("nvidia-smi: Driver Version: 535.161.08", "/proc/driver/nvidia/version: 535.161.08"),
)
OTHER_TORCH = Finding(
    "gpu-02",
    "packages",
    "torch",
    Severity.DRIFT,
    found="2.14.1",
    expected="2.14.0",
    why="ranks that compute with different versions may disagree, or hang in a collective",
    hint="run `provision up`",
)
SMALL_MTU = Finding(
    "gpu-02",
    "network",
    "MTU",
    Severity.WARNING,
    found="1500",
    expected="9000",
    against=Against.PEERS,
    why="large messages between the hosts are cut into six times as many packets",
    hint="`ip link set eth1 mtu 9000` on gpu-02",
)
LOW_POWER = Finding(
    "gpu-01",
    "gpus",
    "power limit",
    Severity.NOTE,
    found="500 W",
    expected="700 W",
    against=Against.SOUND,
    why="the GPUs clock lower under load",
    hint="`nvidia-smi -pl 700`",
)
PORT = blocker(
    "gpu-01", "port 8000 is taken by nginx (pid 4021)", ("LISTEN 0.0.0.0:8000 nginx",), "stop nginx, or set `port:`"
)


def three_hosts() -> Report:
    """Every severity once, one host that is unreachable, and what has changed since a snapshot."""
    values = {
        "gpu-01": known({"power limit": "500 W"}),
        "gpu-02": known({"torch": "2.14.1", "MTU": "1500"}),
        "gpu-03": known({"driver": "535.161.08", "CUDA": "12.2"}),
    }
    made = report((OLD_DRIVER, OTHER_TORCH, SMALL_MTU, LOW_POWER, PORT), values, code=4)
    lost = Unreachable("gpu-04", "no answer from 10.0.0.14:22 within 10 s", hint="`ping 10.0.0.14`")
    gone = HostReport("gpu-04", "unreachable", (), (lost,), 10.0)
    since = Since(
        AT - 3 * 86400,
        "inventory.last.json",
        (
            Changed("gpu-02", "packages", "torch", "2.14.0", "2.14.1"),
            Changed("gpu-02", "network", "MTU", "9000", "1500"),
            Changed("gpu-03", "drivers", "nvidia-smi", "", "535.161.08"),
        ),
    )
    return replace(made, hosts=(*made.hosts, gone), errors=(lost,), since=since)


def many_hosts(count: int = 200, facts: int = 60) -> Report:
    """`count` hosts of `facts` facts; about one in nine has something that is not as it should be."""
    names = [f"gpu-{number:03}" for number in range(1, count + 1)]
    more = {("packages", f"package-{number:02}"): f"{number}.4.{number % 7}" for number in range(facts - len(SOUND))}
    values = {name: (*known(), *(Known(area, fact, value) for (area, fact), value in more.items())) for name in names}
    findings = []
    for number, name in enumerate(names):
        if number % 17 == 5:
            findings.append(replace(OLD_DRIVER, host=name, hint="install driver 580 and reboot", evidence=()))
            values[name] = tuple(replace(k, value="535.161.08") if k.fact == "driver" else k for k in values[name])
        if number % 23 == 7:
            version = f"2.14.{1 + number % 3}"
            findings.append(replace(OTHER_TORCH, host=name, found=version))
            values[name] = tuple(replace(k, value=version) if k.fact == "torch" else k for k in values[name])
        if number % 61 == 9:
            findings.append(replace(SMALL_MTU, host=name, hint="set the MTU to 9000"))
            values[name] = tuple(replace(k, value="1500") if k.fact == "MTU" else k for k in values[name])
    return report(tuple(findings), values)


def hostile() -> Report:
    """HOSTILE wherever a text can stand."""
    finding = Finding(
        HOSTILE, HOSTILE, HOSTILE, Severity.DRIFT, HOSTILE, HOSTILE, why=HOSTILE, hint=HOSTILE, evidence=(HOSTILE,)
    )
    said = replace(PORT, said=HOSTILE, fact=HOSTILE, area="tests")
    lost = Unreachable(HOSTILE, HOSTILE, evidence=(HOSTILE,), hint=HOSTILE)
    return replace(
        report((finding, said), {HOSTILE: (Known(HOSTILE, HOSTILE, HOSTILE), *known())}),
        hosts=(HostReport(HOSTILE, "unreachable", (), (lost,), 1.0),),
        since=Since(AT, HOSTILE, ()),
    )
