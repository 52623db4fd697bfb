"""The models of a running ServerlessLLM: listed, deployed, deleted, on its head, over SSH.

Its API asks for no key, and behind a firewall it is not reached from here. So the head is logged in to, and asks the
process that `up` has started there, and no other.
"""

from __future__ import annotations

import json
import re
import shlex
import threading
from collections.abc import Callable

from provision.core.errors import HostError, UsageError
from provision.core.script import NOTE, Fragment, Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Inventory
from provision.inventory.secrets import read_sudo_password
from provision.inventory.serverless import BACKEND, MODEL_NAME, ServerlessLlm, SllmModel
from provision.operate.asking import place_of
from provision.payload.bundle import bundle, shell
from provision.resources.serverless_head import ASKING, BY_PERSON, HEAD, OTHERS, in_words
from provision.transport import Transport

_WITH = ("files/trust.sh", "files/rights.sh", *ASKING[:-2], "serverless/place.sh", *ASKING[-2:])

#: Seconds for a question, beside those for what is asked for.
_PATIENCE = 90.0


class NotDeployed(HostError):
    """ServerlessLLM does not run, or did not do what it was asked for."""


@dataclass(frozen=True)
class Deployed:
    """A model that ServerlessLLM has. `settings`: in words; `by`: `up`, `person`, or `other means`."""

    name: str
    settings: str
    by: str


def deployed(
    inventory: Inventory, *, cancel: threading.Event | None = None, sudo_password: Secret | None = None
) -> tuple[Deployed, ...]:
    """The models that there are. Raises UsageError, NotDeployed, Unreachable's subclasses."""
    said = _ask(inventory, "list", {}, 30.0, cancel, sudo_password)
    pairs = [line.partition("=") for line in said.stdout.splitlines() if "=" in line and not line.startswith("::")]
    return tuple(_deployed(name, words) for name, _, words in pairs)


def deploy(
    inventory: Inventory,
    name: str,
    model: SllmModel | None = None,
    *,
    say: Callable[[str], None] = lambda _: None,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> bool:
    """The model `name` is there with these settings; by default with those that the inventory has for it, and else with
    its defaults. Returns whether that changed anything. Raises UsageError, NotDeployed, Unreachable's subclasses."""
    settings = section_of(inventory)
    _must_be_a_name(name)
    wanted = model or settings.models.get(name) or SllmModel()
    asked = {name: [in_words(wanted), wanted.request(name)]}
    return _changed(_ask(inventory, "deploy", asked, settings.deploy_timeout, cancel, sudo_password, say))


def delete(
    inventory: Inventory, name: str, *, cancel: threading.Event | None = None, sudo_password: Secret | None = None
) -> bool:
    """The model `name` is not there. Returns whether that changed anything. Raises as `deploy`."""
    _must_be_a_name(name)
    return _changed(_ask(inventory, "delete", [name], 60.0, cancel, sudo_password))


def section_of(inventory: Inventory) -> ServerlessLlm:
    """Raises UsageError."""
    if inventory.serverlessllm is None:
        hint = f"models are deployed by the backend `{BACKEND}`: `serve: {{backend: {BACKEND}}}`"
        raise UsageError("the inventory has no ServerlessLLM", hint=hint)
    return inventory.serverlessllm


def _must_be_a_name(name: str) -> None:
    if not re.fullmatch(MODEL_NAME, name):
        raise UsageError(f"`{name}` cannot be the name of a model", hint="write it as the hub does: facebook/opt-1.3b")


def _deployed(name: str, words: str) -> Deployed:
    if words.startswith(BY_PERSON):
        return Deployed(name, words.removeprefix(BY_PERSON), "person")
    return Deployed(name, "", "other means") if words == OTHERS else Deployed(name, words, "up")


def _changed(said: Fragment) -> bool:
    return any(line.startswith(NOTE) for line in said.stdout.splitlines())


def _ask(
    inventory: Inventory,
    what: str,
    asked: object,
    seconds: float,
    cancel: threading.Event | None,
    sudo_password: Secret | None,
    say: Callable[[str], None] = lambda _: None,
) -> Fragment:
    section_of(inventory)
    head = inventory.head
    variables: dict[str, Value] = {
        **place_of(inventory, head),
        **{"service": HEAD, "user": ""},  # its stamp says as whom
        **{"what": what, "asked": json.dumps(asked), "seconds": int(seconds)},
        "program": bundle("deployments:main"),
    }
    script = Script(shell(*_WITH), variables, timeout=seconds + _PATIENCE, optional=True)
    password = sudo_password or read_sudo_password(inventory)
    with Transport([head], sudo_password=password, cancel=cancel, inventory=inventory.path) as transport:
        session = transport.connect(head)
        (said,) = session.run([script], on_line=lambda _, stream, line: say(line) if stream == "stdout" else None)
    if not said.ok:
        lines = said.tail()
        up = f"provision up {shlex.quote(str(inventory.path))}"
        away = any("not running" in line for line in lines)
        hint = up if away else "`provision logs` shows what ServerlessLLM says of it"
        message = (lines or ("ServerlessLLM could not be asked",))[-1]
        raise NotDeployed(head.name, message, evidence=lines[:-1], hint=hint)
    return said
