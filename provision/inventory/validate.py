"""Holds a tree of nodes against the models, and tells each mistake in the user's words.

pydantic judges; what it says is thrown away. What a value should be is described from the same annotations,
and what it is from the text in the file.
"""

from __future__ import annotations

import json
from typing import Any, Literal, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError

from provision.core.wording import did_you_mean
from provision.inventory.describe import describe, members, unwrapped
from provision.inventory.hints import for_section, for_unknown_key
from provision.inventory.node import YamlNode
from provision.inventory.problems import Problems, shorten
from provision.inventory.source import is_ambiguous

M = TypeVar("M", bound=BaseModel)

#: What is written here may be a secret by mistake: messages never repeat it.
_SECRET = ("secrets", "sudo_password", "proxy")


def check(model: type[BaseModel], root: YamlNode, problems: Problems) -> YamlNode:
    """Adds what is wrong to `problems`; returns the tree without it, for the checks that come after."""
    judge = _Judge()
    data = judge.data(model, (), root, ())
    try:
        # JSON, because pydantic's strict mode takes no dict for a nested model from Python.
        model.model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        wrong: set[tuple[str, ...]] = set()
        for item in error.errors(include_url=False, include_context=False, include_input=False):
            wrong.add(_tell(judge, model, root, item["type"], item["loc"], problems))
        return _without(root, wrong, ())
    return root


def build(model: type[M], node: YamlNode, **more: Any) -> M:
    """The model that a checked tree describes."""
    data = _Judge().data(model, (), node, ())
    return model.model_validate({**data, **more})


class _Judge:
    """Walks annotations and nodes side by side: gives pydantic the text where text is wanted (so that
    `version: 3.10` is not 3.1), and remembers what was wanted where."""

    def __init__(self) -> None:
        self.wanted: dict[tuple[str, ...], str] = {}

    def data(self, kind: Any, metadata: tuple[Any, ...], node: YamlNode, at: tuple[str, ...]) -> Any:
        kind, metadata = unwrapped(kind, metadata)
        self.wanted[at] = describe(kind, metadata)
        if kinds := members(kind):  # scalars of any type, and perhaps lists of them
            kind = next((k for k in kinds if get_origin(k) is tuple and node.is_list), object)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return self._model(kind, node, at)
        if get_origin(kind) is dict and (node.is_mapping or node.value is None):
            _, inner = get_args(kind)
            children = {k: c for k, c in node.children.items() if c.value is not None or inner is object}
            return {key: self.data(inner, (), child, (*at, key)) for key, child in children.items()}
        if get_origin(kind) is tuple and node.is_list:
            inner = get_args(kind)[0]
            return [self.data(inner, (), item, (*at, f"[{i}]")) for i, item in enumerate(node.value)]
        if get_origin(kind) is tuple and node.value is None:
            return []
        if (kind is str or get_origin(kind) is Literal) and node.is_scalar and node.value is not None:
            return node.text
        return node.plain()

    def _model(self, kind: type[BaseModel], node: YamlNode, at: tuple[str, ...]) -> Any:
        if not node.is_mapping and node.value is not None:
            return node.plain()
        data: dict[str, Any] = {}
        for key, child in node.children.items():
            field = kind.model_fields.get(key)
            if field is None:
                data[key] = None
            elif child.value is not None or field.is_required():  # nothing after the colon: nothing said
                data[key] = self.data(field.annotation, tuple(field.metadata), child, (*at, key))
        return data


def _tell(
    judge: _Judge, model: type[BaseModel], root: YamlNode, kind: str, loc: tuple[str | int, ...], problems: Problems
) -> tuple[str, ...]:
    """Adds the problem; returns where it is."""
    node, at, owner = _locate(model, root, loc)
    if kind == "missing":
        key = str(loc[-1])
        example = f"add `{key}: …`"
        if at:
            problems.value(node, f"`{key}` is missing", example)
        else:
            problems.at(1, 1, f"`{key}` is missing", _REQUIRED.get(key, example))
        return (*at, key)
    if kind == "extra_forbidden":
        key = at[-1]
        hint = _hint(node, "", at) if at[0] == "secrets" and len(at) > 2 else for_unknown_key(key, owner or model)
        problems.key(node, f"unknown key `{key}`", hint)
        return at
    if is_ambiguous(node):
        return at  # told already, by the words in which it is ambiguous
    wanted = judge.wanted.get(at, "something else")
    secret = at[:1] and at[0] in _SECRET
    problems.value(node, f"should be {wanted}, found {_found(node, secret=bool(secret))}", _hint(node, wanted, at))
    return at


_REQUIRED = {
    "cluster": "name the cluster: `cluster: my-cluster`",
    "hosts": "list the machines: `hosts: {gpu-01: {address: 10.0.0.1, role: head}}`",
}


def _locate(
    model: type[BaseModel], root: YamlNode, loc: tuple[str | int, ...]
) -> tuple[YamlNode, tuple[str, ...], type[BaseModel] | None]:
    """The node that pydantic's location means, its path, and the model that holds it. Parts that name the
    branch of a union have no node, and end the walk."""
    node = root
    at: tuple[str, ...] = ()
    owner: type[BaseModel] | None = None
    kind: Any = model
    for part in loc:
        child = node.value[part] if isinstance(part, int) and node.is_list else node.children.get(str(part))
        if child is None:
            break
        inside = kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
        owner = inside
        if inside is not None:
            field = inside.model_fields.get(str(part))
            kind = field.annotation if field else None
        else:
            args = [a for a in get_args(kind) if a is not Ellipsis]
            kind = args[-1] if args else None
        kind, _ = unwrapped(kind, ())
        node, at = child, (*at, f"[{part}]" if isinstance(part, int) else part)
    return node, at, owner


def _found(node: YamlNode, *, secret: bool = False) -> str:
    if node.is_mapping:
        return "a mapping"
    if node.is_list:
        return "a list"
    if node.value is None:
        return "nothing"
    if secret:
        return "a plain value"
    text = shorten(node.text)
    return f"`{text}`" if not node.quoted else f'the text `"{text}"`'


def _hint(node: YamlNode, wanted: str, at: tuple[str, ...]) -> str:
    if at[:1] and at[0] in _SECRET:
        return "name the source, not the value: `{env: NAME}` or `{file: PATH}`"
    if "a mapping" in wanted and not node.is_mapping and node.value is not None:
        return for_section(at, is_list=node.is_list)
    if node.value is None and len(at) == 1:
        return _REQUIRED.get(at[0], "")
    if not node.is_scalar or node.value is None:
        return ""
    if node.quoted and ("number" in wanted or "`true`" in wanted):
        return f"write it without quotes: `{node.text}`" if _numeric(node.text) else ""
    if wanted.startswith("a list"):
        return f"write `[{node.text}]`"
    choices = wanted.split("`")[1::2] if wanted.startswith("`") else []
    return did_you_mean(node.text, choices)


def _numeric(text: str) -> bool:
    return text.lower() in ("true", "false") or text.lstrip("-").replace(".", "", 1).isdigit()


def _without(node: YamlNode, wrong: set[tuple[str, ...]], at: tuple[str, ...]) -> YamlNode:
    if isinstance(node.value, dict):
        kept = {k: _without(c, wrong, (*at, k)) for k, c in node.value.items() if (*at, k) not in wrong}
        return node.with_value(kept)
    if isinstance(node.value, tuple):
        items = enumerate(node.value)
        kept_items = tuple(_without(c, wrong, (*at, f"[{i}]")) for i, c in items if (*at, f"[{i}]") not in wrong)
        return node.with_value(kept_items)
    return node
