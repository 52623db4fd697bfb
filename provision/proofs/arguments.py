"""Before anything is stopped: the vLLM of the new environment accepts the arguments that it is to be started with.

A flag misspelt is otherwise found when the new server ends at once, and the old one has been stopped for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.errors import HostError
from provision.core.finding import Against, Finding, Severity
from provision.core.proof import Proof, Shown
from provision.core.resource import State
from provision.core.script import Fragment, Script, Value, environment
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.payload.bundle import bundle, shell
from provision.payload.serve_arguments import ACCEPTED, REFUSED
from provision.resources.vllm import VllmServer

#: Seconds for vLLM to be imported, which takes a minute from a slow file system.
TIMEOUT = 240.0


@dataclass(frozen=True)
class VllmArguments(Proof):
    """`servers`: host → what is to run there. An answer that is none keeps nothing from starting: what vLLM then says
    of its arguments is in its log, as ever."""

    name: ClassVar[str] = "arguments"
    alongside: ClassVar[bool] = True

    servers: Mapping[str, VllmServer] = field(hash=False)

    @property
    def label(self) -> str:
        return "vLLM's arguments"

    def needed(self, states: Mapping[str, State]) -> bool:
        """Arguments that it has been started with before, from the same environment, were accepted."""
        keys = {f"{host}/{server.id}": server for host, server in self.servers.items()}
        return any(not _started_so(server, states[key]) for key, server in keys.items() if key in states)

    def scripts(self) -> Mapping[str, Script]:
        return {host: _asked(server) for host, server in self.servers.items()}

    def read(self, answers: Mapping[str, Fragment], failed: Mapping[str, HostError]) -> Shown:
        """What several hosts are told alike is said once, of the first of them."""
        findings: list[Finding] = []
        notes = [(host, _unknown(error.message)) for host, error in failed.items()]
        seen: set[tuple[str, ...]] = set()
        for host, answer in answers.items():
            verdict, said, meant = _told(answer)
            if verdict == REFUSED and said not in seen:
                seen.add(said)
                findings += _refused(host, said, meant)
            elif verdict not in (ACCEPTED, REFUSED):
                notes.append((host, _unknown(" ".join(said) or "no answer")))
        return Shown(tuple(findings), tuple(notes))


def _asked(server: VllmServer) -> Script:
    _, *words = server.command()
    # No secret is needed to read arguments.
    plain = {name: value for name, value in server.environment().items() if not isinstance(value, Secret)}
    variables: dict[str, Value] = {
        "user": server.place.user,
        "python": f"{server.python}/bin/python",
        "program": bundle("serve_arguments:main"),
        "args": len(words),
        **{f"arg_{index}": word for index, word in enumerate(words)},
        **environment({name: str(value) for name, value in plain.items()}),
    }
    return Script(shell("environment.sh", "users.sh", "vllm/arguments.sh"), variables, timeout=TIMEOUT, optional=True)


def _started_so(server: VllmServer, have: State) -> bool:
    wanted = server.aspects()
    flags = {key for key in have or () if key.startswith("--")}
    same = have is not None and all(have.get(aspect) == value for aspect, value in wanted.items())
    return same and flags <= wanted.keys()


def _unknown(why: str) -> str:
    return f"vLLM could not be asked about its arguments: {why}"


def _told(answer: Fragment) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    lines = [line.partition("=")[::2] for line in answer.stdout.splitlines()]
    verdict = next((value for key, value in lines if key == "verdict"), "")
    said, meant = (tuple(value for key, value in lines if key == wanted) for wanted in ("said", "meant"))
    return verdict, said or (answer.tail() if not verdict else ()), meant


def _refused(host: str, said: tuple[str, ...], meant: tuple[str, ...]) -> Iterator[Finding]:
    first, *more = said or ("it does not say why",)
    hint = "change `serve.args`; or start it all the same with `provision up --skip arguments`"
    if meant:
        flags = " and ".join(f"`{flag.lstrip('-')}`" for flag in meant)
        hint = f"write {flags} in `serve.args`"
    yield Finding(
        host,
        "services",
        "vLLM",
        Severity.BLOCKS,
        found="refuses its arguments",
        against=Against.POSSIBLE,
        why="a server that is started so ends at once",
        hint=hint,
        evidence=(*more, "no service was stopped or started"),
        said=f"vLLM does not accept its arguments: {first}",
    )
