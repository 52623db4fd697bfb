"""One name, one thing: who reads `Answer` need not look at the import to know which of four it is."""

import ast
from collections import defaultdict

import pytest
from source import FILES

#: What runs on hosts is a program by itself, in another process on another machine: neither meets the other.
ELSEWHERE = "provision/payload/"


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
    places = CLASSES[name]
    here = [place for place in places if not place.startswith(ELSEWHERE)]
    for same in (here, [place for place in places if place not in here]):
        assert len(same) <= 1, f"`{name}` is {' and '.join(same)}"


def test_a_second_class_is_seen_wherever_it_is() -> None:
    inner = "if True:\n    class Answer:\n        class _Own: ...\n"
    assert public_classes({"a.py": inner, "b.py": "class Answer: ...\nclass _Own: ...\n"}) == {
        "Answer": ["a.py:2", "b.py:1"]
    }
