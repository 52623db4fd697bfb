"""`%` tokens, `${VARIABLES}` and `~` in the values of ssh_config (ssh_config(5), TOKENS and ENVIRONMENT VARIABLES)."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import socket
from collections.abc import Mapping
from pathlib import Path

from provision.core.person import expanded, home, login_name


class UnknownToken(ValueError):
    """Something that cannot be filled in; it is named."""


def tokens(*, original: str, host: str, port: int, user: str, alias: str, jump: str) -> Mapping[str, str]:
    """What each token stands for, by its letter."""
    local = socket.gethostname()
    digest = hashlib.sha1(f"{local}{host}{port}{user}{jump}".encode(), usedforsecurity=False).hexdigest()
    return {
        "%": "%",
        "C": digest,
        "d": str(home() or "~"),
        "h": host,
        "i": str(os.geteuid()),
        "j": jump,
        "k": alias or original,
        "L": local.partition(".")[0],
        "l": local,
        "n": original,
        "p": str(port),
        "r": user,
        "T": "NONE",
        "u": login_name(),
    }


def filled(text: str, values: Mapping[str, str], *, variables: bool = True) -> str:
    """`text` with all that filled in. Raises UnknownToken. Without `variables` it is a command, in which there may be a
    password: it is not repeated."""
    where = f"`{text}`" if variables else "a command"

    def token(found: re.Match[str]) -> str:
        if found[1] not in values:
            raise UnknownToken(f"`{found[0]}` in {where} is not known")
        return values[found[1]]

    def variable(found: re.Match[str]) -> str:
        if found[1] not in os.environ:
            raise UnknownToken(f"`{found[0]}` in `{text}`: the variable is not set")
        return os.environ[found[1]]

    text = re.sub(r"%(.?)", token, text)
    return re.sub(r"\$\{([^}]*)\}", variable, text) if variables else text


def command(text: str, values: Mapping[str, str], later: str) -> tuple[str, ...]:
    """The words of a command that no shell reads, for `filled` once more: with what the letters in `later` stand for.
    Raises UnknownToken."""
    try:
        program, *rest = shlex.split(text)
    except ValueError:
        raise UnknownToken(f"`{text}` is no command") from None
    known = {letter: value.replace("%", "%%") for letter, value in values.items()}
    known |= {letter: f"%{letter}" for letter in later}
    return (program.replace("%", "%%"), *(filled(word, known) for word in rest))


def path(text: str, values: Mapping[str, str]) -> Path:
    """`text` as the name of a file; a `~` that nobody knows stays, and no file is called that. Raises UnknownToken."""
    return expanded(filled(text, values))
