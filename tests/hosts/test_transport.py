"""Batches over a real sshd: what comes back is what was printed, whatever was printed."""

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath

import pytest
from _pytest.mark import ParameterSet
from loopback import Sshds, wait_until

from provision.core.errors import Cancelled, ConnectionLost, ScriptFailed
from provision.core.script import Script
from provision.core.secret import Secret
from provision.inventory.models import Host
from provision.transport import Session, Transport

pytestmark = pytest.mark.hosts

MakeHost = Callable[..., Host]


@pytest.fixture
def session(make_host: MakeHost) -> Iterator[Session]:
    host = make_host()
    with Transport([host]) as transport:
        yield transport.connect(host)


def test_each_script_of_a_batch_has_its_own_output_and_exit_code(session: Session) -> None:
    first, second, third = session.run(
        [
            Script("echo one; echo oops >&2"),
            Script("echo two; exit 7", optional=True),
            Script('printf "%s|" "$x" "$y" "$p"', {"x": 'it\'s "$HOME" `id` \\ *', "y": 5, "p": PurePosixPath("/a b")}),
        ]
    )
    assert (first.rc, first.stdout, first.stderr) == (0, "one\n", "oops\n")
    assert (second.rc, second.stdout) == (7, "two\n")
    assert (third.rc, third.stdout) == (0, 'it\'s "$HOME" `id` \\ *|5|/a b|\n')
    assert (session.connections, session.commands) == (1, 1)


def test_a_batch_ends_at_the_first_script_that_fails_unless_it_is_optional(session: Session) -> None:
    assert [f.rc for f in session.run([Script("false", optional=True), Script("exit 3"), Script("true")])] == [
        1,
        3,
        None,
    ]


def test_a_script_that_is_not_sh_fails_alone(session: Session) -> None:
    bad, good = session.run([Script("if then ) {", optional=True), Script("echo still here")])
    assert bad.rc == 2
    assert "yntax error" in bad.stderr
    assert good.stdout == "still here\n"


def test_variables_and_functions_do_not_leak_from_one_script_to_the_next(session: Session) -> None:
    _, after = session.run(
        [
            Script("f() { :; }; cd /usr; umask 7; set -e", {"leak": "x"}),
            Script('echo "${leak-unset} $PWD"; f || echo gone'),
        ]
    )
    assert after.stdout.splitlines()[0].startswith("unset ")
    assert "/usr" not in after.stdout
    assert "gone" in after.stdout


@pytest.mark.parametrize(
    "leave", ["exit 5", "return 5", "set -e; (exit 5); echo not reached", "kill -KILL $$; sleep 9"]
)
def test_every_way_to_leave_a_script_is_seen(session: Session, leave: str) -> None:
    fragment, rest = session.run([Script(f"echo before\n{leave}\necho after"), Script("true")])
    assert fragment.rc == (137 if "KILL" in leave else 5)
    assert fragment.stdout == "before\n"
    assert rest.rc is None


def test_a_child_that_reads_standard_input_does_not_eat_the_next_script(session: Session) -> None:
    assert [f.stdout for f in session.run([Script("cat; read -r x; echo done"), Script("echo next")])] == [
        "done\n",
        "next\n",
    ]


def test_odd_output_arrives_whole(session: Session) -> None:
    crlf, binary, long, none = session.run(
        [
            Script(r"printf 'a\r\nb\r\n'"),
            Script(r"printf '\377\000\001x\n\036 begin 3\n'"),
            Script("head -c 3000000 /dev/zero | tr '\\0' x; printf 'y\\nz'"),
            Script("printf 'no newline'; printf 'none here' >&2"),
        ]
    )
    assert crlf.stdout == "a\nb\n"
    assert binary.stdout == "\ufffd\0\1x\n\036 begin 3\n"
    assert long.stdout == "x" * 3_000_000 + "y\nz\n"
    assert (none.stdout, none.stderr) == ("no newline\n", "none here\n")


def test_a_hundred_thousand_lines_arrive_in_order_on_both_streams(session: Session) -> None:
    heard: list[tuple[int, str, str]] = []
    (fragment,) = session.run([Script("seq 100000; seq 50000 >&2")], on_line=lambda *line: heard.append(line))
    assert fragment.stdout.split() == [str(n) for n in range(1, 100001)]
    assert fragment.stderr.split() == [str(n) for n in range(1, 50001)]
    assert [line for _, stream, line in heard if stream == "stderr"] == fragment.stderr.split()


def test_lines_are_heard_while_the_script_runs(session: Session, tmp_path) -> None:
    go = tmp_path / "go"

    def hear(index: int, stream: str, line: str) -> None:
        if line == "waiting":
            go.touch()

    (fragment,) = session.run(
        [Script('echo waiting; while [ ! -e "$go" ]; do sleep 0.02; done; echo went', {"go": go}, timeout=20)],
        on_line=hear,
    )
    assert fragment.stdout == "waiting\nwent\n"


def test_a_megabyte_of_script_and_two_hundred_scripts_are_one_command(session: Session) -> None:
    value = "é'x\n" * 220_000
    big, *small = session.run(
        [Script('printf %s "$v" | wc -c', {"v": value})] + [Script(f"echo {n}") for n in range(200)]
    )
    assert int(big.stdout) == len(value.encode())
    assert [f.stdout for f in small] == [f"{n}\n" for n in range(200)]
    assert session.commands == 1


def test_a_daemon_that_keeps_the_streams_open_does_not_keep_us(session: Session) -> None:
    done = threading.Event()

    def run() -> None:
        (fragment,) = session.run([Script("echo started; setsid sleep 20 & echo $!")])
        assert fragment.stdout.startswith("started\n")
        session.run([Script('kill "$p"', {"p": fragment.stdout.split()[1]}, optional=True)])
        done.set()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(15)
    assert done.is_set()


def installed(shell: str) -> ParameterSet:
    return pytest.param(f"/usr/bin/{shell}", marks=pytest.mark.needs(shell))


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash", *map(installed, ("zsh", "fish", "tcsh"))])
def test_any_login_shell_will_do(shell: str, user, make_host: MakeHost) -> None:
    host = make_host(user=user.make(shell))
    with Transport([host]) as transport:
        a, b = transport.connect(host).run([Script('echo "$x"; exit 9', {"x": "a'b"}, optional=True), Script("id -un")])
    assert (a.stdout, b.stdout) == ("a'b\n", f"{host.ssh.user}\n")


@pytest.mark.parametrize("sh", ["/bin/bash", "/bin/dash", installed("busybox")])
def test_any_sh_will_do(sh: str, make_host: MakeHost, tmp_path) -> None:
    (tmp_path / "sh").symlink_to(sh)
    host = make_host(f"SetEnv PATH={tmp_path}:/usr/bin:/bin")
    with Transport([host]) as transport:
        first, syntax, last = transport.connect(host).run(
            [
                Script('trap "echo bye" EXIT; set -eu; echo "$x"; exit 4', {"x": "1\n2"}, optional=True),
                Script("case", optional=True),
                Script("readlink /proc/$$/exe"),
            ]
        )
    assert (first.rc, first.stdout) == (4, "1\n2\nbye\n")
    assert syntax.rc in (1, 2)
    assert last.stdout.strip().endswith(sh.rsplit("/", 1)[1])


def test_a_login_shell_that_lets_nobody_in_is_named(user, make_host: MakeHost) -> None:
    host = make_host(user=user.make("/usr/sbin/nologin"))
    with Transport([host]) as transport, pytest.raises(ScriptFailed) as caught:
        transport.connect(host).run([Script("true")])
    assert "not available" in "".join(caught.value.evidence)


def test_a_connection_that_breaks_is_named_and_the_next_one_works(make_host: MakeHost, sshds: Sshds) -> None:
    host = make_host()
    with Transport([host]) as transport:
        session = transport.connect(host)

        def hear(index: int, stream: str, line: str) -> None:
            for pid in sshds.running[0].connections():
                os.kill(pid, 9)

        with pytest.raises(ConnectionLost) as caught:
            session.run([Script("true"), Script("echo now; sleep 60")], on_line=hear)
        assert caught.value.index == 1
        again = transport.connect(host)
        assert again.run([Script("echo back")])[0].stdout == "back\n"
        assert again.connections == 2


def test_a_set_cancel_ends_the_wait_and_refuses_new_connections(make_host: MakeHost) -> None:
    host, cancel = make_host(), threading.Event()
    with Transport([host], cancel=cancel) as transport:
        session = transport.connect(host)
        with pytest.raises(Cancelled):
            session.run([Script("echo go; sleep 60")], on_line=lambda *_: cancel.set())
    with Transport([host], cancel=cancel) as transport, pytest.raises(Cancelled):
        transport.connect(host)


def test_one_connection_per_host_however_many_threads_ask(make_host: MakeHost, sshds: Sshds) -> None:
    host = make_host()
    with Transport([host]) as transport, ThreadPoolExecutor(16) as pool:
        outputs = list(pool.map(lambda n: transport.connect(host).run([Script(f"echo {n}")])[0].stdout, range(32)))
        assert transport.connect(host).commands == 32
    assert outputs == [f"{n}\n" for n in range(32)]
    assert sshds.running[0].logins == 1


def test_nothing_of_a_secret_is_seen(session: Session) -> None:
    secret = Secret('c4nary\'s "value"\nsecond line')
    heard: list[str] = []
    (fragment,) = session.run(
        [Script('echo "$s"; printf %s "$s" | base64; echo "$s" >&2; set -x; : "$s"', {"s": secret})],
        on_line=lambda index, stream, line: heard.append(line),
    )
    seen = fragment.stdout + fragment.stderr + "".join(heard)
    assert "c4nary" not in seen
    assert "second line" not in seen
    assert "YzRuYXJ5" not in seen


def test_a_secret_is_in_no_command_line_and_no_environment(session: Session) -> None:
    (fragment,) = session.run(
        [
            Script(
                'printf %s "$s" | sha256sum\n'
                # The brackets keep the pattern from finding itself.
                "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -a -c 'c4nar[y]-42' || true",
                {"s": Secret("c4nary-42")},
            )
        ]
    )
    digest, count = fragment.stdout.split("\n")[:2]
    assert digest.split()[0] == hashlib.sha256(b"c4nary-42").hexdigest()
    assert count == "0"


def test_the_order_of_hosts_finishing_does_not_mix_their_output(sshds: Sshds) -> None:
    server = sshds.start()
    sshds.trust(server)
    hosts = [sshds.host(server, f"h{n}") for n in range(12)]
    with Transport(hosts) as transport, ThreadPoolExecutor(12) as pool:
        run = lambda h: transport.connect(h).run([Script('seq 2000 | sed "s/^/$n /"', {"n": h.name})])[0]  # noqa: E731
        for host, fragment in zip(hosts, pool.map(run, hosts), strict=True):
            assert {line.split()[0] for line in fragment.stdout.splitlines()} == {host.name}
    assert wait_until(lambda: server.logins == 12)
