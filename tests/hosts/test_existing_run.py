"""`python.existing` in whole runs of the library: what `up`, `check` and `down --purge` make of it."""

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from engine import changes, written
from own_playbooks import Here
from standin_stack import PACKAGES, write_wheels
from uv import find_uv_bin

import provision
from provision.core.report import Report
from provision.inventory.models import Host, Python
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = pytest.mark.hosts

#: The environments alone, with what the built-in playbooks say of them.
ENVIRONMENTS = """
from provision import Playbook, Stack


def playbook(cluster):
    book = Playbook()
    stack = Stack(cluster)
    stack.find_blockers(book)
    stack.environments(book)
    return book
"""


def make_environment(folder: Path, wheels: Path, python: str = "") -> Path:
    write_wheels(wheels)
    uv = find_uv_bin()
    subprocess.run([uv, "venv", "-q", *(["--python", python] if python else []), folder], check=True)
    install = [uv, "pip", "install", "-q", "--offline", "--no-index", f"--find-links={wheels}"]
    subprocess.run([*install, "--python", folder / "bin/python", *PACKAGES], check=True)
    return folder


class Two(Here):
    def run(self, command: str, **more: object) -> Report:
        run: Callable[..., Report] = getattr(provision, command)
        return run(self.inventory, **self.options(self.file(ENVIRONMENTS), **more))


@pytest.fixture
def env(tmp_path: Path) -> Path:
    return make_environment(tmp_path / "opt" / "vllm", tmp_path / "wheels")


@pytest.fixture
def two(make_host: Callable[..., Host], tmp_path: Path, env: Path, monkeypatch: pytest.MonkeyPatch) -> Two:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    made = Two(tmp_path, [make_host(), make_host()])
    made.inventory = made.inventory.model_copy(update={"python": Python(existing=str(env))})
    return made


def test_it_is_used_as_it_is_its_changes_are_noticed_and_purge_leaves_it(two: Two, env: Path) -> None:
    before = written(env)
    report = two.run("up")
    assert (report.exit_code, changes(report)) == (0, 2), report
    assert not two.inventory.lock_path.exists(), "there is nothing to lock"
    assert changes(two.run("up")) == 0
    ours = written(two.kept)
    checked = two.run("check")
    assert (checked.exit_code, checked.findings) == (0, ())
    assert {cell.fact: cell.value for cell in checked.known["host-2"]}["ray"] == "2.60.0+standin"
    assert written(two.kept) == ours, "a check wrote something"
    assert written(env) == before, "what somebody else has made was changed"

    for info in env.glob("lib/python3*/site-packages/ray-*.dist-info"):
        info.rename(info.with_name("ray-2.61.0.dist-info"))
    changed = written(env)
    checked = two.run("check")
    assert checked.exit_code == 3
    assert {(f.host, f.fact, f.expected, f.found) for f in checked.findings} == {
        (host, "ray", "2.60.0+standin", "2.61.0") for host in ("host-1", "host-2")
    }
    assert changes(two.run("up")) == 2 and two.run("check").findings == ()

    assert two.run("down", purge=True).exit_code == 0
    assert changes(two.run("down", purge=True)) == 0
    assert written(env) == changed and not (two.kept / "envs").exists()


def test_one_without_ray_keeps_up_from_beginning(two: Two, env: Path) -> None:
    for info in env.glob("lib/python3*/site-packages/ray-*.dist-info"):
        info.rename(info.with_name("gone"))
    report = two.run("up")
    assert report.exit_code == 1 and not list(two.kept.iterdir())
    for found in (report, two.run("check")):
        assert {finding.message for finding in found.findings} == {f"{env} has no ray"}


#: Makes an environment on a host without pip: what an installer does with wheels that are Python alone.
INSTALL = """
import base64, io, json, os, sys, venv, zipfile
wheels = json.loads(sys.argv[1])
venv.create("/opt/vllm", symlinks=True)
site = f"/opt/vllm/lib/python3.{sys.version_info[1]}/site-packages"
for name, content in wheels.items():
    zipfile.ZipFile(io.BytesIO(base64.b64decode(content))).extractall(site)
    with open(f"/opt/vllm/bin/{name}", "w") as script:
        script.write(f"#!/opt/vllm/bin/python\\nimport {name}\\n{name}.main()\\n")
    os.chmod(f"/opt/vllm/bin/{name}", 0o755)
"""

SITE = "cd /opt/vllm/lib/python3*/site-packages &&"
UPGRADE = f"{SITE} mv ray-2.60.0+standin.dist-info ray-2.61.0.dist-info"
UNDO = f"{SITE} mv ray-2.61.0.dist-info ray-2.60.0+standin.dist-info"
CONTENT = "cd /opt/vllm && find . ! -type d -exec sha256sum {} + | sort | sha256sum"


@pytest.mark.long
@pytest.mark.needs("lab")
def test_a_whole_cluster_runs_from_one_and_starts_anew_when_it_was_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    write_wheels(tmp_path / "wheels")
    write_tiny_model(tmp_path / "model")
    wheels = {
        path.name.partition("-")[0]: base64.b64encode(path.read_bytes()).decode()
        for path in (tmp_path / "wheels").iterdir()
    }
    lab = Lab(name=f"test-existing-{os.getpid()}")
    lab.up(2, 2)
    try:
        hosts = [lab.host("lab-1"), lab.host("lab-2")]
        for host in hosts:
            done = host.exec(["python3", "-c", INSTALL, json.dumps(wheels)])
            assert done.returncode == 0, done.stderr
        before = [host.exec(["sh", "-c", CONTENT]).stdout for host in hosts]
        weights = {"source": "controller", "path": str(tmp_path / "model")}
        settings = yaml.safe_load(lab.inventory.read_text()) | {
            "cluster": "there",
            "python": {"existing": "/opt/vllm"},
            "serve": {"model": "/home/ops/models/tiny", "weights": weights, "ready_timeout": 60},
        }
        file = tmp_path / "cluster.yaml"
        file.write_text(json.dumps(settings))
        inventory = provision.load(file)

        report = provision.up(inventory)
        assert report.exit_code == 0, (report.errors, report.findings)
        again = provision.up(inventory)
        assert (again.exit_code, changes(again)) == (0, 0)
        # That such versions are not tested together is said, as of a lock.
        assert {f.area for f in provision.check(inventory).findings} == {"compatibility"}
        ran, *_ = provision.run_on_hosts(inventory, ['readlink -f "$(command -v ray)"'], within=True)
        assert ran.stdout.strip() == "/opt/vllm/bin/ray"
        seen = provision.status(inventory)
        assert {host.environment for host in seen.hosts} == {"/opt/vllm"}

        assert hosts[1].exec(["sh", "-c", UPGRADE]).returncode == 0
        blocked = provision.up(inventory)
        assert blocked.exit_code == 1 and changes(blocked) == 0
        assert "make ray the same on all hosts" in " ".join(finding.hint for finding in blocked.findings)
        assert hosts[0].exec(["sh", "-c", UPGRADE]).returncode == 0
        checked = provision.check(inventory)
        assert ("lab-2", "ray", "2.61.0") in {(f.host, f.fact, f.found) for f in checked.findings}
        restarted = provision.up(inventory)
        assert restarted.exit_code == 0, restarted.errors
        done = {change for host in restarted.hosts for change in host.changes}
        assert {"Ray head", "Ray worker", "vLLM"} <= done
        assert {f.area for f in provision.check(inventory).findings} == {"compatibility"}

        for host in hosts:
            undo = UPGRADE.replace(
                "mv ray-2.60.0+standin.dist-info ray-2.61.0.dist-info",
                "mv ray-2.61.0.dist-info ray-2.60.0+standin.dist-info",
            )
            assert host.exec(["sh", "-c", undo]).returncode == 0
        assert provision.down(inventory, purge=True).exit_code == 0
        assert [host.exec(["sh", "-c", CONTENT]).stdout for host in hosts] == before
    finally:
        lab.down()
