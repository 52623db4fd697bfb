"""What logs say, for a person and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from provision.diagnosis.explain import Verdict
from provision.render.text import Paint, Style, clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provision.diagnosis.explain import Evidence, Explained

_OPENING = {Verdict.CAUSE: "cause", Verdict.LIKELY: "most likely", Verdict.UNKNOWN: "not known"}

_STYLES = {Verdict.CAUSE: Style.ERROR, Verdict.LIKELY: Style.WARN, Verdict.UNKNOWN: Style.WARN}


def explained_lines(found: Explained, paint: Paint) -> list[str]:
    message = found.message.removeprefix("the cause is not known: ")
    where = f"{found.host}: " if found.host and found.host not in message else ""
    lines = [f"{paint(_STYLES[found.verdict], _OPENING[found.verdict] + ':')} {clean(where + message)}"]
    lines += [f"  {clean(_line(said))}" for said in found.evidence]
    return [*lines, f"{paint(Style.HINT, 'hint:')} {clean(found.hint)}"]


def explained_json(found: Explained) -> Mapping[str, object]:
    """The contract: docs/json.md. What is not known is null."""
    return {
        "verdict": found.verdict.value,
        "id": found.id or None,
        "host": found.host or None,
        "message": found.message,
        "evidence": [
            {"time": said.time or None, "host": said.host or None, "file": said.file or None, "line": said.line}
            for said in found.evidence
        ],
        "hint": found.hint,
    }


def _line(said: Evidence) -> str:
    place = ":".join(filter(None, (said.host, said.file)))
    return "  ".join(filter(None, (said.time, place, said.line)))
