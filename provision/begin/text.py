"""A first inventory as text: each line with the reason for it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from provision.begin.named import Named
from provision.begin.pins import Pins
from provision.begin.survey import Surveyed
from provision.core.errors import HostKeyUnknown, ProvisionError
from provision.core.regex import regex
from provision.core.visible import shown
from provision.facts import Facts

#: What every reader of YAML takes for text as it stands.
_PLAIN = regex(r"[A-Za-z][A-Za-z0-9._/-]*|~?/[A-Za-z0-9._/-]+|[0-9]{1,3}(\.[0-9]{1,3}){3}")
_WORDS = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})
_LONGEST = 200  # characters of a comment that a host has a say in


def inventory_text(cluster: str, origin: str, surveyed: Surveyed, pins: Pins, model: str) -> str:
    ssh = _shared(surveyed.hosts)
    lines = [
        f"# Made by `provision init`, with the hosts of {_comment(origin)}. Comments say why.",
        f"cluster: {_scalar(cluster)}  # part of the name of every folder, unit and process of ours",
        *([f"ssh: {_ssh(ssh)}  # how all of them are reached; what is not said comes from ssh_config"] if ssh else []),
        "hosts:",
        *(_host(host, ssh, surveyed) for host in surveyed.hosts),
        *_expect(pins, surveyed.facts),
        "python:",
        _line("  version", _quoted(pins.python.value), pins.python.why),
        "  packages:",
        f"    - {_scalar(pins.vllm.value)}  # {_comment(pins.vllm.why)}",
        f"    - {_quoted(pins.ray.value)}  # {_comment(pins.ray.why)}",
    ]
    if pins.platform.value:
        lines.append(_line("  platform", _scalar(pins.platform.value), pins.platform.why))
    return "\n".join([*lines, *_serve(model)]) + "\n"


def _shared(hosts: tuple[Named, ...]) -> dict[str, str]:
    """What is said of all of them alike, which is written once."""
    return {key: said for key, said in hosts[0].ssh.items() if all(host.ssh.get(key) == said for host in hosts)}


def _ssh(said: Mapping[str, str]) -> str:
    # A number stands as it is; everything else is text.
    values = {key: value if key in ("port", "connect_timeout") else _scalar(value) for key, value in said.items()}
    return f"{{{', '.join(f'{key}: {value}' for key, value in values.items())}}}"


def _host(host: Named, shared: Mapping[str, str], surveyed: Surveyed) -> str:
    own = {key: said for key, said in host.ssh.items() if key not in shared}
    entry = [f"address: {_scalar(host.address)}"] if host.address else []
    entry += ["role: head"] if host.name == surveyed.head else []
    entry += ["sudo: true"] if host.sudo else []
    entry += [f"ssh: {_ssh(own)}"] if own else []
    value = f" {{{', '.join(entry)}}}" if entry else ""
    return f"  {_scalar(host.name)}:{value}  # {about(host.name, surveyed)}"


def about(name: str, surveyed: Surveyed) -> str:
    """What a host is, or why that is not known, in one line."""
    if name in surveyed.errors:
        return f"not asked: {_comment(_reason(surveyed.errors[name]))}"
    return _comment(what(surveyed.facts[name]))


def _reason(error: ProvisionError) -> str:
    if isinstance(error, HostKeyUnknown):
        return "its host key is not on record yet; `provision trust` shows it"
    return error.message


def what(facts: Facts) -> str:
    counts: dict[str, int] = {}
    for gpu in facts.gpus:
        counts[gpu.name] = counts.get(gpu.name, 0) + 1
    gpus = " + ".join(f"{count} × {name}" for name, count in counts.items()) or f"no GPU: {facts.gpu_error or ''}"
    broken = f" ({facts.gpu_error})" if facts.gpus and facts.gpu_error else ""
    driver = f", driver {facts.driver}" if facts.driver else ""
    pythons = ", ".join(sorted({python.version for python in facts.pythons})) or "none"
    return f"{gpus.rstrip(': ')}{broken}{driver}, Python {pythons}"


def _expect(pins: Pins, facts: Mapping[str, Facts]) -> list[str]:
    """Checked before anything is changed, so only what was seen on all hosts that answered."""
    lines = [_line("  driver", _quoted(pins.driver.value), pins.driver.why)] if pins.driver.value else []
    if pins.gpus:
        lines.append(_line("  gpus", str(pins.gpus), f"on each of {len(facts)}" if len(facts) > 1 else "found"))
    if pins.gpu:
        lines.append(_line("  gpu", _scalar(pins.gpu), "all of them"))
    return ["expect:  # checked, never changed", *lines] if lines else []


def _serve(model: str) -> list[str]:
    cut = [
        "  tensor_parallel: auto  # GPUs that share each layer, inside a host; `provision plan` shows the cut, and why",
        "  pipeline_parallel: auto  # stages, across hosts",
    ]
    if model:
        return ["serve:", f"  model: {_scalar(model)}  # --model", *cut]
    return ["# No model is named: `provision up` brings up Ray alone.", "# serve:", "#   model: Qwen/Qwen3-8B", *(
        f"# {line}" for line in cut
    )]  # fmt: skip


def _line(key: str, value: str, why: str) -> str:
    return f"{key}: {value}  # {_comment(why)}"


def _comment(text: str) -> str:
    """One line, whatever a host has put into it."""
    line = shown(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _WORDS else _quoted(text)


def _quoted(text: str) -> str:
    """A string of JSON is one of YAML."""
    return json.dumps(text)
