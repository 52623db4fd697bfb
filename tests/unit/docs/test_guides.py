"""docs/guides.md: each row names a test that is there, or says `not yet`."""

import ast
import re
from pathlib import Path

import pytest
from cluster_samples import cluster, facts

import provision
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Expect
from provision.resources.ray_members import RayMembers
from provision.stack.backends import DEFAULT

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "guides.md").read_text(encoding="utf-8")

NOT_YET = "not yet"


def rows() -> list[tuple[str, list[str]]]:
    """(section, cells) of every row."""
    found, section = [], ""
    for line in TEXT.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| ") and not line.startswith("| guide |"):
            found.append((section, [cell.strip() for cell in line.strip("|").split("|")]))
    return found


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_there_are_five_guides_with_rows_and_a_layout() -> None:
    assert len({section for section, _ in rows()}) == 6
    assert len(rows()) > 60


@pytest.mark.parametrize(("section", "cells"), rows(), ids=lambda value: str(value)[:60])
def test_a_row_names_a_test_that_is_there_or_says_not_yet(section: str, cells: list[str]) -> None:
    step, done, shown = cells
    assert step and done
    if shown == NOT_YET:
        return
    named = re.fullmatch(r"`(tests/[\w/]+\.py)(?:::(test_\w+))?`", shown)
    assert named, f"{section}: {step}: names no test"
    path = ROOT / named[1]
    assert path.is_file(), shown
    assert named[2] is None or named[2] in functions(path), shown


def test_the_head_without_gpus_of_the_document_has_no_blocker_and_no_gpu_is_waited_for_there(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    path = tmp_path / "inventory.yaml"
    path.write_text(block)
    inventory = provision.load(path)
    assert [host.expect.gpus for host in inventory.hosts] == [0, 8, 8, 8]

    assert inventory.serve is not None
    serve = inventory.serve.model_copy(update={"tensor_parallel": 2, "pipeline_parallel": 1})
    made = cluster(serve=serve, head=facts("10.0.0.1", gpus=0, gpu_fault="missing", driver=None))
    head = made.nodes[0].host.model_copy(update={"expect": Expect(gpus=0)})
    hosts = (head, made.nodes[1].host)
    nodes = (type(made.nodes[0])(head, made.nodes[0].facts), made.nodes[1])
    made = type(made)(made.inventory.model_copy(update={"hosts": hosts}), nodes, made.lock, made.secrets)
    book = PlaybookFile(built_in(DEFAULT), like=built_in(DEFAULT)).load()(made)
    assert [finding.message for finding in book.blockers] == []
    assert not [f for f in book.findings if f.host == "gpu-01" and "GPU" in f.fact]
    (members,) = [step.resource for step in book.steps if isinstance(step.resource, RayMembers)]
    assert members.want() == {"nodes": "gpu-01 10.0.0.1 with 0 GPUs, gpu-02 10.0.0.2 with 2 GPUs"}
