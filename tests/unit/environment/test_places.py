"""Where uv, pip, logs, tokens and hashes are kept, when there is no usual place for them, or no room in it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from provision.core.errors import LockError, NoHome, ProvisionError
from provision.core.paths import state_dir
from provision.core.script import Fragment
from provision.environment import cache as packages
from provision.environment import resolve, wheels
from provision.environment.lockfile import parse_lock
from provision.inventory.models import Python
from provision.lab.cpu_vllm import write_wheels
from provision.render.log import RunLog
from provision.stack.token import ClusterToken
from provision.weights.local import look, read

LOCK = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\n\niniconfig==2.0.0 \\\n    --hash=sha256:{'0' * 64}\n"
needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
VARIABLES = ("UV_CACHE_DIR", "UV_NO_CACHE", "XDG_CACHE_HOME", "XDG_STATE_HOME", "PROVISION_STATE_DIR")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provision.core.person.home", lambda: None)
    monkeypatch.setattr("provision.environment.resolve.home", lambda: None)


def _file_in_its_place(home: Path) -> None:
    (home / ".cache").touch()


def _dangling(home: Path) -> None:
    (home / ".cache").symlink_to("nowhere")


@pytest.mark.parametrize("spoil", [_file_in_its_place, _dangling])
def test_uv_gets_a_cache_of_its_own_where_it_could_make_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve._cache(tmp_path / "run") == {}
    spoil(tmp_path)
    assert resolve._cache(tmp_path / "run") == {"UV_CACHE_DIR": str(tmp_path / "run" / "uv-cache")}


def test_uv_looks_for_pythons_elsewhere_where_home_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.delenv("UV_PYTHON_INSTALL_DIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert resolve._pythons(tmp_path / "run") == {}
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    assert resolve._pythons(tmp_path / "run") == {"UV_PYTHON_INSTALL_DIR": str(tmp_path / "run" / "uv-python")}
    monkeypatch.setenv("UV_PYTHON_INSTALL_DIR", "theirs")
    assert resolve._pythons(tmp_path / "run") == {}


def test_uv_gets_a_cache_of_its_own_without_a_home(
    homeless: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"UV_CACHE_DIR": str(tmp_path / "uv-cache")}
    assert resolve._cache(tmp_path) == own
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert resolve._cache(tmp_path) == own
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "not" / "yet"))
    assert resolve._cache(tmp_path) == {}
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("UV_CACHE_DIR", "theirs")
    assert resolve._cache(tmp_path) == {}


def test_uv_finds_a_python_where_there_is_none_but_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VIRTUAL_ENV", "PATH"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(os, "defpath", "/nonexistent")
    write_wheels(tmp_path / "links")
    asked = Python.model_validate({"version": "3.11", "packages": ["vllm==0.32.0+cpu"]})
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "links"))
    resolve.compile_requirements(asked, tmp_path, tmp_path / "lock.txt")
    assert "vllm==0.32.0+cpu" in (tmp_path / "lock.txt").read_text()


@pytest.mark.parametrize("spoil", [_file_in_its_place, _dangling])
def test_a_cache_for_wheels_that_cannot_be_is_told_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    packages.check_cache()
    assert list(tmp_path.iterdir()) == []
    spoil(tmp_path)
    with pytest.raises(LockError, match="wheels cannot be kept in") as caught:
        packages.check_cache()
    assert "XDG_CACHE_HOME" in caught.value.hint


def test_a_cache_for_wheels_that_others_could_change_is_told_as_early(tmp_path: Path) -> None:
    cache = tmp_path / "wheels"
    cache.mkdir()
    cache.chmod(0o777)
    with pytest.raises(LockError, match=r"wheels cannot be kept in .*: `.*/wheels` \(mode 777, .* by every user"):
        packages.check_cache(cache)


def test_a_cache_for_wheels_that_may_not_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(LockError, match="Permission denied"):
        packages.check_cache(tmp_path / "not" / "yet")


@pytest.mark.parametrize(
    ("place", "variable"), [(packages.wheel_cache, "XDG_CACHE_HOME"), (state_dir, "PROVISION_STATE_DIR")]
)
def test_without_a_home_the_variable_that_helps_is_named(
    homeless: None, place: Callable[[], Path], variable: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(NoHome) as caught:
        place()
    assert variable in caught.value.hint
    monkeypatch.setenv(variable, str(tmp_path))
    assert place().is_relative_to(tmp_path)


@pytest.mark.parametrize("spoil", ["file", "full"])
def test_wheels_that_cannot_be_kept_say_where_they_could(
    tmp_path: Path, spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    if spoil == "file":
        cache.touch()
    else:
        monkeypatch.setattr("tempfile.mkdtemp", lambda *_, **__: _no_room())
    from provision.inventory.models import Python

    lock = parse_lock(LOCK, tmp_path / "x.lock")
    with pytest.raises(LockError, match=f"wheels cannot be kept in `{cache}`") as caught:
        wheels.fetch_wheels(lock, Python(version="3.11", packages=("iniconfig",), wheels="controller"), cache)
    assert "name a writable folder in XDG_CACHE_HOME" in caught.value.hint
    assert ("df -h" in caught.value.hint) == (spoil == "full")


def _no_room() -> str:
    raise OSError(28, "No space left on device")


def test_a_token_that_cannot_be_kept_stops_what_needs_it_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "file"))
    assert ClusterToken("here", "a", writes=False).settle({})
    with pytest.raises(ProvisionError, match="the token of `here` cannot be kept in") as caught:
        ClusterToken("here", "a", writes=True).settle({})
    assert caught.value.hint == "name a writable folder in PROVISION_STATE_DIR"


#: The head has answered, and has no token.
NONE = {"a": Fragment(0, "token=\n", "")}


@needs_full
def test_a_full_disk_leaves_no_empty_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path))
    real = os.open
    with monkeypatch.context() as full:
        full.setattr("os.open", lambda path, *how: (real(path, *how), real("/dev/full", os.O_WRONLY))[1])
        with pytest.raises(ProvisionError, match="no space left on device"):
            ClusterToken("here", "a", writes=True).settle(NONE)
    assert not [*(tmp_path / "here").iterdir()]
    first = ClusterToken("here", "a", writes=True).settle(NONE)
    assert ClusterToken("here", "a", writes=False).settle({}) == first


@needs_full
def test_a_log_that_finds_no_more_room_says_so_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RunLog(tmp_path, "up")
    assert log.failed == ""
    log._file = Path("/dev/full").open("w", buffering=1)  # noqa: SIM115 - `end` closes it
    log.text("one")
    log.text("two")
    log.end()
    log.text("three")
    assert log.failed == "no space left on device"
    assert log._file.closed


def test_hashes_that_cannot_be_kept_are_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    (tmp_path / "file").touch()
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "file"))
    assert read(look(model), lambda *_: None).digest


def test_hashes_without_a_home(homeless: None, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert read(look(tmp_path), lambda *_: None).digest
