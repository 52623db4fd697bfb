"""What the documents tell people to type, typed."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from recipes import copy, follow, recipes, run

from provision.lab.lab import Lab

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


def block(document: str, language: str, having: str = "") -> str:
    """The first one that has `having` in it."""
    found = re.findall(rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(), re.MULTILINE | re.DOTALL)
    fits = [text for text in found if having in text]
    assert fits, f"{document} has no {language} with `{having}`"
    return fits[0]


def typed(commands: str, where: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "PROVISION_STATE_DIR": str(where / "state")}
    return subprocess.run(
        ["sh", "-ec", commands], cwd=where, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_the_labs_document(tmp_path: Path) -> None:
    done = typed(block("docs/lab.md", "sh"), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "lab-3" in done.stdout
    assert not Lab().directory.exists()


@pytest.mark.needs("lab")
def test_the_lab_of_the_networks_document(tmp_path: Path) -> None:
    done = typed(block("docs/network.md", "sh", "provision lab"), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " fabric " in done.stdout and "10.78." in done.stdout


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(name=f"docs-{os.getpid()}")
    made.up(2, 0)
    (tmp_path / "inventory.yaml").symlink_to(made.inventory)
    yield made
    made.down()


def test_a_fact_of_ones_own_is_seen_on_a_host(lab: Lab, tmp_path: Path) -> None:
    project = copy(tmp_path / "project")
    follow(recipes()["A fact, and a check of it"], project, commands=False)
    shown = block("CONTRIBUTING.md", "console", "--all")
    (command,) = [line.removeprefix("$ ") for line in shown.splitlines() if line.startswith("$ ") and "--all" in line]
    printed = run(project, command.replace("/var/lib/provision-lab/mine/inventory.yaml", str(lab.inventory)))
    rows = [line.split()[0] for line in shown.splitlines() if re.match(r"  \w", line)]
    assert rows == ["OS", "kernel", "uptime", "swappiness"]
    assert [row for row in (line.split()[0] for line in printed.splitlines() if line.strip()) if row in rows] == rows


@pytest.mark.needs("lab")  # hosts of loopback addresses share their /tmp, and the playbook writes there
def test_the_playbook_of_the_playbooks_document_does_what_it_says(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(block("docs/playbooks.md", "python"))
    first = typed("provision up inventory.yaml --playbook mine.py", tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "up: 2 changes made" in first.stdout
    for name in ("lab-1", "lab-2"):
        host = lab.host(name)
        assert host.exec(["cat", "/tmp/provision-example"]).stdout == f"{name} is {host.address}\n"
    assert "nothing to change" in typed("provision up inventory.yaml --playbook mine.py", tmp_path).stdout
    assert typed("provision down inventory.yaml --playbook mine.py", tmp_path).returncode == 0
    assert lab.host("lab-1").exec(["ls", "/tmp/provision-example"]).returncode != 0


@pytest.mark.long
@pytest.mark.needs("lab")  # hosts of loopback addresses share the port
def test_the_service_of_the_playbooks_document_does_what_it_says(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "page.py").write_text(block("docs/playbooks.md", "python", "Service"))
    first = typed("provision up inventory.yaml --playbook page.py", tmp_path)
    assert first.returncode == 0, first.stdout + first.stderr
    assert "up: 4 changes made" in first.stdout
    ask = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:8321/').read().decode(), end='')"
    for name in ("lab-1", "lab-2"):
        assert lab.host(name).exec(["/usr/bin/python3", "-c", ask]).stdout == f"This is {name}.\n"
    assert "nothing to change" in typed("provision up inventory.yaml --playbook page.py", tmp_path).stdout
    found = "find / -xdev -path '*/clusters/*/lab-1/page/log' -exec cat {} +"
    logs = lab.host("lab-1").exec(["sh", "-c", found])
    assert "GET / HTTP" in logs.stdout, logs.stderr
    assert typed("provision down inventory.yaml --playbook page.py", tmp_path).returncode == 0
    assert lab.host("lab-1").exec(["/usr/bin/python3", "-c", ask]).returncode != 0


def test_the_firewall_of_the_networks_document(lab: Lab, tmp_path: Path) -> None:
    done = typed(block("docs/network.md", "sh", "provision firewall"), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "table inet provision" in done.stdout and "ufw allow" in done.stdout
