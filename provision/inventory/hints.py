"""What to type instead: where a misplaced key belongs, and how a section is written."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from provision.core.wording import did_you_mean
from provision.inventory.format import HostEntry, InventoryFile
from provision.inventory.models import Serve
from provision.inventory.problems import listing

#: Words of other tools, and how they are said here.
_ELSEWHERE = {
    **dict.fromkeys(("nodes", "machines", "servers"), "hosts: {gpu-01: {address: 10.0.0.1}}"),
    "ip": "address: …",
    "host": "address: …",
    "hostname": "address: …",
    "ansible_host": "address: …",
    "ansible_user": "ssh: {user: …}",
    "ansible_port": "ssh: {port: …}",
    "ssh_user": "ssh: {user: …}",
    "ssh_port": "ssh: {port: …}",
    "ssh_key": "ssh: {key: …}",
    "identity_file": "ssh: {key: …}",
    "proxy_jump": "ssh: {jump: …}",
    "bastion": "ssh: {jump: …}",
    "become": "sudo: true",
    "tp": "tensor_parallel: …",
    "pp": "pipeline_parallel: …",
    "requirements": "packages: […]",
}

#: Kinds of vLLM's parallelism that have no key of their own, and look like those that have → the flag.
_FLAGS = {
    **dict.fromkeys(("dp", "data_parallel", "data_parallel_size"), "data-parallel-size"),
    **dict.fromkeys(("ep", "expert_parallel", "enable_expert_parallel"), "enable-expert-parallel"),
}

#: How a section looks, where something else stands in its place.
_EXAMPLES = {
    "hosts": "hosts: {gpu-01: {address: 10.0.0.1}}",
    "groups": "groups: {rack-a: {hosts: [gpu-01]}}",
    "ssh": "ssh: {user: ubuntu}",
    "expect": "expect: {gpus: 8}",
    "python": "python: {version: 3.12}",
    "serve": "serve: {model: Qwen/Qwen3-8B}",
    "models": "models: {qwen3-8b: {model: Qwen/Qwen3-8B}}",
    "placement": "placement: {hosts: [gpu-01]}",
    "ray": "ray: {port: 6379}",
    "env": "env: {NCCL_DEBUG: INFO}",
    "args": "args: {max-model-len: 8192}",
    "vars": "vars: {rack: a}",
    "firewall": "firewall: true",
    "tls": "tls: true",
    "accept": "accept: [{id: CVE-2025-32444, reason: …}]",
}


def for_unknown_key(key: str, owner: type[BaseModel]) -> str:
    """A key of one of the owner's sections belongs there; a key of the top or of a host belongs there; a key
    that is nearly right is misspelt."""
    known = list(owner.model_fields)
    if issubclass(owner, Serve) and (flag := _FLAGS.get(key.replace("-", "_"))):
        return f"write it among the flags of `vllm serve`: `args: {{{flag}: …}}`"
    sections = [name for name, field in owner.model_fields.items() if key in _fields(field.annotation)]
    if sections:
        return f"it belongs in {listing(sections)}: `{sections[-1]}: {{{key}: …}}`"
    if key == "placement" and owner is Serve:
        return "it belongs to an entry of `models`, the long form of `serve`"
    if key in HostEntry.model_fields and owner is not HostEntry and key not in InventoryFile.model_fields:
        return f"`{key}` belongs to a single host, under `hosts:`"
    if key in InventoryFile.model_fields and owner is not InventoryFile:
        return did_you_mean(key, known) or f"`{key}` belongs at the top of the file"
    if key in _ELSEWHERE and _ELSEWHERE[key].split(":")[0] in known:
        return f"write `{_ELSEWHERE[key]}`"
    near = did_you_mean(key, known)
    if issubclass(owner, Serve) and not near:
        return f"if it is a flag of `vllm serve`, write `args: {{{key.lstrip('-').replace('_', '-')}: …}}`"
    return near or f"known here: {listing(known, 'and')}"


def for_section(at: tuple[str, ...], *, is_list: bool) -> str:
    """Something else than a mapping stands at `at`."""
    if is_list and at[-1] in ("hosts", "groups"):
        return "write a colon after each name instead of a dash before it: `gpu-01:`"
    if at[0] == "hosts" and len(at) == 2:
        return f"write `{at[1]}: {{address: 10.0.0.1}}`"
    if at[0] == "groups" and len(at) == 2:
        return f"write `{at[1]}: {{hosts: [gpu-01]}}`"
    example = _EXAMPLES.get(at[-1])
    return f"write `{example}`" if example else ""


def _fields(annotation: Any) -> frozenset[str]:
    """Of a section: a model, or a model or nothing."""
    kinds = [kind for kind in get_args(annotation) or (annotation,) if kind is not type(None)]
    if len(kinds) == 1 and isinstance(kinds[0], type) and issubclass(kinds[0], BaseModel):
        return frozenset(kinds[0].model_fields)
    return frozenset()
