"""The documents as web pages: all of them, in the order of their index, and no link that leads nowhere."""

import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def staged() -> ModuleType:
    spec = importlib.util.spec_from_file_location("staged", ROOT / "docs" / "site" / "staged.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def config(staged: ModuleType) -> Iterator[SimpleNamespace]:
    yield staged.on_config(SimpleNamespace())
    staged.on_post_build()


def test_every_document_is_a_page_in_the_order_of_the_index(config: SimpleNamespace) -> None:
    folder = Path(config.docs_dir)
    first, index, *sections = config.nav
    assert (first, index) == ({"provision": "README.md"}, {"Documentation": "docs/README.md"})
    assert [name for section in sections for name in section] == ["Tutorials", "How-to", "Reference", "Explanation"]
    shown = {target for section in sections for pages in section.values() for page in pages for target in page.values()}
    documents = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")} - {"docs/README.md"}
    assert shown - {"README.md"} == documents | {"ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"}
    assert all((folder / target).is_file() for target in shown)


def test_what_a_page_links_to_lies_beside_it(config: SimpleNamespace) -> None:
    folder = Path(config.docs_dir)
    assert (folder / "playbooks/vllm_ray.py").read_bytes() == (ROOT / "playbooks/vllm_ray.py").read_bytes()
    assert (folder / "docs/report.schema.json").is_file() and not (folder / "setup.cfg").exists()


def test_a_link_to_a_folder_is_none_on_a_page(staged: ModuleType) -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="docs/lab.md"))
    text = "see [examples](../inventories), [one](../inventories/minimal.yaml) and [a page](check.md#drift)"
    assert staged.on_page_markdown(text, page) == text.replace("[examples](../inventories)", "examples")


def test_nothing_is_left_of_it(staged: ModuleType) -> None:
    folder = Path(staged.on_config(SimpleNamespace()).docs_dir)
    staged.on_post_build()
    assert not folder.exists()


def test_it_is_built_without_a_warning(tmp_path: Path) -> None:
    """`strict`: a link, or what stands after its `#`, that leads nowhere ends it."""
    pytest.importorskip("material", reason="needs the extra `docs`: pip install -e '.[docs]'")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "-q", "-f", "docs/site/mkdocs.yml", "-d", str(tmp_path / "site")],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    pages = {path.relative_to(tmp_path / "site").as_posix(): path.read_text() for path in tmp_path.rglob("*.html")}
    assert "docs/check/index.html" in pages and "<table" in pages["docs/compatibility/index.html"]
    odd = re.compile(r"```|<p>- |<p>\||\| ?---")
    assert {name: odd.findall(text) for name, text in pages.items() if odd.search(text)} == {}
    loaded = re.compile(r'<(?:script|img|link)[^>]* (?:src|href)="?https?://')
    assert not [name for name, text in pages.items() if loaded.search(text)], "a page needs another server"
