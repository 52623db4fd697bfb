"""What the lock leaves open is held against the other hosts: Python's patch version, and packages without a lock."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Against, Finding, Known, Severity
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.environment.lockfile import Lock
from provision.facts.model import Facts, PythonFound
from provision.inventory.models import Host, Inventory, Python
from provision.stack.environments import Environments
from provision.stack.programs import Built
from provision.stack.ray import Stack
from provision.stack.token import RAY_TOKEN

LOCK = Lock(Path("llama.lock"), "", "3.11", "x86_64-manylinux_2_34", {"ray": "2.56.1"}, {"ray": ()}, "3f9c" * 16)
UNLOCKED = replace(LOCK, packages={}, hashes={}, digest="unlocked", stale="absent")


def cluster(*hosts: str, lock: Lock = LOCK, wheels: str = "controller", **patches: str) -> Cluster:
    """The first host is the head. `patches`: of the interpreters that hosts have, by host; several with blanks."""
    made = [Host(name=name, address=f"10.0.0.{n}", role="worker" if n else "head") for n, name in enumerate(hosts)]
    python = Python(version=lock.python, packages=("ray",), wheels=wheels)  # type: ignore[arg-type]
    inventory = Inventory(path=Path("inventory.yaml"), cluster="llama", hosts=tuple(made), python=python)

    def facts(host: Host) -> Facts:
        found = (PythonFound(f"/opt/{patch}/bin/python3.11", "3.11", patch) for patch in patches[host.name].split())
        return Facts(
            os_id="debian", os_version="12", pythons=(PythonFound("/usr/bin/python3.10", "3.10", "3.10.1"), *found)
        )

    nodes = tuple(Node(host, facts(host) if host.name in patches else None) for host in made)
    return Cluster(inventory, nodes, lock, {RAY_TOKEN: Secret("token-value")})


def built(python: str, **packages: str) -> tuple[Known, ...]:
    return tuple(
        Known("packages", fact, value) for fact, value in {"environment": "3f9c", "python": python, **packages}.items()
    )


def found(of: Cluster, **known: tuple[Known, ...]) -> list[Finding]:
    return list(Environments(of)(known))


def told(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    return [(f.host, f.fact, f.found, f.expected) for f in findings]


def test_hosts_with_the_same_python_have_nothing_to_tell() -> None:
    assert found(cluster("a", "b", a="3.11.2", b="3.11.9"), a=built("3.11.7"), b=built("3.11.7")) == []


def test_a_python_of_another_patch_version_than_most_is_named() -> None:
    (one,) = found(cluster("a", "b", "c"), a=built("3.11.7"), b=built("3.11.9"), c=built("3.11.9"))
    assert told([one]) == [("a", "python", "3.11.7", "3.11.9")]
    assert one.severity is Severity.DRIFT and one.against is Against.PEERS and one.area == "packages"
    assert "ray#44063" in one.why and 'python.version: "3.11.9"' in one.hint


def test_the_head_is_right_where_there_is_no_majority() -> None:
    assert told(found(cluster("a", "b"), a=built("3.11.7"), b=built("3.11.9"))) == [("b", "python", "3.11.9", "3.11.7")]


def test_a_python_that_is_not_even_the_wanted_one_is_not_told_twice() -> None:
    assert found(cluster("a", "b"), a=built("3.11.7"), b=built("3.12.1")) == []


def test_interpreters_that_ray_would_refuse_stop_up_before_anything_is_built() -> None:
    (one,) = found(cluster("a", "b", "c", a="3.11.7", b="3.11.7", c="3.11.9"))
    assert told([one]) == [("c", "python", "3.11.9", "3.11.7")]
    assert one.severity is Severity.BLOCKS


def test_a_host_that_joins_later_needs_the_python_that_the_others_were_built_with() -> None:
    both = cluster("a", "b", a="3.11.9", b="3.11.9")
    (one,) = found(both, a=built("3.11.7"))
    assert told([one]) == [("b", "python", "3.11.9", "3.11.7")] and one.severity is Severity.BLOCKS


@pytest.mark.parametrize(
    "of",
    [
        cluster("a", "b", a="3.11.7", b="3.11.9", wheels="index"),
        cluster("a", "b", a="3.11.7", b=""),
        cluster("a", "b", a="3.11.7", b="3.11.9 3.11.7"),
        cluster("a", "b", a="3.11.7"),
    ],
    ids=["it can fetch one", "not told", "either may be taken", "not contacted"],
)
def test_an_interpreter_that_may_not_be_the_one_is_not_judged(of: Cluster) -> None:
    assert found(of) == []


def test_packages_are_compared_where_no_lock_says_what_they_should_be() -> None:
    hosts: Mapping[str, tuple[Known, ...]] = {
        "a": built("3.11.7", torch="2.9.0", ray="2.56.1"),
        "b": built("3.11.7", torch="2.9.1", ray="2.56.1", extra="1.0"),
        "c": built("3.11.7", torch="2.9.0", ray="2.56.1"),
        "d": (),
    }
    names = ("a", "b", "c", "d")
    findings = found(cluster(*names, lock=UNLOCKED), **hosts)
    assert told(findings) == [("b", "extra", "1.0", "absent"), ("b", "torch", "2.9.1", "2.9.0")]
    assert {f.severity for f in findings} == {Severity.DRIFT}
    assert found(cluster(*names), **hosts) == [], "with a lock each host is held against that"


@pytest.mark.parametrize(
    ("lock", "message"),
    [
        (UNLOCKED, "there is no lock `llama.lock`"),
        (
            replace(LOCK, stale="made from other settings (python.packages)"),
            "the lock `llama.lock` was made from other settings (python.packages)",
        ),
    ],
)
def test_a_lock_that_does_not_fit_is_one_finding_of_the_whole_cluster(lock: Lock, message: str) -> None:
    (one,) = locks(lock)
    assert (one.host, one.area, one.severity, one.message) == ("", "packages", Severity.DRIFT, message)
    assert one.found == lock.stale and "provision lock" in one.hint


def test_a_lock_that_fits_is_no_finding() -> None:
    assert locks(LOCK) == []


def locks(lock: Lock) -> list[Finding]:
    book = Playbook()
    Stack(cluster("a", "b", lock=lock)).find_blockers(book)
    return [finding for finding in book.findings if finding.fact == "lock"]


@pytest.mark.parametrize(
    ("version", "others", "brought", "instead"),
    [
        # The head's patch version, since Ray refuses another.
        (
            "3.11",
            "",
            "3.11.7",
            'on b: `sudo apt-get install python3.11 python3.11-dev`, or set `python.version: "3.10"`',
        ),
        # A patch version that is pinned has to be there, too.
        ("3.11.7", "3.11.2", "3.11.7", 'install Python 3.11.7 on b, or set `python.version: "3.11"`'),
        ("3.12", "", "3.12", 'install Python 3.12 on b, or set `python.version: "3.10"`'),
    ],
)
def test_a_host_without_the_python_is_sent_it(version: str, others: str, brought: str, instead: str) -> None:
    made, book = cluster("a", "b", lock=replace(LOCK, python=version), a="3.11.7", b=others), Playbook()
    Stack(made).find_blockers(book)
    assert not book.findings
    venv = Built(made).on(made.nodes[1], "", "")
    assert (venv.bring, venv.instead) == (brought, f"{instead}, which every host has")
    first = Built(made).on(made.nodes[0], "", "")
    assert first.bring == ("" if version.startswith("3.11") else "3.12")
    fetching = replace(made, inventory=with_wheels(made, "index"))
    assert Built(fetching).on(made.nodes[1], "", "").bring == "", "a host may fetch one"


def test_a_host_of_which_nothing_is_known_is_sent_no_python() -> None:
    made = cluster("a", "b", a="3.11.7")
    assert Built(made).on(made.nodes[1], "", "").bring == ""


def with_wheels(of: Cluster, wheels: str) -> Inventory:
    python = of.inventory.python.model_copy(update={"wheels": wheels})
    return of.inventory.model_copy(update={"python": python})
