"""What pip and uv are set up with on this machine: the part that counts, and an environment in which nothing else does.

Where packages come from counts where the inventory does not say it, and so does how an index is reached: certificates,
proxies, credentials. It is read here, in pip's order (pip.pypa.io, "Configuration"), and told to both, so that what is
locked is what is fetched. What would choose other packages (`UV_RESOLUTION`, `UV_PRERELEASE`, a `uv.toml`, pip's
`constraint`) does not count.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from provision.core import person
from provision.core.errors import LockError

#: Of uv's variables those that do not choose packages: credentials, certificates, and the machine's own folders.
_UV_KEPT = re.compile(
    r"UV_(SYSTEM_CERTS|NATIVE_TLS|KEYRING_PROVIDER|CREDENTIALS_DIR|INDEX_\w+_(USERNAME|PASSWORD)|CACHE_DIR|NO_CACHE"
    r"|PYTHON_INSTALL_DIR|HTTP_TIMEOUT|HTTP_CONNECT_TIMEOUT|HTTP_RETRIES|CONCURRENT_\w+|INSECURE_HOST)\Z"
)
#: Of pip's settings the same.
_PIP_KEPT = (
    "cert",
    "client-cert",
    "proxy",
    "keyring-provider",
    "trusted-host",
    "timeout",
    "default-timeout",
    "retries",
)

_WORDS = re.compile(r"[\s,]+")


@dataclass(frozen=True)
class Ambient:
    """`index`: empty for PyPI. `pip`: its settings for how an index is reached, by their names."""

    index: str
    extra_indexes: tuple[str, ...]
    find_links: tuple[str, ...]
    pip: Mapping[str, str]


def ambient(variables: Mapping[str, str] | None = None) -> Ambient:
    """Raises LockError for settings of pip's that cannot be read."""
    given = os.environ if variables is None else variables
    pip = pip_settings(given)
    links = (
        given.get("UV_FIND_LINKS", "").split(",") if given.get("UV_FIND_LINKS") else pip.get("find-links", "").split()
    )
    # uv takes both of its own.
    extra = f"{given.get('UV_INDEX', '')} {given.get('UV_EXTRA_INDEX_URL', '')}".strip()
    extra = extra or pip.get("extra-index-url", "")
    return Ambient(
        index=given.get("UV_DEFAULT_INDEX") or given.get("UV_INDEX_URL") or pip.get("index-url", ""),
        # uv's may be named: `name=url`.
        extra_indexes=tuple(re.sub(r"\A[\w-]+=", "", url) for url in _WORDS.split(extra) if url),
        find_links=tuple(link if "://" in link else str(Path(link).expanduser()) for link in links if link),
        pip={name: pip[name] for name in _PIP_KEPT if name in pip},
    )


def pip_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Setting → value, as `pip download` has it."""
    general: dict[str, str] = {}
    own: dict[str, str] = {}
    for path in _files(given):
        parser = configparser.RawConfigParser()
        try:
            parser.read(path)
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            what = f"`{path}`, which pip is set up with, cannot be read: {_unread(error)}"
            raise LockError(what, hint="repair it") from None
        for section, into in (("global", general), ("download", own)):
            if parser.has_section(section):
                into.update({name.lower().replace("_", "-"): value for name, value in parser.items(section)})
    named = {
        name[4:].lower().replace("_", "-"): value for name, value in given.items() if name.startswith("PIP_") and value
    }
    return {**general, **own, **named}


def _unread(error: Exception) -> str:
    """Never the line itself, which configparser quotes: there may be a password in its URL."""
    if isinstance(error, configparser.MissingSectionHeaderError):
        return f"line {error.lineno} stands before the first section, such as `[global]`"
    if isinstance(error, configparser.ParsingError):
        return f"line {error.errors[0][0]} is no `name = value`"
    if isinstance(error, configparser.DuplicateSectionError):
        return f"line {error.lineno} begins a section for the second time"
    if isinstance(error, configparser.DuplicateOptionError):
        return f"line {error.lineno} sets `{error.option}` for the second time"
    return "this is no text" if isinstance(error, UnicodeDecodeError) else "it is no list of settings"


def _files(given: Mapping[str, str]) -> Iterator[Path]:
    """From the weakest to the strongest."""
    named = given.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    for folder in (given.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
        yield Path(folder, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    home = person.home()
    if home is not None:
        yield home / ".pip" / "pip.conf"
        yield Path(given.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf")
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


def sealed(variables: Mapping[str, str] | None = None) -> dict[str, str]:
    """An environment for uv and pip without anything that was not chosen here, with how an index is reached."""
    given = os.environ if variables is None else variables
    kept = {
        name: value for name, value in given.items() if not name.startswith(("UV_", "PIP_")) or _UV_KEPT.match(name)
    }
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV"):
        kept.pop(name, None)
    return {**kept, "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull}


def for_uv(found: Ambient, env: Mapping[str, str]) -> dict[str, str]:
    """How pip reaches an index, in uv's words, where `env` does not say it."""
    words = {
        "SSL_CERT_FILE": found.pip.get("cert", ""),
        "SSL_CLIENT_CERT": found.pip.get("client-cert", ""),
        "UV_INSECURE_HOST": " ".join(found.pip.get("trusted-host", "").split()),
        "HTTPS_PROXY": found.pip.get("proxy", "") if "https_proxy" not in env else "",
        "HTTP_PROXY": found.pip.get("proxy", "") if "http_proxy" not in env else "",
        # The only one that uv has.
        "UV_KEYRING_PROVIDER": "subprocess" if found.pip.get("keyring-provider") in ("import", "subprocess") else "",
    }
    return {name: value for name, value in words.items() if value and not env.get(name)}


def for_pip(found: Ambient) -> dict[str, str]:
    return {"PIP_" + name.upper().replace("-", "_"): value for name, value in found.pip.items()}


#: How a host reaches an index, of what the inventory has a host's programs find in their environment.
_REACHING = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC")


def reaching(env: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What of `env` uv on a host gets, too: curl and others write proxies in lower case."""
    return tuple((name, value) for name, value in sorted(env.items()) if name.upper() in _REACHING)
