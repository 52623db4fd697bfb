"""Nobody is made to install the other project that is called `provision` on the index."""

import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SHOWN = sorted(
    path
    for pattern in ("*.md", "Makefile", "docs/*", "provision/**/*", "playbooks/*", "inventories/*", "benchmarks/*")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix in {".md", ".py", ".txt", ".yaml", ".html", ".sh", ""}
)
#: `pip install provision`, `pipx install provision`, `uv tool install 'provision[testing]'`, `uvx provision` …
STRANGER = re.compile(r"(?:\b(?:install|inject|uvx)\b[^\n`|;&]*?[\s'\"]|Requires:\s*)provision(?![\w/.:-])(?!\s*=\s)")


@pytest.mark.parametrize("text", ["pip install 'provision[testing]'", "uv tool install provision", "uvx provision up"])
def test_the_strangers_name_is_recognised(text: str) -> None:
    assert STRANGER.search(text)


@pytest.mark.parametrize("text", ["pip install 'provision-llm[testing]'", "pip install . && .venv/bin/provision demo"])
def test_our_own_is_not_taken_for_it(text: str) -> None:
    assert not STRANGER.search(text)


def test_nobody_is_told_to_install_the_strangers_provision() -> None:
    # On the index, `provision` is another project.
    told = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in SHOWN
        for found in STRANGER.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not told


def test_the_hint_names_this_distribution_and_its_extra() -> None:
    from provision.testing.options import INSTALL

    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert f"pip install '{settings['metadata']['name']}[testing]'" == INSTALL
    assert "testing" in settings["options.extras_require"]
