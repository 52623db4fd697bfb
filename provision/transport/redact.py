"""Masks secrets in the hosts' output where it arrives: nothing behind the transport ever holds one.

A value is found in all of its forms (`forms.py`, `unescape.py`), also where it is broken over lines, or cut off at the
beginning or the end of what a program shows: a piece of it that touches the edge of a line is masked, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

from provision.core.secret import MASK, Secret
from provision.transport.forms import SHORTEST, literal_forms, parts, short_pattern
from provision.transport.unescape import ESCAPING, Layer, byte_runs, layers, run_of_bytes

#: Characters of a piece at the edge of a line that are told from a coincidence.
PIECE = 8

#: Characters at the end of a line from which on the next one is waited for, to see whether it goes on with a secret.
_BEGINNING = 3

#: Lines that one value is followed over.
_LINES = 400

# What stands before the rest of a line that was broken: blanks, and what quotes it in a log.
_MARGIN = " \t|>!"


class Redactor:
    """Called with a line, it returns the line with masks. `joined` does the same with lines that belong together."""

    def __init__(self, values: Iterable[str]) -> None:
        found = [part for value in values for part in parts(value)]
        self._forms = sorted({form for part in found for form in literal_forms(part)}, key=len, reverse=True)
        self._longest = max(map(len, self._forms), default=0)
        plain = [part for part in found if len(part.strip()) >= SHORTEST]
        self._raw = [part.encode("utf-8", "surrogatepass").decode("latin-1") for part in plain]
        self._hex = [part.encode("utf-8", "surrogatepass").hex() for part in plain]
        self._short = _union(short_pattern(part) for part in found if len(part) < SHORTEST)
        # One pattern of plain words is looked for in a microsecond; most lines need no more.
        self._any = _union(map(re.escape, self._forms))
        self._begin = _by(self._forms, lambda form: form[:_BEGINNING])
        self._end = _by(self._forms, lambda form: form[-_BEGINNING:])
        self._any_begin, self._any_end = (_union(map(re.escape, anchors)) for anchors in (self._begin, self._end))

        # What a line has in it of which anything may be masked.
        self._trace = _union([*map(re.escape, {*self._begin, *self._end}), *map(re.escape, ESCAPING)])
        self._inner = "\n".join(self._forms)
        self._least = min(map(len, self._raw), default=0)
        self._bytes = re.compile(run_of_bytes(self._least)) if self._raw else None

    def __call__(self, line: str) -> str:
        return self.joined((line,))[0]

    def quiet(self, line: str) -> bool:
        return (not self._forms and self._short is None) or self._quiet(line)

    def holds(self, lines: Sequence[str]) -> bool:
        """Whether the last of `lines` may go on with a secret that began in it, or in those before it."""
        if not self._forms or len(lines) > _LINES:
            return False
        if len(lines) == 1 and self._quiet(lines[0]):
            return False
        text, _ = _concatenated(lines)
        return bool(self._beginning(text.rstrip(), _BEGINNING))

    def joined(self, lines: Sequence[str]) -> list[str]:
        """Each of `lines` with masks, also for what is broken between them."""
        if not self._forms and self._short is None:
            return list(lines)
        if len(lines) == 1 and self._quiet(lines[0]):
            return list(lines)
        text, starts = _concatenated(lines)
        spans = self._spans(text)
        masked = []
        for index, line in enumerate(lines):
            margin = len(line) - len(line.lstrip(_MARGIN)) if index else 0
            begin = starts[index] - margin
            mine = [(max(a, starts[index]) - begin, min(b, begin + len(line)) - begin) for a, b in spans]
            # What seems to be a margin may be the secret's own beginning.
            alone = self._spans(line) if len(lines) > 1 else []
            masked.append(_masked(line, [*((a, b) for a, b in mine if a < b), *alone, *self._pieces(line)]))
        return masked

    def _quiet(self, line: str) -> bool:
        """Whether there is nothing in `line` that anything below would find, by a quick look: so it is with most lines.
        Each form, and each beginning or end of one, has an anchor in it; a piece that is neither is the whole line."""
        if self._trace is not None and self._trace.search(line):
            return False
        if self._bytes is not None and len(line) >= 2 * self._least and self._bytes.search(line):
            return False
        if self._short is not None and self._short.search(line):
            return False
        inner = line.lstrip(_MARGIN).rstrip()
        return len(inner) < PIECE or inner not in self._inner

    def _spans(self, text: str) -> list[tuple[int, int]]:
        spans: list[tuple[int, int]] = []
        if self._any is not None and self._any.search(text):
            spans += (span for form in self._forms for span in _each(form, text))
        if "%" in text or "\\" in text or "&" in text or "'" in text:
            spans += (span for layer in layers(text, self._forms) for span in _within(layer, self._forms))
        spans += (span for run in byte_runs(text, self._hex) for span in _within(run, self._raw))
        if self._short is not None:
            spans += (found.span() for found in self._short.finditer(text))
        return spans

    def _pieces(self, line: str) -> list[tuple[int, int]]:
        """A piece of a form at either edge of `line`, which another line, or nothing, goes on with."""
        begin, end = len(line) - len(line.lstrip(_MARGIN)), len(line.rstrip())
        if end - begin < PIECE:
            return []
        inner = line[begin:end]
        if [form for form in self._forms if inner in form]:
            return [(begin, end)]
        found = []
        if length := self._beginning(line[:end], PIECE):
            found.append((end - length, end))
        if length := self._ending(inner, PIECE):
            found.append((begin, begin + length))
        return found

    def _beginning(self, text: str, least: int) -> int:
        """How many characters at the end of `text` are the beginning of a form; at least `least`, else 0."""
        first = max(0, len(text) - self._longest)
        found = 0
        if self._any_begin is None or not self._any_begin.search(text, first):
            return 0
        for anchor, forms in self._begin.items():
            at = text.find(anchor, first)
            while at >= 0 and len(text) - at >= max(least, found + 1):
                if any(form.startswith(text[at:]) and len(form) > len(text) - at for form in forms):
                    found = len(text) - at
                    break
                at = text.find(anchor, at + 1)
        return found

    def _ending(self, text: str, least: int) -> int:
        """How many characters at the beginning of `text` are the end of a form; at least `least`, else 0."""
        found = 0
        if self._any_end is None or not self._any_end.search(text, 0, self._longest):
            return 0
        for anchor, forms in self._end.items():
            at = text.rfind(anchor, 0, self._longest)
            while at >= 0 and at + _BEGINNING >= max(least, found + 1):
                if any(form.endswith(text[: at + _BEGINNING]) for form in forms):
                    found = at + _BEGINNING
                    break
                at = text.rfind(anchor, 0, at + _BEGINNING - 1)
        return found


def redactor(secrets: Iterable[Secret], *, short: bool = True) -> Redactor:
    """Masks every form of `secrets`; those that are `short`, too."""
    values = {secret.reveal() for secret in secrets}
    return _redactor(tuple(sorted(value for value in values if short or len(value) >= SHORTEST)))


@lru_cache(maxsize=16)
def _redactor(values: tuple[str, ...]) -> Redactor:
    return Redactor(values)


def _concatenated(lines: Sequence[str]) -> tuple[str, list[int]]:
    """The lines as one, without blanks where they were broken, and where the text of each begins."""
    text, starts = "", []
    for index, line in enumerate(lines):
        starts.append(len(text))
        kept = line.lstrip(_MARGIN) if index else line
        text += kept if index == len(lines) - 1 else kept.rstrip()
    return text, starts


def _masked(line: str, spans: Sequence[tuple[int, int]]) -> str:
    text, at = "", 0
    for begin, end in _merged(spans):
        text += line[at:begin] + MASK
        at = end
    return text + line[at:]


def _merged(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _each(form: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + len(form))


def _within(layer: Layer, forms: Iterable[str]) -> Iterator[tuple[int, int]]:
    text, begins, ends = layer
    for form in forms:
        for begin, end in _each(form, text):
            yield begins[begin], ends[end - 1]


def _union(patterns: Iterable[str]) -> re.Pattern[str] | None:
    every = sorted(set(patterns), key=len, reverse=True)
    return re.compile("|".join(every)) if every else None


def _by(forms: Iterable[str], anchor: Callable[[str], str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for form in forms:
        found.setdefault(anchor(form), []).append(form)
    return found
