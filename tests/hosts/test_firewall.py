"""What `provision firewall --apply` closes on hosts with listeners that stand in for Ray and the ranks, seen from a
host of the cluster and from one that is not; and that nothing else is closed, nor anybody locked out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from loopback import wait_until

import provision
from provision.core.errors import ConnectTimeout
from provision.core.events import Event, StepDone
from provision.core.report import Report
from provision.lab import Lab, firewall
from provision.lab.state import load
from provision.resources import firewall as resource
from provision.stack import closing
from provision.transport import Transport

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab", "nft"),
]

#: Binds each port on every address of both families, and answers nobody.
SERVER = """
import socket, sys, time
open_ = [socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) for port in sys.argv[1:]]
print("listening", flush=True)
time.sleep(3600)
"""
#: How each of the endpoints answers: `open`, `closed` (nothing listens), `dropped` (silence).
CLIENT = """
import socket, sys
from concurrent.futures import ThreadPoolExecutor
def look(text):
    host, port = text.rsplit(",", 1)
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except ConnectionRefusedError:
        return "closed"
    except TimeoutError:
        return "dropped"
    return "open"
with ThreadPoolExecutor(32) as pool:
    print(*pool.map(look, sys.argv[1:]))
"""
#: What stands in for what, on the head: port, what listens there, whether a stranger still reaches it afterwards.
OURS = (
    (6379, "Ray's GCS", False),
    (6380, "Ray's node manager", False),
    (52365, "Ray's dashboard agent", False),
    (20000, "Ray's first worker port", False),
    (20999, "Ray's last worker port", False),
    (43210, "a rank: TCPStore, ZeroMQ, NCCL or Gloo", False),
    (51017, "the all-reduce", False),
    (8000, "the model's API", True),
)
OTHERS = ((9090, "another program", True), (50051, "another program, on an ephemeral port", True))
SSH = (22, "sshd", True)
DOCUMENT = Path(__file__).parents[2] / "docs" / "firewall.md"
BEGIN, END = "<!-- made by tests/hosts/test_firewall.py -->\n", "<!-- end of the scan -->\n"


@dataclass
class Cluster:
    """Two hosts of three, as an inventory has them."""

    lab: Lab
    path: Path

    def apply(self) -> int:
        return provision.set_firewall(provision.load(self.path)).exit_code

    def remove(self) -> int:
        return provision.set_firewall(provision.load(self.path), remove=True).exit_code

    def check(self) -> Report:
        return provision.check(provision.load(self.path), areas=["network"])

    def says(self) -> list[str]:
        """What a check finds of the firewall."""
        return [f"{f.host}: {f.message}" for f in self.check().findings if "firewall" in f.fact]


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "provision"), "firewall", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Three hosts with two networks each. The first listens; each has an address of IPv6, too."""
    lab = Lab(name=f"test-firewall-{os.getpid()}")
    state = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVISION_STATE_DIR", str(state))
        try:
            lab.up(hosts=3, gpus=1, fabric=True, settings={"sudo": True})
            for number in (1, 2, 3):
                run(lab, f"lab-{number}", "ip", "-6", "addr", "add", f"fd00::{number}/64", "dev", "eth0", "nodad")
            serve(lab, "lab-1", OURS, mark="one/lab-1/ray")
            serve(lab, "lab-1", OTHERS)
            yield lab
        finally:
            lab.down()


def serve(lab: Lab, host: str, ports: Any, mark: str = "") -> None:
    numbers = " ".join(str(port) for port, *_ in ports)
    env = f"PROVISION_SERVICE={mark} " if mark else ""
    said = f"/tmp/said-{numbers.split()[0]}"
    run(lab, host, "sh", "-c", f"{env}setsid python3 -c '{SERVER}' {numbers} </dev/null >{said} 2>&1 &")
    assert wait_until(lambda: "listening" in run(lab, host, "cat", said)), run(lab, host, "cat", said)


def run(lab: Lab, host: str, *argv: str) -> str:
    done = lab.host(host).exec(argv)
    return done.stdout + done.stderr


def cluster(lab: Lab, name: str, hosts: tuple[str, ...], **more: Any) -> Cluster:
    said = yaml.safe_load(lab.inventory.read_text())
    said["cluster"] = name
    said["hosts"] = {host: {**said["hosts"][host], "role": "worker"} for host in hosts}
    said["hosts"][hosts[0]]["role"] = "head"
    path = lab.inventory.with_name(f"{name}.yaml")
    path.write_text(yaml.safe_dump({**said, "serve": {"model": "m", "port": 8000}, **more}))
    return Cluster(lab, path)


@pytest.fixture(scope="module")
def one(lab: Lab) -> Cluster:
    return cluster(lab, "one", ("lab-1", "lab-2"))


def looks(lab: Lab, host: str, ports: Any, address: str | None = None) -> dict[int, str]:
    """Port → what `host` sees of the head there."""
    where = address or lab.host("lab-1").fabric_address
    numbers = [port for port, *_ in ports]
    printed = run(lab, host, "python3", "-c", CLIENT, *(f"{where},{port}" for port in numbers))
    return dict(zip(numbers, printed.split(), strict=True))


def every(lab: Lab, host: str, address: str | None = None) -> dict[int, str]:
    return looks(lab, host, (*OURS, *OTHERS, SSH), address)


def ruleset(lab: Lab, host: str) -> str:
    """Without its counters."""
    return run(lab, host, "nft", "-s", "list", "ruleset")


def rows(before: dict[int, str], after: dict[int, str], inside: dict[int, str]) -> str:
    head = "| port | listens there | before | after | from the cluster, after |\n|---|---|---|---|---|\n"
    told = ((port, what) for port, what, _ in (*OURS, *OTHERS, SSH))
    return head + "".join(f"| {p} | {what} | {before[p]} | {after[p]} | {inside[p]} |\n" for p, what in told)


@pytest.fixture(scope="module")
def scanned(lab: Lab, one: Cluster) -> tuple[dict[int, str], dict[int, str], dict[int, str]]:
    """What a stranger sees before and after `--apply`, and a host of the cluster after it; a table of somebody else is
    there, too."""
    run(lab, "lab-1", "nft", "add", "table", "inet", "theirs")
    run(lab, "lab-1", "nft", "add", "chain", "inet", "theirs", "input", "{ type filter hook input priority 0; }")
    run(lab, "lab-1", "nft", "add", "rule", "inet", "theirs", "input", "tcp", "dport", "9", "drop")
    before = every(lab, "lab-3")
    done = typed(str(one.path), "--apply")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "firewall: 2 changes made" in done.stdout
    return before, every(lab, "lab-3"), every(lab, "lab-2")


Scan = tuple[dict[int, str], dict[int, str], dict[int, str]]


def test_strangers_reach_what_is_not_the_clusters_and_its_api(scanned: Scan) -> None:
    before, after, inside = scanned
    assert set(before.values()) == {"open"}
    assert after == {port: "open" if stays else "dropped" for port, _, stays in (*OURS, *OTHERS, SSH)}
    assert set(inside.values()) == {"open"}


def test_the_document_shows_what_was_seen(scanned: Scan) -> None:
    text = DOCUMENT.read_text()
    before, _, rest = text.partition(BEGIN)
    shown, _, after = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{BEGIN}{rows(*scanned)}{END}{after}")
    else:
        assert shown == rows(*scanned), "run this test with WRITE_DOCS=1 in the environment to write the table anew"


def test_a_look_from_outside_says_so(lab: Lab, one: Cluster, scanned: Scan) -> None:
    """From another host, and from here; that of a host of the cluster would say nothing."""
    for option in (["--look"], ["--look-from", f"ops@{lab.host('lab-3').address}"]):
        done = typed(str(one.path), *option, "--json")
        assert done.returncode == 0, done.stderr
        tried = json.loads(done.stdout.splitlines()[-1])["tried"]
        assert {t["port"] for t in tried} == {port for port, *_ in OURS}
        assert {t["port"] for t in tried if t["answer"] == "open"} == {8000}
    refused = typed(str(one.path), "--look-from", "lab-2")
    assert (refused.returncode, "lab-2 is of the cluster" in refused.stderr) == (2, True)


def test_the_other_network_loopback_and_ipv6_are_treated_alike(lab: Lab, scanned: Scan) -> None:
    assert every(lab, "lab-3", lab.host("lab-1").address) == scanned[1]
    assert every(lab, "lab-3", "fd00::1") == scanned[1]
    assert set(every(lab, "lab-1").values()) == {"open"}
    assert set(every(lab, "lab-1", "127.0.0.1").values()) == {"open"}


def test_what_the_host_itself_connects_to_goes_on(lab: Lab, scanned: Scan) -> None:
    """From a port among those that are closed, to a host outside."""
    there = lab.host("lab-3").fabric_address
    client = f"import socket; s = socket.create_connection(('{there}', 22), 3, ('', 40000)); print(s.recv(4))"
    assert "SSH-" in run(lab, "lab-1", "python3", "-c", client)


def test_another_time_nothing_changes_and_nobody_elses_table_has(lab: Lab, one: Cluster, scanned: Scan) -> None:
    rules = ruleset(lab, "lab-1")
    assert "table inet theirs" in rules
    done = typed(str(one.path), "--apply")
    assert (done.returncode, "nothing to change" in done.stdout) == (0, True), done.stdout
    assert ruleset(lab, "lab-1") == rules
    assert one.says() == []
    assert ruleset(lab, "lab-1") == rules


def test_check_names_what_is_off_or_changed_and_apply_repairs_it(lab: Lab, one: Cluster, scanned: Scan) -> None:
    run(lab, "lab-1", "nft", "delete", "table", "inet", "provision_one")
    run(lab, "lab-2", "nft", "insert", "rule", "inet", "provision_one", "strangers", "accept")
    assert one.says() == [
        "lab-1: firewall is `off`, the inventory expects `on`",
        "lab-2: firewall is `changed by hand`, the inventory expects `on`",
    ]
    assert one.apply() == 0
    assert one.says() == []
    assert every(lab, "lab-3") == scanned[1]


def test_a_reboot_loads_it_again(lab: Lab, one: Cluster, scanned: Scan) -> None:
    """A host's network namespace outlives it here: so its tables are flushed while it is off."""
    host, state = lab.host("lab-2"), load(lab.directory)
    assert state is not None
    host.kill()
    firewall.in_network(state.hosts[1], ["nft", "flush", "ruleset"])
    host.start()
    assert wait_until(lambda: "provision_one" in ruleset(lab, "lab-2"))
    assert one.says() == []


def test_a_second_cluster_on_the_host_has_a_table_of_its_own(lab: Lab, one: Cluster, scanned: Scan) -> None:
    """It has its first host in common with the other one, and other ports; its ranks may meet there."""
    ports = {"port": 7379, "node_manager_port": 7380, "min_worker_port": 21000, "max_worker_port": 21999}
    serve(lab, "lab-1", [(7379, "")], mark="two/lab-1/ray")
    serve(lab, "lab-1", [(44444, "")], mark="two/lab-1/vllm")
    two = cluster(lab, "two", ("lab-1", "lab-3"), ray=ports, serve={"model": "m", "port": 8001})
    assert two.apply() == 0
    assert [name for name in ("provision_one", "provision_two", "theirs") if name in ruleset(lab, "lab-1")] == [
        "provision_one",
        "provision_two",
        "theirs",
    ]
    assert (one.says(), two.says()) == ([], [])
    seen = looks(lab, "lab-3", [(7379, ""), (44444, ""), (6379, ""), (20000, "")])
    assert seen == {7379: "open", 44444: "open", 6379: "dropped", 20000: "dropped"}
    assert looks(lab, "lab-2", [(7379, ""), (44444, ""), (6379, "")]) == {7379: "dropped", 44444: "open", 6379: "open"}
    assert two.remove() == 0
    assert "provision_two" not in ruleset(lab, "lab-1")
    assert looks(lab, "lab-3", [(6379, ""), (44444, "")]) == {6379: "dropped", 44444: "dropped"}
    assert one.says() == []
    assert one.apply() == 0


def test_only_those_that_the_inventory_names_reach_the_api(lab: Lab, scanned: Scan) -> None:
    """And the controller, whatever it says; so the cluster's own hosts."""
    nobody = cluster(lab, "one", ("lab-1", "lab-2"), firewall={"api_from": ["192.0.2.0/24"], "leave": [20999]})
    assert nobody.apply() == 0
    assert looks(lab, "lab-3", [(8000, ""), (20999, ""), (20000, "")]) == {
        8000: "dropped",
        20999: "open",
        20000: "dropped",
    }
    assert looks(lab, "lab-2", [(8000, "")]) == {8000: "open"}
    controller = f"import socket; socket.create_connection(('{lab.host('lab-1').address}', 8000), 2)"
    assert subprocess.run([sys.executable, "-c", controller], check=False).returncode == 0
    users = f"{lab.host('lab-3').fabric_address}/32"
    cluster(lab, "one", ("lab-1", "lab-2"), firewall={"api_from": [users]}).apply()
    assert looks(lab, "lab-3", [(8000, "")]) == {8000: "open"}


class Steps:
    """When the table was loaded, in monotonic seconds."""

    def __init__(self) -> None:
        self.errors: list[str] = []

    def __call__(self, event: Event) -> None:
        assert not isinstance(event, StepDone), "it was not confirmed"


def on_trial(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Report:
    """Sets a table that nobody confirms: the controller gets no second connection, as if it were locked out."""

    def another(*_: object) -> None:
        raise ConnectTimeout("lab-2", "no answer from lab-2", hint="is it up")

    monkeypatch.setattr(Transport, "another", another)
    monkeypatch.setattr(resource, "TRIAL", 2)
    made = cluster(lab, "trial", ("lab-2",))
    return provision.set_firewall(provision.load(made.path), listener=Steps())


def gone(lab: Lab) -> bool:
    return "provision_trial" not in ruleset(lab, "lab-2")


def test_a_confirmation_that_comes_too_late_is_none(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """By then the host is back at the table of before, which must not pass for the new one."""
    assert cluster(lab, "one", ("lab-1", "lab-2")).apply() == 0
    another = Transport.another

    def late(*of: Any) -> Any:
        assert wait_until(lambda: "trial" not in run(lab, "lab-2", "ls", "/etc/provision/firewall"))
        return another(*of)

    monkeypatch.setattr(Transport, "another", late)
    monkeypatch.setattr(resource, "TRIAL", 2)
    made = cluster(lab, "one", ("lab-1", "lab-2"), firewall={"leave": [20777]})
    report = provision.set_firewall(provision.load(made.path), limit=["lab-2"])
    assert report.exit_code == 1
    assert report.hosts[0].errors[0].message == "firewall: could not be confirmed; the host takes it back by itself"


@pytest.mark.parametrize("systemd", [True, False])
def test_a_host_takes_back_what_is_not_confirmed(lab: Lab, monkeypatch: pytest.MonkeyPatch, systemd: bool) -> None:
    """By a timer of systemd; without it, by a process that waits."""
    if not systemd:
        run(lab, "lab-2", "mv", "/usr/bin/systemctl", "/usr/bin/systemctl.away")
        table = closing.table
        monkeypatch.setattr(closing, "table", lambda *of: replace(table(*of), systemd=False))
    try:
        report = on_trial(lab, monkeypatch)
        assert report.exit_code == 1
        (error,) = report.hosts[0].errors
        assert error.message == "firewall: no other connection could be opened; the host takes it back by itself"
        assert wait_until(lambda: gone(lab))
        assert wait_until(lambda: "provision_trial" not in run(lab, "lab-2", "ls", "/etc/provision/firewall"))
    finally:
        if not systemd:
            run(lab, "lab-2", "mv", "/usr/bin/systemctl.away", "/usr/bin/systemctl")


def restart(lab: Lab, name: str) -> None:
    """A host's network namespace outlives it here: so its tables are flushed while it is off."""
    state = load(lab.directory)
    assert state is not None
    lab.host(name).kill()
    firewall.in_network(next(one for one in state.hosts if one.name == name), ["nft", "flush", "ruleset"])
    lab.host(name).start()


def test_a_host_that_restarts_during_the_trial_is_closed_again_and_check_says_what_it_is(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was confirmed before is loaded; of what was on trial nobody knows whether it locks somebody out."""
    assert cluster(lab, "one", ("lab-1", "lab-2")).apply() == 0
    made = cluster(lab, "one", ("lab-1", "lab-2"), firewall={"leave": [20777]})

    def cut(*_: Any) -> Any:
        restart(lab, "lab-2")
        raise ConnectTimeout("lab-2", "it is restarting")

    monkeypatch.setattr(Transport, "another", cut)
    assert provision.set_firewall(provision.load(made.path), limit=["lab-2"]).exit_code == 1
    monkeypatch.undo()
    assert wait_until(lambda: "provision_one" in ruleset(lab, "lab-2"))
    assert "20777" not in ruleset(lab, "lab-2")
    assert [text for text in made.says() if text.startswith("lab-2: ")]
    assert made.apply() == 0
    assert made.says() == [] and "20777" in ruleset(lab, "lab-2")
    restart(lab, "lab-2")
    assert wait_until(lambda: "20777" in ruleset(lab, "lab-2"))
    assert made.says() == []
    assert cluster(lab, "one", ("lab-1", "lab-2")).apply() == 0


def test_one_that_would_not_be_loaded_at_boot_is_named_and_repaired(lab: Lab) -> None:
    made = cluster(lab, "one", ("lab-1", "lab-2"))
    assert made.apply() == 0
    run(lab, "lab-2", "systemctl", "disable", "provision-firewall.service")
    assert any("at boot" in text for text in made.says()), made.says()
    assert made.apply() == 0 and made.says() == []


def test_a_unit_of_somebody_elses_is_not_written_over(lab: Lab) -> None:
    made = cluster(lab, "one", ("lab-1", "lab-2"))
    file = "/etc/systemd/system/provision-firewall.service"
    run(lab, "lab-2", "cp", file, "/tmp/ours")
    theirs = "[Service]\nExecStart=/bin/true\n"
    run(lab, "lab-2", "sh", "-c", f"printf '{theirs}' > {file}; printf x > {file}.new; systemctl disable {file[20:]}")
    try:
        report = provision.set_firewall(provision.load(made.path), limit=["lab-2"])
        assert report.exit_code == 1
        assert f"{file} is not provision's" in "".join(report.hosts[0].errors[0].evidence)
        assert run(lab, "lab-2", "cat", file) == theirs.replace("\\n", "\n")
        assert run(lab, "lab-2", "cat", f"{file}.new") == "x"
    finally:
        run(lab, "lab-2", "sh", "-c", f"mv /tmp/ours {file}; rm -f {file}.new; systemctl daemon-reload")
    assert made.apply() == 0 and made.says() == []


def test_what_was_confirmed_before_comes_back(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """Here the new table does lock the controller out: it drops SSH."""
    assert cluster(lab, "one", ("lab-1", "lab-2")).apply() == 0
    rules = ruleset(lab, "lab-2")
    table = resource.table_of
    monkeypatch.setattr(
        resource, "table_of", lambda c: table(c).replace("tcp dport @left accept", "tcp dport 22 counter drop")
    )
    monkeypatch.setattr(resource, "TRIAL", 4)
    made = cluster(lab, "one", ("lab-1", "lab-2"), firewall={"leave": [20777]})
    said = yaml.safe_load(made.path.read_text())
    made.path.write_text(yaml.safe_dump({**said, "ssh": {**said["ssh"], "connect_timeout": 1}}))
    report = provision.set_firewall(provision.load(made.path), limit=["lab-2"])
    assert report.exit_code == 1
    assert "no other connection could be opened" in report.hosts[0].errors[0].message
    assert wait_until(lambda: ruleset(lab, "lab-2") == rules)
    monkeypatch.undo()
    assert cluster(lab, "one", ("lab-1", "lab-2")).says() == []


def test_a_host_without_nft_says_what_to_install(lab: Lab, one: Cluster) -> None:
    nft = run(lab, "lab-2", "sh", "-c", "command -v nft").strip()
    run(lab, "lab-2", "mv", nft, f"{nft}.away")
    try:
        done = typed(str(one.path), "--apply")
    finally:
        run(lab, "lab-2", "mv", f"{nft}.away", nft)
    assert done.returncode == 1
    assert "lab-2: there is no `nft` to set a firewall with" in done.stderr + done.stdout
    assert "apt install nftables" in done.stderr + done.stdout


def test_what_is_printed_is_the_same_table(lab: Lab, one: Cluster) -> None:
    said = json.loads(typed(str(one.path), "--json").stdout)
    assert said["nodes"] == {name: lab.host(name).fabric_address for name in ("lab-1", "lab-2")}
    printed = typed(str(one.path)).stdout
    run(lab, "lab-3", "sh", "-c", f"cat > /tmp/rules.nft <<'END'\n{printed}\nEND\nnft -f /tmp/rules.nft")
    assert "chain strangers" in ruleset(lab, "lab-3")
    run(lab, "lab-3", "nft", "delete", "table", "inet", said["closed"]["table"])


def test_iptables_takes_what_is_printed_for_it(lab: Lab, one: Cluster) -> None:
    """In the network of a host, by this machine's own."""
    state = load(lab.directory)
    assert state is not None
    commands = typed(str(one.path), "--format", "iptables").stdout
    for _ in range(2):
        firewall.in_network(state.hosts[2], ["sh", "-ec", commands])
    shown = firewall.in_network(state.hosts[2], ["iptables", "-S"]).stdout
    assert shown.count("-A INPUT") == 1
    assert "--dport 6379 -j DROP" in shown
    firewall.in_network(state.hosts[2], ["nft", "flush", "ruleset"])


@pytest.mark.needs("ufw")
def test_ufw_takes_the_commands(lab: Lab, one: Cluster) -> None:
    commands = typed(str(one.path), "--format", "ufw").stdout.replace("ufw allow", "ufw --dry-run allow")
    done = subprocess.run(["sh", "-ec", commands], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert f"-s {lab.host('lab-2').fabric_address} -j ACCEPT" in done.stdout


def test_a_host_that_cannot_be_asked_is_an_error(lab: Lab, one: Cluster) -> None:
    lab.host("lab-2").kill()
    try:
        done = typed(str(one.path))
    finally:
        lab.host("lab-2").start()
    assert done.returncode == 4
    assert (done.stdout, "lab-2" in done.stderr) == ("", True)


def test_down_takes_it_away_and_leaves_the_rest(lab: Lab, one: Cluster) -> None:
    assert one.apply() == 0
    first = provision.down(provision.load(one.path))
    assert first.exit_code == 0, first.errors
    assert [change for host in first.hosts for change in host.changes] == ["firewall", "firewall"]
    assert "provision" not in ruleset(lab, "lab-1")
    assert "table inet theirs" in ruleset(lab, "lab-1")
    for place in ("/etc/provision", "/etc/systemd/system/provision-firewall.service"):
        assert "No such file" in run(lab, "lab-1", "ls", place)
    assert set(every(lab, "lab-3").values()) == {"open"}
    looked = typed(str(one.path), "--look")
    assert looked.returncode == 3
    assert f"besides the API: `provision firewall {one.path} --apply` closes them" in looked.stdout
    second = provision.down(provision.load(one.path))
    assert not any(host.changes for host in second.hosts)
