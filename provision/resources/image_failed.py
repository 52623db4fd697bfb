"""Why an image did not get onto a host, or not off it, in words that the engine's client ends with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from provision.resources.container_engine import ContainerEngine

#: What it says, in small letters → what to do: {engine}, {host}, {pulled}. The first that is found.
_HINTS = (
    (
        ("no space left on device",),
        "make room on {host}: `{engine} system df` shows what takes it; then `provision up`",
    ),
    (
        ("cannot connect to the docker daemon", "is the docker daemon running", "error during connect"),
        "docker does not answer any more: `systemctl status docker` on {host} says why; then `provision up`",
    ),
    (("toomanyrequests",), "the registry gives no more for now: `{engine} login` on {host}, or `pull: controller`"),
    (
        ("unauthorized", "denied", "no basic auth credentials"),
        "`{engine} login` on {host}, as the user who loads images there (root with `sudo`), or `pull: controller`",
    ),
    (
        ("manifest unknown", "not found"),
        "the registry has it no more: `provision lock` takes what it has under that name now",
    ),
    (
        ("connection refused", "no such host", "i/o timeout", "tls: ", "x509: ", "server gave http", "dial tcp", "eof"),
        "see whether {host} reaches the registry: `{engine} pull {pulled}` there, or set `pull: controller`",
    ),
)


#: As many of them are about a file as well.
_OF_BOTH = 2


def hint_of(lines: Sequence[str], *, engine: str, host: str, pulled: str) -> str:
    """`pulled`: the name by which the host pulls it; empty where it is sent a file."""
    said = "\n".join(lines).lower()
    for marks, hint in _HINTS if pulled else _HINTS[:_OF_BOTH]:
        if any(mark in said for mark in marks):
            return hint.format(engine=engine, host=host, pulled=pulled)
    return ""


def hint_of_kept(lines: Sequence[str], *, engine: ContainerEngine, host: str, folder: str) -> str:
    """Of one that was to be removed, where its engine could not be asked. `folder`: of its programs there."""
    for line in lines:
        said, matched, _ = line.partition(", so what was loaded stays: ")
        if matched and said == f"{engine.name} is not installed":
            place = PurePosixPath(folder).parent
            return f"install it there again, or `rm -r {place}` on {host} if its images are gone; then `down --purge`"
        if matched:
            value = f"engine={said.removeprefix(f'{engine.name} ')}"
            hint = next(text for start, text in engine.hints.items() if value.startswith(start)).format(host=host)
            return f"{hint}; then `down --purge` again"
    return ""
