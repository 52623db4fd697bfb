"""A model that several hosts download, with `transfer: {relay: auto}`: the hub is asked once for each file."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from engine import changes
from fake_hub import FakeHub, Repository
from hub_racks import HubRacks
from loopback import Users, processes_below, wait_until
from uv import find_uv_bin

from provision.core.events import Event, Note, Planned, Progress
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.inventory.transfers import Transfers
from provision.payload.relay.wire import BLOCK
from provision.resources import weights

pytestmark = pytest.mark.hosts

HOSTS = ("host-1", "host-2", "host-3")
SHARDS = tuple(f"model-{number:05d}-of-00004.safetensors" for number in range(1, 5))

#: In the command line of every such program.
WORD = "provision.payload.weights.spread"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    made = FakeHub()
    files = {name: os.urandom(2 * BLOCK + 12345) for name in SHARDS}
    made.repositories["acme/tiny"] = Repository({"config.json": b"{}", "tokenizer.json": b"[1, 2]", **files})
    yield made
    made.stop()


@pytest.fixture
def racks(make_host: Callable[..., Host], tmp_path: Path, hub_python: str, hub: FakeHub) -> HubRacks:
    hosts = [make_host() for _ in HOSTS]
    made = HubRacks.of(
        [host.model_copy(update={"node_ip": host.address}) for host in hosts], tmp_path, hub_python, hub.url
    )
    made.hosts.transfer = Transfers(relay="auto")
    return made


def notes(racks: HubRacks) -> list[str]:
    return [f"{event.host}: {event.text}" for event in racks.hosts.events if isinstance(event, Note)]


def relaying(racks: HubRacks) -> list[int]:
    return processes_below(racks.folder, WORD)


def size_of(racks: HubRacks, host: str, name: str) -> int:
    """How much of it has come."""
    return max((part.stat().st_size for part in racks.at(host).glob(f".provision-parts/*/{name}")), default=0)


def assert_all_have_all(racks: HubRacks, hub: FakeHub) -> None:
    for host in HOSTS:
        for name, content in hub.repositories["acme/tiny"].files.items():
            assert (racks.at(host) / name).read_bytes() == content, f"{name} on {host}"
        assert not (racks.at(host) / ".provision-parts").exists()
    assert wait_until(lambda: not relaying(racks))


def test_each_file_is_asked_for_once_and_a_second_run_changes_nothing(racks: HubRacks, hub: FakeHub) -> None:
    report = racks.run("up")
    assert (report.exit_code, changes(report), notes(racks)) == (0, 3, []), report.errors
    assert Counter(hub.loaded) == {(name, 0): 1 for name in hub.repositories["acme/tiny"].files}
    assert_all_have_all(racks, hub)
    asked = hub.asked
    again = racks.run("up")
    assert (again.exit_code, changes(again), hub.asked) == (0, 0, asked)


def test_each_host_loads_a_share(racks: HubRacks, hub: FakeHub) -> None:
    repository = hub.repositories["acme/tiny"]
    for name in SHARDS:
        repository.holds[name] = BLOCK
    begun = threading.Event()

    def watch() -> None:
        """All of them at once: one host alone would hold four, and no other one any."""
        parts = {host: set() for host in HOSTS}
        while not begun.is_set():
            for host in HOSTS:
                parts[host] = {p.name for p in racks.at(host).rglob("*.safetensors") if p.stat().st_size}
            if set().union(*parts.values()) == {*SHARDS} and all(parts.values()):
                begun.set()
            threading.Event().wait(0.05)

    threading.Thread(target=watch, daemon=True).start()
    threading.Thread(target=lambda: begun.wait(60) and hub.go.set(), daemon=True).start()
    report = racks.run("up")
    begun.set()
    assert report.exit_code == 0, report.errors
    assert_all_have_all(racks, hub)


def test_where_it_was_not_asked_for_each_host_loads_all(racks: HubRacks, hub: FakeHub) -> None:
    racks.hosts.transfer = Transfers()
    assert racks.run("up").exit_code == 0
    assert {*Counter(name for name, _ in hub.loaded).values()} == {3}
    assert_all_have_all(racks, hub)


def test_a_host_that_dies_while_it_loads_is_stood_in_for_from_where_it_stopped(racks: HubRacks, hub: FakeHub) -> None:
    repository = hub.repositories["acme/tiny"]
    # The largest file is the first one's. huggingface_hub writes 10 MB at a time.
    repository.files[SHARDS[0]] = os.urandom(14_000_000)
    repository.holds[SHARDS[0]] = 12_000_000
    killed: list[int] = []

    def kill() -> None:
        assert wait_until(lambda: all(size_of(racks, host, SHARDS[0]) >= 2 * BLOCK for host in HOSTS), 120)
        own = racks.root("host-1") / "models"
        killed.extend(pid for pid in relaying(racks) if Path(f"/proc/{pid}/cwd").resolve() == own)
        os.kill(*killed, signal.SIGKILL)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    report = racks.run("up")
    hub.go.set()
    thread.join(60)
    assert (report.exit_code, changes(report), len(killed)) == (0, 3, 1), report.errors
    said = [note for note in notes(racks) if "downloads by itself" in note]
    assert [note.partition(":")[0] for note in said] == ["host-1"]
    first = Counter(hub.loaded)
    assert first[SHARDS[0], 0] == 1 and first[SHARDS[0], 2 * BLOCK] == 1
    assert_all_have_all(racks, hub)


def test_a_damaged_block_is_refused_and_had_from_another_host(
    racks: HubRacks, hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that passes on other bytes than it has."""
    real = weights.bundle

    def bundled(name: str) -> str:
        text = real(name)
        right = "data = part.passed_on(block)\\n            guest.sendall(LENGTH"
        if name != "weights.spread:main":
            return text
        assert right in text
        wrong = "data = part.read(block) if block or os.environ['HOST'] != 'host-2' else bytes(part.size)[:4 << 20]"
        return text.replace(right, right.replace("data = part.passed_on(block)", wrong)).replace(
            "import errno\\nimport socket", "import errno\\nimport os\\nimport socket"
        )

    monkeypatch.setattr(weights, "bundle", bundled)
    report = racks.run("up")
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    assert any("had no more from host-2: a damaged block was refused" in note for note in notes(racks))
    assert_all_have_all(racks, hub)


def test_a_host_that_is_not_reached_loads_all_by_itself(racks: HubRacks, hub: FakeHub) -> None:
    """Its address for the others is none of its own: nothing can listen there."""
    first, *others = racks.hosts.hosts
    racks.hosts.hosts = [first.model_copy(update={"node_ip": "192.0.2.7"}), *others]
    report = racks.run("up")
    assert (report.exit_code, changes(report)) == (0, 3), report.errors
    (note,) = notes(racks)
    assert note.startswith("host-1: it downloads by itself: ")
    assert Counter(name for name, _ in hub.loaded) == dict.fromkeys(hub.repositories["acme/tiny"].files, 2)
    assert_all_have_all(racks, hub)


def test_what_has_come_before_ctrl_c_is_not_asked_for_again(racks: HubRacks, hub: FakeHub) -> None:
    repository = hub.repositories["acme/tiny"]
    repository.holds[SHARDS[3]] = BLOCK
    cancel, whole = threading.Event(), len(repository.files[SHARDS[0]])

    def watch() -> None:
        each = [(host, name) for host in HOSTS for name in SHARDS[:3]]
        assert wait_until(lambda: all(size_of(racks, host, name) == whole for host, name in each), 120)
        cancel.set()

    threading.Thread(target=watch, daemon=True).start()
    assert racks.run("up", cancel=cancel).exit_code == 1
    hub.go.set()
    assert wait_until(lambda: not relaying(racks))
    assert racks.run("up").exit_code == 0
    assert_all_have_all(racks, hub)
    asked = Counter(name for name, _ in hub.loaded)
    assert [asked[name] for name in SHARDS] == [1, 1, 1, 2]


def joining(racks: HubRacks, hub: FakeHub, *hosts: str) -> Counter[str]:
    """These hosts have lost the model, and get it again: what the hub was asked for by then."""
    for host in hosts:
        shutil.rmtree(racks.root(host))
    before = Counter(name for name, _ in hub.loaded)
    report = racks.run("up")
    assert (report.exit_code, changes(report)) == (0, len(hosts)), report.errors
    assert_all_have_all(racks, hub)
    return Counter(name for name, _ in hub.loaded) - before


@pytest.mark.parametrize("hosts", [("host-3",), ("host-1", "host-3")])
def test_who_joins_has_it_from_hosts_that_have_it_and_asks_the_hub_for_no_file(
    racks: HubRacks, hub: FakeHub, hosts: tuple[str, ...]
) -> None:
    assert racks.run("up").exit_code == 0
    written = (racks.at("host-2") / SHARDS[0]).stat()
    assert joining(racks, hub, *hosts) == {}
    assert notes(racks) == []
    (plan,) = [event.plan for event in racks.hosts.events if isinstance(event, Planned)]
    from_whom = "host-2" if len(hosts) > 1 else "host-1 or host-2"
    assert set(plan.served.values()) == {f"all files from {from_whom}"}
    now = (racks.at("host-2") / SHARDS[0]).stat()
    assert (now.st_ino, now.st_mtime_ns, now.st_ctime_ns) == (written.st_ino, written.st_mtime_ns, written.st_ctime_ns)
    again = racks.run("up")
    assert (again.exit_code, changes(again)) == (0, 0)


def test_who_joins_asks_the_hub_for_what_other_hosts_do_not_pass_on(racks: HubRacks, hub: FakeHub) -> None:
    """Their addresses for the others are none of their own: nothing can listen there."""
    assert racks.run("up").exit_code == 0
    *holders, last = racks.hosts.hosts
    racks.hosts.hosts = [h.model_copy(update={"node_ip": f"192.0.2.{n}"}) for n, h in enumerate(holders, 7)] + [last]
    assert joining(racks, hub, "host-3") == dict.fromkeys(hub.repositories["acme/tiny"].files, 1)
    assert any(note.startswith("host-3: it downloads by itself: ") for note in notes(racks))
    assert any(note.startswith("host-1: others have none of its files any more: ") for note in notes(racks))


def test_where_who_has_it_dies_another_one_goes_on(racks: HubRacks, hub: FakeHub) -> None:
    assert racks.run("up").exit_code == 0
    racks.hosts.transfer = Transfers(relay="auto", limit="100 Mbit")  # or all may have come before it dies
    killed: list[int] = []

    def listen(event: Event) -> None:
        racks.hosts.events.append(event)
        if isinstance(event, Progress) and event.text.startswith("downloaded") and not killed:
            own = racks.root("host-1") / "models"
            killed.extend(pid for pid in relaying(racks) if Path(f"/proc/{pid}/cwd").resolve() == own)
            os.kill(*killed, signal.SIGKILL)

    shutil.rmtree(racks.root("host-3"))
    before = len(hub.loaded)
    report = racks.run("up", listener=listen)
    assert (report.exit_code, changes(report), len(killed)) == (0, 1, 1), report.errors
    assert len(hub.loaded) == before
    assert any(note.startswith("host-1: others have none of its files any more: ") for note in notes(racks))
    assert_all_have_all(racks, hub)


def test_what_was_written_to_on_a_host_is_not_had_from_it(racks: HubRacks, hub: FakeHub) -> None:
    """Size and time are as before, so that a look does not find it: who gets it compares it with the hub's hash."""
    assert racks.run("up").exit_code == 0
    for host in ("host-1", "host-2"):
        path = racks.at(host) / SHARDS[0]
        before = path.stat()
        with path.open("r+b") as file:
            file.write(b"other")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    shutil.rmtree(racks.root("host-3"))
    asked = Counter(name for name, _ in hub.loaded)
    racks.run("up")
    assert Counter(name for name, _ in hub.loaded) - asked == {SHARDS[0]: 1}
    for name, content in hub.repositories["acme/tiny"].files.items():
        assert (racks.at("host-3") / name).read_bytes() == content


def test_a_token_is_in_no_environment_line_or_file(racks: HubRacks, hub: FakeHub) -> None:
    hub.repositories["acme/tiny"].token = "hf_canary_of_some_length"
    racks.token = Secret("hf_canary_of_some_length", "HF_TOKEN")
    seen: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Progress):
            for pid in relaying(racks):
                for name in ("environ", "cmdline"):
                    seen.append(Path(f"/proc/{pid}/{name}").read_bytes().decode(errors="replace"))
        racks.hosts.events.append(event)

    report = racks.run("up", listener=listen)
    assert report.exit_code == 0, report.errors
    assert dict.fromkeys(hub.repositories["acme/tiny"].files, 1) == Counter(name for name, _ in hub.loaded)
    assert "hf_canary" not in "".join(seen) and "hf_canary" not in repr(racks.hosts.events)
    assert [p for p in racks.folder.rglob("*") if p.is_file() and b"hf_canary" in p.read_bytes()] == []


@pytest.mark.needs("root")
def test_where_root_works_for_another_user_all_is_done_with_that_users_rights(
    make_host: Callable[..., Host], open_path: Path, hub: FakeHub, user: Users
) -> None:
    hosts = [make_host() for _ in HOSTS]
    folder = open_path / "environment"
    subprocess.run([find_uv_bin(), "venv", "-q", "--python", "/usr/bin/python3", folder], check=True)
    install = [find_uv_bin(), "pip", "install", "-q", "--python", folder / "bin/python", "huggingface_hub"]
    subprocess.run(install, check=True)
    racks = HubRacks.of(
        [host.model_copy(update={"node_ip": host.address}) for host in hosts],
        open_path,
        str(folder / "bin/python"),
        hub.url,
    )
    racks.folder.chmod(0o755)
    racks.hosts.transfer = Transfers(relay="auto")
    racks.owner = user.make()
    seen: set[str] = set()

    def listen(event: Event) -> None:
        racks.hosts.events.append(event)
        if isinstance(event, Progress):
            for pid in relaying(racks):
                seen.add(Path(f"/proc/{pid}").owner())

    report = racks.run("up", listener=listen)
    assert (report.exit_code, changes(report), notes(racks)) == (0, 3, []), report.errors
    assert Counter(name for name, _ in hub.loaded) == dict.fromkeys(hub.repositories["acme/tiny"].files, 1)
    assert seen == {racks.owner}
    for host in HOSTS:
        assert {path.owner() for path in (racks.root(host) / "models").rglob("*")} == {racks.owner}
