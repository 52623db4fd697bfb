"""Documents, examples and the built-in playbooks use what is public, and docs/library.md names all of it."""

import inspect
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import provision

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "docs" / "library.md"
READERS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "playbooks").glob("*.py")),
]
BEGIN, END = "<!-- errors: made from the classes -->\n", "<!-- end of errors -->\n"


def code(path: Path) -> str:
    """Of a document, its Python."""
    text = path.read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return text if path.suffix == ".py" else "\n".join(blocks)


@pytest.mark.parametrize("path", READERS, ids=lambda path: path.name)
def test_what_a_person_copies_imports_from_provision_alone(path: Path) -> None:
    deep = re.findall(r"^ *(?:from|import) +(provision\.\S+)", code(path), re.MULTILINE)
    deep = [module for module in deep if module != "provision.aio"]  # the same names, to be awaited
    if path.name == "CONTRIBUTING.md":  # a command is part of the command line
        deep = [module for module in deep if not module.startswith(("provision.cli.", "provision.render."))]
    assert not deep
    for names in re.findall(r"^ *from provision import \(?([^)\n]+)", code(path), re.MULTILINE):
        assert {name.strip() for name in names.split(",")} <= {*provision.__all__}


def test_the_library_document_names_all_that_is_public() -> None:
    """What is built in has a page of reference, where all of it is named."""
    named = {*re.findall(r"`(\w+)`", LIBRARY.read_text())}
    named |= {*re.findall(r"^[│ ├└─]*(\w+) ", errors(), re.MULTILINE)}
    named |= {*re.findall(r"^### (\w+)", (ROOT / "docs" / "resources.md").read_text(), re.MULTILINE)}
    assert {*provision.__all__} - named == {"__version__"}


def errors() -> str:
    """The tree of what can be raised: class, exit code, and when."""
    public = {value for name in provision.__all__ if inspect.isclass(value := getattr(provision, name))}
    classes = sorted((c for c in public if issubclass(c, provision.ProvisionError)), key=lambda c: c.__name__)

    def lines(parent: type, indent: str) -> Iterator[str]:
        children = [c for c in classes if c.__base__ is parent]
        for child in children:
            last = child is children[-1]
            yield f"{indent}{'└── ' if last else '├── '}{child.__name__} ({child.exit_code})"
            yield from lines(child, indent + ("    " if last else "│   "))

    root = provision.ProvisionError
    return "\n".join(["```", f"{root.__name__} ({root.exit_code})", *lines(root, ""), "```", ""])


def test_the_tree_of_errors_is_that_of_the_classes() -> None:
    text = LIBRARY.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        LIBRARY.write_text(f"{before}{BEGIN}{errors()}{END}{after}")
    else:
        assert shown == errors(), "run this test with WRITE_DOCS=1 in the environment to write the tree anew"
