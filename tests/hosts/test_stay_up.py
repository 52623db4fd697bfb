"""A service that stays up, on a host with systemd: what starts it again, what `check` says meanwhile, and what is done
about a unit that somebody has touched."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from daemons import PROGRAM, Daemon
from engine import OneHost, changes, differences
from loopback import wait_until

import provision
from provision.checks.host.logout import CHECK
from provision.core.resource import Resource
from provision.core.secret import Secret
from provision.lab.control import HostControl
from provision.lab.lab import Lab
from provision.resources.service import Place
from provision.resources.still_running import StillRunning
from provision.resources.text_file import TextFile

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab"),
]

UNIT = "provision-here-lab-1-daemon.service"
FILE = f"/etc/systemd/system/{UNIT}"
WANTED = f"/etc/systemd/system/multi-user.target.wants/{UNIT}"
KEPT = "/opt/provision/clusters/here/lab-1/daemon"
CANARY = "canary-that-stays-77ab"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(name=f"test-stay-up-{os.getpid()}")
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
        Place(KEPT, "here/lab-1/daemon", user="ops", runtime="kept"),
        here=Path("/home/ops"),
        env={"API_KEY": Secret(CANARY)},
    )


@pytest.fixture
def running(host: OneHost, daemon: Daemon) -> tuple[Resource, ...]:
    """What is up, for `check` and `up` to look at."""
    wanted = (program(daemon), daemon)
    report = host.up(*wanted)
    assert report.exit_code == 0, report.errors
    return wanted


def program(daemon: Daemon) -> TextFile:
    return TextFile(str(daemon.here / "program"), PROGRAM)


def said(control: HostControl, *argv: str) -> str:
    """What a command prints that root runs on the host."""
    return control.exec(argv).stdout.strip()


def pid(control: HostControl) -> str:
    return said(control, "cat", "/home/ops/lab-1.main")


def there(control: HostControl, process: str) -> bool:
    return bool(process and said(control, "ps", "-o", "pid=", "-p", process))


def in_sync(host: OneHost, *wanted: Resource) -> bool:
    return host.check(*wanted).exit_code == 0


def test_its_unit_is_enabled_without_a_secret_in_it_and_nothing_is_left_to_change(
    host: OneHost, control: HostControl, running: tuple[Resource, ...]
) -> None:
    assert said(control, "systemctl", "is-active", UNIT) == "active"
    assert said(control, "systemctl", "is-enabled", UNIT) == "enabled"
    assert said(control, "systemctl", "show", "-P", "Restart", UNIT) == "always"
    assert CANARY not in said(control, "cat", FILE)
    assert said(control, "find", KEPT, "-type", "f", "!", "-perm", "600") == ""
    assert changes(host.up(*running)) == 0
    assert in_sync(host, *running)


@pytest.mark.parametrize("end", ["-KILL", pytest.param("-TERM", marks=pytest.mark.long)])
def test_one_that_ends_comes_back_and_is_no_drift(
    host: OneHost, control: HostControl, running: tuple[Resource, ...], end: str
) -> None:
    before = pid(control)
    said(control, "kill", end, before)
    assert wait_until(lambda: pid(control) not in ("", before) and in_sync(host, *running), 60)
    assert not there(control, before)
    assert there(control, pid(control))
    assert changes(host.up(*running)) == 0


@pytest.mark.long
def test_it_comes_back_when_the_host_boots(host: OneHost, control: HostControl, running: tuple[Resource, ...]) -> None:
    control.reboot()
    assert wait_until(lambda: in_sync(host, *running), 60)
    assert there(control, pid(control))
    assert said(control, "ps", "-o", "user=", "-p", pid(control)) == "ops"


@pytest.mark.long
def test_while_it_keeps_ending_check_says_how_often_it_was_started(
    host: OneHost, control: HostControl, running: tuple[Resource, ...]
) -> None:
    said(control, "sh", "-c", "echo 'exit 0' > /home/ops/program")
    said(control, "kill", "-9", pid(control))
    (_, daemon) = running

    def seen() -> str:
        return " ".join(differences(host.check(daemon)))

    assert wait_until(lambda: "it is starting again, third time since " in seen(), 60), seen()
    (found,) = host.check(daemon).findings
    assert found.host == "lab-1"
    assert "starting again, second time since" in said(control, "cat", f"{KEPT}/log")
    report = host.up(*running)
    assert report.exit_code == 0, report.errors
    assert in_sync(host, *running)


@pytest.mark.long
def test_one_that_was_stopped_stays_so_and_is_started_by_up(
    host: OneHost, control: HostControl, running: tuple[Resource, ...]
) -> None:
    said(control, "systemctl", "stop", UNIT)
    assert differences(host.check(*running)) == ["running no: its unit was stopped → yes"]
    assert changes(host.up(*running)) == 1
    assert there(control, pid(control))


@pytest.mark.long
@pytest.mark.parametrize(
    ("touched", "by"),
    [
        ("its unit is not enabled", ["systemctl", "disable", UNIT]),
        ("its unit is missing", ["sh", "-c", f"rm {FILE} && systemctl daemon-reload"]),
        ("its unit is masked", ["sh", "-c", f"rm {FILE} && systemctl mask {UNIT}"]),
    ],
)
def test_a_unit_that_would_not_come_back_is_repaired_while_the_service_goes_on(
    host: OneHost, control: HostControl, running: tuple[Resource, ...], touched: str, by: list[str]
) -> None:
    before, text = pid(control), said(control, "cat", FILE)
    said(control, *by)
    assert differences(host.check(*running)) == [f"stays up no: {touched} → yes"]
    assert changes(host.up(*running)) == 1
    assert pid(control) == before
    assert there(control, before)
    assert said(control, "cat", FILE) == text
    assert said(control, "systemctl", "is-enabled", UNIT) == "enabled"
    assert in_sync(host, *running)
    said(control, "kill", "-9", before)
    assert wait_until(lambda: pid(control) != before and in_sync(host, *running), 60)


@pytest.mark.long
def test_a_unit_that_was_edited_is_written_again_and_the_service_restarted(
    host: OneHost, control: HostControl, running: tuple[Resource, ...]
) -> None:
    before = pid(control)
    said(control, "sed", "-i", "s/^Restart=.*/Restart=no/", FILE)
    assert differences(host.check(*running)) == ["stays up no: its unit was changed → yes"]
    assert changes(host.up(*running)) == 1
    assert pid(control) != before
    assert "Restart=always" in said(control, "cat", FILE)


@pytest.mark.long
def test_a_file_of_somebody_else_in_its_place_blocks_up_and_is_left_by_down(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    text = "[Service]\nExecStart=/bin/sleep 1000\nDescription=provision: here/lab-1/daemon-of-another"
    said(control, "sh", "-c", 'printf "%s\\n" "$1" > "$0"', FILE, text)
    try:
        report = host.up(program(daemon), daemon)
        assert report.exit_code == 1
        assert report.plan is not None
        (blocker,) = report.plan.blockers
        assert f"`{FILE}` is not provision's" in blocker.message
        assert changes(host.down(daemon)) == 0
        assert said(control, "cat", FILE) == text
    finally:
        said(control, "rm", FILE)


def test_of_two_files_of_one_name_down_removes_the_one_that_is_provisions(host: OneHost, control: HostControl) -> None:
    temporary, text = f"/run/systemd/system/{UNIT}", "[Service]\nExecStart=/bin/sleep 1000"
    put = 'printf "%s\n" "$1" > "$0"'
    said(control, "sh", "-c", put, temporary, f"[Unit]\nDescription=provision: here/lab-1/daemon\n{text}")
    said(control, "sh", "-c", put, FILE, text)
    try:
        assert host.down(StillRunning("here", "lab-1")).exit_code == 0
        assert said(control, "cat", FILE) == text
        assert said(control, "ls", "/run/systemd/system").split().count(UNIT) == 0
    finally:
        said(control, "rm", FILE)


@pytest.mark.long
def test_one_of_an_earlier_version_is_moved_over_with_one_restart_and_back(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    passing = replace(daemon, place=replace(daemon.place, runtime="systemd"))
    host.up(program(daemon), passing)
    before = pid(control)
    assert differences(host.check(daemon)) == ["stays up absent → yes"]
    assert changes(host.up(daemon)) == 1
    assert pid(control) != before
    assert said(control, "ls", "/run/systemd/system") == ""
    assert in_sync(host, daemon)
    assert differences(host.check(passing)) == ["stays up yes → absent"]
    assert changes(host.up(passing)) == 1
    assert said(control, "find", "/etc/systemd/system", "-name", "provision-*") == ""
    assert in_sync(host, passing)


@pytest.mark.long
def test_the_first_start_is_not_repeated_and_its_reason_is_what_up_says(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    broken = TextFile(str(daemon.here / "program"), "echo 'no such model: 8fa1'; exit 3")
    report = host.up(broken, daemon)
    assert report.exit_code == 1
    assert "no such model: 8fa1" in repr(report.errors[0].evidence)
    assert said(control, "systemctl", "is-active", UNIT) == "failed"
    assert said(control, "grep", "-c", "no such model", f"{KEPT}/log") == "1"


@pytest.mark.long
def test_down_leaves_nothing_of_it_and_nothing_of_others(
    host: OneHost, control: HostControl, running: tuple[Resource, ...]
) -> None:
    other = "/etc/systemd/system/provision-here-lab-1-daemon-2.service"
    said(control, "sh", "-c", 'printf "[Service]\\nExecStart=/bin/true\\n" > "$0"', other)
    assert changes(host.down(*running)) == 2
    assert said(control, "find", "/etc/systemd", "/run/systemd/system", "-name", "*here-lab-1*") == other
    assert said(control, "systemctl", "list-units", "--all", "--plain", "--no-legend", "provision-*") == ""
    assert changes(host.down(*running)) == 0
    said(control, "rm", other)


@pytest.fixture
def lingering(lab: Lab, control: HostControl) -> Iterator[OneHost]:
    """The same host, by a user who is allowed nothing, and has a systemd that does not end with the session."""
    said(control, "loginctl", "enable-linger", "ops")
    assert wait_until(lambda: said(control, "ls", "/run/user/1000/systemd/private"), 60)
    yield OneHost(provision.load(lab.inventory).hosts[0].model_copy(update={"sudo": False}))
    said(control, "loginctl", "disable-linger", "ops")


@pytest.mark.long
def test_without_sudo_it_is_a_unit_of_a_user_who_lingers(lingering: OneHost, control: HostControl) -> None:
    folder = "/home/ops/.provision/clusters/here/lab-1/daemon"
    own = Daemon(Place(folder, "here/lab-1/daemon", runtime="kept"), here=Path("/home/ops"))
    file = f"/home/ops/.config/systemd/user/{UNIT}"
    report = lingering.up(program(own), own)
    assert report.exit_code == 0, report.errors
    before = pid(control)
    assert "/user@1000.service/app.slice/" in said(control, "cat", f"/proc/{before}/cgroup")
    assert in_sync(lingering, own)
    said(control, "kill", "-9", before)
    assert wait_until(lambda: pid(control) not in ("", before) and in_sync(lingering, own), 60)
    control.reboot()
    assert wait_until(lambda: in_sync(lingering, own), 60)
    assert there(control, pid(control))
    assert changes(lingering.up(own)) == 0
    assert changes(lingering.down(own)) == 1
    assert said(control, "find", "/home/ops/.config/systemd", "-name", "provision-*") == ""
    assert not said(control, "ls", "-d", file)
    assert not there(control, pid(control))


@pytest.mark.long
def test_with_sudo_the_unit_that_the_user_has_is_stopped(
    lingering: OneHost, host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    folder = "/home/ops/.provision/clusters/here/lab-1/daemon"
    own = Daemon(Place(folder, "here/lab-1/daemon", runtime="kept"), here=Path("/home/ops"))
    file = f"/home/ops/.config/systemd/user/{UNIT}"
    assert lingering.up(program(own), own).exit_code == 0
    assert host.down(StillRunning("here", "lab-1")).exit_code == 0
    before = pid(control)
    # It would be there again after two seconds.
    assert not wait_until(lambda: pid(control) not in ("", before), 6)
    assert not said(control, "ls", file)

    assert lingering.up(program(own), own).exit_code == 0
    assert host.up(program(daemon), daemon).exit_code == 0
    before = pid(control)
    assert not wait_until(lambda: pid(control) != before, 6)
    assert not said(control, "ls", file)
    assert in_sync(host, program(daemon), daemon)


@pytest.mark.long
def test_a_host_that_ends_what_a_login_leaves_behind_is_known_before_anything_is_started(control: HostControl) -> None:
    def asked(user: str) -> str:
        return said(control, "su", user, "-s", "/bin/sh", "-c", CHECK.ask)

    assert asked("ops") == ""
    logind = "/etc/systemd/logind.conf.d/test.conf"
    text = "[Login]\\nKillUserProcesses=yes\\n"
    said(control, "sh", "-c", f"mkdir -p {Path(logind).parent} && printf '{text}' > {logind}")
    said(control, "systemctl", "restart", "systemd-logind")
    try:
        assert asked("ops") == "ends services"
        assert asked("root") == ""
        said(control, "sh", "-c", f"printf 'KillExcludeUsers=ops\\n' >> {logind}; systemctl restart systemd-logind")
        assert asked("ops") == ""
    finally:
        said(control, "sh", "-c", f"rm {logind}; systemctl restart systemd-logind")
