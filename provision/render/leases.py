"""What came of `unlock`, host by host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.core.lease import Answer
from provision.render.text import clean

_SAID = {
    "taken": "taken from {run}",
    "stuck": "still held by {run}, whose process there could not be ended",
    "foreign": "held by {run}, with root's rights: `sudo: true` in the inventory lets you take it",
    "free": "no run is at work there",
}


def unlock_lines(found: Mapping[str, Sequence[Answer]]) -> list[str]:
    width = max((len(host) for host in found), default=0)
    return [clean(f"{host:<{width}}  {_said(answer)}") for host, answers in found.items() for answer in answers]


def unlock_json(found: Mapping[str, Sequence[Answer]]) -> dict[str, object]:
    """docs/json.md: an empty run where no run has the host."""
    return {
        "hosts": [
            {
                "host": host,
                "state": answer.state,
                "command": answer.holder.command if answer.holder else "",
                "who": answer.holder.who if answer.holder else "",
                "pid": answer.holder.pid if answer.holder else 0,
                "cluster": answer.holder.cluster if answer.holder else "",
                "since": answer.holder.since if answer.holder else 0.0,
            }
            for host, answers in found.items()
            for answer in answers
        ]
    }


def _said(answer: Answer) -> str:
    run = answer.holder.since_when if answer.holder else "another run"
    return _SAID[answer.state].format(run=run)
