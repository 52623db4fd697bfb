"""What runs the containers is compared between hosts, and a difference is said of the odd one out."""

from __future__ import annotations

import pytest

from provision.core.finding import Known, Severity
from provision.stack.engines import Engines

ALIKE = {"docker": "28.1", "docker storage": "overlay2", "docker cgroups": "systemd v2", "NVIDIA's toolkit": "1.17.8"}


def known(**hosts: dict[str, str]) -> dict[str, tuple[Known, ...]]:
    return {
        host: tuple(Known("packages", *cell) for cell in {**ALIKE, **cells}.items()) for host, cells in hosts.items()
    }


@pytest.mark.parametrize(
    ("fact", "value", "hint"),
    [
        ("docker", "20.10.24", "install docker 28.1 on c"),
        ("docker storage", "vfs", "`storage-driver`"),
        ("docker cgroups", "cgroupfs v2", "native.cgroupdriver"),
        ("NVIDIA's toolkit", "1.14.0", "nvidia-container-toolkit 1.17.8 on c"),
    ],
)
def test_the_one_that_differs_is_named(fact: str, value: str, hint: str) -> None:
    (found,) = Engines("docker", "a")(known(a={}, b={}, c={fact: value}))
    assert (found.host, found.fact, found.severity) == ("c", fact, Severity.WARNING)
    assert (found.found, found.expected) == (value, ALIKE[fact])
    assert hint in found.hint


@pytest.mark.parametrize(
    ("fact", "hint"),
    [
        ("podman", "install podman 28.1 on c"),
        ("podman storage", "/etc/containers/storage.conf"),
        ("podman cgroups", "`cgroup_manager` in /etc/containers/containers.conf"),
        ("NVIDIA's toolkit", "write its file for CDI anew"),
    ],
)
def test_podmans_are_set_where_podman_reads_them(fact: str, hint: str) -> None:
    alike = {name.replace("docker", "podman"): value for name, value in ALIKE.items()}
    cells = {host: tuple(Known("packages", *cell) for cell in alike.items()) for host in "ab"}
    cells["c"] = tuple(Known("packages", *cell) for cell in {**alike, fact: "other"}.items())
    (found,) = Engines("podman", "a")(cells)
    assert hint in found.hint


def test_of_two_it_is_not_the_head_and_both_are_said() -> None:
    (found,) = Engines("docker", "b")(known(a={"docker storage": "vfs"}, b={}))
    assert found.message == "docker storage is `vfs`, b has `overlay2`"


def test_hosts_that_are_alike_or_of_which_nothing_is_known_are_no_finding() -> None:
    assert list(Engines("docker", "a")({**known(a={}, b={}), "c": ()})) == []
    assert list(Engines("docker", "a")({})) == []
