"""The tables of docs/json.md, written from docs/report.schema.json. Run it after a change of the schema."""

import json
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[3] / "docs"
SCHEMA: dict[str, Any] = json.loads((DOCS / "report.schema.json").read_text(encoding="utf-8"))
BEGIN = "<!-- from report.schema.json -->\n"

_HEAD = ("v", "time", "event")


def tables() -> str:
    head = {name: _line("note")[name] for name in _HEAD} | {"event": {"type": "string", "description": "as below"}}
    lines = ["## Lines", "", "Each has `v`, `time` and `event`:", "", *_table(head), ""]
    kinds = [name.removeprefix("line:") for name in SCHEMA["$defs"] if name.startswith("line:")]
    for kind in kinds:
        lines += [f"### `{kind}`", "", _told(f"line:{kind}")]
        fields = {name: value for name, value in _line(kind).items() if name not in _HEAD}
        lines += ["", *_table(fields, SCHEMA["$defs"][f"line:{kind}"]["required"]), ""]
    lines += ["## Values", ""]
    for name, definition in SCHEMA["$defs"].items():
        if not name.startswith("line:"):
            lines += [f"### {name} object", "", definition["description"], ""]
            lines += [*_table(definition["properties"], definition["required"]), ""]
    return "\n".join(lines).rstrip() + "\n"


def document() -> str:
    """docs/json.md as it should be."""
    text = (DOCS / "json.md").read_text(encoding="utf-8")
    return text.partition(BEGIN)[0] + BEGIN + "\n" + tables()


def _line(kind: str) -> dict[str, Any]:
    fields: dict[str, Any] = SCHEMA["$defs"][f"line:{kind}"]["properties"]
    return fields


def _told(name: str) -> str:
    description: str = SCHEMA["$defs"][name]["description"]
    return description


def _table(fields: dict[str, Any], required: list[str] | None = None) -> list[str]:
    lines = ["| field | type | |", "|---|---|---|"]
    for name, field in fields.items():
        there = "" if required is None or name in required else ", may be left out"
        lines.append(f"| `{name}` | {_kind(field)}{there} | {_meaning(field)} |")
    return lines


def _meaning(field: dict[str, Any]) -> str:
    told: str = field["description"].replace("|", "\\|")
    values = [f"`{value}`" for value in field.get("enum", ())]
    return told if all(value in told for value in values) else f"{told}: {', '.join(values)}"


def _kind(field: dict[str, Any]) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name}-object)"
    if "oneOf" in field:
        return " or ".join(_kind(one) for one in field["oneOf"])
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if isinstance(field["type"], list):
        return " or ".join(_kind({**field, "type": kind}) for kind in field["type"])
    if field["type"] == "array":
        return f"list of {_kind(field['items'])}"
    if field["type"] == "object" and isinstance(field.get("additionalProperties"), dict):
        return f"object of {_kind(field['additionalProperties'])}"
    kind: str = field["type"]
    return kind


if __name__ == "__main__":
    (DOCS / "json.md").write_text(document(), encoding="utf-8")
