"""rich's console for what is drawn anew in place: as wide as the terminal is, whatever the environment says."""

from __future__ import annotations

import os

from rich.console import Console

from provision.render.out import Out
from provision.render.text import Paint


def console(out: Out, paint: Paint) -> Console:
    """Exported by some shells, $COLUMNS and $LINES stay what they were when the terminal is resized, and rich believes
    them: rows that are too wide would be broken up, and never be taken away."""
    environ = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return Console(
        file=out.stream, force_terminal=True, no_color=not paint.colour, highlight=False, markup=False, emoji=False,
        _environ=environ,
    )  # fmt: skip
