"""The head of ServerlessLLM: its controller in Ray, its API (`sllm start`), and the models that are deployed there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import ClassVar

from provision.core.finding import Known
from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Value
from provision.core.secret import Secret
from provision.core.urls import bracketed
from provision.core.values import dataclass
from provision.inventory.serverless import ServerlessLlm, SllmModel
from provision.payload.bundle import bundle, shell
from provision.resources.ray import RayHead, as_the_head, await_members
from provision.resources.serverless_service import health_script, ready_script
from provision.resources.service import LIBRARY, Service, aspects_of
from provision.resources.staying import Unit

#: What its service is called on the head.
HEAD = "sllm"

_WELL = "serverless/head_well.sh"


@dataclass(frozen=True)
class ServerlessHead(Service):
    """`ray`: the head that it connects to; `counted` waits for its members. `workers`: those that it was started with:
    it looks for them and their stores once, when it starts, and without any takes no models (sllm/store_manager.py,
    0.8.0)."""

    purpose: ClassVar[str] = "it loads the models, and answers for them"
    why: ClassVar[str] = "it loads the models, and what it was asked to deploy is forgotten when it restarts"

    serves: ClassVar[bool] = True

    ray: RayHead
    counted: Script = field(compare=False)
    settings: ServerlessLlm
    workers: tuple[str, ...]

    @property
    def name(self) -> str:
        return "ServerlessLLM"

    @property
    def node_ip(self) -> str:
        return self.ray.setup.network.node_ip

    @property
    def url(self) -> str:
        return f"http://{bracketed(self.node_ip)}:{self.settings.port}"

    def flags(self) -> dict[str, str]:
        """No value: a switch that is on."""
        flags = {"host": self.node_ip, "port": str(self.settings.port)}
        flags |= {"enable-storage-aware": ""} if self.settings.storage_aware else {}
        return flags | ({"enable-migration": ""} if self.settings.migration else {})

    def command(self) -> tuple[str, ...]:
        words = [word for name, value in self.flags().items() for word in (f"--{name}", value) if word]
        return (f"{self.ray.setup.python}/bin/{HEAD}", "start", *words)

    def environment(self) -> Mapping[str, str | Secret]:
        """`sllm start` connects to the Ray that RAY_ADDRESS names, and else starts one of its own (ray.init)."""
        return {
            **self.ray.setup.base,
            "RAY_ADDRESS": self.ray.address,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": self.ray.setup.token_file,
            # Its messages have characters beyond ASCII.
            "PYTHONIOENCODING": "utf-8",
        }

    def aspects(self) -> Mapping[str, str]:
        flags = {f"--{name}": value or "on" for name, value in self.flags().items()}
        known = {"environment": self.ray.setup.lock, "workers": ", ".join(self.workers)}
        return {**known, **aspects_of(flags, self.environment())}

    def unit(self) -> Unit:
        return Unit(Script(await_members(self.counted), {**self.counted.vars, **as_the_head(self.ray)}))

    def ports(self) -> tuple[int, ...]:
        return (self.settings.port,)

    def ready(self) -> Script:
        return ready_script(_WELL, self._asked(), self.settings.ready_timeout)

    def health(self) -> Script:
        return health_script(_WELL, self._asked())

    def _asked(self) -> dict[str, Value]:
        return {
            "address": self.node_ip,
            "port": self.settings.port,
            "well_url": self.url,
            "well_python": self.ray.setup.plain_python,
            "well_program": bundle("deployments:main"),
        }


#: Files of a script that asks it; they take the variables of `question`.
ASKING = (*LIBRARY, "listener.sh", "serverless/running.sh", "serverless/ask.sh")

#: What `check` has of one that nobody recorded.
OTHERS = "deployed by other means"

#: In the state, before the name of one that a person deployed.
BY_PERSON = "person "


def question(what: str, asked: object, *, python: str, address: str, port: int, seconds: float) -> dict[str, Value]:
    """What serverless/ask.sh is told, beside the place of the service."""
    return {
        "url": f"http://{bracketed(address)}:{port}",
        "address": address,
        "port": port,
        "what": what,
        "asked": json.dumps(asked),
        "seconds": int(seconds),
        "python": python,
        "program": bundle("deployments:main"),
    }


def in_words(model: SllmModel) -> str:
    """All settings that are not the default: by them two deployments of a name are told apart."""
    more = {key: value for key, value in model.model_dump(exclude_defaults=True).items() if key != "backend"}
    return ", ".join([model.backend, *(f"{key} {json.dumps(value)}" for key, value in sorted(more.items()))])


@dataclass(frozen=True)
class ServerlessModels(Resource):
    """`models` are deployed on `head`, with these settings. Those that a person has deployed by `provision model` stay,
    and so do those that came by other means and have another name."""

    outcome: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "a request for a model that is not deployed is answered with an error"

    head: ServerlessHead
    models: Mapping[str, SllmModel] = field(hash=False)
    timeout: float

    @property
    def id(self) -> str:
        return "serverlessllm-models"

    @property
    def label(self) -> str:
        return "models"

    def fact(self, aspect: str) -> str:
        return f"model {aspect}" if aspect else "models"

    def want(self) -> State:
        return {name: in_words(model) for name, model in self.models.items()}

    def probe(self) -> Script:
        return Script(shell(*LIBRARY, "listener.sh", "serverless/models_probe.sh"), self._variables("list", []))

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if want is None:
            return ()  # they end with the service
        differs = [Difference(n, words, _plain((have or {}).get(n))) for n, words in want.items()
                   if _plain((have or {}).get(n)) != words]  # fmt: skip
        extra = [Difference(n, None, found) for n, found in (have or {}).items()
                 if n not in want and found != OTHERS and not found.startswith(BY_PERSON)]  # fmt: skip
        return (*differs, *extra)

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return Script(":")
        asked = {name: [words, self.models[name].request(name)] for name, words in want.items()}
        timeout = self.timeout * max(1, len(asked)) + 120
        return Script(shell(*ASKING), self._variables("settle", asked), timeout=timeout)

    def known(self, have: State) -> tuple[Known, ...]:
        return tuple(Known(self.area, self.fact(name), _plain(found) or "") for name, found in (have or {}).items())

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        return failed.tail(), f"why, ServerlessLLM says in {self.head.place.folder}/log: `provision logs`"

    def _variables(self, what: str, asked: object) -> dict[str, Value]:
        setup, settings = self.head.ray.setup, self.head.settings
        return {
            **self.head.variables(),
            **question(what, asked, python=setup.plain_python, address=self.head.node_ip, port=settings.port,
                       seconds=self.timeout),
        }  # fmt: skip


def _plain(found: str | None) -> str | None:
    return found.removeprefix(BY_PERSON) if found else found
