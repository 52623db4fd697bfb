"""What the end of `up` tells: where the model answers, how it is cut, and lines that can be typed as they are.

Pure text. The lines begin in the first column, so that they can be copied; of a key they say where it is.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from provision.core.certificate import ShownCertificate
from provision.core.outcome import Ended, Endpoint
from provision.core.person import expanded
from provision.core.urls import bracketed
from provision.core.values import dataclass
from provision.inventory.models import Host, SecretSource

#: How a service is shown that is well.
RUNNING = "running"


@dataclass(frozen=True)
class ApiKey:
    """Where the API key is on this machine, as sh and as Python read it there. Neither: the server wants none."""

    shell: str = ""
    # Without one the OpenAI client refuses to begin.
    python: str = '"none"'

    @classmethod
    def of(cls, source: SecretSource | None, folder: Path) -> ApiKey:
        """`folder`: what the paths of the inventory are relative to."""
        if source is None:
            return cls()
        if source.env:
            return cls(f"${source.env}", f'os.environ["{source.env}"]')
        if not source.file:
            # What a program tells is not asked for on a terminal: whoever types this has it in the variable.
            return cls("$VLLM_API_KEY", 'os.environ["VLLM_API_KEY"]')
        path = str((folder / expanded(source.file or "")).absolute())
        return cls(f"$(cat {shlex.quote(path)})", f"open({json.dumps(path)}).read().strip()")


@dataclass(frozen=True)
class Served:
    """`endpoint`: what the server listens on; `local`: on the head's loopback, where only the head itself gets at it.
    `over`: what joins the hosts. `ranks`, `answers`: what the facts are called that say where the ranks run and how the
    model answers. `service`: what the server itself is called; that it answers is said once it was seen to be well.
    `certificate`: what it shows; None: it speaks HTTP. `trusted`: the file of this machine by which a client knows it;
    empty: what the system trusts."""

    model: str
    endpoint: Endpoint
    head: Host
    hosts: tuple[str, ...]
    tensor_parallel: int | str
    pipeline_parallel: int | str
    over: str
    ranks: str
    answers: str
    key: ApiKey = ApiKey()
    local: bool = False
    service: str = "vLLM"
    certificate: ShownCertificate | None = None
    trusted: str = ""

    @property
    def endpoints(self) -> list[Endpoint]:
        """What is worth connecting to from the controller."""
        return [] if self.local else [self.endpoint]

    def lines(self, ended: Ended) -> list[str]:
        if ended.of(self.head.name, self.service) != RUNNING:
            why = "" if self.head.name in ended.known else f": it is served on {self.head.name}, which was left out"
            return [f"whether {self.model} answers was not looked at{why}"]
        from provision.payload.ask import CHAT

        said = ended.of(self.head.name, self.answers)
        kind = said if said in _calls() else CHAT  # whoever controls the server may have it say anything
        why = f"it listens on {self.head.name}'s loopback" if self.local else ended.closed.get(self.endpoint, "")
        address, port = self.endpoint
        scheme = "http" if self.certificate is None else "https"
        asked = "127.0.0.1" if why else address
        base = f"{scheme}://{bracketed(asked)}:{port}"
        name = self._name(asked, tunnel=bool(why))
        by_name = f"{scheme}://{bracketed(name)}:{port}"
        return [
            f"{self.model} answers at {scheme}://{bracketed(address)}:{port}/v1",
            *self._cut(ended),
            *self._shown(),
            *self._detour(why),
            "",
            curl_line(base, self.model, kind, self.key, self.certificate.pin if self.certificate is not None else ""),
            *(["", *python_lines(by_name, self.model, kind, self.key, self.trusted)] if name else []),
        ]

    def _name(self, asked: str, *, tunnel: bool) -> str:
        """By which a client that compares names asks; empty: by none that is known here."""
        if self.certificate is None or self.certificate.covers([asked]):
            return asked
        names = [name for name in self.certificate.names if "*" not in name]
        return names[0] if names and not tunnel else ""

    def _shown(self) -> list[str]:
        return [] if self.certificate is None else [f"  certificate SHA-256 {self.certificate.colons}"]

    def _cut(self, ended: Ended) -> list[str]:
        named = {host: ended.of(host, self.ranks) for host in self.hosts}
        width = max(map(len, self.hosts))
        lines = [f"  tensor parallel {self.tensor_parallel} × pipeline parallel {self.pipeline_parallel}, {self.over}"]
        return lines + [f"  {host:<{width}}  {_ranks(which)}" for host, which in named.items() if which]

    def _detour(self, why: str) -> list[str]:
        if not why:
            return []
        address, port = self.endpoint
        return [
            "",
            f"{bracketed(address)}:{port} cannot be reached from here ({why}); while this command runs, it can, "
            f"at 127.0.0.1:{port}:",
            "",
            tunnel(self.head, self.endpoint),
        ]


def _ranks(which: str) -> str:
    return f"ranks {which}" if ", " in which else f"rank {which}" if "(" in which else which


def curl_line(base: str, model: str, kind: str, key: ApiKey = ApiKey(), pin: str = "") -> str:
    """`pin`: of the public key, by which alone curl is to know the server; it needs neither a file nor a name."""
    path, body = _question(kind, model)
    header = f' -H "Authorization: Bearer {key.shell}"' if key.shell else ""
    pinned = f"-k --pinnedpubkey 'sha256//{pin}' " if pin else ""
    return (
        f"curl --noproxy '*' {pinned}{base}{path} -H 'Content-Type: application/json'{header} "
        f"-d {shlex.quote(json.dumps(body))}"
    )


def python_lines(base: str, model: str, kind: str, key: ApiKey = ApiKey(), trusted: str = "") -> list[str]:
    """Four lines that want the package `openai` and nothing else. `trusted`: the file of the certificate."""
    from provision.payload.ask import POOLING

    _, body = _question(kind, model)
    arguments = ", ".join(f"{name}={json.dumps(argument)}" for name, argument in body.items())
    call, result = _calls()[kind]
    modules = ", ".join([*(["os"] if "os." in key.python else []), *(["ssl"] if trusted else []), "openai"])
    context = f"ssl.create_default_context(cafile={json.dumps(trusted)})"
    tls = f", http_client=openai.DefaultHttpxClient(verify={context})" if trusted else ""
    return [
        f"import {modules}",
        f'client = openai.OpenAI(base_url="{base}{"" if kind == POOLING else "/v1"}", api_key={key.python}{tls})',
        f"answer = client.{call.format(arguments=arguments, body=json.dumps(body))}",
        f"print({result})",
    ]


def tunnel(head: Host, endpoint: Endpoint) -> str:
    """The OpenSSH command that brings the endpoint to this machine, at the same port of 127.0.0.1. What the inventory
    does not say it finds where we did, in ssh_config."""
    ssh = head.ssh
    options: list[str] = ["-N", "-L", f"{endpoint[1]}:{bracketed(endpoint[0])}:{endpoint[1]}"]
    options += ["-F", ssh.config] if ssh.config else []
    options += ["-p", str(ssh.port)] if ssh.port and ssh.port != 22 else []
    options += ["-i", ssh.key] if ssh.key else []
    options += ["-o", f"UserKnownHostsFile={ssh.known_hosts}"] if ssh.known_hosts else []
    options += ["-J", ssh.jump] if ssh.jump else []
    where = f"{ssh.user}@{head.address}" if ssh.user else head.address
    return " ".join(["ssh", *(word if word.startswith("~/") else shlex.quote(word) for word in options), where])


def _question(kind: str, model: str) -> tuple[str, dict[str, Any]]:
    from provision.payload.ask import questions

    return next((path, body) for name, path, body in questions(model) if name == kind)


@cache
def _calls() -> Mapping[str, tuple[str, str]]:
    """The client's call and what of its answer is worth printing."""
    from provision.payload.ask import CHAT, COMPLETION, EMBEDDING, POOLING

    return {
        CHAT: ("chat.completions.create({arguments})", "answer.choices[0].message.content"),
        COMPLETION: ("completions.create({arguments})", "answer.choices[0].text"),
        EMBEDDING: ("embeddings.create({arguments})", "len(answer.data[0].embedding)"),
        # OpenAI's API has no such thing; its client can still ask.
        POOLING: ('post("/pooling", body={body}, cast_to=object)', 'answer["data"][0]'),
    }
