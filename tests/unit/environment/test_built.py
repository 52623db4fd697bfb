"""What has no wheel is built once, on the controller, and pinned by the hash of what came of it."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from package_index import Index, write_wheel
from source_packages import commit_all, make_repository, publish_source, write_folder

from provision import load
from provision.core.errors import LockError
from provision.environment.building import Machine, Order, as_pip_reads
from provision.environment.git_commits import at_commits
from provision.environment.local_wheels import local_wheels
from provision.environment.lockfile import Lock, make_lock, read_lock, resolve_lock
from provision.environment.platforms import GLIBC, at_least
from provision.environment.unisolated import refuse_moved
from provision.environment.wheels import fetch_wheels
from provision.inventory.models import Host, Inventory, Python
from provision.operate.building import _Builder, ready


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Index:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    index = Index(tmp_path / "index")
    for name in ("tiny", "setuptools", "wheel"):
        index.add(name, "1.0")
    # Also to say what it needs it takes the inventory's variable.
    publish_source(index, "sourced", requires="Requires-Dist: tiny\\n", extra="assert os.environ['MARK']")
    return index


@pytest.fixture
def settings(index: Index) -> Callable[..., Python]:
    def make(*packages: str, **more: object) -> Python:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        asked = {"build": "controller", "wheels": "controller", **more}
        return Python(version=version, packages=packages, index=index.url, **asked)

    return make


def hashes(lock: Lock, name: str) -> tuple[str, ...]:
    return tuple(digest.removeprefix("sha256:") for digest in lock.hashes[name])


def test_a_source_package_is_built_once_and_every_controller_has_that_wheel(
    settings: Callable[..., Python], tmp_path: Path
) -> None:
    path, python = tmp_path / "c.lock", settings("sourced", build_env={"MARK": "chosen"})
    lock = make_lock(python, path)
    assert lock.packages == {"sourced": "1.0", "tiny": "1.0"}
    (wheel,) = (tmp_path / "c.wheels").glob("*.whl")
    assert hashes(lock, "sourced") == (hashlib.sha256(wheel.read_bytes()).hexdigest(),)
    assert b"chosen" in wheel.read_bytes()
    # Again, and for another controller, it is this one.
    assert make_lock(python, path).text == lock.text == resolve_lock(python, path).text
    assert read_lock(path, python).digest == lock.digest
    found = fetch_wheels(lock, python, tmp_path / "other")
    assert found["sourced"].read_bytes() == wheel.read_bytes()
    # Hosts that fetch the rest themselves are sent it.
    assert local_wheels(lock, python, tmp_path) == {"sourced": [wheel]}
    shutil.rmtree(tmp_path / "c.wheels")
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(LockError, match=r"`sourced==1\.0`") as caught:
        fetch_wheels(lock, python, tmp_path / "third")
    assert "`c.wheels`" in caught.value.hint


def test_without_being_asked_nothing_is_built(settings: Callable[..., Python], tmp_path: Path) -> None:
    with pytest.raises(LockError) as caught:
        make_lock(settings("sourced", build="never", build_env={"MARK": "chosen"}), tmp_path / "c.lock")
    assert "`python.build: controller`" in caught.value.hint
    assert not (tmp_path / "c.lock").exists()


@pytest.mark.needs("git")
def test_a_requirement_of_git_is_what_it_was_when_it_was_locked(
    settings: Callable[..., Python], tmp_path: Path
) -> None:
    repo = tmp_path / "repo"
    make_repository(repo, "gitted")
    url = f"gitted @ git+file://{repo}"
    with pytest.raises(LockError) as caught:
        make_lock(settings(url, build="never"), tmp_path / "c.lock")
    assert "gitted" in str(caught.value.evidence) and "python.build" in caught.value.hint
    lock = make_lock(settings(url), tmp_path / "c.lock")
    assert lock.packages == {"gitted": "1.0"}
    (wheel,) = (tmp_path / "c.wheels").glob("*.whl")
    assert hashes(lock, "gitted") == (hashlib.sha256(wheel.read_bytes()).hexdigest(),)
    # A branch that moved moves nothing, until it is asked for.
    (repo / "more.py").write_text("more = 1\n")
    commit_all(repo)
    assert resolve_lock(settings(url), tmp_path / "c.lock").text == lock.text
    # Nor does it because something else is asked for; a branch that is named by now is another.
    more = resolve_lock(settings(url, "tiny"), tmp_path / "c.lock")
    assert (more.hashes["gitted"], set(more.packages)) == (lock.hashes["gitted"], {"gitted", "tiny"})
    subprocess.run(["git", "-C", str(repo), "checkout", "-q", "-B", "new"], check=True)
    named = resolve_lock(settings(f"{url}@new", "tiny"), tmp_path / "c.lock")
    assert named.hashes["gitted"] != lock.hashes["gitted"]
    moved = resolve_lock(settings(url), tmp_path / "c.lock", upgrade_packages=["gitted"])
    assert moved.news == ("gitted 1.0: was built anew",)
    shutil.rmtree(repo)
    assert fetch_wheels(lock, settings(url), tmp_path / "other")["gitted"].read_bytes() == wheel.read_bytes()


def test_a_commit_is_that_of_the_same_repository_alone(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    asked = (
        "Mine[x] @ git+ssh://git@example.org/mine@release/v1#subdirectory=a",
        "mine @ git+https://example.org/other@main",
        "other @ git+https://example.org/mine ; python_version > '3'",
        "plain==1.0",
    )
    sources = [
        f"mine[x] @ git+ssh://git@example.org/mine@{commit}#subdirectory=a",
        f"other @ git+https://example.org/mine@{commit}",
    ]
    assert at_commits(Python(packages=asked), tmp_path, sources, ()).packages == asked
    assert at_commits(Python(packages=asked), tmp_path, sources, ("mine", "other")).packages == (
        f"Mine[x] @ git+ssh://git@example.org/mine@{commit}#subdirectory=a",
        asked[1],
        f"other @ git+https://example.org/mine@{commit} ; python_version > '3'",
        "plain==1.0",
    )


def test_a_wheel_by_its_url_needs_no_building(settings: Callable[..., Python], index: Index, tmp_path: Path) -> None:
    wheel = next(index.folder.rglob("tiny-1.0-*.whl"))
    python = settings(f"tiny @ {wheel.as_uri()}", build="never")
    lock = make_lock(python, tmp_path / "c.lock")
    assert lock.packages == {"tiny": "1.0"}
    content = wheel.read_bytes()
    wheel.unlink()
    assert fetch_wheels(lock, python, tmp_path / "other")["tiny"].read_bytes() == content


def test_a_folder_is_told_by_what_is_in_it_and_nothing_is_left_there(
    settings: Callable[..., Python], tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    write_folder(folder, "inafolder", extra="open('left-behind', 'w').close()")
    (folder / "inafolder.egg-info").mkdir()
    (folder / "inafolder.egg-info/SOURCES.txt").write_text("old.py")
    python, before = settings("inafolder @ ./mine"), sorted(folder.rglob("*"))
    lock = make_lock(python, tmp_path / "c.lock")
    assert sorted(folder.rglob("*")) == before
    assert str(tmp_path) not in lock.text
    # A tool's own files make no other package of it.
    (folder / "inafolder.egg-info/SOURCES.txt").write_text("new.py")
    assert make_lock(python, tmp_path / "c.lock").text == lock.text
    (folder / "more.py").write_text("more = 1\n")
    again = resolve_lock(python, tmp_path / "c.lock")
    assert again.news == ("inafolder 1.0: was built anew",)


def test_links_in_a_folder_count_and_lead_where_they_led(settings: Callable[..., Python], tmp_path: Path) -> None:
    folder = tmp_path / "my folder"
    write_folder(folder, "inafolder", extra="import pathlib; pathlib.Path('link').read_text()")
    (tmp_path / "outside.txt").write_text("1")
    for name in ("one", "two"):
        (folder / name).write_text(name)
    (folder / "link").symlink_to("../outside.txt")
    (tmp_path / "requirements.txt").write_text("inafolder @ ./my folder ; python_version > '3'\n")
    python = settings("requirements.txt")
    assert make_lock(python, tmp_path / "c.lock").packages == {"inafolder": "1.0"}
    for name in ("one", "two"):
        (folder / "link").unlink()
        (folder / "link").symlink_to(name)
        assert make_lock(python, tmp_path / "c.lock").news == ("inafolder 1.0: was built anew",)
    assert make_lock(python, tmp_path / "c.lock").news == ()
    os.mkfifo(folder / "pipe")
    with pytest.raises(LockError, match=r"cannot be copied to be built: .* is a named pipe") as caught:
        make_lock(python, tmp_path / "c.lock")
    assert caught.value.hint


def test_a_lock_that_lost_what_was_built_says_what_leads_out(
    settings: Callable[..., Python], index: Index, tmp_path: Path
) -> None:
    publish_source(index, "sourced")
    python, path = settings("sourced"), tmp_path / "c.lock"
    text = make_lock(python, path).text
    for line in ("# built: {", "# built: []", f'# built: {{"{"0" * 64}": "sourced==1.0"}}'):
        path.write_text(re.sub("# built: .*", line, text))
        with pytest.raises(LockError, match=r"`# built: …` is not as") as caught:
            read_lock(path, python)
        assert caught.value.hint == "run `provision lock`"
    make_lock(python, path)
    assert read_lock(path, python).packages == {"sourced": "1.0"}
    path.write_text(re.sub("# built: .*", "", text))
    with pytest.raises(LockError, match="could not be built") as caught:
        make_lock(python, path)
    assert "`provision lock --upgrade-package sourced`" in caught.value.hint
    make_lock(python, path, upgrade_packages=["sourced"])
    assert read_lock(path, python).packages == {"sourced": "1.0"}


def test_a_file_in_the_place_of_the_folder_of_wheels_is_named(settings: Callable[..., Python], tmp_path: Path) -> None:
    write_folder(tmp_path / "mine", "inafolder")
    (tmp_path / "c.wheels").write_text("mine")
    with pytest.raises(LockError, match=r"c\.wheels` is a file, expected the folder"):
        make_lock(settings("inafolder @ ./mine"), tmp_path / "c.lock")
    assert (tmp_path / "c.wheels").read_text() == "mine"


def test_what_imports_the_rest_of_the_lock_is_built_beside_it(
    settings: Callable[..., Python], index: Index, tmp_path: Path
) -> None:
    publish_source(index, "flashy", extra="import tiny, ninja", requires="Requires-Dist: tiny\\n")
    index.add("ninja", "1.0")
    path, more = tmp_path / "c.lock", {"no_build_isolation": ("flashy",)}
    with pytest.raises(LockError) as caught:
        make_lock(settings("tiny", "flashy==1.0"), path)
    assert "`python.no_build_isolation`" in caught.value.hint
    with pytest.raises(LockError, match=r"not in python\.packages"):
        make_lock(settings("tiny", no_build_isolation=("flashy",)), path)
    with pytest.raises(LockError) as caught:
        make_lock(settings("tiny", "flashy==1.0", **more), path)
    # Older pips say what the backend imports, newer ones that it, or something that it imports, is not there.
    assert "`ninja`" in caught.value.hint or "`backend`" in caught.value.hint
    assert "`python.build_packages`" in caught.value.hint
    python = settings("tiny", "flashy==1.0", **more, build_packages=("ninja",))
    lock = make_lock(python, path)
    assert lock.packages == {"flashy": "1.0", "tiny": "1.0"}
    assert set(fetch_wheels(lock, python, tmp_path / "other")) == {"flashy", "tiny"}
    # What it was built beside stays where it fits; if that moves, it is built anew.
    index.add("tiny", "2.0")
    assert make_lock(python, path).text == lock.text
    said: list[str] = []
    moved = resolve_lock(python, path, upgrade_packages=["tiny"], say=said.append)
    assert "building flashy==1.0" in said
    assert moved.packages["tiny"] == "2.0" and moved.hashes["flashy"] != lock.hashes["flashy"]
    assert resolve_lock(python, path, upgrade_packages=["flashy"]).hashes["flashy"] != lock.hashes["flashy"]


@pytest.mark.parametrize(
    ("asked", "read"),
    [
        ("a[x] @ git+file:///r@c0ffee\n", "git+file:///r@c0ffee#egg=a\n"),
        ("a @ git+file:///r@c0ffee#subdirectory=b\n", "git+file:///r@c0ffee#egg=a&subdirectory=b\n"),
        ("a @ git+https://example.org/r@c0ffee\n", "a @ git+https://example.org/r@c0ffee\n"),
    ],
)
def test_a_repository_of_this_machine_is_named_as_every_pip_reads_it_also_on_a_host(asked: str, read: str) -> None:
    assert as_pip_reads(asked) == read
    host = Host(name="gpu-01", address="127.0.0.1")
    builder = _Builder(Inventory(cluster="c", hosts=(host,), path=Path("c.yaml")), host)
    script = builder._script(Order("a", asked, Python(), Path(), isolated=True), "/work")
    assert script.vars["requirement"] == read


def test_a_host_that_is_none_builds_nothing(tmp_path: Path) -> None:
    (tmp_path / "i.yaml").write_text(
        "cluster: c\nhosts: {h1: {address: 192.0.2.1, role: head}}\n"
        "python: {packages: [a], build: controller, build_on: gpu-9}\n"
    )
    with pytest.raises(LockError, match="`gpu-9`, which is no host") as caught:
        ready(load(tmp_path / "i.yaml"))
    assert "`h1`" in caught.value.hint


@pytest.mark.parametrize(("libc", "refused"), [("2.28", False), ("2.39", True)])
def test_another_machine_builds_beside_the_locked_files_and_is_the_one_that_has_to_fit(
    settings: Callable[..., Python], index: Index, tmp_path: Path, libc: str, refused: bool
) -> None:
    orders: list[Order] = []
    machine = platform.machine()

    def build(order: Order, into: Path) -> tuple[Path, Machine]:
        orders.append(order)
        made = into / f"flashy-1.0-py3-none-linux_{machine}.whl"
        write_wheel(made, "flashy", "1.0")
        return made, Machine(machine, libc)

    publish_source(index, "flashy", extra="import nvcc")
    asked = settings(
        "tiny", "flashy==1.0", no_build_isolation=("flashy",), build_on="gpu-1", platform=f"{machine}-manylinux_2_34"
    )
    python = asked.built_by(build)
    if refused:
        with pytest.raises(LockError, match=r"compiled on `gpu-1`, whose glibc is `2\.39`"):
            make_lock(python, tmp_path / "c.lock")
    else:
        lock = make_lock(python, tmp_path / "c.lock")
        assert set(fetch_wheels(lock, python, tmp_path / "other")) == {"flashy", "tiny"}
        assert f"--hash={lock.hashes['tiny'][0]}" in orders[0].beside
    (order,) = orders
    assert (order.name, order.isolated, order.tools) == ("flashy", False, ("setuptools", "wheel"))


@pytest.mark.parametrize(
    ("file", "said"), [("pure-9.9-py3-none-any.whl", "another version"), ("pure.whl", "no wheel by its name")]
)
def test_another_machine_builds_what_it_was_asked_for(
    index: Index, settings: Callable[..., Python], tmp_path: Path, file: str, said: str
) -> None:
    def build(order: Order, into: Path) -> tuple[Path, Machine]:
        write_wheel(into / "pure-9.9-py3-none-any.whl", "pure", "9.9")
        return (into / "pure-9.9-py3-none-any.whl").rename(into / file), Machine(platform.machine(), "2.36")

    publish_source(index, "pure")
    with pytest.raises(LockError, match=said):
        make_lock(settings("pure==1.0", build_on="gpu-1").built_by(build), tmp_path / "c.lock")
    assert not (tmp_path / "c.lock").exists()


def test_what_is_no_archive_is_no_wheel_that_is_built_beside_others(
    index: Index, settings: Callable[..., Python], tmp_path: Path
) -> None:
    def build(order: Order, into: Path) -> tuple[Path, Machine]:
        (into / "flashy-1.0-py3-none-any.whl").write_text("-----BEGIN KEY-----")
        return into / "flashy-1.0-py3-none-any.whl", Machine(platform.machine(), "2.36")

    asked = settings("tiny", "flashy==1.0", no_build_isolation=("flashy",), build_on="gpu-1")
    with pytest.raises(LockError, match="is no wheel"):
        make_lock(asked.built_by(build), tmp_path / "c.lock")


def test_one_that_asks_for_another_version_than_it_was_built_beside_is_refused() -> None:
    source = {"00": "flashy==1.0 (without isolation, beside numpy==2.0 tiny==1.0)", "11": "other==1.0 --hash=sha256:00"}
    refuse_moved(source, "tiny==1.0 \\\n    --hash=sha256:00\nnumpy==2.0 \\\n    --hash=sha256:00\n")
    with pytest.raises(LockError, match=r"built beside `tiny==1\.0`, and asks for 2\.0") as caught:
        refuse_moved(source, "tiny[x]==2.0 \\\n    --hash=sha256:00\n")
    assert "`tiny==2.0`" in caught.value.hint


@pytest.mark.parametrize(("libc", "fits"), [("2.36", "manylinux_2_36"), ("2.29", "manylinux_2_31")])
def test_what_was_compiled_here_must_run_on_the_hosts(
    settings: Callable[..., Python],
    index: Index,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    libc: str,
    fits: str,
) -> None:
    machine = platform.machine()
    monkeypatch.setattr(platform, "libc_ver", lambda *_, **__: ("glibc", libc))
    publish_source(index, "compiled", tag=f"linux_{machine}")
    with pytest.raises(LockError) as caught:
        make_lock(settings("compiled", platform=f"{machine}-manylinux_2_17"), tmp_path / "c.lock")
    assert f"`{libc}`" in caught.value.message
    assert f"`python.platform: {machine}-{fits}`" in caught.value.hint
    python = settings("compiled", platform=f"{machine}-{fits}")
    lock = make_lock(python, tmp_path / "c.lock")
    assert set(fetch_wheels(lock, python, tmp_path / "other")) == {"compiled"}


def test_a_machine_newer_than_all_that_uv_knows_is_no_platform_to_be_named(
    settings: Callable[..., Python], index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = platform.machine()
    monkeypatch.setattr(platform, "libc_ver", lambda *_, **__: ("glibc", "2.41"))
    publish_source(index, "compiled", tag=f"linux_{machine}")
    with pytest.raises(LockError) as caught:
        make_lock(settings("compiled", platform=f"{machine}-manylinux_2_40"), tmp_path / "c.lock")
    assert "`2.41`" in caught.value.message
    assert "older machine" in caught.value.hint and "`python.find_links`" in caught.value.hint
    assert "python.platform:" not in caught.value.hint and "2_41" not in caught.value.hint


def test_the_platforms_that_are_named_are_those_that_uv_takes() -> None:
    from uv import find_uv_bin

    done = subprocess.run([find_uv_bin(), "pip", "compile", "--help"], capture_output=True, text=True, check=True)
    for machine in ("x86_64", "aarch64"):
        known = {int(minor) for minor in re.findall(rf"\b{machine}-manylinux_2_(\d+)\b", done.stdout)}
        assert set(GLIBC) <= known
        assert at_least(machine, "2.35") == f"{machine}-manylinux_2_35"
    assert at_least("riscv64", "2.35") == at_least("x86_64", "") == ""
