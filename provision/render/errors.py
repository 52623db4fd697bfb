"""How errors are shown: `error: <where>: <what>`, the evidence indented, then a `hint:` that can be typed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from provision.core.errors import HostError, InventoryError, Problem, ProvisionError, Unreachable
from provision.core.finding import Finding
from provision.render.findings import details
from provision.render.merged import entries, hostless
from provision.render.text import PLAIN, Paint, Style, clean, named

#: Stands in a text for the address of each of several hosts, of which so many are told.
_EACH_ADDRESS = "<address>"
_MOST_ADDRESSES = 8


def error_lines(error: ProvisionError, paint: Paint = PLAIN) -> list[str]:
    """All problems of an inventory come as one block each, with an empty line between."""
    if isinstance(error, InventoryError) and error.problems:
        return joined(problem_lines(p, paint) for p in error.problems)
    host = error.host if isinstance(error, HostError) else ""
    return block(host, error.message, error.evidence, error.hint, paint)


def all_error_lines(errors: Iterable[ProvisionError], paint: Paint = PLAIN) -> list[str]:
    """Each once, with an empty line between; the same of several hosts is one: 200 hosts behind a jump host that is
    down are read as that."""
    return joined(
        block(one.where, one.message, one.evidence, one.hint, paint) if one.where else error_lines(one.error, paint)
        for one in shared(errors)
    )


class Shared(NamedTuple):
    """What is told of one error, or of one that several hosts share. `hosts`: those; none for what is of no host."""

    error: ProvisionError
    hosts: tuple[str, ...]
    message: str
    evidence: tuple[str, ...]
    hint: str

    @property
    def where(self) -> str:
        return named(self.hosts)


def shared(errors: Iterable[ProvisionError]) -> list[Shared]:
    """In the order in which they come."""
    same: dict[tuple[object, ...], list[ProvisionError]] = {}
    for error in errors:
        same.setdefault(_alike(error), []).append(error)
    return [_together(found) for found in same.values()]


def _alike(error: ProvisionError) -> tuple[object, ...]:
    if not isinstance(error, HostError) or not error.host:
        return (error,)
    return (type(error), len(error.evidence), *_of_each(error))


def _of_each(error: HostError) -> tuple[str, ...]:
    """Its texts, as they are said of several hosts."""
    address = error.address if isinstance(error, Unreachable) else ""
    texts = (error.message, *error.evidence, error.hint)
    return tuple(hostless(hostless(text, error.host), address, _EACH_ADDRESS) for text in texts)


def _together(errors: Sequence[ProvisionError]) -> Shared:
    first = errors[0]
    hosts = tuple(dict.fromkeys(error.host for error in errors if isinstance(error, HostError) and error.host))
    said = (first.message, *first.evidence, first.hint)
    if isinstance(first, HostError) and any((e.message, *e.evidence, e.hint) != said for e in errors):
        said = _of_each(first)
    message, *evidence, hint = said
    if any(_EACH_ADDRESS in text for text in said):
        addresses = {e.host: e.address for e in errors if isinstance(e, Unreachable)}
        few = [f"{host} is {address}" for host, address in addresses.items()][:_MOST_ADDRESSES]
        more = f" … and {len(addresses) - len(few)} more" if len(addresses) > len(few) else ""
        evidence.append(", ".join(few) + more)
    return Shared(first, hosts, message, tuple(evidence), hint)


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
