"""Small resources, each through its life on a real host: made, left alone, spoiled, named, mended, removed."""

import os
import pwd
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from daemons import CLUSTER
from engine import Hosts, OneHost, changes, differences, planned, written

from provision.checks.expectations import against_inventory
from provision.cluster.cluster import Cluster
from provision.core.events import Output, StepDone, StepSkipped
from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.core.secret import Secret
from provision.inventory.models import Expect, Host
from provision.resources.own_folder import OwnFolder
from provision.resources.ports import PortsFree
from provision.resources.secret_file import SecretFile
from provision.resources.service import Place
from provision.resources.text_file import TextFile

pytestmark = pytest.mark.hosts

MakeHost = Callable[..., Host]
#: In a folder that was made for a file.
MADE = ".made-by-provision"
TEXT = 'it\'s "all" $of `it` \\ here\n\n  überall\t\n'


@pytest.fixture
def host(make_host: MakeHost) -> OneHost:
    return OneHost(make_host())


def text_file(folder: Path) -> TextFile:
    return TextFile(str(folder / "below" / "a file"), TEXT, mode="640")


def secret_file(folder: Path) -> SecretFile:
    return SecretFile(str(folder / "below" / "token"), Secret(TEXT))


@pytest.mark.parametrize("make", [text_file, secret_file])
def test_a_file_lives_as_the_playbook_says(host: OneHost, tmp_path: Path, make: Callable[[Path], Resource]) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    file = make(folder)
    before = written(folder)
    assert host.check(file).exit_code == 3
    assert written(folder) == before

    assert changes(host.up(file)) == 1
    (path,) = (p for p in folder.rglob("*") if p.is_file() and p.name != MADE)
    assert path.read_bytes() == TEXT.encode()
    made = written(folder)
    assert changes(host.up(file)) == 0
    assert host.check(file).exit_code == 0
    assert written(folder) == made

    path.write_text("something else")
    assert [d.split()[0] for d in differences(host.check(file))] == ["content"]
    assert changes(host.up(file)) == 1
    assert path.read_bytes() == TEXT.encode()

    assert changes(host.down(file)) == 1
    assert list(folder.iterdir()) == []
    assert changes(host.down(file)) == 0


@pytest.mark.parametrize(("make", "mode"), [(text_file, "640"), (secret_file, "600")])
def test_a_file_that_others_may_read_is_named_and_closed(
    host: OneHost, tmp_path: Path, make: Callable[[Path], Resource], mode: str
) -> None:
    file = make(tmp_path)
    host.up(file)
    path = tmp_path / "below" / ("token" if mode == "600" else "a file")
    path.chmod(0o666)
    assert differences(host.check(file)) == [f"mode 666 → {mode}"]
    assert changes(host.up(file)) == 1
    assert f"{path.stat().st_mode & 0o777:o}" == mode


@pytest.mark.parametrize("make", [text_file, secret_file])
def test_a_folder_in_a_files_place_is_told_and_left_alone(
    host: OneHost, tmp_path: Path, make: Callable[[Path], Resource]
) -> None:
    for name in ("a file", "token"):
        (tmp_path / "below" / name).mkdir(parents=True)
    before = written(tmp_path / "below")
    report = host.up(make(tmp_path))
    assert report.exit_code == 1
    assert "is a folder" in repr(report.errors[0].evidence)
    assert changes(host.down(make(tmp_path))) == 0
    assert written(tmp_path / "below") == before


def test_a_link_in_a_secrets_place_is_replaced_and_what_it_points_to_is_not_touched(
    host: OneHost, tmp_path: Path
) -> None:
    target = tmp_path / "target"
    target.write_text("mine")
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "token").symlink_to(target)
    assert host.up(secret_file(tmp_path)).exit_code == 0
    assert target.read_text() == "mine"
    assert not (tmp_path / "below" / "token").is_symlink()


@pytest.mark.needs("root")
@pytest.mark.parametrize("kind", [TextFile, SecretFile])
def test_a_file_of_another_user_has_the_right_owner_and_folders_that_let_them_in(
    user, make_host: MakeHost, tmp_path: Path, kind: type[Resource]
) -> None:
    name = user.make()
    host = OneHost(make_host())
    path = tmp_path / "below" / "deep" / "file"
    file = TextFile(str(path), "x", owner=name) if kind is TextFile else SecretFile(str(path), Secret("x"), name)
    assert changes(host.up(file)) == 1
    assert path.stat().st_uid == pwd.getpwnam(name).pw_uid
    assert path.parent.stat().st_mode & 0o777 == 0o755
    assert path.parent.stat().st_uid == 0

    os.chown(path, 0, 0)
    assert differences(host.check(file)) == [f"owner root → {name}"]
    assert changes(host.up(file)) == 1
    assert host.check(file).exit_code == 0


def test_a_secret_is_in_nothing_that_a_run_says(make_host: MakeHost, tmp_path: Path) -> None:
    canary = "canary-4f6b1c"
    host = make_host()
    hosts = Hosts([host], secrets={"TOKEN": Secret(canary)})

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        made.add(SecretFile(str(tmp_path / "folder" / "token"), cluster.secrets["TOKEN"]), on=host.name)
        return made

    said = [hosts.run("check", book), *hosts.events, hosts.run("up", book), *hosts.events]
    for name in ("token", MADE):
        (tmp_path / "folder" / name).unlink()
    (tmp_path / "folder").rmdir()
    (tmp_path / "folder").write_text("in the way")
    said += [hosts.run("up", book), *hosts.events]
    assert hosts.run("up", book).exit_code == 1
    assert canary not in repr(said)


def test_a_port_that_is_taken_blocks_up_and_says_by_whom(host: OneHost, tmp_path: Path) -> None:
    place = Place(str(tmp_path), f"{CLUSTER}/host-1/ray")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        ports = PortsFree(place, "127.0.0.1", ((port, "the API"),))
        report = host.up(ports, text_file(tmp_path))
        assert report.exit_code == 1
        assert report.plan is not None
        (blocker,) = report.plan.blockers
        assert f"port {port} (the API)" in blocker.message
        assert "taken" in blocker.message
        assert not (tmp_path / "below").exists()

        elsewhere = PortsFree(place, "127.0.0.2", ((port, "the API"),))
        assert host.check(elsewhere).exit_code == 0
    assert host.check(ports).exit_code == 0
    assert changes(host.down(ports)) == 0


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_a_listener_on_all_addresses_takes_the_port_on_each(host: OneHost, tmp_path: Path, address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        port = listener.getsockname()[1]
        ports = PortsFree(Place(str(tmp_path), f"{CLUSTER}/host-1/ray"), "127.0.0.1", ((port, "the API"),))
        assert host.check(ports).exit_code == 3
    assert host.check(ports).exit_code == 0


def test_gpus_that_are_not_there_block_up_and_are_never_removed(make_host: MakeHost, tmp_path: Path) -> None:
    host = make_host()

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        made.findings += against_inventory(cluster)
        made.add(text_file(tmp_path), on=host.name)
        return made

    wanted = Hosts([host.model_copy(update={"expect": Expect(driver=">=580", gpus=97)})])
    report = wanted.run("up", book)
    assert report.exit_code == 1
    assert report.hosts[0].status == "blocked"
    assert not (tmp_path / "below").exists()
    assert wanted.run("check", book).exit_code == 3
    assert planned(wanted.run("down", book)) == ()
    assert Hosts([host]).run("up", book).exit_code == 0


def test_a_clusters_folder_goes_once_it_is_empty_and_is_told_as_kept_while_it_is_not(
    host: OneHost, tmp_path: Path
) -> None:
    folder = tmp_path / "root" / "clusters" / "here" / "host-1"
    folder.mkdir(parents=True)
    (kept := folder / "image").write_text("what could not be removed is told by its own step")
    own = OwnFolder(str(folder))
    assert changes(host.down(own)) == 0, "an environment may lie there"
    hosts = Hosts([host.host])

    def book(cluster: Cluster) -> Playbook:
        made = Playbook()
        made.add(own, on=host.host.name)
        return made

    report = hosts.run("purge", book)
    assert report.exit_code == 0 and kept.exists() and changes(report) == 0 and report.hosts[0].status == "ok"
    assert [one.why for one in hosts.events if isinstance(one, StepSkipped)] == ["it stays, since this is in it: image"]
    assert not any(isinstance(one, (StepDone, Output)) for one in hosts.events)
    kept.unlink()
    assert changes(host.purge(own)) == 1
    assert [*(tmp_path / "root").iterdir()] == []
    assert changes(host.purge(own)) == 0
