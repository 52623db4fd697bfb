"""How errors are shown: `error: <where>: <what>`, the evidence indented, then a `hint:` that can be typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provision.core.errors import HostError, InventoryError, Problem, ProvisionError
from provision.core.finding import Finding
from provision.render.findings import details
from provision.render.merged import entries, hostless
from provision.render.text import PLAIN, Paint, Style, clean, named


def error_lines(error: ProvisionError, paint: Paint = PLAIN) -> list[str]:
    """All problems of an inventory come as one block each, with an empty line between."""
    if isinstance(error, InventoryError) and error.problems:
        return joined(problem_lines(p, paint) for p in error.problems)
    host = error.host if isinstance(error, HostError) else ""
    return block(host, error.message, error.evidence, error.hint, paint)


def all_error_lines(errors: Iterable[ProvisionError], paint: Paint = PLAIN) -> list[str]:
    """Each once, with an empty line between; the same of several hosts is one: 200 hosts behind a jump host that is
    down are read as that."""
    same: dict[tuple[object, ...], list[ProvisionError]] = {}
    for error in errors:
        same.setdefault(_alike(error), []).append(error)
    return joined(_together(found, paint) for found in same.values())


def _alike(error: ProvisionError) -> tuple[object, ...]:
    if not isinstance(error, HostError) or not error.host:
        return (error,)
    texts = (error.message, *error.evidence, error.hint)
    return (type(error), len(error.evidence), *(hostless(text, error.host) for text in texts))


def _together(errors: Sequence[ProvisionError], paint: Paint) -> list[str]:
    first = errors[0]
    hosts = tuple(dict.fromkeys(error.host for error in errors if isinstance(error, HostError)))
    if not isinstance(first, HostError) or len(hosts) < 2:
        return error_lines(first, paint)
    said = (first.message, *first.evidence, first.hint)
    if any((error.message, *error.evidence, error.hint) != said for error in errors):
        said = tuple(hostless(text, first.host) for text in said)
    message, *evidence, hint = said
    return block(named(hosts), message, evidence, hint, paint)


def problem_lines(problem: Problem, paint: Paint = PLAIN) -> list[str]:
    return block("", str(problem), (), problem.hint, paint)


def blocker_lines(blockers: Iterable[Finding], paint: Paint = PLAIN) -> list[str]:
    """A block for each, with an empty line between; the same one of several hosts is one."""
    return joined(
        block(named(entry.hosts), entry.message, tuple(details(entry)), entry.text("hint"), paint)
        for entry in entries(blockers)
    )


def block(host: str, message: str, evidence: Sequence[str], hint: str, paint: Paint = PLAIN) -> list[str]:
    first, *rest = message.splitlines() or [""]
    head = f"{host}: {first}" if host else first
    lines = [f"{paint(Style.ERROR, 'error:')} {clean(head)}"]
    lines += [f"  {clean(line)}" for line in (*rest, *evidence)]
    # A hint of several lines is aligned below its first word.
    for index, line in enumerate(hint.splitlines()):
        lines.append(f"{paint(Style.HINT, 'hint:')} {clean(line)}" if index == 0 else f"      {clean(line)}")
    return lines


def joined(blocks: Iterable[list[str]]) -> list[str]:
    """One after another with an empty line between; the same block is shown once."""
    lines: list[str] = []
    for unique in dict.fromkeys(tuple(b) for b in blocks):
        lines += ["", *unique] if lines else unique
    return lines
