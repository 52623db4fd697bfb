"""What has no wheel, and what is no version of an index, in whole runs: every host gets one and the same file."""

from __future__ import annotations

import hashlib
import http.server
import re
import shutil
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import distribution
from pathlib import Path

import pytest
from engine import changes
from own_playbooks import Here
from package_index import Index, write_wheel
from small_packages import publish, two_packages
from source_packages import make_repository, publish_source, write_archive, write_folder
from test_environments_run import ENVIRONMENTS

import provision
from provision.core.errors import LockError
from provision.core.report import Report
from provision.environment.lockfile import read_lock
from provision.inventory.models import Host

pytestmark = pytest.mark.hosts


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of `tmp_path/served`."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    (tmp_path / "served").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.long  # short: tests/unit/environment/test_missing_hashes.py
@pytest.mark.parametrize("wheels", ["index", "controller"])
def test_pages_without_hashes_serve_hosts_and_so_does_a_folder_where_an_index_serves_another_file(
    make_host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: str, wheels: str
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    index = publish(tmp_path / "served")
    index.add("only", "1.0")
    for name, algorithm in (("tiny", ""), ("small", "md5"), ("only", "")):
        page = index.folder / "simple" / name / "index.html"
        digest = hashlib.md5(next(page.parent.glob("*.whl")).read_bytes()).hexdigest()
        page.write_text(re.sub("#sha256=[0-9a-f]*", f"#{algorithm}={digest}" if algorithm else "", page.read_text()))
    (index.folder / "simple/only").rename(index.folder / "links")
    here = Here(tmp_path, [make_host()])

    def up(cache: str, **settings: object) -> Report:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / cache))
        plain = {"packages": ("tiny==2.0", "small", "only"), "index": f"{served}/simple", "wheels": wheels}
        python = two_packages(index).model_copy(update={**plain, "find_links": (f"{served}/links/",), **settings})
        here.inventory = here.inventory.model_copy(update={"python": python})
        return provision.up(here.inventory, **here.options(here.file(ENVIRONMENTS)))

    report = up("first")
    assert (report.exit_code, changes(report)) == (0, 1), report
    before = here.inventory.lock_path.read_text()
    # The file on the index is replaced, and the original is in a folder.
    (wheel,) = index.folder.rglob("tiny-2.0-*.whl")
    (tmp_path / "folder").mkdir()
    shutil.copy(wheel, tmp_path / "folder")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    shutil.rmtree(here.kept / "host-1/envs")
    assert up("second").exit_code == 1
    report = up("second", find_links=("folder", f"{served}/links/"))
    assert (report.exit_code, changes(report)) == (0, 1), report
    hashes = "--hash=sha256:[0-9a-f]*"
    assert re.findall(hashes, here.inventory.lock_path.read_text()) == re.findall(hashes, before)
    assert not list(here.kept.rglob("evil.py"))


@pytest.mark.parametrize(
    ("wheels", "left_out"),
    [
        ("index", ("archived", "inafolder", "local")),
        pytest.param("index", (), marks=pytest.mark.long, id="index-all"),
        pytest.param("controller", (), marks=pytest.mark.long, id="controller-all"),
    ],
)
def test_every_host_gets_the_wheel_that_was_built_or_fetched_for_the_lock(
    make_host: Callable[..., Host],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    served: str,
    wheels: str,
    left_out: tuple[str, ...],
) -> None:
    """Each build of these gives another wheel, so that two builds could not go unnoticed."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    index = publish(tmp_path / "index")
    publish_source(index, "sourced", requires="Requires-Dist: tiny\\n")
    make_repository(tmp_path / "repo", "gitted")
    write_folder(tmp_path / "folder", "inafolder")
    write_archive(tmp_path / "served/archived-1.0.tar.gz", "archived")
    write_wheel(tmp_path / "served/remote-1.0-py3-none-any.whl", "remote", "1.0", "built = 'once'\n")
    write_wheel(tmp_path / "local-1.0-py3-none-any.whl", "local", "1.0", "built = 'once'\n")
    packages = (
        "small",
        "sourced",
        f"gitted @ git+{(tmp_path / 'repo').as_uri()}",
        f"inafolder @ {(tmp_path / 'folder').as_uri()}",
        f"archived @ {served}/archived-1.0.tar.gz",
        f"remote @ {served}/remote-1.0-py3-none-any.whl",
        f"local @ {(tmp_path / 'local-1.0-py3-none-any.whl').as_uri()}",
    )
    packages = tuple(line for line in packages if not line.startswith(left_out))
    here = Here(tmp_path, [make_host() for _ in range(2)])
    settings = {"packages": packages, "build": "controller", "wheels": wheels}
    here.inventory = here.inventory.model_copy(update={"python": two_packages(index).model_copy(update=settings)})
    report = provision.up(here.inventory, **here.options(here.file(ENVIRONMENTS)))
    assert (report.exit_code, changes(report)) == (0, 2), report
    names = sorted({"archived", "gitted", "inafolder", "local", "remote", "sourced"} - {*left_out})
    lock = read_lock(here.inventory.lock_path, here.inventory.python, base=tmp_path)
    assert sorted(lock.packages) == sorted((*names, "small", "tiny"))
    kept = {path.name.partition("-")[0]: path for path in (tmp_path / "inventory.wheels").iterdir()}
    assert {name: lock.hashes[name] for name in names} == {
        name: (f"sha256:{hashlib.sha256(kept[name].read_bytes()).hexdigest()}",) for name in names
    }
    code = f"import {', '.join(names)}; print(*({'.built, '.join(names)}.built))"
    said = {
        subprocess.run(
            [here.kept / host / "envs/current-here/bin/python", "-c", code], check=True, capture_output=True
        ).stdout
        for host in ("host-1", "host-2")
    }
    assert len(said) == 1
    # Nothing is left to do, nor to fetch.
    for place in ("served", "repo", "folder"):
        (tmp_path / place).rename(tmp_path / f"{place}.gone")
    report = provision.up(here.inventory, **here.options(here.file(ENVIRONMENTS), deep=True))
    assert (report.exit_code, changes(report), report.findings) == (0, 0, ()), report


def publish_pip(index: Index) -> None:
    """The one that runs these tests."""
    # Imported, pip would take away the distutils of setuptools from other tests.
    code = Path(str(distribution("pip").locate_file("pip")))
    files = {f"pip/{file.relative_to(code)}": file.read_text() for file in code.rglob("*.py")}
    index.add("pip", "99.0", **files)


@pytest.mark.long  # short: tests/unit/environment/test_built.py, test_another_machine_builds_…
def test_one_host_builds_for_all_where_the_inventory_says_so(
    make_host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is built says on which host, by a variable that only that one's sshd sets."""
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    home = tmp_path / "home"
    home.mkdir()
    index = publish(tmp_path / "index")
    for name in ("setuptools", "wheel"):
        index.add(name, "1.0")
    publish_pip(index)
    publish_source(index, "flashy", extra="import tiny; os.environ['MARK'] = os.environ['WHERE']")
    # What it needs is asked here.
    write_folder(tmp_path / "mine", "inafolder", extra="os.environ['MARK'] = os.environ.get('WHERE', 'here')")
    hosts = [make_host("SetEnv WHERE=first"), make_host(f"SetEnv WHERE=second HOME={home}")]
    here = Here(tmp_path, hosts)
    settings = {
        "packages": ("tiny==2.0", "flashy==1.0", "inafolder @ ./mine"),
        "build": "controller",
        "build_on": "host-2",
        "no_build_isolation": ("flashy",),
    }
    here.inventory = here.inventory.model_copy(update={"python": two_packages(index).model_copy(update=settings)})
    report = provision.up(here.inventory, **here.options(here.file(ENVIRONMENTS)))
    assert (report.exit_code, changes(report)) == (0, 2), report
    code = "import flashy, inafolder; print(flashy.built, inafolder.built)"
    said = {
        subprocess.run(
            [here.kept / host / "envs/current-here/bin/python", "-c", code], check=True, capture_output=True, text=True
        ).stdout
        for host in ("host-1", "host-2")
    }
    (one,) = said
    assert one.count("second") == 2
    assert not list(home.iterdir()), "something of the build was left"
    # What cannot be built there says so, and on which host.
    publish_source(index, "flashy", extra="import lacking")
    with pytest.raises(LockError, match=r"host-2: `flashy==1\.0` could not be built") as caught:
        provision.lock(here.inventory, upgrade=True)
    assert "`lacking`" in caught.value.hint and "`python.build_packages`" in caught.value.hint
    assert not list(home.iterdir())
