"""A made-up run: three hosts, of which one is fine, one is changed and one fails."""

import io
from dataclasses import dataclass, field

from provision.core import events
from provision.core.errors import ScriptFailed
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook
from provision.core.report import HostReport, Report
from provision.core.resource import Resource, State
from provision.core.script import Script

HOSTS = ("gpu-01", "gpu-02", "gpu-03")


@dataclass(frozen=True)
class Thing(Resource):
    name: str
    wanted: State = field(default_factory=lambda: {"version": "2"}, hash=False)

    @property
    def id(self) -> str:
        return f"thing:{self.name}"

    @property
    def label(self) -> str:
        return self.name

    def probe(self) -> Script:
        return Script(":")

    def want(self) -> State:
        return self.wanted

    def fix(self, have: State, want: State) -> Script:
        return Script(":")


def a_plan(mode: Mode = Mode.UP, hosts: tuple[str, ...] = HOSTS) -> Plan:
    book = Playbook()
    observed: dict[str, State] = {}
    for host in hosts:
        venv = book.add(Thing("environment 3f9c"), on=host)
        server = book.add(Thing("vllm", {"--max-model-len": "8192"}), on=host, follows=venv)
        observed[venv.key] = None if host == hosts[0] else {"version": "2"}
        observed[server.key] = {"--max-model-len": "4096" if host != hosts[-1] else "8192"}
    return make_plan(mode, book.steps, observed, book.blockers)


def an_error(host: str = "gpu-02") -> ScriptFailed:
    return ScriptFailed(host, "vllm: failed (exit code 1)", evidence=("No space left",), hint="free 20 GB in /opt")


def a_run() -> list[events.Event]:
    failed = an_error()
    return [
        events.RunStarted("", "up", "llama", HOSTS),
        *(events.Doing(h, "connecting") for h in HOSTS),
        *(events.Connected(h, 0.4) for h in HOSTS),
        events.Planned("", a_plan()),
        events.Doing("gpu-01", "environment 3f9c"),
        events.Progress("gpu-01", "412/945 MB"),
        events.Output("gpu-01", "\x1b[32mInstalled 169 packages\x1b[0m"),
        events.StepDone("gpu-01", "gpu-01/thing:environment 3f9c", "environment 3f9c", "+", 12.34),
        events.StepSkipped("gpu-01", "gpu-01/thing:vllm", "vllm", "cancelled"),
        events.Failed("gpu-02", "ScriptFailed", failed.message, failed.evidence, failed.hint, "gpu-02/thing:vllm"),
        events.Note("", "three packages have no hashes"),
        events.HostDone("gpu-03", "ok", 0, 2.0),
        events.RunDone("", 1, 41.2),
    ]


def a_report(**changed: object) -> Report:
    error = an_error()
    values: dict[str, object] = {
        "command": "up",
        "mode": Mode.UP,
        "plan": a_plan(),
        "hosts": (
            HostReport("gpu-01", "changed", ("environment 3f9c",), (), 12.34, 1, 3),
            HostReport("gpu-02", "failed", (), (error,), 3.0, 1, 3),
            HostReport("gpu-03", "ok", (), (), 2.0, 1, 2),
        ),
        "errors": (error,),
        "seconds": 41.2,
        "log": "/logs/up.log",
        "exit_code": 1,
    }
    return Report(**{**values, **changed})  # type: ignore[arg-type]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True
