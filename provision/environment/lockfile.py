"""The lock: one requirements file with hashes, made once on the controller, installed alike on every host.

It is made by `uv pip compile` and stays a requirements file; its header says for which Python and platform it is, and
from which settings it was made, each as a digest, so that a lock that no longer fits names what has changed.
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.core.files import write_whole
from provision.environment import git_commits
from provision.environment.lock_changes import asked_by_packages, changes, named_by_setting
from provision.environment.lock_inputs import HERE, inputs_of, left_here, recorded_inputs, refuse, unmet
from provision.environment.lock_text import (
    REMAKE,
    LockBroken,
    header_of,
    is_sealed,
    lock_text,
    logical_lines,
    move_folder_aside,
    refuse_conflict,
    refuse_truncated,
    refuse_unbuilt,
)
from provision.environment.missing_hashes import only_promised, with_sha256
from provision.environment.requirement_files import asked_by_settings, promised
from provision.environment.resolve import compile_requirements, withdrawn
from provision.inventory.models import Python

_TITLE = "# The exact environment of every host, with hashes. Made by `provision lock`; keep it beside the inventory.\n"
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^]]*\])?==([^\s;@]+)\Z")
_HASH = re.compile(r"--hash=(sha256:[0-9a-f]{64})\Z")

#: Why a lock is made anew that does not say what it was.
UNSEALED = "left without its line `# digest: …`, so that it cannot be told whether it was edited"

#: The digest of what is no lock.
UNLOCKED = "unlocked"

#: Why there is no lock: nobody has made one.
ABSENT = "absent"


class LockMissing(LockError):
    """There is no lock yet: `up` and `provision lock` create it, `check` can only compare the hosts with each other."""


class LockStale(LockError):
    """The lock was made from other settings than the inventory's: `up` and `provision lock` remake it.

    `lock` is the old one, which still says what the hosts were made to be; its `stale` tells the difference.
    """

    def __init__(self, lock: Lock) -> None:
        super().__init__(f"`{lock.path.name}` was {lock.stale}", hint=REMAKE)
        self.lock = lock


@dataclass(frozen=True)
class Lock:
    """`packages`: normalized name → version. `hashes`: normalized name → the files that will do.

    `digest` is over what decides the environment (names, versions, hashes, Python, platform) alone.

    `stale`: why it is not the lock of this inventory, or no longer; empty for one that fits. `news`: what is new in it
    since the one before, where it was just resolved.
    """

    path: Path
    text: str = field(repr=False)
    python: str
    platform: str
    packages: Mapping[str, str] = field(repr=False, hash=False)
    hashes: Mapping[str, tuple[str, ...]] = field(repr=False, hash=False)
    digest: str
    #: Of an image: a hash of what is in it, layers and variables; its name; and the one by which hosts pull it.
    content: str = field(default="", compare=False, repr=False)
    name: str = field(default="", compare=False, repr=False)
    pulled: str = field(default="", compare=False, repr=False)
    stale: str = field(default="", compare=False)
    news: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def short(self) -> str:
        """Names the environment's directory on the hosts."""
        return self.digest[:12]

    @property
    def requirements(self) -> str:
        """The lock without its comments: what the hosts install from."""
        lines = (requirement(self, name) for name in sorted(self.packages))
        return "".join(lines)


def no_lock(python: Python, path: Path) -> Lock:
    """What stands for a lock where there is none, or none is needed: it holds nothing."""
    return Lock(path, "", python.version, python.platform, {}, {}, UNLOCKED)


def requirement(lock: Lock, name: str) -> str:
    """One package's lines, as pip and uv read them."""
    hashes = "".join(f" \\\n    --hash={digest}" for digest in lock.hashes[name])
    return f"{name}=={lock.packages[name]}{hashes}\n"


def ensure_lock(
    python: Python, path: Path, *, base: Path | None = None, say: Callable[[str], None] | None = None
) -> Lock:
    """The lock at `path`, made or remade if it is missing or stale. Raises LockError."""
    try:
        return read_lock(path, python, base=base)
    except (LockMissing, LockStale) as reason:
        if say:
            say(f"{reason.message}: making it")
        return make_lock(python, path, base=base, say=say)


def read_lock(path: Path, python: Python, *, base: Path | None = None) -> Lock:
    """Raises LockMissing, LockStale (the inventory has changed since), or LockError (not to be read).

    `base`: the folder that relative paths in the inventory start from; default: the lock's own."""
    try:
        text = lock_text(path)
    except FileNotFoundError:
        raise LockMissing(f"there is no lock at `{path.name}`", hint=REMAKE) from None
    lock = parse_lock(text, path)
    recorded = recorded_inputs(text)
    base = base or path.parent
    inputs = inputs_of(python, base)
    names = [name for name in dict.fromkeys((*inputs, *recorded)) if name != HERE]
    changed = [name for name in names if recorded.get(name) != inputs.get(name)]
    if changed:
        stale = f"made from other settings ({', '.join(f'python.{name}' for name in changed)})"
        missing = "; ".join(unmet(lock.packages, python, base))
        raise LockStale(replace(lock, stale=f"{stale}: {missing}" if missing else stale))
    if not is_sealed(text):
        raise LockStale(replace(lock, stale=UNSEALED))
    return lock


def make_lock(
    python: Python,
    path: Path,
    *,
    base: Path | None = None,
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    say: Callable[[str], None] | None = None,
) -> Lock:
    """As `resolve_lock`, whose news it says, and writes it to `path`, whole or not at all."""
    lock = resolve_lock(python, path, base=base, upgrade=upgrade, upgrade_packages=upgrade_packages, say=say)
    if say:
        for line in (*lock.news, *left_here(python)):
            say(line)
    write_lock(lock, say)
    return lock


def write_lock(lock: Lock, say: Callable[[str], None] | None = None) -> None:
    """Raises LockError."""
    from provision.environment.built import put_beside

    try:
        put_beside(lock.path, header_of(lock.text))
        move_folder_aside(lock.path, say)
        # It belongs to the project, as the inventory does: its readers are those of other new files there.
        write_whole(lock.path, lock.text, mode=0o644, kept=True)
    except OSError as error:
        raise LockError(f"`{lock.path}` cannot be written: {error.strerror}") from error


def resolve_lock(
    python: Python,
    path: Path,
    *,
    base: Path | None = None,
    upgrade: bool = False,
    upgrade_packages: Sequence[str] = (),
    check: bool = False,
    say: Callable[[str], None] | None = None,
) -> Lock:
    """Resolves `python.packages` for the hosts' Python and platform. Writes nothing. Its news: versions that moved
    and why, files that are others, versions that were withdrawn.

    Versions that the old lock holds are kept where they still fit, unless `upgrade`, or a package is one of
    `upgrade_packages`, and so are their hashes, unless `check`. Takes seconds, and the index. Raises LockError with
    uv's own words.
    """
    base = base or path.parent
    refuse(python, base)
    # They need what reads a lock.
    from provision.environment import built, unisolated

    header = header_of(_text_or_none(path))
    before, of_git = built.built_from(header), git_commits.of_git(python, base)
    again = {
        digest: source
        for digest, source in before.items()
        if not built.is_asked_anew(source, upgrade, upgrade_packages)
    }
    if say:
        say(f"locking {', '.join(python.packages)} for Python {python.version} on {python.platform}")
    with tempfile.TemporaryDirectory(prefix="provision-lock-") as folder:
        made = Path(folder) / "lock.txt"
        kept = ""
        if not upgrade:
            kept = _kept_versions(path, say, hashes=not check)
            # Of a wheel that was built here no index knows the hash.
            kept = re.sub(rf" \\\n +--hash=sha256:(?:{'|'.join(before) or '-'})$", "", kept, flags=re.MULTILINE)
            made.write_text(kept, encoding="utf-8")
        more = [f"--upgrade-package={name}" for name in upgrade_packages]
        same = recorded_inputs(_text_or_none(path)).get("packages") == inputs_of(python, base)["packages"]
        still = git_commits.still_asked(of_git, header, same)
        pinned = git_commits.at_commits(python, base, again.values(), still)
        asked, beside = unisolated.without_isolation(pinned, base, path, again, kept, more, say)
        said = compile_requirements(asked, base, made, *more)
        body = named_by_setting(made.read_text(encoding="utf-8"))
        allowed = promised((*python.packages, *python.constraints, *python.overrides), base)
        body = only_promised(body, allowed)
        body, wheels = built.with_built(body, asked, base, path, again, say)
        wheels |= {digest: source for digest, source in beside.items() if digest in wheels}
        unisolated.refuse_moved(wheels, body)
        body = only_promised(with_sha256(body, python, base), allowed, but=wheels.values())
    about = f"# python: {python.version}\n# platform: {python.platform}\n"
    plain = parse_lock(about + body, path)
    made_from = " ".join(f"{name}={digest}" for name, digest in inputs_of(python, base).items())
    head = f"# inputs: {made_from}\n# digest: {plain.digest}\n# packages: {len(plain.packages)}\n"
    head += f"# {git_commits.HEADER}: {json.dumps(of_git, sort_keys=True)}\n" if of_git else ""
    head += f"# {built.HEADER}: {json.dumps(wheels, sort_keys=True)}\n" if wheels else ""
    lock = parse_lock(_TITLE + about + head + body, path)
    why = {**asked_by_packages(said, lock.packages), **asked_by_settings(python, base)}
    return replace(lock, news=(*withdrawn(said), *changes(_read_or_none(path), lock, why)))


def _text_or_none(path: Path) -> str:
    try:
        return lock_text(path)
    except (FileNotFoundError, LockError):
        return ""


def _read_or_none(path: Path) -> Lock | None:
    try:
        return parse_lock(lock_text(path), path, edited=True)
    except (FileNotFoundError, LockError):
        return None


def _kept_versions(path: Path, say: Callable[[str], None] | None, *, hashes: bool) -> str:
    """What uv is to keep the versions of; nothing where there is no lock, or a broken one. Without hashes, it asks the
    index for them."""
    try:
        text = lock_text(path)
        lock = parse_lock(text, path, edited=True)
        if hashes and is_sealed(text):
            parse_lock(text, path)
            return text
    except FileNotFoundError:
        return ""
    except LockError as reason:
        whole = _read_or_none(path)
        if say:
            say(f"{reason.message}: making it anew, with {'its' if whole else 'the newest'} versions that fit")
        if whole is None:
            return ""
        lock = whole
    return "".join(f"{name}=={version}\n" for name, version in lock.packages.items())


def parse_lock(text: str, path: Path, *, edited: bool = False) -> Lock:
    """Raises LockBroken, naming the line, for anything but `name==version` with sha256 hashes, and, unless it may
    be `edited`, for what is not as it was written."""
    refuse_conflict(text, path)
    header = header_of(text)
    version, platform = header.get("python", ""), header.get("platform", "")
    if not version or not platform:
        missing = "python" if not version else "platform"
        raise LockBroken(f"{path}:1: this was not made by `provision lock`: `# {missing}: …` is missing", hint=REMAKE)
    packages: dict[str, str] = {}
    hashes: dict[str, tuple[str, ...]] = {}
    for number, line in logical_lines(text):
        first, *rest = line.split()
        pin, found = _PIN.match(first), [_HASH.match(word) for word in rest]
        if pin is None or not found or not all(found):
            hint = "put the wheel into a folder, name the folder in python.find_links and the wheel by its version"
            raise LockBroken(
                f"{path}:{number}: `{first}` is not a version with sha256 hashes", hint=hint if "@" in line else REMAKE
            )
        name = canonicalize_name(pin[1])
        packages[name] = pin[2]
        hashes[name] = tuple(sorted(match[1] for match in found if match))
    refuse_truncated(text, header, len(packages), path)
    if not packages:
        raise LockBroken(f"`{path}` holds no packages", hint=REMAKE)
    content = json.dumps([version, platform, sorted(packages.items()), sorted(hashes.items())])
    digest = hashlib.sha256(content.encode()).hexdigest()
    if not edited and header.get("digest", digest) != digest:
        raise LockBroken(f"`{path}` was edited after `provision lock` wrote it", hint=REMAKE)
    if not edited:
        refuse_unbuilt(header, {one for found in hashes.values() for one in found}, path)
    return Lock(path, text, version, platform, packages, hashes, digest)
