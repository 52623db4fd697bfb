"""The pages of `--help`: no line ends within a word that is to be typed, such as `all-reduce` or `--no-wait`."""

from __future__ import annotations

from collections.abc import Iterable

import click

# Stands for a hyphen while lines are broken: textwrap, which click uses, breaks at hyphens, and not here.
_TIED = "\ue000"


class WholeWords(click.HelpFormatter):
    def write(self, string: str) -> None:
        super().write(string.replace(_TIED, "-"))

    def write_text(self, text: str) -> None:
        super().write_text(text.replace("-", _TIED))

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        # Where there is little room, what an option does stands below it.
        super().write_dl(
            [(term, told.replace("-", _TIED)) for term, told in rows], min(col_max, self.width // 3), col_spacing
        )
