"""What the documents show is so: inventories load, commands and options exist, errors read as printed."""

import re
from pathlib import Path

import click
import pytest

import provision
from provision.cli.page import COMMANDS
from provision.core.errors import InventoryError
from provision.core.playbook import Playbook
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.stack.backends import DEFAULT

LIKE = built_in(DEFAULT)

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "ARCHITECTURE.md", *(ROOT / "docs").glob("*.md")]
)


def blocks(language: str) -> list[tuple[str, str]]:
    """(document, text) of every fenced block of a language."""
    found = []
    for document in DOCUMENTS:
        texts = re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.MULTILINE | re.DOTALL)
        found += [(document.name, text) for text in texts]
    return found


def commands() -> list[tuple[str, str]]:
    """(document, command) of every `provision …` in backticks or on a line of a shell block."""
    found = []
    for document in DOCUMENTS:
        for text in re.findall(r"`(provision [a-z][^`\n]*)`", document.read_text()):
            found.append((document.name, text))
    for name, block in blocks("sh"):
        found += [(name, text) for text in re.findall(r"(?:^|bin/)(provision [^&|#\n]*)", block, re.MULTILINE)]
    return sorted(set(found))


@pytest.mark.parametrize(("document", "text"), blocks("yaml"))
def test_an_inventory_in_a_document_loads(
    document: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_TOKEN", "x")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "id_ed25519").touch(0o600)
    path = tmp_path / "inventory.yaml"
    path.write_text(text)
    inventory = provision.load(path)
    assert [host.name for host in inventory.hosts] == ["gpu-01", "gpu-02", "gpu-03", "gpu-04"]


@pytest.mark.parametrize(("document", "text"), commands())
def test_a_command_in_a_document_exists_with_its_options(document: str, text: str) -> None:
    words = text.split()[1:]
    place, _, attribute = COMMANDS[words[0]].place.partition(":")
    command: click.Command = getattr(__import__(place, fromlist=[attribute]), attribute)
    if isinstance(command, click.Group) and len(words) > 1:
        command = command.commands[words[1]]
    known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
    # What stands behind `--` is another program's.
    own = words[: words.index("--")] if "--" in words else words
    asked = {word for word in own if word.startswith("-")}
    assert asked <= known, f"{document}: `{text}`"


def test_the_mistake_in_the_inventory_document_is_answered_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = re.search(r"^error: (.*)\nhint: (.*)$", (ROOT / "docs" / "inventory.md").read_text(), re.MULTILINE)
    assert shown
    monkeypatch.chdir(tmp_path)
    Path("inventory.yaml").write_text(
        "cluster: llama\n"
        "ssh: {user: ubuntu}\n"
        "hosts:\n"
        "  gpu-01: {address: 10.0.0.1, role: head}\n"
        "  gpu-02: {adress: 10.0.0.2}\n"
    )
    with pytest.raises(InventoryError) as caught:
        provision.load("inventory.yaml")
    (problem,) = caught.value.problems
    assert (str(problem), problem.hint) == (shown[1], shown[2])


@pytest.mark.parametrize(
    ("document", "text"), [(name, text) for name, text in blocks("python") if "def playbook" in text]
)
def test_a_playbook_in_a_document_loads(document: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    assert callable(PlaybookFile(path, LIKE).load())
    assert Playbook().steps == []


@pytest.mark.parametrize(("document", "text"), blocks("python"))
def test_python_in_a_document_compiles(document: str, text: str) -> None:
    compile(text, document, "exec")


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)#]+)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
