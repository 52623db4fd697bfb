"""The benchmarks' other tools: whether an answer of theirs is the right one, and what is said of one that is not."""

import os
from pathlib import Path
from typing import cast

import pytest

from benchmarks import ansible, pyinfra
from benchmarks.measuring import Failed
from benchmarks.peers import Peer
from benchmarks.rack import Rack

RECAP = """
TASK [ansible.builtin.sysvinit] ************************************************
ok: [bench-001]
changed: [bench-002]

PLAY RECAP *********************************************************************
bench-001                  : ok=5    changed=0    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0   
bench-002                  : ok=5    changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0   
bench-003                  : ok=2    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0   
bench-004                  : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0   
bench-005                  : ok=0    changed=0    unreachable=0    failed=0    skipped=5    rescued=0    ignored=0   
"""

TABLE = """
--> Preparing operation files...
    Loading: deploy.py
    [bench-001] Ready: deploy.py
    [bench-002] Ready: deploy.py

--> Detected changes:
    Operation                                             Change          Conditional Change   
    apt.packages (packages=['grep', 'tar'])               -               -                    
    sysvinit.service (service=ray, running=True)          @               -                    

    Detected changes may not include every change pyinfra will execute.
"""


@pytest.mark.parametrize(("host", "right"), [(1, True), (2, False), (3, False), (4, False), (5, False), (6, False)])
def test_ansible_has_found_nothing_to_change_where_its_recap_says_so(host: int, right: bool) -> None:
    assert ansible.unchanged(RECAP, f"bench-00{host}") is right


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (TABLE.replace("@", "-"), True),
        (TABLE.replace("@", "1 (bench-002)"), False),
        (TABLE.replace("@", "-").replace("[bench-002] Ready", "[bench-002] Error"), False),
        ("--> pyinfra error in deploy.py line 18: No hosts remaining!\n", False),
    ],
)
def test_pyinfra_has_found_nothing_to_change_where_its_table_says_so(said: str, right: bool) -> None:
    assert pyinfra.unchanged(said, "bench-002") is right


class Hosts:
    count = 2

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for number in range(self.count):
            (self.own(number) / "ray").mkdir(parents=True)
            (self.own(number) / "ray/stamp").write_text("start=5\npid=1\n")

    def own(self, number: int) -> Path:
        return self.folder / self.name(number)

    def name(self, number: int) -> str:
        return f"bench-00{number + 1}"


LOOKS = """
for host in ${1:-bench-001 bench-002}; do
    grep -q ^pid=1$ $host/ray/stamp && echo "$host fine" || echo "$host off"
done
"""


def asked(folder: Path, script: str) -> float:
    rack = cast(Rack, Hosts(folder))
    argv = ["sh", "-c", script, "sh"]
    peer = Peer("other", argv, folder, os.environ, lambda host: [host], lambda said, host: f"{host} fine" in said)
    way = peer.way(rack)
    assert (rack.own(1) / "ray/stamp").read_text() == "start=5\npid=1\n"
    return way.once()


def test_a_peer_that_sees_what_is_wrong_and_what_is_right_is_measured(tmp_path: Path) -> None:
    assert asked(tmp_path, LOOKS) >= 0


def test_one_that_does_not_see_a_fault_is_not(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="did not notice that Ray does not run on bench-002"):
        asked(tmp_path, "echo bench-001 fine; echo bench-002 fine")


def test_nor_one_that_sees_none_but_faults(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="found something to change on bench-001 bench-002"):
        asked(tmp_path, "echo bench-001 off; echo bench-002 off")


def test_nor_one_that_has_not_asked_the_host(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="says nothing of bench-002"):
        asked(tmp_path, "echo usage: other; exit 2")
