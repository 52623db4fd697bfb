"""What keeps an environment from being built is told before anything is changed."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.errors import LockError
from provision.core.finding import Severity
from provision.environment import resolve, room
from provision.environment.lockfile import parse_lock
from provision.inventory.models import Python
from provision.resources.venv import Venv
from provision.resources.venv_kept import origin
from provision.resources.venv_unfit import index_at

DIGESTS = {"alpha": "ab" * 32, "beta": "cd" * 32}
LOCK = parse_lock(
    "# python: 3.11\n# platform: x86_64-manylinux_2_34\n"
    + "".join(f"{name}==1.0 --hash=sha256:{digest}\n" for name, digest in DIGESTS.items()),
    Path("llama.lock"),
)
SENT, FETCHED = Python(version="3.11", wheels="controller"), Python(version="3.11")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """One of the wheels is there, of which no byte is left when it is packed."""
    folder = tmp_path / "wheels" / DIGESTS["alpha"]
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / "alpha-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("alpha.py", bytes(10_000_000))
    return folder.parent


def venv(python: Python, cache: Path, free: int) -> Venv:
    return Venv(LOCK, python, "/opt/provision", "llama", "gpu-01", cache=cache, free=free)


@pytest.mark.parametrize("python", [SENT, FETCHED], ids=["sent", "fetched"])
def test_too_little_room_for_what_is_known_blocks(python: Python, cache: Path) -> None:
    (finding,) = venv(python, cache, 9_000_000).blockers(None)
    assert (finding.severity, finding.host) == (Severity.BLOCKS, "gpu-01")
    assert "are free below /opt/provision" in finding.message and "hosts.gpu-01.root" in finding.hint
    assert finding.evidence == ("the sizes of 1 of 2 packages are not known here",)
    assert venv(python, cache, 11_000_000).blockers(None) == ()
    # Nobody knows how much is free; it is there already; what the environment in use has takes no room.
    assert venv(python, cache, 0).blockers(None) == ()
    assert venv(python, cache, 1).blockers({"finished": LOCK.digest}) == ()
    held = origin(LOCK, python).replace("\n", "/")
    assert venv(python, cache, 1).blockers({"finished": "another", "held": held}) == ()


def test_a_plan_says_what_is_not_known_of_the_room_where_hosts_fetch(cache: Path) -> None:
    line = "whether there is room for it is not known: the sizes of 1 of 2 packages are not known here"
    fetched = venv(FETCHED, cache, 11_000_000)
    assert fetched.blockers(None) == () and fetched.not_known(None) == (line,)
    assert fetched.in_plan(None, ()) == (line,)
    held = origin(LOCK, FETCHED).replace("\n", "/")
    assert fetched.not_known({"held": held}) == fetched.not_known({"finished": LOCK.digest}) == ()
    # What is sent is here, and known, before anything is changed.
    assert venv(SENT, cache, 11_000_000).not_known(None) == ()


#: As uv writes it of packages of PyPI.
PYLOCK = """lock-version = "1.0"

[[packages]]
name = "beta"
version = "1.0"
wheels = [{ url = "https://example.org/beta-1.0-py3-none-any.whl", upload-time = 2026-09-02T13:44:49Z, \
size = 2000000, hashes = { sha256 = "DIGEST" } }]
""".replace("DIGEST", DIGESTS["beta"])


def test_before_hosts_fetch_the_index_is_asked_for_sizes(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def pylock(python: Python, base: Path, made: Path, *more: str) -> tuple[str, ...]:
        asked.append(python.packages)
        made.write_text(PYLOCK)
        return ()

    monkeypatch.setattr(resolve, "compile_requirements", pylock)
    monkeypatch.setattr(room, "_LEARNT", {})
    monkeypatch.setattr(room, "_ASKED", set())
    fetched = replace(venv(FETCHED, cache, 11_000_000), uv="/usr/bin/uv")
    assert fetched.blockers(None) == ()
    for _ in range(2):
        fetched.prepare(lambda text: None)
    assert asked == [("beta==1.0",)]
    (finding,) = fetched.blockers(None)
    assert (finding.evidence, fetched.not_known(None)) == ((), ())


def test_an_index_that_says_no_sizes_blocks_nothing(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: object) -> tuple[str, ...]:
        raise LockError("uv found no set of packages that fits")

    monkeypatch.setattr(resolve, "compile_requirements", silent)
    monkeypatch.setattr(room, "_ASKED", set())
    fetched = replace(venv(FETCHED, cache, 11_000_000), uv="/usr/bin/uv")
    fetched.prepare(lambda text: None)
    assert fetched.blockers(None) == () and "1 of 2 packages" in fetched.not_known(None)[0]


def test_what_was_fetched_meanwhile_is_known(cache: Path) -> None:
    sent = venv(SENT, cache, 11_000_000)
    assert sent.blockers(None) == ()
    folder = cache / DIGESTS["beta"]
    folder.mkdir()
    with zipfile.ZipFile(folder / "beta-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("beta.py", bytes(2_000_000))
    (finding,) = sent.blockers(None)
    assert finding.evidence == ()


@pytest.mark.parametrize(
    ("index", "at"),
    [
        (None, "https://pypi.org/ https://files.pythonhosted.org/"),
        ("https://me:secret@[fd00::1]:8443/simple/", "https://[fd00::1]:8443/"),
        ("http://wheels.example.org/simple", "http://wheels.example.org/"),
        ("file:///srv/wheels", ""),
    ],
)
def test_only_whether_an_index_answers_is_asked(index: str | None, at: str) -> None:
    assert index_at(FETCHED.model_copy(update={"index": index})) == at
    assert index_at(SENT.model_copy(update={"index": index})) == ""
    more = {"index": index, "extra_indexes": ("http://a:b@more.example.org/x",), "torch_backend": "cu130"}
    more |= {"find_links": ("http://more.example.org/y", "./wheels", "file:///srv")}
    others = ["http://more.example.org/", "https://download.pytorch.org/"]
    assert set(index_at(FETCHED.model_copy(update=more)).split()) == {*at.split(), *others}


def probed(venv: Venv, home: Path, path: str = os.environ["PATH"]) -> dict[str, str]:
    script = venv.probe()
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": path, "HOME": str(home), **variables}
    done = subprocess.run(["sh", "-c", script.body], env=environment, check=True, capture_output=True, text=True)
    return dict(venv.read(done) or {})  # type: ignore[arg-type]


def without(names: str, folder: Path) -> str:
    """A search path that lacks them."""
    folder.mkdir()
    for place in ("/usr/bin", "/bin"):
        for program in Path(place).iterdir():
            if program.name not in names.split() and not (folder / program.name).is_symlink():
                (folder / program.name).symlink_to(program)
    return str(folder)


@pytest.mark.needs("curl")
def test_an_index_that_does_not_answer_is_found_where_something_is_to_be_fetched(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    python = FETCHED.model_copy(update={"index": f"http://me:secret@127.0.0.1:{port}/simple"})
    there = Venv(LOCK, python, str(tmp_path / "root"), "llama", "gpu-01")
    have = probed(there, tmp_path)
    assert have["unreached"].startswith(f"http://127.0.0.1:{port}/ curl: (7)")
    # Behind one that answers, too.
    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=lambda: server.accept()[0].close(), daemon=True).start()
        index = f"http://127.0.0.1:{server.getsockname()[1]}/"
        settings = python.model_copy(update={"index": index, "extra_indexes": (python.index,)})
        behind = probed(replace(there, python=settings), tmp_path)["unreached"]
        assert re.sub(r"\d+ ms", "", behind) == re.sub(r"\d+ ms", "", have["unreached"])
    # A minimal system has no curl.
    assert "refused" in probed(there, tmp_path, without("curl", tmp_path / "programs"))["unreached"]
    assert "unreached" not in probed(there, tmp_path, without("curl python3", tmp_path / "fewer"))
    (finding,) = there.blockers(have)
    assert finding.severity is Severity.BLOCKS and "secret" not in str(finding)
    assert f"http://127.0.0.1:{port}/" in finding.message and "python.wheels: controller" in finding.hint
    # Nothing to fetch, nothing to ask.
    (tmp_path / "root/envs" / LOCK.short).mkdir(parents=True)
    (tmp_path / "root/envs" / LOCK.short / ".provision").write_text(f"{LOCK.digest}\nllama\n")
    assert "unreached" not in probed(there, tmp_path)


@pytest.mark.needs("curl")
def test_a_host_that_is_to_fetch_its_python_is_asked_whether_it_can(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    there = Venv(LOCK, FETCHED, str(tmp_path / "root"), "llama", "gpu-01", pythons=("3.9.2", "3.10.4"))
    # Both places behind a proxy that is not there.
    python = FETCHED.model_copy(update={"index": "file:///srv/wheels"})
    there = replace(there, python=python, reach=(("HTTPS_PROXY", f"http://127.0.0.1:{port}"),))
    have = probed(there, tmp_path)
    assert have["pythonless"].startswith("curl: (")
    (finding,) = there.blockers(have)
    assert (finding.severity, finding.fact) == (Severity.BLOCKS, "host Python")
    assert finding.evidence[0] == "found: 3.9.2, 3.10.4"
    assert finding.hint == (
        "install Python 3.11 on gpu-01; or set `python.wheels: controller`, and a Python is sent with the packages"
    )
    for fits in (("3.11.2",), ("3.11",), None):
        assert "pythonless" not in probed(replace(there, pythons=fits), tmp_path)
    # uv has fetched one before.
    (tmp_path / "root/python/cpython-3.11.9-linux-x86_64-gnu").mkdir(parents=True)
    assert "pythonless" not in probed(there, tmp_path)
