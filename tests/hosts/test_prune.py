"""What broken builds and earlier locks have left on a host: shown with its size, and removed; the rest stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from loopback import Sshds
from package_index import Index
from small_packages import publish, two_packages

from provision.core.script import Upload
from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host
from provision.resources.venv import Venv
from provision.resources.venv_left import leftovers
from provision.transport import Transport

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return publish(tmp_path_factory.mktemp("index"))


class Place:
    """One host with environments below `root`."""

    def __init__(self, host: Host, folder: Path, index: Index) -> None:
        self.host = host
        self.root = folder / "root"
        self.index = index
        self.folder = folder

    def venv(self, packages: tuple[str, ...], cluster: str) -> Venv:
        python = two_packages(self.index).model_copy(update={"packages": packages})
        lock = ensure_lock(python, self.folder / f"{cluster}-{'-'.join(packages)}.lock".replace("=", ""))
        return Venv(lock, python, str(self.root), cluster, self.host.name, cache=self.index.folder / "wheels")

    def run(self, venv: Venv, *, remove: bool = False) -> None:
        with Transport([self.host]) as transport:
            session = transport.connect(self.host)
            have = venv.read(session.run([venv.probe()])[0])
            fix = venv.fix(have, None if remove else venv.want())
            if fix.uploads:
                session.send(fix.uploads)
            (done,) = session.run([fix])
            assert done.ok, done.stderr

    def pruned(self, *, remove: bool) -> str:
        with Transport([self.host]) as transport:
            (done,) = transport.connect(self.host).run(
                [leftovers(str(self.root), "llama", self.host.name, remove=remove)]
            )
        assert done.ok, done.stderr
        return done.stdout

    @property
    def left(self) -> set[str]:
        return {p.name for p in (self.root / "envs").glob("[!.]*") if not p.is_symlink()} | {
            p.name for folder in ("uploads", "cache") for p in (self.root / folder).glob("*")
        }


@pytest.fixture
def place(make_host: Callable[..., Host], tmp_path: Path, index: Index) -> Place:
    return Place(make_host(), tmp_path, index)


def spoil(place: Place) -> tuple[Venv, set[str]]:
    """An environment in use, one of before, one of another cluster, and what two broken builds have left."""
    old, new = place.venv(("tiny==1.0",), "llama"), place.venv(("tiny==2.0",), "llama")
    other = place.venv(("small",), "other")
    for venv in (old, other, new):
        place.run(venv)
    broken = place.root / "envs" / "0123456789ab"
    broken.mkdir()
    (broken / "pyvenv.cfg").touch()
    (broken / "provision.lock").touch()
    for folder in ("uploads", "cache"):
        (place.root / folder / f"ffffffffffff-llama-{place.host.name}").mkdir(parents=True)
        (place.root / folder / f"ffffffffffff-other-{place.host.name}").mkdir()
        (place.root / folder / f"ffffffffffff-big-llama-{place.host.name}").mkdir()
        (place.root / folder / f"ffffffffffff.llama.{place.host.name}").mkdir()
    (place.root / "envs" / "of-somebody").mkdir()
    kept = {new.lock.short, other.lock.short, "of-somebody"}
    kept |= {f"ffffffffffff-{cluster}-{place.host.name}" for cluster in ("other", "big-llama")}
    return new, kept


def test_the_command_shows_sizes_and_removes_what_nobody_uses(place: Place, sshds: Sshds) -> None:
    new, kept = spoil(place)
    host = place.host
    inventory = place.folder / "inventory.yaml"
    inventory.write_text(
        f"cluster: llama\nroot: {place.root}\nssh: {{key: {sshds.key}, known_hosts: {sshds.known_hosts}, "
        f"config: {os.devnull}}}\nhosts: {{{host.name}: {{address: {host.address}, role: head, "
        f"ssh: {{port: {host.ssh.port}}}}}}}\n"
    )

    def prune() -> str:
        command = [Path(sys.executable).with_name("provision"), "prune", inventory]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    said = prune()
    assert "an environment that is not in use" in said and "a build that broke off" in said
    assert "prune: removed 6 folders" in said and "KiB" in said
    assert place.left == kept
    assert prune() == "prune: nothing to prune (1 host)\n"
    place.run(new)  # what is in use still works


def test_what_is_used_stays_though_a_newer_one_is_there(place: Place) -> None:
    """As after an `up` that failed before it stopped anything; by what another cluster goes back to; by a person."""
    old, new = place.venv(("tiny==1.0",), "llama"), place.venv(("tiny==2.0",), "llama")
    for venv in (old, new):
        place.run(venv)
    clusters = place.root / "clusters"
    run, good = clusters / "llama/another-host/vllm/run", clusters / "other/host-1/vllm/last-good.json"
    for path, text in (
        (run, f"exec '{old.bin('vllm')}' </dev/null\n"),
        (good, good_start(old)),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
        assert place.pruned(remove=False) == place.pruned(remove=True) == ""
        path.unlink()
    with subprocess.Popen([old.bin("python"), "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert place.pruned(remove=True) == ""
        assert place.left == {old.lock.short, new.lock.short}
        process.kill()
    # A host that keeps the last good start of its own cluster says so, for the others.
    mine = clusters / "llama/host-1/vllm/last-good.json"
    mine.parent.mkdir(parents=True)
    mine.write_text(good_start(old))
    assert place.pruned(remove=True) == f"goes-back-to={old.lock.short}\n"
    mine.unlink()
    assert old.lock.short in place.pruned(remove=True)
    assert place.left == {new.lock.short}


def good_start(venv: Venv) -> str:
    return json.dumps({"v": 1, "inventory": {}, "lock": venv.lock.text})


def test_purge_leaves_what_another_cluster_goes_back_to(place: Place) -> None:
    venv = place.venv(("tiny==1.0",), "llama")
    place.run(venv)
    good = place.root / "clusters/other/host-1/vllm/last-good.json"
    good.parent.mkdir(parents=True)
    good.write_text(good_start(venv))
    place.run(venv, remove=True)
    assert place.left == {venv.lock.short}
    good.unlink()
    place.run(venv, remove=True)
    assert place.left == set()


def test_purge_removes_them_too(place: Place) -> None:
    new, kept = spoil(place)
    place.run(new, remove=True)
    assert place.left == kept - {new.lock.short}


def test_an_upload_that_broke_off_goes_on_where_it_was(place: Place) -> None:
    venv = place.venv(("tiny==2.0", "small"), "llama")
    everything = venv.fix(None, venv.want()).uploads
    wheels = [upload for upload in everything if upload.source.suffix == ".whl"]
    assert len(wheels) == 2
    with Transport([place.host]) as transport:
        session = transport.connect(place.host)
        session.send(wheels[:1])
        have = venv.read(session.run([venv.probe()])[0])
        missing = venv.fix(have, venv.want()).uploads
        assert {u.source for u in everything} - {u.source for u in missing} == {wheels[0].source}

        damaged = place.folder / wheels[1].source.name
        damaged.write_bytes(bytes(wheels[1].source.stat().st_size))
        session.send([Upload(damaged, wheels[1].into)])
        have = venv.read(session.run([venv.probe()])[0])
        (done,) = _sent(session, venv.fix(have, venv.want()))
        assert not done.ok, "its hash was not looked at"
        have = venv.read(session.run([venv.probe()])[0])
        assert not [key for key in have or {} if key.startswith("sent.")], "what is damaged is sent again"
    place.run(replace(venv))


def _sent(session, script):
    if script.uploads:
        session.send(script.uploads)
    return session.run([script])
