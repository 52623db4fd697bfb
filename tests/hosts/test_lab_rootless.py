"""Lab hosts without root: sshds on loopback addresses, run by an ordinary user.

As root, the tests make such a user, and remove it; otherwise they are one.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import provision

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("cc"),
]

#: Several runs of these tests may be at work on one machine.
USER = f"provtest{os.getpid()}"
DRIVER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
sys.path.insert(0, {package!r})
from provision.lab import Lab
lab = Lab(Path({root!r}), "loop")
print(json.dumps({expression}, default=lambda value: getattr(value, "__dict__", None) or str(value)))
"""


@dataclass(frozen=True)
class Person:
    """Somebody who may run programs as themselves, and owns `home`."""

    name: str
    home: Path

    def start(self, *argv: str) -> subprocess.Popen[str]:
        become = []
        if self.name != pwd.getpwuid(os.geteuid()).pw_name:
            # setpriv itself still has root's reach when it looks up a program; env, started by it, has not.
            become = ["setpriv", "--reuid", self.name, "--regid", self.name, "--init-groups", "env"]
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home)}
        return subprocess.Popen(
            [*become, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, cwd="/"
        )

    def run(self, *argv: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*argv)
        out, said = process.communicate(timeout=60)
        return subprocess.CompletedProcess(argv, process.returncode, out, said)

    def program(self, expression: str) -> subprocess.CompletedProcess[str]:
        """Runs a program of this person's that evaluates `expression`; `lab` is their lab."""
        return self.run(interpreter(self), "-c", self.source(expression))

    def source(self, expression: str) -> str:
        return DRIVER.format(package=str(self.home / "package"), root=str(self.home / "labs"), expression=expression)

    def lab(self, expression: str):
        """The value of `expression` in such a program, by way of JSON."""
        done = self.program(expression)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def ssh(self, number: int, command: str) -> subprocess.CompletedProcess[str]:
        state = json.loads((self.home / "labs/loop/state.json").read_text())
        folder = self.home / "labs/loop"
        known = f"UserKnownHostsFile={folder / 'known_hosts'}"
        options = ["-F", "none", "-i", str(folder / "key"), "-o", known, "-o", "StrictHostKeyChecking=yes"]
        options += ["-o", "BatchMode=yes", "-p", str(state["port"])]
        return self.run("ssh", *options, f"{state['user']}@{state['hosts'][number - 1]['address']}", command)


def interpreter(person: Person) -> str:
    """This Python, unless it is out of the person's reach, such as in root's home."""
    for python in (sys.executable, "/usr/bin/python3"):
        if person.run(python, "-c", "import sys; sys.exit(sys.version_info < (3, 10))").returncode == 0:
            return python
    pytest.skip("no Python 3.10 that an ordinary user may run")


def processes_naming(text: str) -> list[str]:
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        for file in ("cmdline", "environ"):  # another's environment is hidden from root without CAP_SYS_PTRACE
            with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
                if text.encode() in (process / file).read_bytes():
                    found.add(process.name)
    return sorted(found)


@pytest.fixture(scope="module")
def person(tmp_path_factory):
    if os.geteuid() != 0:
        home = tmp_path_factory.mktemp("home")
        yield prepared(Person(pwd.getpwuid(os.geteuid()).pw_name, home))
        return
    subprocess.run(["userdel", "--remove", USER], capture_output=True, check=False)
    subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", USER], check=True)
    try:
        yield prepared(Person(USER, Path(f"/home/{USER}")))
    finally:
        subprocess.run(["userdel", "--remove", USER], capture_output=True, check=True)


def prepared(person: Person) -> Person:
    """With a copy of the package: the checkout may lie where only root can read."""
    source = Path(provision.__file__).parent
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source, person.home / "package/provision", ignore=ignore)
    return person


@pytest.fixture(scope="module")
def lab(person):
    yield person.lab("lab.up(hosts=2, gpus=2)")
    person.lab("lab.down()")


def test_hosts_are_loopback_addresses_and_the_report_says_so(lab):
    assert (lab["mode"], lab["init"]) == ("loopback", "sshd")
    assert [host["name"] for host in lab["hosts"]] == ["lab-1", "lab-2"]
    networks, numbers = zip(*(host["address"].rsplit(".", 1) for host in lab["hosts"]), strict=True)
    assert len(set(networks)) == 1 and networks[0].startswith("127.0.")
    assert numbers == ("2", "3")
    assert all(host["pid"] for host in lab["hosts"])


def test_each_host_answers_over_ssh_with_its_own_host_key(person, lab):
    assert [person.ssh(number, "id -un").stdout.strip() for number in (1, 2)] == [person.name] * 2
    keys = {line.split()[2] for line in Path(lab["directory"], "known_hosts").read_text().splitlines()}
    assert len(keys) == 2


def test_each_session_finds_the_stand_in_gpus_of_its_host(person, lab):
    person.lab("lab.host('lab-2').fault(gpus=1, driver='535.161.08')")
    shown = [
        person.ssh(number, "nvidia-smi --query-gpu=driver_version --format=csv,noheader").stdout for number in (1, 2)
    ]
    assert [text.split() for text in shown] == [["590.48.01"] * 2, ["535.161.08"]]
    count = 'import ctypes; l=ctypes.CDLL("libnvidia-ml.so.1"); l.nvmlInit_v2(); n=ctypes.c_uint(); '
    count += "l.nvmlDeviceGetCount_v2(ctypes.byref(n)); print(n.value)"
    assert [person.ssh(number, f"{interpreter(person)} -c '{count}'").stdout.strip() for number in (1, 2)] == ["2", "1"]
    person.lab("lab.host('lab-2').fault(clear=True)")
    assert person.ssh(2, "nvidia-smi -L | wc -l").stdout.strip() == "2"


def test_exec_runs_with_the_hosts_environment_without_ssh(person, lab):
    assert person.lab("lab.host('lab-1').exec(['sh', '-c', 'nvidia-smi -L']).stdout").count("H100") == 2


def test_a_killed_host_takes_what_was_started_on_it_along_and_starts_again(person, lab):
    person.ssh(2, "nohup setsid sleep 4322 >/dev/null 2>&1 &")
    assert processes_naming("hosts/lab-2")
    person.lab("lab.host('lab-2').kill()")
    assert processes_naming(f"{person.home}/labs/loop/hosts/lab-2") == []
    assert person.ssh(2, "true").returncode == 255
    assert person.ssh(1, "true").returncode == 0
    person.lab("lab.host('lab-2').start()")
    assert person.ssh(2, "true").returncode == 0


def test_a_cable_that_is_not_there_cannot_be_pulled(person, lab):
    done = person.program("lab.host('lab-1').link(up=False)")
    assert done.returncode == 1
    assert "lab-1 is on loopback: it has no cable to pull" in done.stderr


def test_a_second_up_changes_nothing(person, lab):
    before = person.lab("lab.status()")["hosts"]
    again = person.lab("lab.up(hosts=2, gpus=2)")
    assert (again["changed"], again["hosts"]) == (False, before)


def test_down_leaves_nothing_and_may_be_repeated(person, lab):
    person.ssh(1, "nohup setsid sleep 4323 >/dev/null 2>&1 &")
    assert person.lab("lab.down(purge=True)")["changed"]
    assert processes_naming(f"{person.home}/labs") == []
    assert not (person.home / "labs").exists()
    assert not person.lab("lab.down()")["changed"]


def test_an_up_that_is_killed_in_the_middle_is_removed_completely(person, lab):
    process = person.start(interpreter(person), "-c", person.source("lab.up(hosts=30, gpus=1)"))
    deadline = time.monotonic() + 300  # on a busy machine it takes as long as it takes
    # Of a process that is just being started the kernel does not show the arguments yet.
    while time.monotonic() < deadline and not (
        (person.home / "labs/loop/hosts/lab-2/started.pid").exists() and processes_naming(f"{person.home}/labs")
    ):
        time.sleep(0.005)
    process.kill()
    process.communicate()
    assert processes_naming(f"{person.home}/labs")
    assert any("was interrupted" in note for note in person.lab("lab.status()")["notes"])
    person.lab("lab.down(purge=True)")
    assert processes_naming(f"{person.home}/labs") == []
    assert not (person.home / "labs").exists()


@pytest.mark.needs("root")
def test_root_gets_loopback_hosts_by_asking_for_them(tmp_path):
    from provision.lab import Lab

    # sshd escapes such letters in its title, and what it writes over, its environment, named its host.
    place = tmp_path / "häuser"
    lab = Lab(place, "asked")
    try:
        report = lab.up(hosts=2, gpus=1, rootless=True)
        assert report.mode == "loopback"
        assert lab.host("lab-2").exec(["nvidia-smi", "-L"]).stdout.count("H100") == 1
    finally:
        lab.down(purge=True)
    assert [host.pid for host in report.hosts if Path(f"/proc/{host.pid}").exists()] == []
    assert processes_naming(str(tmp_path)) == []
