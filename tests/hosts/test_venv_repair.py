"""Damage to an environment on a real host: seen, and repaired without a loss."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from package_index import Index, write_wheel
from small_packages import publish, two_packages
from venv_machine import Machine, run_in, site

from provision.environment.lockfile import ensure_lock
from provision.inventory.models import Host, Python
from provision.resources.venv import Venv
from provision.transport import Transport

pytestmark = pytest.mark.hosts


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    index = publish(tmp_path_factory.mktemp("index"))
    index.add("broken", "1.0", code="import libthatisnowhere\n")
    more = {
        "entry_points.txt": "[console_scripts]\nrun-small = small:main\n",
        "parts/__init__.py": "",
        "parts/inner.py": "",
    }
    index.add("small", "1.5", code="def main():\n    print('runs')\n", **more)
    return index


@pytest.fixture
def machine(make_host: Callable[..., Host], tmp_path: Path) -> Iterator[Machine]:
    host = make_host()
    with Transport([host]) as transport:
        yield Machine(transport.connect(host), tmp_path / "root")


def make(machine: Machine, index: Index, python: Python) -> Venv:
    lock = ensure_lock(python, machine.root.parent / "cluster.lock")
    return Venv(lock, python, machine.root, "llama", "host-1", cache=index.folder / "wheels", deep=True)


def cut(path: Path) -> None:
    """Its last row, which is its own, and half of the one before."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def without(path: Path, word: str) -> None:
    path.write_text("".join(line for line in path.read_text().splitlines(keepends=True) if word not in line))


def instead(path: Path, *, link: Path | None = None) -> None:
    path.unlink()
    path.symlink_to(link) if link else path.mkdir()


def led_away(folder: Path) -> None:
    folder.rename(folder.with_name(f"{folder.name}.away"))
    folder.symlink_to(f"{folder.name}.away")


def program(path: Path) -> None:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)


def also_the_hosts(path: Path) -> None:
    path.write_text(
        path.read_text().replace("include-system-site-packages = false", "include-system-site-packages = true")
    )


INFO = "tiny-2.0.dist-info"

#: What was done to an environment → what it does, given the environment and its site-packages.
DAMAGE: dict[str, Callable[[Path, Path], object]] = {
    "an empty RECORD": lambda env, site: (site / INFO / "RECORD").write_text(""),
    "a cut RECORD": lambda env, site: cut(site / INFO / "RECORD"),
    "a RECORD without its own row": lambda env, site: without(site / INFO / "RECORD", "RECORD"),
    "a RECORD without METADATA": lambda env, site: without(site / INFO / "RECORD", "METADATA"),
    "a RECORD without the code": lambda env, site: without(site / INFO / "RECORD", "tiny.py"),
    "a RECORD that is a folder": lambda env, site: instead(site / INFO / "RECORD"),
    "a RECORD that is a link": lambda env, site: instead(site / INFO / "RECORD", link=Path("METADATA")),
    "no METADATA": lambda env, site: (site / INFO / "METADATA").unlink(),
    "an empty dist-info": lambda env, site: [path.unlink() for path in (site / INFO).iterdir()],
    "two RECORDs": lambda env, site: [path.write_text("") for path in site.glob("*.dist-info/RECORD")],
    "code that is a link": lambda env, site: instead(site / "tiny.py", link=site / "small.py"),
    "an empty pyvenv.cfg": lambda env, site: (env / "pyvenv.cfg").write_text(""),
    "no pyvenv.cfg": lambda env, site: (env / "pyvenv.cfg").unlink(),
    "the host's own packages": lambda env, site: also_the_hosts(env / "pyvenv.cfg"),
    "another prompt": lambda env, site: (env / "pyvenv.cfg").open("a").write("prompt = other\n"),
    "an edited activate": lambda env, site: (env / "bin/activate").write_text(""),
    "no python": lambda env, site: (env / "bin/python").unlink(),
    "a python that leads nowhere": lambda env, site: instead(env / "bin/python", link=Path("/nonexistent")),
    "a python that is a folder": lambda env, site: instead(env / "bin/python"),
    "a python of somebody's": lambda env, site: [(env / "bin/python").unlink(), program(env / "bin/python")],
    "a program too many": lambda env, site: program(env / "bin/nvcc"),
    "a program named like uv's": lambda env, site: program(env / "bin/activate.sh"),
    "a .pth": lambda env, site: (site / "evil.pth").write_text("import sys\n"),
    "a .pth that uv made once": lambda env, site: (site / "_virtualenv.pth").write_text("import os\n"),
    "a RECORD that others cannot read": lambda env, site: (site / INFO / "RECORD").chmod(0),
    "code that cannot be read": lambda env, site: (site / "tiny.py").chmod(0),
    "a folder that cannot be looked into": lambda env, site: (site / "parts").chmod(0),
    "a folder that is a link": lambda env, site: led_away(site / "parts"),
    "a file in the place of a folder": lambda env, site: [shutil.rmtree(site / "parts"), program(site / "parts")],
    "a dist-info that is a link": lambda env, site: led_away(site / INFO),
    "entry points that no package brought": lambda env, site: (site / INFO / "entry_points.txt").write_text(
        "[a]\nb = c\n"
    ),
    "a bin that is a link": lambda env, site: led_away(env / "bin"),
    "a lib that is a link": lambda env, site: led_away(env / "lib"),
    "a site-packages that is a link": lambda env, site: led_away(site),
    "a lib64 of its own": lambda env, site: [(env / "lib64").unlink(), (env / "lib64").mkdir()],
    "no lib64": lambda env, site: (env / "lib64").unlink(),
    "no python3": lambda env, site: (env / "bin/python3").unlink(),
    "a pyvenv.cfg that others cannot read": lambda env, site: (env / "pyvenv.cfg").chmod(0),
    "a program that cannot be run": lambda env, site: (env / "bin/run-small").chmod(0o600),
    "no bin": lambda env, site: shutil.rmtree(env / "bin"),
    "code that others can write to": lambda env, site: (site / "tiny.py").chmod(0o666),
    "a folder that others can write to": lambda env, site: (site / "parts").chmod(0o777),
    "a site-packages that others can write to": lambda env, site: site.chmod(0o777),
    "an environment that others can write to": lambda env, site: env.chmod(0o777),
    "a mark that is a pipe": lambda env, site: [(env / ".provision").unlink(), os.mkfifo(env / ".provision")],
}


#: Of each kind one, all at once.
SHORT = (
    "an empty RECORD",
    "an empty pyvenv.cfg",
    "a program too many",
    "a .pth",
    "a folder that is a link",
    "no lib64",
)


@pytest.mark.parametrize("which", [SHORT, pytest.param(tuple(DAMAGE), marks=pytest.mark.long)], ids=["short", "all"])
def test_a_deep_up_repairs_whatever_was_damaged_and_loses_nothing(
    machine: Machine, index: Index, which: tuple[str, ...]
) -> None:
    venv = make(machine, index, two_packages(index))
    machine.apply(venv)
    rounds = [which] if which == SHORT else [(name,) for name in which]
    for name in rounds:
        for damage in name:
            DAMAGE[damage](Path(venv.path), site(venv))
        assert machine.told(venv), f"{name}: not seen"
        try:
            machine.apply(venv)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}") from error
        works = "import tiny, small, parts.inner, sys; print(tiny.version, small.version, sys.flags.no_site)"
        assert run_in(venv, works) == "2.0 1.5 0", name
        assert {path.name for path in site(venv).glob("*.dist-info")} == {INFO, "small-1.5.dist-info"}, name
        assert subprocess.run([venv.bin("run-small")], capture_output=True, check=True).stdout == b"runs\n", name
    assert not Path(venv.path, "bin/nvcc").exists() and not (site(venv) / "evil.pth").exists()


@pytest.mark.parametrize("deep", [False, True], ids=["plain", "deep"])
def test_nothing_is_removed_where_what_replaces_it_cannot_be_had(machine: Machine, index: Index, deep: bool) -> None:
    # From an index that is gone by the time of the repair.
    own = publish(machine.root.parent / "own")
    venv = replace(make(machine, own, two_packages(own).model_copy(update={"wheels": "index"})), deep=deep)
    machine.apply(venv)
    shutil.move(own.folder, own.folder.with_name("away"))
    if deep:
        (site(venv) / INFO / "RECORD").write_text("")
    else:
        (site(venv) / INFO).rename(site(venv) / "tiny-1.0.dist-info")
    before = sorted(path.name for path in site(venv).rglob("*"))
    failed = machine.try_fix(venv, venv.want())
    assert failed.rc == 1
    assert sorted(path.name for path in site(venv).rglob("*")) == before
    assert run_in(venv, "import tiny, small; print(tiny.version)") == "2.0"
    shutil.move(own.folder.with_name("away"), own.folder)
    machine.apply(venv)


def test_an_environment_that_does_not_import_what_it_is_for_is_not_finished(machine: Machine, index: Index) -> None:
    python = two_packages(index)
    machine.apply(make(machine, index, python))
    venv = make(machine, index, python.model_copy(update={"packages": ("tiny==2.0", "broken")}))
    said, hint = venv.explain(machine.try_fix(venv, venv.want()))
    assert said[-1] == "`broken` cannot be imported: ModuleNotFoundError: No module named 'libthatisnowhere'"
    assert "python.packages" in hint
    assert machine.differences(venv)


def test_a_check_tries_again_where_what_matters_is_younger(machine: Machine, index: Index) -> None:
    venv = replace(make(machine, index, two_packages(index)), deep=False)
    machine.apply(venv)
    ran = machine.root / "ran"
    (site(venv) / "small.py").write_text(f"open({str(ran)!r}, 'w')\nimport libthatisnowhere\n")
    assert machine.told(venv) == [
        "`small` cannot be imported: ModuleNotFoundError: No module named 'libthatisnowhere' → as built"
    ]
    machine.apply(venv)
    ran.unlink()
    assert run_in(venv, "import small; print(small.version)") == "1.5"
    # Not where somebody else could have put it there.
    (site(venv) / "small.py").write_text(f"open({str(ran)!r}, 'w')\n")
    Path(venv.path).chmod(0o777)
    machine.see(venv)
    assert not ran.exists()


def test_programs_of_what_it_is_for_are_looked_for_without_a_deep_look(machine: Machine, index: Index) -> None:
    venv = replace(make(machine, index, two_packages(index)), deep=False)
    machine.apply(venv)
    Path(venv.bin("run-small")).chmod(0o600)
    assert machine.told(venv) == ["small not executable: bin/run-small → as installed"]
    machine.apply(venv)
    shutil.rmtree(Path(venv.path, "bin"))
    assert machine.told(venv) == [
        "its own files bin/python is missing → as built",
        "small missing: bin/run-small → as installed",
    ]
    machine.apply(venv)
    assert subprocess.run([venv.bin("run-small")], capture_output=True, check=True).stdout == b"runs\n"


@pytest.mark.parametrize("how", ["a program", pytest.param("a folder", marks=pytest.mark.long)])
def test_a_uv_of_ours_that_cannot_be_run_is_sent_again(machine: Machine, index: Index, how: str) -> None:
    venv = make(machine, index, two_packages(index))
    machine.apply(venv)
    (uv,) = (machine.root / "bin").iterdir()
    instead(uv) if how == "a folder" else uv.write_text("#!/bin/sh\nexit 9\n")
    (site(venv) / "tiny.py").write_text("")
    machine.apply(venv)
    assert run_in(venv, "import tiny; print(tiny.version)") == "2.0" and uv.is_file()
    assert not (machine.root / "uploads").exists() and not (machine.root / "cache").exists()


@pytest.mark.long
def test_a_repair_takes_nothing_through_a_link_in_the_place_of_its_folders(machine: Machine, index: Index) -> None:
    venv = replace(make(machine, index, two_packages(index)), deep=False)
    machine.apply(venv)
    (site(venv) / INFO).rename(site(venv) / "tiny-1.0.dist-info")
    led_away(Path(venv.path, "lib"))
    assert "lib of the environment is a link: run `provision up --deep`" in machine.try_fix(venv, venv.want()).stderr
    assert run_in(venv, "import tiny, small; print(tiny.version)") == "2.0"
    machine.apply(replace(venv, deep=True))


SEALED = {
    "UV_LINK_MODE": "symlink",
    "UV_RESOLUTION": "lowest",
    "UV_DEFAULT_INDEX": "http://127.0.0.1:1/simple",
    "UV_EXCLUDE_NEWER": "2001-01-01",
    "UV_CONFIG_FILE": "/nonexistent/uv.toml",
    "UV_PYTHON": "/nonexistent/python",
    "UV_PROJECT_ENVIRONMENT": "/nonexistent",
    "PIP_INDEX_URL": "http://127.0.0.1:1/simple",
    "PYTHONPATH": "/nonexistent",
    "PYTHONHOME": "/nonexistent",
    "VIRTUAL_ENV": "/nonexistent",
}


def test_no_variable_and_no_settings_of_a_host_count(
    machine: Machine, index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    venv = make(machine, index, two_packages(index).model_copy(update={"wheels": "index"}))
    (tmp_path / "config/uv").mkdir(parents=True)
    (tmp_path / "config/uv/uv.toml").write_text('link-mode = "symlink"\nindex-url = "http://127.0.0.1:1/simple"\n')
    fix = venv.fix(None, venv.want())
    given = {**SEALED, "XDG_CONFIG_HOME": str(tmp_path / "config")}
    login = "".join(f"export {name}='{value}'\n" for name, value in given.items())
    machine.session.send(fix.uploads)
    (done,) = machine.session.run([replace(fix, body=login + fix.body)])
    assert done.ok, done.stderr
    assert machine.differences(venv) == ()
    links = [path for path in site(venv).rglob("*") if path.is_symlink()]
    assert links == [] and run_in(venv, "import tiny; print(tiny.version)") == "2.0"


@pytest.mark.parametrize("form", ["folder", "url"])
def test_wheels_of_the_controllers_folders_reach_hosts_that_fetch_for_themselves(
    machine: Machine, index: Index, tmp_path: Path, form: str
) -> None:
    (tmp_path / "wheels").mkdir()
    write_wheel(tmp_path / "wheels/own-1.0-py3-none-any.whl", "own", "1.0")
    write_wheel(tmp_path / "wheels/own-0.9-py3-none-any.whl", "own", "0.9")
    links = "wheels" if form == "folder" else (tmp_path / "wheels").as_uri()
    settings = {"packages": ("own", "small"), "wheels": "index", "find_links": (links,)}
    venv = make(machine, index, two_packages(index).model_copy(update=settings))
    sent = [upload.source.name for upload in venv.fix(None, venv.want()).uploads]
    assert sent == ["uv", "own-1.0-py3-none-any.whl"]
    machine.apply(venv)
    assert run_in(venv, "import own, small; print(own.version)") == "1.0"
