"""The JSON Schema of the inventory file, for editors."""

from __future__ import annotations

from typing import Any

from provision.inventory.format import InventoryFile

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
    for definition in (schema, *definitions.values()):
        for name, field in definition.get("properties", {}).items():
            definition["properties"][name] = _as_written(field)
    definitions["SecretSource"]["oneOf"] = [{"required": ["env"]}, {"required": ["file"]}]
    return {"$schema": _DIALECT, "title": "provision inventory", **{k: v for k, v in schema.items() if k != "title"}}


def _as_written(field: dict[str, Any]) -> dict[str, Any]:
    """Text may be written without quotes even where YAML sees a number: `version: 3.12`. Nothing after a
    colon says nothing, so it is allowed wherever a setting is."""
    if field.get("type") == "string" and "enum" not in field:
        return {**field, "type": ["string", "number", "boolean", "null"]}
    if isinstance(field.get("type"), str):
        widened = {**field, "type": [field["type"], "null"]}
        inner = field.get("additionalProperties")
        if isinstance(inner, dict) and inner.get("type") == "string":
            widened["additionalProperties"] = {**inner, "type": ["string", "number", "boolean", "null"]}
        return widened
    return field
