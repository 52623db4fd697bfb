"""Controllers at work on the same hosts: processes of the command line, each with a state folder of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from loopback import Sshds, processes_with, wait_until
from own_playbooks import MINE, WORKS

pytestmark = pytest.mark.hosts

DOCUMENT = Path(__file__).parents[2] / "docs/one-at-a-time.md"


class Controllers:
    """`start(name, …)` runs a command as somebody else would: with `name`'s state folder, and inventory."""

    def __init__(self, folder: Path, sshds: Sshds) -> None:
        self.folder = folder
        self.gate, self.begun = folder / "gate", folder / "begun"
        self.kept = folder / "kept"
        self.kept.mkdir()
        self._sshds = sshds
        for _ in range(2):
            sshds.trust(sshds.start())
        # A fix waits until the test opens the gate, and says by the word in its arguments that it runs.
        waits = f"sh -c 'while [ ! -e \"$0\" ]; do sleep 0.1; done' {self.gate}"
        (folder / "mine.py").write_text(MINE.format(fix=f": > {self.begun}; {waits}; {WORKS}", body="pass", edges=""))
        self._running: list[subprocess.Popen[str]] = []

    def inventory(self, name: str, order: Sequence[int] = (0, 1)) -> Path:
        hosts = {}
        for place, index in enumerate(order):
            server = self._sshds.running[index]
            ssh = {
                "port": server.port,
                "key": str(self._sshds.key),
                "known_hosts": str(self._sshds.known_hosts),
                "config": os.devnull,
            }
            role = {"role": "head"} if place == 0 else {}
            # Names differ from inventory to inventory, and so does the order.
            hosts[f"{name}-{place + 1}"] = {"address": server.address, "root": str(self.kept), "ssh": ssh, **role}
        path = self.folder / f"{name}.yaml"
        path.write_text(json.dumps({"cluster": name, "hosts": hosts}))
        return path

    def start(self, name: str, *command: str, order: Sequence[int] = (0, 1)) -> subprocess.Popen[str]:
        inventory = str(self.inventory(name, order))
        env = {**os.environ, "PROVISION_STATE_DIR": str(self.folder / f"state-{name}")}
        own = [] if command[0] == "unlock" else ["--playbook", str(self.folder / "mine.py")]
        process = subprocess.Popen(
            [sys.executable, "-m", "provision", *command, inventory, *own],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._running.append(process)
        return process

    def run(self, name: str, *command: str) -> tuple[int, str]:
        return ended(self.start(name, *command))

    def start_and_wait_for_a_fix(self, name: str) -> subprocess.Popen[str]:
        process = self.start(name, "up")
        assert wait_until(lambda: self.begun.exists() or process.poll() is not None, 90)
        assert process.poll() is None, ended(process)
        return process

    @property
    def made(self) -> list[str]:
        return sorted(path.name for path in self.kept.glob("marker-*"))

    def close(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=120)
    return process.returncode, said


def said_by(process: subprocess.Popen[str], word: str) -> str:
    """The line with `word`, as soon as it is there."""
    assert process.stdout is not None
    return next(line for line in process.stdout if word in line)


@pytest.fixture
def controllers(tmp_path: Path, sshds: Sshds) -> Iterator[Controllers]:
    made = Controllers(tmp_path, sshds)
    yield made
    made.close()


def test_who_looks_is_told_and_who_writes_waits_or_ends(controllers: Controllers) -> None:
    first = controllers.start_and_wait_for_a_fix("ann")
    under_way = f"an `up` from {os.uname().nodename}, pid {first.pid}, since "
    for command in ("check", "plan", "down --no-wait", "check --prove --no-wait"):
        code, said = controllers.run("bob", *command.split())
        assert code == 5, said
        assert f"error: {under_way}" in said and "is under way" in said and "cluster ann" in said
        assert f"provision unlock {controllers.folder / 'bob.yaml'} --why" in said
        assert "finding" not in said and "marker" not in said
    _, said = controllers.run("bob", "check", "--json")
    (last,) = (json.loads(line) for line in said.splitlines() if '"Busy"' in line)
    assert (last["event"], last["error"]["kind"], last["exit_code"]) == ("error", "Busy", 5)
    second = controllers.start("bob", "down")
    assert f"waiting: {under_way}" in said_by(second, "waiting")
    assert second.poll() is None
    controllers.gate.touch()
    code, said = ended(first)
    assert (code, controllers.made) == (0, ["marker-ann-1", "marker-ann-2"]), said
    assert "2 changes made" in said
    assert ended(second)[0] == 0


def test_what_was_read_before_a_wait_and_has_changed_meanwhile_is_not_done(controllers: Controllers) -> None:
    first = controllers.start_and_wait_for_a_fix("ann")
    second = controllers.start("bob", "up")
    said_by(second, "waiting")
    with (controllers.folder / "bob.yaml").open("a") as edited:
        edited.write("\n")
    controllers.gate.touch()
    assert ended(first)[0] == 0
    code, said = ended(second)
    assert code == 3 and "`bob.yaml` has changed since this run began: nothing was changed on any host" in said, said
    assert controllers.made == ["marker-ann-1", "marker-ann-2"]


def test_after_a_controller_was_killed_the_next_one_takes_over(controllers: Controllers) -> None:
    first = controllers.start_and_wait_for_a_fix("ann")
    first.send_signal(signal.SIGKILL)
    first.wait()
    controllers.begun.unlink()
    controllers.gate.touch()
    code, said = controllers.run("ann", "up")
    assert code == 0, said
    assert f"an `up` from {os.uname().nodename}, pid {first.pid}, broke off" in said
    assert controllers.made == ["marker-ann-1", "marker-ann-2"]
    assert controllers.run("bob", "check", "--no-wait")[0] in (0, 3)


def test_unlock_ends_what_hangs_and_up_goes_on(controllers: Controllers) -> None:
    first = controllers.start_and_wait_for_a_fix("ann")
    (controllers.folder / "inventory.yaml").symlink_to(controllers.inventory("bob"))
    (typed,) = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    done = subprocess.run(
        ["sh", "-c", typed],
        cwd=controllers.folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
    )
    said = done.stdout
    assert said.count(f"taken from an `up` from {os.uname().nodename}, pid {first.pid}, under way since ") == 2
    code, said = ended(first)
    assert code == 1 and "its lease was taken by " in said and "the up of ann hangs" in said
    assert not processes_with(str(controllers.gate)) and controllers.made == []
    controllers.gate.touch()
    code, said = controllers.run("ann", "up")
    assert code == 0 and "(the up of ann hangs, and she is away)" in said
    code, said = controllers.run("bob", "unlock", "--why", "again")
    assert (code, said.count("no run is at work there")) == (0, 2)
    code, said = controllers.run("bob", "unlock")
    assert code == 2 and "--why" in said


@pytest.mark.parametrize("options", [(), ("--no-wait",)])
def test_two_that_begin_together_with_their_hosts_in_another_order(
    controllers: Controllers, options: tuple[str, ...]
) -> None:
    controllers.gate.touch()
    both = [controllers.start("ann", "up", *options), controllers.start("bob", "up", *options, order=(1, 0))]
    results = [ended(process) for process in both]
    codes = sorted(code for code, _ in results)
    assert codes == [0, 0] or (options and codes == [0, 5]), results
    done = [name for name, (code, _) in zip(("ann", "bob"), results, strict=True) if code == 0]
    assert controllers.made == [f"marker-{name}-{place}" for name in done for place in (1, 2)]


@pytest.mark.long
def test_a_controller_that_slept_for_a_minute_writes_nothing_when_it_wakes(controllers: Controllers) -> None:
    """Its connection is whole all the time. Short: what is silent is taken for dead, in test_lease.py."""
    first = controllers.start_and_wait_for_a_fix("ann")
    first.send_signal(signal.SIGSTOP)
    second = controllers.start("bob", "up")
    assert "had not been heard of for" in said_by(second, "its lease was taken over")
    first.send_signal(signal.SIGCONT)
    code, said = ended(first)
    assert code == 1 and "its lease was " in said and "this run does nothing more there" in said
    controllers.gate.touch()
    code, said = ended(second)
    assert code == 0, said
    assert controllers.made == ["marker-bob-1", "marker-bob-2"]
