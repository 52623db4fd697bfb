"""Settings that switch a protection off: which they are, however they are written, and what follows. Data, and for each
row the few lines that see it in an inventory."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping

from provision.cluster.networks import is_loopback
from provision.core.values import dataclass
from provision.inventory.flags import given
from provision.inventory.models import Inventory, Serve
from provision.inventory.section import Scalar
from provision.weights.files import ModelFiles

API_KEY = "VLLM_API_KEY"

Args = Mapping[str, Scalar | tuple[Scalar, ...]]

#: A setting as a person finds it in the inventory, with its value: ("serve.env.RAY_AUTH_MODE", "disabled").
Setting = tuple[str, str]


@dataclass(frozen=True)
class HostSettings:
    """What holds for one host. `environments`: where variables stand → them, and `secrets` names those that come from a
    secret. `serve`: on the head alone. `pickles`: files of the model's weights that are pickles, in words."""

    environments: Mapping[str, Mapping[str, str]]
    secrets: frozenset[str]
    ray_args: Args
    serve: Serve | None
    pickles: str = ""

    def variable(self, name: str) -> Iterator[Setting]:
        for place, found in self.environments.items():
            if name in found:
                yield f"{place}.{name}", found[name]
        if name in self.secrets:
            yield f"secrets.{name}", "a secret"

    def flag(self, name: str) -> Iterator[Setting]:
        """Of `vllm serve`, unless it is switched off there."""
        for value in given(self.serve.args if self.serve else {}, name):
            if value is not False:
                yield f"serve.args.{name}", _words(value)

    def ray_flag(self, name: str) -> Iterator[Setting]:
        for value in given(self.ray_args, name):
            if value is not False:
                yield f"ray.args.{name}", _words(value)

    @property
    def has_key(self) -> bool:
        return API_KEY in self.secrets or any(found.get(API_KEY) for found in self.environments.values())


Seen = Callable[[HostSettings], Iterator[Setting]]


@dataclass(frozen=True)
class Protection:
    """`settings`: what switches it off, for the document. `said`: the finding's sentence, `why` what follows. `seen`:
    where."""

    id: str
    settings: str
    said: str
    why: str
    hint: str
    seen: Seen
    area: str = "services"


def _words(value: object) -> str:
    return " ".join(map(str, value)) if isinstance(value, tuple) else "on" if value is True else str(value)


def _is_on(text: str) -> bool:
    """As vLLM reads its switches: a number, or a word."""
    return text.strip().lower() not in ("", "0", "00", "false", "no", "off")


def _switch(name: str) -> Seen:
    return lambda settings: (found for found in settings.variable(name) if _is_on(found[1]))


def _flag(name: str) -> Seen:
    return lambda settings: settings.flag(name)


def _ray_auth(settings: HostSettings) -> Iterator[Setting]:
    yield from (found for found in settings.variable("RAY_AUTH_MODE") if found[1] != "token")


def is_everywhere(address: str) -> bool:
    """Whether a server that is told to listen there listens on all addresses of its host."""
    text = address.strip("[]")
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        # `0`, `0.0`, `0x0`: as the C library reads them.
        return text in ("", "*") or re.fullmatch(r"(0x)?0+(\.(0x)?0+){0,3}", text, re.ASCII | re.IGNORECASE) is not None
    mapped = getattr(found, "ipv4_mapped", None)
    return found.is_unspecified or (mapped is not None and mapped.is_unspecified)


def _open_to_all(settings: HostSettings) -> Iterator[Setting]:
    serve = settings.serve
    if serve is not None and serve.listen is not None and is_everywhere(serve.listen) and not settings.has_key:
        yield "serve.listen", serve.listen


def _unguarded(settings: HostSettings) -> Iterator[Setting]:
    if settings.serve is not None and settings.has_key and not settings.serve.guard:
        yield "serve.guard", "false"


def _other_frontend(settings: HostSettings) -> Iterator[Setting]:
    if settings.has_key:
        yield from _switch("VLLM_USE_RUST_FRONTEND")(settings)
        for flag in ("grpc", "grpc-port"):
            yield from settings.flag(flag)


def _pickles(settings: HostSettings) -> Iterator[Setting]:
    if settings.pickles:
        yield "the model", settings.pickles
    if settings.serve is not None and settings.serve.weights.pickles:
        yield "serve.weights.pickles", "true"
    for name, value in settings.flag("load-format"):
        if value in ("pt", "npcache"):
            yield name, value


def _dashboard(settings: HostSettings) -> Iterator[Setting]:
    yield from (found for found in settings.ray_flag("dashboard-host") if not is_loopback(found[1]))


#: In the order in which the document has them.
PROTECTIONS = (
    Protection(
        "ray-auth-off", "`RAY_AUTH_MODE` other than `token`",
        "Ray asks nobody for its token",
        "whoever reaches one of Ray's ports runs any code on every host",
        "remove the setting: Ray then asks for the token that `up` gives to all hosts", _ray_auth,
    ),
    Protection(
        "insecure-serialization", "`VLLM_ALLOW_INSECURE_SERIALIZATION`",
        "vLLM's processes unpickle what they are sent",
        "whoever reaches a port between them, or /collective_rpc, runs any code there",
        "remove the setting", _switch("VLLM_ALLOW_INSECURE_SERIALIZATION"),
    ),
    Protection(
        "dev-mode", "`VLLM_SERVER_DEV_MODE`",
        "vLLM's API has its routes for development",
        "whoever has the key can call any method of the ranks, exchange the weights, and put the server to sleep",
        "remove the setting", _switch("VLLM_SERVER_DEV_MODE"),
    ),
    Protection(
        "remote-code", "`trust-remote-code`",
        "vLLM runs code that comes with the model",
        "whoever can change the model's repository runs any code on every host",
        "remove the flag if the model does without, or pin `serve.weights.revision` to a commit that was read",
        _flag("trust-remote-code"),
    ),
    Protection(
        "runtime-lora", "`VLLM_ALLOW_RUNTIME_LORA_UPDATING`",
        "adapters can be loaded through the API",
        "whoever has the key loads any folder of the host, or repository of the hub, into the model",
        "name the adapters in `serve.args`, and remove the setting", _switch("VLLM_ALLOW_RUNTIME_LORA_UPDATING"),
    ),
    Protection(
        "no-key", "`serve.listen` on all addresses, without `secrets.VLLM_API_KEY`",
        "the model's API listens on all addresses, and wants no key",
        "whoever reaches any address of the host uses the model",
        "add `secrets: {VLLM_API_KEY: {env: VLLM_API_KEY}}`, or leave out `serve.listen`", _open_to_all,
    ),
    Protection(
        "guard-off", "`serve.guard: false`, with a key",
        "the API key guards few paths",
        "/invocations, /tokenize, /docs and others answer without it",
        "remove `serve.guard`; `serve.without_key` opens single paths", _unguarded,
    ),
    Protection(
        "other-frontend", "`VLLM_USE_RUST_FRONTEND`, `grpc`, `grpc-port`, with a key",
        "a server that knows nothing of `--middleware` takes the requests",
        "the API key guards none of them, or few, and `up` refuses to end well",
        "remove the setting", _other_frontend,
    ),
    Protection(
        "pickled-weights", "weights without safetensors, `weights.pickles: true`, `load-format: pt` or `npcache`",
        "the model's weights are pickles",
        "a pickle can run code where it is loaded: what keeps it from that is one option of torch.load",
        "choose a repository, or a revision, with safetensors", _pickles, "storage",
    ),
    Protection(
        "local-files", "`allowed-local-media-path`",
        "the API reads files of the host",
        "whoever has the key reads what lies below that folder",
        "remove the flag, or name a folder that holds nothing else", _flag("allowed-local-media-path"),
    ),
    Protection(
        "prompt-embeds", "`enable-prompt-embeds`",
        "the API takes tensors from requests",
        "a crafted one can crash the server, or worse (CVE-2025-62164)",
        "remove the flag unless all who have the key are trusted", _flag("enable-prompt-embeds"),
    ),
    Protection(
        "ray-client", "`ray.args: {ray-client-server-port: …}`",
        "Ray Client listens",
        "it is one more port at which whoever has Ray's token runs any code",
        "remove the flag: provision does without", lambda settings: settings.ray_flag("ray-client-server-port"),
    ),
    Protection(
        "open-dashboard", "`ray.args: {dashboard-host: …}` beyond loopback",
        "Ray's dashboard listens beyond the head's loopback",
        "whoever has Ray's token runs any code there, and releases before 2.52 ask for none",
        "remove the flag, and reach it through `ssh -L`", _dashboard,
    ),
    Protection(
        "config-file", "`serve.args: {config: …}`",
        "vLLM takes further settings from a file on the head",
        "what stands there is not seen here: it may switch off any of these",
        "put its settings into `serve.args`", _flag("config"),
    ),
)  # fmt: skip


def settings_of(inventory: Inventory, host: str, model: ModelFiles | None) -> HostSettings:
    """Those of the host of that name."""
    found = next(one for one in inventory.hosts if one.name == host)
    head = found.name == inventory.head.name
    serve = inventory.serve if head else None
    environments: dict[str, Mapping[str, str]] = {"env": found.env, "ray.env": found.ray.env}
    if inventory.serve is not None:
        environments["serve.env"] = inventory.serve.env
    pickles = ", ".join(model.pickles[:3]) + (" …" if len(model.pickles) > 3 else "") if model and serve else ""
    return HostSettings(environments, frozenset(inventory.secrets), found.ray.args, serve, pickles)
