"""One name, one thing: who reads `Answer` need not look at the import to know which of four it is."""

import ast
from collections import defaultdict

import pytest
from source import FILES

#: Name → why two classes may have it.
TWICE = {
    "Progress": "an event here, and a counter of the program that hashes weights on a host: neither meets the other",
}


def public_classes(files: dict[str, str]) -> dict[str, list[str]]:
    """Name → where classes of that name are, whatever they are in."""
    found = defaultdict(list)
    for path, text in files.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found[node.name].append(f"{path}:{node.lineno}")
    return found


CLASSES = public_classes({path: text for path, text in FILES.items() if path.startswith("provision/")})


@pytest.mark.parametrize("name", CLASSES)
def test_no_two_classes_have_one_name(name: str) -> None:
    assert len(CLASSES[name]) == 1 or name in TWICE, f"`{name}` is {' and '.join(CLASSES[name])}"


@pytest.mark.parametrize("name", TWICE)
def test_an_exception_is_one(name: str) -> None:
    assert len(CLASSES[name]) == 2


def test_a_second_class_is_seen_wherever_it_is() -> None:
    inner = "if True:\n    class Answer:\n        class _Own: ...\n"
    assert public_classes({"a.py": inner, "b.py": "class Answer: ...\nclass _Own: ...\n"}) == {
        "Answer": ["a.py:2", "b.py:1"]
    }
