"""What can be asked for of a run, all by keyword."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypedDict

from provision.core.events import Listener
from provision.core.plan import Plan
from provision.core.secret import Secret


class Options(TypedDict, total=False):
    """`playbook`: a file, before the inventory's and the built-in one. `limit`: names of the hosts to contact, none for
    all. `cancel`: set it to stop the run; remote processes are ended first. `deep`: compare every file of the
    environments with the hash that was installed, which takes minutes. `skip`: names of proofs (provision.core.proof)
    that are left out: `network`, `all-reduce`, `weights`, `arguments`. `wait`: False raises Busy at once
    if another run is at work on the hosts, instead of waiting for it. `agree`: called with the plan before anything is
    changed; what it raises ends the run."""

    playbook: Path | None
    limit: Sequence[str]
    listener: Listener
    cancel: threading.Event | None
    sudo_password: Secret | None
    deep: bool
    skip: Sequence[str]
    wait: bool
    agree: Callable[[Plan], None]
