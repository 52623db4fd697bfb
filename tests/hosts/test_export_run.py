"""What `export` writes is run on lab hosts that never see provision, with stand-ins for Ray and vLLM."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from standin_stack import PACKAGES, write_wheels

from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")
ROOT = "/home/ops/handed"
FORGET = f"rm -f {ROOT}/clusters/*/*/ray-token {ROOT}/clusters/*/*/vllm.secrets"
HOSTS = ("lab-1", "lab-2")
KEY = "k3y-of-the-export"
TOKEN = "0123456789abcdef-token"


class Desk:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        write_wheels(folder / "wheels")
        write_tiny_model(folder / "model")
        settings = yaml.safe_load(lab.inventory.read_text()) | {
            "cluster": "handed",
            "python": {"version": "3.11", "packages": PACKAGES, "find_links": [str(folder / "wheels")]},
            "serve": {"model": "/srv/tiny", "tensor_parallel": 1, "pipeline_parallel": 2, "ready_timeout": 60},
            "secrets": {"VLLM_API_KEY": {"env": "KEY_OF_THE_EXPORT"}},
        }
        (folder / "inventory.yaml").write_text(json.dumps(settings))
        self.provision("lock")
        for host in HOSTS:
            self.put(host, folder / "wheels", "/srv/wheels")
            self.put(host, folder / "model", "/srv/tiny")

    def provision(self, *words: str) -> str:
        env = {**os.environ, "PROVISION_STATE_DIR": str(self.folder / "state"), "KEY_OF_THE_EXPORT": KEY}
        done = subprocess.run(
            [PROVISION, *words], cwd=self.folder, env=env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def put(self, host: str, folder: Path, into: str) -> None:
        packed = subprocess.run(["tar", "-C", folder, "-cf", "-", "."], capture_output=True, check=True).stdout
        enter = ["nsenter", "--target", str(self.lab.host(host).pid), "--mount", "--pid", "--root", "--wd", "--"]
        unpack = f"mkdir -p {into} && tar -C {into} -xf - && chmod -R a+rX {into} && chown -R ops {into}"
        subprocess.run([*enter, "sh", "-c", unpack], input=packed, check=True)

    def run(self, host: str, command: str, *, user: str = "root", code: int = 0) -> str:
        done = self.lab.host(host).exec(["su", "-s", "/bin/sh", "-", user, "-c", command])
        assert done.returncode == code, f"{host}: {command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def everywhere(self, command: str, *, user: str = "root") -> list[str]:
        with ThreadPoolExecutor(len(HOSTS)) as pool:
            return list(pool.map(lambda host: self.run(host, command, user=user), HOSTS))

    def answer(self, key: str) -> str:
        address = self.lab.host("lab-1").address
        header = shlex.quote(f"Authorization: Bearer {key}")
        ask = f"curl -s -o /dev/null -w '%{{http_code}}' -d '{{}}' -H {header} http://{address}:8000/v1/completions"
        return self.run("lab-2", ask)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    lab = Lab(name=f"test-export-{os.getpid()}")
    lab.up(2, 1)
    yield Desk(lab, tmp_path_factory.mktemp("desk"))
    lab.down()


def install(desk: Desk, folder: Path, into: str, user: str) -> None:
    """What install.sh says is missing is written as it says."""

    def on(host: str) -> None:
        desk.put(host, folder / host, into)
        said = desk.run(host, f"{FORGET}; WHEELS=/srv/wheels {into}/install.sh", user=user, code=3)
        paths = re.findall(r"missing: (\S+): ", said)
        assert [path.rpartition("/")[2] for path in paths] == ["ray-token", "vllm.secrets"][
            : 2 if host == "lab-1" else 1
        ]
        for path in paths:
            value = TOKEN if path.endswith("ray-token") else f"VLLM_API_KEY={KEY}"
            desk.run(host, f"umask 077; echo {value} > {path}", user=user)
        assert f"{host} is ready" in desk.run(host, f"{into}/install.sh", user=user)

    with ThreadPoolExecutor(len(HOSTS)) as pool:
        list(pool.map(on, HOSTS))


def test_the_scripts_run_as_an_ordinary_user(desk: Desk) -> None:
    desk.provision("export", "script", "--root", ROOT, "--ask")
    # What only the hosts know is in it.
    assert "GLOO_SOCKET_IFNAME=eth0" in (desk.folder / "handed-script" / "lab-2" / "ray.sh").read_text()
    written = {path: path.read_text() for path in (desk.folder / "handed-script").rglob("*") if path.is_file()}
    assert not [path for path, text in written.items() if KEY in text]
    # Of the folders here it names the one that the wheels have to come from.
    named = {path: text.replace(f"{desk.folder}/wheels", "") for path, text in written.items()}
    assert not [path for path, text in named.items() if str(desk.folder) in text]
    install(desk, desk.folder / "handed-script", "/home/ops/it", "ops")
    try:
        assert all("runs" in said for said in desk.everywhere("it/run.sh start", user="ops"))
        assert (desk.answer(KEY), desk.answer("another")) == ("200", "401")
        # What runs is what `up` would have run: of the same lock, flag for flag.
        assert "runs already" in desk.run("lab-1", "it/run.sh start", user="ops")
        shown = desk.run("lab-1", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")
        assert "--pipeline-parallel-size 2" in shown and KEY not in shown and TOKEN not in shown
        desk.run("lab-2", "it/run.sh stop", user="ops")
        desk.run("lab-2", "it/run.sh status", user="ops", code=3)
    finally:
        desk.everywhere("it/run.sh stop", user="ops")
    assert "handed/envs" not in desk.run("lab-1", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '")


IMAGE = f"docker://vllm/vllm-openai@sha256:{'3f' * 32}"

#: Not Apptainer: no container, but the words behind the image, with the environment of the scripts in front. It fetches
#: a file of one word.
STAND_IN = f"""#!/bin/sh
[ "$1" != pull ] || {{ [ "$3" = {IMAGE} ] && echo image > "$2"; exit; }}
shift
while [ $# -gt 0 ]; do case $1 in --nv) shift ;; --bind) [ -d "$2" ] || exit 8; shift 2 ;; *) break ;; esac; done
[ -s "$1" ] || exit 9
shift
PATH=$(echo {ROOT}/envs/*/bin):/usr/bin:/bin exec "$@"
"""


def test_with_an_image_the_scripts_run_in_apptainer_of_which_there_is_a_stand_in(desk: Desk) -> None:
    desk.provision("export", "script", "--root", ROOT, "--image", IMAGE, "--out", "boxed")
    (desk.folder / "stand-in").mkdir()
    (desk.folder / "stand-in" / "apptainer").write_text(STAND_IN)
    (desk.folder / "stand-in" / "apptainer").chmod(0o755)
    for host in HOSTS:
        desk.put(host, desk.folder / "stand-in", "/usr/local/bin")
        desk.put(host, desk.folder / "boxed" / host, "/home/ops/boxed")
        assert f"{host} is ready" in desk.run(host, "boxed/install.sh", user="ops")
        assert not (desk.folder / "boxed" / host / "requirements.txt").exists()
    try:
        desk.everywhere("boxed/run.sh start", user="ops")
        assert (desk.answer(KEY), desk.answer("another")) == ("200", "401")
    finally:
        desk.everywhere("boxed/run.sh stop", user="ops")


def test_one_without_its_head_says_so_and_starts_nothing(desk: Desk) -> None:
    desk.run("lab-2", "sed -i 's/SECONDS_LEFT=180/SECONDS_LEFT=1/' it/ray.wait.sh", user="ops")
    said = desk.run("lab-2", "it/run.sh start", user="ops", code=1)
    assert "Ray's control store does not answer at" in said and "ray was not started" in said


def test_the_units_run_and_start_again(desk: Desk) -> None:
    desk.provision("export", "systemd", "--root", ROOT)
    install(desk, desk.folder / "handed-systemd", "/root/it", "root")
    for host in HOSTS:
        assert desk.run(host, "systemd-analyze verify /etc/systemd/system/handed-*.service") == ""
    units = "$(cd /etc/systemd/system && ls handed-*.service)"
    desk.everywhere(f"systemctl start {units}")
    assert (desk.answer(KEY), desk.answer("another")) == ("200", "401")
    assert desk.run("lab-1", "systemctl is-enabled handed-vllm handed-ray").split() == ["enabled"] * 2
    assert desk.run("lab-1", f"stat -c '%U %a' {ROOT}/clusters/handed/lab-1/ray-token").split() == ["ops", "600"]
    before = desk.run("lab-1", "systemctl show -p MainPID --value handed-vllm")
    desk.run("lab-1", f"kill -KILL {before.strip()}")
    wait = "n=0; until [ $(systemctl show -p ActiveState --value handed-vllm) = active ] && "
    wait += f"[ $(systemctl show -p MainPID --value handed-vllm) != {before.strip()} ]; "
    desk.run("lab-1", wait + "do n=$((n + 1)); [ $n -lt 300 ] || exit 1; sleep 0.1; done")
    assert desk.answer(KEY) == "200"
    desk.everywhere(f"systemctl disable --now {units}")


def test_the_commands_of_the_document(desk: Desk, tmp_path: Path) -> None:
    for name in ("inventory.yaml", "inventory.lock"):
        (tmp_path / name.replace("inventory", "cluster")).write_text((desk.folder / name).read_text())
    (tmp_path / "cluster.lock").write_text((desk.folder / "inventory.lock").read_text())
    for node, more in (
        ("node1", "TENSOR_PARALLEL_SIZE=2\nPIPELINE_PARALLEL_SIZE=2\n"),
        ("node2", "RAY_HEAD_IP=10.0.0.1\n"),
    ):
        (tmp_path / node).mkdir()
        (tmp_path / node / ".env").write_text(f"MODEL_NAME=m\n{more}")
    (tmp_path / ".env").write_text("MODEL_NAME=m\n")
    (tmp_path / "docker-compose.yaml").write_text("services: {a: {image: 'vllm/vllm-openai:v0.33.0'}}\n")
    document = (Path(__file__).parents[2] / "docs" / "hand-over.md").read_text()
    shown = "".join(re.findall(r"^```sh\n(.*?)^```", document, re.MULTILINE | re.DOTALL)).splitlines()
    assert len(shown) == 7
    for command in shown:
        # The inventory of the exports is there already.
        words = shlex.split(command.replace("--out cluster.yaml", "--out imported.yaml"))
        done = subprocess.run(
            [PROVISION, *words[1:]], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    made = {path.name for path in tmp_path.iterdir()}
    assert {"handover", "handed-script", "handed-compose", "handed-ansible", "imported.yaml", "inventory.yaml"} <= made


@pytest.mark.long
def test_the_playbook_of_ansible_brings_the_hosts_up(desk: Desk, tmp_path: Path) -> None:
    made = subprocess.run([sys.executable, "-m", "venv", tmp_path / "env"], capture_output=True, check=False)
    pip = [tmp_path / "env/bin/pip", "install", "-q", "ansible-core"]
    if made.returncode or subprocess.run(pip, capture_output=True, check=False).returncode:
        pytest.skip("ansible-core cannot be installed here")
    desk.provision("export", "ansible", "--root", "/opt/by-ansible")
    folder = desk.folder / "handed-ansible"
    for host in HOSTS:
        (folder / "secrets" / host).mkdir(parents=True, mode=0o700)
        (folder / "secrets" / host / "ray-token").write_text(TOKEN)
    (folder / "secrets" / "lab-1" / "vllm.secrets").write_text(f"VLLM_API_KEY={KEY}\n")
    ssh = yaml.safe_load(desk.lab.inventory.read_text())["ssh"]
    options = f"-o UserKnownHostsFile={ssh['known_hosts']}"
    play = [tmp_path / "env/bin/ansible-playbook", "-i", "inventory.yml", "site.yml"]
    env = {**os.environ, "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_LOCALHOST_WARNING": "False"}

    def run(*words: str) -> str:
        done = subprocess.run([*play, *words], cwd=folder, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    run("--syntax-check")
    how = ["--private-key", ssh["key"], "--ssh-common-args", options, "-e", "wheels=/srv/wheels"]
    try:
        run(*how)
        assert (desk.answer(KEY), desk.answer("another")) == ("200", "401")
        assert "changed=0" in run(*how)
    finally:
        desk.everywhere("systemctl disable --now $(cd /etc/systemd/system && ls handed-*.service)")
