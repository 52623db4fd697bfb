"""Names of flags and environment variables, and the flags that have a setting of their own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping

from provision.core.regex import regex
from provision.core.urls import bare
from provision.inventory.networks import is_ip
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems
from provision.inventory.section import Scalar

_NAMED = "use letters, digits and underscores, no digit first"
#: Secrets that vLLM and the hub's library look for.
_READ = ("VLLM_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
_ENV_NAME = regex(r"[A-Za-z_][A-Za-z0-9_]*\Z")
#: The page of a model, with its name where it is on the hub.
_PAGE = regex(
    r"(?:https?://(?:[^/@\s]*@)?|(?=(?:www\.)?(?:huggingface|hf)\.co/))"
    r"(?:(?:www\.)?(?:huggingface|hf)\.co/([\w.-]+/[\w.-]+)(?=[/?#]|\Z))?"
)
_FLAG = regex(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")

#: `vllm serve` flags that provision sets → the setting that they come from.
SERVE_FLAGS = {
    "model": "serve.model",
    "served-model-name": "serve.name",
    "tensor-parallel-size": "serve.tensor_parallel",
    "pipeline-parallel-size": "serve.pipeline_parallel",
    "host": "serve.listen",
    "port": "serve.port",
    "api-key": "secrets.VLLM_API_KEY",
    "distributed-executor-backend": "serve.backend",
    "nnodes": "",
    "node-rank": "",
    "master-addr": "",
    "master-port": "serve.master_port",
    "headless": "",
}

#: `vllm serve` flags with which it no longer answers on its port as provision asks there → what to do instead.
NOT_ASKED = {
    "ssl-certfile": "use `serve.tls: {cert: …, key: …}`",
    "ssl-keyfile": "use `serve.tls: {cert: …, key: …}`",
    "ssl-ca-certs": "remove it; for clients with certificates of their own, put a proxy in front of the server",
    "ssl-cert-reqs": "remove it; for clients with certificates of their own, put a proxy in front of the server",
    "enable-ssl-refresh": "remove it: `provision up` restarts the server for another certificate",
    "uds": "remove it",
}

#: `ray start` flags that provision sets → the setting that they come from.
RAY_FLAGS = {
    "head": "",
    "address": "",
    "block": "",
    "temp-dir": "root",
    "node-ip-address": "node_ip",
    "port": "ray.port",
    "include-dashboard": "ray.dashboard",
    "dashboard-port": "ray.dashboard_port",
    "node-manager-port": "ray.node_manager_port",
    "object-manager-port": "ray.object_manager_port",
    "runtime-env-agent-port": "ray.runtime_env_agent_port",
    "dashboard-agent-grpc-port": "ray.dashboard_agent_grpc_port",
    "dashboard-agent-listen-port": "ray.dashboard_agent_listen_port",
    "metrics-export-port": "ray.metrics_export_port",
    "min-worker-port": "ray.min_worker_port",
    "max-worker-port": "ray.max_worker_port",
}


#: Short names of `vllm serve` → the flags that they stand for, where one dash is in front (vllm 0.32.0,
#: engine/arg_utils.py). With two, `--dp` is none, and `--dcp` the beginning of another flag.
SHORT = {
    "tp": "tensor-parallel-size",
    "pp": "pipeline-parallel-size",
    "n": "nnodes",
    "r": "node-rank",
    "dcp": "decode-context-parallel-size",
    "pcp": "prefill-context-parallel-size",
    "dp": "data-parallel-size",
    "dpn": "data-parallel-rank",
    "dpr": "data-parallel-start-rank",
    "dpl": "data-parallel-size-local",
    "dpa": "data-parallel-address",
    "dpp": "data-parallel-rpc-port",
    "dpb": "data-parallel-backend",
    "dph": "data-parallel-hybrid-lb",
    "dpe": "data-parallel-external-lb",
    "ep": "enable-expert-parallel",
    "q": "quantization",
    "sc": "speculative-config",
    "cc": "compilation-config",
    "ac": "attention-config",
}

#: Letters by which a flag is known at least: one letter begins several of them, which argparse refuses.
_SHORTEST = 2


def given(args: Mapping[str, Scalar | tuple[Scalar, ...]], flag: str) -> list[Scalar | tuple[Scalar, ...]]:
    """The values of `flag` in `args`, however it is written: with dashes or underscores, in whole or by its beginning,
    as argparse takes it."""
    found = []
    for name, value in args.items():
        bare = name.lstrip("-").replace("_", "-").lower()
        if bare == flag or (len(bare) >= _SHORTEST and flag.startswith(bare)):
            found.append(value)
    return found


def check_flags(root: YamlNode, problems: Problems) -> None:
    serve = root.find("serve")
    if serve is not None:
        model = serve.find("model")
        if model is not None and not re.match(r"[^\s-]\S*\Z", model.text):
            problems.value(model, f"`{model.text}` cannot be a model", "write `Qwen/Qwen3-8B`, or a folder's path")
        elif model is not None and (page := _PAGE.match(model.text)):
            hint = f"write `{page[1]}`" if page[1] else "write its name on the hub, or download it into a folder"
            problems.value(model, f"`{bare(model.text)}` is the address of a page, expected a model's name", hint)
        _check_listen(serve.find("listen"), problems)
        # Of an entry of `models:` they have its name.
        settings = {flag: re.sub(r"^serve\b", serve.name, setting) for flag, setting in SERVE_FLAGS.items()}
        _check_args(serve.find("args"), settings, problems)
        _check_env(serve.find("env"), problems)
        _check_tls(serve.find("tls"), problems)
    for name, node in (root.find("secrets") or root.with_value({})).children.items():
        if not _ENV_NAME.match(name):
            problems.key(node, f"`{name}` cannot be the name of an environment variable", _NAMED)
        elif (meant := name.upper()) != name and meant in _READ:
            problems.key(node, f"`{name}` is another variable than `{meant}`", f"write `{meant}: …`")
    of_many = {path: _set_for_many(root, path) for path in (_ENV, _RAY_ENV, _RAY_ARGS)}
    for scope in scopes(root):
        below = {} if scope is root else of_many
        for path in (_ENV, _RAY_ENV):
            _check_env(scope.find(*path), problems, below.get(path, ()))
        _check_args(scope.find(*_RAY_ARGS), RAY_FLAGS, problems, below.get(_RAY_ARGS, ()))


_ENV, _RAY_ENV, _RAY_ARGS = ("env",), ("ray", "env"), ("ray", "args")


def _set_for_many(root: YamlNode, path: tuple[str, ...]) -> set[str]:
    """What the settings of a group or a host can take away. Of Ansible's groups nothing is left here but what they set
    for hosts: another one has it then."""
    sections = [scope.find(*path) for scope in scopes(root)]
    return {
        name for one in sections if one is not None for name, node in one.children.items() if node.value is not None
    }


def _check_listen(listen: YamlNode | None, problems: Problems) -> None:
    """A name is looked up on the host."""
    if listen is not None and re.fullmatch(r"[\d.]+|.*:.*", listen.text) and not is_ip(listen.text):
        problems.value(listen, f"`{listen.text}` is no IP address", "write one that the head has, such as `10.0.0.1`")


def _in_full(flag: str, flags: Iterable[str]) -> str:
    """Of a flag that is written by its beginning, which argparse takes for the flag, all of it; else `flag`."""
    longer = [one for one in flags if len(flag) >= _SHORTEST and one.startswith(flag)]
    return longer[0] if len(longer) == 1 else flag


def scopes(root: YamlNode) -> Iterator[YamlNode]:
    """Each place that can hold per-host settings: the top, every group, every entry of `hosts`."""
    yield root
    for section in ("groups", "hosts"):
        node = root.find(section)
        yield from node.children.values() if node is not None else ()


def _check_env(env: YamlNode | None, problems: Problems, below: Collection[str] = ()) -> None:
    """`below`: what is set for more hosts than these; there nothing behind the colon takes a variable away."""
    for name, node in env.children.items() if env is not None else ():
        if not _ENV_NAME.match(name):
            problems.key(node, f"`{name}` cannot be the name of an environment variable", _NAMED)
        elif node.value is None and name not in below:
            hint = f'put a value with commas in quotes, `"0,1"`; an empty one is `{name}: ""`'
            problems.key(node, f"the variable `{name}` has no value", hint)


def _check_tls(tls: YamlNode | None, problems: Problems) -> None:
    given = {name: node for name, node in tls.children.items() if node.value is not None} if tls is not None else {}
    if len(given) == 1:
        ((name, node),) = given.items()
        missing = "key" if name == "cert" else "cert"
        problems.key(node, f"`{name}` without `{missing}`", f"add `{missing}: …`, or write `tls: true`")


def _check_args(
    args: YamlNode | None, reserved: Mapping[str, str], problems: Problems, below: Collection[str] = ()
) -> None:
    """`below`: as for variables."""
    ray = reserved is RAY_FLAGS
    first: dict[str, str] = {}
    for name, node in args.children.items() if args is not None else ():
        bare = name.lstrip("-")
        said = bare if ray else SHORT.get(bare, bare)
        flag = _in_full(said.replace("_", "-"), (*reserved, *(() if ray else NOT_ASKED)))
        one = first.setdefault(_one_spelling(said), name)
        if flag in NOT_ASKED and not ray:
            problems.key(node, f"with `--{flag}` the server could not be asked as `up` asks it", NOT_ASKED[flag])
        elif flag in reserved:
            setting = reserved[flag]
            problems.key(node, f"provision itself sets `--{flag}`", f"use `{setting}`" if setting else "remove it")
        elif name != bare:
            problems.key(node, f"flags are written without their dashes, found `{name}`", f"write `{said}: …`")
        elif said != bare:
            problems.key(node, f"`{name}` is short for a flag that is written in full", f"write `{said}: …`")
        elif not _FLAG.match(name):
            problems.key(node, f"`{name}` cannot be the name of a flag", "write one flag a line: `max-model-len: 8192`")
        elif ray and "_" in name:
            # click takes no underscore for a dash.
            problems.key(node, f"`ray start` has no flag `--{name}`", f"write `{name.replace('_', '-')}: …`")
        elif one != name:
            problems.key(node, f"`{name}` and `{one}` are one flag", "remove one of the two")
        elif node.value is None and name not in below:
            hint = f"write `{name}: true` for a switch; a value with commas needs quotes"
            problems.key(node, f"the flag `{name}` has no value", hint)


def _one_spelling(flag: str) -> str:
    """Of a flag with dashes or underscores, on or off. Behind a dot stands a key, which has one spelling alone."""
    name, dot, key = flag.partition(".")
    return name.replace("_", "-").removeprefix("no-") + dot + key
