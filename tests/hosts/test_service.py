"""A service through its life on a real host: it outlives its session, is known by its stamp, and ends whole."""

import contextlib
import hashlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from daemons import CLUSTER, PROGRAM, Daemon
from engine import Hosts, OneHost, changes, differences, written
from loopback import wait_until

from provision.cluster.cluster import Cluster
from provision.core.events import Event, Note, Progress, StepDone
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.resources.plain_digests import PlainDigests
from provision.resources.service import Place

pytestmark = pytest.mark.hosts

MakeHost = Callable[..., Host]
TAIL = "canary-7c41"
CANARY = f'it\'s $a "secret" {TAIL}'


@pytest.fixture
def host(make_host: MakeHost) -> OneHost:
    return OneHost(make_host())


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    here = tmp_path / "it's here"
    here.mkdir()
    (here / "program").write_text(PROGRAM)
    yield Daemon(Place(str(here / "kept" / "service"), f"{CLUSTER}/host-1/daemon"), here)
    for file in (*here.glob("*.main"), *here.glob("*.child")):
        if runs(int(file.read_text())) and str(here) in command_line(int(file.read_text())):
            os.kill(int(file.read_text()), signal.SIGKILL)


def runs(pid: int) -> bool:
    """Whether it is there and no zombie: in a container nobody may be there to reap it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


@contextlib.contextmanager
def running(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is none of ours, for as long as the block lasts."""
    with subprocess.Popen(command, env=environment) as process:
        try:
            yield process
        finally:
            process.kill()


def kept(daemon: Daemon, name: str) -> Path:
    return Path(daemon.place.folder) / name


def test_it_outlives_the_session_and_is_left_alone_by_the_next_run(host: OneHost, daemon: Daemon) -> None:
    assert host.check(daemon).exit_code == 3
    assert not Path(daemon.place.folder).exists()
    assert changes(host.up(daemon)) == 1
    main, child = daemon.pid(), daemon.pid("child")
    before = written(daemon.here)
    assert host.check(daemon).exit_code == 0
    assert changes(host.up(daemon)) == 0
    assert written(daemon.here) == before
    assert runs(main)
    assert runs(child)

    assert changes(host.down(daemon)) == 1
    assert not runs(main)
    assert not runs(child)
    assert not Path(daemon.place.folder).exists()
    assert changes(host.down(daemon)) == 0


def test_a_main_process_that_was_killed_is_named_and_nothing_of_it_survives_the_repair(
    host: OneHost, daemon: Daemon
) -> None:
    host.up(daemon)
    main, child = daemon.pid(), daemon.pid("child")
    os.kill(main, signal.SIGKILL)
    assert wait_until(lambda: not runs(main))
    assert differences(host.check(daemon)) == ["running no: its process is gone → yes"]
    assert changes(host.up(daemon)) == 1
    assert daemon.pid() != main
    assert runs(daemon.pid())
    assert not runs(child)


def test_a_changed_argument_and_a_changed_variable_are_shown_and_restart_it(host: OneHost, daemon: Daemon) -> None:
    first = replace(daemon, env={"SIZE": "4096", "OLD": "x"})
    host.up(first)
    main = daemon.pid()
    second = replace(daemon, words=("two", "it's"), env={"SIZE": "8192", "NEW": "y"})
    assert differences(host.check(second)) == [
        "--words one → two it's",
        "$SIZE 4096 → 8192",
        "$NEW absent → y",
        "$OLD x → absent",
    ]
    assert changes(host.up(second)) == 1
    assert not runs(main)
    assert kept(daemon, "log").read_text() == "began with host-1 two it's\n"
    assert kept(daemon, "log.1").read_text() == "began with host-1 one\n"
    assert host.check(second).exit_code == 0


def test_it_gets_the_environment_that_was_said_and_no_other(host: OneHost, daemon: Daemon) -> None:
    text = 'it\'s $x `y`\n"two" lines\\'
    host.up(replace(daemon, env={"TEXT": text}))
    found = Path(f"/proc/{daemon.pid()}/environ").read_text().split("\0")
    assert f"TEXT={text}" in found
    names = {entry.partition("=")[0] for entry in found if entry}
    assert names <= {"TEXT", "PATH", "HERE", "PROVISION_SERVICE", "SPT_NOENV", "PWD", "OLDPWD", "_", "SHLVL"}


def test_a_secret_is_in_its_own_file_and_nowhere_else(host: OneHost, daemon: Daemon) -> None:
    secret = replace(daemon, env={"API_KEY": Secret(CANARY)})
    reports = [host.check(secret), host.up(secret)]
    assert f"API_KEY={CANARY}" in Path(f"/proc/{daemon.pid()}/environ").read_text()
    assert kept(daemon, "run").stat().st_mode & 0o777 == 0o600
    assert TAIL in kept(daemon, "run").read_text()
    digest = hashlib.sha256(CANARY.encode()).hexdigest()[:16]
    for name in ("stamp", "log", "secrets"):
        assert TAIL not in kept(daemon, name).read_text()
        assert digest not in kept(daemon, name).read_text()
    assert kept(daemon, "secrets").stat().st_mode & 0o777 == 0o600
    everything = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert TAIL not in everything

    rotated = replace(daemon, env={"API_KEY": Secret("rotated-5d1b")})
    reports.append(host.check(rotated))
    assert differences(reports[-1]) == ["$API_KEY another → as given"]
    reports.append(host.check(daemon))
    assert differences(reports[-1]) == ["$API_KEY present → absent"]
    assert TAIL not in repr(reports)
    assert digest not in repr(reports)
    for line in kept(daemon, "secrets").read_text().splitlines():
        assert line.partition("=")[2] not in repr(reports)
    assert host.check(secret).exit_code == 0


def test_a_password_in_the_url_of_a_variable_is_such_a_secret(host: OneHost, daemon: Daemon) -> None:
    def through(password: str) -> Daemon:
        return replace(daemon, env={"HTTPS_PROXY": f"http://ann:{password}@192.0.2.1:3128", "SIZE": "1"})

    assert changes(host.up(through(TAIL))) == 1
    assert f":{TAIL}@" in Path(f"/proc/{daemon.pid()}/environ").read_text()
    assert changes(host.up(through(TAIL))) == 0
    assert TAIL not in kept(daemon, "stamp").read_text() + kept(daemon, "secrets").read_text()
    assert differences(host.check(through("rotated-5d1b"))) == ["$HTTPS_PROXY another → as given"]


def test_a_stamp_of_an_older_version_is_compared_without_a_restart(host: OneHost, daemon: Daemon) -> None:
    secret = replace(daemon, env={"API_KEY": Secret(CANARY), "SIZE": "1"})
    host.up(secret)
    main = daemon.pid()
    digest = hashlib.sha256(CANARY.encode()).hexdigest()[:16]
    kept(daemon, "secrets").unlink()
    with kept(daemon, "stamp").open("a") as stamp:
        stamp.write(f"$API_KEY=sha256:{digest}\n")
    reports = [host.check(secret), host.check(replace(secret, env={"API_KEY": Secret("rotated-5d1b"), "SIZE": "1"}))]
    reports.append(host.check(replace(daemon, env={"SIZE": "1"})))
    assert [differences(report) for report in reports] == [
        [],
        ["$API_KEY another → as given"],
        ["$API_KEY present → absent"],
    ]
    assert digest not in repr(reports)
    old = PlainDigests(secret)
    assert differences(host.check(secret, old)) == ["present → absent"]
    assert changes(host.up(secret, old)) == 1
    assert digest not in kept(daemon, "stamp").read_text()
    assert daemon.pid() == main
    assert runs(main)
    assert changes(host.up(secret, old)) == 0
    assert differences(host.check(replace(daemon, env={"SIZE": "1"}))) == ["$API_KEY present → absent"]


def test_stopping_ends_what_is_ours_and_not_its_namesake(host: OneHost, daemon: Daemon) -> None:
    host.up(daemon)
    environment = {"PATH": os.defpath, "PROVISION_SERVICE": f"{CLUSTER}/host-1/daemon2"}
    words = daemon.command()[1:]
    with running(["/bin/sh", "-c", "while :; do sleep 0.2; done", *words], environment) as stranger:
        assert changes(host.down(daemon)) == 1
        assert stranger.poll() is None


def test_children_that_ignore_term_are_killed(host: OneHost, daemon: Daemon) -> None:
    stubborn = replace(daemon, env={"STUBBORN": "TERM"})
    host.up(stubborn)
    child = daemon.pid("child")
    assert changes(host.down(stubborn)) == 1
    assert not runs(child)


def test_a_pid_that_somebody_else_has_by_now_is_not_killed(host: OneHost, daemon: Daemon) -> None:
    host.up(daemon)
    main = daemon.pid()
    with running([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        stamp = kept(daemon, "stamp")
        stamp.write_text(stamp.read_text().replace(f"pid={main}\n", f"pid={stranger.pid}\n"))
        assert differences(host.check(daemon)) == ["running no: its process is gone → yes"]
        assert notes_of_down(host, daemon) == ["stopped: all that was left of it is gone"]
        assert stranger.poll() is None
    assert not runs(main)


def test_a_stamp_that_was_emptied_says_nothing_of_the_process(host: OneHost, daemon: Daemon) -> None:
    host.up(daemon)
    main = daemon.pid()
    kept(daemon, "stamp").write_text("")
    assert differences(host.check(daemon)) == ["running no: its stamp names no process → yes"]
    assert notes_of_down(host, daemon) == ["stopped: all that was left of it is gone"]
    assert not runs(main)


def test_who_runs_is_told_as_stopped(host: OneHost, daemon: Daemon) -> None:
    host.up(daemon)
    main = daemon.pid()
    assert notes_of_down(host, daemon) == [f"stopped: pid {main} and all it started are gone"]


def notes_of_down(host: OneHost, daemon: Daemon) -> list[str]:
    said: list[Event] = []

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        made.add(daemon, on=host.host.name)
        return made

    report = Hosts([host.host]).run("down", book, listener=said.append)
    assert changes(report) == 1
    return [event.text for event in said if isinstance(event, Note)]


def test_a_lost_stamp_does_not_hide_the_process(host: OneHost, daemon: Daemon) -> None:
    host.up(daemon)
    main = daemon.pid()
    kept(daemon, "stamp").unlink()
    assert host.check(daemon).exit_code == 3
    assert changes(host.down(daemon)) == 1
    assert not runs(main)


def test_one_that_ends_at_once_fails_with_the_end_of_its_log(host: OneHost, daemon: Daemon) -> None:
    (daemon.here / "program").write_text("echo 'no such model: 8fa1'; exit 3")
    report = host.up(daemon)
    assert report.exit_code == 1
    assert "no such model: 8fa1" in repr(report.errors[0].evidence)
    assert changes(host.down(daemon)) == 1
    assert not Path(daemon.place.folder).exists()


def test_a_run_cut_off_while_it_waits_is_taken_up_without_a_restart(host: OneHost, daemon: Daemon) -> None:
    waiting = replace(daemon, wait=True)
    cancel = threading.Event()

    def stop_once_it_waits(event: Event) -> None:
        if isinstance(event, Progress) and event.text == "waiting":
            cancel.set()

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        made.add(waiting, on=host.host.name)
        return made

    hosts = Hosts([host.host])
    report = hosts.run("up", book, cancel=cancel, listener=stop_once_it_waits)
    assert report.exit_code == 1
    assert wait_until((daemon.here / "host-1.main").exists)
    main = daemon.pid()
    assert runs(main)
    assert differences(host.check(waiting)) == ["ready not ready → yes"]

    (daemon.here / "go").touch()
    assert changes(host.up(waiting)) == 1
    assert daemon.pid() == main
    assert host.check(waiting).exit_code == 0


def test_two_hosts_that_share_a_home_folder_do_not_disturb_one_another(make_host: MakeHost, daemon: Daemon) -> None:
    hosts = Hosts([make_host(), make_host()])
    names = [host.name for host in hosts.hosts]
    home = daemon.here / "kept"
    daemons = {
        name: replace(daemon, place=Place(str(home / name / "service"), f"{CLUSTER}/{name}/daemon")) for name in names
    }

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        for name in names:
            made.add(daemons[name], on=name)
        return made

    assert hosts.run("up", book).exit_code == 0
    first, second = (daemons[name].pid() for name in names)
    assert first != second
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: not runs(first))
    assert hosts.run("up", book).exit_code == 0
    assert [e.host for e in hosts.events if isinstance(e, StepDone)] == names[:1]
    assert hosts.run("down", book, only=names[:1]).exit_code == 0
    assert not runs(daemons[names[0]].pid())
    assert runs(second)
    assert hosts.run("check", book, only=names[1:]).exit_code == 0


@pytest.mark.needs("root")
@pytest.mark.parametrize("taken", ["folder", "link"])
def test_a_temporary_folder_that_somebody_else_made_is_refused(
    host: OneHost, daemon: Daemon, tmp_path: Path, taken: str
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    folder, elsewhere = shared / "provision-1f2e", tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    if taken == "link":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir(0o700)
    os.chown(folder, 65534, 65534, follow_symlinks=False)
    report = host.up(replace(daemon, fills=str(folder)))
    assert report.exit_code == 1
    assert f"{folder} belongs to nobody, and must be root's alone" in repr(report.errors[0].evidence)
    assert "removed" in (report.errors[0].hint or "")
    assert not (daemon.here / "host-1.main").exists()
    assert folder.owner() == "nobody" if taken == "folder" else [*elsewhere.iterdir()] == []


def test_its_temporary_folder_is_its_own_and_what_others_may_have_put_into_an_older_one_is_not_kept(
    host: OneHost, daemon: Daemon, tmp_path: Path
) -> None:
    folder = tmp_path / "shared" / "provision-1f2e"
    folder.mkdir(parents=True)
    folder.chmod(0o777)
    (folder / "r").symlink_to(daemon.here)
    filling = replace(daemon, fills=str(folder))
    host.up(filling)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [*folder.iterdir()] == []
    assert (daemon.here / "program").exists()
    (folder / "kept").touch()
    host.up(replace(filling, words=("two",)))
    assert (folder / "kept").exists()
    assert changes(host.down(filling)) == 1
    assert not folder.exists()


@pytest.mark.needs("root")
def test_root_starts_it_as_the_user_who_logged_in(user, make_host: MakeHost, daemon: Daemon) -> None:
    name = user.make(sudoers="ALL=(ALL) NOPASSWD: ALL")
    daemon.here.chmod(0o777)
    for folder in daemon.here.parents:
        if folder.stat().st_uid == 0 and folder.stat().st_mode & 0o005 != 0o005:
            folder.chmod(folder.stat().st_mode | 0o005)
    host = OneHost(make_host(user=name, sudo=True))
    owned = replace(daemon, place=replace(daemon.place, user=name), env={"API_KEY": Secret(CANARY)})
    report = host.up(owned)
    assert report.exit_code == 0, report.errors
    for kind in ("main", "child"):
        assert Path(f"/proc/{daemon.pid(kind)}").owner() == name
    assert {kept(daemon, file).owner() for file in ("", "run", "begin", "stamp", "log")} == {"root"}
    assert {kept(daemon, file).stat().st_mode & 0o077 for file in ("", "run", "begin", "stamp", "log")} == {0}
    assert changes(host.up(owned)) == 0
    assert changes(host.down(owned)) == 1
    assert not Path(daemon.place.folder).exists()
