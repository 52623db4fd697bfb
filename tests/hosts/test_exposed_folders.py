"""Folders that somebody else could change, on a host with and without `sudo`: refused before anything in them is looked
at, and `down` of a cluster that is there already works. What a whole run leaves on either side, whatever the umask."""

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from package_index import Index
from small_packages import publish

import provision
from provision.core.errors import ScriptFailed
from provision.core.finding import UNTOUCHED, Severity
from provision.core.report import Report
from provision.core.script import Script
from provision.inventory.models import Inventory, Serve
from provision.lab.control import HostControl
from provision.lab.lab import Lab
from provision.transport import Transport

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
        if cluster.inventory.python.packages:
            book.add(stack.venv(node), on=node.name)
        book.add(Sleeper(stack.place(node, "sleeper")), on=node.name)
    return book
"""


#: What somebody who can write to a cluster's folder would have root run, read or remove.
PLANT = """
echo here > /root/victim
for place in python/x/bin/python3.11 envs/current-test/bin/python clusters/x/lab-1/sleeper/run; do
    mkdir -p {root}/${{place%/*}}
    printf '#!/bin/sh\\ntouch /tmp/ran-$$\\n' > {root}/$place
    chmod 755 {root}/$place
done
ln -sfn /root/victim {root}/clusters/x/lab-1/sleeper/stamp
ln -sfn /root {root}/models
printf %064d 7 > {root}/clusters/{cluster}/lab-1/ray-token
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
        # With what has just started it, perhaps.
        before = said(control, "pgrep -f [s]leeper-7c1d").split()
        assert before
        said(control, open_it.format(**words))
        said(control, PLANT.format(root=host.root, cluster=inventory.cluster))
        changed = said(control, f"find {host.root}/ -printf '%p %T@ %C@ %m %u\\n'")
        for report in (
            provision.check(inventory, playbook=playbook),
            provision.plan(inventory, playbook=playbook),
            provision.up(inventory, playbook=playbook),
        ):
            (message,) = refusals(report)
            assert reason.format(**words) in message
            assert report.exit_code == {"up": 1}.get(report.command, 3)
        with pytest.raises(ScriptFailed) as refused:
            provision.smoke(inventory.model_copy(update={"serve": Serve(model="tiny")}))
        assert reason.format(**words) in refused.value.evidence[-1]
        assert said(control, f"find {host.root}/ -printf '%p %T@ %C@ %m %u\\n'") == changed, "something was written"
        left = said(control, "pgrep -f [s]leeper-7c1d").split()
        assert left and {*left} <= {*before}
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
        for down in (report, again):
            (untouched,) = [f.message for f in down.findings if f.fact == UNTOUCHED]
            assert f"what lies in `{host.root}/clusters/{inventory.cluster}/lab-1` stays" in untouched
        assert said(control, f"find {host.root}/ -printf '%p %T@ %C@ %m %u\\n'") == changed, "down touched a file"
        assert said(control, "ls /tmp/ran-* 2>/dev/null; cat /root/victim") == "here", "what others put there was used"
        kept = Path(os.environ["PROVISION_STATE_DIR"], inventory.cluster, "ray-token").read_text()
        assert len(kept) == 64 and kept != f"{7:064d}", "the token that others put there was taken over"
    finally:
        said(control, close_it.format(**words))
        said(control, f"pkill -f [s]leeper-7c1d; rm -rf {host.root}")


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return publish(tmp_path_factory.mktemp("index"))


#: What everybody may read with `sudo`: programs and packages, since the user who logs in runs them, and a unit, which
#: systemd tells to all.
_READ_BY_ALL = ("/opt/mine/envs/", "/opt/mine/python/", "/run/systemd/system/", "/etc/systemd/system/")


def test_nothing_that_a_whole_run_leaves_is_open_to_others_on_either_side(
    asked: tuple[Inventory, Path], lab: Lab, control: HostControl, index: Index, tmp_path: Path
) -> None:
    loaded, playbook = asked
    (host,) = loaded.hosts
    umask = "000"
    said(
        control,
        f"echo 'umask {umask}' > /home/ops/.bashrc; echo 'Defaults umask=0{umask}, umask_override' > /etc/sudoers.d/z;"
        "chmod 440 /etc/sudoers.d/z",
    )
    with Transport([host]) as transport:
        assert transport.connect(host).run([Script("umask")])[0].stdout == f"0{umask}\n"
    here = tmp_path / "here"
    here.mkdir(mode=0o700)
    version = said(control, "python3 -c 'import sys; print(\"%d.%d\" % sys.version_info[:2])'")
    settings = f"""
python: {{version: "{version}", packages: ["tiny==2.0", small], index: "{index.url}", wheels: controller}}
hosts:
  lab-1: {{address: {host.address}, role: head, node_ip: {host.address}, root: {host.root}, sudo: {host.sudo}}}
"""
    inventory = here / "inventory.yaml"
    inventory.write_text(f"cluster: walked\n{_section(lab.inventory.read_text(), 'ssh')}{settings}")
    environment = {**os.environ, "PROVISION_STATE_DIR": str(here / "a/state"), "XDG_CACHE_HOME": str(here / "a/cache")}
    files = ["--html", "out.html", "--junit", "out.xml", "--save", "out.json"]

    def call(*words: str) -> str:
        command = [sys.executable, "-m", "provision", *words, "inventory.yaml", "--playbook", str(playbook)]
        done = subprocess.run(
            command, cwd=here, env=environment, capture_output=True, text=True, check=False, umask=int(umask, 8)
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    try:
        call("up")
        call("check", "--deep", *files)
        assert {"out.html", "out.xml", "out.json", "inventory.lock"} <= {path.name for path in here.iterdir()}
        listed = said(
            control,
            f"find {host.root} /etc/systemd /run/systemd/system /tmp -name 'systemd-*' -prune -o -newer"
            f" /home/ops/.bashrc ! -type l -printf '%m %y %p\\n'",
        )
        made = [line.split(" ", 2) for line in listed.splitlines() if not line.endswith(" /tmp")]
        assert len(made) > 40
        assert [path for mode, _, path in made if int(mode, 8) & 0o022] == []
        read = [(mode, path) for mode, kind, path in made if int(mode, 8) & 0o044 and kind == "f"]
        assert [one for one in read if not (host.sudo and one[1].startswith(_READ_BY_ALL))] == []
        if not host.sudo:
            assert said(control, f"stat -c %a {host.root}") == "700"
    finally:
        said(control, f"pkill -f [s]leeper-7c1d; rm -rf {host.root} /etc/sudoers.d/z /home/ops/.bashrc")
    # A cache of uv's own, which anybody may lock.
    kept = [path for path in here.rglob("*") if path != inventory and here / "a/cache/uv" not in (path, *path.parents)]
    mine = {path: stat.S_IMODE(path.lstat().st_mode) for path in kept}
    assert len(mine) > 12
    assert [path for path, mode in mine.items() if mode & 0o022] == []
    assert [path.name for path, mode in mine.items() if mode & 0o044 and path.is_file()] == ["inventory.lock"]


def _section(text: str, name: str) -> str:
    """A section of a document, as it stands there."""
    lines = text.splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if line.startswith(f"{name}:"))
    last = next((i for i in range(first + 1, len(lines)) if not lines[i].startswith(" ")), len(lines))
    return "".join(lines[first:last])
