"""What several hosts share is said once in a run, whatever it stands for: read as a person reads it, both streams."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

#: Nothing listens there. The playbook asks for nothing of the environment, so that no lock is to be made.
HOSTS = "".join(
    f"  gpu-0{n}: {{address: 127.0.0.{n}, role: {'head' if n == 1 else 'worker'}, node_ip: 127.0.0.{n}}}\n"
    for n in range(1, 5)
)
INVENTORY = f"cluster: llama\nssh: {{user: root, port: 1}}\nplaybook: mine.py\nhosts:\n{HOSTS}"
PLAYBOOK = """
from provision import Playbook
from provision.resources.text_file import TextFile

def playbook(cluster):
    book = Playbook()
    for node in cluster.nodes:
        book.add(TextFile("/tmp/nowhere/file", "text"), on=node.name)
    return book
"""


@pytest.mark.parametrize("command", ["up", "plan", "check", "down", "status"])
def test_hosts_that_are_unreachable_are_told_once_and_together(
    call: Callable[..., Result], folder: Path, command: str
) -> None:
    (folder / "inventory.yaml").write_text(INVENTORY)
    (folder / "mine.py").write_text(PLAYBOOK)
    result = call(command)
    assert result.exit_code == 4, result.output
    said = result.stdout + result.stderr
    assert said.count("nothing listens on port 1") == 1, said
    assert "4 hosts (gpu-01 … gpu-04): nothing listens on port 1 of `<address>`" in said
    if command == "status":  # its table has the addresses
        return
    assert "gpu-01 is 127.0.0.1, gpu-02 is 127.0.0.2, gpu-03 is 127.0.0.3, gpu-04 is 127.0.0.4" in said
    assert said.count("on any host") == (command == "up")
    assert "nothing was changed on any host (4 hosts" in said or command != "up"
    assert "the others" not in said and "all other hosts" not in said  # there are none
    (report,) = (line for line in map(json.loads, call(command, "--json").stdout.splitlines()) if "report" in line)
    blockers = (report["report"]["plan"] or {}).get("blockers", [])
    assert {one["hint"] for one in blockers} == ({"fix that first"} if command == "up" else set())
