"""The environment on real hosts, with small wheels from an index of files that the test makes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from locked_index import CANARIES, locked
from loopback import Users, processes_with, wait_until
from package_index import Index, write_wheel
from small_packages import publish, two_packages
from uv import find_uv_bin
from venv_machine import Machine, run_in, site

from provision.core.errors import Cancelled, LockError, ScriptFailed
from provision.core.resource import Difference
from provision.core.script import Fragment
from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host, Python
from provision.resources.venv import Venv
from provision.transport import Transport

UV = find_uv_bin()

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return publish(tmp_path_factory.mktemp("index"))


@pytest.fixture
def python(index: Index) -> Python:
    return two_packages(index)


@pytest.fixture
def machine(make_host: Callable[..., Host], tmp_path: Path) -> Iterator[Machine]:
    host = make_host()
    with Transport([host]) as transport:
        yield Machine(transport.connect(host), tmp_path / "root")


@pytest.fixture
def make_venv(tmp_path: Path, machine: Machine, index: Index) -> Callable[..., Venv]:
    def make(python: Python, **how: object) -> Venv:
        lock = ensure_lock(python, tmp_path / "cluster.lock")
        cache = index.folder / "wheels"
        return replace(Venv(lock, python, machine.root, "llama", "host-1", cache=cache), **how)

    return make


@pytest.fixture
def venv(make_venv: Callable[..., Venv], python: Python) -> Venv:
    return make_venv(python)


def times(root: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.lstat().st_mtime_ns, p.lstat().st_ctime_ns) for p in (root, *root.rglob("*"))}


def pip_install(venv: Venv, index: Index, *what: str) -> None:
    """What a person does to an environment behind our back."""
    command: list[object] = [
        UV,
        "pip",
        "install",
        "-q",
        "--python",
        venv.bin("python"),
        "--default-index",
        index.url,
        *what,
    ]
    subprocess.run(command, check=True, env={**os.environ, "UV_CACHE_DIR": str(index.folder / "cache")})


def test_an_environment_is_built_offline_and_then_nothing_is_left_to_do(machine: Machine, venv: Venv) -> None:
    assert machine.see(venv) is None
    fragment = machine.apply(venv)
    assert "::progress " in fragment.stdout
    assert run_in(venv, "import tiny, small; print(tiny.version, small.version)") == "2.0 1.5"
    assert (machine.root / "envs/current-llama").resolve() == Path(venv.path)
    left = sorted(p.name for p in machine.root.iterdir())
    assert left == ["bin", "envs"], "wheels, cache or log were left behind"


def test_its_building_may_be_done_before_it_is_used_and_is_taken_up_then(machine: Machine, venv: Venv) -> None:
    assert venv.ahead(machine.see(venv))
    venv.prepare(lambda text: None)
    build = venv.fix_ahead(None, venv.want())
    machine.session.send(build.uploads)
    (built,) = machine.session.run([build])
    assert built.ok, built.stderr
    assert sorted(p.name for p in (machine.root / "envs").iterdir() if not p.name.startswith(".lock")) == [
        venv.lock.short
    ], "nothing uses it, and nobody is noted to"
    assert sorted(p.name for p in machine.root.iterdir()) == ["bin", "envs"]
    assert machine.told(venv) == [f"environment in use absent → {venv.lock.short}"]
    assert not venv.ahead(machine.see(venv))

    (made,) = (Path(venv.path, name).stat() for name in ("pyvenv.cfg",))
    assert not venv.fix(machine.see(venv), venv.want()).uploads
    machine.apply(venv)
    assert Path(venv.path, "pyvenv.cfg").stat().st_ino == made.st_ino
    assert (machine.root / "envs/current-llama").resolve() == Path(venv.path)


def test_what_is_gone_by_the_time_it_is_to_be_used_is_not_linked_to(machine: Machine, venv: Venv) -> None:
    """Such as one that was built ahead, and then removed by a cluster that shares the folder."""
    venv.prepare(lambda text: None)
    build = venv.fix_ahead(None, venv.want())
    machine.session.send(build.uploads)
    (built,) = machine.session.run([build])
    assert built.ok, built.stderr
    seen = machine.see(venv)
    shutil.rmtree(venv.path)
    (used,) = machine.session.run([venv.fix(seen, venv.want())])
    assert (used.rc, used.stderr) == (1, f"environment {venv.lock.short} was here and is gone: run it again\n")
    assert sorted(p.name for p in (machine.root / "envs").iterdir() if p.name != ".lock") == []
    machine.apply(venv)
    assert machine.told(venv) == []
    # A person has moved it: what lies elsewhere is not linked to, either.
    Path(venv.path).rename(machine.root / "envs/moved")
    (machine.root / "envs/current-llama").unlink()
    (machine.root / "envs/current-llama").symlink_to("moved")
    machine.apply(venv)
    assert machine.told(venv) == [] and Path(venv.path).is_dir()


def test_its_building_is_done_ahead_only_where_there_is_none_of_this_lock(
    machine: Machine, make_venv: Callable[..., Venv], python: Python, index: Index, tmp_path: Path
) -> None:
    venv = make_venv(python)
    machine.apply(venv)
    (Path(venv.path) / ".provision").unlink()
    assert machine.told(venv) and not venv.ahead(machine.see(venv)), "a service may run from it, whatever it looks like"
    (machine.root / "envs/current-llama").unlink()
    assert machine.told(venv) and not venv.ahead(machine.see(venv))
    shutil.rmtree(venv.path)
    assert venv.ahead(machine.see(venv))
    machine.apply(venv)
    fewer = python.model_copy(update={"packages": python.packages[:1]})
    (tmp_path / "cluster.lock").unlink()
    other = make_venv(fewer)
    assert other.lock.short != venv.lock.short and other.ahead(machine.see(other))
    Path(other.path).mkdir()
    assert not other.ahead(machine.see(other)), "another cluster may run from it, whatever it looks like"
    Path(other.path).rmdir()
    for never in (replace(other, deep=True), replace(other, follows=True)):
        assert not never.ahead(machine.see(other))


def test_what_a_host_that_is_left_out_shares_is_not_removed(machine: Machine, venv: Venv) -> None:
    """One folder for three hosts, as a home folder on a file server: the third has none here."""
    machine.apply(venv)
    machine.apply(replace(venv, host="host-2"))
    alone = replace(venv, others=("host-2", "host-3"))
    assert alone.diff(machine.see(alone), None) == ()
    only_away = replace(venv, others=("host-3",))
    assert only_away.diff(machine.see(only_away), None)
    (machine.root / "clusters/llama/host-3/ray").mkdir(parents=True)
    assert only_away.diff(machine.see(only_away), None) == ()
    assert run_in(venv, "import tiny; print(tiny.version)") == "2.0"
    assert venv.diff(machine.see(venv), None)


def test_looking_writes_nothing(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    before = times(machine.root)
    assert machine.differences(venv) == ()
    assert times(machine.root) == before


def test_looking_starts_no_interpreter(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    real = Path(venv.bin("python"))
    real.unlink()
    alarm = machine.root / "started"
    real.write_text(f"#!/bin/sh\ntouch {alarm}\n")
    real.chmod(0o755)
    assert machine.told(venv) == ["its own files bin/python is another program → as built"]
    assert not alarm.exists()


def test_another_version_is_named_and_repaired_alone(machine: Machine, venv: Venv, index: Index) -> None:
    machine.apply(venv)
    untouched = Path(venv.path, "lib").glob("python3*/site-packages/small.py")
    before = {p: p.stat().st_ino for p in untouched}
    pip_install(venv, index, "tiny==1.0")
    assert machine.differences(venv) == (Difference("tiny", "2.0", "1.0"),)
    fix = venv.fix(machine.see(venv), venv.want())
    assert [u.source.name for u in fix.uploads] == ["tiny-2.0-py3-none-any.whl"]
    machine.apply(venv)
    assert run_in(venv, "import tiny; print(tiny.version)") == "2.0"
    assert before and {p: p.stat().st_ino for p in before} == before, "what was right was installed again"


def test_a_foreign_package_is_named_and_removed(machine: Machine, venv: Venv, index: Index) -> None:
    machine.apply(venv)
    pip_install(venv, index, "foreign")
    assert machine.differences(venv) == (Difference("foreign", None, "3.0"),)
    machine.apply(venv)
    assert run_in(venv, "import importlib.util as u; print(u.find_spec('foreign'))") == "None"


def test_a_package_that_was_removed_is_named_and_comes_back(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    subprocess.run([UV, "pip", "uninstall", "-q", "--python", venv.bin("python"), "small"], check=True)
    assert machine.differences(venv) == (Difference("small", "1.5", None),)
    machine.apply(venv)


def test_files_are_as_installed_after_a_build(machine: Machine, make_venv: Callable[..., Venv], python: Python) -> None:
    deep = make_venv(python.model_copy(update={"compile": True}), deep=True)
    machine.apply(deep)
    run_in(deep, "import tiny, small")
    before = times(machine.root)
    assert machine.differences(deep) == ()
    assert times(machine.root) == before, "looking deep wrote something"


def test_an_edited_file_is_seen_by_a_deep_look_alone_and_mended(machine: Machine, venv: Venv) -> None:
    deep = replace(venv, deep=True)
    machine.apply(venv)
    edited, untouched = site(venv) / "tiny.py", site(venv) / "small.py"
    inode = untouched.stat().st_ino
    # Of the same length, so that nothing but its content tells.
    edited.write_text('version = "9.9"\n')
    assert machine.differences(venv) == ()
    assert machine.told(deep) == ["tiny edited: tiny.py → as installed"]
    machine.apply(deep)
    assert run_in(venv, "import tiny; print(tiny.version)") == "2.0"
    assert untouched.stat().st_ino == inode, "what was right was installed again"


def test_a_file_that_is_gone_is_named_and_comes_back(machine: Machine, venv: Venv) -> None:
    deep = replace(venv, deep=True)
    machine.apply(venv)
    (site(venv) / "small.py").unlink()
    (site(venv) / "tiny-2.0.dist-info/RECORD").unlink()
    assert machine.told(venv) == ["small missing: small.py → as installed"]
    assert machine.told(deep) == [
        "small missing: small.py → as installed",
        "tiny unreadable: tiny-2.0.dist-info/RECORD → as installed",
    ]
    machine.apply(deep)
    assert run_in(venv, "import small; print(small.version)") == "1.5"


def test_code_that_no_package_brought_is_named_and_removed(machine: Machine, venv: Venv) -> None:
    deep = replace(venv, deep=True)
    machine.apply(venv)
    (site(venv) / "sitecustomize.py").write_text("raise SystemExit('started')\n")
    (site(venv) / "mine/inner").mkdir(parents=True)
    (site(venv) / "mine/inner/code.so").touch()
    (site(venv) / "notes.txt").write_text("not code\n")
    assert machine.told(deep) == ["stray code mine, sitecustomize.py → absent"]
    machine.apply(deep)
    assert run_in(venv, "print('ok')") == "ok"
    assert not (site(venv) / "mine").exists() and (site(venv) / "notes.txt").exists()


@pytest.mark.parametrize("how", ["file", "link"])
def test_an_environment_whose_python_is_another_program_is_built_again_and_that_is_never_run(
    machine: Machine, venv: Venv, tmp_path: Path, how: str
) -> None:
    deep = replace(venv, deep=True)
    machine.apply(venv)
    program, ran = Path(venv.bin("python")), tmp_path / "ran"
    evil = program if how == "file" else tmp_path / "python3"
    program.unlink()
    evil.write_text(f'#!/bin/sh\ntouch {ran}\nexec {sys.executable} "$@"\n')
    evil.chmod(0o755)
    if how == "link":
        program.symlink_to(evil)
    assert machine.told(deep) == ["its Python is another program → as installed"]
    assert not ran.exists(), "what was judged was run"
    machine.apply(deep)
    assert not ran.exists() and program.resolve() != evil


def test_an_environment_of_before_has_a_python_that_its_own_settings_name(machine: Machine, venv: Venv) -> None:
    deep = replace(venv, deep=True)
    machine.apply(venv)
    note = Path(venv.path, ".provision")
    note.write_text("".join(note.read_text().splitlines(keepends=True)[:2]))
    assert machine.differences(deep) == ()


@pytest.mark.parametrize("umask", ["000", "022"])
def test_nobody_else_reads_or_writes_an_environment(
    machine: Machine, make_venv: Callable[..., Venv], python: Python, umask: str
) -> None:
    venv = make_venv(python.model_copy(update={"compile": True}))
    venv.prepare(str)
    fix = venv.fix(None, venv.want())
    machine.session.send(fix.uploads)
    (done,) = machine.session.run([replace(fix, body=f"umask {umask}\n{fix.body}")])
    assert done.ok, done.stderr
    open_to_others = 0o022 if os.getuid() == 0 else 0o077  # root's are for the user who logs in
    made = [path for path in (machine.root, *machine.root.rglob("*")) if not path.is_symlink()]
    assert [str(path) for path in made if path.lstat().st_mode & open_to_others] == []
    machine.remove(venv)


def test_nothing_is_built_or_removed_where_others_could_change_it(machine: Machine, venv: Venv) -> None:
    machine.root.mkdir()
    machine.root.chmod(0o777)
    venv.prepare(str)
    with pytest.raises(ScriptFailed, match="cannot store files"):
        machine.try_fix(venv, venv.want())
    for fix in (replace(venv.fix(None, venv.want()), uploads=()), venv.fix({}, None)):
        (machine.root / "envs").mkdir(exist_ok=True)
        (failed,) = machine.session.run([fix])
        assert failed.rc == 1 and f"not safe: {machine.root} (mode 777" in failed.stderr
        assert sorted(path.name for path in machine.root.rglob("*")) == ["envs"]


def test_a_python_that_was_updated_below_an_environment_says_its_own_version(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    settings = Path(venv.path, "pyvenv.cfg")
    real = (machine.see(venv) or {})["python"]
    settings.write_text(settings.read_text().replace(f"version_info = {real}", f"version_info = {python_before(real)}"))
    assert (machine.see(venv) or {})["python"] == python_before(real)
    # An update puts the program there anew; here it is the link that is turned to a younger one.
    program = Path(venv.bin("python"))
    program_of_host = program.resolve()
    younger = machine.root / "python"
    younger.write_text(f'#!/bin/sh\nexec {program.resolve()} "$@"\n')
    younger.chmod(0o755)
    program.unlink()
    program.symlink_to(younger)
    note = Path(venv.path, ".provision")
    built = note.read_text()
    note.write_text(built.replace(f" {program_of_host}\n", f" {younger}\n"))
    assert wait_until(lambda: (os.utime(younger), (machine.see(venv) or {})["python"])[1] == real)
    # Only the program that it was built with is asked.
    note.write_text(built)
    assert (machine.see(venv) or {})["python"] == python_before(real)


def python_before(version: str) -> str:
    minor, _, patch = version.rpartition(".")
    return f"{minor}.{int(patch) + 1 if patch == '0' else int(patch) - 1}"


def test_a_new_lock_is_a_new_environment_and_the_old_one_stays(
    machine: Machine, venv: Venv, make_venv: Callable[..., Venv]
) -> None:
    machine.apply(venv)
    newer = make_venv(venv.python.model_copy(update={"packages": ("tiny==1.0",)}))
    (difference,) = machine.differences(newer)
    assert str(difference) == f" {venv.lock.short} → {newer.lock.short}".strip()
    assert [u.source.name for u in newer.fix(machine.see(newer), newer.want()).uploads if u.source.name == "uv"] == []
    machine.apply(newer)
    assert (machine.root / "envs/current-llama").resolve() == Path(newer.path)
    assert run_in(venv, "import tiny; print(tiny.version)") == "2.0"
    # Going back is a switch of the link, nothing more.
    assert [d.aspect for d in machine.differences(venv)] == ["environment in use"]
    assert venv.fix(machine.see(venv), venv.want()).uploads == ()
    machine.apply(venv)


def test_hosts_with_an_index_fetch_for_themselves(
    machine: Machine, python: Python, make_venv: Callable[..., Venv]
) -> None:
    venv = make_venv(python.model_copy(update={"wheels": "index", "compile": True}))
    sent = venv.fix(None, venv.want()).uploads
    assert [u.source.name for u in sent] == ["uv"]
    machine.apply(venv)
    assert list(Path(venv.path, "lib").rglob("tiny*.pyc")), "no bytecode was compiled"


def test_a_host_asks_the_main_index_first_and_shows_no_password(
    machine: Machine, make_venv: Callable[..., Venv], python: Python, index: Index, tmp_path: Path
) -> None:
    extra = Index(tmp_path / "extra")
    extra.add("tiny", "9.0")
    extra.add("only", "1.0")
    with locked(extra) as server:
        links = (server.url("simple/only/"),)
        sources = {
            "extra_indexes": (server.url(),),
            "find_links": links,
            "packages": ("tiny", "only"),
            "wheels": "index",
        }
        venv = make_venv(python.model_copy(update={**sources, "find_links": ()}))
        assert venv.lock.packages == {"tiny": "2.0", "only": "1.0"}
        let_in = server.let_in
        machine.apply(replace(venv, python=python.model_copy(update=sources)))
        assert server.let_in > let_in
        assert server.seen == set()
    texts = [path.read_bytes() for path in machine.root.rglob("*") if path.is_file()]
    assert texts and not [canary for canary in CANARIES if any(canary.encode() in text for text in texts)]


def test_a_file_that_was_replaced_since_it_was_locked_is_called_so_on_the_host(
    machine: Machine, make_venv: Callable[..., Venv], python: Python, tmp_path: Path
) -> None:
    own = publish(tmp_path / "own")
    venv = make_venv(python.model_copy(update={"index": own.url, "wheels": "index"}))
    wheel = next(own.folder.rglob("tiny-2.0-*.whl"))
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    page = wheel.with_name("index.html")
    page.write_text(re.sub("#sha256=[0-9a-f]*", "", page.read_text()))
    said, hint = venv.explain(machine.try_fix(venv, venv.want()))
    assert "tampered or replaced" in said[0]
    assert "lock" not in hint
    assert machine.differences(venv)


def test_a_uv_that_the_host_has_is_used(machine: Machine, venv: Venv) -> None:
    own = replace(venv, uv=UV)
    assert "uv" not in [u.source.name for u in own.fix(None, own.want()).uploads]
    machine.apply(own)
    assert list((machine.root / "bin").iterdir()) == []


def test_an_interrupted_build_is_seen_and_finished(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    Path(venv.path, ".provision").unlink()
    shutil.rmtree(next(Path(venv.path, "lib").rglob("tiny-*.dist-info")))
    assert [d.found for d in machine.differences(venv)] == ["unfinished"]
    machine.apply(venv)


def test_a_build_that_is_cancelled_leaves_no_process_and_the_next_one_finishes(
    make_host: Callable[..., Host], machine: Machine, venv: Venv
) -> None:
    cancel = threading.Event()
    host = make_host()

    def at_the_first_sign(index: int, stream: str, line: str) -> None:
        if "unpacked" in line or "installed" in line:
            cancel.set()

    with Transport([host], cancel=cancel) as transport:
        session = transport.connect(host)
        venv.prepare(str)
        fix = venv.fix(None, venv.want())
        session.send(fix.uploads)
        with pytest.raises(Cancelled):
            session.run([fix], on_line=at_the_first_sign)
    assert wait_until(lambda: not processes_with(str(machine.root)))
    assert machine.differences(venv) != ()
    machine.apply(venv)


def test_what_sudo_built_the_user_can_run(make_host: Callable[..., Host], user: Users, venv: Venv) -> None:
    host = make_host(user=user.make(sudoers="ALL=(ALL) NOPASSWD: ALL"), sudo=True)
    with tempfile.TemporaryDirectory(prefix="provision-test-", dir="/opt") as folder, Transport([host]) as transport:
        Path(folder).chmod(0o755)
        machine = Machine(transport.connect(host), Path(folder, "root"))
        ours = replace(venv, root=machine.root)
        machine.apply(ours)
        assert machine.root.stat().st_uid == 0
        command = ["setpriv", f"--reuid={host.ssh.user}", "--clear-groups", ours.bin("python"), "-c", "import tiny"]
        subprocess.run(command, check=True)
        machine.remove(ours)


def test_two_hosts_that_share_a_folder_build_it_once(
    make_host: Callable[..., Host], venv: Venv, tmp_path: Path
) -> None:
    hosts = [make_host(), make_host()]
    with Transport(hosts) as transport:
        machines = [Machine(transport.connect(host), tmp_path / "root") for host in hosts]
        venvs = [replace(venv, host=host.name) for host in hosts]
        start = threading.Barrier(2)

        def build(number: int) -> Fragment:
            venvs[number].prepare(lambda text: None)
            fix = venvs[number].fix(None, venv.want())
            machines[number].session.send(fix.uploads)
            start.wait()
            return machines[number].session.run([fix])[0]

        with ThreadPoolExecutor(2) as pool:
            done = list(pool.map(build, range(2)))
        assert [f.rc for f in done] == [0, 0], [f.stderr for f in done]
        assert sum("packages" in f.stdout for f in done) == 1, "both built it"
        assert all(m.differences(v) == () for m, v in zip(machines, venvs, strict=True))
        machines[0].remove(venvs[0])
        machines[1].remove(venvs[1])


def test_a_python_that_the_host_lacks_is_named_with_those_it_has(
    machine: Machine, python: Python, make_venv: Callable[..., Venv]
) -> None:
    venv = make_venv(python.model_copy(update={"version": "3.99"}))
    failed = machine.try_fix(venv, venv.want())
    evidence, hint = venv.explain(failed)
    assert failed.rc == 1
    assert evidence[-1].startswith("Python 3.99 is not on this host (found: ") and python.version in evidence[-1]
    assert "python.version" in hint
    assert not (machine.root / "uploads").exists() or not list((machine.root / "uploads").iterdir())


def test_a_damaged_wheel_on_the_way_is_refused(machine: Machine, venv: Venv) -> None:
    venv.prepare(lambda text: None)
    fix = venv.fix(None, venv.want())
    machine.session.send(fix.uploads)
    (wheel,) = machine.root.glob("uploads/*/tiny-*.whl")
    write_wheel(wheel, "tiny", "2.0")
    with zipfile.ZipFile(wheel, "a") as archive:
        archive.writestr("evil.py", "")
    (failed,) = machine.session.run([fix])
    assert failed.rc == 1 and "hash" in " ".join(venv.explain(failed)[0]).lower()
    assert [d.found for d in machine.differences(venv)] != []


def test_removing_twice_leaves_nothing(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    machine.remove(venv)
    assert list(machine.root.iterdir()) == []
    machine.remove(venv)


def test_removing_spares_another_clusters_environment(machine: Machine, venv: Venv) -> None:
    other = replace(venv, cluster="other")
    machine.apply(venv)
    machine.apply(other)
    machine.remove(venv)
    assert machine.differences(other) == ()
    machine.remove(other)
    assert list(machine.root.iterdir()) == []


def test_what_a_person_keeps_below_root_is_left(machine: Machine, venv: Venv) -> None:
    machine.apply(venv)
    (machine.root / "envs/notes").write_text("mine")
    machine.remove(venv)
    assert (machine.root / "envs/notes").read_text() == "mine"
    assert not Path(venv.path).exists()


def test_a_package_without_a_wheel_stops_before_any_host_is_touched(
    machine: Machine, python: Python, index: Index, make_venv: Callable[..., Venv]
) -> None:
    index.add("unbuilt", "1.0", source=True)
    with pytest.raises(LockError) as caught:
        make_venv(python.model_copy(update={"packages": ("unbuilt",)}))
    assert "wheel" in caught.value.hint and "unbuilt" in " ".join(caught.value.evidence)
