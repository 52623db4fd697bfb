"""`lint`: inventories, playbooks and locks, from the files alone; and the automation that docs/automation.md shows."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import Result

from provision.environment.lock_inputs import inputs_of
from provision.environment.lockfile import parse_lock
from provision.inventory import load

ROOT = Path(__file__).parents[3]
PACKAGES = "python: {packages: [vllm==0.33.0]}\n"

Call = Callable[..., Result]


def lock(inventory: Path) -> Path:
    """One that fits the inventory, of one package."""
    loaded = load(inventory)
    inputs = " ".join(f"{name}={digest}" for name, digest in inputs_of(loaded.python, inventory.parent).items())
    text = f"# python: 3.12\n# platform: x86_64-manylinux_2_34\n# inputs: {inputs}\n"
    path = inventory.with_suffix(".lock")
    body = f"vllm==0.33.0 --hash=sha256:{'0' * 64}\n"
    digest = parse_lock(text + body, path, edited=True).digest
    path.write_text(f"{text}# digest: {digest}\n# packages: 1\n{body}")
    return path


def test_a_sound_inventory_needs_no_lock_yet(call: Call, inventory: Path) -> None:
    result = call("lint")
    assert (result.exit_code, result.stdout) == (0, "inventory.yaml: no mistake found\n")


def test_all_mistakes_of_all_files_are_said(call: Call, inventory: Path) -> None:
    Path("two.yaml").write_text("cluster: b\nhsots: {}\n")
    result = call("lint", "inventory.yaml", "two.yaml", "missing.yaml", "--json")
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 2
    assert [(line["path"], line["exit_code"]) for line in lines] == [
        ("inventory.yaml", 0), ("two.yaml", 2), ("missing.yaml", 2),
    ]  # fmt: skip
    assert "`hsots`" in result.stderr and "missing.yaml" in result.stderr


def test_weights_that_plan_would_refuse_without_a_host(call: Call, inventory: Path) -> None:
    inventory.write_text(inventory.read_text() + "serve: {model: a/b, weights: {source: controller}}\n")
    result = call("lint")
    assert result.exit_code == 2
    assert "serve.weights.source is `controller`, but it names no folder there" in result.stderr


def test_a_lock_that_fits_is_fine_and_one_of_other_settings_is_not(call: Call, inventory: Path) -> None:
    inventory.write_text(inventory.read_text() + PACKAGES)
    lock(inventory)
    assert call("lint").exit_code == 0, call("lint").output
    inventory.write_text(inventory.read_text().replace("0.33.0", "0.32.0"))
    result = call("lint")
    assert result.exit_code == 3
    assert "made from other settings" in result.stderr
    inventory.with_suffix(".lock").write_text("not one\n")
    assert call("lint").exit_code == 1


@pytest.mark.parametrize(
    ("python", "code", "said"),
    [
        ("packages: ['a @ https://me:hunter2@example.org/a-1-py3-none-any.whl']", 1, "holds a password"),
        ("packages: [vllm], constraints: ['b @ git+https://hunter2@example.org/b']", 1, "holds a password"),
        ("packages: [vllm], torch_backend: auto", 1, "would look for a GPU on this machine"),
        ("packages: [requirements.txt]", 1, "requirements.txt` cannot be read: no such file"),
        ("packages: [-r requirements.txt]", 2, "write the file's name alone: `requirements.txt`"),
        ("packages: [--requirement=deps/all.in]", 2, "write the file's name alone: `deps/all.in`"),
        ("packages: [vllm], constraints: [-c pins.txt]", 2, "write the file's name alone: `pins.txt`"),
        ("existing: /opt/vllm", 0, ""),
    ],
)
def test_what_lock_would_refuse_is_said_before(call: Call, inventory: Path, python: str, code: int, said: str) -> None:
    inventory.write_text(inventory.read_text() + f"python: {{{python}}}\n")
    result = call("lint")
    assert (result.exit_code, said in result.stderr) == (code, True), result.output
    assert "hunter2" not in result.output


def test_a_hint_names_the_inventory_that_it_is_about(call: Call, inventory: Path) -> None:
    other = inventory.rename(inventory.with_name("other rack.yaml"))
    other.write_text(other.read_text() + PACKAGES)
    other.with_suffix(".lock").write_text("<<<<<<< HEAD\n")
    assert "hint: run `provision lock 'other rack.yaml'`" in call("lint", "other rack.yaml").stderr
    told = json.loads(call("lint", "other rack.yaml", "--json").stdout.splitlines()[-1])
    assert told["error"]["hint"] == "run `provision lock 'other rack.yaml'`"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("def playbook(cluster): ...\n", 0, ""),
        ("from mine import playbook\n", 0, ""),
        ("x = " + "-" * 100_000 + "1\ndef playbook(cluster): ...\n", 2, "nested more deeply than Python reads"),
        ("raise SystemExit('it runs')\ndef playbook(cluster): ...\n", 0, ""),
        ("def playbok(cluster): ...\n", 2, "has no function `playbook`"),
        ("def playbook(cluster:\n", 2, "is no Python, line 1"),
        ("x = '\0'\n", 2, "is no Python"),
        (None, 2, "cannot be read"),
    ],
)
def test_a_playbook_is_read_and_not_run(call: Call, inventory: Path, text: str | None, code: int, said: str) -> None:
    inventory.write_text(inventory.read_text() + "playbook: mine.py\n")
    if text is not None:
        Path("mine.py").write_text(text)
    result = call("lint")
    assert result.exit_code == code, result.output
    assert said in result.stderr


def test_no_secret_is_read_and_nothing_contacted(call: Call, inventory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inventory.write_text(inventory.read_text() + "secrets: {A: {command: touch ran}, B: {env: NOT_THERE}}\n")
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("connects"))
    assert call("lint").exit_code == 0
    assert not Path("ran").exists()


def samples(language: str) -> list[str]:
    text = (ROOT / "docs" / "automation.md").read_text()
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def typed(command: str, folder: Path, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    programs = f"{path}:" if path else ""
    environment = {**os.environ, "PATH": f"{programs}{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["sh", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_documents_commands_hook_and_workflow(inventory: Path, folder: Path) -> None:
    hook, workflow, _ = map(yaml.safe_load, samples("yml"))
    shown = hook["repos"][0]["hooks"][0]
    (ours,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert {key: ours[key] for key in ("id", "name", "entry", "files")} == {
        key: shown[key] for key in ("id", "name", "entry", "files")
    }
    assert re.search(ours["files"], "racks/a/inventory.yaml") and not re.search(ours["files"], "inventory.yaml.bak")
    steps = [step["run"] for step in workflow["jobs"]["lint"]["steps"] if "run" in step]
    (command,) = samples("sh")
    runs = [command, shlex.join([*shlex.split(ours["entry"]), "inventory.yaml"]), steps[-1]]
    for run in runs:
        assert typed(run, folder).returncode == 0, run
    inventory.write_text("cluster: [\n")
    for run in runs:
        assert typed(run, folder).returncode == 2, run


#: What `provision` answers, word for word as far as the playbook reads it.
RECORDED = """\
#!/bin/sh
echo "$*" >> ran
case $1 in
    lint) exec {provision} "$@" ;;
    check) echo '{{"event":"report","report":{{"counts":{{"changes":0}}}}}}'; exit {drift} ;;
    up) echo '{{"event":"report","report":{{"counts":{{"changes":4}}}}}}' ;;
esac
"""


@pytest.mark.parametrize("drift", [0, 3, 4])
def test_the_ansible_playbook_does_what_it_says(inventory: Path, folder: Path, drift: int) -> None:
    if shutil.which("ansible-playbook") is None:
        pytest.skip("ansible-playbook is not installed: pip install ansible-core")
    (folder / "bin").mkdir()
    program = folder / "bin" / "provision"
    program.write_text(RECORDED.format(provision=Path(sys.executable).with_name("provision"), drift=drift))
    program.chmod(0o755)
    (folder / "site.yaml").write_text(samples("yml")[-1])
    # Which Python it finds by itself is this machine's affair.
    python = shlex.quote(f"ansible_python_interpreter={sys.executable}")
    done = typed(f"ansible-playbook -i localhost, -e {python} site.yaml", folder, folder / "bin")
    ran = [line.split()[0] for line in (folder / "ran").read_text().splitlines()]
    assert ran == (["lint", "check", "up"] if drift == 3 else ["lint", "check"]), done.stdout
    assert (done.returncode == 0) == (drift != 4), done.stdout
    assert f"changed={int(drift == 3)}" in done.stdout
