"""The lease of a host, between runs that want it at the same time: real sshds, and a connection for each run."""

import os
import shlex
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from _pytest.mark.structures import ParameterSet
from loopback import LEASES, Sshds, Users, leases_of, processes_with, wait_until

from provision.cluster.gather import fleet_of
from provision.core.errors import Busy, Cancelled, HostError, LeaseLost
from provision.core.events import silent
from provision.core.lease import Answer, Claim, read_answer, read_answers
from provision.core.script import Script, Upload
from provision.engine import alone
from provision.inventory.models import Host, Inventory
from provision.transport import Transport
from provision.transport.lease import looking, unlocking

pytestmark = pytest.mark.hosts

Runs = Callable[[], Transport]


def claim(command: str = "up", pid: int = 1) -> Claim:
    return Claim(command, "rack", "/home/ann/rack.yaml", "ann@laptop", pid)


@pytest.fixture
def host(make_host: Callable[..., Host]) -> Host:
    return make_host()


@pytest.fixture
def place(host: Host) -> Iterator[Path]:
    folder = Path(f"/run/provision/lease-{leases_of(host.address, host.ssh.port or 0)}")
    yield folder
    # Whatever a test has killed leaves its note for the next run.
    for file in folder.glob("*"):
        file.unlink()
    if folder.exists():
        folder.rmdir()


@pytest.fixture
def run(host: Host, place: Path) -> Iterator[Runs]:
    """A run of its own, as far as the host can tell."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(Transport([host]))


def held_by(run: Transport, host: Host) -> Answer | None:
    """What a third one is told."""
    (looked,) = run.connect(host).run([looking()])
    return read_answer(looked.stdout)


def test_one_has_it_and_the_other_is_told_who(run: Runs, host: Host, place: Path) -> None:
    first, second = run(), run()
    answer, (said,) = first.connect(host).hold(claim(pid=7), [Script("echo hello")])
    assert (answer.state, answer.holder, said.stdout) == ("held", None, "hello\n")
    assert (place.stat().st_mode & 0o777, (place / "lock").stat().st_mode & 0o777) == (0o755, 0o600)
    answer, (said,) = second.connect(host).hold(claim("down"), [Script("echo hello")])
    assert (answer.state, said.stdout) == ("busy", "hello\n")
    assert answer.holder is not None
    assert answer.holder.sentence().startswith("an `up` from laptop, pid 7, since ")
    assert (answer.holder.inventory, answer.holder.address) == ("/home/ann/rack.yaml", "127.0.0.1")
    seen = held_by(second, host)
    assert seen is not None and seen.holder is not None and seen.holder.pid == 7
    first.close()
    assert not place.exists() and held_by(second, host) is None
    answer, _ = second.connect(host).hold(claim("down"))
    assert (answer.state, answer.holder) == ("held", None)


def test_a_mistake_that_the_controller_makes_meanwhile_gives_it_back(run: Runs, host: Host) -> None:
    other, taken = run(), threading.Event()

    def take(one: Host) -> None:
        fleet.transport.connect(one).hold(claim())
        taken.set()

    def mistake() -> None:
        assert taken.wait(60) and held_by(other, host)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), fleet_of([host], silent) as fleet:
        fleet.on_each([host], take, mistake)
    assert held_by(other, host) is None


def test_who_waits_hears_for_whom_and_has_it_next(run: Runs, host: Host) -> None:
    first, second = run(), run()
    first.connect(host).hold(claim(pid=7))
    heard, answers = threading.Event(), []

    def listen(_index: int, _stream: str, line: str) -> None:
        if line == "note.pid=7":
            heard.set()

    waiting = threading.Thread(
        target=lambda: answers.append(second.connect(host).hold(claim("down"), on_line=listen, wait=True)[0])
    )
    waiting.start()
    assert heard.wait(60)
    assert not answers
    first.close()
    waiting.join(60)
    assert [answer.state for answer in answers] == ["held"]


def test_who_waits_can_be_cancelled(host: Host, run: Runs, place: Path) -> None:
    run().connect(host).hold(claim())
    cancel, heard = threading.Event(), threading.Event()
    raised: list[BaseException] = []

    def wait() -> None:
        with Transport([host], cancel=cancel) as second:
            try:
                second.connect(host).hold(claim("down"), on_line=lambda *_: heard.set(), wait=True)
            except Cancelled as error:
                raised.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert heard.wait(60)
    cancel.set()
    waiting.join(60)
    assert raised and "lease=" in (place / "note").read_text()


def test_a_dead_runs_lease_is_taken_over_and_what_it_had_running_is_ended(
    run: Runs, host: Host, sshds: Sshds, tmp_path: Path
) -> None:
    first, second = run(), run()
    session = first.connect(host)
    session.hold(claim(pid=7))
    word = f"{tmp_path}/busy"
    # As services do, but it is none: `nohup` alone does not leave a session.
    script = Script('nohup sh -c "while :; do sleep 0.2; done" "$word" >/dev/null 2>&1 & sleep 600', {"word": word})
    failed: list[HostError] = []

    def write() -> None:
        try:
            session.run([script], writes=True)
        except HostError as error:
            failed.append(error)

    writing = threading.Thread(target=write)
    writing.start()
    assert wait_until(lambda: processes_with(word), 60)
    # The controller is gone, as by a power cut at its side that the host hears of: no farewell.
    session.close()
    writing.join(60)
    assert failed
    answer, _ = second.connect(host).hold(claim("down"), wait=True)
    assert answer.state == "held"
    assert answer.holder is not None and answer.holder.pid == 7
    assert answer.holder.how_it_ended.startswith("broke off")
    assert wait_until(lambda: not processes_with(word))


def test_a_holder_that_was_killed_on_the_host_is_taken_over(run: Runs, host: Host, place: Path) -> None:
    first, second = run(), run()
    first.connect(host).hold(claim(pid=7))
    pid = next(line for line in (place / "note").read_text().splitlines() if line.startswith("holder=")).split("=")[1]
    subprocess.run(["kill", "-KILL", pid.split()[0]], check=True)
    answer, _ = second.connect(host).hold(claim("down"), wait=True)
    assert answer.state == "held" and answer.holder is not None and answer.holder.how_it_ended == "was killed"
    with pytest.raises(LeaseLost, match="since then a `down` from laptop"):
        first.connect(host).run([Script("true")], writes=True)


def test_after_a_break_a_run_has_its_lease_again(run: Runs, host: Host) -> None:
    first = run()
    session = first.connect(host)
    session.hold(claim())
    session.run([Script("true")], writes=True)
    session.close()
    (said,) = first.connect(host).run([Script("echo on we go")], writes=True)
    assert said.stdout == "on we go\n"
    again = first.leases[host.name]
    assert again.answer.state == "resumed" and again.held


def test_who_was_taken_over_meanwhile_writes_nothing_more(run: Runs, host: Host, tmp_path: Path) -> None:
    first, second = run(), run()
    session = first.connect(host)
    session.hold(claim())
    session.close()
    assert second.connect(host).hold(claim("down"), wait=True)[0].state == "held"
    written, source = tmp_path / "written", tmp_path / "source"
    source.write_text("text")
    for late in (
        lambda: first.connect(host).run([Script(f"touch {shlex.quote(str(written))}")], writes=True),
        lambda: first.connect(host).send([Upload(source, str(tmp_path / "into"))]),
    ):
        with pytest.raises(LeaseLost, match="this run does nothing more there"):
            late()
    assert not written.exists() and not (tmp_path / "into").exists()
    second.close()
    # Nor when the other is done: what this one knows of the host is from before.
    with pytest.raises(LeaseLost):
        first.connect(host).run([Script("true")], writes=True)


def test_the_host_itself_refuses_a_late_writer(run: Runs, host: Host, place: Path, tmp_path: Path) -> None:
    """One that has not heard that its lease was lost: the fence is there, not here."""
    first, second = run(), run()
    session = first.connect(host)
    session.hold(claim())
    lease = first.leases[host.name]
    text = (place / "note").read_text()
    first.leases.give_back()
    second.connect(host).hold(claim("down"))
    assert "lease=" in text
    written = tmp_path / "written"
    fence, write = session.run([lease.fence(), Script(f"touch {shlex.quote(str(written))}")])
    assert (fence.rc, write.rc, written.exists()) == (75, None, False)


def test_unlock_takes_it_from_one_that_hangs_and_tells_it_why(run: Runs, host: Host, tmp_path: Path) -> None:
    first, second = run(), run()
    session = first.connect(host)
    session.hold(claim(pid=7))
    word = f"{tmp_path}/hangs"
    failed: list[HostError] = []

    def write() -> None:
        try:
            session.run([Script('exec sh -c "while :; do sleep 0.2; done" "$word"', {"word": word})], writes=True)
        except HostError as error:
            failed.append(error)

    writing = threading.Thread(target=write)
    writing.start()
    assert wait_until(lambda: processes_with(word), 60)
    why = "it's `hanging` since $noon"
    (said,) = second.connect(host).run([unlocking("bob@desk", why)])
    (taken,) = read_answers(said.stdout)
    assert taken.state == "taken" and taken.holder is not None and taken.holder.pid == 7
    writing.join(60)
    assert not processes_with(word)
    (error,) = failed
    assert isinstance(error, LeaseLost)
    assert f"its lease was taken by bob@desk at {time.strftime('%H:')}" in error.message and why in error.message
    (said,) = second.connect(host).run([unlocking("bob@desk", why)])
    assert [answer.state for answer in read_answers(said.stdout)] == ["free"]
    answer, _ = second.connect(host).hold(claim())
    assert answer.state == "held" and answer.holder is not None
    assert answer.holder.how_it_ended == f"was unlocked by bob@desk ({why})"


def test_a_controller_that_fell_silent_is_taken_for_dead(run: Runs, host: Host, place: Path) -> None:
    """A laptop that sleeps keeps its connection. Instead of waiting a minute, the last sign of life is set back."""
    first, second = run(), run()
    first.connect(host).hold(claim(pid=7))
    assert second.connect(host).hold(claim("down"))[0].state == "busy"
    beat, uptime = place / "beat", float(Path("/proc/uptime").read_text().split()[0])
    assert wait_until(lambda: 0 < int(beat.read_text() or 0) <= uptime + 60), "while the first batch runs, all is well"
    beat.write_text(str(int(beat.read_text()) - 200))
    answer, _ = second.connect(host).hold(claim("down"))
    assert answer.state == "held" and answer.holder is not None and answer.holder.pid == 7
    with pytest.raises(LeaseLost, match="had not been heard of for"):
        first.connect(host).run([Script("true")], writes=True)


@pytest.mark.parametrize("junk", ["folder", "link", "text"])
def test_what_is_no_note_is_in_nobodys_way(run: Runs, host: Host, place: Path, junk: str) -> None:
    place.mkdir(parents=True)
    if junk == "folder":
        (place / "note/x").mkdir(parents=True)
    elif junk == "link":
        (place / "note").symlink_to("/etc/hostname")
    else:
        (place / "note").write_bytes(b"lease=\nholder=1 x y\nbatch=; 1 1\n\x00\xff=\n" * 1000)
    before = Path("/etc/hostname").read_bytes()
    first = run()
    answer, _ = first.connect(host).hold(claim(pid=7))
    assert answer.state == "held" and (place / "note").is_file() and not (place / "note").is_symlink()
    assert first.connect(host).run([Script("echo a")], writes=True)[0].stdout == "a\n"
    assert Path("/etc/hostname").read_bytes() == before


def test_a_note_that_cannot_be_written_is_no_lease_and_no_dead_end(host: Host, run: Runs, place: Path) -> None:
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=755", "lease", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a full disk takes a mount")
    try:
        (place / "fill").write_bytes(b"x" * 4096)
        answer, _ = run().connect(host).hold(claim())
        assert answer.state == "unlocked" and "No space left on device" in answer.why
        assert run().connect(host).run([Script("echo a")], writes=True)[0].stdout == "a\n"
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_signs_of_life_arrive(run: Runs, host: Host, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.transport.lease.BEAT", 0.2)
    monkeypatch.setattr("provision.transport.lease._LOOK", 0.1)
    run().connect(host).hold(claim())
    beat = place / "beat"
    beat.write_text("1\n")
    assert wait_until(lambda: beat.read_text().strip() not in ("", "1"), 60)


def test_one_session_on_each_connection_is_enough(make_host: Callable[..., Host]) -> None:
    narrow = make_host("MaxSessions 1", name="narrow")
    with Transport([narrow]) as first, Transport([narrow]) as second:
        session = first.connect(narrow)
        assert session.hold(claim())[0].state == "held"
        assert session.run([Script("echo a")], writes=True)[0].stdout == "a\n"
        assert (session.connections, session.alive) == (2, True)
        assert second.connect(narrow).hold(claim("down"))[0].state == "busy"


def test_what_goes_on_side_by_side_has_a_connection_each_where_one_session_is_allowed(
    make_host: Callable[..., Host], tmp_path: Path
) -> None:
    narrow = make_host("MaxSessions 1", name="narrow")
    met = {"one": str(tmp_path / "one"), "other": str(tmp_path / "other")}
    wait = 'touch "$mine"; n=0; until [ -e "$its" ] || [ "$n" = 900 ]; do n=$((n + 1)); sleep 0.1; done; [ -e "$its" ]'
    with Transport([narrow]) as first, ThreadPoolExecutor(2) as pool:
        session = first.connect(narrow)
        assert session.hold(claim())[0].state == "held"
        scripts = [
            Script(wait, {"mine": met["one"], "its": met["other"]}),
            Script(wait, {"mine": met["other"], "its": met["one"]}),
        ]
        for _ in range(2):
            said = list(pool.map(lambda script: session.run([script], writes=True)[0].rc, scripts))
            assert said == [0, 0]
            for path in met.values():
                Path(path).unlink()
        assert (session.connections, session.alive) == (3, True)


def test_prune_removes_nothing_beside_another_run(run: Runs, host: Host, place: Path, tmp_path: Path) -> None:
    removed = tmp_path / "removed"
    inventory = Inventory(path=tmp_path / "rack.yaml", cluster="rack", hosts=(host,))
    scripts = {host.name: Script(f"touch {shlex.quote(str(removed))}; echo done")}
    first = run()
    first.connect(host).hold(claim(pid=7))
    with pytest.raises(Busy, match="an `up` from laptop, pid 7") as caught:
        alone.answers(inventory, scripts)
    assert (caught.value.hosts, removed.exists()) == ((host.name,), False)
    first.close()
    assert alone.answers(inventory, scripts)[host.name].stdout == "done\n"
    assert removed.exists() and not place.exists()


def installed(shell: str) -> ParameterSet:
    return pytest.param(f"/usr/bin/{shell}", marks=pytest.mark.needs(shell))


def goes_round(host: Host) -> None:
    """Takes it, writes, loses it to `unlock`, writes nothing more."""
    with Transport([host]) as first, Transport([host]) as second:
        session = first.connect(host)
        answer, (said,) = session.hold(claim(pid=7), [Script("echo hello")])
        assert (answer.state, said.stdout) == ("held", "hello\n")
        assert session.run([Script("echo a")], writes=True)[0].stdout == "a\n"
        assert second.connect(host).hold(claim("down"))[0].state == "busy"
        (said,) = second.connect(host).run([unlocking("bob@desk", "why")])
        assert [found.state for found in read_answers(said.stdout)] == ["taken"]
        with pytest.raises(LeaseLost, match="taken by bob@desk"):
            session.run([Script("echo a")], writes=True)
        answer, _ = second.connect(host).hold(claim("down"))
        assert answer.state == "held" and answer.holder is not None and answer.holder.pid == 7


@pytest.mark.parametrize("shell", [*map(installed, ("zsh", "fish", "tcsh"))])
def test_any_login_shell_will_do(shell: str, user: Users, make_host: Callable[..., Host]) -> None:
    goes_round(make_host(user=user.make(shell)))


@pytest.mark.parametrize("sh", ["/bin/bash", "/bin/dash", installed("busybox")])
def test_any_sh_will_do(sh: str, make_host: Callable[..., Host], tmp_path: Path) -> None:
    (tmp_path / "sh").symlink_to(sh)
    name = f"test-{uuid.uuid4().hex[:8]}"
    goes_round(make_host(f"SetEnv PATH={tmp_path}:/usr/bin:/bin {LEASES}={name}"))


def test_where_nothing_can_be_locked_that_is_said(make_host: Callable[..., Host], tmp_path: Path) -> None:
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("sh", "head", "setsid", "cat", "id", "readlink", "stat", "date", "grep", "cut", "sleep", "timeout"):
        found = subprocess.run(["sh", "-c", f"command -v {name}"], capture_output=True, text=True, check=True)
        (commands / name).symlink_to(found.stdout.strip())
    host = make_host(f"SetEnv PATH={commands}")
    with Transport([host]) as run:
        answer, (said,) = run.connect(host).hold(claim(), [Script("echo hello")])
        assert (answer.state, answer.why, said.stdout) == ("unlocked", "there is no flock(1)", "hello\n")
        assert run.connect(host).run([Script("echo hello")], writes=True)[0].stdout == "hello\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="makes accounts")
def test_both_sides_of_sudo_see_each_other(sshds: Sshds, user: Users) -> None:
    name = user.make(sudoers="ALL=(ALL) NOPASSWD: ALL")
    server = sshds.start()
    sshds.trust(server)
    plain, root = sshds.host(server, "plain", user=name), sshds.host(server, "root", user=name, sudo=True)
    shared = leases_of(server.address, server.port)
    with Transport([plain]) as first, Transport([root]) as second:
        assert first.connect(plain).hold(claim(pid=7))[0].state == "held"
        folder = Path(f"~{name}").expanduser() / ".provision/lease" / shared
        assert (folder.stat().st_mode & 0o777, (folder / "note").stat().st_mode & 0o777) == (0o700, 0o600)
        seen = held_by(second, root)
        assert seen is not None and seen.holder is not None and seen.holder.pid == 7
        assert second.connect(root).hold(claim("down"))[0].state == "busy"
        first.leases.give_back()
        assert not (Path(f"~{name}").expanduser() / ".provision").exists()
        answer, _ = second.connect(root).hold(claim("down", pid=8))
        folder = Path(f"/run/provision/lease-{shared}")
        assert (answer.state, answer.place, folder.owner()) == ("held", str(folder), "root")
        answer, _ = first.connect(plain).hold(claim())
        assert answer.state == "busy" and answer.holder is not None and answer.holder.pid == 8
        (said,) = first.connect(plain).run([unlocking("bob@desk", "why")])
        assert [found.state for found in read_answers(said.stdout)] == ["foreign"]
        second.leases.give_back()
        assert first.connect(plain).hold(claim(pid=7))[0].state == "held"
        (said,) = second.connect(root).run([unlocking("bob@desk", "why")])
        (taken,) = read_answers(said.stdout)
        assert taken.state == "taken" and taken.holder is not None and taken.holder.pid == 7
        with pytest.raises(LeaseLost, match="taken by bob@desk"):
            first.connect(plain).run([Script("true")], writes=True)
