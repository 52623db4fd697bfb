"""What a host that builds wheels may answer: code of strangers runs on it."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from provision import load
from provision.core.errors import LockError
from provision.core.script import Fragment, Script
from provision.environment.building import Order
from provision.operate import building
from provision.payload.bundle import shell

WORK = "/home/u/.provision-build.abc123"
TEXT = """cluster: llama
hosts: {gpu-01: {address: 192.0.2.1, role: head}}
python: {packages: [a==1.0], build: controller, build_on: gpu-01, index: "https://me:s3cr3t-pw@index.invalid/simple"}
"""


def wheel() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a-1.0.dist-info/METADATA", "Name: a\n")
    return file.getvalue()


WHEEL = wheel()


class Hostile:
    """Answers `begin`, `built` and each `part`, as a session does."""

    def __init__(self, begin: str, built: str, part: Callable[[int], str]) -> None:
        self.begin, self.built, self.part, self.parts, self.alive = begin, built, part, 0, True
        self.redact: list[str] = []

    def __call__(self, hosts: Sequence[Any], **options: Any) -> Hostile:
        self.redact = [secret.reveal() for secret in options.get("redact", ())]
        assert not any(host.sudo for host in hosts)
        return self

    def __enter__(self) -> Hostile:
        return self

    def __exit__(self, *_: object) -> None: ...

    def connect(self, host: Any) -> Hostile:
        return self

    def send(self, uploads: Sequence[Any]) -> None: ...

    def run(self, scripts: Sequence[Script]) -> list[Fragment]:
        (script,) = scripts
        if "build_tmp" in script.vars:
            return [Fragment(0, self.begin, "")]
        if "skip" in script.vars:
            self.parts += 1
            return [Fragment(0, self.part(int(str(script.vars["skip"]))), "")]
        return [Fragment(0, self.built if "requirement" in script.vars else "", "")]


def says(
    content: bytes = WHEEL, name: str = "a-1.0-py3-none-any.whl", more: str = "machine=x86_64\nlibc=2.36\n"
) -> str:
    return f"wheel={name}\nsha256={hashlib.sha256(content).hexdigest()}\n{more}"


def sent(content: bytes) -> Callable[[int], str]:
    return lambda _: base64.b64encode(content).decode()


def built(host: Hostile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Any]:
    monkeypatch.setattr(building, "Transport", host)
    monkeypatch.setattr(building, "uv_binary", lambda *_, **__: tmp_path / "uv")
    (tmp_path / "a.yaml").write_text(TEXT)
    python = building.ready(load(tmp_path / "a.yaml")).python
    assert python.builder is not None
    (tmp_path / "into").mkdir()
    order = Order("a", "a==1.0\n", python, tmp_path, True)
    found: tuple[Path, Any] = python.builder(order, tmp_path / "into")
    return found


def test_a_wheel_comes_back_and_the_passwords_of_the_inventory_are_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Hostile(WORK, says(), sent(WHEEL))
    path, machine = built(host, tmp_path, monkeypatch)
    assert path.read_bytes() == WHEEL and (machine.machine, machine.libc) == ("x86_64", "2.36")
    assert "s3cr3t-pw" in host.redact


BAD = {
    "a folder of somebody": ("/etc", says(), sent(WHEEL)),
    "two folders": (f"{WORK}\n/etc", says(), sent(WHEEL)),
    "a name that leads out": (WORK, says(name="../a-1.0-py3-none-any.whl"), sent(WHEEL)),
    "an absolute name": (WORK, says(name="/tmp/a-1.0-py3-none-any.whl"), sent(WHEEL)),
    "a name that no disk takes": (WORK, says(name="a" * 300 + ".whl"), sent(WHEEL)),
    "a name in other letters": (WORK, says(name="а-1.0-py3-none-any.whl"), sent(WHEEL)),
    "no name": (WORK, "", sent(WHEEL)),
    "another file": (WORK, says(), sent(b"another")),
    "no archive": (WORK, says(b"-----BEGIN KEY-----"), sent(b"-----BEGIN KEY-----")),
    "no base64": (WORK, says(), lambda _: "é\n"),
    "half of base64": (WORK, says(), lambda _: "A"),
    "a machine of many words": (WORK, says(more="machine=x86_64 `reboot`\nlibc=2.36\n"), sent(WHEEL)),
    "a glibc that is no version": (WORK, says(more="machine=x86_64\nlibc=new\n"), sent(WHEEL)),
    "larger parts than asked for": (WORK, says(), sent(bytes((16 << 20) + 1))),
}


@pytest.mark.parametrize(("begin", "said", "part"), BAD.values(), ids=BAD)
def test_what_it_may_not_answer_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, begin: str, said: str, part: Callable[[int], str]
) -> None:
    host = Hostile(begin, said, part)
    with pytest.raises(LockError, match="gpu-01: "):
        built(host, tmp_path, monkeypatch)
    assert host.parts <= 1
    assert not [path for path in tmp_path.rglob("*.whl") if path.parent.name != "into"]


def test_one_that_sends_without_end_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "_PART", 1)
    monkeypatch.setattr(building, "_WHOLE", 4)
    host = Hostile(WORK, says(), sent(bytes(1 << 20)))
    with pytest.raises(LockError, match="did not arrive"):
        built(host, tmp_path, monkeypatch)
    assert host.parts == 4


def begun(place: Path) -> subprocess.CompletedProcess[str]:
    body = shell("files/trust.sh", "files/rights.sh", "venv/wheel_begin.sh")
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "build_tmp": str(place)}
    return subprocess.run(["sh", "-c", body], env=environment, check=False, capture_output=True, text=True)


def test_nothing_is_built_where_others_could_put_another_program(tmp_path: Path) -> None:
    assert building._WORK.fullmatch(begun(tmp_path / "scratch").stdout.strip())
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    done = begun(open_to_all)
    assert done.returncode and "not safe" in done.stderr and not list(open_to_all.iterdir())
    open_to_all.chmod(0o1777)
    assert begun(open_to_all).returncode == 0
