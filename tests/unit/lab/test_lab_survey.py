"""What the demo looks at before it fetches anything."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from provision.lab import Lab, LabError, loopback, survey
from provision.lab.ground import Ground

LOOPBACK, NAMESPACES = Ground("loopback"), Ground("namespaces")


def python(folder: Path, name: str, version: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\necho Python {version}.4\n")
    (folder / name).chmod(0o755)


def test_the_machines_own_python_comes_first(tmp_path):
    for minor in (11, 12, 13):
        python(tmp_path, f"python3.{minor}", f"3.{minor}")
    python(tmp_path, "python3", "3.12")
    assert survey.pythons(f"{tmp_path}:/bin") == ["3.12", "3.11", "3.13"]


def test_a_machine_without_a_python_that_vllm_runs_on_is_told_so(tmp_path):
    python(tmp_path, "python3", "3.9")
    with pytest.raises(LabError, match=r"this machine has no Python 3\.11 to 3\.14"):
        survey.pythons(str(tmp_path))


def test_hosts_that_share_a_disk_share_its_room(tmp_path, monkeypatch):
    monkeypatch.setattr(survey.shutil, "disk_usage", lambda _: SimpleNamespace(free=5 * survey.GIB))
    survey.room({tmp_path / "a": 3 * survey.GIB, tmp_path / "b": 2 * survey.GIB})
    with pytest.raises(LabError, match=r"takes up to 6 GiB below .*/a and .*/b, and 5 GiB are free"):
        survey.room({tmp_path / "a": 3 * survey.GIB, tmp_path / "b": 3 * survey.GIB})


def test_hosts_of_namespaces_have_each_an_environment_of_their_own(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lab = Lab(tmp_path / "labs")
    own = survey.needed(NAMESPACES, lab, hosts=4, build="cpu")[lab.root]
    shared = survey.needed(LOOPBACK, lab, hosts=4, build="cpu")[lab.root]
    assert own == 4 * shared + survey.BASE


def test_hosts_on_loopback_need_room_in_this_machines_shared_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lab = Lab(tmp_path / "labs")
    shm = {survey.SHM: survey.needed(LOOPBACK, lab, hosts=2, build="cpu")[survey.SHM]}
    assert survey.SHM not in survey.needed(NAMESPACES, lab, hosts=2, build="cpu")
    monkeypatch.setattr(survey.shutil, "disk_usage", lambda _: SimpleNamespace(free=64 << 20))
    with pytest.raises(LabError, match="takes up to 256 MiB below /dev/shm, and 64 MiB are free") as caught:
        survey.room(shm)
    assert "--shm-size" in caught.value.hint


def test_room_is_looked_at_before_anything_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(loopback, "login", lambda: "ann")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(survey.shutil, "disk_usage", lambda _: SimpleNamespace(free=1))
    monkeypatch.setattr(survey.requirements, "ensure", lambda *_: pytest.fail("it went on"))
    for ground in (LOOPBACK, NAMESPACES):
        with pytest.raises(LabError, match="are free there"):
            survey.requires(ground, Lab(tmp_path), lambda _: None)


def test_an_index_that_does_not_answer_is_told_before_anything_is_installed(tmp_path, monkeypatch):
    def silent() -> None:
        raise LabError("the package index does not answer")

    monkeypatch.setattr(loopback, "login", lambda: "ann")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(survey.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 60))
    monkeypatch.setattr(survey, "reach_index", silent)
    monkeypatch.setattr(survey.requirements, "installable", lambda _: None)
    monkeypatch.setattr(survey.requirements, "ensure", lambda *_: pytest.fail("it went on"))
    for ground in (LOOPBACK, NAMESPACES):
        with pytest.raises(LabError, match="does not answer"):
            survey.requires(ground, Lab(tmp_path), lambda _: None)


def test_what_a_person_has_to_install_is_told_before_the_index_is_asked(tmp_path, monkeypatch):
    monkeypatch.setattr(loopback, "login", lambda: "ann")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(survey.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 60))
    monkeypatch.setattr(survey, "reach_index", lambda: pytest.fail("it fetched first"))
    monkeypatch.setattr(survey.requirements, "missing", lambda _: ["sshd"])
    monkeypatch.setattr(survey.requirements.os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="this machine lacks `sshd`"):
        survey.requires(LOOPBACK, Lab(tmp_path), lambda _: None)


def test_loopback_hosts_need_the_libraries_that_vllm_loads(tmp_path, monkeypatch):
    asked: list[str] = []
    monkeypatch.setattr(loopback, "login", lambda: "ann")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(survey, "reach_index", lambda: None)
    monkeypatch.setattr(survey.requirements, "installable", lambda _: None)
    monkeypatch.setattr(survey.requirements, "ensure", lambda programs, _: asked.extend(programs) or [])
    monkeypatch.setattr(survey.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 60))
    survey.requires(LOOPBACK, Lab(tmp_path), lambda _: None)
    assert {"sshd", "libnuma.so.1", "libgomp.so.1"} <= set(asked)


def test_a_user_without_a_name_is_told_why_nobody_lets_them_in(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 12345)
    with pytest.raises(LabError, match="uid 12345 has no entry in passwd") as caught:
        loopback.login()
    assert "--uid 12345" in caught.value.hint
