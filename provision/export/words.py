"""Values as each kind of file wants them: sh, systemd, docker compose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from provision.core.regex import regex
from provision.core.script import quote

_PLAIN = regex(r"[A-Za-z0-9_@%+=:,./-]+\Z")


def sh(word: str) -> str:
    """Quoted where sh would make something else of it."""
    return word if _PLAIN.match(word) else quote(word)


def sh_command(words: Sequence[str]) -> str:
    """A command over several lines, a flag with its value on each."""
    lines: list[str] = []
    for word in words:
        if not lines or word.startswith("--"):
            lines.append(sh(word))
        else:
            lines[-1] += f" {sh(word)}"
    return " \\\n    ".join(lines)


def sh_exports(variables: Mapping[str, str]) -> str:
    return "".join(f"export {name}={sh(value)}\n" for name, value in variables.items())


def systemd(word: str, *, command: bool = False) -> str:
    """systemd.syntax(7): quotes and C escapes; `%` begins a specifier, and in a `command` `$` a variable."""
    text = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("%", "%%")
    text = text.replace("$", "$$") if command else text
    return text if text and _PLAIN.match(word) else f'"{text}"'


def systemd_command(words: Sequence[str]) -> str:
    lines: list[str] = []
    for word in words:
        if not lines or word.startswith("--"):
            lines.append(systemd(word, command=True))
        else:
            lines[-1] += f" {systemd(word, command=True)}"
    return " \\\n    ".join(lines)
