"""Another program in our place: what is typed, printed and signalled from then on is its own."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence

from provision.core.errors import ProvisionError
from provision.core.exits import Exit
from provision.render.jsonl import result_line
from provision.render.screen import Screen


def become(screen: Screen, kind: str, words: Sequence[str]) -> int:
    """Returns only with `--json`, which prints what would be run. Raises ProvisionError if the program is missing."""
    if screen.as_json:
        screen.json(result_line(kind, {"command": list(words)}))
        return Exit.DONE
    program = shutil.which(words[0])
    if program is not None:
        sys.stdout.flush()
        sys.stderr.flush()
        os.execv(program, list(words))
    raise ProvisionError(f"`{words[0]}` is not installed here", hint="install OpenSSH's client: openssh-client")
