"""Builds one wheel, with the Python that the hosts have: on this machine, or by `Python.builder` on another."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import Version

from provision.core.errors import LockError
from provision.core.values import dataclass
from provision.environment.ambient import ambient, for_pip, for_uv, sealed
from provision.environment.indexes import (
    INVESTIGATE,
    REPLACED,
    as_lines,
    find_links,
    folders,
    index_variables,
    only_links,
    pip_index_variables,
)
from provision.environment.local_sources import pristine
from provision.environment.lock_text import logical_lines
from provision.environment.platforms import at_least
from provision.environment.python_version import minor
from provision.environment.resolve import BESIDE_THE_REST, decisive
from provision.environment.wheels import glibc, misfit, pip_download
from provision.inventory.models import Python

#: What packages that are built without isolation take for granted.
_TOOLS = ("setuptools", "wheel")


@dataclass(frozen=True)
class Order:
    """What another machine is to build. `requirement`: with its hashes, if it has any. `beside`: for what is built
    without isolation, the requirements that are installed for it, with hashes, and `tools`."""

    name: str
    requirement: str
    python: Python
    base: Path
    isolated: bool
    beside: str = ""
    tools: tuple[str, ...] = ()

    def failed(self, said: str) -> LockError:
        what = self.requirement.split(" \\\n", 1)[0].strip()
        hint = _hint(said, self.isolated)
        if "DO NOT MATCH" in said:
            # Where a lock has lost what was built from what, its hash is taken for that of the source.
            hint = f"if the lock was edited: `provision lock --upgrade-package {self.name}`; if not, {INVESTIGATE}"
        return LockError(f"`{what}` could not be built", evidence=decisive(said), hint=hint)


@dataclass(frozen=True)
class Machine:
    """Where a wheel was built: `uname -m`, and the version of glibc."""

    machine: str
    libc: str


def build_wheel(stanza: str, body: str, python: Python, base: Path) -> Path:
    """The wheel of one requirement, with its hashes if it has any, in a temporary folder of its own. `body`: all that
    was resolved. Raises LockError."""
    made = Path(tempfile.mkdtemp(prefix="provision-build-"))
    try:
        wheel, where = _made(pristine(stanza, made / "sources"), body, python, base, made)
        _refuse_unfit(wheel, python, where)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return wheel


def _made(stanza: str, body: str, python: Python, base: Path, made: Path) -> tuple[Path, Machine]:
    """The wheel, and where it was built."""
    first = logical_lines(stanza)[0][1].split(" --hash")[0]
    name = canonicalize_name(re.split(r"[\s\[=@]", first)[0])
    isolated = name not in map(canonicalize_name, python.no_build_isolation)
    lines = [] if isolated else [line for _, line in logical_lines(body) if "==" in line and not line.startswith(first)]
    beside, tools = "".join(f"{line}\n" for line in lines), () if isolated else _tools(python, lines)
    order = Order(name, stanza, python, base, isolated, beside, tools)
    here = Machine(platform.machine(), platform.libc_ver()[1])
    if re.search(r"\.whl(#|$)", first):
        done = pip_download(python, made, stanza, base=base)
        wheels = list(made.glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            evidence = decisive(done.stderr)
            if "DO NOT MATCH" in done.stderr:
                raise LockError(f"the file of `{first}` was {REPLACED}", evidence=evidence, hint=INVESTIGATE)
            raise LockError(f"`{first}` could not be fetched", evidence=evidence, hint="check its address")
        return wheels[0], here
    if python.builder is not None:
        wheel, where = python.builder(order, made)
        return wheel, where
    interpreter = find_interpreter(python)
    if not isolated:
        interpreter = _environment(interpreter, order, made)
    done = _pip_wheel(interpreter, order, made)
    wheels = list(made.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        raise order.failed(done.stderr)
    return wheels[0], here


def _tools(python: Python, lines: Sequence[str]) -> tuple[str, ...]:
    locked = {line.partition("==")[0] for line in lines}
    named = [re.split(r"[^\w.-]", tool)[0] for tool in python.build_packages]
    return (*python.build_packages, *(tool for tool in _TOOLS if tool not in {*locked, *named}))


def find_interpreter(python: Python) -> str:
    """A Python of the hosts' version on this machine. Raises LockError."""
    if f"{sys.version_info.major}.{sys.version_info.minor}" == minor(python.version):
        return sys.executable
    from uv import find_uv_bin

    command = [find_uv_bin(), "python", "find", "--system", "--no-python-downloads", minor(python.version)]
    done = subprocess.run(command, env=sealed(), capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode:
        raise LockError(
            f"Python {minor(python.version)} is not on this machine, and packages are built with the hosts' version",
            hint=f"run `uv python install {minor(python.version)}`, or set python.version to one that is here",
        )
    return done.stdout.strip()


def as_pip_reads(stanza: str) -> str:
    """Older pips take no URL without a host behind a name."""
    local = re.match(r"(\S+) @ (git\+file:[^#\s]+)(?:#(\S+))?", stanza)
    if not local:
        return stanza
    return f"{local[2]}#egg={local[1].partition('[')[0]}{f'&{local[3]}' if local[3] else ''}\n"


def _pip_wheel(interpreter: str, order: Order, made: Path) -> subprocess.CompletedProcess[str]:
    here, python, stanza, isolated = ambient(), order.python, order.requirement, order.isolated
    links, name = find_links(python, order.base, here), order.name
    listed = made / "requirements.txt"
    listed.write_text(as_lines(links) + as_pip_reads(stanza), encoding="utf-8")
    command = [
        sys.executable, "-m", "pip", "--python", interpreter, "wheel", "--quiet", "--no-input", "--no-deps",
        "--disable-pip-version-check", "--no-cache-dir", "--progress-bar=off", f"--no-binary={name}",
        *(f"--find-links={folder}" for folder in folders(links)),
        *(() if isolated else ("--no-build-isolation",)),
        "--wheel-dir", str(made), "-r", str(listed),
    ]  # fmt: skip
    tools = "" if isolated else str(Path(interpreter).parent) + os.pathsep
    env = {
        **sealed(proxies=python.proxies),
        **for_pip(here, python.proxies),
        **pip_index_variables(python, here),
        **python.build_env,
    }
    env |= {"PATH": tools + env.get("PATH", os.defpath), "SOURCE_DATE_EPOCH": env.get("SOURCE_DATE_EPOCH", "315532800")}
    return _run(command, env, made)


def _environment(interpreter: str, order: Order, made: Path) -> str:
    """An environment that holds the rest of the lock, as far as that has wheels: its Python."""
    from uv import find_uv_bin

    here, env, python, tools = ambient(), made / "environment", order.python, order.tools
    links = find_links(python, order.base, here)
    listed = made / "environment.txt"
    listed.write_text(as_lines(links) + order.beside, encoding="utf-8")
    variables = {**sealed(proxies=python.proxies)}
    variables |= {**for_uv(here, variables), **index_variables(python, here)}
    install = [
        find_uv_bin(),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build",
        "--python",
        str(env / "bin/python"),
    ]
    install += [f"--find-links={folder}" for folder in folders(links)]
    install += ["--no-index"] if only_links(python, here) else []
    install += [f"--torch-backend={python.torch_backend}"] if python.torch_backend else []
    for command in (
        [find_uv_bin(), "venv", "--quiet", "--python", interpreter, str(env)],
        [*install, "--require-hashes", "-r", str(listed)] if order.beside else [],
        # They may need others, unlike the lock, which has all that it needs.
        [word for word in (*install, *tools) if word != "--no-deps"] if tools else [],
    ):
        done = _run(command, variables, made) if command else None
        if done is not None and done.returncode:
            raise LockError(
                f"the environment that `{order.name}` is built in could not be made",
                evidence=decisive(done.stderr),
                hint="what is built without isolation needs wheels of all else in the lock",
            )
    return str(env / "bin/python")


def _run(command: list[str], env: Mapping[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, env=dict(env), cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


def _refuse_unfit(wheel: Path, python: Python, where: Machine) -> None:
    """A compiled one needs the C library that it was built with, or a newer one, unless its tags say otherwise."""
    try:
        tags = parse_wheel_filename(wheel.name)[3]
    except InvalidWheelFilename:
        raise LockError(f"what was built is no wheel by its name: `{wheel.name}`") from None
    if not any(tag.platform.startswith("linux_") for tag in tags):
        return
    unfit = misfit(python.platform, where.machine, "")
    newer = Version(where.libc or "0") > Version(glibc(python.platform))
    if unfit or newer:
        what = f"architecture is `{where.machine}`" if unfit else f"glibc is `{where.libc}`"
        place = f"`{python.build_on}`, whose" if python.builder is not None else "this machine, whose"
        raise LockError(
            f"`{wheel.name}` is compiled on {place} {what}: it may not run on `{python.platform}`",
            hint=_elsewhere(at_least(where.machine, where.libc), python.platform),
        )


def _elsewhere(own: str, asked: str) -> str:
    """`own`: empty where uv has no word for a platform like this machine."""
    if own:
        return (
            f"if every host has as much, `python.platform: {own}`; or build it on a machine like the hosts, and name "
            "the folder of its wheel in python.find_links"
        )
    return (
        f"build it on an older machine, such as `{asked}`, and name the folder of its wheel in `python.find_links`; "
        "uv knows no platform like this machine"
    )


def _hint(said: str, isolated: bool) -> str:
    if module := re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", said):
        lacking = f"it needs `{module[1]}` to be built: name what has it in `python.build_packages`"
        return BESIDE_THE_REST if isolated else lacking
    # Newer pips, such as 25.1, do not say what the backend of a build could not import.
    if backend := re.search(r"BackendUnavailable: Cannot import '([\w.]+)'", said):
        lacking = f"`{backend[1]}`, with which it is built, or what that imports is not there: name it in "
        return BESIDE_THE_REST if isolated else f"{lacking}`python.build_packages`"
    return "its own words are above; name a version that has a wheel, or what its build needs in `python.build_env`"
