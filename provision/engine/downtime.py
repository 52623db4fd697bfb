"""Pure: for how long a model that served did not answer."""

from __future__ import annotations

from collections.abc import Iterable

from provision.core.plan import Plan
from provision.core.timing import Span


def downtime(plan: Plan, spans: Iterable[Span]) -> float | None:
    """Seconds from the beginning of what stopped the model until it was seen to answer again; None if it was not
    stopped, or does not answer."""
    stops = plan.stops
    serving = {stop.what.label for stop in stops if stop.what.serves}
    done = [span for span in spans if span.kind == "change" and span.done]
    if not serving or not serving <= {span.name for span in done}:
        return None
    keys = {stop.step for stop in stops}
    labels = {stop.what.label for stop in stops} | {c.step.resource.label for c in plan.changes if c.step.key in keys}
    # `Stopped` of a service is called after it.
    began = min(span.began for span in done if span.name.partition(",")[0] in labels)
    return max(span.ended for span in done if span.name in serving) - began
