"""`provision init` on hosts: what it finds there is what the inventory says, and `plan` goes on with it."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provision.inventory import load
from provision.lab.lab import Lab

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")
DOCUMENT = Path(__file__).parents[2] / "docs" / "first-inventory.md"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab(name=f"test-first-{os.getpid()}")
    try:
        made.up(2, 2)
        yield made
    finally:
        made.down()


@pytest.fixture
def home(lab: Lab, tmp_path: Path) -> Path:
    """A person's folder, whose ssh_config knows the hosts as gpu-01 and gpu-02, and gpu-03, which is off."""
    first, second = load(lab.inventory).hosts
    (tmp_path / ".ssh").mkdir()
    ssh = first.ssh
    (tmp_path / ".ssh" / "config").write_text(
        f"Host gpu-01\n  HostName {first.address}\n"
        f"Host gpu-02\n  HostName {second.address}\n"
        f"Host gpu-03\n  HostName {second.address}\n  Port 9\n"
        f"Host *\n  User {ssh.user}\n  Port {ssh.port or 22}\n  IdentityFile {ssh.key}\n"
        f"  UserKnownHostsFile {ssh.known_hosts}\n"
    )
    return tmp_path


def typed(command: str, home: Path, **environ: str) -> tuple[int, str]:
    """In its folder `rack`: (exit code, all that it says)."""
    work = home / "rack"
    work.mkdir(exist_ok=True)
    environment = {**os.environ, **environ, "HOME": str(home), "PROVISION_STATE_DIR": str(home / "state")}
    environment["PATH"] = f"{PROVISION.parent}:{environment['PATH']}"
    done = subprocess.run(
        ["sh", "-ec", command], cwd=work, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_it_is_made_of_what_the_hosts_say_and_plan_goes_on_with_it(home: Path) -> None:
    code, said = typed("provision init --hosts 'gpu-[01:02]' --json", home)
    assert code == 0, said
    made = json.loads(said)
    assert (made["head"], [host["gpus"] for host in made["hosts"]]) == ("gpu-01", [2, 2])
    inventory = load(home / "rack" / "inventory.yaml")
    pins = {pin["pin"]: pin["value"] for pin in made["pins"]}
    assert inventory.python.packages == (pins["vllm"], pins["ray"])
    assert (inventory.python.version, inventory.hosts[0].expect.driver) == (pins["python.version"], ">=580")
    before = (home / "rack" / "inventory.yaml").read_bytes()
    code, said = typed("provision plan --json", home)
    assert code == 3, said
    report = json.loads(said.splitlines()[-1])["report"]
    # That these hosts reach no index is for a person to settle; nothing that is written is refused.
    other = [found for found in report["plan"]["blockers"] if "the index" not in found["message"]]
    assert not other, other
    assert "environment" in {change["resource"].partition(":")[0] for change in report["plan"]["changes"]}
    # What is there is never overwritten, and no host is asked for nothing.
    code, said = typed("provision init --hosts 'gpu-[01:02]'", home)
    assert (code, "`inventory.yaml` exists already" in said) == (2, True)
    assert (home / "rack" / "inventory.yaml").read_bytes() == before


def test_a_host_that_does_not_answer_stays_in_it_with_the_reason(home: Path) -> None:
    code, said = typed("provision init --hosts 'gpu-[01:03]' --model org/tiny", home)
    assert code == 4, said
    assert "error: gpu-03: " in said
    assert "wrote inventory.yaml: 2 of 3 hosts answered, the head is gpu-01" in said
    path = home / "rack" / "inventory.yaml"
    (line,) = [line for line in path.read_text().splitlines() if line.startswith("  gpu-03:")]
    assert "# not asked: " in line
    assert [host.name for host in load(path).hosts] == ["gpu-01", "gpu-02", "gpu-03"]
    assert typed("provision plan", home)[0] == 4


def test_hosts_whose_keys_are_not_on_record_are_told_how(home: Path) -> None:
    code, said = typed("sed -i /UserKnownHostsFile/d ~/.ssh/config; provision init --hosts 'gpu-[01:02]'", home)
    assert code == 4, said
    assert "provision trust" in said
    assert [host.name for host in load(home / "rack" / "inventory.yaml").hosts] == ["gpu-01", "gpu-02"]


def test_a_host_known_by_its_address_gets_its_own_name(home: Path, lab: Lab) -> None:
    addresses = ",".join(host.address for host in load(lab.inventory).hosts)
    code, said = typed(f"provision init --hosts {addresses}", home)
    assert code == 0, said
    hosts = load(home / "rack" / "inventory.yaml").hosts
    assert [(host.name, host.address) for host in hosts] == [
        ("lab-1", addresses.split(",")[0]),
        ("lab-2", addresses.split(",")[1]),
    ]


def test_the_document_shows_what_is_said_and_written(home: Path) -> None:
    printed, inventory = re.findall(r"^```text\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert typed(commands()[0], home) == (0, printed)
    assert (home / "rack" / "inventory.yaml").read_text() == inventory


def commands() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("provision init")]


def test_what_the_document_has_people_type(home: Path) -> None:
    (home / "rack").mkdir()
    (home / "rack" / "hosts.txt").write_text("gpu-01\ngpu-02\n")
    (home / "rack" / "site.yaml").write_text("all: {hosts: {gpu-01: , gpu-02: }}\n")
    assert len(commands()) == 5
    for command in commands():
        code, said = typed(command, home, SLURM_JOB_NODELIST="gpu-[01-02]", SLURM_JOB_ID="42")
        assert code == 0, command + said
        (name,) = [word for word in shlex.split(command)[2:3] if not word.startswith("-")] or ["inventory.yaml"]
        assert [host.name for host in load(home / "rack" / name).hosts] == ["gpu-01", "gpu-02"]
