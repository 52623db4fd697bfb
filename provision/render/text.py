"""The small change of showing things: durations, cut and cleaned lines, colour that can be left away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from itertools import accumulate, takewhile
from unicodedata import category, east_asian_width

from provision.core.regex import regex
from provision.core.visible import shown

# Whole escape sequences (CSI, OSC, two-character ones): colours, titles and movements of a terminal that is not ours.
# Of one that is not whole nothing is left out, since it could swallow what follows.
_ESCAPE = regex(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")


class Style(Enum):
    """Values are SGR parameters. Colour only repeats what the words say."""

    ERROR = "1;31"
    WARN = "33"
    OK = "32"
    ADD = "32"
    CHANGE = "33"
    REMOVE = "31"
    HINT = "36"
    DIM = "2"
    BOLD = "1"
    BLUE = "34"
    MAGENTA = "35"
    BRIGHT_BLUE = "94"
    BRIGHT_GREEN = "92"


#: One for each host, where several speak in turn; none of them is that of an error.
HOSTS = (Style.HINT, Style.MAGENTA, Style.BLUE, Style.ADD, Style.BRIGHT_BLUE, Style.BRIGHT_GREEN)

#: The sequences that Paint writes, and no others.
COLOUR = regex(r"\x1b\[(?:" + "|".join(["0", *sorted({style.value for style in Style})]) + r")m")


class Paint:
    """Puts colour around text, or does not."""

    def __init__(self, colour: bool = False) -> None:
        self.colour = colour

    def __call__(self, style: Style, text: str) -> str:
        return f"\x1b[{style.value}m{text}\x1b[0m" if self.colour and text else text


PLAIN = Paint(False)


def wants_colour(environ: Mapping[str, str], *, tty: bool, no_color: bool) -> bool:
    """NO_COLOR (no-color.org): present and not empty turns colour off. So does TERM=dumb."""
    return tty and not no_color and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def clean(line: str) -> str:
    """One printable line: without escape sequences, tabs are spaces, and what cannot be seen is spelled out.

    Of text that a carriage return overwrote (a progress bar) the last state is kept.
    """
    line = _ESCAPE.sub("", line).rstrip("\r\n").replace("\t", "    ")
    last = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    return shown(last.replace("\n", " "))


def cells(text: str) -> int:
    """How many columns of a terminal it takes: a Chinese character or an emoji takes two, an accent of its own none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def _columns(char: str) -> int:
    if east_asian_width(char) in "WF":
        return 2
    return 0 if category(char) in ("Mn", "Me") else 1


def pad(text: str, width: int) -> str:
    """As `ljust`, by columns."""
    return text + " " * (width - cells(text))


def cut(text: str, width: int) -> str:
    """At most `width` columns; what was cut off is marked by `…`."""
    if cells(text) <= width:
        return text
    return _begin(text, width - 1) + "…" if width > 0 else ""


def _begin(text: str, width: int) -> str:
    """As much of it as has room in `width` columns."""
    if text.isascii():
        return text[: max(0, width)]
    ends = accumulate(map(_columns, text))
    return text[: sum(1 for _ in takewhile(lambda end: end <= width, ends))]


def cut_at_word(text: str, width: int) -> str:
    """As `cut`, and no word is cut but one that has a line to itself."""
    if cells(text) <= width:
        return text
    head = _begin(text, width - 1)
    whole = head if text[len(head) : len(head) + 1] == " " else head.rpartition(" ")[0]
    return f"{whole.rstrip()}…" if whole.strip() else cut(text, width)


# A word, or what stands in backticks with what clings to it: a command that can be typed is not broken up.
_UNBROKEN = regex(r"(?:`[^`]*`|\S)+")


def wrapped(text: str, width: int, indent: str = "", first: str = "") -> list[str]:
    """Lines of at most `width` columns, behind `first` and then `indent`; a word that is longer has its own."""
    lines = [first]
    for word in _UNBROKEN.findall(text):
        begun = lines[-1].strip()
        if begun and cells(lines[-1]) + 1 + cells(word) > width:
            lines.append(indent)
            begun = ""
        lines[-1] += f" {word}" if begun else word
    return lines


# Stands for a blank at which no line is broken.
_TIED = "\N{WORD JOINER}"


def wrapped_between(parts: Sequence[str], between: str, width: int, indent: str = "", first: str = "") -> list[str]:
    """As `wrapped`, and no line ends within one of `parts`."""
    words = between.join(part.replace(" ", _TIED) for part in parts)
    return [line.replace(_TIED, " ") for line in wrapped(words, width, indent, first)]


def named(hosts: Sequence[str]) -> str:
    """`gpu-01, gpu-02`, or `5 hosts (gpu-01 … gpu-05)`."""
    if len(hosts) <= 3:
        return ", ".join(hosts)
    return f"{len(hosts)} hosts ({hosts[0]} … {hosts[-1]})"


def duration(seconds: float) -> str:
    """`0.4 s`, `41 s`, `2 min 05 s`, `1 h 02 min`."""
    if seconds < 9.95:
        return f"{max(0.0, seconds):.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def clock(seconds: float) -> str:
    """A running time that does not jump in width much: `0:14`, `12:05`, `1:02:09`."""
    whole = max(0, int(seconds))
    minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}" if whole >= 3600 else f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes


def count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def table(rows: list[tuple[str, ...]], right: frozenset[int] = frozenset()) -> list[list[str]]:
    """Cells padded to the widest of their column; columns in `right` are aligned to the right. The last cell
    of a row is not padded on its right, so that lines have no trailing blanks."""
    widths = [max(cells(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    padded = []
    for row in rows:
        of_row = [
            " " * (w - cells(cell)) + cell if i in right else pad(cell, w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        of_row[-1] = of_row[-1].rstrip()
        padded.append(of_row)
    return padded
