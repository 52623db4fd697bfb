"""`sudo: true` on a host with systemd: units that root makes, processes and secrets of the user who logged in."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import pytest
from attacks import ATTACK, TRIES
from daemons import PROGRAM, Daemon
from engine import OneHost, changes, differences
from loopback import wait_until

import provision
from provision.core.resource import State
from provision.core.script import Script
from provision.core.secret import Secret
from provision.lab.control import HostControl
from provision.lab.lab import Lab
from provision.resources.module import ModuleFile
from provision.resources.secret_file import SecretFile
from provision.resources.service import Place
from provision.resources.system_user import SystemUser, home_of
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
    (difference,) = differences(host.check(daemon))
    assert re.fullmatch(r"running no: the host was rebooted at \d\d:\d\d → yes", difference)
    assert changes(host.up(daemon)) == 1
    assert said(control, "systemctl", "is-active", UNIT) == "active"


@pytest.mark.long  # short: the same without a unit, in test_service.py
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


@pytest.fixture
def victim(control: HostControl) -> Iterator[str]:
    """The process id of a process of root's that is none of ours, beside files of root's."""
    said(control, "sh", "-c", "for v in a b c d e; do echo kept > /root/victim-$v; done; chmod 600 /root/victim-*")
    process = said(control, "sh", "-c", "setsid sleep 1234 </dev/null >/dev/null 2>&1 & echo $!")
    yield process
    said(control, "sh", "-c", f"kill {process}; rm -f /root/victim-*")


def unharmed(control: HostControl, victim: str) -> bool:
    files = said(control, "sh", "-c", "cd /root && stat -c '%n %U %a %s' victim-*")
    expected = "\n".join(f"victim-{name} root 600 5" for name in "abcde")
    return user_of(control, victim) == "root" and files == expected


@pytest.mark.parametrize("command", ["up", "down"])
def test_nothing_that_the_user_planted_in_a_folder_of_an_earlier_version_leads_root_anywhere(
    host: OneHost, control: HostControl, daemon: Daemon, victim: str, command: str
) -> None:
    host.up(program(daemon), daemon)
    before = pid(control)
    said(control, "chown", "-R", "ops", f"{KEPT}/daemon")
    said(control, "su", "ops", "-c", f"set -- {KEPT}/daemon {victim}\n{ATTACK}")
    assert owner(control, f"{KEPT}/daemon/log.1") == "777 ops", "the attack was not made"
    assert differences(host.check(daemon)) == ["running no: others can write its folder → yes"]
    if command == "up":
        assert changes(host.up(daemon)) == 1
        assert owner(control, f"{KEPT}/daemon") == "700 root"
        assert said(control, "find", f"{KEPT}/daemon", "(", "!", "-user", "root", "-o", "-type", "l", ")") == ""
        assert user_of(control, pid(control)) == "ops"
    else:
        assert changes(host.down(daemon)) == 1
        assert no_trace(control)
    assert user_of(control, before) == ""
    assert unharmed(control, victim)


def test_a_process_that_nothing_but_a_stamp_calls_ours_is_not(
    host: OneHost, control: HostControl, daemon: Daemon, victim: str
) -> None:
    host.up(program(daemon), daemon)
    start = said(control, "sh", "-c", f"sed 's/.*) //' /proc/{victim}/stat | cut -d' ' -f20")
    edit = f"s/^pid=.*/pid={victim}/; s/^start=.*/start={start}/"
    said(control, "sed", "-i", edit, f"{KEPT}/daemon/stamp")
    assert f"pid={victim}" in said(control, "cat", f"{KEPT}/daemon/stamp")
    assert differences(host.check(daemon)) == ["running no: its process is gone → yes"]
    assert changes(host.down(daemon)) == 1
    assert unharmed(control, victim)


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_the_mark_makes_no_process_of_another_user_ours(
    host: OneHost, control: HostControl, daemon: Daemon, user: str
) -> None:
    host.up(program(daemon), daemon)
    start = f"PROVISION_SERVICE=here/lab-1/daemon setpriv --reuid={user} --clear-groups sleep 4321"
    marked = said(control, "sh", "-c", f"{start} </dev/null >/dev/null 2>&1 & echo $!")
    assert wait_until(lambda: said(control, "cat", f"/proc/{marked}/comm") == "sleep")
    assert changes(host.down(daemon)) == 1
    assert user_of(control, marked) == user
    said(control, "kill", marked)


def test_a_user_of_its_own_is_made_and_removed_with_the_last_cluster_that_asked_for_it(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    def entry() -> str:
        return said(control, "getent", "passwd", "served")

    first, second = SystemUser("served", "here@lab-1"), SystemUser("served", "there@lab-1")
    here = Path("/srv/open")
    own = replace(daemon, here=here, place=replace(daemon.place, user="served"), fills="/var/lib/provision/1f2e")
    said(control, "mkdir", "-m", "777", str(here))
    try:
        said(control, "sh", "-c", 'printf %s "$1" > "$0"', str(here / "program"), PROGRAM)
        report = host.up(first, own)
        assert report.exit_code == 0, report.errors
        assert changes(host.up(second)) == 1
        assert "nologin" in entry()
        assert user_of(control, said(control, "cat", f"{here}/lab-1.main")) == "served"
        assert owner(control, home_of("served")) == "700 served"
        assert owner(control, f"{home_of('served')}/tmp") == "700 served"
        assert owner(control, own.fills) == "700 served"
        assert changes(host.up(first, own)) == 0
        assert changes(host.down(own)) == 1
        assert changes(host.purge(first)) == 1
        assert entry()
        assert changes(host.purge(second)) == 1
        assert entry() + said(control, "find", "/var/lib/provision") == ""
        assert changes(host.purge(first)) == 0
    finally:
        said(control, "rm", "-r", str(here))


def test_a_user_who_was_there_before_stays_and_root_is_none(host: OneHost, control: HostControl) -> None:
    there = SystemUser("nobody", "here@lab-1")
    before = said(control, "getent", "passwd", "nobody")
    assert changes(host.up(there)) == 1
    assert changes(host.purge(there)) == 1
    assert said(control, "getent", "passwd", "nobody") == before
    assert host.up(SystemUser("root", "here@lab-1")).exit_code == 1


def test_an_account_of_somebodys_is_refused_before_anything_is_changed_unless_it_is_chosen(
    host: OneHost, control: HostControl
) -> None:
    said(control, "useradd", "-m", "-s", "/bin/bash", "provision")
    try:
        taken = SystemUser("provision", "here@lab-1", chosen=False)
        for rights in ("", "%docker", "/etc/sudoers.d/provision"):
            if rights == "%docker":
                said(control, "sh", "-c", "groupadd -f docker && usermod -aG docker -s /usr/sbin/nologin provision")
            elif rights:
                said(
                    control,
                    "sh",
                    "-c",
                    'gpasswd -d provision docker; echo "provision ALL=NOPASSWD: ALL" > "$0"',
                    rights,
                )
            for report in (host.check(taken), host.up(taken)):
                assert report.plan is not None
                found = [one.message for one in report.plan.blockers]
                expected = {"": "its shell is /bin/bash", "%docker": "is in the group docker"}.get(
                    rights, "may use sudo"
                )
                assert any(expected in message for message in found), found
                assert report.exit_code
            assert said(control, "find", "/var/lib/provision") == ""
        chosen = replace(taken, chosen=True)
        assert changes(host.up(chosen)) == 1
        assert changes(host.up(chosen)) == 0
        assert changes(host.purge(chosen)) == 1
    finally:
        said(control, "sh", "-c", "rm -f /etc/sudoers.d/provision; userdel -r provision; groupdel docker")


def test_root_without_setpriv_is_told_so(lab: Lab, control: HostControl) -> None:
    path = said(control, "sh", "-c", "command -v setpriv")
    said(control, "mv", path, f"{path}.away")
    try:
        report = provision.check(provision.load(lab.inventory))
        messages = [finding.message for finding in report.findings]
        assert any("root has no setpriv here" in message for message in messages), messages
        assert report.errors == ()
    finally:
        said(control, "mv", f"{path}.away", path)


def test_a_service_has_no_way_to_more_rights(host: OneHost, control: HostControl, daemon: Daemon) -> None:
    assert said(control, "su", "ops", "-c", "sudo -n id -u") == "0", "without the unit it has"
    said(control, "rm", "-f", "/home/ops/lab-1.child")
    report = host.up(TextFile(str(daemon.here / "program"), TRIES), daemon)
    assert report.exit_code == 0, report.errors
    log = said(control, "cat", f"{KEPT}/daemon/log")
    assert "no new privileges" in log
    assert log.splitlines()[1:] == ["CapBnd:\t0000000000000000", "NoNewPrivs:\t1"]


def test_the_kernel_says_so_of_each_of_its_processes(host: OneHost, control: HostControl, daemon: Daemon) -> None:
    """Looked at from outside: what it says of itself, a service could make up."""
    assert host.up(program(daemon), daemon).exit_code == 0
    for kind in ("main", "child"):
        lines = said(control, "cat", f"/proc/{pid(control, kind)}/status").splitlines()
        status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
        for held in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(status[held][0], 16) == 0, held
        assert (status["NoNewPrivs"], status["Seccomp"]) == (["1"], ["2"])
        assert "0" not in (*status["Uid"], *status["Gid"], *status["Groups"])


def test_root_has_the_driver_s_device_files_made_before_the_service_starts(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    helper = "/usr/local/bin/nvidia-modprobe"
    said(control, "sh", "-c", 'printf "#!/bin/sh\n%s\n" "$1" > "$0"', helper, "echo $(id -un) $* > /run/asked")
    said(control, "chmod", "755", helper)
    try:
        assert host.up(program(daemon), daemon).exit_code == 0
        assert said(control, "cat", "/run/asked") == "root -u -c=0"
    finally:
        said(control, "rm", "-f", helper, "/run/asked")


def no_trace(control: HostControl) -> bool:
    units = said(control, "systemctl", "list-units", "--all", "--plain", "--no-legend", "provision-*")
    files = said(control, "sh", "-c", f"ls -d /run/systemd/system/provision-* {KEPT}/daemon")
    return units + files == ""


@dataclass(frozen=True)
class Importing(Daemon):
    """A service that imports a module of ours, as vLLM and Ray do."""

    @property
    def module(self) -> ModuleFile:
        return ModuleFile("guard", f"{self.place.folder}-guard", "provision_guard.py", on=True)

    def fix(self, have: State, want: State) -> Script:
        return self.module.around(super().fix(have, want), there=want is not None)


def test_a_module_that_a_service_imports_is_roots_and_the_service_can_only_read_it(
    host: OneHost, control: HostControl, daemon: Daemon
) -> None:
    importing = Importing(daemon.place, here=daemon.here, env=daemon.env)
    path, folder = importing.module.path, importing.module.folder
    assert host.up(program(importing), importing).exit_code == 0
    assert (owner(control, folder), owner(control, path)) == ("755 root", "644 root")
    assert "class Guard" in said(control, "su", "ops", "-c", f"cat {path}")
    for attempt in (
        f"echo >> {path}",
        f"mv {path} {path}.old",
        f"echo > {folder}/other.py",
        f"mv {folder} {folder}.old",
    ):
        assert control.exec(["su", "ops", "-c", attempt]).returncode != 0
    # Where another user put a link, none of root's is written through it.
    control.exec(["sh", "-c", 'rm -rf "$0" && ln -s /etc "$0"', folder])
    host.down(importing)
    assert said(control, "ls", f"{KEPT}") == "" or "guard" not in said(control, "ls", KEPT)
    assert said(control, "ls", "-d", "/etc/passwd") == "/etc/passwd"
