"""mkdocs' hooks: the documents, and the files that they link to, in a folder that is laid out as the repository is.

mkdocs takes one folder of pages, and ours are in two places; a page's links lead to files beside it, too.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PAGES = ("README.md", "ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)#:\s]+)\)")
_staged: list[tempfile.TemporaryDirectory[str]] = []


def on_config(config: Any) -> Any:
    place = tempfile.TemporaryDirectory(prefix="provision-site-")
    _staged.append(place)
    folder = Path(place.name)
    for page in [*(ROOT / name for name in PAGES), *sorted((ROOT / "docs").rglob("*"))]:
        if page.is_file() and HERE not in page.parents:
            _copy(page, folder)
    for page in list(folder.rglob("*.md")):
        for _, target in _LINK.findall(page.read_text(encoding="utf-8")):
            linked = (ROOT / page.relative_to(folder).parent / target).resolve()
            if linked.is_file() and ROOT in linked.parents:
                _copy(linked, folder)
    config.docs_dir = str(folder)
    config.nav = navigation((ROOT / "docs" / "README.md").read_text(encoding="utf-8"))
    return config


def navigation(index: str) -> list[dict[str, Any]]:
    """The sections and pages of the index of the documents, in its order."""
    nav: list[dict[str, Any]] = [{"provision": "README.md"}, {"Documentation": "docs/README.md"}]
    for section in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, body = section.partition("\n")
        pages = re.findall(r"^- \[([^\]]+)\]\(([^)]+\.md)\)", body, re.MULTILINE)
        nav.append({title.partition(":")[0]: [{name: _of_repository(target)} for name, target in pages]})
    return nav


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A folder has no page: what leads to one is shown without a link."""

    def plain(link: re.Match[str]) -> str:
        target = ROOT / Path(page.file.src_uri).parent / link[2]
        return link[1] if target.is_dir() else link[0]

    return _LINK.sub(plain, markdown)


def on_post_build(**_: Any) -> None:
    while _staged:
        _staged.pop().cleanup()


def _of_repository(target: str) -> str:
    return target.removeprefix("../") if target.startswith("../") else f"docs/{target}"


def _copy(page: Path, folder: Path) -> None:
    place = folder / page.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(page, place)
