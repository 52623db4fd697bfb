"""The day after, as docs/day-after.md tells it, on hosts with stand-ins for Ray and vLLM."""

import json
import os
import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from standin_stack import NEWER, PACKAGES, write_wheels

from provision.diagnosis.archive import read_bundle
from provision.lab.lab import Lab
from provision.lab.tiny_model import write_tiny_model

pytestmark = [pytest.mark.hosts, pytest.mark.needs("lab")]

PROVISION = Path(sys.executable).with_name("provision")
DOCUMENT = Path(__file__).parents[2] / "docs" / "day-after.md"


class Day:
    """A person's folder, with `cluster.yaml` for hosts that are called gpu-01 and gpu-02; `spare` could be a third."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder
        write_wheels(folder / "wheels")
        write_tiny_model(folder / "model")
        made = yaml.safe_load(lab.inventory.read_text())
        first, second, self.spare = made["hosts"].values()
        hosts = {"gpu-01": first, "gpu-02": second}
        python = {
            "version": "3.11",
            "packages": PACKAGES,
            "find_links": [str(folder / "wheels")],
            "wheels": "controller",
            "compile": False,
        }
        weights = {"source": "controller", "path": str(folder / "model")}
        serve = {"model": "/home/ops/models/tiny", "weights": weights, "ready_timeout": 60}
        self.settings: dict[str, Any] = made | {"cluster": "day", "hosts": hosts, "python": python, "serve": serve}
        self.write("cluster.yaml", self.settings)
        self.environment = {
            **os.environ,
            "PATH": f"{PROVISION.parent}:{os.environ['PATH']}",
            "PROVISION_STATE_DIR": str(folder / "state"),
            "XDG_CACHE_HOME": str(folder / "cache"),
        }

    def write(self, name: str, settings: dict[str, Any]) -> None:
        (self.folder / name).write_text(json.dumps(settings))

    def begin(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PROVISION, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def provision(self, *words: str, code: int = 0) -> str:
        """What it says on standard output."""
        running = self.begin(*words)
        out, err = running.communicate(timeout=120)
        assert running.returncode == code, out + err
        return out

    def status(self, code: int = 0) -> dict[str, Any]:
        line: dict[str, Any] = json.loads(self.provision("status", "cluster.yaml", "--json", code=code))
        return line


def commands(section: str) -> list[str]:
    """What a section of the document has people type."""
    text = DOCUMENT.read_text().partition(f"## {section}\n")[2].partition("\n## ")[0]
    return [
        line
        for block in re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Brought up by another controller, at which `status` looks meanwhile."""
    lab = Lab(name=f"test-day-{os.getpid()}")
    lab.up(3, 2)
    made = Day(lab, tmp_path_factory.mktemp("day"))
    yield made
    lab.down()


def test_before_up_nothing_runs_and_while_it_is_under_way_that_is_what_is_said(day: Day) -> None:
    before = day.status(code=3)
    assert before["wrong"] == [
        "Ray on gpu-01: not running",
        "vLLM on gpu-01: not running",
        "Ray on gpu-02: not running",
    ]
    assert before["last_up"] is None and before["environment"] is None
    other = dict(day.environment, PROVISION_STATE_DIR=str(day.folder / "other"))
    up = subprocess.Popen(
        [PROVISION, "up", "cluster.yaml"],
        cwd=day.folder,
        env=other,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    said: dict[str, Any] = {}
    while up.poll() is None and not said:
        looked = subprocess.run(
            [PROVISION, "status", "cluster.yaml", "--json"],
            cwd=day.folder,
            env=day.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        line = json.loads(looked.stdout)
        if line["under_way"]:
            assert (looked.returncode, line["check"]) == (5, "busy")
            said = line
    assert up.wait() == 0
    assert said["under_way"][0]["command"] == "up" and said["under_way"][0]["pid"] == up.pid
    # It was from another machine, as far as this one knows.
    assert day.status()["last_up"] is None


def test_one_look_has_it_all_and_leaves_nothing(day: Day) -> None:
    seen = day.status()
    assert seen["healthy"] and seen["check"] == "not looked at"
    head, worker = seen["hosts"]
    assert [service["name"] for service in head["services"]] == ["ray", "vllm"]
    assert [service["name"] for service in worker["services"]] == ["ray"]
    assert head["services"][0]["joined"][0].startswith("gpu-01 ") and head["services"][0]["joined"][1].startswith(
        "gpu-02 "
    )
    assert len(head["gpus"]) == 2 and head["gpus"][0]["watts"] == 70.12
    assert seen["environment"] == head["environment"] == worker["environment"]
    assert seen["work"], seen["work_unknown"]
    # The stand-in makes a token a second.
    assert 0.2 < seen["work"]["tokens_per_second"] < 5 and seen["work"]["kv_cache"] == 0.25


def test_the_status_of_the_document(day: Day) -> None:
    for command in commands("How is it?"):
        assert "day" in day.provision(*command.split()[1:])
    assert "well, as far as was looked at" in (day.folder / "status.html").read_text()


def test_watching_ends_with_ctrl_c(day: Day) -> None:
    watching = day.begin("status", "cluster.yaml", "--watch", "--interval", "0.5", "--json")
    assert watching.stdout is not None
    looks = [json.loads(watching.stdout.readline()) for _ in range(2)]
    watching.send_signal(2)
    watching.communicate(timeout=30)
    assert watching.returncode == 130 and [look["healthy"] for look in looks] == [True, True]


def test_a_host_out_of_reach_is_not_known_and_the_others_are(day: Day) -> None:
    gone = dict(day.settings["hosts"]["gpu-02"], address="10.77.255.254")
    day.write(
        "gone.yaml",
        day.settings
        | {"hosts": {**day.settings["hosts"], "gpu-02": gone}, "ssh": {**day.settings["ssh"], "connect_timeout": 1}},
    )
    line = json.loads(day.provision("status", "gone.yaml", "--json", code=4))
    assert line["hosts"][1]["error"] and not line["hosts"][1]["services"]
    assert line["hosts"][0]["services"][1]["said"] == "running"


def test_the_logs_of_the_document(day: Day) -> None:
    first, *others = commands("What did it say?")
    said = day.provision(*first.split()[1:])
    assert (
        re.search(r"gpu-02  ray   Ray runtime started", said) and "gpu-01  vllm  stand-in for vLLM: listening" in said
    )
    assert "\x1b" not in said
    for command in others:
        day.provision(*shlex.split(command)[1:])


def log_of(day: Day, host: str, service: str) -> str:
    return f"/home/ops/.provision/clusters/day/gpu-0{host[-1]}/{service}/log"


def write(day: Day, host: str, service: str, text: str) -> None:
    done = day.lab.host(host).exec(["sh", "-c", 'printf "%b" "$1" >> "$2"', "sh", text, log_of(day, host, service)])
    assert done.returncode == 0, done.stderr


def test_followed_logs_come_as_they_are_written_and_nothing_is_left_on_the_hosts(day: Day) -> None:
    following = day.begin("logs", "cluster.yaml", "-f", "--json")
    assert following.stdout is not None
    before = [json.loads(following.stdout.readline()) for _ in range(3)]
    assert {line["host"] for line in before} == {"gpu-01", "gpu-02"}
    write(day, "lab-2", "ray", "a new line\n")
    assert json.loads(following.stdout.readline())["text"] == "a new line"
    following.send_signal(2)
    following.communicate(timeout=30)
    assert following.returncode == 130
    for name in ("lab-1", "lab-2"):
        assert day.lab.host(name).exec(["pgrep", "-f", "^tail"]).stdout == ""


@pytest.mark.parametrize(
    ("size", "left_out"), [("20", "11 MiB"), pytest.param("100", "87 MiB", marks=pytest.mark.long)]
)
def test_of_a_long_log_the_end_is_read_in_bounded_memory(day: Day, size: str, left_out: str) -> None:
    path = log_of(day, "lab-2", "ray")
    fill = 'yes "$(printf %0999d 0)" | head -c "$2"000000 >> "$1" && echo the end >> "$1"'
    assert day.lab.host("lab-2").exec(["sh", "-c", f'cp -- "$1" "$1.kept"; {fill}', "sh", path, size]).returncode == 0
    measure = (
        # Not getrusage: what it counts was that of whoever started it, too.
        "import sys; from pathlib import Path; from provision.cli import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", measure, "logs", "cluster.yaml", "--grep", "the end|Ray runtime"],
        cwd=day.folder,
        env=day.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    day.lab.host("lab-2").exec(["mv", "--", f"{path}.kept", path])
    assert done.returncode == 0 and "the end" in done.stdout, done.stderr
    assert f"note: of ray on gpu-02, what stands before the last part was not read ({left_out})" in done.stderr
    assert int(done.stderr.splitlines()[-1]) < 300_000  # KiB


def test_the_figures_of_the_document_are_where_the_targets_say(day: Day) -> None:
    (command,) = commands("Figures over time")
    day.provision(*command.split()[1:])
    ((target,),) = (group["targets"] for group in json.loads((day.folder / "watch/targets/vllm.json").read_text()))
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=20) as answer:
        assert b"vllm:kv_cache_usage_perc" in answer.read()
    # The collector, on a host with its nvidia-smi.
    script = (day.folder / "watch/gpus.sh").read_text()
    said = day.lab.host("lab-2").exec(["sh", "-c", f"{script}\ncat /tmp/provision_gpus.prom", "gpus.sh", "/tmp"]).stdout
    assert said.count("provision_gpu_memory_total_bytes{") == 2 and "provision_gpu_collected 1" in said


def test_the_ticket_of_the_document(day: Day) -> None:
    bundle, check, explain = (command.split()[1:] for command in commands("A ticket"))
    day.provision(*bundle)
    files = read_bundle(day.folder / "ticket.tar.gz")
    assert "vllm" in files["inventory.lock"] and "listening" in files["logs/gpu-01/vllm.log"]
    assert json.loads(files["facts.json"])["hosts"].keys() == {"gpu-01", "gpu-02"}
    assert "well, as far as was looked at" in files["status.txt"]
    assert "no host was contacted" in day.provision(*check)
    assert "tells it in words that provision knows" in day.provision(*explain, code=3)


def test_the_commands_of_the_document(day: Day) -> None:
    said = [day.provision(*shlex.split(command)[1:]) for command in commands("A command, a login")]
    assert re.search(r"^gpu-02  GPU 1: NVIDIA H100", said[0], re.MULTILINE)
    assert said[1].startswith("gpu-02  ") and "gpu-01" not in said[1]
    assert "load average" in said[2]
    head = day.lab.host("lab-1").address
    assert said[3].strip() == said[4].strip() == f"status of {head}:6379 token is readable"


def test_rays_token_is_masked_in_what_a_command_prints(day: Day) -> None:
    path = "/home/ops/.provision/clusters/day/gpu-01/ray-token"
    token = day.lab.host("lab-1").exec(["cat", path]).stdout.strip()
    said = day.provision("exec", "cluster.yaml", "--limit", "head", "--", "cat", path)
    assert token and token not in said and "gpu-01  ***" in said
    said = day.provision("exec", "cluster.yaml", "--limit", "head", "--json", "--", "cat", path)
    assert token not in said and "***" in said


def test_a_command_on_a_host_out_of_reach_is_run_on_the_others(day: Day) -> None:
    done = json.loads(day.provision("exec", "gone.yaml", "--json", "--", "hostname", code=4))
    assert [host["stdout"] for host in done["hosts"]] == ["lab-1\n", ""]
    assert done["hosts"][1]["code"] is None and done["hosts"][1]["error"]


def test_ctrl_c_ends_a_command_on_the_hosts(day: Day) -> None:
    running = day.begin("exec", "cluster.yaml", "--", "echo begun; exec sleep 4321")
    assert running.stdout is not None
    assert {running.stdout.readline().split()[0] for _ in range(2)} == {"gpu-01", "gpu-02"}
    running.send_signal(2)
    running.communicate(timeout=30)
    assert running.returncode == 130
    assert day.lab.host("lab-1").exec(["pgrep", "-f", "sleep 4321"]).stdout == ""


def test_a_login_to_a_host_with_another_key_is_refused(day: Day) -> None:
    key = day.lab.host("lab-1").exec(["cut", "-d", " ", "-f1-2", "/etc/ssh/ssh_host_ed25519_key.pub"]).stdout.strip()
    hosts = {name: {**host, "ssh": {"host_key": key}} for name, host in day.settings["hosts"].items()}
    day.write("pinned.yaml", day.settings | {"hosts": hosts})
    assert day.provision("ssh", "pinned.yaml", "gpu-01", "--", "hostname") == "lab-1\n"
    assert day.provision("ssh", "pinned.yaml", "gpu-02", "--", "hostname", code=255) == ""


def test_the_logs_and_the_state_of_a_service_that_crashed(day: Day) -> None:
    write(day, "lab-1", "vllm", "ERROR 11-29 13:02:11 [core.py:1] engine died\nTraceback\nRuntimeError: CUDA error\n")
    day.lab.host("lab-1").exec(["pkill", "-9", "-f", "bin/vllm serve"])
    said = day.provision("logs", "cluster.yaml", "vllm", "--level", "error")
    assert [line.split("  ", 3)[-1].strip() for line in said.splitlines()] == [
        "ERROR 11-29 13:02:11 [core.py:1] engine died",
        "Traceback",
        "RuntimeError: CUDA error",
    ]
    seen = day.status(code=3)
    assert seen["check"] == "drift" and seen["wrong"] == ["vLLM on gpu-01: not running: its process is gone"]
    assert seen["work"] is None


def pids(day: Day) -> dict[str, str]:
    """Host and program → process id."""
    patterns = {"lab-1 ray": "bin/ray start --head", "lab-1 vllm": "bin/vllm serve", "lab-2 ray": "bin/ray start"}
    return {
        name: day.lab.host(name.split()[0]).exec(["pgrep", "-f", pattern]).stdout.split("\n")[0]
        for name, pattern in patterns.items()
    }


def test_what_crashed_is_started_and_only_what_is_asked_for_is_restarted(day: Day) -> None:
    model, everything = commands("Start it anew")
    before = pids(day)
    assert not before["lab-1 vllm"]
    day.provision(*model.split()[1:])
    started = pids(day)
    assert started == {**before, "lab-1 vllm": started["lab-1 vllm"]} and started["lab-1 vllm"]
    assert day.status()["healthy"]
    said = day.provision(*everything.split()[1:])
    assert "the model did not answer for" in " ".join(said.split())
    assert not {*pids(day).items()} & {*started.items()}
    assert day.status()["healthy"]


def test_a_restart_does_nothing_else(day: Day) -> None:
    serve = {**day.settings["serve"], "args": {"max-num-seqs": 9}}
    day.write("other.yaml", day.settings | {"serve": serve})
    before = pids(day)
    day.provision("restart", "other.yaml", "vllm", code=3)
    assert pids(day) == before


def test_a_tunnel_answers_again_after_its_connection_was_cut(day: Day) -> None:
    tunnel = day.begin("tunnel", "cluster.yaml", "--json")
    assert tunnel.stdout is not None and tunnel.stderr is not None
    url = json.loads(tunnel.stdout.readline())["base_url"]

    def answers() -> bytes:
        with urllib.request.urlopen(url.replace("/v1", "/metrics"), timeout=20) as answer:
            said: bytes = answer.read()
            return said

    assert url.startswith("http://127.0.0.1:") and b"vllm:kv_cache_usage_perc" in answers()
    assert day.lab.host("lab-1").exec(["pkill", "-f", "sshd: ops"]).returncode == 0
    assert [tunnel.stderr.readline().strip() for _ in range(2)] == [
        "the connection broke: connecting again",
        "connected again",
    ]
    assert b"vllm:kv_cache_usage_perc" in answers()
    tunnel.send_signal(2)
    tunnel.communicate(timeout=30)
    assert tunnel.returncode == 130


def test_the_dashboard_comes_along_with_its_token_where_that_is_asked_for(day: Day) -> None:
    """Something else stands at its port: what Ray shows there is its own."""
    day.write("shown.yaml", day.settings | {"ray": {"dashboard": True}})
    page = "import http.server as h; h.test(h.SimpleHTTPRequestHandler, port=8265, bind='127.0.0.1')"
    head = day.lab.host("lab-1")
    head.exec(["sh", "-c", f'cd /etc/init.d && setsid python3 -c "{page}" > /dev/null 2>&1 &'])
    kept = head.exec(["sh", "-c", "cat /home/ops/.provision/clusters/day/gpu-01/ray-token"]).stdout.strip()
    for words, token in (((), ""), (("--token",), kept)):
        tunnel = day.begin("tunnel", "shown.yaml", "--json", *words)
        assert tunnel.stdout is not None
        told = json.loads(tunnel.stdout.readline())
        assert (told["token"], bool(token)) == (token, bool(words)) and told["base_url"]
        with urllib.request.urlopen(told["dashboard"], timeout=20) as answer:
            assert b"Directory listing" in answer.read()
        tunnel.send_signal(2)
        tunnel.communicate(timeout=30)
        assert tunnel.returncode == 130


def test_a_server_that_is_frozen_or_has_lost_its_port_is_not_well(day: Day) -> None:
    head = day.lab.host("lab-1")
    head.exec(["pkill", "-STOP", "-f", "bin/vllm serve"])
    frozen = day.status(code=3)
    head.exec(["pkill", "-CONT", "-f", "bin/vllm serve"])
    assert frozen["wrong"] == ["vLLM on gpu-01: running, but its process is stopped by a signal"]
    assert day.status()["healthy"]
    # The process of the stamp lives on, and does not listen any more.
    head.exec(["sh", "-c", "kill -USR1 $(pgrep -f 'bin/vllm serve')"])
    lost = day.status(code=3)
    assert lost["wrong"] == ["vLLM on gpu-01: running, but nothing listens on port 8000"]
    day.provision("restart", "cluster.yaml", "vllm")
    assert day.status()["healthy"]


def test_a_host_that_was_taken_out_and_still_runs_something_is_named(day: Day) -> None:
    day.provision("restart", "cluster.yaml", "vllm")  # by which this machine knows the members
    day.write("cluster.yaml", day.settings | {"hosts": {"gpu-01": day.settings["hosts"]["gpu-01"]}})
    seen = day.status(code=3)
    day.write("cluster.yaml", day.settings)
    address = day.lab.host("lab-2").address
    assert seen["wrong"] == [
        f"gpu-02 ({address}) is no longer in the inventory and still runs Ray: `provision up` stops that"
    ]
    assert [host["host"] for host in seen["hosts"]] == ["gpu-01"] and seen["check"] == "drift"


def test_the_week_of_the_document(day: Day) -> None:
    lock, plan, up, status, look, again, repair, check = (line.split()[1:] for line in commands("A week"))
    newer = day.settings | {"python": {**day.settings["python"], "packages": [NEWER, *PACKAGES[1:]]}}
    day.write("cluster.yaml", newer)
    assert "vllm 0.32.0+standin → 0.32.1+standin" in day.provision(*lock)
    assert "0.32.1" in day.provision(*plan, code=3)
    day.provision(*up)
    assert "well, as far as was looked at" in day.provision(*status)

    broken = day.lab.host("lab-2")
    broken.kill()
    assert "gpu-02" in day.provision(*look, code=4)
    day.write("cluster.yaml", newer | {"hosts": {"gpu-01": day.settings["hosts"]["gpu-01"], "gpu-03": day.spare}})
    planned = day.provision(*again, code=3)
    assert "gpu-03" in planned
    day.provision(*repair)
    assert "in sync" in day.provision(*check)
    seen = day.status()
    assert [host["host"] for host in seen["hosts"]] == ["gpu-01", "gpu-03"] and seen["healthy"]
    # It comes back with what it had, and is not of the cluster any more.
    broken.start()
