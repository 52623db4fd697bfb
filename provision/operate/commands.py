"""A person's command on hosts: as it is, or within the cluster's environment. What it does there is the person's to
know; no lease is taken for it."""

from __future__ import annotations

import math
import shlex
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from provision.core.errors import ProvisionError, UsageError
from provision.core.exits import Exit
from provision.core.script import Script, Value, assignments, is_text
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Host, Inventory
from provision.operate.asking import asking, errors_of, place_of
from provision.payload.bundle import shell
from provision.resources.kept_token import token_question, token_secrets
from provision.resources.service import LIBRARY

_WITHIN = ("files/trust.sh", "files/rights.sh", *LIBRARY)

#: Seconds for Ray's token to be read.
_PATIENCE = 30.0

#: Called with host, stream (`stdout`, `stderr`) and line, from several threads.
Heard = Callable[[str, str, str], None]


@dataclass(frozen=True)
class Ran:
    """What a command did on one host. `code`: its exit code; None where it did not run to its end, because of `error`.
    Of its output the last 32 MiB."""

    host: str
    code: int | None
    stdout: str = ""
    stderr: str = ""
    error: ProvisionError | None = None

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return Exit.DONE if self.code == 0 else Exit.FAILED


def run_on_hosts(
    inventory: Inventory,
    words: Sequence[str],
    *,
    limit: Sequence[str] = (),
    within: bool = False,
    timeout: float = math.inf,
    heard: Heard = lambda *_: None,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> tuple[Ran, ...]:
    """Runs a command on all hosts at once: one word is a line for the shell, several are a program and its arguments.
    With `sudo` in the inventory root runs it. `within`: in the cluster's environment, with Ray's address and token, as
    the user who services run as. `timeout`: seconds for each host. Secrets in its output are masked, and Ray's token.
    Raises UsageError, Cancelled."""
    if not words or not words[0].strip():
        raise UsageError("there is no command to run", hint="provision exec cluster.yaml -- uptime")
    if any(not is_text(word) for word in words):
        raise UsageError("the command is not UTF-8 text", hint="write other bytes by their numbers: printf '\\377'")
    with asking(inventory, limit, cancel, sudo_password) as fleet:

        def run(host: Host) -> Ran:
            script = command_script(inventory, host, words, within=within, timeout=timeout)
            session = fleet.transport.connect(host)
            fleet.transport.learn(token_secrets(session.run([_token(inventory, host)])[0]))
            (said,) = session.run([script], on_line=lambda _, stream, line: heard(host.name, stream, line))
            return Ran(host.name, said.rc, said.stdout, said.stderr)

        hosts = fleet.hosts
        ran = fleet.on_each(hosts, run)
        errors_of(fleet)
        lost = {host: errors[-1] for host, errors in fleet.errors.items()}
    return tuple(ran[host.name] if host.name in ran else Ran(host.name, None, error=lost[host.name]) for host in hosts)


def _token(inventory: Inventory, host: Host) -> Script:
    """A host that cannot say it has none of ours, or none that can be known."""
    return replace(token_question(inventory.cluster, host.name, host.base, None), optional=True, timeout=_PATIENCE)


def command_script(
    inventory: Inventory, host: Host, words: Sequence[str], *, within: bool = False, timeout: float = math.inf
) -> Script:
    variables: dict[str, Value] = {"words": len(words), **{f"word_{i}": word for i, word in enumerate(words)}}
    if not within:
        return Script(shell("commands/run.sh", "commands/here.sh"), variables, timeout=timeout)
    body = shell(*_WITHIN, "commands/environment.sh", "commands/run.sh", "commands/inside.sh")
    return Script(body, {**variables, **place_of(inventory, host)}, timeout=timeout)


def shell_line(inventory: Inventory, host: Host, words: Sequence[str]) -> str:
    """What a login shell is told for a shell within the environment, or for a command in there. Holds no secret: Ray's
    token stays in its file."""
    variables = place_of(inventory, host)
    files = [*_WITHIN, "commands/environment.sh"]
    if words:
        variables |= {"words": len(words), **{f"word_{i}": word for i, word in enumerate(words)}}
        files += ["commands/run.sh", "commands/inside.sh"]
    else:
        files.append("commands/shell.sh")
    text = f"{assignments(variables, _no_secret)}{shell(*files)}\n"
    return shlex.join([*(["sudo"] if host.sudo else []), "sh", "-c", text])


def _no_secret(_: Secret) -> str:
    raise ValueError("an argument list is no place for a secret")
