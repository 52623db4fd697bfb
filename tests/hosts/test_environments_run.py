"""The environments of several hosts in whole runs of the library: what `up`, `check` and `plan` say of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import Hosts, changes, written
from own_playbooks import Here
from package_index import Index
from small_packages import publish, two_packages

import provision
from provision.cluster.cluster import Cluster
from provision.core.events import Doing
from provision.core.finding import AREAS, Finding, Known, Severity
from provision.core.playbook import Playbook
from provision.core.report import Report
from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host, Inventory

pytestmark = pytest.mark.hosts

#: The environments alone, in a folder for each host.
ENVIRONMENTS = """
from dataclasses import replace

from provision.core.playbook import Playbook
from provision.stack.ray import Stack


def playbook(cluster):
    book = Playbook()
    stack = Stack(cluster)
    stack.find_blockers(book)
    for node in cluster.nodes:
        book.add(replace(stack.venv(node), root=f"{node.root}/{node.name}"), on=node.name)
    return book
"""


#: The environments in one folder, as the built-in playbooks put them there.
SHARED = """
from provision import Playbook, Stack


def playbook(cluster):
    book = Playbook()
    Stack(cluster).environments(book)
    return book
"""


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return publish(tmp_path_factory.mktemp("index"))


class Three(Here):
    """Three hosts, and what a command finds on them."""

    def run(self, command: str, inventory: Inventory | None = None, **more: object) -> Report:
        options = self.options(self.file(ENVIRONMENTS), **more)
        run: Callable[..., Report] = getattr(provision, command)
        return run(inventory or self.inventory, **options)

    def found(self, command: str = "check", **more: object) -> list[tuple[str, str, str, str]]:
        return [(f.host, f.fact, f.found, f.expected) for f in self.run(command, **more).findings]

    def site(self, host: str) -> Path:
        return next((self.kept / host / "envs").glob("current-here/lib/python3*/site-packages"))

    def asking_for(self, *packages: str) -> Inventory:
        python = self.inventory.python.model_copy(update={"packages": packages})
        return self.inventory.model_copy(update={"python": python})


@pytest.fixture
def three(make_host: Callable[..., Host], tmp_path: Path, index: Index) -> Three:
    made = Three(tmp_path, [make_host() for _ in range(3)])
    made.inventory = made.inventory.model_copy(update={"python": two_packages(index)})
    report = made.run("up")
    assert (report.exit_code, changes(report)) == (0, 3), report
    assert made.run("check").findings == () == made.run("check", deep=True).findings
    return made


def test_an_edited_file_is_found_by_a_deep_check_and_mended_by_a_deep_up(three: Three) -> None:
    (three.site("host-2") / "tiny.py").write_text('version = "9.9"\n')
    assert three.found() == []
    before = written(three.kept)
    assert three.found(deep=True) == [("host-2", "tiny", "edited: tiny.py", "as installed")]
    assert written(three.kept) == before, "a check wrote something"
    mended = three.run("up", deep=True)
    assert (mended.exit_code, [host.status for host in mended.hosts]) == (0, ["ok", "changed", "ok"])
    again = three.run("up", deep=True)
    assert (again.exit_code, changes(again), again.findings) == (0, 0, ())


def test_what_is_in_the_environments_is_known_of_every_host(three: Three) -> None:
    known = three.run("check").known
    assert set(known) == {"host-1", "host-2", "host-3"}
    cells = {cell.fact: cell.value for cell in known["host-2"]}
    assert (cells["tiny"], cells["small"]) == ("2.0", "1.5")
    assert cells["python"].startswith(f"{three.inventory.python.version}.")


def test_another_patch_version_of_python_is_named_on_the_odd_host(three: Three) -> None:
    settings = three.site("host-3").parents[2] / "pyvenv.cfg"
    cells = {cell.fact: cell.value for cell in three.run("check").known["host-1"]}
    settings.write_text(settings.read_text().replace(cells["python"], f"{three.inventory.python.version}.99"))
    assert three.found() == [("host-3", "python", f"{three.inventory.python.version}.99", cells["python"])]
    assert three.found(areas=["drivers"]) == []
    assert three.run("check", areas=["packages"]).exit_code == 3


def test_a_version_that_the_inventory_raises_is_said_once_and_the_hosts_are_held_against_the_old_lock(
    three: Three,
) -> None:
    changed = three.asking_for("tiny==1.0", "small")
    (one,) = three.run("check", changed).findings
    assert (one.host, one.area, one.fact, one.severity) == ("", "packages", "lock", Severity.DRIFT)
    assert one.found.endswith("(python.packages): tiny 2.0 in the lock, tiny==1.0 in the inventory")
    subprocess.run(["rm", "-r", *three.site("host-2").glob("small*")], check=True)
    assert {(f.host, f.fact) for f in three.run("check", changed).findings} == {("", "lock"), ("host-2", "small")}
    assert three.run("up", changed).exit_code == 0
    assert three.run("check", changed).findings == ()


def test_without_a_lock_the_packages_of_the_hosts_are_held_against_each_other(three: Three, index: Index) -> None:
    for path in three.site("host-3").glob("tiny-2.0.dist-info"):
        path.rename(path.with_name("tiny-2.1.dist-info"))
    three.inventory.lock_path.unlink()
    found = three.found()
    assert ("", "lock", "absent", "") in found
    assert [entry for entry in found if entry[1] == "tiny"] == [("host-3", "tiny", "2.1", "2.0")]


def test_a_review_sees_what_is_known_and_what_it_blocks_keeps_up_from_beginning(
    make_host: Callable[..., Host], tmp_path: Path
) -> None:
    seen: list[str] = []

    def book(cluster: Cluster) -> Playbook:
        def review(known: object) -> list[Finding]:
            seen.append(str(known))
            return [Finding("host-1", area, "odd", Severity.BLOCKS, found="odd") for area in AREAS[:1]]

        made = Playbook(known={"host-1": (Known("system", "kernel", "6.8"),)})
        made.reviews.append(review)
        return made

    hosts = Hosts([make_host()])
    report = hosts.run("up", book)
    assert (report.exit_code, report.hosts[0].status) == (1, "blocked")
    assert "6.8" in seen[0] and [f.fact for f in report.findings] == ["odd"]
    assert hosts.run("down", book).exit_code == 0


def test_an_index_that_does_not_answer_here_is_found_before_any_host_is_changed(
    make_host: Callable[..., Host], tmp_path: Path
) -> None:
    index = publish(tmp_path / "index")
    here = Here(tmp_path, [make_host() for _ in range(2)])
    here.inventory = here.inventory.model_copy(update={"python": two_packages(index)})
    ensure_lock(here.inventory.python, here.inventory.lock_path)
    (index.folder / "simple").rename(index.folder / "gone")
    book = here.file(SHARED.replace("    Stack(", FIRST, 1))
    before = written(here.kept)
    report = provision.up(here.inventory, **here.options(book))
    (error,) = report.errors
    assert (report.exit_code, changes(report), written(here.kept)) == (1, 0, before)
    assert error.host == "host-1" and "small" in " ".join((error.message, *error.evidence))
    (index.folder / "gone").rename(index.folder / "simple")
    report = provision.up(here.inventory, **here.options(book))
    assert (report.exit_code, changes(report)) == (0, 4), report


#: Something that comes before the environment on each host.
FIRST = """    from provision import TextFile

    for node in cluster.nodes:
        book.add(TextFile(f"{node.root}/first-{node.name}", "text"), on=node.name)
    Stack("""


def test_hosts_that_share_a_folder_are_sent_an_environment_once(
    make_host: Callable[..., Host], tmp_path: Path, index: Index
) -> None:
    here = Here(tmp_path, [make_host() for _ in range(3)])
    here.inventory = here.inventory.model_copy(update={"python": two_packages(index)})
    report = provision.up(here.inventory, **here.options(here.file(SHARED)))
    assert (report.exit_code, changes(report)) == (0, 3), report
    assert [e.host for e in here.events if isinstance(e, Doing) and e.what == "receiving files"] == ["host-1"]
    assert provision.check(here.inventory, **here.options(here.file(SHARED), deep=True)).findings == ()
    # One that is asked for alone builds it itself.
    shutil.rmtree(here.kept / "envs")
    report = provision.up(here.inventory, **here.options(here.file(SHARED), limit=["host-2"]))
    assert (report.exit_code, changes(report)) == (0, 1), report
    assert provision.check(here.inventory, **here.options(here.file(SHARED))).findings == ()
