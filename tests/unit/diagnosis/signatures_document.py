"""The table of docs/diagnosis.md, made of the signatures."""

from pathlib import Path

from provision.diagnosis import signatures

DOCUMENT = Path(__file__).parents[3] / "docs" / "diagnosis.md"
BEGIN = "<!-- signatures: made from provision/diagnosis/signatures -->"


def table() -> str:
    rows = ["| signature | says | kind | source |", "| --- | --- | --- | --- |"]
    for s in signatures():
        rows.append(f"| `{s.id}` | {_cell(s.cause)} | {s.kind.value} | {_cell(s.source)} |")
    return "\n".join(rows)


def made(document: str) -> str:
    """`document` with the table as it should be: the last thing in it."""
    return f"{document.partition(BEGIN)[0]}{BEGIN}\n\n{table()}\n"


def _cell(text: str) -> str:
    return text.replace("{", "‹").replace("}", "›").replace("|", "\\|")
