"""An inventory from the files of the compose guides. What it has no word for is said line by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import field
from pathlib import Path
from typing import Any

import yaml

from provision.core.regex import regex
from provision.core.urls import masked
from provision.core.values import dataclass
from provision.inventory.compose_files import ComposeService, ComposeSource, read_files
from provision.inventory.compose_table import BY_NAME, SERVICE_KEYS, Variable
from provision.inventory.lookalikes import looks_secret

_SECRET = regex(r"(TOKEN|KEY|SECRET|PASSWORD|PASSWD)\Z")
_VERSION = regex(r"v?(\d+(?:\.\d+)+)\Z")

#: As Linux has them; NCCL takes one with `=` before it as it is.
_INTERFACE = regex(r"=?[A-Za-z0-9_.-]{1,15}\Z")

#: Flags of `vllm serve` that are settings of their own.
_SERVE_FLAGS = {
    "model": "serve.model",
    "tensor-parallel-size": "serve.tensor_parallel",
    "pipeline-parallel-size": "serve.pipeline_parallel",
    "port": "serve.port",
    "served-model-name": "serve.name",
    "distributed-executor-backend": "serve.backend",
    "host": "serve.listen",
}

#: Of `ray start`: what each host is told anyway.
_RAY_OWN = frozenset({"head", "address", "block", "node-ip-address", "num-gpus"})
_RAY_FLAGS = {"port": "ray.port", "dashboard-port": "ray.dashboard_port"}

#: Characters of a secret that is told from a coincidence.
_SHORTEST = 8

#: Hosts that are written into an inventory for the stages of a model.
_MOST_HOSTS = 1_000

_PREFIXES = ("NCCL_", "GLOO_", "VLLM_", "HF_", "RAY_", "CUDA_", "TORCH_", "UCX_", "OMP_")


@dataclass
class ImportedInventory:
    """`mapped`: `FILE: NAME → setting`; `unmapped`: what is not in the inventory, and why."""

    settings: dict[str, Any] = field(default_factory=dict)
    mapped: list[str] = field(default_factory=list)
    unmapped: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        body = yaml.safe_dump(self.settings, sort_keys=False, width=110, allow_unicode=True)
        lines = "".join(f"# not in here: {line}\n" for line in self.unmapped)
        return f"# Made by `provision import`.\n{lines}{body}"


def imported(paths: Sequence[Path], *, cluster: str, head: str = "", workers: Sequence[str] = ()) -> ImportedInventory:
    """`head`, `workers`: addresses, where the files do not have them. Raises UsageError for a file that is none."""
    source = read_files(tuple(paths))
    made = _Import(source)
    made.read()
    return made.finished(cluster, head, workers)


class _Import:
    def __init__(self, source: ComposeSource) -> None:
        self._source = source
        self._found = ImportedInventory()
        self._set: dict[str, Any] = {}
        self._from: dict[str, str] = {}
        every = [(name, value) for name, (_, value) in source.env.items()]
        every += [pair for service in source.services for pair in service.variables.items()]
        self._secrets = {value for name, value in every if _SECRET.search(name) and len(value) >= _SHORTEST}

    def read(self) -> None:
        for service in self._source.services:
            self._service(service)
        for name, (file, value) in self._source.env.items():
            self._variable(f"{file}: {name}", name, value, section="serve.env")
        self._found.unmapped += self._source.unread

    def _put(self, where: str, key: str, value: Any) -> None:
        if key in self._set and self._set[key] != value:
            kept = f"`{key}` is `{self._set[key]}` by {self._from[key]}"
            self._found.unmapped.append(f"{where}: `{value}`, since {kept}")
            return
        if key not in self._set:
            self._set[key], self._from[key] = value, where
        self._found.mapped.append(f"{where} → {key}")

    def _tells(self, name: str, value: str) -> bool:
        """Whether `value` is a secret, or has one in it, whatever it is called."""
        if name in BY_NAME and BY_NAME[name].secret:
            return False
        return looks_secret(name, value) or masked(value) != value or any(one in value for one in self._secrets)

    def _variable(self, where: str, name: str, value: str, *, section: str) -> None:
        known = BY_NAME.get(name)
        if (_SECRET.search(name) and known is None) or self._tells(name, value):
            known = Variable(name, f"secrets.{name}", f"its value is not copied: `export {name}=…`", secret=True)
        if known is None and name.startswith(_PREFIXES):
            known = Variable(name, f"{section}.{name}")
        if known is None:
            self._found.unmapped.append(f"{where}: nothing of an inventory is called so")
        elif known.secret:
            self._put(where, known.key, {"env": name})
            self._found.unmapped.append(f"{where}: {known.why}")
        elif not known.key:
            self._found.unmapped.append(f"{where}: {known.why}")
        elif not value:
            self._found.unmapped.append(f"{where}: it is empty")
        elif known.key == "hosts.*.interface" and not _INTERFACE.match(value):
            self._found.unmapped.append(f"{where}: `{value}` should be the name of one interface")
        elif known.number and (number := _number(value)) is not None:
            self._put(where, known.key, number)
        elif known.number:
            self._found.unmapped.append(f"{where}: `{value}` should be a number")
        else:
            self._put(where, known.key, value)

    def _service(self, service: ComposeService) -> None:
        where = f"service {service.name}"
        programs = [_program(words) for words in _commands(service.words)]
        for name, words in programs:
            if name == "vllm":
                self._serves(where, words)
            elif name == "ray":
                self._starts_ray(where, words)
            else:
                said = f"it runs `{name}`, and `up` waits for what has to be there" if len(programs) > 1 else ""
                said = said or f"it runs `{name}`, and neither `ray start` nor `vllm serve`"
                self._found.unmapped.append(f"{where}: {said}")
        self._image(where, service.image)
        section = "serve.env" if any(name == "vllm" for name, _ in programs) else "ray.env"
        for name, value in service.variables.items():
            if name not in self._source.env:
                self._variable(f"{where}: {name}", name, value, section=section)
        if service.gpus is not None and service.gpus > 0:
            self._put(f"{where}: GPUs", "expect.gpus", service.gpus)
        for key in service.keys:
            why = SERVICE_KEYS.get(key, "nothing of an inventory is called so")
            self._found.unmapped.append(f"{where}: `{key}`: {why}")

    def _serves(self, where: str, words: list[str]) -> None:
        if words and not words[0].startswith("-"):
            self._put(f"{where}: the model", "serve.model", words.pop(0))
        for name, value in _flags(words):
            if self._tells(name, str(value)) and not _SECRET.search(name.replace("-", "_").upper()):
                why = "its value looks like a secret, and an argument is seen by all; it is not copied"
                self._found.unmapped.append(f"{where}: --{name}: {why}")
                continue
            key = _SERVE_FLAGS.get(name, f"serve.args.{name}")
            if name == "host" and value in ("0.0.0.0", "::"):
                why = "the server listens on the head's own address; `serve.listen` says otherwise"
                self._found.unmapped.append(f"{where}: --host {value}: {why}")
            elif name == "distributed-executor-backend" and value not in ("ray", "mp"):
                self._found.unmapped.append(f"{where}: --{name} {value}: `serve.backend` is `ray` or `mp`")
            elif _SECRET.search(name.replace("-", "_").upper()):
                secret = "VLLM_API_KEY" if name == "api-key" else name.replace("-", "_").upper()
                self._put(f"{where}: --{name}", f"secrets.{secret}", {"env": secret})
                self._found.unmapped.append(f"{where}: --{name}: its value is not copied: `export {secret}=…`")
            else:
                self._put(f"{where}: --{name}", key, value)

    def _starts_ray(self, where: str, words: list[str]) -> None:
        flags = dict(_flags(words))
        address = str(flags.get("address", "")).rpartition(":")
        if address[0] and not flags.get("head"):
            self._put(f"{where}: --address", "hosts.head.address", address[0])
            if (port := _number(address[2])) is not None:
                self._put(f"{where}: --address", "ray.port", port)
        for name, value in flags.items():
            if name == "node-ip-address" and flags.get("head"):
                self._put(f"{where}: --{name}", "hosts.head.address", value)
            elif name == "dashboard-host":
                self._found.unmapped.append(
                    f"{where}: --{name}: the dashboard is on loopback alone: `ray.dashboard: true`"
                )
            elif name in _RAY_FLAGS:
                self._put(f"{where}: --{name}", _RAY_FLAGS[name], value)
            elif name not in _RAY_OWN:
                self._put(f"{where}: --{name}", f"ray.args.{name}", value)

    def _image(self, where: str, image: str) -> None:
        if not image:
            return
        name, _, tag = image.partition("@")[0].rpartition(":")
        version = _VERSION.match(tag)
        if "vllm" in name and version:
            self._put(f"{where}: image {image}", "vllm", f"vllm=={version[1]}")
        else:
            self._found.unmapped.append(f"{where}: image `{image}`: its name has no version: see `python.packages`")

    def finished(self, cluster: str, head: str, workers: Sequence[str]) -> ImportedInventory:
        found, have = self._found, self._set
        address = head or have.pop("hosts.head.address", "")
        have.pop("hosts.head.address", None)
        interface = have.pop("hosts.*.interface", "")
        hosts: dict[str, dict[str, str]] = {"head": {"address": address or "head", "role": "head"}}
        if not address:
            found.unmapped.append("the address of the head is in no file: write it, or `--head ADDRESS`")
        count = have.get("serve.pipeline_parallel", 1) if not workers else len(workers) + 1
        if not isinstance(count, int) or not 1 <= count <= _MOST_HOSTS:
            found.unmapped.append(f"a model cut into {count} stages: which hosts there are is not known")
            have.pop("serve.pipeline_parallel", None)
            count = len(workers) + 1
        stages = have.get("serve.pipeline_parallel")
        if workers and isinstance(stages, int) and stages != int(count):
            found.unmapped.append(
                f"{count} hosts are given, and the model is cut into {stages} stages: see `provision fit`"
            )
        for number in range(1, int(count)):
            name = f"worker-{number}"
            hosts[name] = {"address": workers[number - 1] if workers else name}
            if not workers:
                found.unmapped.append(f"the address of {name} is in no file: write it, or `--worker ADDRESS`")
        if interface:
            hosts = {name: {**host, "interface": str(interface).lstrip("=")} for name, host in hosts.items()}
        if isinstance(tensor := have.get("serve.tensor_parallel"), int):
            have.setdefault("expect.gpus", tensor)
        vllm = have.pop("vllm", "vllm")
        packages = [vllm, "ray[default]"] if have.get("serve.backend", "ray") == "ray" else [vllm]
        if vllm == "vllm":
            found.unmapped.append("which vLLM: `python.packages` takes the newest, and the lock keeps it")
        found.settings = {"cluster": cluster, "hosts": hosts}
        if "serve.model" not in have:
            found.unmapped.append("the model is in no file: write it as `serve.model`")
            for key in [key for key in have if key.startswith("serve.")]:
                found.unmapped.append(f"{self._from.get(key, key)}: there is no `serve` without a model")
                del have[key]
        for key, value in {**have, "python.packages": packages}.items():
            _nest(found.settings, key, value)
        return found


def _nest(settings: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".", 2)
    at = settings
    for section in sections:
        at = at.setdefault(section, {})
    at[last] = value


def _commands(words: Sequence[str]) -> list[list[str]]:
    """What a shell would run one after the other."""
    found: list[list[str]] = [[]]
    for word in words:
        if word in ("&&", "||", ";", "|", "&"):
            found.append([])
        elif word.endswith(";"):
            found[-1].append(word[:-1])
            found.append([])
        else:
            found[-1].append(word)
    return [command for command in found if command]


def _program(words: Sequence[str]) -> tuple[str, list[str]]:
    """(`vllm` or `ray`, what that is given); of another program its first word."""
    for index, word in enumerate(words):
        if (word.rpartition("/")[2], *words[index + 1 : index + 2]) in (("vllm", "serve"), ("ray", "start")):
            return word.rpartition("/")[2], list(words[index + 2 :])
        if word.endswith("openai.api_server"):
            return "vllm", list(words[index + 1 :])
    # The image's own entrypoint is the server.
    return ("vllm", list(words)) if words[0].startswith("--") else (words[0], [])


def _flags(words: Sequence[str]) -> list[tuple[str, Any]]:
    """`--name value`, `--name=value`, `--switch`; of the last the value is true."""
    found: list[tuple[str, Any]] = []
    for index, word in enumerate(words):
        if word.startswith("--"):
            name, equals, value = word[2:].partition("=")
            following = words[index + 1] if index + 1 < len(words) else "--"
            given: Any = value if equals else (True if following.startswith("--") else following)
            number = _number(given) if isinstance(given, str) else None
            found.append((name.replace("_", "-"), given if number is None else number))
    return found


def _number(text: str) -> int | float | None:
    if re.fullmatch(r"\d{1,18}", text):
        return int(text)
    return float(text) if re.fullmatch(r"\d{1,9}\.\d{1,9}", text) else None
