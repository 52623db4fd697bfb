"""Canaries in place of secrets, through a whole `up` of a stand-in stack: where they must be, and nowhere else.

On hosts with and without `sudo`, by the command line, with everything that it writes.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from canaries import Canaries, Sampler
from standin_stack import PACKAGES, write_wheels

from provision.core.certificate import TLS
from provision.diagnosis.archive import read_bundle
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model
from provision.serving.certificate import OwnKey, own_key

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")
#: What a secret is called, and the characters that get escaped, quoted and encoded on the way.
SECRETS = {
    "VLLM_API_KEY": "key-\"quote\" 'and' $more/+{}",
    "HF_TOKEN": "hf_{}",
    "RAY_AUTH_TOKEN": "ray{}",
}


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(name=f"test-canary-{os.getpid()}")
    lab.up(2, 1)
    yield lab
    lab.down()


class Controller:
    """A person's folder with an inventory, secrets in files, and a state folder of their own."""

    def __init__(self, lab: Lab, folder: Path, *, sudo: bool, token: bool = True) -> None:
        self.lab = lab
        self.folder = folder
        folder.mkdir()
        self.values = {name: text.format(secrets.token_hex(16)) for name, text in SECRETS.items()}
        if not token:
            del self.values["RAY_AUTH_TOKEN"]
        shared = folder.parent / "shared"
        if not shared.exists():
            write_wheels(shared / "wheels")
            write_tiny_model(shared / "model")
        self.state = folder / "state"
        self.state.mkdir(mode=0o700)
        self.secrets = folder / "secrets"
        self.secrets.mkdir(mode=0o700)
        for name, value in self.values.items():
            self.give(name, value)
        self.settings: dict[str, Any] = yaml.safe_load(lab.inventory.read_text())
        self.settings |= {
            "cluster": "canary-sudo" if sudo else "canary",
            "sudo": sudo,
            "python": {
                "version": "3.11",
                "packages": PACKAGES,
                "find_links": [str(shared / "wheels")],
                "wheels": "controller",
                "compile": False,
            },
            "secrets": {name: {"file": str(self.secrets / name)} for name in self.values},
            "serve": {
                "model": "/srv/models/tiny" if sudo else "/home/ops/models/tiny",
                "weights": {"source": "controller", "path": str(shared / "model")},
                "ready_timeout": 60,
            },
        }
        self.write()

    def give(self, name: str, value: str) -> None:
        self.values[name] = value
        path = self.secrets / name
        path.touch(0o600)
        path.write_text(value)

    def certify(self) -> str:
        """Writes a certificate and its key. Returns a line of the key."""
        held = own_key()[TLS]
        assert isinstance(held, OwnKey)
        pem = held.certified(("localhost",)).reveal()
        at = pem.index("-----BEGIN PRIVATE")
        (self.folder / "cert.pem").write_text(pem[:at])
        (self.secrets / "tls.key").touch(0o600)
        (self.secrets / "tls.key").write_text(pem[at:])
        return pem[at:].splitlines()[2]

    def write(self) -> None:
        (self.folder / "inventory.yaml").write_text(json.dumps(self.settings))

    def provision(self, command: str, *options: str, code: int | None = 0) -> str:
        """What it says, on both streams."""
        done = subprocess.run(
            [PROVISION, command, str(self.folder / "inventory.yaml"), *options],
            env={**os.environ, "PROVISION_STATE_DIR": str(self.state), "XDG_CACHE_HOME": str(self.folder / "cache")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        said = done.stdout + done.stderr
        assert code is None or done.returncode == code, said
        return said

    def changed(self, command: str = "up") -> list[tuple[str, str]]:
        """(host, label) of what `command` changes, or would."""
        said = self.provision(command, "--json", code=None if command == "plan" else 0)
        events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
        if command == "plan":
            (plan,) = [e["plan"] for e in events if e["event"] == "planned"]
            return [(change["host"], change["label"]) for change in plan["changes"]]
        return [(e["host"], e["label"]) for e in events if e["event"] == "step-done"]


def on_hosts(lab: Lab, canaries: Canaries) -> dict[str, str]:
    """Path on a host → `<mode> <owner>` of every file there with one of `canaries` in it; units, journal, and what lies
    in memory as well."""
    seen: dict[str, str] = {}
    for name in ("lab-1", "lab-2"):
        upper = lab.directory / "hosts" / name / "upper"
        for path in canaries.files(upper):
            place = f"/{Path(path).relative_to(upper)}"
            seen[f"{name}:{place}"] = lab.host(name).exec(("stat", "-c", "%a %U", place)).stdout.strip()
        listing = (
            "find /run /tmp /dev/shm -xdev -type f -size -4M 2>/dev/null | xargs -r -d '\\n' cat 2>/dev/null; true"
        )
        journal = "journalctl -a -o export --no-pager; systemctl cat 'provision-*' 2>/dev/null; true"
        for where, command in {"memory": listing, "journal": journal}.items():
            text = subprocess.run(
                ["nsenter", "-t", str(lab.host(name).pid), "-m", "-p", "-r", "sh", "-c", command],
                capture_output=True,
                check=False,
            ).stdout
            if found := canaries.found(text):
                seen[f"{name}:{where}"] = repr(found)
    return seen


#: A bug in a person's own playbook, which tells what it has.
BUG = """
def playbook(cluster):
    raise KeyError("no such key: " + " and ".join(secret.reveal() for secret in cluster.secrets.values()))
"""


@pytest.mark.parametrize(
    "sudo", [pytest.param(False, id="user", marks=pytest.mark.long), pytest.param(True, id="sudo")]
)
def test_a_secret_is_nowhere_but_where_it_is_used(lab: Lab, tmp_path: Path, sudo: bool) -> None:
    one = Controller(lab, tmp_path / "one", sudo=sudo)
    one.settings["serve"]["tls"] = {"cert": "cert.pem", "key": "secrets/tls.key"}
    one.write()
    canaries = Canaries({**one.values, "tls.key": one.certify()})
    said: list[str] = []
    try:
        with Sampler(canaries) as sampler:
            said.append(one.provision("up", "--json"))
            outputs = [f"--{kind}={one.folder / f'check.{kind}'}" for kind in ("html", "junit", "save")]
            said.append(one.provision("check", "-v", *outputs))
            # A server that tells all it knows, and fails.
            one.settings["serve"]["env"] = {"STAND_IN_TELLS": "1"}
            one.write()
            said.append(one.provision("up", "--json", code=1))
            (one.folder / "bug.py").write_text(BUG)
            said.append(one.provision("plan", "--playbook", str(one.folder / "bug.py"), code=2))
            said.append(one.provision("bundle", "--out", str(one.folder / "ticket.tar.gz")))
        ticket = read_bundle(one.folder / "ticket.tar.gz")
        assert {"check.txt", "report.json", "facts.json", "inventory.json", "status.json"} <= {*ticket}
        assert "told to fail with" in ticket["logs/lab-1/vllm.log"]
        assert {name for name, text in ticket.items() if canaries.found(text)} == set()
        assert "told to fail with" in said[2]
        assert "no such key: " in said[3]
        assert sampler.services, "the sampler has seen no service"
        assert sampler.rounds > 100
        assert sampler.seen == set()
        for number, text in enumerate(said):
            assert canaries.found(text) == set(), number
        kept = {str(one.secrets / name) for name in canaries.values}
        assert {*canaries.files(one.folder)} == kept
        there = on_hosts(lab, canaries)
        services = f"/{'opt/provision' if sudo else 'home/ops/.provision'}/clusters/{one.settings['cluster']}"
        user, runs_as = ("root", "provision") if sudo else ("ops", "ops")
        assert there == {
            **{f"{name}:{services}/{name}/ray-token": f"600 {runs_as}" for name in ("lab-1", "lab-2")},
            f"lab-1:{services}/lab-1/vllm/run": f"600 {user}",
            f"lab-1:{services}/lab-1/vllm-tls.pem": f"600 {runs_as}",
            # What the program itself has told.
            f"lab-1:{services}/lab-1/vllm/log": f"600 {user}",
        }
    finally:
        one.provision("down", code=None)


@pytest.mark.long  # short: tests/unit/payload, for what is kept of secrets
def test_a_second_controller_sees_no_difference_and_a_rotated_secret_restarts_what_uses_it(
    lab: Lab, tmp_path: Path
) -> None:
    one, two = (Controller(lab, tmp_path / name, sudo=False, token=False) for name in ("one", "two"))
    for name, value in one.values.items():
        two.give(name, value)
    for controller in (one, two):
        controller.settings["serve"]["tls"] = True
        controller.write()
    vllm = {("lab-1", "vLLM")}
    ranks = {("lab-1", "ranks of the model"), ("lab-2", "ranks of the model")}
    ray = {("lab-1", "Ray head"), ("lab-2", "Ray worker"), ("lab-1", "Ray members")}
    token = {("lab-1", "secret RAY_AUTH_TOKEN"), ("lab-2", "secret RAY_AUTH_TOKEN")}
    try:
        assert set(one.changed()) >= {*vllm, *ray, *token}
        shutil.copy(one.folder / "inventory.lock", two.folder)
        assert two.changed("plan") == []
        assert two.changed() == []
        kept = [(c.state / "canary" / "ray-token").read_text() for c in (one, two)]
        assert kept[0] == kept[1]
        two.give("HF_TOKEN", f"another-{secrets.token_hex(16)}")
        assert "$HF_TOKEN another → as given" in " ".join(two.provision("plan", code=3).split())
        two.give("HF_TOKEN", one.values["HF_TOKEN"])
        two.give("VLLM_API_KEY", f"another-{secrets.token_hex(16)}")
        assert set(two.changed()) - ranks == vllm
        assert set(one.changed("plan")) - ranks == vllm
        one.give("VLLM_API_KEY", two.values["VLLM_API_KEY"])
        two.settings["secrets"]["RAY_AUTH_TOKEN"] = {"file": str(two.secrets / "RAY_AUTH_TOKEN")}
        two.give("RAY_AUTH_TOKEN", secrets.token_hex(32))
        two.write()
        assert set(two.changed()) - ranks == {*vllm, *ray, *token}
        # Whoever has no token of their own goes by the new one, though an older one is kept here.
        assert one.changed("plan") == []
    finally:
        one.provision("down", code=None)
