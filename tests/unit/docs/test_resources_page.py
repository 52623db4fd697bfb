"""docs/resources.md is made from the docstrings of what it describes."""

import inspect
import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import get_origin

import pytest

import provision
from provision import Inquiry, Proof, Resource

DOCUMENT = Path(__file__).parents[3] / "docs" / "resources.md"
HEAD = """\
<!-- Made from docstrings: WRITE_DOCS=1 pytest -n0 tests/unit/docs/test_resources_page.py -->

# Built-in resources, proofs and inquiries

All of them are names of `provision`. A [playbook](playbooks.md) puts resources on hosts (`book.add`), has the hosts
prove something (`book.prove`), and says what they are asked when a step has failed (`book.inquire`). Those of Ray and
vLLM have parameters that `Stack` and `StackWithoutRay` fill in from the inventory.

"""


def kinds(kind: type) -> list[type]:
    public = [getattr(provision, name) for name in provision.__all__]
    found = [
        one
        for one in public
        if isinstance(one, type) and get_origin(one) is None and issubclass(one, kind) and one is not kind
    ]
    return sorted(found, key=lambda one: one.__name__)


DESCRIBED = [one for kind in (Resource, Proof, Inquiry) for one in kinds(kind)]


def page() -> str:
    parts = [HEAD]
    for title, kind in (("Resources", Resource), ("Proofs", Proof), ("Inquiries", Inquiry)):
        parts.append(f"## {title}\n\n")
        parts += [section(one) for one in kinds(kind)]
    return "".join(parts).rstrip() + "\n"


def section(one: type) -> str:
    parts = [f"### {one.__name__}", parameters(one), *said(one)]
    if issubclass(one, Resource):
        parts.append(habits(one))
    if inspect.isabstract(one):
        parts.append("A subclass says:\n\n" + "\n".join(to_say(one)))
    return "\n\n".join(parts) + "\n\n"


def parameters(one: type) -> str:
    found = [f"    {field.name}: {field.type}{default(field)}," for field in fields(one) if field.init]
    return "\n".join(["```", f"{one.__name__}(", *found, ")", "```"])


def default(field: Field[object]) -> str:
    if field.default is not MISSING:
        return f" = {field.default!r}"
    return " = …" if field.default_factory is not MISSING else ""


def said(one: type) -> Iterator[str]:
    """The first paragraph of its file, where the file is about it alone, and its own docstring."""
    module = inspect.getmodule(one)
    of_file = [other for other in DESCRIBED if inspect.getmodule(other) is module]
    if module is not None and of_file == [one]:
        yield (inspect.getdoc(module) or "").partition("\n\n")[0]
    if "__doc__" in one.__dict__ and not (one.__doc__ or "").startswith(f"{one.__name__}("):
        yield inspect.getdoc(one) or ""


def habits(one: type[Resource]) -> str:
    down = {True: "removes it", False: "leaves it", "purge": "leaves it, `down --purge` removes it"}[one.removable]
    up = "makes it so" if one.fixable else "does not begin while it is not so"
    why = f" Why it matters: {one.why}." if one.why else ""
    return f"Area `{one.area}`. `up` {up}, `down` {down}.{why}"


def to_say(one: type) -> Iterator[str]:
    for name in sorted(one.__abstractmethods__):  # type: ignore[attr-defined]
        method = inspect.getattr_static(one, name)
        text = " ".join((inspect.getdoc(method) or "").split())
        yield f"- `{name}`{f': {text}' if text else ''}"


def test_the_page_is_up_to_date() -> None:
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(page())
    assert DOCUMENT.read_text() == page(), "run this test with WRITE_DOCS=1 in the environment to write the page anew"


@pytest.mark.parametrize("one", DESCRIBED, ids=lambda one: one.__name__)
def test_what_is_built_in_says_what_it_is(one: type) -> None:
    assert "".join(said(one)).strip(), f"{one.__name__} has no docstring"


def test_every_built_in_resource_and_proof_is_public_and_on_the_page() -> None:
    """By reading the files: a class that nobody imports is found, too."""
    root = Path(provision.__file__).parent
    named = set()
    for path in [*(root / "resources").glob("*.py"), *(root / "proofs").rglob("*.py")]:
        text = path.read_text()
        named |= {*re.findall(r"^@dataclass\(frozen=True\)\nclass (\w+)\((?:\w*Resource|Service|Proof)\)", text, re.M)}
    assert len(named) > 10
    assert named - {"RayNode", "VllmServer"} <= {one.__name__ for one in DESCRIBED}
