"""`sudo: true` on a host with systemd: units that root makes, processes and secrets of the user who logged in."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest
from daemons import PROGRAM, Daemon
from engine import OneHost, changes, differences
from loopback import wait_until

import provision
from provision.core.secret import Secret
from provision.lab.control import HostControl
from provision.lab.lab import Lab
from provision.resources.secret_file import SecretFile
from provision.resources.service import Place
from provision.resources.text_file import TextFile

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab"),
]

UNIT = "provision-here-lab-1-daemon.service"
KEPT = "/opt/provision/clusters/here/lab-1"
CANARY = "canary-under-systemd-51c0"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(name=f"test-sudo-{os.getpid()}")
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISION_STATE_DIR", str(state))
        lab.up(1, 0, settings={"sudo": True})
        yield lab
        lab.down()


@pytest.fixture
def control(lab: Lab) -> HostControl:
    return lab.host("lab-1")


@pytest.fixture
def host(lab: Lab, daemon: Daemon) -> Iterator[OneHost]:
    host = OneHost(provision.load(lab.inventory).hosts[0])
    yield host
    host.down(daemon, program(daemon))


@pytest.fixture
def daemon() -> Daemon:
    return Daemon(
        Place(f"{KEPT}/daemon", "here/lab-1/daemon", user="ops", runtime="systemd"),
        here=Path("/home/ops"),
        env={"API_KEY": Secret(CANARY)},
    )


def program(daemon: Daemon) -> TextFile:
    return TextFile(str(daemon.here / "program"), PROGRAM)


def said(control: HostControl, *argv: str) -> str:
    """What a command prints that root runs on the host."""
    return control.exec(argv).stdout.strip()


def owner(control: HostControl, path: PurePosixPath | str) -> str:
    return said(control, "stat", "-c", "%a %U", str(path))


def pid(control: HostControl, kind: str = "main") -> str:
    return said(control, "cat", f"/home/ops/lab-1.{kind}")


def user_of(control: HostControl, process: str) -> str:
    """Empty where there is no such process."""
    return said(control, "ps", "-o", "user=", "-p", process)


def test_it_is_a_unit_whose_processes_are_the_users(host: OneHost, control: HostControl, daemon: Daemon) -> None:
    report = host.up(program(daemon), daemon)
    assert report.exit_code == 0, report.errors
    assert said(control, "systemctl", "is-active", UNIT) == "active"
    assert said(control, "systemctl", "show", "-P", "MainPID", UNIT) == pid(control)
    for kind in ("main", "child"):
        assert user_of(control, pid(control, kind)) == "ops"
    assert changes(host.up(program(daemon), daemon)) == 0


def test_the_folders_are_roots_and_only_the_token_is_the_users(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    token = SecretFile(f"{KEPT}/token", Secret(CANARY), owner="ops")
    assert host.up(program(daemon), token, daemon).exit_code == 0
    assert owner(control, token.path) == "600 ops"
    assert owner(control, f"{KEPT}/daemon") == "700 root"
    for file in ("run", "begin", "stamp", "log"):
        assert owner(control, f"{KEPT}/daemon/{file}") == "600 root"
    for folder in PurePosixPath(KEPT, "daemon").parents:
        if folder.is_relative_to("/opt/provision"):
            assert owner(control, folder) == "755 root"
    assert said(control, "su", "ops", "-c", f"cat {token.path}") == CANARY
    host.down(token)


def test_a_secret_is_in_no_unit_and_no_journal(host: OneHost, control: HostControl, daemon: Daemon) -> None:
    host.up(program(daemon), daemon)
    assert f"API_KEY={CANARY}" in said(control, "cat", f"/proc/{pid(control)}/environ")
    for listing in (
        ("systemctl", "show", UNIT),
        ("cat", f"/run/systemd/system/{UNIT}", f"{KEPT}/daemon/stamp", f"{KEPT}/daemon/log"),
        ("journalctl", "--no-pager"),
        ("ps", "-eo", "args"),
    ):
        assert CANARY not in said(control, *listing)


def test_a_killed_one_is_named_and_started_again(host: OneHost, control: HostControl, daemon: Daemon) -> None:
    host.up(program(daemon), daemon)
    before, child = pid(control), pid(control, "child")
    said(control, "kill", "-9", before)
    assert wait_until(lambda: not user_of(control, before))
    assert differences(host.check(daemon)) == ["running no: its process is gone → yes"]
    assert changes(host.up(daemon)) == 1
    assert said(control, "systemctl", "is-active", UNIT) == "active"
    assert pid(control) != before
    assert user_of(control, child) == ""


def test_after_a_restart_of_the_host_it_is_named_and_started_again(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    host.up(program(daemon), daemon)
    control.reboot()
    assert said(control, "systemctl", "list-unit-files", "--no-legend", UNIT) == ""
    assert differences(host.check(daemon)) == ["running no: its process is gone → yes"]
    assert changes(host.up(daemon)) == 1
    assert said(control, "systemctl", "is-active", UNIT) == "active"


def test_down_ends_children_that_ignore_term_and_leaves_no_unit(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    stubborn = replace(daemon, env={"STUBBORN": "TERM"})
    host.up(program(daemon), stubborn)
    child = pid(control, "child")
    assert changes(host.down(stubborn)) == 1
    assert user_of(control, child) == ""
    assert no_trace(control)
    assert changes(host.down(stubborn)) == 0


def test_one_that_ends_at_once_fails_with_its_log_and_down_leaves_nothing(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    broken = TextFile(str(daemon.here / "program"), "echo 'no such model: 8fa1'; exit 3")
    report = host.up(broken, daemon)
    assert report.exit_code == 1
    assert "no such model: 8fa1" in repr(report.errors[0].evidence)
    assert changes(host.down(daemon)) == 1
    assert no_trace(control)


def test_where_systemd_cannot_start_it_its_words_are_the_evidence(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    nobody = replace(daemon, place=replace(daemon.place, user="absent"))
    report = host.up(nobody)
    assert report.exit_code == 1
    assert "status=217/USER" in repr(report.errors[0].evidence)
    assert changes(host.down(nobody)) == 1
    assert no_trace(control)


def no_trace(control: HostControl) -> bool:
    units = said(control, "systemctl", "list-units", "--all", "--plain", "--no-legend", "provision-*")
    files = said(control, "sh", "-c", f"ls -d /run/systemd/system/provision-* {KEPT}/daemon")
    return units + files == ""
