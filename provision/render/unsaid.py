"""The last look at what is written: an exception, or a text of another program, may hold a secret of this run.

What hosts print was masked where it arrived. Here it is for what never came from one: tracebacks above all.
"""

from __future__ import annotations

from collections.abc import Sequence

from provision.core.secret import living


def unsaid(lines: Sequence[str]) -> list[str]:
    """`lines` with masks in place of all secrets that this process has."""
    secrets = living()
    if not secrets:
        return list(lines)
    # Only now: most of what is written comes before there is one.
    from provision.transport.redact import redactor

    return redactor(secrets, short=False).joined(lines)
