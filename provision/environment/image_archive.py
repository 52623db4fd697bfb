"""A file that `docker save` has written, read without Docker: which image it is, and what is in it."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from packaging.utils import canonicalize_name

from provision.core.errors import LockError

_DIST = re.compile(
    r"(?:.*/)?lib/python(3\.\d+)/(?:site|dist)-packages/([\w.-]+)-([\w.+!]+)\.dist-info(?:/METADATA)?\Z", re.ASCII
)


#: Files in which programs keep what lets them in.
_CREDENTIALS = re.compile(
    r"(?:.*/)?(?:\.netrc|\.git-credentials|\.env|\.docker/config\.json|\.aws/credentials|\.config/gh/hosts\.yml"
    r"|(?:\.cache/huggingface|\.huggingface)/(?:token|stored_tokens)|\.ssh/id_\w+|id_(?:rsa|ed25519|ecdsa))\Z"
)


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
        return _config(tar, archive)[1]


def look_inside(archive: Path) -> ImageInside:
    """Reads names alone of what its layers hold. Raises LockError."""
    with _opened(archive) as tar:
        manifest, digest, config = _config(tar, archive)
        said = dict(line.partition("=")[::2] for line in (config.get("config") or {}).get("Env") or ())
        found: dict[str, dict[str, str]] = {}
        credentials: dict[str, None] = {}
        for layer in manifest["Layers"]:
            for name in _names(tar, layer, archive):
                if match := _DIST.match(name):
                    found.setdefault(match[1], {})[canonicalize_name(match[2])] = match[3]
                elif _CREDENTIALS.match(name):
                    credentials[name.removeprefix("./")] = None
    # An image of Debian has a Python of the system's, too: it is not the one with most packages.
    python = max(found, key=lambda version: len(found[version]), default="")
    version = said.get("PYTHON_VERSION", "")
    exact = version if version.startswith(f"{python}.") else python
    platform = f"{config.get('os', 'linux')}/{config.get('architecture', 'amd64')}"
    packages = dict(sorted(found.get(python, {}).items()))
    tags = manifest.get("RepoTags") or [""]
    return ImageInside(digest, platform, exact, packages, said, _content(config), str(tags[0]), tuple(credentials))


def _content(config: Mapping[str, Any]) -> str:
    """As payload/container/has.sh has it: a line for each layer, then one for each variable."""
    lines = (*config.get("rootfs", {}).get("diff_ids", ()), *((config.get("config") or {}).get("Env") or ()))
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def _opened(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive)
    except FileNotFoundError:
        raise LockError(f"there is no image `{archive}`", hint=_hint(archive)) from None
    except (OSError, tarfile.TarError) as error:
        raise LockError(f"the image `{archive}` cannot be read: {error}", hint=_hint(archive)) from None


def _config(tar: tarfile.TarFile, archive: Path) -> tuple[Mapping[str, Any], str, Mapping[str, Any]]:
    try:
        manifest = json.loads(_member(tar, "manifest.json").read())
        first = manifest[0]
        text = _member(tar, first["Config"]).read()
        return first, hashlib.sha256(text).hexdigest(), json.loads(text)
    except (KeyError, IndexError, TypeError, ValueError, tarfile.TarError) as error:
        raise LockError(f"`{archive}` is no image: {error}", hint=_hint(archive)) from None


def _names(tar: tarfile.TarFile, layer: str, archive: Path) -> Iterator[str]:
    try:
        with tarfile.open(fileobj=_member(tar, layer)) as inner:
            for entry in inner:
                yield entry.name
    except (KeyError, OSError, tarfile.TarError) as error:
        raise LockError(f"`{archive}` is no whole image: {error}", hint=_hint(archive)) from None


def _member(tar: tarfile.TarFile, name: str) -> IO[bytes]:
    found = tar.extractfile(name)
    if found is None:
        raise KeyError(name)
    return found


def _hint(archive: Path) -> str:
    return f"write it with `docker save -o {shlex.quote(archive.name)} IMAGE`"
