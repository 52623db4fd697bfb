"""Reads what the compose guides keep: `.env` files, and compose files with their variables filled in."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from pathlib import Path

import yaml

from provision.core.errors import UsageError
from provision.core.reading import read_given
from provision.core.regex import regex
from provision.core.values import dataclass

MAX_BYTES = 1 << 20

#: Values of a compose file, each alias written out: a few lines of anchors can stand for billions.
_MOST_NODES = 100_000

_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")

#: `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME:?why}`; `$$` is a dollar.
_VARIABLE = regex(r"\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?::?([-?])([^}]*))?\})", re.ASCII)


@dataclass(frozen=True)
class ComposeService:
    """`words`: entrypoint and command as one; `keys`: all others than these, the image and the environment."""

    name: str
    image: str
    words: tuple[str, ...]
    variables: Mapping[str, str]
    gpus: int | None = None
    keys: tuple[str, ...] = ()


@dataclass
class ComposeSource:
    """What all files together have: `env`, of `.env` files; `services`; `unread`, lines and keys that are none."""

    env: dict[str, tuple[str, str]] = field(default_factory=dict)
    services: list[ComposeService] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def read_files(paths: tuple[Path, ...]) -> ComposeSource:
    """`.env` files first, since a compose file takes its variables from them. Raises UsageError."""
    found = ComposeSource()
    texts = {path: _text(path) for path in paths}
    documents = {path: text for path, text in texts.items() if path.suffix in (".yaml", ".yml")}
    for path, text in texts.items():
        if path not in documents:
            _read_env(path.name, text, found)
    plain = {name: value for name, (_, value) in found.env.items()}
    for name, (file, value) in found.env.items():
        found.env[name] = (file, _filled(value, plain, f"{file}: {name}", found))
    for path, text in documents.items():
        _read_compose(path, text, found)
    return found


def _text(path: Path) -> str:
    try:
        data = read_given(path, MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {(error.strerror or str(error)).lower()}") from None
    if len(data) > MAX_BYTES:
        raise UsageError(f"`{path}` is larger than 1 MiB: it is no .env or compose file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"`{path}` is not UTF-8 text") from None


def _read_env(name: str, text: str, found: ComposeSource) -> None:
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip().removeprefix("export ").strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, equals, value = stripped.partition("=")
        if not equals or not _NAME.match(key.strip()):
            found.unread.append(f"{name}:{number}: the line is no `NAME=value`")
            continue
        earlier = found.env.get(key.strip(), (name, _plain(value)))
        if earlier[1] != _plain(value) and earlier[0] != name:
            found.unread.append(f"{name}:{number}: `{key.strip()}` has another value than in {earlier[0]}")
            continue
        if earlier[1] != _plain(value):
            found.unread.append(f"{name}:{number}: `{key.strip()}` has had another value before; this one counts")
        found.env[key.strip()] = (name, _plain(value))


def _plain(value: str) -> str:
    """Without quotes, and without a comment where there are none."""
    value = value.strip()
    if value[:1] in ("'", '"') and value.find(value[0], 1) > 0:
        return value[1 : value.index(value[0], 1)]
    return re.sub(r"(^|\s+)#.*", "", value).strip()


def _read_compose(path: Path, text: str, found: ComposeSource) -> None:
    try:
        if _size(yaml.compose(text, yaml.SafeLoader)) > _MOST_NODES:
            raise UsageError(f"`{path}` says too much by its anchors: more than {_MOST_NODES} values")
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark is not None else str(path)
        raise UsageError(f"{where}: this is not YAML") from None
    services = document.get("services") if isinstance(document, dict) else None
    if not isinstance(services, dict):
        raise UsageError(f"`{path}` has no `services`: it is no compose file")
    env = {name: value for name, (_, value) in found.env.items()}
    for name, service in services.items():
        if not isinstance(service, dict):
            found.unread.append(f"{path.name}: service `{name}` is no mapping")
            continue
        found.services.append(_service(str(name), service, env, f"{path.name}: {name}", found))
    for key in document.keys() - {"services", "version", "name"}:
        found.unread.append(f"{path.name}: `{key}`: no container, so nothing of it is needed")


def _size(document: yaml.Node | None) -> int:
    """How many values there are once each alias is the whole of what it stands for. Raises ValueError for what contains
    itself."""
    known: dict[int, int] = {}
    open_now: set[int] = set()

    def size(node: yaml.Node) -> int:
        if id(node) in open_now:
            raise ValueError("it contains itself")
        if id(node) not in known:
            open_now.add(id(node))
            inner = node.value if isinstance(node, yaml.CollectionNode) else ()
            below = [one for item in inner for one in (item if isinstance(item, tuple) else (item,))]
            known[id(node)] = 1 + sum(map(size, below))
            open_now.discard(id(node))
        return known[id(node)]

    return size(document) if document is not None else 0


def _service(
    name: str, service: Mapping[str, object], env: Mapping[str, str], where: str, found: ComposeSource
) -> ComposeService:
    def filled(value: object) -> str:
        return _filled(str(value), env, where, found)

    words = _in_a_shell([*_words(service.get("entrypoint"), filled), *_words(service.get("command"), filled)])
    gpus = _gpus(service.get("deploy"))
    if "deploy" in service and gpus is None:
        found.unread.append(f"{where}: `deploy`: all GPUs of a host are used; `expect.gpus` says how many it must have")
    files = service.get("env_file") or ()
    for file in files if isinstance(files, list) else [files] if files else ():
        if Path(str(file)).name not in {name for name, _ in found.env.values()}:
            found.unread.append(f"{where}: `env_file` {file}: name that file, too")
    known = {"image", "entrypoint", "command", "environment", "deploy", "env_file"}
    return ComposeService(
        name,
        filled(service.get("image", "")),
        tuple(words),
        {key: filled(value) for key, value in _pairs(service.get("environment"))},
        gpus,
        tuple(key for key in map(str, service) if key not in known),
    )


def _pairs(given: object) -> Iterator[tuple[str, str]]:
    """A mapping, or a list of `NAME=value`."""
    if isinstance(given, dict):
        yield from ((str(key), "" if value is None else str(value)) for key, value in given.items())
    elif isinstance(given, list):
        for item in given:
            name, _, value = str(item).partition("=")
            yield name, value


def _words(value: object, filled: Callable[[object], str]) -> list[str]:
    if isinstance(value, list):
        return [filled(item) for item in value]
    return _split(filled(value)) if isinstance(value, str) else []


def _in_a_shell(words: list[str]) -> list[str]:
    """What a shell is given is a command in itself."""
    if (
        len(words) >= 3
        and words[0].rpartition("/")[2] in ("sh", "bash")
        and words[1].startswith("-")
        and "c" in words[1]
    ):
        return _split(words[2].replace("\\\n", " ").replace("\n", " ; "))
    return words


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text.strip())
    except ValueError:
        return text.split()


def _filled(text: str, env: Mapping[str, str], where: str, found: ComposeSource) -> str:
    def value(match: re.Match[str]) -> str:
        if match[1]:
            return "$"
        name, kind, rest = match[2] or match[3], match[4], match[5]
        if env.get(name):
            return env[name]
        if kind == "-":
            return rest or ""
        line = f"{where}: `{name}` has no value in the files"
        if line not in found.unread:
            found.unread.append(line)
        return ""

    return _VARIABLE.sub(value, text)


def _gpus(deploy: object) -> int | None:
    """`deploy.resources.reservations.devices[].count`, where it is a number."""
    at = deploy
    for key in ("resources", "reservations", "devices"):
        at = at.get(key) if isinstance(at, dict) else None
    counts = [one.get("count") for one in at if isinstance(one, dict)] if isinstance(at, list) else []
    return next((count for count in counts if isinstance(count, int) and not isinstance(count, bool)), None)
