"""A Python that is sent to hosts: what uv has fetched and verified, as it came."""

import json
import platform
from pathlib import Path

import pytest
from packed_python import MINOR, PATCH, publish_python

from provision.core.errors import LockError
from provision.environment.sent_python import sent_python
from provision.inventory.models import Python

HERE = Python(version=MINOR, platform=f"{platform.machine()}-manylinux_2_34", wheels="controller")


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return publish_python(tmp_path_factory.mktemp("pythons"))


def test_a_python_is_fetched_once_and_again_where_it_is_damaged(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(published))
    said: list[str] = []
    archive, about = sent_python(MINOR, HERE, tmp_path, say=said.append)
    assert archive.read_bytes() == published.with_name("cpython.tar.gz").read_bytes()
    ((name, known),) = json.loads(about.read_text()).items()
    assert name.startswith(f"cpython-{PATCH}-linux-")
    assert str(tmp_path) not in about.read_text() and str(published.parent) not in about.read_text()
    assert known["sha256"] == json.loads(published.read_text())[name]["sha256"]
    assert sent_python(MINOR, HERE, tmp_path, say=said.append) == (archive, about)
    assert said == [f"fetching Python {MINOR} for {platform.machine()}"]
    archive.write_bytes(b"no archive")
    sent_python(MINOR, HERE, tmp_path, say=said.append)
    assert archive.read_bytes() == published.with_name("cpython.tar.gz").read_bytes()
    assert len(said) == 2 and not list(tmp_path.glob(".part-*"))


def test_one_that_cannot_be_fetched_is_said_with_what_to_do(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(published))
    with pytest.raises(LockError) as unknown:
        sent_python("3.99", HERE, tmp_path, instead="install it")
    assert "uv python list --all-versions 3.99" in unknown.value.hint and "install it" in unknown.value.hint
    monkeypatch.delenv("UV_PYTHON_DOWNLOADS_JSON_URL")
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", (tmp_path / "none").as_uri())
    with pytest.raises(LockError) as unreached:
        sent_python("3.12", HERE, tmp_path, instead="install it")
    assert unreached.value.hint.startswith("install it; or name a mirror") and unreached.value.evidence
    assert "Python 3.12" in str(unreached.value)


def test_one_that_is_not_what_was_published_is_refused(
    tmp_path: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((name, known),) = json.loads(published.read_text()).items()
    listed = tmp_path / "listed.json"
    listed.write_text(json.dumps({name: {**known, "sha256": "0" * 64}}))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(listed))
    with pytest.raises(LockError) as refused:
        sent_python(MINOR, HERE, tmp_path / "cache")
    assert "compare" in refused.value.hint or "find out" in refused.value.hint.lower()
