"""Each recipe of CONTRIBUTING.md, followed to the letter on a copy of the project: what it runs passes, and what
it adds is there and works."""

import re
from pathlib import Path

import pytest
from recipes import Project, follow, recipes, run

RECIPES = recipes()


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("recipes"))


@pytest.fixture
def project(copied: Project) -> Path:
    return copied.as_it_was()


def python(project: Path, text: str) -> str:
    (project / "shown.py").write_text(text)
    return run(project, ".venv/bin/python shown.py")


def test_these_are_the_recipes() -> None:
    assert [*RECIPES] == [
        "A fact, and a check of it",
        "A resource",
        "A proof",
        "A runtime for services",
        "A diagnosis signature",
        "A command",
    ]


CHECKED = """
import sys
sys.path += ["tests/unit/checks", "tests/unit/checks/gpu"]
from judge_samples import cluster
from provision import Playbook, judge
book = Playbook()
judge(cluster(3, {2: {"printed": {"swappiness": "100\\n"}}, 3: {"printed": {"swappiness": "1\\n"}}}), book)
print([(f.host, f.severity.value, f.message, f.hint) for f in book.findings])
print([(k.fact, k.value) for k in book.known["gpu-03"] if k.fact == "swappiness"])
"""


def test_a_fact_is_shown_and_judged(project: Path) -> None:
    follow(RECIPES["A fact, and a check of it"], project)
    found, known = python(project, CHECKED).splitlines()
    hint = "run `sudo sysctl -w vm.swappiness=60` on gpu-02, and make it last in /etc/sysctl.d"
    assert found == str([("gpu-02", "warning", "swappiness is `100`, should be `<= 60`", hint)])
    assert known == str([("swappiness", "1")])
    assert "| swappiness | system | <= 60 | warning |" in (project / "docs" / "check.md").read_text()
    assert "swap eagerly" in (project / "CHANGELOG.md").read_text().partition("- The distribution")[0]


def test_the_example_of_read_picks_the_value_out() -> None:
    (line,) = re.findall(r"^  read = (lambda .*)$", RECIPES["A fact, and a check of it"].text, re.MULTILINE)
    read = eval(line)
    assert read("always [madvise] never\n") == "madvise"
    assert read("") == ""


LIVED = """
import subprocess
from provision import Folder, Fragment, Script
from provision.core.script import assignments

def on_host(script: Script) -> Fragment:
    script = script.alone()
    text = assignments(script.vars, str) + script.body
    done = subprocess.run(["sh", "-c", text], stdout=subprocess.PIPE, text=True)
    return Fragment(done.returncode, done.stdout, "")

folder = Folder("made/below", mode="750")
def seen():
    return folder.read(on_host(folder.probe()))
def differences():
    return [str(d) for d in folder.diff(seen(), folder.want())]

print(seen(), on_host(folder.fix(None, folder.want())).ok, seen(), differences())
subprocess.run(["chmod", "700", "made/below"])
print(differences(), on_host(folder.fix(seen(), None)).ok, seen())
"""


def test_a_resource_is_made_spoiled_named_and_removed(project: Path) -> None:
    follow(RECIPES["A resource"], project)
    made, removed = python(project, LIVED).splitlines()
    assert made == "None True {'mode': '750'} []"
    assert removed == "['mode 700 → 750'] True None"
    assert "### Folder" in (project / "docs" / "resources.md").read_text()


PROVED = """
import subprocess, sys
from pathlib import Path
sys.path += ["tests/unit/checks", "tests/unit/checks/gpu"]
from judge_samples import cluster
from provision import ConnectionLost, Fragment
from provision.core.script import assignments
from provision.engine.playbook_loader import PlaybookFile
(placed,) = PlaybookFile(Path("mine.py"), Path("mine.py")).load()(cluster(3)).proofs
proof = placed.proof

def answer(script):
    script = script.alone()
    text = assignments(script.vars, str) + script.body
    done = subprocess.run(["sh", "-c", text], stdout=subprocess.PIPE, text=True)
    return Fragment(done.returncode, done.stdout, "")

answers = {host: answer(script) for host, script in proof.scripts().items()}
print(proof.read(answers, {}).notes)
del answers["gpu-03"]
answers["gpu-02"] = Fragment(0, "192.0.2.9\\n", "")
print([(f.host, f.message) for f in proof.read(answers, {"gpu-03": ConnectionLost("gpu-03", "gone")}).findings])
"""


def test_a_proof_is_gone_through_and_names_who_differs(project: Path) -> None:
    follow(RECIPES["A proof"], project)
    notes, findings = python(project, PROVED).splitlines()
    assert notes == "(('', 'localhost is 127.0.0.1 on all hosts'),)"
    assert "gpu-02" in findings and "`192.0.2.9`" in findings and "gpu-03" in findings


CARRIED = """
import os, subprocess
from pathlib import Path
from provision import Facts, Fragment, Place, Script
from provision.core.script import assignments
from provision.resources.runtime import runtime_of
from tests.unit.resources.services import Sleeper

def on_host(script):
    script = script.alone()
    text = assignments(script.vars, str) + script.body
    done = subprocess.run(["sh", "-c", text], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    return Fragment(done.returncode, done.stdout, "")

sleeper = Sleeper(Place(f"{Path.cwd()}/made/sleeper", f"recipe{os.getpid()}/host/sleeper", runtime="daemon"))
def seen():
    return sleeper.read(on_host(sleeper.probe()))

print(runtime_of(Facts(uid=0)), runtime_of(Facts(uid=0, systemd=True)), runtime_of(Facts(uid=1000)))
print(on_host(sleeper.fix(None, sleeper.want())).ok, sleeper.diff(seen(), sleeper.want()), seen()["runtime"])
pid = seen()["pid"]
print(Path("made/sleeper/pid").read_text().strip() == pid)
print(on_host(sleeper.fix(seen(), None)).ok, seen())
stat = Path(f"/proc/{pid}/stat")
print(not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] == "Z")
"""


def test_a_runtime_carries_a_service(project: Path) -> None:
    if not Path("/sbin/start-stop-daemon").exists():
        pytest.skip("start-stop-daemon is Debian's")
    follow(RECIPES["A runtime for services"], project)
    chosen, *lived = python(project, CARRIED).splitlines()
    assert chosen == "daemon kept session"
    assert lived == ["True () daemon", "True", "True None", "True"]


DIAGNOSED = """
from provision.diagnosis import diagnose, read_lines
found = diagnose(read_lines("2026-11-21 08:35:01 clock jumped forward by 3 s", "gpu-02"))
print(found.cause)
"""


def test_a_signature_explains_its_line(project: Path) -> None:
    follow(RECIPES["A diagnosis signature"], project)
    assert python(project, DIAGNOSED) == "the clock of gpu-02 jumped forward while the service started\n"
    assert "`time-jumped`" in (project / "docs" / "diagnosis.md").read_text()


def test_a_command_is_on_the_page_and_runs(project: Path) -> None:
    follow(RECIPES["A command"], project)
    (project / "inventory.yaml").write_text("cluster: a\nhosts: {gpu-01: {address: 192.0.2.1, role: head}}\n")
    call = "import sys\nfrom provision.cli import main\nsys.argv[1:] = ['{}']\nmain()\n"
    assert python(project, call.format("hosts")) == "gpu-01  head  192.0.2.1\n"
    assert re.search(
        r"^  hosts +list the hosts of the inventory$", python(project, call.format("--help")), re.MULTILINE
    )


def test_what_all_of_them_add_keeps_the_rules_of_the_house(project: Path) -> None:
    for recipe in RECIPES.values():
        follow(recipe, project, commands=False)
    left_out = ("reported", "may_not_look", "skipped", "at_the_top")  # of the whole project, which this is not
    run(project, f".venv/bin/pytest -q -n0 tests/unit/house -k 'not {' and not '.join(left_out)}'")
