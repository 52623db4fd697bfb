"""Every file of provision/checks/host, by its own examples: a new one needs no test of its own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judge_samples import cluster, told

from provision.checks.facts_table import ROWS
from provision.checks.host.check import HostCheck, host_checks, questions
from provision.checks.judge import judge
from provision.core.finding import AREAS, Finding
from provision.core.playbook import Playbook
from provision.core.script import Script, assignments
from provision.facts.questions import in_one, out_of_one

CHECKS = [pytest.param(check, id=check.fact) for check in host_checks()]
GOOD = [pytest.param(check, text, id=f"{check.fact} {text!r}") for check in host_checks() for text in check.good]
BAD = [pytest.param(check, text, id=f"{check.fact} {text!r}") for check in host_checks() for text in check.bad]


def judged(check: HostCheck, printed: str) -> tuple[list[Finding], str]:
    """Of four sound hosts, the second of which prints this: all findings, and its cell."""
    book = Playbook()
    judge(cluster(4, {2: {"printed": {check.fact: printed}}}), book)
    return book.findings, next((known.value for known in book.known["gpu-02"] if known.fact == check.fact), "")


@pytest.mark.parametrize(("check", "printed"), GOOD)
def test_what_is_as_it_should_be_is_no_finding(check: HostCheck, printed: str) -> None:
    found, cell = judged(check, printed)
    assert found == []
    assert bool(cell) == bool(printed.strip())


@pytest.mark.parametrize(("check", "printed"), BAD)
def test_what_is_not_is_one_finding_on_its_host(check: HostCheck, printed: str) -> None:
    found, cell = judged(check, printed)
    assert told(found) == [("gpu-02", check.fact, check.severity.value)]
    assert found[0].found == cell != ""
    assert found[0].why and found[0].hint and "{" not in found[0].hint + found[0].message


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_is_described(check: HostCheck) -> None:
    assert check.area in AREAS
    assert [row.fact for row in ROWS].count(check.fact) == 1, "another row of the table has this name"
    assert check.good, "give an example of what a sound host prints"
    assert bool(check.bad) == (check.sound is not None), "examples of what is wrong, where something is judged"
    assert not check.sound or (check.why and "`" in check.hint), "say why it matters, and what to type"
    assert not re.search(r"^[A-Z][a-z]|\.$", check.why), "lower case, no full stop"
    assert len(check.ask.splitlines()) <= 10, "a longer question is a script of its own: provision/payload"
    assert not re.search(r"\bexit\b", check.ask), "it would end those of the other checks, too"


@pytest.mark.parametrize("check", CHECKS)
def test_this_machine_answers_and_nothing_is_written(check: HostCheck, tmp_path: Path) -> None:
    script = questions()[check.fact]
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    text = assignments(script.vars, str) + script.body
    assert subprocess.run(["sh", "-n", "-c", text], check=False).returncode == 0, "sh cannot read it"
    done = subprocess.run(["sh", "-c", text], env=env, cwd=tmp_path, stdout=subprocess.PIPE, text=True, check=False)
    assert list(tmp_path.iterdir()) == []
    judged(check, done.stdout if done.returncode == 0 else "")


def test_together_they_print_what_each_prints_alone() -> None:
    def printed(script: Script) -> tuple[int, str]:
        done = subprocess.run(["sh", "-c", script.body], stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode, done.stdout

    alone = {fact: printed(script) for fact, script in questions().items()}
    together = out_of_one(questions(), printed(in_one(questions()))[1])
    assert together == {fact: said for fact, (code, said) in alone.items() if said and not code}


@pytest.mark.parametrize("check", CHECKS)
@given(printed=st.text() | st.from_regex(r"\A\d+\n\Z"))
def test_whatever_a_host_prints_makes_no_check_fail(check: HostCheck, printed: str) -> None:
    (node,) = cluster(1, {1: {"printed": {check.fact: printed}}}).nodes
    assert node.facts is not None
    list(check.judge(node, node.facts))


def test_what_follows_from_a_reported_cause_is_not_said_beside_it() -> None:
    book = Playbook()
    judge(cluster(4, {2: {"printed": {"reboot": "required"}, "driver_library": "590.99.01"}}), book)
    assert told(book.findings) == [("gpu-02", "driver library", "warning")]


@pytest.mark.parametrize("sh", [name for name in ("dash", "bash") if shutil.which(name)])
def test_the_range_of_ports_is_told_whole_in_every_shell(sh: str) -> None:
    """The firewall goes by it. The kernel tells whoever reads a number byte by byte its first byte alone."""
    script = questions()["ephemeral ports"]
    done = subprocess.run([sh, "-c", script.body], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout.strip().split("-") == Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
