"""What a host prints becomes typed facts. The files in data/ are written by hand, to the shapes that are
documented for such machines; none is a recording."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_smi import EVERYTHING

from provision.facts import Facts, Listener, PythonFound, read_facts
from provision.facts.network import read_listener, read_listening
from provision.facts.read import UNLIMITED

DATA = Path(__file__).parent / "data"
FIXTURES = [*(path.read_text() for path in sorted(DATA.glob("written_*.txt"))), EVERYTHING]


def facts_of(name: str) -> Facts:
    return read_facts((DATA / f"written_{name}.txt").read_text())


@pytest.mark.parametrize(
    ("source", "boot", "place"),
    [
        ("nas:/home", "b1", "nas:/home 7 /r"),
        ("//nas/home", "b1", "//nas/home 7 /r"),
        ("10.0.0.1@tcp:/scratch", "b1", "10.0.0.1@tcp:/scratch 7 /r"),
        ("/dev/sda1", "b1", "b1 8 7 /r"),
        ("/dev/sda1", "", ""),
    ],
)
def test_a_folder_is_named_alike_on_hosts_that_share_it_alone(source: str, boot: str, place: str) -> None:
    disk = f"@disk\n{source} 100 50 50 50% /home\n"
    assert read_facts(f"@values\nboot_id={boot}\n{disk}@place\n8 7\n/r\n").root_place == place
    assert read_facts(f"@values\nboot_id={boot}\n{disk}@place\n\n/r\n").root_place == ""


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


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("0100007F:1F90", "127.0.0.1"),
        ("00000000000000000000000000000000:1F90", "::"),
        ("0000000000000000FFFF00000100000A:1F90", "10.0.0.1"),
        ("127.0.0.1:8080", "127.0.0.1"),
        ("127.0.0.53%lo:8080", "127.0.0.53"),
        ("*:8080", "::"),
        ("[::1]:8080", "::1"),
        ("[fe80::1]%eth0:8080", "fe80::1"),
        ("[::ffff:10.0.0.1]:8080", "10.0.0.1"),
    ],
)
def test_ss_and_the_kernel_write_the_same_listener(written: str, address: str) -> None:
    assert read_listener(written) == Listener(address, 8080)
    row = f"LISTEN 0      128    {written}  0.0.0.0:*" if ":8080" in written else f"   1: {written} 00000000:0000 0A 0"
    assert read_listening([row, "Local Address:Port", row]) == (Listener(address, 8080),)


@pytest.mark.parametrize(
    "written", ["", "8080", "a:1", "1.2.3.4:x", "1.2.3.4:123456", "0100007F:80", "0100007F:123456"]
)
def test_what_is_no_listener_is_none(written: str) -> None:
    assert read_listener(written) is None


def test_listening_sockets_are_named_once_by_address_and_port():
    facts = facts_of("h100_sxm")
    assert facts.listening == (Listener("0.0.0.0", 22), Listener("::", 22), Listener("10.0.0.1", 6379))
    assert facts.listens_on(6379) == (Listener("10.0.0.1", 6379),)


def test_an_interpreter_is_listed_once_with_the_version_in_its_name():
    pythons = facts_of("h100_sxm").pythons
    assert pythons[0] == PythonFound("/usr/bin/python3", "3.12")
    assert [p.version for p in pythons] == ["3.12", "3.11"]


def test_the_patch_version_of_an_interpreter_is_asked_or_is_in_its_folder():
    lines = [
        "/usr/bin/python3\t/usr/bin/python3.12\tPython 3.12.3",
        "/p/cpython-3.11.9-linux-x86_64-gnu/bin/python3\t/p/cpython-3.11.9-linux-x86_64-gnu/bin/python3.11\t",
        "/o/shims/python3.10\t/o/shims/python3.10\t",
        "/s/python3.9\t/s/python3.9\tpython3.9: cannot execute: 3.9.1",
        "/b/python3.14\t/b/python3.14\tPython 3.14.0rc2",
    ]
    found = read_facts("\n".join(["@pythons", *lines])).pythons
    assert [(p.version, p.patch) for p in found] == [
        ("3.12", "3.12.3"), ("3.11", "3.11.9"), ("3.10", ""), ("3.9", ""), ("3.14", "3.14.0rc2"),
    ]  # fmt: skip


def test_how_far_the_clock_is_ahead():
    assert read_facts("@values\nclock=1000.250000000\n", asked_at=990.0).clock_offset == 10.25
    # Of whole seconds, on average half a one has gone by.
    assert read_facts("@values\nclock=1000.%N\n", asked_at=1000.5).clock_offset == 0.0
    assert read_facts("@values\nclock=1000.25\n").clock_offset is None
    assert read_facts("@values\nclock=1000.25\n").clock == 1000
    assert read_facts("@values\nclock=\n", asked_at=1000.0).clock_offset is None


def test_every_address_of_the_hosts_own_name_once():
    lines = ["127.0.1.1  STREAM gpu-01", "127.0.1.1  DGRAM", "fe80::1%eth0 STREAM", "10.0.0.1 STREAM", "nonsense"]
    assert read_facts("\n".join(["@names", *lines])).hostname_addresses == ("127.0.1.1", "fe80::1", "10.0.0.1")


MODEL = """@model
path=/models/m
there=yes
@files
10 ./b.safetensors
5 ./sub/a b.json
end=0
@modeldisk
Filesystem     1024-blocks       Used Available Capacity Mounted on
/dev/nvme1n1    1844284980 120000000       2048       7% /models
"""


def test_a_models_folder_is_the_same_in_any_order_and_another_with_any_other_size():
    model = read_facts(MODEL).model
    assert model is not None and model.there and model.path == "/models/m"
    assert (model.files, model.bytes, model.disk_free_bytes) == (2, 15, 2048 * 1024)
    first, second = "10 ./b.safetensors\n", "5 ./sub/a b.json\n"
    turned = read_facts(MODEL.replace(first + second, second + first)).model
    assert turned == model
    other = read_facts(MODEL.replace("10 ./b", "11 ./b")).model
    assert other is not None and len(other.digest) == len(model.digest) > 0 and other.digest != model.digest


def test_a_part_of_a_models_folder_has_no_digest():
    for text in (MODEL.replace("end=0\n", ""), MODEL.replace("end=0", "end=124")):
        model = read_facts(text).model
        assert model is not None and model.files == 2 and model.digest == ""


def test_a_model_that_is_no_folder_is_not_looked_for():
    assert read_facts("@values\n").model is None


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
    flooded = gpu_section("fields=index,name", "x" * 1000, "", "flooded")
    assert flooded.gpu_fault == "flooded" and "more than a megabyte" in str(flooded.gpu_error)
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
def test_a_damaged_answer_gives_facts(text, data):
    """Cut, repeat, drop and overwrite pieces of a real shape: the parsers below the sections are reached."""
    lines = text.split("\n")
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        cut = data.draw(st.integers(0, len(line)))
        junk = data.draw(st.text(alphabet="0123456789abcdefABCDEF:/.,=@[] \t|-²٣\x00\x1b\x1f", max_size=12))
        spoilt = line[:cut] + junk + line[cut + data.draw(st.integers(0, 4)) :]
        lines[at : at + 1] = data.draw(st.sampled_from([[spoilt], [line, spoilt], [spoilt, line], []])) or [""]
    assert isinstance(read_facts("\n".join(lines), asked_at=1.0), Facts)


@given(st.data())
def test_cells_that_are_anything_give_facts(data):
    cells = EVERYTHING.replace("\n", ", ").split(", ")
    words = ["[N/A]", "N/A", "[Unknown Error]", "", "-1", "0x", "9" * 30, "1e400", "٣", "NaN", "\x1f", "GPU0", "@gpus"]
    for _ in range(data.draw(st.integers(1, 8))):
        spoilt = data.draw(st.sampled_from(cells))
        text = EVERYTHING.replace(spoilt, data.draw(st.sampled_from(words))) if spoilt else EVERYTHING
        assert isinstance(read_facts(text), Facts)


@pytest.mark.parametrize(("clock", "offset"), [(1000.5, 0.0), (1007.0, 0.0), (1012.0, 2.0), (990.0, -10.0)], ids=str)
def test_a_clock_that_shows_a_time_while_the_answer_was_under_way_is_not_off(clock: float, offset: float) -> None:
    """Through jump hosts it may take seconds until the question arrives, or the answer does."""
    facts = read_facts(f"@values\nclock={clock}\n", asked_at=1000.0, answered_at=1010.0)
    assert facts.clock_offset == pytest.approx(offset)


def test_every_address_has_the_length_of_its_network_and_every_interface_its_kind():
    text = "\n".join(
        [
            "@links",
            "2: eno1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc mq state UP mode DEFAULT group default",
            "3: docker0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN mode DEFAULT",
            "@addresses",
            "2: eno1    inet 192.0.2.7/24 brd 192.0.2.255 scope global eno1",
            "2: eno1    inet 10.10.0.7/16 brd 10.10.255.255 scope global eno1",
            "2: eno1    inet6 fe80::1/64 scope link",
            "3: docker0    inet 172.17.0.1/16 brd 172.17.255.255 scope global docker0",
            "@speeds",
            "eno1 speed=10000 mtu=1500 flags=0x1003 state=up kind=",
            "docker0 speed= mtu=1500 flags=0x1003 state=down kind=bridge",
        ]
    )
    eno1, docker0 = read_facts(text).interfaces
    assert eno1.addresses == ("192.0.2.7", "10.10.0.7", "fe80::1")
    assert (eno1.prefix, eno1.prefixes, eno1.kind) == (24, (24, 16, 64), "")
    assert (docker0.kind, docker0.up) == ("bridge", False)


def test_an_rdma_port_names_the_interfaces_that_it_carries():
    text = (
        "@fabrics\nmlx5_0|1|4: ACTIVE|Ethernet|100 Gb/sec (4X EDR)| ens5f0 bond0 bond0\nmlx5_1|1|1: DOWN|Ethernet||\n"
    )
    assert [port.interfaces for port in read_facts(text).fabrics] == [("ens5f0", "bond0"), ()]


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        (("uid=1000",), ()),
        (("uid=0", "setpriv=yes", "capabilities=000001ffffffffff"), ()),
        # Docker's default.
        (("uid=0", "setpriv=yes", "capabilities=00000000a80425fb"), ("CAP_SYS_PTRACE",)),
        (("uid=0", "capabilities=000001ffffffffff"), ("setpriv",)),
        (
            ("uid=0", "setpriv=yes", "capabilities=0"),
            ("CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_SETGID", "CAP_SETUID", "CAP_SYS_PTRACE"),
        ),
        (("uid=0", "capabilities=x"), ()),
    ],
)
def test_what_root_lacks_to_act_for_other_users(said, lacks):
    assert read_facts("\n".join(["@values", *said, ""])).lacks == lacks
