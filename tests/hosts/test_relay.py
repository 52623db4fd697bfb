"""Large files from host to host: all have them, nobody else does, and whatever fails costs time alone."""

import json
import os
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from provision.core.script import Upload
from provision.inventory.models import Host
from provision.payload.bundle import HOST_PYTHON
from provision.payload.relay.wire import BLOCK, REQUEST, part_name
from provision.transport import Transport
from provision.transport.pace import Pace
from provision.transport.relay import Relay, RelayStop
from provision.transport.relay_heard import ALONE
from provision.transport.relay_part import FIRST_FAILED, send
from provision.transport.relay_run import file_blocks
from provision.transport.run_authority import RunAuthority
from provision.transport.upload import UploadPlace
from tests.hosts.loopback import Users, free_port, listens, processes_below, wait_until
from tests.unit.payload.test_programs import oldest

pytestmark = pytest.mark.hosts

#: In the command line of every such program.
WORD = "provision.payload.relay"

PYTHON = "/usr/bin/python3"

MakeHost = Callable[..., Host]


@dataclass
class Rack:
    """Hosts, each with a folder of its own, and one relay between them."""

    hosts: list[Host]
    transport: Transport
    folder: Path
    source: Path
    ports: Sequence[int]
    cancel: threading.Event = field(default_factory=threading.Event)
    said: list[tuple[str, str]] = field(default_factory=list)
    moved: dict[str, int] = field(default_factory=dict)
    hook: Callable[[str, int], None] = lambda host, done: None
    pythons: dict[int, str] = field(default_factory=dict)
    users: dict[int, str] = field(default_factory=dict)
    ipv6: bool = False
    rate: float = 0
    places: dict[int, Path] = field(default_factory=dict)
    serves: bool = False

    @property
    def about(self) -> tuple[Path, int, int]:
        seen = self.source.stat()
        return self.source, seen.st_size, int(seen.st_mtime)

    def into(self, number: int) -> Path:
        return self.places.get(number, self.folder / f"root-{number}")

    def part(self, number: int) -> Path:
        return self.into(number) / part_name(self.about[1], self.about[2], self.source.name)

    def relay(self) -> Relay:
        stops = []
        for n, (host, port) in enumerate(zip(self.hosts, self.ports, strict=True)):
            place = UploadPlace(str(self.into(n)), self.users.get(n, ""), "")
            address = "::1" if self.ipv6 else host.address
            names = (f"shards/{self.source.name}",) if self.serves and n == 0 else ()
            stops.append(RelayStop(host.name, address, (port,), self.pythons.get(n, PYTHON), place, names))
        known = {host.name: host for host in self.hosts}

        def moved(host: str, done: int, total: int) -> None:
            self.moved[host] = done
            self.hook(host, done)

        return Relay(
            stops,
            [self.about],
            lambda name: self.transport.connect(known[name]),
            moved,
            lambda host, text: self.said.append((host, text)),
            self.cancel,
            Pace(self.rate, self.cancel),
        )

    def spoil(self, number: int, part: str, other: str) -> None:
        """Has this host run another program than the one that it is sent."""
        path = self.folder / f"python-{number}"
        path.write_text(f"""#!{PYTHON}
import os, sys
*flags, code = sys.argv[1:]
assert {part!r} in code
os.execv({PYTHON!r}, [{PYTHON!r}, *flags, code.replace({part!r}, {other!r})])
""")
        path.chmod(0o755)
        self.pythons[number] = str(path)

    @property
    def relaying(self) -> list[int]:
        return processes_below(self.folder, WORD)

    def process(self, number: int) -> int:
        """Of the program on this host, which no word of its command line tells from the others."""
        (found,) = [p for p in self.relaying if Path(f"/proc/{p}/cwd").resolve() == self.into(number)]
        return found

    def standing(self) -> Path:
        """The file where the first host has it, whole and in its place."""
        self.serves = True
        path = self.into(0) / "shards" / self.source.name
        path.parent.mkdir(parents=True)
        self.into(0).chmod(0o700)
        path.write_bytes(self.source.read_bytes())
        path.chmod(0o400)
        return path

    def finish(self) -> None:
        """What `up` does next, whatever came of the relay."""
        for number, host in [*enumerate(self.hosts)][self.serves :]:
            self.transport.connect(host).send([Upload(self.source, str(self.into(number)))])
            assert (self.into(number) / self.source.name).read_bytes() == self.source.read_bytes()
            assert [path.name for path in self.into(number).iterdir()] == [self.source.name]

    def nothing_left(self) -> bool:
        places = [(host.address, port) for host, port in zip(self.hosts, self.ports, strict=True)]
        return wait_until(lambda: not self.relaying and not any(listens(*place) for place in places))


@pytest.fixture
def rack(make_host: MakeHost, tmp_path: Path):
    hosts = [make_host() for _ in range(3)]
    source = tmp_path / "wheel of some size.whl"
    source.write_bytes(os.urandom(16 * BLOCK + 12345))
    with Transport(hosts) as transport:
        yield Rack(hosts, transport, tmp_path, source, [free_port(host.address) for host in hosts])


@pytest.fixture
def leaving(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of what leaves the controller."""
    sizes: list[int] = []
    monkeypatch.setattr("provision.transport.relay.send", lambda *what: sizes.append(len(what[-1])) or send(*what))
    return sizes


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """As over a line that takes a tenth of a second for a block."""

    def slowly(*of: object):
        for block in file_blocks(*of):
            time.sleep(0.1)
            yield block

    monkeypatch.setattr("provision.transport.relay.file_blocks", slowly)


def once(rack: Rack, then: Callable[[], object], at: int = 4 * BLOCK) -> list[object]:
    """`then` is done once, when the last host has had `at` bytes; what came of it."""
    found: list[object] = []

    def hook(host: str, done: int) -> None:
        if host == rack.hosts[-1].name and done >= at and not found:
            found.append(then())

    rack.hook = hook
    return found


def test_all_have_it_and_nothing_is_left(rack: Rack) -> None:
    relay = rack.relay()
    assert relay.carry_out() == rack.hosts[0].name
    assert relay.failed == {}
    assert rack.said == []
    for number in range(3):
        assert rack.part(number).read_bytes() == rack.source.read_bytes()
        assert rack.part(number).stat().st_mode & 0o777 == 0o600
    assert set(rack.moved.values()) == {rack.about[1]}
    assert rack.nothing_left()
    rack.finish()


def test_over_ipv6(rack: Rack) -> None:
    rack.ipv6 = True
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    rack.finish()


def test_the_oldest_python_of_a_host_does(rack: Rack) -> None:
    rack.pythons = dict.fromkeys(range(1, 3), oldest(HOST_PYTHON))
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    rack.finish()


@pytest.mark.needs("root")
def test_for_another_user_all_is_done_with_that_users_rights(rack: Rack, user: Users) -> None:
    name = user.make()
    rack.users = {0: name, 1: name}
    rack.places = {number: Path(f"~{name}/inbox-{number}").expanduser() for number in rack.users}
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    assert [rack.part(number).owner() for number in range(3)] == [name, name, "root"]


@pytest.mark.needs("root")
def test_through_sudo(rack: Rack, user: Users) -> None:
    name = user.make(sudoers="ALL=(ALL) NOPASSWD: ALL")
    rack.hosts[1:] = [
        host.model_copy(update={"sudo": True, "ssh": host.ssh.model_copy(update={"user": name})})
        for host in rack.hosts[1:]
    ]
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    assert [rack.part(number).owner() for number in range(3)] == ["root", "root", "root"]
    rack.finish()


def test_root_runs_no_python_that_others_could_change(rack: Rack) -> None:
    mine = rack.folder / "open" / "python3"
    mine.parent.mkdir()
    mine.parent.chmod(0o777)
    mine.symlink_to(PYTHON)
    rack.pythons[1] = str(mine)
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed.keys() == {rack.hosts[1].name}
    assert "which others could change" in relay.failed[rack.hosts[1].name]


def test_what_has_come_before_is_not_sent_again(rack: Rack, leaving: list[int]) -> None:
    whole = rack.source.read_bytes()
    for number, begun in enumerate((whole[: 5 * BLOCK + 7], whole[: 3 * BLOCK] + bytes(2 * BLOCK), whole)):
        rack.into(number).mkdir(mode=0o700)
        rack.part(number).write_bytes(begun)
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    assert sum(size > BLOCK for size in leaving) == 16 - 5
    rack.finish()


def test_a_first_host_with_something_else_begins_again(rack: Rack) -> None:
    rack.into(0).mkdir(mode=0o700)
    rack.part(0).write_bytes(bytes(4 * BLOCK))
    relay = rack.relay()
    assert relay.carry_out() == rack.hosts[0].name
    assert relay.failed[rack.hosts[0].name] == "what was here is not the beginning of the file"
    assert relay.failed.keys() == {host.name for host in rack.hosts}
    again = rack.relay()
    again.carry_out()
    assert again.failed == {}
    rack.finish()


def test_a_host_that_has_it_serves_it_and_nothing_leaves_here(rack: Rack, leaving: list[int]) -> None:
    standing = rack.standing()
    before = standing.stat()
    relay = rack.relay()
    assert relay.carry_out() == rack.hosts[0].name
    assert relay.failed == {} and rack.said == []
    assert max(leaving) < BLOCK // 2
    for number in (1, 2):
        assert rack.part(number).read_bytes() == rack.source.read_bytes()
    assert (standing.stat().st_mtime_ns, standing.stat().st_mode) == (before.st_mtime_ns, before.st_mode)
    assert [path.name for path in rack.into(0).iterdir()] == ["shards"]
    assert rack.nothing_left()
    rack.finish()


def test_one_alone_is_served(rack: Rack, leaving: list[int]) -> None:
    rack.standing()
    rack.hosts, rack.ports = rack.hosts[:2], rack.ports[:2]
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {} and max(leaving) < BLOCK // 2
    rack.finish()


def test_who_serves_finds_what_was_written_to_since_and_passes_on_none_of_it(rack: Rack) -> None:
    standing = rack.standing()
    standing.chmod(0o600)
    with standing.open("r+b") as file:
        file.seek(3 * BLOCK)
        file.write(b"other")
    relay = rack.relay()
    assert relay.carry_out() == rack.hosts[0].name
    assert relay.failed.pop(rack.hosts[0].name) == f"is not the file that it was: shards/{rack.source.name}"
    assert {*relay.failed.values()} == {FIRST_FAILED}
    whole = rack.source.read_bytes()
    for number in (1, 2):
        assert whole.startswith(rack.part(number).read_bytes())
    assert rack.nothing_left()
    rack.finish()


def test_of_another_size_or_through_a_link_it_is_not_served(rack: Rack, leaving: list[int]) -> None:
    standing = rack.standing()
    standing.unlink()
    standing.symlink_to(rack.source)
    relay = rack.relay()
    assert relay.carry_out() == rack.hosts[1].name
    assert relay.failed.keys() == {rack.hosts[0].name}
    assert max(leaving) > BLOCK
    rack.finish()


def test_where_nobody_is_left_to_be_served_the_file_is_not_read_to_its_end(rack: Rack, slow: None) -> None:
    rack.standing()
    rack.hosts, rack.ports = rack.hosts[:2], rack.ports[:2]
    once(rack, lambda: os.kill(rack.process(1), signal.SIGKILL))
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed[rack.hosts[0].name] == ALONE
    assert rack.nothing_left()


def test_a_stranger_gets_nothing(rack: Rack, slow: None) -> None:
    authority = RunAuthority()
    certificate, key = authority.issue("host-1")
    own = rack.folder / "stranger.pem"
    own.write_text(certificate + key.reveal())

    def ask(context: ssl.SSLContext | None) -> bytes:
        heard = b""
        with socket.create_connection((rack.hosts[0].address, rack.ports[0]), 5) as plain:
            plain.settimeout(5)
            try:
                sock = context.wrap_socket(plain) if context else plain
                sock.sendall(REQUEST.pack(0, 0))
                while data := sock.recv(BLOCK):
                    heard += data
            except OSError:
                pass
        return heard

    def strangers() -> list[bytes]:
        contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) for _ in range(2)]
        for context in contexts:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        contexts[1].load_cert_chain(own)
        return [ask(context) for context in (None, *contexts)]

    found = once(rack, strangers)
    relay = rack.relay()
    relay.carry_out()
    (heard,) = found
    assert isinstance(heard, list)
    # Without TLS, an alert of it is heard: seven bytes.
    assert [len(data) for data in heard[1:]] == [0, 0]
    assert len(heard[0]) < 32
    assert relay.failed == {}


def test_who_shows_another_certificate_is_asked_for_nothing(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who listens at a host's address."""
    other, issue = RunAuthority(), RunAuthority.issue
    monkeypatch.setattr(RunAuthority, "issue", lambda self, name: issue(other if name == "host-0" else self, name))
    relay = rack.relay()
    relay.carry_out()
    assert {rack.hosts[1].name, rack.hosts[2].name} <= relay.failed.keys()
    assert "certificate" in relay.failed[rack.hosts[1].name].lower()
    assert rack.nothing_left()
    rack.finish()


def test_a_damaged_block_is_refused_and_fetched_from_another(rack: Rack) -> None:
    rack.spoil(1, "data = part.passed_on(block)", "data = bytes(len(part.read(block)))")
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    assert rack.said == [(rack.hosts[2].name, f"had no more from {rack.hosts[1].name}: a damaged block was refused")]
    assert rack.part(2).read_bytes() == rack.source.read_bytes()
    rack.finish()


@pytest.mark.parametrize("standing", [False, True], ids=["sent from here", "served by a host that has it"])
def test_without_another_a_damaged_block_never_stays(rack: Rack, standing: bool) -> None:
    if standing:
        rack.standing()
    rack.spoil(0, "data = part.passed_on(block)", "data = bytes(len(part.read(block)))")
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed.keys() == {rack.hosts[1].name, rack.hosts[2].name}
    assert "damaged" in relay.failed[rack.hosts[1].name]
    assert rack.part(1).stat().st_size == 0
    rack.finish()


def test_one_in_the_middle_dies(rack: Rack, slow: None) -> None:
    once(rack, lambda: os.kill(rack.process(1), signal.SIGKILL))
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed.keys() == {rack.hosts[1].name}
    assert rack.part(2).read_bytes() == rack.source.read_bytes()
    assert rack.nothing_left()
    rack.finish()


def test_a_slow_one_goes_to_the_end_and_holds_up_nobody(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.transport.relay_chain.SPELL", 1.0)
    monkeypatch.setattr("provision.transport.relay_chain.BEHIND", 2 * BLOCK)
    rack.spoil(1, "part.write(block, data)", "time.sleep(1); part.write(block, data)")
    slow, last = rack.hosts[1].name, rack.hosts[2].name
    found: list[int] = []

    def hook(host: str, done: int) -> None:
        if (host, done) == (last, rack.about[1]):
            found.append(rack.moved.get(slow, 0))
            rack.cancel.set()

    rack.hook = hook
    rack.relay().carry_out()
    assert found and found[0] < rack.about[1] // 2
    assert rack.part(2).read_bytes() == rack.source.read_bytes()
    assert rack.nothing_left()


def test_one_that_was_moved_to_the_end_gets_the_rest_there(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is moved has the rest from the one that was behind it."""
    monkeypatch.setattr("provision.transport.relay_chain.SPELL", 1.0)
    monkeypatch.setattr("provision.transport.relay_chain.BEHIND", 2 * BLOCK)
    rack.spoil(1, "part.write(block, data)", "time.sleep(0.3); part.write(block, data)")
    said: list[bytes] = []
    monkeypatch.setattr("provision.transport.relay.send", lambda *what: said.append(what[2]) or send(*what))
    relay = rack.relay()
    relay.carry_out()
    assert relay.failed == {}
    lists = [json.loads(data) for data in said if data.startswith(b"[")]
    names = [[name for name, *_ in one] for one in lists]
    assert [one for one in names if one[:1] == ["host-2"]] == [["host-2", "host-0"]]
    rack.finish()


def test_the_first_dies_and_the_others_keep_what_they_have(rack: Rack, slow: None) -> None:
    once(rack, lambda: os.kill(rack.process(0), signal.SIGKILL))
    relay = rack.relay()
    assert relay.carry_out() == rack.hosts[0].name
    assert relay.failed.keys() == {host.name for host in rack.hosts}
    assert rack.part(2).stat().st_size >= 4 * BLOCK
    assert rack.nothing_left()
    rack.finish()


def test_cancelled_nothing_is_left(rack: Rack, slow: None) -> None:
    once(rack, rack.cancel.set)
    relay = rack.relay()
    relay.carry_out()
    assert set(relay.failed.values()) == {"cancelled"}
    assert rack.nothing_left()


def test_no_connection_between_hosts(rack: Rack) -> None:
    rack.spoil(0, "sock.listen(_ROOM)", "pass")
    relay = rack.relay()
    relay.carry_out()
    assert "Connection refused" in relay.failed[rack.hosts[1].name]
    assert rack.hosts[0].name not in relay.failed
    rack.finish()


def test_a_host_without_a_free_port_or_python_takes_no_part(rack: Rack) -> None:
    rack.pythons[1] = "/nonexistent/python3"
    with socket.socket() as taken:
        taken.bind((rack.hosts[0].address, rack.ports[0]))
        taken.listen()
        relay = rack.relay()
        assert relay.carry_out() == rack.hosts[2].name
    assert "are all taken" in relay.failed[rack.hosts[0].name]
    assert "/nonexistent/python3" in relay.failed[rack.hosts[1].name]
    assert relay.failed[rack.hosts[2].name] == "no other host takes part"
    rack.finish()


def test_one_that_never_says_that_it_has_all_keeps_nobody(rack: Rack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.transport.relay.STUCK", 1.0)
    rack.spoil(1, "say(WHOLE)", "pass")
    rack.spoil(2, "say(LISTENS, self._serving.port)", "say(LISTENS, 22)")
    relay = rack.relay()
    relay.carry_out()
    assert "in 1 s" in relay.failed.pop(rack.hosts[1].name)
    assert "port 22, which it was not told to" in relay.failed.pop(rack.hosts[2].name)
    assert relay.failed == {}
    assert rack.nothing_left()


@pytest.mark.needs("mount")
def test_a_full_disk_stays_as_it_was(rack: Rack) -> None:
    rack.into(1).mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=700", "full", rack.into(1)], check=True)
    try:
        relay = rack.relay()
        relay.carry_out()
        assert "No space left" in relay.failed.pop(rack.hosts[1].name)
        assert relay.failed == {}
        assert list(rack.into(1).iterdir()) == []
        assert rack.part(2).read_bytes() == rack.source.read_bytes()
    finally:
        subprocess.run(["umount", rack.into(1)], check=True)
