"""Lines that are a JSON object each, as Docker, journald, Fluent Bit, and Python programs that log JSON write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from provision.core.values import dataclass

# A name that only one of these programs uses stands before one that others give another meaning.
_TEXT = ("MESSAGE", "textPayload", "message", "msg", "log", "event")
_TIME = ("asctime", "timestamp", "@timestamp", "time", "ts")
_HOST = ("_HOSTNAME", "hostname", "host_name", "host")
# Not `PRIORITY` and `severity`, with which a collector says by which stream a line came.
_LEVEL = ("levelname", "level", "lvl")


@dataclass(frozen=True, slots=True)
class Packed:
    """`text`: behind its time, if that is known. `level`: as it was written."""

    text: str
    host: str = ""
    level: str = ""


def unpack(raw: str) -> list[Packed]:
    """The line itself, or the lines of the message that it is about."""
    found = _object(raw)
    said = _first(found, _TEXT)
    if not said:
        return [Packed(raw)]
    time, host, level = _first(found, _TIME), _first(found, _HOST), _first(found, _LEVEL).upper()
    pod = found.get("kubernetes")
    if isinstance(pod, dict):
        host = _first(pod, ("host", "pod_name")) or host
    if trace := _first(found, ("exc_info", "stack_trace")):
        said = f"{said}\n{trace}"
    return [Packed(f"{time} {line}".lstrip(), host, level) for line in said.splitlines() if line.strip()]


def _object(raw: str) -> Mapping[str, Any]:
    # ESC must be written as an escape in JSON; some programs do not.
    if not raw.lstrip().startswith('{"'):
        return {}
    try:
        found = json.loads(raw, strict=False, parse_int=_whole)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _whole(digits: str) -> int:
    """No number of a log has so many that it takes time to read them."""
    return int(digits) if len(digits) < 20 else 0


def _first(found: Mapping[str, Any], names: tuple[str, ...]) -> str:
    return next(filter(None, (_text(found.get(name)) for name in names)), "")


def _text(value: object) -> str:
    """journald writes what is not plain text as a list of bytes."""
    if isinstance(value, list) and value and all(isinstance(byte, int) and 0 <= byte < 256 for byte in value):
        return bytes(value).decode("utf-8", "replace")
    return value if isinstance(value, str) else ""
