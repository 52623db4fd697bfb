"""A program by the names that it has in an image, where the environment of the host is not."""

from __future__ import annotations

from provision.export.common import WITH_SECRETS
from provision.export.layout import HostLayout, HostProgram

#: Variables that say where things are on the host: the image has its own.
OF_THE_HOST = frozenset({"PATH", "HOME", "USER", "TMPDIR"})


def entry(host: HostLayout, one: HostProgram, secrets: str, dollar: str) -> tuple[list[str], tuple[str, ...]]:
    """The program, found by its name, and its arguments. Where its path is wanted, or it has secrets (in the file
    `secrets`), a shell in the container sees to that first. `dollar`: as whoever reads it next wants one."""
    prefix = f"{host.environment}/bin/"
    words = [word.removeprefix(prefix) for word in one.command]
    programs = [index for index, word in enumerate(one.command) if word.startswith(prefix)]
    last = max(programs, default=0)
    if last == 0 and not one.secrets:
        return [words[0]], tuple(words[1:])
    line = ["exec"]
    if one.secrets:
        line += ["/bin/sh", f"{host.lib}/{WITH_SECRETS}", secrets]
    for index, word in enumerate(words[: last + 1]):
        named = "python3" if word == "python" and index in programs else word
        line.append(f'"{dollar}(command -v {named})"' if index in programs and index else named)
    return ["/bin/sh", "-c", " ".join([*line, f'"{dollar}@"']), one.name], tuple(words[last + 1 :])
