"""One name, one thing: who reads `Answer` need not look at the import to know which of four it is."""

import ast
from collections import defaultdict

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


def test_no_two_classes_have_one_name() -> None:
    paths = [path for path in FILES if path.startswith("provision/")]
    elsewhere = {path for path in paths if path.startswith(ELSEWHERE)}
    for together in ({*paths} - elsewhere, elsewhere):
        places = public_classes({path: FILES[path] for path in sorted(together)})
        assert {name: found for name, found in places.items() if len(found) > 1} == {}


def test_a_second_class_is_seen_wherever_it_is() -> None:
    inner = "if True:\n    class Answer:\n        class _Own: ...\n"
    assert public_classes({"a.py": inner, "b.py": "class Answer: ...\nclass _Own: ...\n"}) == {
        "Answer": ["a.py:2", "b.py:1"]
    }
