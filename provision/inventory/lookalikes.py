"""Values that look like secrets, in flags and variables: refused, because what stands there is in `ps`, plans and logs.

By what a value is (the forms of well-known tokens), or by what its name says it is. A name alone is not enough where it
means something else (`max-num-batched-tokens`, `pad_token`), nor where its value is a path, a switch, or a variable's
name. Messages never repeat the value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

from provision.core.regex import regex
from provision.core.token_forms import TOKENS
from provision.core.urls import masked
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems

# Names, word by word. Wherever one of the first stands, it is a secret; the others are if they come last.
_ANYWHERE = frozenset({"password", "passwd", "passphrase", "secret", "credential", "credentials", "authorization"})
_LAST = frozenset({"token", "key", "apikey", "pat", "pwd", "pass"})
_GLUED = regex(r"(?:api|access|auth|secret|private|hf|hub|refresh|bearer)(?:key|token)\Z|(?:password|passwd)\Z")

# What makes of the name a place, or a name for a secret, and no secret.
_ELSEWHERE = frozenset(
    {"file", "path", "dir", "folder", "env", "var", "name", "id", "ids", "url", "uri", "mode", "type", "field",
    "header", "length", "len", "size", "limit", "count", "timeout", "ttl", "prompt", "provider", "manager",
    "backend", "required"}
)  # fmt: skip

# Tokens of text and keys of tables: what stands before the last word.
_OF_TEXT = frozenset(
    {"bos", "eos", "pad", "unk", "mask", "cls", "sep", "stop", "start", "end", "begin", "image", "img", "video",
    "audio", "vision", "tool", "think", "thinking", "reasoning", "special", "prefix", "suffix", "fim", "next",
    "first", "last", "new", "per", "additional", "decoder", "speech", "boi", "eoi", "sot", "eot", "placeholder",
    "max", "min", "num"}
)  # fmt: skip
_OF_TABLES = frozenset(
    {"sort", "partition", "cache", "primary", "foreign", "group", "index", "lookup", "metric", "label", "config",
    "dict", "json", "hash", "map", "query", "public", "routing", "prefix", "name"}
)  # fmt: skip

# Values that no secret has.
_ORDINARY = regex(
    r"\s*(?:|none|null|~|empty|dummy|auto|default|true|false|yes|no|on|off|enabled|disabled|required|[01]"
    r"|\$\{?\w+\}?|(?:~|\.{1,2})?/(?:[\w.-]+/)+[\w.-]*|~/[\w./-]+|\.{1,2}/[\w./-]+"
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*_(?:KEY|TOKEN|SECRET|PASSWORD)|<[^<>|]*\|?[^<>|]*\|?>|\[[A-Z_]+\])\s*",
    re.IGNORECASE,
)
_INTEGER = regex(r"\d+\Z")

#: Flags of programs → the variable in which they take the same.
_VARIABLES = {"hf-token": "HF_TOKEN", "api-key": "VLLM_API_KEY"}


def check_lookalikes(root: YamlNode, reserved: Collection[str], problems: Problems) -> None:
    """`reserved`: flags that are told to be misplaced already."""
    for node in root.walk():
        if node.path and node.path[-1] in ("env", "args") and not {"vars", "secrets"} & set(node.path[:-1]):
            for name, child in node.children.items():
                if node.path[-1] == "args" and _flag(name) in reserved:
                    continue
                # Of a variable's URL the password is masked; an argument list shows it to everybody on the host.
                seen = masked if node.path[-1] == "args" else str
                if any(looks_secret(*pair) or seen(pair[1]) != pair[1] for pair in _values(name, child)):
                    _tell(node.path[-1], name, child, problems)


def looks_secret(name: str, value: str) -> bool:
    """Whether `value`, given as `name`, had better not be seen."""
    return bool(TOKENS.search(value)) or (_is_secret_name(name) and not _is_ordinary(name, value))


def _tell(kind: str, name: str, node: YamlNode, problems: Problems) -> None:
    variable = name
    if kind == "args":
        variable = _VARIABLES.get(_flag(name), "")
    said = f"`{name}` looks like a secret, and would be seen in the process list, in plans and in logs"
    if kind == "env":
        said = f"`{name}` looks like a secret, and would be seen in plans and in logs"
    hint = f"remove it, and name its source: `secrets: {{{variable or 'NAME'}: {{env: {variable or 'NAME'}}}}}`"
    if kind == "args":
        hint += f", which vLLM reads from its environment{'' if variable else ', where it has a variable for it'}"
    problems.value(node, said, hint)


def _values(name: str, node: YamlNode) -> Iterator[tuple[str, str]]:
    """Every text in a value, with the name nearest to it: of lists, mappings and JSON within a text."""
    if node.is_mapping:
        for key, child in node.children.items():
            yield from _values(key, child)
    elif node.is_list:
        for item in node.value:
            yield from _values(name, item)
    elif node.value is not None and not isinstance(node.value, bool):
        yield name, node.text
        yield from _in_json(name, node.text)


def _in_json(name: str, text: str) -> Iterator[tuple[str, str]]:
    if not text.lstrip().startswith(("{", "[")):
        return
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return
    waiting: list[tuple[str, object]] = [(name, value)]
    while waiting:
        key, found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.items()
        elif isinstance(found, list):
            waiting += ((key, item) for item in found)
        elif found is not None and not isinstance(found, bool):
            yield key, str(found)
            # JSON within JSON.
            if isinstance(found, str) and found.lstrip().startswith(("{", "[")) and found != text:
                yield from _in_json(key, found)


def _is_secret_name(name: str) -> bool:
    # A dotted flag sets a key of a mapping; camelCase has its words as well.
    last = re.sub(r"([a-z0-9])([A-Z])", r"\1-\2", name.rpartition(".")[2])
    words = [word for word in re.split(r"[^a-z0-9]+", last.lower()) if word]
    if not words or words[-1] in _ELSEWHERE:
        return False
    if _ANYWHERE & set(words) or _GLUED.search(words[-1]):
        return True
    before = set(words[:-1])
    if words[-1] == "token":
        return not before & _OF_TEXT
    return words[-1] in _LAST and not before & _OF_TABLES


def _is_ordinary(name: str, value: str) -> bool:
    if _ORDINARY.fullmatch(value):
        return True
    # A number is a password where that is asked for, and a count, an index or a switch elsewhere.
    return bool(_INTEGER.match(value)) and not re.search("pass|secret|pwd", name, re.IGNORECASE)


def _flag(name: str) -> str:
    return name.lstrip("-").replace("_", "-")
