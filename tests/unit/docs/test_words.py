"""docs/STYLE.md lists words that a reader stops at: documents, docstrings, messages and help have none of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
STYLE = ROOT / "docs" / "STYLE.md"
#: Phrase of the guide → how it is found, in all its forms.
AVOIDED = {
    "mend": r"\bmend(s|ed)?\b",
    "put right": r"\bputs? (it|them|\S+ of \S+) right\b",
    "held against": r"\bheld against\b",
    "taken for good": r"\btaken for good\b",
    "who is to be seen": r"\bwho is to be seen\b",
    "as it should not be": r"\bas it should not be\b",
    "is dumb": r"\b(is|are) dumb\b",
    "without a way out": r"\bwithout a way out\b",
    "stands in the way": r"\bstands? (in|at|on) the way\b",
}
DOCUMENTS = sorted({*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")} - {STYLE})
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def avoided(text: str) -> list[str]:
    return [phrase for phrase, pattern in AVOIDED.items() if re.search(pattern, " ".join(text.split()), re.IGNORECASE)]


def texts(path: Path) -> Iterator[str]:
    """Docstrings, and strings of one line: one with several is a program for a host."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, DOCUMENTED):
            yield ast.get_docstring(node) or ""
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and "\n" not in node.value.strip():
            yield node.value if " " in node.value else ""


def test_the_guide_names_every_phrase() -> None:
    table = STYLE.read_text().partition("## Words to avoid")[2].partition("## Glossary")[0]
    assert [phrase for phrase in AVOIDED if phrase not in table] == []


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("`up` mends\nthe package", ["mend"]),
        ("`up` puts 1 of 2 right", ["put right"]),
        ("what stands\nin the way", ["stands in the way"]),
        ("repairs amendments, put to the right", []),
    ],
)
def test_a_phrase_is_found_in_its_forms_and_across_lines(text: str, phrases: list[str]) -> None:
    assert avoided(text) == phrases


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_has_none(document: Path) -> None:
    assert avoided(document.read_text()) == []


def test_no_message_or_docstring_has_one() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {text.strip()[:80]}": phrases
        for path in sorted((ROOT / "provision").rglob("*.py"))
        for text in texts(path)
        if (phrases := avoided(text))
    }
    assert found == {}


def test_no_signature_has_one() -> None:
    files = sorted((ROOT / "provision" / "diagnosis" / "signatures").glob("*.yaml"))
    assert files
    assert {path.name: avoided(path.read_text()) for path in files} == {path.name: [] for path in files}
