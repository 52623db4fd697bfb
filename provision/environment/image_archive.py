"""A file that `docker save` has written, read without Docker: which image it is, and what is in it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import field
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from provision.core.errors import LockError
from provision.core.regex import regex
from provision.core.values import dataclass
from provision.environment import unpacking

_DIST = regex(
    r"(?:.*/)?lib/python(3\.\d+)/(?:site|dist)-packages/([\w.-]+)-([\w.+!]+)\.dist-info(?:/METADATA)?\Z", re.ASCII
)

#: Files in which programs keep what lets them in.
_CREDENTIALS = regex(
    r"(?:.*/)?(?:\.netrc|\.git-credentials|\.env|\.docker/config\.json|\.aws/credentials|\.config/gh/hosts\.yml"
    r"|(?:\.cache/huggingface|\.huggingface)/(?:token|stored_tokens)|\.ssh/id_\w+|id_(?:rsa|ed25519|ecdsa))\Z"
)

_SEE = "see who has made it, and of what: `docker history --no-trunc IMAGE` where it was built"


@dataclass(frozen=True)
class ImageInside:
    """`digest`: of its configuration, by which every daemon knows it. `python`: that which has the packages.
    `content`: a hash of its layers and variables, which an engine tells that knows images by another digest.
    `name`: what the file calls it, with its tag; empty where it has none. `credentials`: files in its layers that hold
    some, by their names."""

    digest: str
    platform: str
    python: str
    packages: Mapping[str, str] = field(hash=False)
    variables: Mapping[str, str] = field(hash=False)
    content: str
    name: str = ""
    credentials: tuple[str, ...] = ()


def digest_of(archive: Path) -> str:
    """Which image it is: the hash of its configuration, without `sha256:`. Raises LockError."""
    with _opened(archive) as tar:
        return _config(tar, archive).digest


def look_inside(archive: Path) -> ImageInside:
    """Reads names alone of what its layers hold. Raises LockError."""
    with _opened(archive) as tar:
        image = _config(tar, archive)
        said = dict(line.partition("=")[::2] for line in image.variables)
        found: dict[str, dict[str, str]] = {}
        credentials: dict[str, None] = {}
        for name in _names(tar, image.layers, archive):
            if match := _DIST.match(name):
                found.setdefault(match[1], {})[canonicalize_name(match[2])] = match[3]
            elif _CREDENTIALS.match(name):
                credentials[name.removeprefix("./")] = None
    # An image of Debian has a Python of the system's, too: it is not the one with most packages.
    python = max(found, key=lambda version: len(found[version]), default="")
    version = said.get("PYTHON_VERSION", "")
    exact = version if version.startswith(f"{python}.") else python
    packages = dict(sorted(found.get(python, {}).items()))
    # As payload/container/has.sh has it: a line for each layer, then one for each variable.
    lines = "".join(f"{line}\n" for line in (*image.diffs, *image.variables))
    content = hashlib.sha256(lines.encode()).hexdigest()
    return ImageInside(image.digest, image.platform, exact, packages, said, content, image.name, tuple(credentials))


@dataclass(frozen=True)
class _Config:
    """What manifest and configuration say. `diffs`: the layers' hashes, by which engines know them."""

    digest: str
    name: str
    platform: str
    layers: tuple[str, ...]
    diffs: tuple[str, ...]
    variables: tuple[str, ...]


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        file = archive.open("rb")
    except FileNotFoundError:
        raise LockError(f"there is no image `{archive}`", hint=_hint(archive)) from None
    except OSError as error:
        raise LockError(f"the image `{archive}` cannot be read: {error.strerror}", hint=_hint(archive)) from None
    with file:
        try:
            tar = unpacking.opened(file)
        except unpacking.BROKEN as error:
            raise LockError(f"the image `{archive}` cannot be read: {error}", hint=_hint(archive)) from None
        with tar:
            yield tar


def _config(tar: tarfile.TarFile, archive: Path) -> _Config:
    try:
        first = json.loads(unpacking.content(tar, "manifest.json"))[0]
        text = unpacking.content(tar, first["Config"])
        config = json.loads(text)
        inner = config.get("config") or {}
        return _Config(
            hashlib.sha256(text).hexdigest(),
            _texts(first.get("RepoTags") or ("",))[0],
            f"{config.get('os', 'linux')}/{config.get('architecture', 'amd64')}",
            _texts(first["Layers"]),
            _texts(config.get("rootfs", {}).get("diff_ids", ())),
            _texts(inner.get("Env") or ()),
        )
    except (IndexError, TypeError, AttributeError, *unpacking.BROKEN) as error:
        raise LockError(f"`{archive}` is no image: {error}", hint=_hint(archive)) from None


def _texts(found: Any) -> tuple[str, ...]:
    if not isinstance(found, (list, tuple)) or not all(isinstance(one, str) for one in found):
        raise TypeError(f"`{str(found)[:40]}` is no list of texts")
    return tuple(found)


def _names(tar: tarfile.TarFile, layers: Sequence[str], archive: Path) -> Iterator[str]:
    budget = unpacking.Budget(archive.stat().st_size)
    try:
        # One that is named twice is the same again.
        for layer in dict.fromkeys(layers):
            yield from unpacking.names_of(unpacking.member(tar, layer), budget)
    except unpacking.TooMuch as error:
        raise LockError(f"`{archive}` is no image to be loaded anywhere: {error}", hint=_SEE) from None
    except unpacking.BROKEN as error:
        raise LockError(f"`{archive}` is no whole image: {error}", hint=_hint(archive)) from None


def _hint(archive: Path) -> str:
    return f"write it with `docker save -o {shlex.quote(archive.name)} IMAGE`"
