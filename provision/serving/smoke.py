"""One question to the served model, asked as its users do: from here, through the head's address.

Where that cannot be connected to from here, the head asks itself, over the SSH connection that we have anyway. That
needs no forwarding of ports, which many an sshd refuses; its times are then the server's alone, without the way there.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from http.client import HTTPException

from provision.core.errors import HostError, ProvisionError, UsageError
from provision.core.report import Report
from provision.core.script import Fragment, Script, Value
from provision.core.secret import Secret
from provision.core.urls import bracketed
from provision.core.values import dataclass
from provision.inventory.models import Inventory, Serve
from provision.payload.ask import Answer, Refused, article, ask, told_answer
from provision.payload.bounded import whole
from provision.payload.bundle import bundle, shell
from provision.payload.posting import over_http, reason
from provision.serving.running import NotServing, Running, find_running
from provision.transport import Session, Transport
from provision.transport.keyed import keyed
from provision.transport.reach import closed

API_KEY = "VLLM_API_KEY"
CHAT_PATH = "/v1/chat/completions"


class NoAnswer(HostError):
    """The server runs, but the question was refused, or nothing came back in time."""


@dataclass(frozen=True)
class Smoke:
    """`direct`: asked from here; otherwise on the head, because of `why`. `answer`: times in seconds."""

    url: str
    model: str
    host: str
    direct: bool
    why: str
    answer: Answer

    @property
    def sentence(self) -> str:
        """`a chat completion answered from here: first token after 0.05 s, 16 tokens in 0.21 s`."""
        where = "from here" if self.direct else f"on {self.host}, through SSH (from here: {self.why})"
        answer = self.answer
        took = f"after {answer.seconds:.2f} s"
        if answer.tokens:
            took = f"first token after {answer.first:.2f} s, {answer.tokens} tokens in {answer.seconds:.2f} s"
        return f"{article(answer.kind)} answered {where}: {took}"


@dataclass(frozen=True)
class Chat:
    """`url`: where it was asked."""

    url: str
    question: str
    text: str


@dataclass(frozen=True)
class ServerSession:
    """The server at the end of an open session to the head. `closed`: why it cannot be connected to from here."""

    session: Session
    running: Running
    key: Secret | None
    closed: str


def smoke(
    inventory: Inventory,
    secrets: Mapping[str, Secret],
    *,
    timeout: float = 120.0,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Smoke:
    """`timeout`: seconds for the whole answer. Raises UsageError if the inventory serves nothing; NotServing, NoAnswer;
    Unreachable's subclasses, Cancelled."""
    with connected(inventory, secrets, cancel=cancel, sudo_password=sudo_password) as transport:
        return asked(inventory, served(transport, inventory, secrets), timeout)


def from_here(
    report: Report,
    inventory: Inventory,
    secrets: Mapping[str, Secret],
    only: Sequence[str],
    say: Callable[[str], None],
    cancel: threading.Event | None,
    sudo_password: Secret | None,
) -> Report:
    """`report`, of an `up` that ended well, with what came of the question from here: the server has answered on the
    head itself. `only`: the hosts that the run was limited to, none for all. Raises nothing of ours."""
    if inventory.serve is None or (only and inventory.head.name not in only):
        return report
    try:
        seen = smoke(inventory, secrets, cancel=cancel, sudo_password=sudo_password)
    except NotServing:
        return report  # a playbook of one's own may serve by other means
    except ProvisionError as error:
        return replace(report.with_errors(error), outcome=())
    say(seen.sentence)
    return report


def chat(inventory: Inventory, question: str, *, tokens: int = 40, timeout: float = 120.0) -> Chat:
    """An answer to a question of one's own, from here and from a server without a key: the demo's, and no host is
    logged in to for it. Raises UsageError if the inventory serves nothing; NoAnswer."""
    serve, head = _serve(inventory), inventory.head
    if serve.tls is not None:
        raise UsageError("a model that is served over HTTPS is not chatted with", hint="provision smoke")
    url = f"http://{bracketed(head.node_ip or head.address)}:{serve.port}"
    body = {
        "model": serve.name or serve.model,
        "max_tokens": tokens,
        "messages": [{"role": "user", "content": question}],
    }
    try:
        with over_http(url)(CHAT_PATH, body, timeout) as answer:
            text = json.loads(whole(answer))["choices"][0]["message"]["content"]
            return Chat(url + CHAT_PATH, question, str(text))
    except (OSError, HTTPException, ValueError, LookupError, TypeError) as error:
        raise NoAnswer(head.name, f"{url}: {reason(error)}", hint="provision smoke") from error


def connected(
    inventory: Inventory,
    secrets: Mapping[str, Secret],
    *,
    cancel: threading.Event | None = None,
    sudo_password: Secret | None = None,
) -> Transport:
    """Connections to the head alone. Raises UsageError."""
    _serve(inventory)
    redact = tuple(secrets.values())
    return Transport(
        [inventory.head], sudo_password=sudo_password, redact=redact, cancel=cancel, inventory=inventory.path
    )


def _serve(inventory: Inventory) -> Serve:
    if inventory.serverlessllm is not None:
        hint = "`provision model list` has its models, and the end of `up` a request to copy"
        raise UsageError("what ServerlessLLM serves is not asked from here", hint=hint)
    if inventory.serve is None:
        raise UsageError("the inventory serves no model", hint="add a section `serve`, with its `model`")
    return inventory.serve


def served(transport: Transport, inventory: Inventory, secrets: Mapping[str, Secret]) -> ServerSession:
    """Raises NotServing, and what connecting raises."""
    head = inventory.head
    session = transport.connect(head)
    running = find_running(session, inventory)
    if running.only_there(head):
        why = f"it listens on {head.name}'s loopback"
    else:
        endpoint = (running.address, running.port)
        why = closed([endpoint]).get(endpoint, "")
    return ServerSession(session, running, secrets.get(API_KEY), why)


def asked(inventory: Inventory, there: ServerSession, timeout: float) -> Smoke:
    """Raises NoAnswer, and what a session raises."""
    running, head = there.running, inventory.head.name
    answer = _through(there, head, timeout) if there.closed else _from_here(there, head, timeout)
    return Smoke(running.url, running.model, head, not there.closed, there.closed, answer)


def _from_here(there: ServerSession, head: str, timeout: float) -> Answer:
    running = there.running
    post = keyed(lambda key: over_http(running.url, key, certificate=running.certificate), there.key)
    try:
        return ask(post, running.model, timeout=timeout)
    except Refused as error:
        raise refused(head, there, error.status, str(error)) from None
    except (OSError, ValueError, LookupError) as error:
        raise silent(head, there, reason(error), timeout) from None


def _through(there: ServerSession, head: str, timeout: float) -> Answer:
    (fragment,) = there.session.run([asking(there, timeout)])
    return answer_of(fragment, there, head, timeout)


def asking(there: ServerSession, timeout: float) -> Script:
    variables: dict[str, Value] = {
        "python": there.running.plain,
        "program": bundle("ask:main"),
        "url": there.running.url,
        "model": there.running.model,
        "seconds": f"{timeout:g}",
        "mark": there.running.mark,
        "pid": there.running.pid,
        "user": there.running.user,
        "certificate": there.running.certificate,
        "api_key": there.key or "",
    }
    return Script(shell("users.sh", "ask.sh"), variables, timeout=timeout + 30, optional=True)


def answer_of(fragment: Fragment, there: ServerSession, head: str, timeout: float) -> Answer:
    """Raises NoAnswer."""
    for line in fragment.stdout.splitlines():
        if line.startswith("answer=") and (answer := told_answer(line.removeprefix("answer="))):
            return answer
    last = (fragment.tail() or ("",))[-1]
    if said := re.match(r"refused=(\d+) (.*)", last):
        raise refused(head, there, int(said[1]), said[2])
    if last.startswith("silent="):
        raise silent(head, there, last.removeprefix("silent="), timeout)
    raise NoAnswer(head, "the request could not be sent there", evidence=fragment.tail())


def refused(head: str, there: ServerSession, status: int, said: str) -> NoAnswer:
    if status in (401, 403):
        hint = f"give the key that it was started with as `secrets.{API_KEY}`"
        if there.key is not None:
            hint = (
                f"`secrets.{API_KEY}` is not the key that it was started with: `provision up` restarts it with this one"
            )
        return NoAnswer(head, f"{there.running.url} wants another API key ({said})", hint=hint)
    return NoAnswer(head, f"{there.running.url} rejects the request: {said}", hint="provision check")


def silent(head: str, there: ServerSession, why: str, timeout: float) -> NoAnswer:
    limit = f" ({timeout:g} s)" if why == "no answer in time" else ""
    return NoAnswer(head, f"{there.running.url}: {why}{limit}", hint="provision check")
