"""Packages that have no wheel: built once, here, and pinned by the hash of the wheel that came of it.

The wheels are kept in a folder beside the lock, since nobody could make the same ones again; hosts are sent them
whatever `python.wheels` says. A requirement by URL, of git or of a file is one of these, too: what it was when it was
locked is what every host gets.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename

from provision.core.errors import LockError
from provision.core.private import private_folder
from provision.environment.building import build_wheel
from provision.environment.cache import kept_in, sha256_of, wheel_cache
from provision.environment.indexes import INVESTIGATE
from provision.environment.local_sources import local, told
from provision.environment.lock_text import logical_lines
from provision.environment.resolve import wheel_files
from provision.environment.wheels import fits_tags, target_tags
from provision.inventory.models import Python

Say = Callable[[str], None]

#: The line of a lock's header: what was built from what, as JSON.
HEADER = "built"


def beside(lock: Path) -> Path:
    """The folder of the wheels that were built for a lock."""
    return lock.with_suffix(".wheels")


def with_built(
    body: str, python: Python, base: Path, lock: Path, before: Mapping[str, str], say: Say | None
) -> tuple[str, dict[str, str]]:
    """The requirements file with versions and hashes of wheels in place of what has none, and wheel's sha256 → what it
    was built from. `before`: the same of the lock of before, whose wheels are taken again. Raises LockError."""
    stanzas = _sources(body, python, base)
    if not stanzas:
        return body, {}
    found: dict[str, str] = {}
    for first, stanza in stanzas.items():
        place = local(first)
        name = canonicalize_name(re.split(r"[\s\[=@]", first)[0])
        _refuse_another(first, place)
        # Where it lies is another place on each machine.
        source = f"{name} @ {place.name} {told(place)}" if place else " ".join(stanza.split())
        wheel = held(next((digest for digest, made_from in before.items() if made_from == source), ""), lock)
        if wheel is None and place and place.is_file() and place.parent == wheel_cache() / sha256_of(place):
            wheel = place  # just built
        if wheel is None:
            _refuse(first, python)
            if say:
                say(f"{'fetching' if is_wheel(first) else 'building'} {f'{name} of {place.name}' if place else first}")
            wheel = keep(build_wheel(stanza, body, python, base))
        found_name, version, *_ = parse_wheel_filename(wheel.name)
        digest = sha256_of(wheel)
        if name != found_name:
            raise LockError(f"`{first}` was built into `{wheel.name}`, which is another package")
        if " @ " not in first and not SpecifierSet(f"=={first.partition('==')[2]}").contains(version, prereleases=True):
            raise LockError(f"`{first}` was built into `{wheel.name}`, which is another version")
        body = body.replace(stanza, f"{name}=={version} \\\n    --hash=sha256:{digest}\n", 1)
        found[digest] = source
    return body, found


def is_asked_anew(source: str, upgrade: bool, only: Sequence[str]) -> bool:
    """Whether what was built from `source` is asked for anew."""
    name = canonicalize_name(re.split(r"[\s\[=@]", source)[0])
    return upgrade or name in {canonicalize_name(re.split(r"[\s\[=<>!~]", word)[0]) for word in only}


def _sources(body: str, python: Python, base: Path) -> dict[str, str]:
    """First word, or requirement by URL → its lines in `body`, of what has no wheel that the hosts could use."""
    entries = {line.split(" --hash")[0]: line for _, line in logical_lines(body)}
    direct = [first for first in entries if " @ " in first]
    pinned = [first for first in entries if "==" in first and first not in direct]
    lacking = []
    if python.build == "controller" and pinned:
        files = wheel_files("".join(f"{first}\n" for first in pinned), python, base)
        tags = target_tags(python)
        for first in pinned:
            wheels = files.get(canonicalize_name(re.split(r"[\[=]", first)[0]), ())
            lacking += [] if any(fits_tags(wheel, tags) for wheel in wheels) else [first]
    return {first: _stanza(first, body) for first in (*direct, *lacking)}


def _stanza(first: str, body: str) -> str:
    found = re.search(rf"^{re.escape(first)}[^\n]*\n(?: +--hash=\S+[^\n]*\n)*", body, re.MULTILINE)
    if found is None:
        raise LockError(f"`{first}` is not in what uv has resolved")
    return found[0]


def is_wheel(first: str) -> bool:
    url = first.partition(" @ ")[2].split("#")[0].split(" ")[0]
    return url.endswith(".whl")


def _refuse(first: str, python: Python) -> None:
    if python.build != "controller" and not is_wheel(first):
        name = Requirement(first.split(" ;", maxsplit=1)[0]).name
        raise LockError(
            f"`{name}` would be built from source, and each host would make another wheel of it",
            evidence=(first,),
            hint="set `python.build: controller`: it is built once, here, and every host gets that wheel by its hash",
        )


def _refuse_another(first: str, place: Path | None) -> None:
    """A file of this machine that is not the one of the hash in its address: of others pip says it."""
    expected = re.search(r"#(?:.*&)?sha256=([0-9a-f]{64})", first)
    if expected and place and place.is_file() and sha256_of(place) != expected[1]:
        evidence = (f"expected sha256:{expected[1]}", f"found sha256:{sha256_of(place)}")
        raise LockError(f"`{place}` is not the file of its hash", evidence=evidence, hint=INVESTIGATE)


def keep(wheel: Path) -> Path:
    """The wheel in the cache, in place of one in a temporary folder."""
    cache = wheel_cache()
    with kept_in(cache):
        folder = cache / sha256_of(wheel)
        private_folder(folder)
        kept = folder / wheel.name
        shutil.copyfile(wheel, kept)
        kept.chmod(0o600)
    shutil.rmtree(wheel.parent, ignore_errors=True)
    return kept


def held(digest: str, lock: Path) -> Path | None:
    """The wheel, where this machine has it."""
    for folder in (beside(lock), wheel_cache() / digest):
        for wheel in folder.glob("*.whl") if folder.is_dir() else ():
            if sha256_of(wheel) == digest:
                return wheel
    return None


def built_from(header: Mapping[str, str]) -> dict[str, str]:
    """Of a lock's header."""
    try:
        found = json.loads(header.get(HEADER, "{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def put_beside(lock: Path, header: Mapping[str, str]) -> None:
    """What was built for `lock` to its folder, and nothing else that was. Raises LockError, OSError."""
    wanted, folder = built_from(header), beside(lock)
    for digest in wanted:
        wheel = held(digest, lock)
        if wheel is None:
            raise LockError(f"a wheel that was built for `{lock.name}` is gone", hint="run `provision lock`")
        if wheel.parent != folder:
            if folder.exists() and not folder.is_dir():
                said = f"`{folder}` is a file, expected the folder of the wheels that are built"
                raise LockError(said, hint="name it otherwise, and run `provision lock` again")
            folder.mkdir(mode=0o755, exist_ok=True)
            fresh = folder / f".{wheel.name}.new"
            shutil.copyfile(wheel, fresh)
            fresh.chmod(0o644)
            fresh.replace(folder / wheel.name)


def take_in(lock: Path, header: Mapping[str, str], cache: Path) -> None:
    """What was built on another machine, and came along with the lock, to the cache of this one. Raises LockError."""
    for digest, source in built_from(header).items():
        folder = cache / digest
        if not folder.is_dir():
            wheel = held(digest, lock)
            if wheel is None:
                raise LockError(
                    f"the wheel of `{source.split()[0]}`, which was built when `{lock.name}` was made, is not here",
                    hint=f"copy the folder `{beside(lock).name}` that lies beside the lock where it was made, or run "
                    "`provision lock`",
                )
            private_folder(folder)
            shutil.copyfile(wheel, folder / wheel.name)
            (folder / wheel.name).chmod(0o600)
