"""What changes stand on is there before the first of them is made on any host: fetched, and judged once more by what
is known then, such as how much room it takes."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from provision.core import events
from provision.core.errors import Blocked, Cancelled, HostError, ProvisionError
from provision.core.events import Listener
from provision.core.plan import Change


def make_ready(
    changes: Sequence[Change], emit: Listener, cancel: threading.Event, given_up: threading.Event | None = None
) -> list[HostError]:
    """What keeps them from being made. After the first that cannot be prepared no other is tried: an index that does
    not answer is not asked again for each host. Once one of the events is set, it ends when what prepares next says how
    far it is."""
    ends = [event for event in (cancel, given_up) if event is not None]
    prepared: list[object] = []

    def over() -> bool:
        return any(event.is_set() for event in ends)

    def say(host: str, text: str) -> None:
        if over():
            raise Cancelled("nothing stands on it any more")
        emit(events.Progress(host, text))

    made = [change for change in changes if change.want is not None]
    for change in made:
        resource, host = change.step.resource, change.step.host
        alike = resource.prepared_as()
        if over():
            return []
        if alike is not None and alike in prepared:
            continue
        try:
            resource.prepare(lambda text, host=host: say(host, text))  # type: ignore[misc]
        except ProvisionError as error:
            if over():
                return []
            return [HostError(host, error.message, evidence=error.evidence, hint=error.hint)]
        prepared.append(alike)
    return [
        Blocked(finding.host, finding.message, evidence=finding.evidence, hint=finding.hint)
        for change in made
        for finding in change.step.resource.blockers(change.have)
    ]
