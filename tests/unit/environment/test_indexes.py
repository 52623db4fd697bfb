"""Where packages come from: the main index first, passwords in no argument list, a replaced file called by its name."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from locked_index import CANARIES, locked
from package_index import Index, write_wheel

from provision.core.errors import LockError
from provision.environment.lockfile import LockStale, make_lock, parse_lock, read_lock
from provision.environment.uv import FETCHED, WHEELS, uv_binary
from provision.environment.wheels import fetch_wheels
from provision.inventory.models import Python

BEST_MATCH = {"index_strategy": "unsafe-best-match"}


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "PIP_INDEX_URL",
        "PIP_FIND_LINKS",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def main(tmp_path: Path) -> Index:
    index = Index(tmp_path / "main")
    index.add("tiny", "1.0")
    return index


@pytest.fixture
def extra(tmp_path: Path) -> Index:
    index = Index(tmp_path / "extra")
    index.add("tiny", "9.0")
    index.add("only", "1.0")
    return index


@pytest.fixture
def python(main: Index, extra: Index) -> Python:
    return Python(version="3.11", packages=("tiny", "only"), index=main.url, extra_indexes=(extra.url,))


def changed(python: Python, **settings: object) -> Python:
    return python.model_copy(update=settings)


def test_an_extra_index_replaces_no_package_of_the_main_one(python: Python, tmp_path: Path) -> None:
    assert make_lock(python, tmp_path / "a.lock").packages == {"tiny": "1.0", "only": "1.0"}
    assert make_lock(changed(python, **BEST_MATCH), tmp_path / "b.lock").packages == {"tiny": "9.0", "only": "1.0"}


def test_nor_does_one_that_pip_is_set_up_with(
    python: Python, extra: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL"):
        with monkeypatch.context() as patched:
            patched.setenv(name, extra.url)
            lock = make_lock(changed(python, extra_indexes=()), tmp_path / f"{name}.lock")
        assert lock.packages == {"tiny": "1.0", "only": "1.0"}


def test_a_strategy_of_the_environment_counts_for_nothing(
    python: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_INDEX_STRATEGY", "unsafe-best-match")
    assert make_lock(python, tmp_path / "a.lock").packages["tiny"] == "1.0"


def test_a_version_that_only_an_extra_index_has_names_the_setting(python: Python, tmp_path: Path) -> None:
    with pytest.raises(LockError) as caught:
        make_lock(changed(python, packages=("tiny==9.0",)), tmp_path / "a.lock")
    assert "python.index_strategy: unsafe-best-match" in caught.value.hint


def test_another_strategy_makes_the_lock_stale_in_both_directions(python: Python, tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    make_lock(python, path)
    assert read_lock(path, python).packages["tiny"] == "1.0"
    with pytest.raises(LockStale, match="index_strategy"):
        read_lock(path, changed(python, **BEST_MATCH))
    make_lock(changed(python, **BEST_MATCH), path)
    with pytest.raises(LockStale, match="index_strategy"):
        read_lock(path, python)


@pytest.mark.parametrize("place", ["index", "extra_indexes"])
def test_a_password_is_in_no_argument_list_and_in_no_lock(
    place: str, main: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    private = Index(tmp_path / "private")
    private.add("secretly", "1.0")
    with locked(private) as server:
        python = Python(version="3.11", packages=("secretly",), index=main.url)
        python = changed(python, **{place: server.url() if place == "index" else (server.url(),)})
        lock = make_lock(python, tmp_path / "a.lock")
        let_in = server.let_in
        fetch_wheels(lock, python, tmp_path / "cache")
        assert server.let_in > let_in > 0, "both uv and pip must have been let in"
        assert server.seen == set()
        renewed = server.url().replace("me:", "you:")
    assert not [canary for canary in CANARIES if canary in lock.text]
    renewed = changed(python, **{place: renewed if place == "index" else (renewed,)})
    assert read_lock(tmp_path / "a.lock", renewed) == lock, "nor its digest"


def test_nor_is_that_of_a_page_in_find_links(main: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    private = Index(tmp_path / "private")
    private.add("secretly", "1.0")
    (wheel,) = private.folder.rglob("*.whl")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    text = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\nsecretly==1.0 --hash=sha256:{digest}\n"
    with locked(private) as server:
        links = (server.url("simple/secretly/"),)
        python = Python(version="3.11", packages=("secretly",), index=main.url, find_links=links)
        with suppress(LockError):  # uv takes no hashes from such a page
            make_lock(python, tmp_path / "a.lock")
        let_in = server.let_in
        fetch_wheels(parse_lock(text, tmp_path / "a.lock"), python, tmp_path / "cache")
        assert server.let_in > let_in > 0, "both uv and pip must have been let in"
        assert server.seen == set()


def test_what_looks_into_the_arguments_sees_a_password_there(tmp_path: Path) -> None:
    """The control: without it, the test above could not fail."""
    with locked(Index(tmp_path)) as server:
        code = "import sys, urllib.request as r; r.urlopen(sys.argv[1].replace(sys.argv[2], ''))"
        credentials = server.url().partition("://")[2].partition("@")[0] + "@"
        subprocess.run([sys.executable, "-c", code, server.url(), credentials], check=False, capture_output=True)
        assert server.seen


def test_errors_hold_no_password(tmp_path: Path) -> None:
    Index(tmp_path / "private").add("secretly", "1.0")
    with locked(Index(tmp_path / "private")) as server:
        wrong = server.url().replace("me:", "you:")
        python = Python(version="3.11", packages=("secretly",), index=wrong)
        with pytest.raises(LockError) as caught:
            make_lock(python, tmp_path / "a.lock")
    said = "".join([str(caught.value), *caught.value.evidence, caught.value.hint])
    assert f"127.0.0.1:{server.port}" in said
    assert not [canary for canary in CANARIES if canary in said]


@pytest.mark.parametrize(
    "requirement", ["tiny @ git+https://hush@127.0.0.1:9/tiny.git", "tiny @ https://me:hush@127.0.0.1:9/tiny-1.0.whl"]
)
def test_a_requirement_with_a_password_is_refused_before_git_hears_of_it(
    requirement: str, python: Python, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("something was run")

    monkeypatch.setattr("provision.environment.resolve.subprocess.run", run)
    (tmp_path / "more.txt").write_text(requirement + "\n")
    for settings in ({"packages": (requirement,)}, {"constraints": ("more.txt",)}):
        with pytest.raises(LockError, match="password") as caught:
            make_lock(changed(python, **settings), tmp_path / "a.lock")
        assert "hush" not in str(caught.value)
        assert "netrc" in caught.value.hint


def test_a_wheel_that_was_replaced_since_is_called_so(python: Python, main: Index, tmp_path: Path) -> None:
    lock = make_lock(python, tmp_path / "a.lock")
    wheel = next(main.folder.rglob("tiny-1.0-*.whl"))
    page = wheel.with_name("index.html")
    write_wheel(wheel, "tiny", "1.0")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("tiny_extra.py", "evil = True\n")
    page.write_text(f'<a href="{wheel.name}">{wheel.name}</a>')
    with pytest.raises(LockError, match="tampered or replaced") as caught:
        fetch_wheels(lock, python, tmp_path / "cache")
    assert "lock" not in caught.value.hint
    assert not list((tmp_path / "cache").rglob("*.whl"))


def foreign() -> str:
    import platform

    return next(arch for arch in WHEELS if arch != platform.machine())


def test_uv_for_another_architecture_is_the_one_whose_hash_is_known(tmp_path: Path) -> None:
    arch = foreign()
    name = f"uv-{FETCHED}-py3-none-manylinux_2_17_{arch}.manylinux2014_{arch}.whl"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr(f"uv-{FETCHED}.data/scripts/uv", "#!/bin/sh\necho evil\n")
        wheel.writestr(f"uv-{FETCHED}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: uv\nVersion: {FETCHED}\n")
        wheel.writestr(f"uv-{FETCHED}.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: py3-none-manylinux_2_17_{arch}\n")
        wheel.writestr(f"uv-{FETCHED}.dist-info/RECORD", "")
    page = tmp_path / "evil" / "simple" / "uv"
    page.mkdir(parents=True)
    (page / name).write_bytes(packed.getvalue())
    (page / "index.html").write_text(f'<a href="{name}">{name}</a>')
    evil = Python(platform=f"{arch}-manylinux_2_34", index=(tmp_path / "evil" / "simple").as_uri())
    by_folder = changed(evil, index=(tmp_path / "none").as_uri(), find_links=(str(page),))
    for python in (evil, by_folder):
        with pytest.raises(LockError, match="tampered or replaced") as caught:
            uv_binary(python, tmp_path / "cache", base=tmp_path)
        assert "lock" not in caught.value.hint
    assert not list((tmp_path / "cache").rglob("uv"))


def test_without_a_way_to_pytorchs_index_an_own_one_serves_its_builds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    own, mirror = Index(tmp_path / "own"), Index(tmp_path / "mirror")
    for version in ("2.0", "2.0+cpu", "2.0+cu130"):
        own.add("torch", version)
    own.add("tiny", "1.0")
    mirror.add("torch", "2.0+cpu")
    python = Python(version="3.11", packages=("torch", "tiny"), index=own.url, torch_backend="cpu")
    nowhere = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:1")
    with pytest.raises(LockError) as caught:
        make_lock(python.through(nowhere), tmp_path / "a.lock")
    assert "`python.index`" in caught.value.hint and "`torch==2.14.0+cu130`" in caught.value.hint
    # Both of what it says.
    named = python.model_copy(update={"torch_backend": None, "packages": ("torch==2.0+cpu", "tiny")})
    first = {"torch_backend": None, "index": mirror.url, "extra_indexes": (own.url,)}
    for settled in (named, python.model_copy(update=first)):
        lock = make_lock(settled, tmp_path / "a.lock")
        assert lock.packages == {"tiny": "1.0", "torch": "2.0+cpu"}
        assert set(fetch_wheels(lock, settled, tmp_path / "cache")) == {"tiny", "torch"}
