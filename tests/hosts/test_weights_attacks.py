"""Root brings a model into a folder of the user, who has laid traps there; and a model's folder is somebody's own.

Nothing outside the folder changes, whoever works, and what provision did not write is neither replaced nor removed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from engine import Hosts, changes, differences
from loopback import Users

from provision.cluster.cluster import Cluster
from provision.core.events import Event, Note
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.inventory.models import Host
from provision.resources.weights import Weights
from provision.weights.local import look

pytestmark = pytest.mark.hosts

FILES = ("1_Pooling/config.json", "config.json", "model.safetensors")


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "trained"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "1_Pooling" / "config.json").write_text('{"a": 1}')
    (folder / "model.safetensors").write_bytes(os.urandom(300_000))
    return folder


@dataclass
class Bringing:
    """One host to which `model` is brought, to `at`, or below `root`."""

    host: Host
    root: Path
    model: Path
    at: Path
    owner: str = ""
    source: str = "controller"
    said: list[Event] = field(default_factory=list)

    def run(self, command: str, *, deep: bool = False) -> Report:
        def book(_: Cluster) -> Playbook:
            made = Playbook()
            made.add(
                Weights(
                    source=self.source,
                    folder=str(self.at),
                    root=str(self.root),
                    cluster="here",
                    host=self.host.name,
                    python="/usr/bin/python3",
                    here=look(self.model) if self.source == "controller" else None,
                    owner=self.owner,
                    deep=deep,
                ),
                on=self.host.name,
            )
            return made

        self.said = []
        return Hosts([self.host]).run(command, book, listener=self.said.append)

    @property
    def notes(self) -> str:
        return "\n".join(event.text for event in self.said if isinstance(event, Note))

    def blockers(self, command: str = "plan") -> list[str]:
        """What the plan says is in the way."""
        plan = self.run(command).plan
        assert plan is not None
        return [line for blocker in plan.blockers for line in (blocker.message, *blocker.evidence)]


@pytest.fixture
def theirs(make_host: Callable[..., Host], tmp_path: Path, model: Path) -> Bringing:
    """A host with a folder of its own that holds another model of the same names and sizes."""
    at = tmp_path / "data" / "model"
    shutil.copytree(model, at)
    (at / "config.json").write_text("[]")
    return Bringing(make_host(), tmp_path / "root", model, at)


def state(folder: Path) -> dict[str, tuple[int, ...]]:
    """Of all below: inode, owner, mode, names, and of files size and time; without what provision notes there."""
    found = {}
    for path in (folder, *sorted(folder.rglob("*"))):
        if not path.name.startswith(".provision-"):
            there = path.lstat()
            found[str(path)] = (there.st_ino, there.st_uid, there.st_mode, there.st_nlink)
            if not path.is_dir():
                found[str(path)] += (there.st_size, there.st_mtime_ns)  # type: ignore[assignment]
    return found


# A folder that is somebody's own


def test_files_of_others_are_in_the_way_and_nothing_of_them_changes(theirs: Bringing) -> None:
    before = state(theirs.at)
    said = theirs.blockers()
    assert said == [
        f"{theirs.at} holds files that provision did not write, and would have to replace",
        "config.json: other content",
    ]
    report = theirs.run("up")
    assert report.exit_code == 1 and changes(report) == 0
    assert theirs.run("purge").exit_code == 0
    assert state(theirs.at) == before


def test_a_file_that_is_no_part_of_the_model_is_in_the_way_before_anything_is_sent(theirs: Bringing) -> None:
    (theirs.at / "config.json").write_text("{}")
    (theirs.at / "notes.txt").write_text("mine")
    (theirs.at / "model.safetensors").unlink()
    before = state(theirs.at)
    assert "notes.txt: no part of the model" in theirs.blockers("up")
    assert state(theirs.at) == before


def test_equal_files_are_used_and_stay_when_all_is_purged(theirs: Bringing) -> None:
    """And what was missing is brought, and goes again."""
    (theirs.at / "config.json").write_text("{}")
    (theirs.at / "empty").mkdir()
    (theirs.at / "1_Pooling" / "config.json").unlink()
    before = state(theirs.at)
    report = theirs.run("up")
    assert (report.exit_code, changes(report)) == (0, 1), report.errors
    assert (theirs.at / "1_Pooling" / "config.json").read_text() == '{"a": 1}'
    assert (changes(theirs.run("up")), theirs.run("check").findings) == (0, ())
    assert theirs.run("purge").exit_code == 0
    assert not (theirs.at / "1_Pooling").exists(), "it was empty but for our file"
    after = state(theirs.at)
    assert after == {path: seen for path, seen in before.items() if "1_Pooling" not in path} | {
        str(theirs.at): after[str(theirs.at)]
    }
    assert list(theirs.at.glob(".provision-*")) == [] and list(theirs.root.iterdir()) == []
    assert f"left, since it is not as provision wrote it: {theirs.at}/config.json" in theirs.notes
    assert changes(theirs.run("purge")) == 0


def test_a_file_that_was_put_there_meanwhile_is_not_replaced(theirs: Bringing, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the plan and the moment when files get their names."""
    shutil.rmtree(theirs.at)
    fix = Weights.fix

    def late(self: Weights, *states: object) -> object:
        script = fix(self, *states)  # type: ignore[arg-type]
        theirs.at.mkdir()
        (theirs.at / "config.json").write_text("mine")
        return script

    monkeypatch.setattr(Weights, "fix", late)
    report = theirs.run("up")
    assert report.exit_code == 1 and "not ours: " in report.errors[0].evidence[0]
    assert (theirs.at / "config.json").read_text() == "mine"
    assert not (theirs.at / "model.safetensors").exists(), "nothing was put there when one file was in the way"


def test_what_was_changed_after_it_was_brought_is_left_by_a_purge(theirs: Bringing) -> None:
    shutil.rmtree(theirs.at)
    assert theirs.run("up").exit_code == 0
    (theirs.at / "config.json").write_text("edited here")
    (theirs.at / "mine.txt").write_text("mine")
    assert theirs.run("purge").exit_code == 0
    assert sorted(path.name for path in theirs.at.rglob("*")) == ["config.json", "mine.txt"]
    assert "config.json" in theirs.notes and "mine.txt" in theirs.notes
    assert changes(theirs.run("purge")) == 0


def test_a_folder_that_we_made_goes_when_it_is_empty(theirs: Bringing) -> None:
    shutil.rmtree(theirs.at)
    assert theirs.run("up").exit_code == 0
    assert theirs.at.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in theirs.at.rglob("*") if path.is_file()} == {0o600}
    assert theirs.run("purge").exit_code == 0
    assert not theirs.at.exists() and theirs.at.parent.exists()


def test_another_version_replaces_what_we_wrote_and_not_what_was_there(theirs: Bringing) -> None:
    (theirs.at / "config.json").unlink()
    assert theirs.run("up").exit_code == 0
    (theirs.model / "config.json").write_text('{"rope": 2}')
    assert theirs.run("up").exit_code == 0
    assert (theirs.at / "config.json").read_text() == '{"rope": 2}'
    shard = theirs.model / "model.safetensors"
    shard.write_bytes(os.urandom(shard.stat().st_size))
    kept = (theirs.at / shard.name).read_bytes()
    assert theirs.run("up").exit_code == 1
    assert (theirs.at / shard.name).read_bytes() == kept


def test_a_damaged_file_of_others_is_not_replaced_by_a_deep_run(theirs: Bringing) -> None:
    (theirs.at / "config.json").write_text("{}")
    assert theirs.run("up").exit_code == 0
    shard = theirs.at / "model.safetensors"
    there, content = shard.stat(), bytearray(shard.read_bytes())
    content[150_000] ^= 1
    shard.write_bytes(content)
    os.utime(shard, ns=(there.st_atime_ns, there.st_mtime_ns))
    assert theirs.run("up", deep=True).exit_code == 1
    assert shard.read_bytes() == bytes(content)


def test_a_manifest_of_garbage_is_as_good_as_none(theirs: Bringing) -> None:
    shutil.rmtree(theirs.at)
    assert theirs.run("up").exit_code == 0
    (manifest,) = (theirs.root / "models").glob("*.manifest")
    for garbage in (
        b"\0" * 4096,
        b"provision-weights 2\nbytes=x\nsound=yes\nfolder=yes\n\n../../x 1 2 3\n" + b"\xff" * 9,
    ):
        manifest.write_bytes(garbage)
        assert differences(theirs.run("check")) != []
        assert theirs.run("up").exit_code == 0
        assert theirs.run("check").findings == ()


# Root, in a folder of the user


@dataclass
class Sudo(Bringing):
    """`outside`: what the user may not touch."""

    outside: Path = Path()


@pytest.fixture
def sudo(make_host: Callable[..., Host], user: Users, model: Path) -> Iterator[Sudo]:
    name = user.make(sudoers="ALL=(ALL) NOPASSWD: ALL")
    place = Path(tempfile.mkdtemp(prefix="provision-test-", dir="/opt"))
    place.chmod(0o755)
    outside = place / "outside"
    outside.mkdir(mode=0o700)
    (outside / "config.json").write_text("root's")
    (outside / "config.json").chmod(0o600)
    at = Path(f"~{name}").expanduser() / "models" / "tiny"
    yield Sudo(make_host(user=name, sudo=True), place / "root", model, at, name, outside=outside)
    shutil.rmtree(place)


@pytest.mark.needs("sudo")
@pytest.mark.parametrize("below", ["home", "root"])
def test_all_of_it_is_the_users_and_nobody_else_reads_it(sudo: Sudo, below: str) -> None:
    if below == "root":
        sudo.at = sudo.root / "models" / "acme--tiny"
    report = sudo.run("up")
    assert (report.exit_code, changes(report)) == (0, 1), report.errors
    for path in (sudo.at, *sudo.at.rglob("*")):
        assert (path.owner(), path.stat().st_mode & 0o777) == (sudo.owner, 0o700 if path.is_dir() else 0o600), path
    assert {path.owner() for path in (sudo.root / "models").iterdir()} == {sudo.owner}
    assert (sudo.root.owner(), sudo.root.stat().st_mode & 0o777) == ("root", 0o755)
    assert (changes(sudo.run("up")), sudo.run("check").findings) == (0, ())
    assert sudo.run("purge").exit_code == 0
    assert not sudo.at.exists() and list(sudo.root.iterdir()) == []
    assert changes(sudo.run("purge")) == 0


@pytest.mark.needs("sudo")
def test_what_an_earlier_version_left_to_root_is_handed_over(sudo: Sudo) -> None:
    sudo.at = sudo.root / "models" / "acme--tiny"
    assert sudo.run("up").exit_code == 0
    for path in (sudo.root / "models", *(sudo.root / "models").rglob("*")):
        if path.is_dir() or path.parent != sudo.at:
            os.chown(path, 0, 0)
        path.chmod(0o755 if path.is_dir() else 0o644)
    (sudo.at / ".provision-written").unlink()
    (manifest,) = (sudo.root / "models").glob("*.manifest")
    manifest.write_text(manifest.read_text().replace("provision-weights 2", "provision-weights 1"))
    assert (changes(sudo.run("up")), sudo.run("check").findings) == (0, ())
    assert sudo.run("purge").exit_code == 0
    assert list(sudo.root.iterdir()) == []


def link(at: Path, target: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.symlink_to(target)


def second_name(at: Path, target: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    at.hardlink_to(target)


def pipe(at: Path, _: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(at)


#: What a user could have put there: how, in the place of what below the folder, and where it leads.
Trap = tuple[Callable[[Path, Path], None], str, str]
TRAPS: dict[str, tuple[Trap, ...]] = {
    "links and a pipe in it": (
        (link, "config.json", "config.json"),
        (link, "model.safetensors", "new"),
        (link, "1_Pooling", ""),
        (pipe, "notes.txt", ""),
    ),
    "it is a link": ((link, ".", ""),),
    "the folder above is a link": ((link, "..", ""),),
    "a file has two names": ((second_name, "config.json", "config.json"),),
    "what is sent lands elsewhere": ((link, ".provision-incoming", ""),),
    "the ledger is a link": ((link, ".provision-written", "config.json"),),
}


@pytest.mark.needs("sudo")
@pytest.mark.parametrize("trap", TRAPS)
def test_root_follows_no_trap_of_the_user(sudo: Sudo, trap: str) -> None:
    for lay, where, to in TRAPS[trap]:
        lay(Path(os.path.normpath(sudo.at / where)), sudo.outside / to)
    theirs = [] if sudo.at.parent.is_symlink() else sudo.at.parent.rglob("*")
    for path in (sudo.at.parent, *theirs):
        if path.lstat().st_nlink == 1 or path.is_dir():
            os.lchown(path, pwd.getpwnam(sudo.owner).pw_uid, -1)
    before = state(sudo.outside)
    assert sudo.run("up").exit_code == 1
    assert state(sudo.outside) == before
    sudo.run("purge")
    assert state(sudo.outside) == before
    assert (sudo.outside / "config.json").read_text() == "root's"


@pytest.mark.needs("sudo")
def test_a_folder_in_which_others_write_is_refused(sudo: Sudo) -> None:
    sudo.at.mkdir(parents=True)
    for path in (sudo.at.parent, sudo.at):
        shutil.chown(path, sudo.owner)
    sudo.at.parent.chmod(0o777)
    report = sudo.run("up")
    assert report.exit_code == 1
    said = f"not safe: {sudo.at.parent} (mode 777, owner {sudo.owner}) can be written to by every user"
    assert report.errors[0].evidence == (said,)
    assert not (sudo.at / "config.json").exists()


@pytest.mark.needs("sudo")
def test_a_model_that_is_only_read_is_read_with_the_users_rights(sudo: Sudo) -> None:
    """Links are followed there, and lead no further than for the user: no hash of root's file leaves the host."""
    sudo.source = "hosts"
    link(sudo.at / "config.json", sudo.outside / "config.json")
    sudo.outside.chmod(0o755)
    before = state(sudo.outside)
    report = sudo.run("up")
    said = f"{sudo.owner} cannot read the model in {sudo.at}: {sudo.at}/config.json belongs to root, mode 600"
    assert report.plan is not None
    assert (report.exit_code, [one.message for one in report.plan.blockers]) == (1, [said])
    assert state(sudo.outside) == before
    (sudo.outside / "config.json").chmod(0o644)
    assert (changes(sudo.run("up")), changes(sudo.run("up"))) == (1, 0)
    assert sudo.run("purge").exit_code == 0
    assert (sudo.at / "config.json").is_symlink() and list(sudo.root.iterdir()) == []
