"""Wheels come from an index of files into a cache, once, and are what the lock says."""

from __future__ import annotations

import hashlib
import os
import subprocess
import threading
from pathlib import Path

import pytest
from package_index import Index
from packaging.tags import Tag

from provision.core.errors import LockError
from provision.environment import wheels as wheels_module
from provision.environment.lockfile import Lock, make_lock, parse_lock
from provision.environment.uv import usable
from provision.environment.wheels import architecture, fetch_wheels, glibc, pip_download, platform_tags, target_tags
from provision.inventory.models import Python


@pytest.fixture
def index(tmp_path: Path) -> Index:
    index = Index(tmp_path / "index")
    index.add("tiny", "1.0")
    index.add("small", "2.0")
    return index


@pytest.fixture
def python(index: Index) -> Python:
    return Python(version="3.11", packages=("tiny", "small"), index=index.url)


@pytest.fixture
def lock(python: Python, tmp_path: Path) -> Lock:
    return make_lock(python, tmp_path / "llama.lock")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def close(index: Index) -> None:
    """From here on, whatever is fetched fails."""
    (index.folder / "simple").rename(index.folder / "gone")


def test_each_wheel_is_fetched_once(lock, python, cache, index):
    said: list[str] = []
    first = fetch_wheels(lock, python, cache, say=said.append)
    assert {name: path.name for name, path in first.items()} == {
        "small": "small-2.0-py3-none-any.whl",
        "tiny": "tiny-1.0-py3-none-any.whl",
    }
    assert "fetching wheels 2 of 2" in said[-1]
    close(index)
    assert fetch_wheels(lock, python, cache, say=said.append) == first


def test_an_interrupted_fetch_goes_on_where_it_stopped(lock, python, cache, index):
    wheels = fetch_wheels(lock, python, cache)
    wheels["tiny"].unlink()
    (cache / ".part-of-a-killed-run").mkdir()
    said: list[str] = []
    assert fetch_wheels(lock, python, cache, say=said.append) == wheels
    assert said[0] == "fetching 1 of 2 wheels"
    assert not (cache / ".part-of-a-killed-run").exists()


def test_pip_needs_no_room_outside_the_folder_it_fetches_to(python, tmp_path, monkeypatch):
    seen: dict = {}
    done = subprocess.CompletedProcess([], 0, "", "")
    monkeypatch.setattr("provision.environment.wheels.subprocess.run", lambda *_, **given: seen.update(given) or done)
    pip_download(python, tmp_path, "tiny==1.0\n", base=tmp_path)
    assert seen["env"]["TMPDIR"] == str(tmp_path)


def test_a_wheel_that_was_changed_in_the_cache_is_fetched_again(lock, python, cache):
    wheel = fetch_wheels(lock, python, cache)["tiny"]
    good = wheel.read_bytes()
    wheel.write_bytes(good[:-1] + b"!")
    assert fetch_wheels(lock, python, cache)["tiny"].read_bytes() == good


def test_a_wheel_of_the_same_size_and_time_is_hashed_by_the_next_run(lock, python, cache, monkeypatch):
    wheel = fetch_wheels(lock, python, cache)["tiny"]
    monkeypatch.setattr("provision.environment.wheels._HASHED", set())  # another run
    good, seen = wheel.read_bytes(), wheel.stat()
    wheel.write_bytes(good[:-1] + b"!")
    os.utime(wheel, ns=(seen.st_atime_ns, seen.st_mtime_ns))
    assert wheel.stat().st_mtime_ns == seen.st_mtime_ns and wheel.stat().st_size == seen.st_size
    said: list[str] = []
    assert fetch_wheels(lock, python, cache, say=said.append)["tiny"].read_bytes() == good
    assert said[0] == "tiny-1.0-py3-none-any.whl is damaged in the cache: fetching it again"


def test_a_wheel_is_hashed_once_in_a_run(lock, python, cache, monkeypatch):
    fetch_wheels(lock, python, cache)
    monkeypatch.setattr("provision.environment.wheels._HASHED", set())
    hashed: list[str] = []
    real = wheels_module.sha256_of
    monkeypatch.setattr(wheels_module, "sha256_of", lambda path: hashed.append(path.name) or real(path))
    for _host in range(3):
        fetch_wheels(lock, python, cache)
    assert len(hashed) == 2


def test_a_wheel_that_was_only_touched_is_hashed_and_kept(lock, python, cache, index):
    wheel = fetch_wheels(lock, python, cache)["tiny"]
    os.utime(wheel, (1, 1))
    close(index)
    assert fetch_wheels(lock, python, cache)["tiny"] == wheel


def test_an_index_that_serves_another_file_than_the_locked_one_is_refused(lock, python, cache, index):
    index.add("tiny", "1.0", source=False)
    page = index.folder / "simple" / "tiny"
    wheel = next(page.glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b" ")
    with pytest.raises(LockError) as caught:
        fetch_wheels(lock, python, cache)
    assert "hash" in " ".join(caught.value.evidence).lower() or "tiny" in str(caught.value)
    assert not list(cache.glob("*/tiny*"))


def test_nothing_further_is_fetched_once_a_fetch_has_failed(python, tmp_path, cache, monkeypatch):
    """The second fails while the first goes on, and the others are looked at before that one ends."""
    names = [f"p{number}" for number in range(5)]
    lock = Lock(
        tmp_path / "c.lock", "", "3.11", "linux", dict.fromkeys(names, "1"), dict.fromkeys(names, ("sha256:0",)), ""
    )
    last, begun = threading.Event(), []
    fetch_group = wheels_module._Fetch._group

    def group(self, of):
        try:
            fetch_group(self, of)
        finally:
            if of == ["p4"]:
                last.set()

    def download(_python, _into, text, **_):
        name = text.splitlines()[1].split("==")[0]
        begun.append(name)
        if name == "p0":
            assert last.wait(60)
        return subprocess.CompletedProcess([], name == "p1", "", "ERROR: no route to host")

    monkeypatch.setattr(wheels_module, "_PER_RUN", 1)
    monkeypatch.setattr(wheels_module._Fetch, "_group", group)
    monkeypatch.setattr(wheels_module, "pip_download", download)
    with pytest.raises(LockError, match="could not fetch"):
        fetch_wheels(lock, python, cache)
    assert sorted(begun) == ["p0", "p1"]


def test_a_package_that_exists_only_as_source_is_named(python, tmp_path, cache, index):
    (index.folder / "simple" / "tiny").rename(tmp_path / "tiny-page")
    index.add("tiny", "1.0", source=True)
    path = tmp_path / "source.lock"
    source = index.folder / "simple" / "tiny" / "tiny-1.0.tar.gz"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    text = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\ntiny==1.0 --hash=sha256:{digest}\n"
    with pytest.raises(LockError, match=r"`tiny` 1\.0 has no wheel for Python 3\.11") as caught:
        fetch_wheels(parse_lock(text, path), python, cache)
    assert "python.find_links" in caught.value.hint


def test_a_host_accepts_every_older_glibc_and_no_newer():
    tags = platform_tags("x86_64-manylinux_2_28")
    assert tags[0] == "manylinux_2_28_x86_64" and "manylinux_2_29_x86_64" not in tags
    assert {"manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux1_x86_64"} <= set(tags)
    assert "manylinux1_aarch64" not in platform_tags("aarch64-manylinux_2_28")
    assert (architecture("aarch64-manylinux_2_31"), glibc("aarch64-manylinux_2_31")) == ("aarch64", "2.31")


def test_tags_of_the_hosts_python_not_of_this_one():
    tags = target_tags(Python(version="3.12"))
    assert Tag("cp312", "cp312", "manylinux_2_28_x86_64") in tags
    assert Tag("cp38", "abi3", "manylinux2014_x86_64") in tags and Tag("py3", "none", "any") in tags
    assert not any(tag.interpreter == "cp313" for tag in tags)


@pytest.mark.parametrize(
    "platform", ["windows", "aarch64-apple-darwin", "x86_64-unknown-linux-musl", "x86_64-manylinux_3"]
)
def test_a_platform_that_cannot_be_served_is_refused(platform):
    with pytest.raises(LockError, match=r"python\.platform"):
        platform_tags(platform)


@pytest.mark.parametrize(("version", "fits"), [("0.9.3", False), ("0.9.5", True), ("0.10.0", True), ("", False)])
def test_a_hosts_own_uv_is_used_if_it_is_not_too_old(version, fits):
    assert usable(version) is fits
