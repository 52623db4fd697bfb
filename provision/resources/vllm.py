"""The model server on the head: `vllm serve`, ready when a real completion has answered."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.finding import Known
from provision.core.resource import Difference, State
from provision.core.script import Fragment, Script, Value
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.inventory.models import Serve
from provision.payload.bundle import bundle, shell
from provision.resources.guard import MIDDLEWARE, Guarded
from provision.resources.lifeline import Server, lifeline
from provision.resources.ranks import SEGMENTS
from provision.resources.ray import RayHead, as_the_head, await_members
from provision.resources.ray_setup import Network
from provision.resources.service import Service, aspects_of
from provision.resources.staying import Unit
from provision.resources.tls import ServerTls, taken_away

#: What the stamp and `check` say of how the model answers: one of the kinds of provision.payload.ask.
ANSWERS = "model answers with"

API_KEY = "VLLM_API_KEY"

#: To listen on, and nothing to connect to.
EVERYWHERE = ("0.0.0.0", "::")

#: Set on the head alone, and never sent along to the ranks on other hosts.
STAYS_HERE = (
    "PROVISION_SERVICE",
    API_KEY,
    "RAY_AUTH_TOKEN_PATH",
    "PATH",
    "HOME",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    *Guarded.VARIABLES,
)

#: Flags of which each value is given behind a flag of its own (argparse's `append`).
_APPENDED = frozenset({MIDDLEWARE})


@dataclass(frozen=True)
class VllmServer(Service):
    """`python`: the folder of the environment; `lock`: the digest that it was made from. `members`: the nodes whose
    ranks it runs on, part of what makes a restart necessary. `secrets` reach it by environment. `tls`: what it speaks
    HTTPS with; None: HTTP. Subclasses say what joins the hosts."""

    purpose: ClassVar[str] = "it serves the model"
    why: ClassVar[str] = f"{purpose}, and new settings take effect only after a restart"

    serves: ClassVar[bool] = True

    python: str
    lock: str
    network: Network
    serve: Serve
    base: Mapping[str, str] = field(hash=False)
    secrets: Mapping[str, Secret] = field(hash=False)
    config_root: str
    members: str
    tls: ServerTls | None = field(default=None, kw_only=True)
    plain: str = field(default="", kw_only=True)

    @property
    def plain_python(self) -> str:
        """For what needs nothing but Python's own."""
        return self.plain or f"{self.python}/bin/python"

    @property
    def name(self) -> str:
        return "vLLM"

    @property
    def listen(self) -> str:
        return self.serve.listen or self.network.node_ip

    @property
    def listen_host(self) -> str:
        """Where it is asked."""
        return self.network.node_ip if self.listen in EVERYWHERE else self.listen

    @property
    def url(self) -> str:
        host = f"[{self.listen_host}]" if ":" in self.listen_host else self.listen_host
        return f"{'http' if self.tls is None else 'https'}://{host}:{self.serve.port}"

    @property
    def certificate(self) -> str:
        """What it shows, by its SHA-256; empty without TLS."""
        return self.tls.fingerprint if self.tls is not None else ""

    @abstractmethod
    def executor(self) -> dict[str, tuple[str, ...]]:
        """The flags that say what joins the hosts."""

    @property
    def guarded(self) -> Guarded:
        return Guarded(f"{self.place.folder}-guard", self.serve, on=self.serve.guard and bool(self.key))

    @property
    def key(self) -> str | Secret:
        """The API key; empty: the server wants none."""
        return self._given().get(API_KEY, "")

    def flags(self) -> dict[str, tuple[str, ...]]:
        """Every flag of `vllm serve`, by name without its dashes; those of the inventory win. No value: a
        switch that is on."""
        flags: dict[str, tuple[str, ...]] = {
            **self.executor(),
            "tensor-parallel-size": (str(self.serve.tensor_parallel),),
            "pipeline-parallel-size": (str(self.serve.pipeline_parallel),),
            "host": (self.listen,),
            "port": (str(self.serve.port),),
        }
        if self.serve.name:
            flags["served-model-name"] = (self.serve.name,)
        if self.tls is not None:
            flags |= self.tls.flags()
        for name, value in self.serve.args.items():
            if value is True:
                flags[name] = ()
            elif value is False:
                # Leaving the flag out would leave a switch on that vLLM has on by itself.
                flags[f"no-{name}"] = ()
            else:
                flags[name] = tuple(map(str, value)) if isinstance(value, tuple) else (str(value),)
        return self.guarded.flags(flags)

    def command(self) -> tuple[str, ...]:
        words: list[str] = []
        for name, values in self.flags().items():
            each = [(value,) for value in values] if name in _APPENDED else [values]
            words += [word for some in each for word in (f"--{name}", *some)]
        return (f"{self.python}/bin/vllm", "serve", self.serve.model, *words)

    def environment(self) -> Mapping[str, str | Secret]:
        return self.guarded.environment(self._given())

    def _given(self) -> dict[str, str | Secret]:
        """What the inventory and the host give it."""
        return {
            **self.network.environment(),
            **self.base,
            "VLLM_CONFIG_ROOT": self.config_root,
            "VLLM_NO_USAGE_STATS": "1",
            # Else its processes' titles are written over their environment, and with it over whose they are
            # (py-setproctitle's README).
            "SPT_NOENV": "1",
            # The engine's own limit of 600 s is too short for big weights on slow disks.
            "VLLM_ENGINE_READY_TIMEOUT_S": str(int(self.serve.ready_timeout)),
            **self.serve.env,
            **self.secrets,
        }

    def aspects(self) -> Mapping[str, str]:
        flags = {f"--{name}": " ".join(values) or "on" for name, values in self.flags().items()}
        return {
            "environment": self.lock,
            "model": self.serve.model,
            "nodes": self.members,
            **self.guarded.aspects(),
            **(self.tls.aspects() if self.tls is not None else {}),
            **aspects_of(flags, self.environment()),
        }

    def fix(self, have: State, want: State) -> Script:
        fix = self.guarded.module.around(super().fix(have, want), there=want is not None)
        return fix if self.tls is not None else taken_away(fix, self.place.folder)

    def ports(self) -> tuple[int, ...]:
        return (self.serve.port,)

    def segments(self) -> tuple[str, ...]:
        return SEGMENTS

    def health(self) -> Script:
        variables: dict[str, Value] = {
            "health_url": self.url,
            "health_host": self.listen_host,
            "health_port": self.serve.port,
            "health_python": self.plain_python,
            "health_program": bundle("health:main"),
            "alive_program": bundle("alive:main"),
            "health_model": self.serve.name or self.serve.model,
            "health_key": self.key,
            "guarded": "yes" if self.guarded.on else "",
            "certificate": self.certificate,
        }
        return Script(shell("listener.sh", "vllm/health.sh"), variables)

    def known(self, have: State) -> tuple[Known, ...]:
        found = super().known(have)
        kind = (have or {}).get("answers")
        return (*found, Known(self.area, ANSWERS, kind)) if kind else found

    def ready(self) -> Script:
        variables: dict[str, Value] = {
            "python": self.plain_python,
            "program": bundle("ask:wait"),
            "url": self.url,
            "model": self.serve.name or self.serve.model,
            "api_key": self.key,
            "certificate": self.certificate,
            "guarded": "yes" if self.guarded.on else "",
            "seconds": int(self.serve.ready_timeout),
        }
        return Script(shell("vllm/ready.sh"), variables, timeout=self.serve.ready_timeout + 60)

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        from provision.diagnosis import decisive
        from provision.payload.ask import OPEN

        first = failed.stderr.partition("\n")[0]
        if first.startswith(OPEN):
            # Its log has nothing to say about that.
            return (first,), "take out of `serve.args` and `serve.env` what replaces vLLM's own API server"
        lines, hint = decisive(failed.stderr)
        return tuple(lines) or failed.tail(), hint or ""


@dataclass(frozen=True)
class VllmOnRay(VllmServer):
    """`ray` is the head it connects to; `counted` waits for its members, whose raylets are `raylets`."""

    ray: RayHead
    counted: Script = field(compare=False)
    raylets: tuple[Server, ...] = ()

    def unit(self) -> Unit:
        """It starts when the members have joined, and anew when one of them is another than it was."""
        before = Script(await_members(self.counted), {**self.counted.vars, **as_the_head(self.ray)})
        if not self.ray.setup.tells_plainly:
            return Unit(before)
        servers = (self.ray.store, *self.raylets)
        return Unit(before, Script(shell("ray/hold.sh"), lifeline("hold", self.plain_python, servers, "held_")))

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        """With more hosts than it was started on it goes on as it is: its ranks are where they were."""
        if have is not None and want is not None:
            before, now = (set(state.get("nodes", "").split(", ")) for state in (have, want))
            if before <= now:
                have = {**have, "nodes": want.get("nodes", "")}
        return super().diff(have, want)

    def executor(self) -> dict[str, tuple[str, ...]]:
        return {"distributed-executor-backend": ("ray",)}

    def environment(self) -> Mapping[str, str | Secret]:
        """A clean one: through Ray, whatever the driver has in its environment travels to every rank."""
        return {
            "RAY_ADDRESS": self.ray.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": self.ray.setup.token_file,
            **super().environment(),
        }
