"""The JSON Schema of the inventory file, for editors."""

from __future__ import annotations

from typing import Any

from provision.inventory.format import InventoryFile
from provision.inventory.models import SecretSource
from provision.inventory.served import MODEL_NAME
from provision.inventory.serverless import BACKEND

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema() -> dict[str, Any]:
    """Draft 2020-12, of the file as it is written (not of the merged models)."""
    schema = InventoryFile.model_json_schema()
    definitions = schema["$defs"]
    host = schema["properties"]["hosts"]["additionalProperties"]
    schema["properties"]["hosts"]["additionalProperties"] = {
        "anyOf": [host, {"type": "string", "description": "the host's address"}, {"type": "null"}]
    }
    schema["properties"]["hosts"]["minProperties"] = 1
    schema["properties"]["models"] |= {"propertyNames": {"pattern": MODEL_NAME}, "maxProperties": 1}
    both = {"serve": {"type": "object"}, "models": {"type": "object", "minProperties": 1}}
    schema["not"] = {"required": list(both), "properties": both}
    for definition in (schema, *definitions.values()):
        definition.pop("title", None)
        for name, field in definition.get("properties", {}).items():
            definition["properties"][name] = _as_written(field)
    shorthand = {"type": "object", "properties": {"backend": {"const": BACKEND}}, "required": ["backend"]}
    serve = schema["properties"]["serve"]
    schema["properties"]["serve"] = {**serve, "anyOf": [*serve["anyOf"], {**shorthand, "additionalProperties": False}]}
    firewall = schema["properties"]["firewall"]
    schema["properties"]["firewall"] = {**firewall, "anyOf": [{"type": "boolean"}, *firewall["anyOf"]]}
    tls = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Tls"}, {"type": "null"}]}
    for name in ("Serve", "ServedModel"):
        properties = definitions[name]["properties"]
        properties["tls"] = {**tls, "description": properties["tls"]["description"]}
    definitions["Tls"]["dependentRequired"] = {"cert": ["key"], "key": ["cert"]}
    definitions["SecretSource"]["oneOf"] = [{"required": [place]} for place in SecretSource.PLACES]
    decrypted = [{"required": ["vault"]}, {"required": ["sops"]}]
    definitions["SecretSource"]["dependentSchemas"] = {
        "key": {"anyOf": decrypted},
        "password_file": {"required": ["vault"]},
    }
    return {"$schema": _DIALECT, "title": "provision inventory", **schema}


def _as_written(field: dict[str, Any]) -> dict[str, Any]:
    """Text may be written without quotes even where YAML sees a number: `version: 3.12`. Nothing after a
    colon says nothing, so it is allowed wherever a setting is."""
    field = {key: value for key, value in field.items() if key != "title"}
    if field.get("default", ...) is None:
        del field["default"]
    if "$ref" in field:
        return {"anyOf": [{"$ref": field["$ref"]}, {"type": "null"}], "description": field["description"]}
    if "anyOf" in field:
        kinds = [_widened(kind) for kind in field["anyOf"]]
        return {**field, "anyOf": [*kinds, *([] if {"type": "null"} in kinds else [{"type": "null"}])]}
    widened = _widened(field)
    if isinstance(widened.get("type"), str):
        widened["type"] = [widened["type"], "null"]
    return widened


def _widened(field: dict[str, Any]) -> dict[str, Any]:
    if field.get("type") == "string" and "enum" not in field:
        return {**field, "type": ["string", "number", "boolean", "null"]}
    widened = dict(field)
    for inside in ("items", "additionalProperties"):
        if isinstance(inner := field.get(inside), dict) and inner.get("type") == "string":
            widened[inside] = _widened(inner)
    return widened
