"""The hosts that an ssh_config names."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from provision.begin.named import Named
from provision.core.errors import UsageError
from provision.core.person import expanded
from provision.core.reading import read_given
from provision.core.regex import regex
from provision.transport.ssh_config import ConfigProblem, SshConfig

OWN = Path("~/.ssh/config")

_LINE = regex(r"[ \t]*(Host|Include)(?:[ \t]*=[ \t]*|[ \t]+)(.*)\Z", re.IGNORECASE)
_DEEPEST = 16  # as OpenSSH: readconf.c, READCONF_MAX_DEPTH


def hosts_of_config(path: Path, *, own: bool) -> tuple[Named, ...]:
    """Of names for one place the first. Left out: jump hosts of others, and what a user `git` logs in to."""
    config = SshConfig(None if own else str(path))
    found: dict[tuple[str, str], str] = {}
    jumps: set[str] = set()
    for name in dict.fromkeys(_names(path, 0)):
        try:
            said = config.lookup(name, "", 0)
        except (ConfigProblem, OSError) as error:
            raise UsageError(f"`{path}`: {error}", hint=getattr(error, "hint", "")) from error
        jumps |= {hop.rpartition("@")[2].partition(":")[0] for hop in said.one("proxyjump").split(",")}
        if said.one("user") != "git":
            found.setdefault((said.one("hostname", name), said.one("port", "22")), name)
    ssh = {} if own else {"config": str(path.absolute())}
    return tuple(Named(name, ssh=ssh) for name in found.values() if name not in jumps)


def _names(path: Path, depth: int) -> Iterator[str]:
    try:
        lines = read_given(path).decode("latin-1").splitlines()
    except OSError:
        return  # OpenSSH passes over what an Include does not find
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        try:
            words = shlex.split(match[2], comments=True)
        except ValueError:
            continue
        if match[1].lower() == "include" and depth < _DEEPEST:
            for word in words:
                pattern = expanded(word)
                base = pattern if pattern.is_absolute() else expanded(OWN).parent / pattern
                for file in sorted(base.parent.glob(base.name)) if base.parent.is_dir() else ():
                    yield from _names(file, depth + 1)
        elif match[1].lower() == "host":
            yield from (word for word in words if not re.search(r"[*?!]", word))
