"""People's own checks on real hosts: pytest as they type it, and as `provision check --tests` runs it."""

import getpass
import json
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import bytecode
import pytest
from loopback import Sshds, Users, keygen, processes_with, wait_until

from provision.core.errors import Cancelled, ProvisionError, UsageError
from provision.core.finding import Known, Severity
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.testing.run import Results, run_tests

ROOT = Path(__file__).parents[2]
CHECKS = """
def test_that_passes(host):
    assert host.run("uname -s").stdout == "Linux\\n"

def test_that_fails(host):
    assert host.check_output("echo 4") == "8"
"""


class Bench:
    """A folder with an inventory of real hosts and the files of a person's tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tests = folder / "tests"
        self.tests.mkdir()
        self.inventory = folder / "inventory.yaml"

    def write(self, text: str, name: str = "my_checks.py") -> Path:
        path = self.tests / name
        path.write_text(text)
        return path

    def name(self, *hosts: Host, more: Mapping[str, object] | None = None) -> None:
        """Writes the inventory: the first host is the head."""
        listed = {
            host.name: {
                "address": host.address,
                "role": "worker" if index else "head",
                "node_ip": f"10.0.0.{index + 1}",
                "sudo": host.sudo,
                "ssh": host.ssh.model_dump(exclude_none=True),
            }
            for index, host in enumerate(hosts)
        }
        # JSON is YAML.
        self.inventory.write_text(json.dumps({"cluster": "own", "hosts": listed, **(more or {})}))

    def pytest(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).parent / "pytest", "-v", "--color=no", "-p", "no:cacheprovider", *arguments],
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def typed(self, line: str) -> subprocess.CompletedProcess[str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "NO_COLOR": "1", "PROVISION_STATE_DIR": str(self.folder / "state")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def check(self, **how: object) -> Results:
        return run_tests(self.inventory, self.tests, **how)  # type: ignore[arg-type]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    folder = tmp_path / "own"
    folder.mkdir()
    return Bench(folder)


def findings(results: Results) -> list[tuple[str, str]]:
    return [(finding.host, finding.fact) for finding in results.findings]


def counted(done: subprocess.CompletedProcess[str], text: str) -> bool:
    return bool(re.search(rf"^=+ {text} in ", done.stdout, re.MULTILINE))


def test_each_test_runs_on_each_host_of_the_inventory_over_its_own_settings(
    bench: Bench, make_host: Callable[..., Host]
) -> None:
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    bench.write(CHECKS)
    done = bench.pytest("--inventory", "inventory.yaml", "tests/my_checks.py")
    assert done.returncode == 1, done.stdout + done.stderr
    for host in ("gpu-01", "gpu-02"):
        assert re.search(rf"test_that_passes\[{host}\] PASSED", done.stdout)
        assert re.search(rf"test_that_fails\[{host}\] FAILED", done.stdout)


def test_one_connection_per_host_serves_a_whole_session(bench: Bench, sshds: Sshds) -> None:
    server = sshds.start()
    sshds.trust(server)
    bench.name(sshds.host(server, "gpu-01"))
    bench.write("def test_a(host):\n    host.run('true')\n\ndef test_b(host):\n    host.run('true')\n", "a_checks.py")
    bench.write("def test_c(host):\n    host.run('true')\n", "b_checks.py")
    assert bench.check().findings == ()
    assert server.logins == 1


def test_the_connections_are_closed_at_the_end(bench: Bench, sshds: Sshds) -> None:
    server = sshds.start()
    sshds.trust(server)
    bench.name(sshds.host(server, "gpu-01"))
    bench.write(CHECKS)
    bench.pytest("--inventory", "inventory.yaml", "tests/my_checks.py")
    assert wait_until(lambda: not server.connections(), 5)


def test_a_host_that_does_not_answer_is_named_and_the_others_are_tested(
    bench: Bench, make_host: Callable[..., Host], sshds: Sshds
) -> None:
    sound, gone = make_host(name="gpu-01"), make_host(name="gpu-02")
    sshds.running[1].stop()
    bench.name(sound, gone)
    bench.write(CHECKS)
    done = bench.pytest("--inventory", "inventory.yaml", "tests/my_checks.py")
    assert counted(done, "1 failed, 1 passed, 2 errors"), done.stdout
    assert f"error: gpu-02: nothing listens on port {gone.ssh.port} of `{gone.address}`" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_host_whose_key_is_not_the_pinned_one_is_not_logged_in_to(
    bench: Bench, make_host: Callable[..., Host], sshds: Sshds, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "other")
    pinned = " ".join(Path(f"{other}.pub").read_text().split()[:2])
    bench.name(make_host(name="gpu-01", host_key=pinned))
    bench.write(CHECKS)
    results = bench.check()
    assert findings(results) == [("gpu-01", "tests")]
    assert "host key" in results.findings[0].message
    assert sshds.running[0].logins == 0


def test_a_pinned_key_is_enough_without_known_hosts(bench: Bench, sshds: Sshds) -> None:
    server = sshds.start()
    bench.name(sshds.host(server, "gpu-01", host_key=server.host_key))
    bench.write("def test_it(host):\n    assert host.run('true').rc == 0\n")
    assert bench.check().findings == ()


def test_a_host_that_nobody_vouched_for_is_not_logged_in_to(bench: Bench, sshds: Sshds) -> None:
    server = sshds.start()
    bench.name(sshds.host(server, "gpu-01"))
    bench.write(CHECKS)
    results = bench.check()
    assert findings(results) == [("gpu-01", "tests")]
    assert "provision trust" in results.findings[0].hint
    assert server.logins == 0


def test_a_limit_chooses_hosts_as_on_the_command_line(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    bench.write("def test_it(host):\n    pass\n")
    done = bench.pytest("--inventory=inventory.yaml", "--inventory-limit", "work*", "tests/my_checks.py")
    assert "test_it[gpu-02] PASSED" in done.stdout
    assert "gpu-01" not in done.stdout
    wrong = bench.pytest("--inventory=inventory.yaml", "--inventory-limit", "gpu-9", "tests/my_checks.py")
    assert wrong.returncode == 4
    assert "--inventory-limit `gpu-9` matches no host" in wrong.stderr


def test_a_test_can_ask_for_a_role_and_for_what_the_inventory_says(
    bench: Bench, make_host: Callable[..., Host]
) -> None:
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    bench.write("""
import pytest

@pytest.mark.role("head")
def test_only_here(host, node, inventory):
    assert node.name == inventory.head.name == host.backend.get_hostname()

def test_once(inventory):
    assert len(inventory.hosts) == 2

@pytest.mark.role("nobody")
def test_nowhere(host):
    assert False
""")
    done = bench.pytest("--inventory", "inventory.yaml", "--strict-markers", "tests/my_checks.py")
    assert counted(done, "2 passed, 1 skipped"), done.stdout
    assert "test_only_here[gpu-01] PASSED" in done.stdout


def test_what_commands_print_arrives_as_they_print_it(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"))
    bench.write(r"""
def test_no_final_newline(host):
    assert host.run("printf abc").stdout == "abc"
    assert host.run("printf 'abc\n\n'").stdout == "abc\n\n"
    assert host.run("true").stdout == ""

def test_both_streams_and_the_exit_code(host):
    done = host.run("echo out; echo err >&2; exit 3")
    assert (done.rc, done.stdout, done.stderr) == (3, "out\n", "err\n")

def test_text_in_any_language(host):
    assert host.run("printf 'gr\\303\\274n\\n'").stdout == "grün\n"
    assert host.run("printf 'gr\\303\\274n\\n'").stdout_bytes.decode() == "grün\n"

def test_bytes_that_are_no_text(host):
    assert host.run("printf 'a\\377\\000b'").stdout.startswith("a\ufffd")

def test_quoting(host):
    assert host.run("printf %s", "it's; $HOME").stdout == "it's; $HOME"

def test_no_sh_at_all(host):
    assert host.run("if then (").rc == 2

def test_a_shell_that_was_killed(host):
    assert host.run("kill -9 $$").rc != 0
    assert host.run("true").rc == 0

def test_modules(host):
    assert host.file("/etc/passwd").is_file
    assert not host.package("nonesuch").is_installed
    assert host.file("/etc/hostname").content == open("/etc/hostname", "rb").read()
""")
    assert bench.check().findings == ()


def test_a_command_that_does_not_end_is_ended(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"))
    bench.write('def test_it(host):\n    host.run("echo so far; sleep 1000", timeout=1)\n')
    [finding] = bench.check().findings
    assert "was still running after 1 s and was stopped" in finding.found


def test_the_results_are_findings_and_cells(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    bench.write("""
import pytest

@pytest.mark.parametrize("cores", [1, 9999])
def test_cores(host, cores):
    assert int(host.check_output("nproc")) >= cores

@pytest.mark.skip
def test_later(host):
    assert False

@pytest.fixture
def broken(host):
    raise RuntimeError("no such luck")

@pytest.mark.role("worker")
def test_on_something_broken(broken):
    pass
""")
    results = bench.check()
    assert sorted(findings(results)) == [
        ("gpu-01", "my_checks.py::test_cores[9999]"),
        ("gpu-02", "my_checks.py::test_cores[9999]"),
        ("gpu-02", "my_checks.py::test_on_something_broken"),
    ]
    first, _, broken = sorted(results.findings, key=lambda finding: (finding.host, finding.fact))
    assert (first.area, first.severity, first.expected) == ("tests", Severity.DRIFT, "passes")
    assert first.found.startswith("assert ")
    assert any("nproc" in line for line in first.evidence)
    assert broken.message == "my_checks.py::test_on_something_broken could not run: RuntimeError: no such luck"
    cells = {
        Known("tests", "my_checks.py::test_cores[1]", "passed"),
        Known("tests", "my_checks.py::test_cores[9999]", "failed"),
    }
    assert set(results.known["gpu-01"]) == cells
    assert set(results.known["gpu-02"]) - cells == {Known("tests", "my_checks.py::test_on_something_broken", "failed")}


def test_the_hint_of_a_failed_test_runs_it_alone(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    bench.write(CHECKS)
    [finding] = bench.check(hosts=["gpu-02"]).findings
    again = bench.typed(finding.hint)
    assert counted(again, "1 failed"), again.stdout + again.stderr
    assert "test_that_fails[gpu-02]" in again.stdout


def test_nothing_is_written_beside_the_tests_and_no_settings_are_taken_from_there(
    bench: Bench, make_host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch
) -> None:
    bytecode.kept(monkeypatch)
    bench.name(make_host(name="gpu-01"))
    bench.write("import shared\n\ndef test_it(host):\n    assert shared.YES\n", "test_it.py")
    bench.write("YES = True\n", "shared.py")
    bench.write("[pytest]\naddopts = --nonesuch\n", "pytest.ini")
    before = sorted(bench.tests.rglob("*"))
    assert bench.check().findings == ()
    assert sorted(bench.tests.rglob("*")) == before


def test_one_file_can_be_named_instead_of_a_folder(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"))
    path = bench.write(CHECKS, "anything.py")
    assert findings(run_tests(bench.inventory, path)) == [("gpu-01", "anything.py::test_that_fails")]


def test_a_file_that_does_not_load_is_named_with_its_error(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"))
    bench.write("import nonesuch\n")
    with pytest.raises(ProvisionError, match=r"my_checks\.py cannot be loaded") as caught:
        bench.check()
    assert any("nonesuch" in line for line in caught.value.evidence)


def test_a_folder_without_tests_is_not_taken_for_one_that_passes(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"))
    bench.write("def test_it(host):\n    pass\n", "other.py")
    with pytest.raises(UsageError, match="holds no tests"):
        bench.check()
    with pytest.raises(UsageError, match="does not exist"):
        run_tests(bench.inventory, bench.tests / "none")


def test_an_inventory_that_does_not_load_is_answered_as_on_the_command_line(bench: Bench) -> None:
    bench.inventory.write_text("cluster: own\nhosts:\n  gpu-01: {adress: 10.0.0.1, role: head}\n")
    bench.write(CHECKS)
    done = bench.pytest("--inventory", "inventory.yaml", "tests/my_checks.py")
    assert done.returncode == 4
    assert "error: inventory.yaml:3:12: hosts.gpu-01: unknown key `adress`" in done.stderr
    assert "hint: did you mean `address`?" in done.stderr


def test_commands_run_as_root_where_the_inventory_says_sudo_and_the_password_is_not_shown(
    bench: Bench, make_host: Callable[..., Host], user: Users
) -> None:
    password = "kept-4-myself"
    name = user.make(password=password, sudoers="ALL=(ALL) ALL")
    bench.name(make_host(name="gpu-01", user=name, sudo=True), more={"sudo_password": {"env": "THE_PASSWORD"}})
    bench.write(f"""
def test_who(host):
    assert host.check_output("id -un") == "root"

def test_that_prints_it(host):
    assert host.check_output("echo kept-4-{""}myself") == "something else"
""")
    done = bench.pytest("--inventory", "inventory.yaml", "tests/my_checks.py", env={"THE_PASSWORD": password})
    assert counted(done, "1 failed, 1 passed"), done.stdout
    assert "********" in done.stdout


def test_a_session_without_an_inventory_is_as_if_the_plugin_were_not_there(bench: Bench) -> None:
    bench.write("""
import sys

import pytest

@pytest.fixture
def node():
    return "mine"

def test_it(node, request):
    assert node == "mine"
    with pytest.raises(pytest.FixtureLookupError):
        request.getfixturevalue("inventory")

def test_local(host):
    assert host.backend.NAME == "local"

def test_nothing_was_loaded():
    heavy = {"provision.inventory.models", "provision.transport", "provision.testing.checks", "paramiko", "yaml"}
    assert not heavy & set(sys.modules)
""")
    bench.write("def pytest_addoption(parser):\n    parser.addoption('--inventory-of', dest='of')\n", "conftest.py")
    done = bench.pytest("tests/my_checks.py")
    assert counted(done, "3 passed"), done.stdout + done.stderr


def test_somebody_elses_inventory_option_is_left_to_them(bench: Bench) -> None:
    bench.write("def pytest_addoption(parser):\n    parser.addoption('--inventory')\n", "conftest.py")
    bench.write("def test_it(request):\n    assert request.config.getoption('--inventory') is None\n")
    assert counted(bench.pytest("tests/my_checks.py"), "1 passed")
    off = bench.pytest("-p", "no:provision.testing", "--inventory", "theirs", "tests/my_checks.py")
    assert "'theirs' is None" in off.stdout, off.stdout + off.stderr


def test_a_sudo_password_that_was_typed_reaches_the_tests_and_no_command_line(
    bench: Bench, make_host: Callable[..., Host], user: Users
) -> None:
    password = f"typed-{uuid.uuid4().hex}"
    name = user.make(password=password, sudoers="ALL=(ALL) ALL")
    bench.name(make_host(name="gpu-01", user=name, sudo=True))
    bench.write("""
from pathlib import Path

def test_who(host):
    assert host.check_output("id -un") == "root"

def test_nobody_sees_it():
    for place in ("cmdline", "environ"):
        assert "typed-" not in Path("/proc/self", place).read_text()
""")
    assert bench.check(sudo_password=Secret(password)).findings == ()


def test_a_host_where_sudo_refuses_is_one_finding(bench: Bench, make_host: Callable[..., Host], user: Users) -> None:
    bench.name(make_host(name="gpu-01", user=user.make(), sudo=True))
    bench.write(CHECKS)
    [finding] = bench.check().findings
    assert (finding.host, finding.fact) == ("gpu-01", "tests")
    assert "sudo" in finding.message
    assert finding.hint


def test_the_document_shows_what_works(bench: Bench, make_host: Callable[..., Host]) -> None:
    document = (ROOT / "docs" / "own-checks.md").read_text()
    [checks] = re.findall(r"^```python\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    [commands] = re.findall(r"^```sh\n(.*?)^```", document, re.MULTILINE | re.DOTALL)
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    (bench.folder / "my_checks.py").write_text(checks)
    everything, some, check = commands.splitlines()
    done = bench.typed(everything)
    assert counted(done, "5 passed"), done.stdout + done.stderr
    done = bench.typed(some)
    assert counted(done, "2 passed, 3 deselected"), done.stdout + done.stderr
    # The rest of a check has much to say of hosts without GPUs.
    done = bench.typed(f"{check} --only tests")
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_tells_of_own_tests_as_of_everything_else(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"), make_host(name="gpu-02"))
    bench.write(CHECKS)
    done = bench.typed("provision check inventory.yaml --tests tests --only tests --json")
    assert done.returncode == 3, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[-1])["report"]
    assert [(finding["host"], finding["fact"], finding["severity"]) for finding in report["findings"]] == [
        ("gpu-01", "my_checks.py::test_that_fails", "drift"),
        ("gpu-02", "my_checks.py::test_that_fails", "drift"),
    ]
    passed = {"area": "tests", "fact": "my_checks.py::test_that_passes", "value": "passed", "lasting": True}
    assert all(passed in report["known"][host] for host in ("gpu-01", "gpu-02"))
    shown = bench.typed("provision check inventory.yaml --tests tests --only tests")
    assert "my_checks.py::test_that_fails failed: assert '4' == '8'" in shown.stdout + shown.stderr


def test_a_check_that_is_cancelled_leaves_nothing_running(bench: Bench, make_host: Callable[..., Host]) -> None:
    word = f"sleep 12{uuid.uuid4().int % 10**9}"
    bench.name(make_host(name="gpu-01"))
    bench.write(f"def test_it(host):\n    host.run('{word}')\n")
    cancel = threading.Event()
    watch = threading.Thread(
        target=lambda: wait_until(lambda: processes_with(word.replace(" ", "\0"))) and cancel.set()
    )
    watch.start()
    with pytest.raises(Cancelled):
        bench.check(cancel=cancel)
    watch.join()
    assert cancel.is_set()
    assert wait_until(lambda: not processes_with(word.replace(" ", "\0")))


def test_where_testinfra_is_not_installed_the_hint_says_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("provision.testing.run.find_spec", lambda name: None if name == "testinfra" else object())
    with pytest.raises(ProvisionError, match="testinfra, not installed") as caught:
        bench.check()
    assert caught.value.hint == "pip install 'provision-llm[testing]'"


def test_a_host_behind_a_jump_host_is_reached_through_it(bench: Bench, sshds: Sshds, tmp_path: Path) -> None:
    jump, behind = sshds.start(), sshds.start()
    sshds.trust(jump)
    sshds.trust(behind)
    me = getpass.getuser()
    config = tmp_path / "ssh_config"
    config.write_text(f"Host {jump.address}\n  IdentityFile {sshds.key}\n  UserKnownHostsFile {sshds.known_hosts}\n")
    where = f"{me}@{jump.address}:{jump.port}"
    bench.name(sshds.host(behind, "gpu-01", jump=where, config=str(config)))
    bench.write("def test_it(host):\n    assert host.run('true').succeeded\n")
    assert bench.check().findings == ()
    assert (jump.logins, behind.logins) == (1, 1)


def test_two_inventories_of_two_tools_contradict_each_other(bench: Bench, make_host: Callable[..., Host]) -> None:
    bench.name(make_host(name="gpu-01"))
    bench.write(CHECKS)
    done = bench.pytest("--inventory", "inventory.yaml", "--hosts", "gpu-01", "tests/my_checks.py")
    assert done.returncode == 4
    assert "--inventory and testinfra's --hosts contradict each other" in done.stderr
