"""What a host prints becomes typed facts. The files in data/ are written by hand, to the shapes that are
documented for such machines; none is a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.facts import Facts, Listener, PythonFound, read_facts
from provision.facts.read import UNLIMITED

DATA = Path(__file__).parent / "data"
FIXTURES = sorted(DATA.glob("written_*.txt"))


def facts_of(name: str) -> Facts:
    return read_facts((DATA / f"written_{name}.txt").read_text())


def gpu_section(*lines: str) -> Facts:
    return read_facts("\n".join(["@gpus", *lines, ""]))


def test_a_server_with_two_gpus_is_read_whole():
    facts = facts_of("h100_sxm")
    assert (facts.hostname, facts.user, facts.uid, facts.home) == ("gpu-01", "ubuntu", 1000, "/home/ubuntu")
    assert (facts.os_id, facts.os_version, facts.glibc) == ("ubuntu", "24.04", "2.39")
    assert (facts.cpus, facts.memory_bytes) == (192, 2113393172 * 1024)
    assert (facts.shm_bytes, facts.disk_free_bytes) == (1056696584 * 1024, 1630524112 * 1024)
    assert (facts.nofile_soft, facts.nofile_hard) == (1024, UNLIMITED)
    assert facts.uptime_seconds == 86400.25
    assert facts.systemd and facts.curl and facts.flock and facts.tar
    assert facts.gpu_fault is None and facts.gpu_error is None
    assert facts.driver == facts.driver_module == "590.48.01"


def test_a_gpus_cells_lose_their_units():
    first, second = facts_of("h100_sxm").gpus
    assert (first.index, first.name, first.bus_id) == (0, "NVIDIA H100 80GB HBM3", "00000000:18:00.0")
    assert (first.memory_mib, first.memory_free_mib) == (81559, 81079)
    assert (first.compute_capability, first.persistence, first.mig) == ("9.0", True, False)
    assert second.mig is True
    assert second.details["fabric.state"] == "Completed"


def test_cells_that_a_gpu_does_not_have_are_unknown_not_wrong():
    facts = facts_of("geforce_without_ip")
    (gpu,) = facts.gpus
    assert gpu.mig is None and gpu.persistence is False and gpu.memory_free_mib == 0
    assert facts.glibc == "" and facts.driver_module is None and facts.driver == "580.95.05"


def test_the_interface_with_a_carrier_and_its_first_ipv4_address():
    facts = facts_of("h100_sxm")
    by_name = {i.name: i for i in facts.interfaces}
    assert by_name["bond0.40"].addresses == ("10.0.0.1", "fe80::200:5eff:fe00:5302")
    assert (by_name["bond0.40"].prefix, by_name["bond0.40"].mtu) == (16, 9000)
    assert (by_name["bond0.40"].speed_mbit, by_name["lo"].speed_mbit) == (200000, None)
    assert by_name["bond0.40"].up and not by_name["docker0"].up
    assert [name for name, i in by_name.items() if i.loopback] == ["lo"]
    assert facts.interface_of("10.0.0.1") is by_name["bond0.40"]
    assert (facts.route_source, facts.route_interface) == ("10.0.0.1", "bond0.40")


def test_without_ip_the_kernels_tables_tell_the_same():
    facts = facts_of("geforce_without_ip")
    lo, eth0 = facts.interfaces
    assert (eth0.name, eth0.addresses, eth0.prefix) == ("eth0", ("192.168.7.20", "fe80::42:acff:fe11:2"), 24)
    assert eth0.up and eth0.mtu == 1500 and eth0.speed_mbit == 2500
    assert lo.loopback and lo.addresses == ("127.0.0.1", "::1")
    assert (facts.route_source, facts.route_interface) == ("192.168.7.20", "eth0")


def test_a_host_that_is_the_head_names_the_interface_that_has_the_address_not_lo():
    text = (DATA / "written_h100_sxm.txt").read_text()
    route = "10.0.0.9 dev bond0.40 src 10.0.0.1 uid 1000"
    assert route in text
    facts = read_facts(text.replace(route, "local 10.0.0.1 dev lo src 10.0.0.1 uid 1000"))
    assert (facts.route_source, facts.route_interface) == ("10.0.0.1", "bond0.40")


def test_no_route_is_none():
    facts = read_facts("@links\n@head\n10.0.0.9\n@route\n")
    assert facts.route_source is None and facts.route_interface is None


def test_listening_sockets_are_named_once_by_address_and_port():
    facts = facts_of("h100_sxm")
    assert facts.listening == (Listener("0.0.0.0", 22), Listener("::", 22), Listener("10.0.0.1", 6379))
    assert facts.listens_on(6379) == (Listener("10.0.0.1", 6379),)


def test_an_interpreter_is_listed_once_with_the_version_in_its_name():
    pythons = facts_of("h100_sxm").pythons
    assert pythons[0] == PythonFound("/usr/bin/python3", "3.12")
    assert [p.version for p in pythons] == ["3.12", "3.11"]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Failed to initialize NVML: Driver/library version mismatch", "mismatch"),
        ("No devices were found", "no-devices"),
        ("Unable to determine the device handle for GPU0000:41:00.0: GPU is lost.  Reboot the system", "lost"),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "no-driver"),
        ("NVIDIA-SMI couldn't find libnvidia-ml.so library in your system.", "no-library"),
        ("Segmentation fault", "failed"),
    ],
)
def test_a_failure_of_nvidia_smi_is_told_apart_and_quoted(said, kind):
    facts = gpu_section("fields=index,name", said, "rc=9")
    assert facts.gpus == () and facts.gpu_fault == kind and facts.gpu_error == said


def test_nvidia_smi_that_is_not_there_or_hangs():
    assert gpu_section("missing").gpu_fault == "missing"
    hung = gpu_section("fields=index,name", "", "hung")
    assert hung.gpu_fault == "hung" and "does not answer" in str(hung.gpu_error)


def test_one_lost_gpu_does_not_hide_the_others():
    lost = "Unable to determine the device handle for GPU0: 0000:41:00.0: GPU is lost."
    facts = gpu_section("fields=index,name,memory.total", "1, NVIDIA L4, 23034 MiB", lost, "rc=15")
    assert [gpu.index for gpu in facts.gpus] == [1] and facts.gpu_fault == "lost" and facts.gpu_error == lost


def test_sixteen_gpus_keep_their_order():
    facts = gpu_section("fields=index,name,memory.total", *(f"{i}, NVIDIA A100, 40960 MiB" for i in range(16)), "rc=0")
    assert [gpu.index for gpu in facts.gpus] == list(range(16)) and facts.gpu_error is None


@given(st.text())
def test_any_text_gives_facts(text):
    assert isinstance(read_facts(text), Facts)


@given(st.sampled_from(FIXTURES), st.data())
def test_a_damaged_answer_gives_facts(path, data):
    """Cut, repeat and overwrite pieces of a real shape: the parsers below the sections are reached."""
    lines = path.read_text().split("\n")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        junk = data.draw(st.text(alphabet="0123456789abcdefABCDEF:/.,=@[] \t|-²٣\x00", max_size=12))
        lines[at] = line[:cut] + junk + line[cut + data.draw(st.integers(0, 4)) :]
    assert isinstance(read_facts("\n".join(lines)), Facts)
