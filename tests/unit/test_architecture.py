"""The house rules, held by reading the imports and words of every file. Each rule says why it is there."""

import ast
import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "provision").rglob("*.py"), *(ROOT / "playbooks").rglob("*.py")])

# (which files, what they may not import, why)
RULES = [
    (
        lambda p: not p.startswith("provision/transport/"),
        {"fabric", "paramiko", "invoke"},
        "the remote surface is one package, so that strict host keys and the leash hold everywhere",
    ),
    (
        lambda p: not p.startswith("provision/inventory/") and p != "provision/diagnosis/table.py",
        {"yaml"},
        "everything else works on validated values, not on documents; the signatures are a document of our own",
    ),
    (
        lambda p: not p.startswith(("provision/render/", "provision/cli/")),
        {"rich", "click"},
        "the library never prints: it emits events",
    ),
    (
        lambda p: (
            p
            in {
                "provision/core/plan.py",
                "provision/core/resource.py",
                "provision/engine/schedule.py",
                "provision/core/playbook.py",
                "provision/core/finding.py",
                "provision/core/proof.py",
                "provision/core/inquiry.py",
                "provision/engine/stages.py",
                "provision/core/outcome.py",
            }
        ),
        {"threading", "time", "datetime", "random", "secrets", "subprocess", "socket", "os", "pathlib", "shutil"},
        "what is planned depends on values alone, and is tested without a host",
    ),
    (
        lambda p: True,
        {"ray", "vllm", "torch"},
        "they are installed on the hosts, from the lock; the controller never loads them",
    ),
    (
        lambda p: p.startswith(("provision/resources/", "provision/proofs/")),
        {
            "provision.engine.run",
            "provision.engine.prover",
            "provision.engine.apply",
            "provision.transport",
            "provision.render",
            "provision.cli",
        },
        "a resource or a proof describes; it does not act",
    ),
    (
        lambda p: p.startswith("provision/checks/"),
        {"threading", "time", "datetime", "random", "subprocess", "socket", "os", "pathlib", "provision.resources"},
        "what the facts mean depends on values alone, and is tested without a host",
    ),
    (
        lambda p: p.startswith("provision/diagnosis/"),
        {
            "threading",
            "time",
            "random",
            "subprocess",
            "socket",
            "os",
            "pathlib",
            "provision.resources",
            "provision.core.errors",
        },
        "what a log means depends on its lines alone, and is tested without a host",
    ),
    (
        lambda p: p.startswith("provision/parallel/"),
        {
            "threading",
            "time",
            "datetime",
            "random",
            "subprocess",
            "socket",
            "os",
            "pathlib",
            "urllib",
            "provision.weights.lookup",
            "provision.resources",
            "provision.transport",
        },
        "a cut depends on values alone; who looks at the model is another module",
    ),
    (
        lambda p: not p.startswith("provision/testing/"),
        {"pytest", "testinfra"},
        "they are an extra: the rest works where they are not installed",
    ),
    (
        lambda p: p in {"provision/testing/results.py", "provision/testing/fold.py"},
        {"pytest", "testinfra", "threading", "time", "subprocess", "os", "tempfile", "provision.transport"},
        "what results mean depends on values alone, and is tested without a host",
    ),
    (
        lambda p: p.startswith("provision/transport/"),
        {
            "provision.engine.run",
            "provision.core.plan",
            "provision.resources",
            "provision.core.playbook",
            "provision.cluster.cluster",
        },
        "the transport carries scripts, whatever they are for",
    ),
]

ENGINE = [
    "core/script", "core/finding", "core/resource", "core/playbook", "core/plan", "core/events", "core/report",
    "core/errors", "core/secret", "core/proof", "core/inquiry", "core/outcome", "engine/schedule",
    "engine/apply", "engine/run", "engine/prover", "engine/stages", "engine/rollout", "engine/inquirer",
    "engine/playbook_loader", "engine/snapshot",
]  # fmt: skip


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> list[tuple[int, str]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found += [(node.lineno, node.module)]
            found += [(node.lineno, f"{node.module}.{alias.name}") for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_file_imports_only_what_its_room_may(path: Path) -> None:
    name = relative(path)
    for applies, forbidden, why in RULES:
        if applies(name):
            for line, module in imports(path):
                hit = [f for f in forbidden if module == f or module.startswith(f + ".")]
                assert not hit, f"{name}:{line} imports {module}: {why}"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_the_transport_reveals_a_secret(path: Path) -> None:
    if relative(path).startswith("provision/transport/") or relative(path) == "provision/core/secret.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        revealed = isinstance(node, ast.Attribute) and node.attr == "reveal"
        assert not revealed, f"{relative(path)}:{node.lineno} reveals a Secret"


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_only_the_views_print(path: Path) -> None:
    if relative(path).startswith(("provision/render/", "provision/cli/")):
        return
    for node in ast.walk(ast.parse(path.read_text())):
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
        assert not called, f"{relative(path)}:{node.lineno} prints"


@pytest.mark.parametrize("name", ENGINE)
def test_the_engine_does_not_know_what_a_gpu_is(name: str) -> None:
    text = (ROOT / "provision" / f"{name}.py").read_text()
    words = re.findall(r"\b(?:nvidia\w*|vllm|ray)\b", text, re.IGNORECASE)
    assert not words, f"provision/{name}.py speaks of {set(words)}"


def test_the_transport_does_not_know_what_a_gpu_is() -> None:
    for path in (ROOT / "provision" / "transport").glob("*.py"):
        assert not re.search(r"\b(?:nvidia\w*|vllm|ray)\b", path.read_text(), re.IGNORECASE), relative(path)


def test_every_room_is_installed() -> None:
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg")
    rooms = {
        path.parent.relative_to(ROOT).as_posix().replace("/", ".") for path in ROOT.glob("provision/**/__init__.py")
    }
    listed = set(settings["options"]["packages"].split())
    assert rooms | {"provision.playbooks", "provision.inventories"} == listed


@pytest.mark.parametrize("path", FILES, ids=relative)
def test_a_file_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 320, f"{relative(path)} holds more than one idea"
