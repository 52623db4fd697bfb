"""What pip and uv are set up with on this machine: the part that counts, and an environment in which nothing else does.

Where packages come from counts where the inventory does not say it, and so does how an index is reached: certificates,
proxies, credentials. It is read here, in pip's order (pip.pypa.io, "Configuration"), and told to both, so that what is
locked is what is fetched. What would choose other packages (`UV_RESOLUTION`, `UV_PRERELEASE`, a `uv.toml`, pip's
`constraint`) does not count.
"""

from __future__ import annotations

import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from provision.core import person
from provision.core.errors import LockError
from provision.core.regex import regex
from provision.core.script import Value
from provision.core.secret import Secret
from provision.core.urls import masked, with_login
from provision.core.values import dataclass

#: Of uv's variables those that do not choose packages: credentials, certificates, and the machine's own folders.
_UV_KEPT = regex(
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

#: Of Python's variables those without which it may not find pip.
_WHERE_PIP_IS = ("PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONNOUSERSITE")

_WORDS = regex(r"[\s,]+")


@dataclass(frozen=True)
class Ambient:
    """`index`: empty for PyPI. `no_index`: there is none, `find_links` are all. `pip`: settings for how an index is
    reached, by pip's names for them."""

    index: str
    extra_indexes: tuple[str, ...]
    find_links: tuple[str, ...]
    pip: Mapping[str, str]
    no_index: bool = False


def ambient(variables: Mapping[str, str] | None = None) -> Ambient:
    """Raises LockError for settings of pip's that cannot be read."""
    given = os.environ if variables is None else variables
    pip = pip_settings(given)
    links = (
        given.get("UV_FIND_LINKS", "").split(",") if given.get("UV_FIND_LINKS") else pip.get("find-links", "").split()
    )
    # uv takes both of its own.
    own = f"{given.get('UV_INDEX', '')} {given.get('UV_EXTRA_INDEX_URL', '')}".strip()
    main = given.get("UV_DEFAULT_INDEX") or given.get("UV_INDEX_URL", "")
    no_index = pip.get("no-index", "").lower() in _TRUE and not main and not own
    extra = own or ("" if no_index else pip.get("extra-index-url", ""))
    return Ambient(
        index=_url(main, given) or ("" if no_index else pip.get("index-url", "")),
        extra_indexes=tuple(_url(url, given) for url in _WORDS.split(extra) if url),
        find_links=tuple(link if "://" in link else _folder(link) for link in links if link),
        pip=_reached({name: pip[name] for name in _PIP_KEPT if name in pip}, given),
        no_index=no_index,
    )


def _folder(link: str) -> str:
    """Relative to where this was started, which is not where pip and uv run, and may have been deleted."""
    path = Path(link).expanduser()
    return str(path if path.is_absolute() or not Path().exists() else path.absolute())


#: What pip takes for yes.
_TRUE = ("y", "yes", "t", "true", "on", "1")


def _url(index: str, given: Mapping[str, str]) -> str:
    """One of uv's may have a name, `name=url`, by which variables hold its user and password. pip knows no names."""
    named = re.match(r"([A-Za-z0-9_.-]+)=(.*)\Z", index)
    if named is None:
        return index
    variable = re.sub(r"[^A-Z0-9]", "_", named[1].upper())
    return with_login(
        named[2], given.get(f"UV_INDEX_{variable}_USERNAME", ""), given.get(f"UV_INDEX_{variable}_PASSWORD", "")
    )


#: How an index is reached, in the words of others → pip's.
_ALSO = {
    "cert": ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"),
    "client-cert": ("SSL_CLIENT_CERT",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "timeout": ("UV_HTTP_TIMEOUT",),
    "retries": ("UV_HTTP_RETRIES",),
}


def _reached(pip: dict[str, str], given: Mapping[str, str]) -> dict[str, str]:
    if "default-timeout" in pip:
        pip.setdefault("timeout", pip.pop("default-timeout"))
    if given.get("UV_KEYRING_PROVIDER") == "subprocess":
        pip.setdefault("keyring-provider", "subprocess")
    for name, others in _ALSO.items():
        value = next((given[other] for other in others if given.get(other)), "")
        if value:
            pip.setdefault(name, value)
    return pip


def pip_settings(given: Mapping[str, str]) -> dict[str, str]:
    """Setting → value, as `pip download` has it."""
    import configparser

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
    import configparser

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


def sealed(
    variables: Mapping[str, str] | None = None, *, proxies: Mapping[str, str] = MappingProxyType({})
) -> dict[str, str]:
    """An environment for uv and pip without anything that was not chosen here, with how an index is reached. `proxies`:
    those of the inventory, instead of this machine's."""
    given = os.environ if variables is None else variables
    kept = {
        name: value
        for name, value in given.items()
        if not name.startswith(("UV_", "PIP_", "PYTHON")) or _UV_KEPT.match(name) or name in _WHERE_PIP_IS
    }
    # What they print is read here.
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "RUST_LOG", "FORCE_COLOR", "CLICOLOR_FORCE"):
        kept.pop(name, None)
    if proxies:
        kept = {name: value for name, value in kept.items() if name.upper() not in _PROXIES}
    return {**kept, **proxies, "UV_NO_CONFIG": "1", "PIP_CONFIG_FILE": os.devnull, "NO_COLOR": "1"}


def for_uv(found: Ambient, env: Mapping[str, str]) -> dict[str, str]:
    """How pip reaches an index, in uv's words, where `env` does not say it."""
    cert = found.pip.get("cert", "")
    words = {
        "SSL_CERT_DIR" if cert and Path(cert).is_dir() else "SSL_CERT_FILE": cert,
        "SSL_CLIENT_CERT": found.pip.get("client-cert", ""),
        "UV_INSECURE_HOST": " ".join(found.pip.get("trusted-host", "").split()),
        "HTTPS_PROXY": found.pip.get("proxy", "") if "https_proxy" not in env else "",
        "HTTP_PROXY": found.pip.get("proxy", "") if "http_proxy" not in env else "",
        "UV_HTTP_TIMEOUT": _whole(found.pip.get("timeout", "")),
        "UV_HTTP_RETRIES": _whole(found.pip.get("retries", "")),
        # The only one that uv has.
        "UV_KEYRING_PROVIDER": "subprocess" if found.pip.get("keyring-provider") in ("import", "subprocess") else "",
    }
    return {name: value for name, value in words.items() if value and not env.get(name)}


def _whole(number: str) -> str:
    """pip takes parts of a second, uv does not."""
    return str(math.ceil(float(number))) if re.fullmatch(r"\d{1,9}(\.\d*)?", number) else ""


def for_pip(found: Ambient, proxies: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
    """`proxies`: as of sealed; pip prefers the one of its settings."""
    given = {name: value for name, value in found.pip.items() if not proxies or name != "proxy"}
    return {"PIP_" + name.upper().replace("-", "_"): value for name, value in given.items()}


_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

#: How a host reaches an index, of what the inventory has a host's programs find in their environment.
_REACHING = (*_PROXIES, "SSL_CERT_FILE", "SSL_CERT_DIR", "NETRC")


def reaching(
    env: Mapping[str, str], proxies: Mapping[str, str] = MappingProxyType({})
) -> tuple[tuple[str, Value], ...]:
    """What of `env` uv on a host gets, too, and what all that is fetched there. `proxies`: of the inventory, where the
    host has no such variable. Proxies in both ways of writing them: curl takes `HTTP_PROXY` in small letters alone."""
    own = {name: value for name, value in env.items() if name.upper() in _REACHING}
    named = {name.upper() for name in own}
    found = {name: value for name, value in proxies.items() if name.upper() not in named}
    for name, value in own.items():
        twin = name.lower() if name.isupper() else name.upper()
        found |= {twin: value} if name.upper() in _PROXIES and twin not in own else {}
    every = sorted({**found, **own}.items())
    # A password that a resource shows would be in every plan.
    return tuple((name, Secret(value, name) if masked(value) != value else value) for name, value in every)
