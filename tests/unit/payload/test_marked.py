"""What is left of a cluster is found by marks, and by its logs where a title has overwritten a mark."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provision.core.script import Script
from provision.payload.bundle import shell
from provision.resources.ports import PortsFree
from provision.resources.service import LIBRARY, Place
from provision.resources.still_running import StillRunning

#: Others that run on this machine beside the test share its processes.
CLUSTER = f"marked{os.getpid()}"

#: Listens, says where, and stays; in a session of its own, as daemons do.
SERVER = """
import os, socket, sys
sock = socket.create_server(("127.0.0.1", 0))
print(sock.getsockname()[1], flush=True)
if len(sys.argv) > 1:
    log = open(sys.argv[1], "a" if sys.argv[2:] == [] else "r")
os.read(0, 1)
"""

Begin = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """`begin(environment, log, …)`: a process with this environment and no other, that has the log open."""
    begun = []

    def start(environment: dict[str, str], *arguments: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            ["/usr/bin/python3", "-I", "-S", "-c", SERVER, *arguments],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        begun.append(process)
        assert process.stdout is not None
        process.port = int(process.stdout.readline())  # type: ignore[attr-defined]
        return process

    yield start
    for process in begun:
        process.communicate("")


def mark(service: str, host: str = "gpu-01", cluster: str = CLUSTER) -> dict[str, str]:
    return {"PATH": os.defpath, "PROVISION_SERVICE": f"{cluster}/{host}/{service}"}


def run(script: Script) -> str:
    script = script.alone()
    variables = {name: str(value) for name, value in script.vars.items()}
    done = subprocess.run(
        ["sh", "-c", script.body], env={"PATH": os.defpath, **variables}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def found(resource: StillRunning) -> list[str]:
    return sorted(run(resource.probe()).strip().removeprefix("running=").split(", "))


def ended(process: "subprocess.Popen[str]") -> bool:
    """A child of ours that has ended is a zombie until it is asked."""
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process.poll() is not None


def test_every_process_of_the_cluster_on_this_host_is_found_and_ended_and_no_other(begin: Begin) -> None:
    theirs = [begin(mark("ray")), begin(mark("vllm")), begin(mark("proxy"))]
    others = [
        begin(mark("ray", host="gpu-02")),
        begin(mark("ray", cluster=f"{CLUSTER}-2")),
        begin({"PATH": os.defpath, "OLD_PROVISION_SERVICE": f"{CLUSTER}/gpu-01/ray"}),
        begin({"PATH": os.defpath, "OTHER": f"PROVISION_SERVICE={CLUSTER}/gpu-01/ray"}),
    ]
    left = StillRunning(CLUSTER, "gpu-01")
    names = zip(theirs, ("ray", "vllm", "proxy"), strict=True)
    assert found(left) == sorted(f"{process.pid} ({name})" for process, name in names)
    assert left.diff({"running": "12 (ray)"}, None)[0].found == "12 (ray)"
    run(left.fix({}, None))
    assert all(ended(process) for process in theirs)
    assert all(process.poll() is None for process in others)
    assert found(left) == [""]


def test_where_what_ran_had_its_log_is_named_if_root_is_another_one_now(tmp_path: Path) -> None:
    here, before = (tmp_path / root / "clusters" / CLUSTER / "gpu-01" / "ray" for root in ("now", "it's before"))
    for folder in (here, before):
        folder.mkdir(parents=True)
        with (folder / "log").open("a") as log:
            subprocess.Popen(["sleep", "60"], env=mark("ray"), stdout=log, start_new_session=True)
    left = StillRunning(CLUSTER, "gpu-01", folders=(str(here), str(here.with_name("vllm"))))
    while len(found(left)) < 2:
        time.sleep(0.05)
    said = [line for line in run(left.fix({}, None)).splitlines() if "left in place" in line]
    assert said == [f"::note left in place, since `root` is another one now: {before.parent}, secrets in it, too"]
    assert found(left) == [""]


def test_a_mark_of_several_lines_names_no_other_process(begin: Begin) -> None:
    """As a process of the services' user could carry one, to have those of whoever logs in ended."""
    other = begin({"PATH": os.defpath})
    named = f"x\n/proc/{other.pid}/environ:PROVISION_SERVICE={CLUSTER}/gpu-01/x"
    forged = begin(mark(named))
    left = StillRunning(CLUSTER, "gpu-01")
    assert str(other.pid) not in [one.split()[0] for one in found(left)]
    run(left.fix({}, None))
    assert ended(forged) and other.poll() is None


def test_of_one_service_alone_the_others_run_on(begin: Begin) -> None:
    ray, vllm = begin(mark("ray")), begin(mark("vllm"))
    left = StillRunning(CLUSTER, "gpu-01", only=("vllm",))
    assert found(left) == [f"{vllm.pid} (vllm)"]
    run(left.fix({}, None))
    assert ended(vllm) and ray.poll() is None


def logs_of(folder: Path) -> tuple[Path, Path]:
    service, scratch = folder / "it's [one]" / "ray", folder / "scratch"
    log, agent = service / "log", scratch / "r" / "session_1" / "logs" / "agent.log"
    for file in (log, agent):
        file.parent.mkdir(parents=True)
        file.touch()
    return log, agent


def test_a_title_over_the_mark_hides_nothing_that_writes_to_a_log_of_ours(begin: Begin, tmp_path: Path) -> None:
    """setproctitle leaves nothing but zeros of the environment, which is as none."""
    log, agent = logs_of(tmp_path)
    titled = [begin({}, str(log)), begin({}, str(agent))]
    others = [
        begin({}, str(log), "reads"),
        begin({"PATH": os.defpath}, str(agent)),  # a program of a person's that uses Ray
        begin({}, str(tmp_path / "other")),
    ]
    log.unlink()
    scratch = str(tmp_path / "scratch")
    left = StillRunning(CLUSTER, "gpu-01", folders=(str(log.parent),), scratches=(scratch,))
    assert found(left) == sorted(f"{process.pid} (retitled)" for process in titled)

    place = Place(str(log.parent), f"{CLUSTER}/gpu-01/ray")
    variables = {**place.variables(), "scratch": scratch, "segments": ""}
    service = Script(shell(*LIBRARY) + "\nread_stamp\neach_of_ours", variables)
    assert run(service).split() == sorted((str(process.pid) for process in titled), key=int)

    run(left.fix({}, None))
    assert all(ended(process) for process in titled)
    assert all(process.poll() is None for process in others)


@pytest.mark.parametrize(
    ("whose", "said", "hint"),
    [
        (mark("ray"), "free", ""),
        (mark("vllm"), "free", ""),
        (mark("proxy"), f"taken by {CLUSTER}/gpu-01/proxy, of provision", "where this host is `gpu-01`"),
        (mark("ray", host="gpu-1"), f"taken by {CLUSTER}/gpu-1/ray, of provision", "where this host is `gpu-1`"),
        (
            mark("vllm", cluster="blue"),
            "taken by blue/gpu-01/vllm, of provision",
            "of the cluster `blue`",
        ),
        pytest.param(
            {"PATH": os.defpath},
            'taken by "python3",pid=',
            "stop what listens there",
            marks=pytest.mark.needs("ip"),  # with it comes `ss`, which names the program
        ),
    ],
    ids=["its own", "another service", "a service of one's own", "renamed host", "another cluster", "a stranger"],
)
def test_a_port_that_is_taken_says_whose_it_is(
    begin: Begin, tmp_path: Path, whose: dict[str, str], said: str, hint: str
) -> None:
    port = begin(whose).port  # type: ignore[attr-defined]
    ports = PortsFree(Place(str(tmp_path / "ray"), f"{CLUSTER}/gpu-01/ray"), "127.0.0.1", ((port, "Ray"),))
    answer = run(ports.probe()).strip()
    assert answer.startswith(f"port {port} (Ray)={said}")
    have = dict([answer.split("=", 1)])
    assert [hint in difference.hint for difference in ports.diff(have, ports.want())] == ([True] if hint else [])


def test_all_that_another_cluster_has_is_one_cause_on_every_host() -> None:
    uses = ((6379, "Ray"), (6380, "Ray's node manager"), (8000, "the model's API"))
    found = set()
    for host in ("gpu-01", "gpu-02"):
        ports = PortsFree(Place("/x", f"{CLUSTER}/{host}/ray"), "127.0.0.1", uses)
        have = {f"port {port} ({use})": f"taken by blue/{host}/ray, of provision" for port, use in uses}
        (difference,) = ports.diff(have, ports.want())
        assert "with that of the cluster `blue` stops it" in difference.hint
        found.add((ports.fact(difference.aspect), difference.found, difference.expected))
        have |= {"port 6379 (Ray)": 'taken by "nginx"'}
        assert next(d.found for d in ports.diff(have, ports.want())) == 'taken by "nginx"'
    assert found == {("ports", "taken by the cluster blue, of provision", "free")}


def test_a_unit_file_is_removed_only_where_it_says_whose_it_is(tmp_path: Path) -> None:
    texts = {
        "ours": f"[Unit]\nDescription=provision: {CLUSTER}/gpu-01/ray\n",
        "foreign": "[Unit]\nDescription=somebody's\n",
        "speaks of it": f"# Description=provision: {CLUSTER}/gpu-01/ray\n",
        "other host": f"[Unit]\nDescription=provision: {CLUSTER}/gpu-011/ray\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "masked").symlink_to("/dev/null")
    (tmp_path / "a link").symlink_to(tmp_path / "ours")
    variables = {"prefix": f"{CLUSTER}/gpu-01/", "only": "", "user": "", "here": str(tmp_path)}
    body = f'{shell("marked/library.sh")}\nfor f in "$here"/*; do ! not_ours "$f" || echo "${{f##*/}}"; done'
    assert run(Script(body, variables)).splitlines() == ["a link", "foreign", "other host", "speaks of it"]
