"""Folders that somebody else could change, on a host with and without `sudo`: refused before anything in them is looked
at, and `down` of a cluster that is there already works."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

import provision
from provision.core.finding import Severity
from provision.core.report import Report
from provision.inventory.models import Inventory
from provision.lab.control import HostControl
from provision.lab.lab import Lab

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

#: A secret, and a process of the user who logged in that stays.
MINE = """
import os
from dataclasses import dataclass

from provision import Place, Playbook, Script, Secret, SecretFile, Service, Stack


@dataclass(frozen=True)
class Sleeper(Service):
    name = "sleeper"

    def command(self):
        return ("/bin/sh", "-c", "while :; do sleep 0.2; done", "sleeper-7c1d")

    def environment(self):
        return {"PATH": os.defpath}

    def aspects(self):
        return {"--words": "one"}

    def ready(self):
        return Script("alive")


def playbook(cluster):
    book = Playbook()
    for node in cluster.nodes:
        stack = Stack(cluster)
        book.add(SecretFile(f"{stack.folder(node)}/token", Secret("canary-9e27")), on=node.name)
        book.add(Sleeper(stack._place(node, "sleeper")), on=node.name)
    return book
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab(name=f"test-folders-{os.getpid()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISION_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        lab.up(1, 0, settings={"sudo": True})
        yield lab
        lab.down()


@pytest.fixture
def control(lab: Lab) -> HostControl:
    return lab.host("lab-1")


def said(control: HostControl, command: str) -> str:
    """What a shell of root's prints on the host."""
    return control.exec(("sh", "-c", command)).stdout.strip()


@pytest.fixture(params=[True, False], ids=["sudo", "user"])
def asked(request: pytest.FixtureRequest, lab: Lab, tmp_path: Path) -> tuple[Inventory, Path]:
    """The lab's inventory, with a `root` of this test's own, and a playbook."""
    loaded = provision.load(lab.inventory)
    root = "/opt/mine" if request.param else "/home/ops/mine"
    hosts = tuple(host.model_copy(update={"sudo": request.param, "root": root}) for host in loaded.hosts)
    playbook = tmp_path / "mine.py"
    playbook.write_text(MINE)
    return loaded.model_copy(update={"hosts": hosts}), playbook


def refusals(report: Report) -> list[str]:
    return [f.message for f in report.findings if f.severity is Severity.BLOCKS and f.fact == "root"]


@pytest.mark.parametrize(
    ("open_it", "close_it", "reason"),
    [
        ("chmod 777 {root}", "chmod 755 {root}", "{root} (mode 777, owner {owner}) can be written to by every user"),
        ("chown nobody {root}", "chown {owner} {root}", "{root} (mode 755, owner nobody) belongs to nobody"),
        (
            "mkdir /srv/o; chmod 777 /srv/o; mv {root} /srv/o; ln -s /srv/o/mine {root}",
            "rm {root}; mv /srv/o/mine {root}; rmdir /srv/o",
            "/srv/o (mode 777, owner root) can be written to by every user",
        ),
    ],
    ids=["others", "owner", "parent of a link"],
)
def test_a_root_that_others_could_change_is_refused_and_its_cluster_comes_down(
    asked: tuple[Inventory, Path], control: HostControl, open_it: str, close_it: str, reason: str
) -> None:
    inventory, playbook = asked
    (host,) = inventory.hosts
    words = {"root": host.root, "owner": "root" if host.sudo else "ops"}
    try:
        assert provision.up(inventory, playbook=playbook).exit_code == 0
        said(control, f"chmod 755 {host.root}")
        before = said(control, "pgrep -f [s]leeper-7c1d")
        assert before
        said(control, open_it.format(**words))
        changed = said(control, f"find {host.root}/ -printf '%p %T@ %C@ %m %u\\n'")
        for report in (
            provision.check(inventory, playbook=playbook),
            provision.plan(inventory, playbook=playbook),
            provision.up(inventory, playbook=playbook),
        ):
            (message,) = refusals(report)
            assert reason.format(**words) in message
            assert report.exit_code == {"up": 1}.get(report.command, 3)
        assert said(control, f"find {host.root}/ -printf '%p %T@ %C@ %m %u\\n'") == changed, "something was written"
        assert said(control, "pgrep -f [s]leeper-7c1d") == before
        report = provision.down(inventory, playbook=playbook)
        assert (report.exit_code, sum(len(h.changes) for h in report.hosts)) == (0, 1), report.errors
        assert (
            said(
                control,
                "pgrep -f [s]leeper-7c1d; ls -d /run/systemd/system/provision-* /etc/systemd/system/provision-*",
            )
            == ""
        )
        again = provision.down(inventory, playbook=playbook)
        assert (again.exit_code, sum(len(h.changes) for h in again.hosts)) == (0, 0)
    finally:
        said(control, close_it.format(**words))
        said(control, f"pkill -f [s]leeper-7c1d; rm -rf {host.root}")
