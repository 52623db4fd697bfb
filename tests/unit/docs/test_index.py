"""docs/README.md is the index of all documents, by purpose."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
INDEX = ROOT / "docs" / "README.md"


def linked() -> list[Path]:
    return [(INDEX.parent / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", INDEX.read_text())]


def test_the_index_links_every_file_of_the_docs_folder_once() -> None:
    # No documents, but what makes web pages of them, and pictures, each of which is in one (test_pictures).
    others = {ROOT / "docs" / "site", ROOT / "docs" / "pictures"}
    files = [p for p in (ROOT / "docs").rglob("*") if p.is_file() and p != INDEX and not others & {*p.parents}]
    times = {path.name: linked().count(path) for path in files}
    assert times == {path.name: 1 for path in files}


def test_the_index_links_the_documents_at_the_top() -> None:
    assert {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"} <= {
        path.name for path in linked() if path.parent == ROOT
    }


def test_the_readme_links_the_index() -> None:
    assert "(docs/README.md)" in (ROOT / "README.md").read_text()
