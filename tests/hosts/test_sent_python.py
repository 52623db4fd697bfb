"""An environment on a host that has no Python of its own: with one that is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from packed_python import MINOR, PATCH, publish_python
from small_packages import publish, two_packages
from venv_machine import Machine, run_in

from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host
from provision.resources.venv import Venv
from provision.transport import Transport

pytestmark = pytest.mark.hosts


@pytest.fixture
def machine(make_host: Callable[..., Host], tmp_path: Path) -> Iterator[Machine]:
    host = make_host()
    with Transport([host]) as transport:
        # What a URL would take for something else than a name.
        yield Machine(transport.connect(host), tmp_path / "100% root")


@pytest.fixture
def venv(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Venv:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", str(publish_python(tmp_path)))
    programs = tmp_path / "programs"
    programs.mkdir()
    for place in ("/usr/bin", "/bin"):
        for program in Path(place).iterdir():
            if not program.name.startswith("python") and not (programs / program.name).is_symlink():
                (programs / program.name).symlink_to(program)
    python = two_packages(publish(tmp_path / "index")).model_copy(update={"version": MINOR})
    lock = ensure_lock(python, tmp_path / "cluster.lock")
    bare = Venv(lock, python, machine.root, "llama", "host-1", cache=tmp_path / "wheels", pythons=(), bring=MINOR)
    return replace(bare, reach=(("PATH", str(programs)),))


def test_it_is_built_with_the_python_that_was_sent(machine: Machine, venv: Venv) -> None:
    assert f"with a Python {MINOR} that is sent: of its own it has none" in venv.not_known(None)
    fragment = machine.apply(venv)
    assert f"::progress unpacking Python {MINOR}" in fragment.stdout
    lies, version = run_in(venv, "import sys, tiny; print(sys.base_prefix, sys.version.split()[0], sep='\\n')").split(
        "\n"
    )
    assert Path(lies).resolve().parent == machine.root / "python" and version == PATCH
    assert sorted(p.name for p in machine.root.iterdir()) == ["bin", "envs", "python"]
    assert machine.differences(replace(venv, bring="", pythons=(PATCH,))) == (), "it is what the host has from then on"


@pytest.mark.long
def test_one_that_was_damaged_on_the_way_is_refused(machine: Machine, venv: Venv) -> None:
    venv.prepare(lambda text: None)
    fix = venv.fix(None, venv.want())
    machine.session.send(fix.uploads)
    (sent,) = machine.root.glob("uploads/*/python.tar.gz")
    sent.write_bytes(sent.read_bytes()[:-1] + b"x")
    (failed,) = machine.session.run([fix])
    said, hint = venv.explain(failed)
    assert failed.rc == 1 and "hash mismatch" in " ".join(said).lower() and hint
    assert not list(machine.root.glob("python/cpython-*")) and not list(machine.root.glob("envs/[0-9a-f]*"))
