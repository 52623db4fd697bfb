"""Asks uv which packages fit together: one run of `uv pip compile` on the controller.

Of what uv and pip are set up with on this machine, only what provision.environment.ambient names counts.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from urllib.parse import unquote

from provision.core.errors import LockError
from provision.core.person import home
from provision.core.urls import masked
from provision.environment.ambient import Ambient, ambient, for_uv, sealed
from provision.environment.indexes import (
    INVESTIGATE,
    NO_INDEX,
    as_lines,
    find_links,
    folders,
    index_variables,
    only_links,
)
from provision.environment.local_sources import copied
from provision.environment.requirement_files import lines_for_uv
from provision.inventory.models import Python


def compile_requirements(
    python: Python, base: Path, made: Path, *more: str, defaults: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Writes the pinned packages to `made`, whose versions are kept where they fit. Returns all that uv said.
    `defaults`: variables of uv's where this machine's settings say nothing. Raises LockError."""
    from uv import find_uv_bin

    folder, here = made.parent, ambient()
    command = [
        # It says what it reads of each package's requirements only if it is asked to.
        find_uv_bin(), "pip", "compile", "--verbose", "--color=never", "--generate-hashes", "--no-header",
        "--python-version", python.version, "--python-platform", python.platform,
        "--no-python-downloads", "--output-file", made.name,
    ]  # fmt: skip
    links = find_links(python, base, here)
    command += [f"--find-links={folder}" for folder in folders(links)]
    command += ["--only-binary=:all:"] if python.build != "controller" else []
    command += [f"--prerelease={python.prereleases}"]
    command += ["--no-index"] if only_links(python, here) else []
    command += [f"--torch-backend={python.torch_backend}"] if python.torch_backend else []
    for option, lines in (("--constraint", _ruling(python, base)), ("--override", _all(python.overrides, base))):
        if lines:
            name = f"{option.strip('-')}s.txt"
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
            command += [option, name]
    asked = [copied(line, folder / "sources") for line in lines_for_uv(python.packages, base)]
    (folder / "packages.in").write_text(as_lines(links) + "\n".join(asked) + "\n", encoding="utf-8")
    # In a folder of its own: uv would take settings from a pyproject.toml or uv.toml around.
    done = subprocess.run(
        [*command, *more, "packages.in"],
        cwd=folder,
        env={**defaults, **_environment(python, folder, here)},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode:
        evidence = decisive(done.stderr)
        if "not found in the provided package locations" in " ".join(evidence) and only_links(python, here):
            raise LockError("uv found no set of packages that fits", evidence=evidence, hint=NO_INDEX)
        raise LockError("uv found no set of packages that fits", evidence=evidence, hint=_hint(" ".join(evidence)))
    if not re.search(r"^\w", made.read_text(encoding="utf-8"), flags=re.MULTILINE):
        none = f"of python.packages none is for Python {python.version} on {python.platform}"
        raise LockError(none, hint="look at their markers, behind `;`")
    return done.stderr


def withdrawn(said: str) -> tuple[str, ...]:
    """What uv warned of: versions that were withdrawn."""
    lines = (line for line in masked(said).splitlines() if line.startswith("warning:") and "yanked" in line)
    return tuple(line.removeprefix("warning: ") for line in lines)


def _all(items: Sequence[str], base: Path) -> list[str]:
    return [*lines_for_uv(items, base), *lines_for_uv(items, base, rules=True)]


def _ruling(python: Python, base: Path) -> list[str]:
    return [*_all(python.constraints, base), *lines_for_uv(python.packages, base, rules=True)]


def wheel_files(pins: str, python: Python, base: Path) -> dict[str, tuple[str, ...]]:
    """Normalized name → the names of the wheels that the index has of each of `pins`, lines of a requirements file."""
    found = {}
    for block in _listed(pins, python, base).split("[[packages]]")[1:]:
        name = re.search(r'^name = "([^"]+)"', block, re.MULTILINE)
        files = re.findall(r'(?:url|path) = "(?:[^"]*/)?([^"/]+\.whl)"', block)
        found[name[1] if name else ""] = tuple(unquote(file) for file in files)
    return found


def wheel_sizes(pins: str, python: Python, base: Path) -> dict[str, int]:
    """sha256 → bytes of the wheels that the hosts take of `pins`, as far as the index says. Raises LockError."""
    listed = re.findall(r'size = (\d+), hashes = \{ sha256 = "([0-9a-f]{64})" \}', _listed(pins, python, base))
    return {digest: int(size) for size, digest in listed}


def _listed(pins: str, python: Python, base: Path) -> str:
    """https://packaging.python.org/en/latest/specifications/pylock-toml/"""
    with tempfile.TemporaryDirectory(prefix="provision-lock-") as folder:
        made = Path(folder) / "pylock.toml"
        pinned = python.model_copy(update={"packages": tuple(pins.splitlines()), "constraints": (), "overrides": ()})
        compile_requirements(pinned, base, made, "--no-deps", "--format=pylock.toml")
        return made.read_text(encoding="utf-8")


def _environment(python: Python, folder: Path, here: Ambient) -> dict[str, str]:
    # What a source package says of itself may take a build.
    building = python.build_env if python.build != "never" else {}
    env = {**sealed(proxies=python.proxies), **_cache(folder), **_pythons(folder), **building}
    # uv needs some Python, and there may be none but the one that this runs on.
    env["PATH"] = os.pathsep.join([env.get("PATH") or os.defpath, str(Path(sys.executable).parent)])
    return {**env, **for_uv(here, env), **index_variables(python, here)}


def _cache(folder: Path) -> dict[str, str]:
    """uv ends where it cannot make its cache: without a place for it, one below `folder` serves this run alone.
    https://docs.astral.sh/uv/concepts/cache/#cache-directory"""
    if any(os.environ.get(name) for name in ("UV_CACHE_DIR", "UV_NO_CACHE")):
        return {}
    place = _nearest("XDG_CACHE_HOME", ".cache", "uv")
    if place is not None and place.is_dir() and os.access(place, os.W_OK | os.X_OK):
        return {}
    return {"UV_CACHE_DIR": str(folder / "uv-cache")}


def _pythons(folder: Path) -> dict[str, str]:
    """uv ends where the folder of its own Pythons cannot be looked into, such as below a $HOME that is a file.
    https://docs.astral.sh/uv/reference/environment/#uv_python_install_dir"""
    place = _nearest("XDG_DATA_HOME", ".local/share", "uv/python")
    if os.environ.get("UV_PYTHON_INSTALL_DIR") or place is None or place.is_dir():
        return {}
    return {"UV_PYTHON_INSTALL_DIR": str(folder / "uv-python")}


def _nearest(variable: str, below_home: str, name: str) -> Path | None:
    """Of a folder of uv's what is there: any part of it may be missing, and is made below the last one that is. None
    where it has no place."""
    xdg, own = Path(os.environ.get(variable, "")), home()
    base = xdg if xdg.is_absolute() else own / below_home if own else None
    return next((p for p in (base / name, *(base / name).parents) if os.path.lexists(p)), None) if base else None


#: uv asks only the first index that has a name.
OTHER_INDEX = (
    "make the index that has it `python.index`; or, if you trust all of them alike, since whoever publishes on one can "
    "replace packages of the others: set `python.index_strategy: unsafe-best-match`"
)


#: For what imports other packages while it is built.
BESIDE_THE_REST = (
    "if it imports one of the other packages while it is built: name it, with its version, in `python.packages` and in "
    "`python.no_build_isolation`; what is needed for the build alone goes to `python.build_packages`"
)


#: uv has no setting for another place.
OWN_PYTORCH = (
    "python.torch_backend takes PyTorch from download.pytorch.org, which cannot be reached: leave it out, and name the "
    "build in python.packages (`torch==2.14.0+cu130`); or name a mirror of https://download.pytorch.org/whl/cu130 as "
    "`python.index`, and the other index in `python.extra_indexes`"
)


def _hint(said: str) -> str:
    """Signs in uv's words → what to do."""
    table = (
        (r"[Hh]ash mismatch", INVESTIGATE),
        (r"No space left on device|[Qq]uota exceeded",
         "free some space for uv's cache and for temporary files (`df -h` shows which disk is full), or name other "
         "folders in UV_CACHE_DIR and TMPDIR"),
        (r"[Ff]ailed to initialize cache",
         "uv has no room for its cache: name a writable folder in UV_CACHE_DIR"),
        (r"ModuleNotFoundError: No module named", BESIDE_THE_REST),
        (r"Failed to build|build backend returned",
         "its own words are above; choose a version that has a wheel, or set what its build needs in python.build_env"),
        (r"does not match (?:given name|`)", "write the name that the package itself has, before the `@`"),
        (r"Git operation failed",
         "check the address after `git+`, and the branch, tag or commit after `@`: `git ls-remote` shows them"),
        (r"Distribution not found at", "a path is relative to the inventory, or to the file of requirements it is in"),
        (r"no (?:usable )?wheels|no pre-built wheels|from source is disabled|[Bb]uilding source distributions",
         "hosts do not build from source, which would give each its own code: choose a version that has a wheel for "
         "this platform and Python; or set `python.build: controller`: it is built once, here, and every host gets "
         "that wheel by its hash"),
        (r"Failed to fetch: `?https://download\.pytorch\.org", OWN_PYTORCH),
        (r"Failed to read `--find-links`", "check the folders and pages in python.find_links"),
        (r"subsequent index|--index-strategy", OTHER_INDEX),
        (r"invalid peer certificate",
         "uv does not trust the index's certificate: export UV_SYSTEM_CERTS=1, or name the file in SSL_CERT_FILE"),
        (r"[Ff]ailed to fetch|dns error|[Cc]onnect(?:ion)? error|timed? ?out|Could not connect",
         "the index cannot be reached from here: check the network, or set python.index"),
        (r"not found in the package registry|there (?:are|is) no versions? of",
         "check the names and versions in python.packages, and python.index and python.find_links"),
        (r"Expected (?:package name|`--hash`)|Unexpected '|(?:Failed to|Couldn't) parse|[Ii]nvalid",
         "check python.packages, constraints and overrides"),
    )  # fmt: skip
    fallback = "loosen a version in python.packages, or settle the conflict in python.overrides"
    return next((hint for sign, hint in table if re.search(sign, said)), fallback)


def decisive(text: str, *, lines: int = 12) -> tuple[str, ...]:
    """What uv or pip complained about, without boxes, notices and passwords. A file that is not the one expected is
    called what it is."""
    plain = re.sub(r"[×╰╭─▶│├┬]", " ", masked(text))
    kept = (line.strip() for line in plain.splitlines())
    noise = ("DEBUG ", "TRACE ", "INFO ", "WARN ", "warning:", "WARNING:", "[notice]", "Resolved ", "Using ")
    return tuple(line for line in kept if line and not line.startswith(noise))[-lines:]


def indexes_used(python: Python, base: Path) -> list[str]:
    """The indexes that uv took packages from: `torch_backend` means one that pip must be told of. Resolves
    once more, a few seconds. Raises LockError."""
    with tempfile.TemporaryDirectory(prefix="provision-lock-") as folder:
        made = Path(folder) / "lock.txt"
        compile_requirements(python, base, made, "--emit-index-annotation")
        return sorted(set(re.findall(r"# from (https?://\S+)", made.read_text(encoding="utf-8"))))
