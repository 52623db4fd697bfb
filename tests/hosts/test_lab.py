"""Lab hosts made of namespaces: what a test of provision may rely on, and that nothing of them stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provision.core.errors import UsageError
from provision.lab import Lab, LabError
from provision.lab.lab import default_root
from provision.lab.state import load

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab"),
]


# Several runs of these tests may be at work on one machine.
NAME, BROKEN = f"test-lab-{os.getpid()}", f"test-broken-{os.getpid()}"


def ssh(lab: Lab, host: str, command: str, *options: str) -> subprocess.CompletedProcess[str]:
    """The system's own client, strict about host keys: independent of provision's transport."""
    where = {entry.name: entry.address for entry in lab.status().hosts}[host]
    known = f"UserKnownHostsFile={lab.directory / 'known_hosts'}"
    base = ["ssh", "-F", "none", "-i", str(lab.directory / "key"), "-o", known, "-o", "StrictHostKeyChecking=yes"]
    base += ["-o", "BatchMode=yes", "-o", "ConnectTimeout=3", *options]
    return subprocess.run([*base, f"ops@{where}", command], capture_output=True, text=True, timeout=30, check=False)


def output(lab: Lab, host: str, command: str) -> str:
    done = ssh(lab, host, command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def traces(name: str) -> list[str]:
    """All that a lab of this name could have left on the machine."""
    directory = str(default_root() / name)
    found = []
    links = json.loads(subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout)
    tag = Lab(name=name).tag
    found += [link["ifname"] for link in links if tag in link["ifname"]]
    if shutil.which("iptables"):
        rules = subprocess.run(["iptables", "-S"], capture_output=True, text=True, check=True).stdout
        found += [rule for rule in rules.splitlines() if tag in rule]
    # os.walk passes over a cgroup that goes away while it looks; Path.rglob raises.
    found += [f"{folder}/{name}" for folder, names, _ in os.walk("/sys/fs/cgroup") for name in names if tag in name]
    found += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if directory in line]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if directory.encode() in (process / "environ").read_bytes() + (process / "cmdline").read_bytes():
                found.append(f"process {process.name}")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    found += [str(path) for path in default_root().glob(f"{name}*")]
    return found


@pytest.fixture(scope="module")
def lab():
    lab = Lab(name=NAME)
    try:
        lab.up(hosts=3, gpus=2, settings={"serve": {"model": "tiny", "args": {"max-model-len": 256}}})
        yield lab
    finally:
        lab.down()


@pytest.fixture
def own_lab():
    """A lab for tests that break it."""
    lab = Lab(name=BROKEN)
    yield lab
    lab.down()


def test_each_host_answers_over_ssh_under_its_own_name_and_address(lab):
    for host in lab.status().hosts:
        assert output(lab, host.name, "hostname") == host.name
        assert host.address in output(lab, host.name, "ip -4 -o address show dev eth0")


def test_each_host_has_its_own_host_key_and_machine_id(lab):
    keys = {line.split()[2] for line in (lab.directory / "known_hosts").read_text().splitlines()}
    ids = {output(lab, host.name, "cat /etc/machine-id") for host in lab.status().hosts}
    assert (len(keys), len(ids)) == (3, 3)


def test_systemd_runs_as_pid_1_and_nothing_has_failed(lab):
    assert lab.status().init == "systemd"
    deadline = time.monotonic() + 30
    while output(lab, "lab-1", "systemctl is-system-running || true") == "starting" and time.monotonic() < deadline:
        time.sleep(0.1)
    assert output(lab, "lab-1", "cat /proc/1/comm") == "systemd"
    assert output(lab, "lab-1", "systemctl --failed --no-legend") == ""
    assert output(lab, "lab-1", "systemctl is-system-running") == "running"


def test_the_user_becomes_root_without_a_password(lab):
    assert output(lab, "lab-2", "id -un; sudo -n id -un").split() == ["ops", "root"]


def test_system_units_and_user_units_run(lab):
    output(lab, "lab-2", "sudo -n systemd-run --quiet --unit=one sleep 60")
    output(lab, "lab-2", "systemd-run --user --quiet --unit=two sleep 60")
    assert output(lab, "lab-2", "systemctl is-active one; systemctl --user is-active two") == "active\nactive"


def test_hosts_reach_each_other_and_not_the_world(lab):
    assert ssh(lab, "lab-1", "ping -c 1 -W 2 lab-3").returncode == 0
    assert output(lab, "lab-1", "ip route show default") == ""


def test_hosts_see_neither_each_others_processes_nor_shared_memory_nor_files(lab):
    output(lab, "lab-1", "touch /dev/shm/mine /tmp/mine; nohup sleep 4321 >/dev/null 2>&1 &")
    assert output(lab, "lab-2", "ls /dev/shm /tmp/mine 2>/dev/null; pgrep -f 'sleep 432[1]' || true") == "/dev/shm:"
    assert not Path("/dev/shm/mine").exists()


def test_a_host_cannot_change_the_machines_kernel_settings_or_clock(lab):
    assert ssh(lab, "lab-1", "sudo -n sysctl -w kernel.panic=7").returncode != 0
    assert ssh(lab, "lab-1", "sudo -n date --set=@0").returncode != 0


def test_nvidia_smi_lists_the_gpus_with_uuids_of_each_hosts_own(lab):
    query = "nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader"
    line = "NVIDIA H100 80GB HBM3, 590.48.01, 81559 MiB"
    assert output(lab, "lab-1", query).splitlines() == [f"0, {line}", f"1, {line}"]
    uuids = [
        output(lab, host, "nvidia-smi --query-gpu=uuid --format=csv,noheader").split() for host in ("lab-1", "lab-2")
    ]
    assert len({*uuids[0], *uuids[1]}) == 4


def test_every_field_that_nvidia_smi_offers_can_be_queried(lab):
    offered = output(lab, "lab-1", "nvidia-smi --help-query-gpu | grep -o '^\"[^\"]*' | tr -d '\"'").split()
    assert {"fabric.state", "remapped_rows.failure", "clocks_event_reasons.active"} <= set(offered)
    rows = output(
        lab, "lab-1", f"nvidia-smi --query-gpu={','.join(offered)} --format=csv,noheader,nounits"
    ).splitlines()
    assert [len(row.split(", ")) for row in rows] == [len(offered)] * 2


def test_an_unknown_field_is_refused_as_the_real_one_does(lab):
    done = ssh(lab, "lab-1", "nvidia-smi --query-gpu=nonsense --format=csv")
    assert (done.returncode, done.stdout.splitlines()[0]) == (2, 'Field "nonsense" is not a valid field to query.')


COUNT = """
import ctypes
nvml = ctypes.CDLL("libnvidia-ml.so.1")
count, handle, name = ctypes.c_uint(), ctypes.c_void_p(), ctypes.create_string_buffer(96)
assert nvml.nvmlInitWithFlags(0) == 0
nvml.nvmlDeviceGetCount_v2(ctypes.byref(count))
nvml.nvmlDeviceGetHandleByIndex_v2(0, ctypes.byref(handle))
nvml.nvmlDeviceGetName(handle, name, 96)
print(count.value, name.value.decode())
"""


def test_nvml_counts_the_same_gpus(lab):
    assert output(lab, "lab-1", f"python3 -c '{COUNT}'") == "2 NVIDIA H100 80GB HBM3"


def test_gpu_faults_show_on_one_host_alone_and_can_be_cleared(lab):
    host = lab.host("lab-2")
    drivers = "nvidia-smi --query-gpu=driver_version --format=csv,noheader"
    try:
        host.fault(driver="535.161.08", gpus=1)
        assert output(lab, "lab-2", drivers) == "535.161.08"
        assert output(lab, "lab-2", f"python3 -c '{COUNT}'").startswith("1 ")
        assert output(lab, "lab-1", drivers).split() == ["590.48.01"] * 2
        host.fault(text="Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 590.48")
        done = ssh(lab, "lab-2", "nvidia-smi")
        assert (done.returncode, done.stdout.count("\n")) == (9, 2)
        assert "version mismatch" in done.stdout
        host.fault(clear=True, hang=True)
        assert output(lab, "lab-2", "timeout -s KILL 1 nvidia-smi; echo $?").endswith("137")
    finally:
        host.fault(clear=True)
    assert output(lab, "lab-2", drivers).split() == ["590.48.01"] * 2


def test_exec_runs_inside_the_host_without_ssh(lab):
    done = lab.host("lab-3").exec(["sh", "-c", "hostname; cat /proc/1/comm; exit 3"])
    assert (done.returncode, done.stdout.split()) == (3, ["lab-3", "systemd"])


def test_a_reboot_brings_the_same_host_back_with_a_new_boot_id(lab):
    output(lab, "lab-3", "sudo -n sh -c 'echo kept > /root/kept'")
    before = output(lab, "lab-3", "cat /proc/sys/kernel/random/boot_id /etc/machine-id").split()
    lab.host("lab-3").reboot()
    after = output(lab, "lab-3", "cat /proc/sys/kernel/random/boot_id /etc/machine-id").split()
    assert (before[0] != after[0], before[1] == after[1]) == (True, True)
    assert output(lab, "lab-3", "sudo -n cat /root/kept") == "kept"
    assert output(lab, "lab-3", "nvidia-smi -L | wc -l") == "2"


def test_a_reboot_asked_for_inside_the_host_boots_it_again(lab):
    before = lab.host("lab-3").pid
    ssh(lab, "lab-3", "sudo -n systemctl reboot")
    deadline = time.monotonic() + 30
    while (
        lab.host("lab-3").pid in (0, before) or ssh(lab, "lab-3", "true").returncode
    ) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert output(lab, "lab-3", "hostname") == "lab-3"


def test_a_host_whose_power_is_cut_is_off_until_it_is_started(lab):
    host = lab.host("lab-3")
    host.kill()
    assert [entry.running for entry in lab.status().hosts] == [True, True, False]
    assert ssh(lab, "lab-3", "true").returncode == 255
    with pytest.raises(LabError, match="lab-3 is off"):
        host.exec(["true"])
    host.start()
    assert output(lab, "lab-3", "hostname") == "lab-3"


def test_a_pulled_cable_makes_a_host_unreachable_until_it_is_plugged_in(lab):
    host = lab.host("lab-2")
    host.link(up=False)
    try:
        assert "timed out" in ssh(lab, "lab-2", "true", "-o", "ConnectTimeout=1").stderr
    finally:
        host.link(up=True)
    assert output(lab, "lab-2", "hostname") == "lab-2"


def test_the_inventory_names_every_host_and_carries_the_callers_settings(lab):
    yaml = pytest.importorskip("yaml")
    said = yaml.safe_load(lab.inventory.read_text())
    assert said["cluster"] == NAME
    assert [(name, host["role"]) for name, host in said["hosts"].items()] == [
        ("lab-1", "head"),
        ("lab-2", "worker"),
        ("lab-3", "worker"),
    ]
    assert said["expect"] == {"driver": ">=580", "gpus": 2, "gpu": "H100"}
    assert said["serve"] == {"model": "tiny", "args": {"max-model-len": 256}}
    assert Path(said["ssh"]["key"]).stat().st_mode & 0o777 == 0o600


def test_a_second_up_changes_nothing(lab):
    before = lab.status()
    again = lab.up(hosts=3, gpus=2)
    assert not again.changed
    assert again.hosts == before.hosts


def test_up_with_another_size_is_refused_while_the_lab_runs(lab):
    with pytest.raises(UsageError, match="runs with 3 hosts"):
        lab.up(hosts=4, gpus=2)


def test_a_host_that_does_not_exist_is_named_with_those_that_do(lab):
    with pytest.raises(LabError, match="no host `lab-9`") as caught:
        lab.host("lab-9")
    assert "lab-1, lab-2, lab-3" in caught.value.hint


def test_two_labs_exist_side_by_side_on_networks_of_their_own(lab, own_lab):
    other = own_lab.up(hosts=1, gpus=1)
    assert other.hosts[0].address.rpartition(".")[0] != lab.status().hosts[0].address.rpartition(".")[0]
    assert output(own_lab, "lab-1", "nvidia-smi -L | wc -l") == "1"
    own_lab.down()
    assert output(lab, "lab-1", "hostname") == "lab-1"


def test_down_leaves_nothing_and_may_be_repeated(own_lab):
    own_lab.up(hosts=2, gpus=1)
    assert len(traces(BROKEN)) > 5
    assert own_lab.down().changed
    assert traces(BROKEN) == []
    assert not own_lab.down().changed


def test_a_lab_without_systemd_still_serves_ssh_and_says_so(own_lab, tmp_path):
    broken = tmp_path / "layer"
    (broken / "usr/sbin").mkdir(parents=True)
    (broken / "usr/sbin/init").write_text("#!/bin/sh\nsleep 1\nexit 1\n")
    (broken / "usr/sbin/init").chmod(0o755)
    report = own_lab.up(hosts=2, gpus=1, layers=[broken])
    assert report.init == "sshd"
    assert "systemd did not come up in lab-1, lab-2" in report.notes[0]
    assert output(own_lab, "lab-2", "hostname; nvidia-smi -L | wc -l").split() == ["lab-2", "1"]
    own_lab.host("lab-2").reboot()
    assert output(own_lab, "lab-2", "hostname") == "lab-2"


def test_hosts_without_systemd_can_be_asked_for(own_lab):
    report = own_lab.up(hosts=1, gpus=0, init="sshd")
    assert (report.init, report.notes) == ("sshd", ())
    assert output(own_lab, "lab-1", "cat /proc/1/comm; nvidia-smi; echo $?").splitlines()[1:] == [
        "No devices were found",
        "6",
    ]


@pytest.mark.needs("iptables")
def test_a_firewall_that_drops_bridged_traffic_does_not_part_the_hosts(own_lab):
    """As Docker leaves it: FORWARD drops what nobody lets through."""
    own_lab.up(hosts=2, gpus=1, init="sshd")
    drop = ["FORWARD", "-i", f"plab-{own_lab.tag}", "-j", "DROP"]
    subprocess.run(["iptables", "--wait", "10", "--append", *drop], check=True)
    try:
        assert ssh(own_lab, "lab-1", "ping -c 1 -W 2 lab-2").returncode == 0
    finally:
        subprocess.run(["iptables", "--wait", "10", "--delete", *drop], check=True)


@pytest.fixture(scope="module")
def fabric_lab():
    lab = Lab(name=f"test-fabric-{os.getpid()}")
    try:
        lab.up(hosts=2, gpus=0, init="sshd", fabric=True)
        yield lab
    finally:
        lab.down()


def pings(lab: Lab, host: str, to: str, size: int = 56) -> bool:
    return lab.host(host).exec(["ping", "-c", "1", "-W", "1", "-M", "do", "-s", str(size), to]).returncode == 0


def test_a_lab_with_a_fabric_has_a_second_interface_with_jumbo_frames(fabric_lab):
    one, two = (entry.fabric for entry in fabric_lab.status().hosts)
    assert one.startswith("10.78.")
    assert f"{one}/24" in output(fabric_lab, "lab-1", "ip -4 -o address show dev eth1")
    assert pings(fabric_lab, "lab-1", two, 8972)
    assert not pings(fabric_lab, "lab-1", fabric_lab.host("lab-2").address, 8972)


def test_a_fabric_that_loses_large_frames_carries_small_ones(fabric_lab):
    two = fabric_lab.host("lab-2")
    two.fabric_mtu(1500)
    try:
        assert output(fabric_lab, "lab-2", "cat /sys/class/net/eth1/mtu || true") in ("9000", "")
        assert pings(fabric_lab, "lab-1", two.fabric_address)
        assert not pings(fabric_lab, "lab-1", two.fabric_address, 8972)
    finally:
        two.fabric_mtu(9000)
    assert pings(fabric_lab, "lab-1", two.fabric_address, 8972)


def connects(lab: Lab, host: str, to: str) -> str:
    program = "import socket, sys; socket.create_connection((sys.argv[1], 22), timeout=1)"
    done = lab.host(host).exec(["python3", "-c", program, to])
    return done.stderr.strip().splitlines()[-1].partition(":")[0] if done.returncode else "yes"


def test_a_hosts_firewall_drops_or_refuses_one_port_from_one_host(fabric_lab):
    one, two = fabric_lab.host("lab-1"), fabric_lab.host("lab-2")
    two.drop(22, source=one.fabric_address)
    assert connects(fabric_lab, "lab-1", two.fabric_address) == "TimeoutError"
    assert connects(fabric_lab, "lab-1", two.address) == "yes"
    assert connects(fabric_lab, "lab-2", one.fabric_address) == "yes"
    two.allow()
    two.refuse(22)
    assert connects(fabric_lab, "lab-1", two.fabric_address) == "ConnectionRefusedError"
    two.allow()
    assert connects(fabric_lab, "lab-1", two.fabric_address) == "yes"


def test_down_removes_the_fabric_too(own_lab):
    own_lab.up(hosts=2, gpus=0, init="sshd", fabric=True)
    assert len([trace for trace in traces(BROKEN) if trace.startswith("pl")]) == 6
    with pytest.raises(UsageError, match="and a fabric"):
        own_lab.up(hosts=2, gpus=0)
    own_lab.down()
    assert traces(BROKEN) == []


UP = f"from provision.lab import Lab; Lab(name='{BROKEN}', say=lambda line: print(line, flush=True)).up(2, 1)"


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.25, 0.4])
def test_an_up_that_is_killed_in_the_middle_is_removed_completely(own_lab, delay):
    """Whatever was made until then; `delay` is seconds after the lab says that it starts the hosts."""
    process = subprocess.Popen([sys.executable, "-c", UP], stdout=subprocess.PIPE, text=True)
    assert "starting" in process.stdout.readline()
    time.sleep(delay)
    process.kill()
    process.communicate()
    state = load(own_lab.directory)
    assert state is not None
    own_lab.down()
    assert traces(BROKEN) == []


def test_an_up_after_a_crash_makes_the_lab_anew(own_lab):
    own_lab.up(hosts=2, gpus=1)
    for host in own_lab.status().hosts:
        supervisor = int((own_lab.directory / "hosts" / host.name / "supervisor.pid").read_text())
        os.kill(supervisor, signal.SIGKILL)
        # The host goes with it, on a busy machine a moment later.
        deadline = time.monotonic() + 60
        while Path(f"/proc/{host.pid}/root/etc").exists() and time.monotonic() < deadline:
            time.sleep(0.1)
    report = own_lab.up(hosts=2, gpus=1)
    assert report.changed
    assert output(own_lab, "lab-2", "hostname") == "lab-2"
    own_lab.down()
    assert traces(BROKEN) == []


def test_an_up_that_fails_leaves_nothing(own_lab, tmp_path):
    with pytest.raises(LabError) as caught:
        own_lab.up(hosts=2, gpus=1, layers=[tmp_path / "missing"])
    assert "lab-1: mount overlay" in caught.value.evidence[-1]
    assert traces(BROKEN) == []
