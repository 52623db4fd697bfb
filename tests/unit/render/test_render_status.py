"""How a cluster is, as people see it: nothing claimed that was not looked at, at any width."""

import io
import threading

import pytest
from rich.console import Console, ConsoleDimensions
from status_samples import AT, HOLDER, a_gpu, a_host, a_service, a_status, an_unreachable_host

from provision.core.errors import ConnectTimeout
from provision.operate.status import HostStatus, LastUp, Work
from provision.render.out import Out
from provision.render.sparkline import History, sparkline
from provision.render.status import status_lines, verdict
from provision.render.status_live import fitted, live_status
from provision.render.status_page import status_page
from provision.render.text import PLAIN


def said(**changed: object) -> str:
    return " ".join(" ".join(status_lines(a_status(**changed), width=200)).split())


def test_all_that_is_known_is_shown_on_a_wide_terminal() -> None:
    text = said()
    assert "llama-70b (org/llama), tensor parallel 8 × pipeline parallel 2, running for 2 h, 0 restarts" in text
    assert "tokens/s 41.5" in text and "2 running, 1 waiting" in text and "25 % used" in text
    assert "0.125 s, mean of 4 requests since it started" in text
    assert "runs on 2 of 2 hosts; when it was last counted, gpu-01 10.0.0.1 with 2 GPUs" in text
    assert "cc966a11bea6 on gpu-01, gpu-02; the lock here: cc966a11bea6" in text
    assert "exit code 0, changed Ray head on gpu-01, vLLM on gpu-01" in text
    assert "gpu-01 head 10.0.0.1 2 used, 0 free 80 of 160 GiB 31 to 32 °C 700 W running, 2 h running, 2 h" in text


def test_what_was_not_looked_at_is_not_called_in_sync() -> None:
    text = said()
    assert "check not looked at; packages, weights, settings, network: `provision check` looks at these, too" in text
    assert "in sync" not in text and "well, as far as was looked at" in text


def test_what_is_not_known_is_said_to_be_so() -> None:
    silent = a_host(gpus=(a_gpu(celsius=None, watts=None, memory_used_mib=None),), gpus_unknown="no answer")
    text = said(hosts=(silent,), work=None, work_unknown="it wants another API key", last_up=None, environment="")
    assert "work not known: it wants another API key" in text
    assert "last up not known: there is no log of one on this machine" in text
    assert "what the lock here says is not known" in text
    assert "1 used, 0 free not known not known not known" in text
    assert "gpu-01: GPUs not known: no answer" in text


def test_another_run_is_named_as_check_names_it() -> None:
    text = said(hosts=(a_host(busy=True, holder=HOLDER), a_host("gpu-02", "worker")))
    assert "another run is at work" in text
    assert "gpu-01: an `up` from host-x, pid 123, since " in text and "is under way" in text
    assert "check busy" in text


def test_a_service_that_starts_again_by_itself_says_how_often() -> None:
    again = a_service(running=False, ready=False, again="it is starting again, third time since 02:14", seconds=None)
    text = said(hosts=(a_host(services=(a_service("ray"), again)),))
    assert "vLLM on gpu-01: starting again, third time since 02:14" in text
    assert "check drift" in text


def test_a_host_that_is_not_there_is_not_known() -> None:
    text = said(hosts=(a_host(), an_unreachable_host()))
    assert "unreachable: gpu-02" in text and "error: gpu-02: no answer from `10.0.0.2`" in text
    assert "gpu-02 worker 10.0.0.2 not known" in text


def test_what_is_wrong_on_many_hosts_is_told_once_and_so_are_hosts_that_do_not_answer() -> None:
    def lost(number: int) -> HostStatus:
        error = ConnectTimeout(f"gpu-{number}", f"no answer from `10.0.0.{number}`", hint=f"nc -vz 10.0.0.{number} 22")
        error.address = f"10.0.0.{number}"
        return HostStatus(f"gpu-{number}", "worker", error.address, error=error)

    names = [f"gpu-{number}" for number in range(1, 7)]
    idle = tuple(a_host(name, "worker", services=()) for name in names)
    seen = {"hosts": (*idle, lost(7), lost(8)), "expected": {"ray": (*names, "gpu-7", "gpu-8")}}
    text = said(**seen)
    assert text.count("not running") == 1 and "wrong: Ray on 6 hosts (gpu-1 … gpu-6): not running" in text
    assert text.count("no answer") == 1
    assert "error: gpu-7, gpu-8: no answer from `<address>` hint: nc -vz <address> 22" in text
    assert "cc966a11bea6 on 6 hosts (gpu-1 … gpu-6)" in text
    page = status_page(a_status(**seen))
    assert page.count("not running") == 1 and page.count("no answer") == 1
    many = a_status(hosts=tuple(lost(number) for number in range(1, 201)))
    assert verdict(many) == "unreachable: 200 hosts (gpu-1 … gpu-200)"


def test_who_was_changed_by_the_last_up_is_in_the_order_of_the_inventory() -> None:
    names = [f"gpu-{number}" for number in range(1, 6)]
    changes = tuple((name, "vLLM") for name in reversed(names))
    hosts = tuple(a_host(name, "worker") for name in names)
    assert "changed vLLM on 5 hosts (gpu-1 … gpu-5)" in said(hosts=hosts, last_up=LastUp(AT - 60, 0, changes))


def test_on_a_narrow_terminal_many_hosts_that_are_the_same_are_one_and_no_value_leaves_its_name() -> None:
    idle = [a_host(f"gpu-{number}", "worker", services=()) for number in range(2, 8)]
    assert "6 hosts (gpu-2 … gpu-7)  worker" in status_lines(a_status(hosts=tuple(idle)), width=40)
    lines = status_lines(a_status(hosts=(a_host("gpu-1"), *idle)), width=60)
    assert sum(line.startswith("gpu-") for line in lines) == 1
    assert "6 hosts (gpu-2 … gpu-7)  worker  10.0.0.2 … 10.0.0.7" in lines
    assert not [line for line in lines if line.endswith(("Ray", "vLLM", "power", "memory"))]
    assert sum(line.startswith("gpu-") for line in status_lines(a_status(hosts=tuple(idle[:3])), width=60)) == 3


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    lines = status_lines(a_status(hosts=(a_host(), an_unreachable_host())), width=width)
    words = max(len(word) for line in lines for word in line.split())
    assert max(map(len, lines)) <= max(width, words)
    assert "gpu-02" in "\n".join(lines)


def test_nothing_of_a_host_steers_the_terminal_or_the_page() -> None:
    evil = a_status(hosts=(a_host(services=(a_service(running=False, why="\x1b[2J<script>"),)),))
    assert "\x1b" not in "\n".join(status_lines(evil))
    page = status_page(evil)
    assert "<script>" not in page and "&lt;script&gt;" in page and "\x1b" not in page


def test_the_page_says_what_the_lines_say() -> None:
    page = status_page(a_status(hosts=(a_host(), an_unreachable_host())))
    for text in ("unreachable: gpu-02", "41.5", "700 W", "no answer from `10.0.0.2`"):
        assert text in page
    assert "default-src &#x27;none&#x27;" in page or "default-src 'none'" in page


def test_a_sparkline_has_gaps_for_what_was_not_known() -> None:
    assert sparkline([0.0, 4.0, None, 8.0]) == "▁▅·█"
    assert sparkline([1.0]) == "" and sparkline([0.0, 0.0]) == "▁▁"


def test_the_history_is_of_every_look_and_does_not_grow() -> None:
    history = History()
    for _ in range(100):
        history.add(a_status())
    history.add(a_status(work=None))
    lines = history.lines()
    assert len(lines["tokens"]) == 30 and lines["tokens"].endswith("█·")
    assert "▁" not in lines["kv"] and lines["kv"][0] == "▃"
    assert lines["first"] == "·" * 30, "no request came between two looks"
    assert lines["tokens"] in "\n".join(status_lines(a_status(), width=200, history=lines))


def test_on_a_low_terminal_it_is_said_how_much_is_left_out() -> None:
    lines = [str(number) for number in range(10)]
    assert fitted(lines, 20, "13:02:11") == [*lines, "at 13:02:11; Ctrl-C ends this"]
    assert fitted(lines, 6, "13:02:11") == ["0", "1", "2", "… 7 more lines", "at 13:02:11; Ctrl-C ends this"]
    assert len(fitted(lines, 1, "13:02:11")) == 1


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_live_view_fits_the_terminal_of_the_moment_and_leaves_it_as_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    columns = [120]
    monkeypatch.setattr(Console, "size", property(lambda _: ConsoleDimensions(columns[0], 40)))
    widths: list[int] = []
    resized = threading.Event()

    def lines(width: int) -> list[str]:
        widths.append(width)
        columns[0] = 50
        if width == 50:
            resized.set()
        return status_lines(a_status(), width=width)

    stream = Terminal()
    with live_status(Out(stream), PLAIN, lines):
        assert resized.wait(20)
    said = stream.getvalue()
    assert widths[0] == 120 and widths[-1] == 50
    assert said.rindex("\x1b[?1049l") > said.rindex("llama-70b") > said.index("\x1b[?1049h")
    assert said.rindex("\x1b[?25h") > said.rindex("llama-70b")


def test_the_time_to_the_first_token_is_of_what_came_between_two_looks() -> None:
    history = History()
    for count, mean in ((2.0, 0.5), (4.0, 1.0), (8.0, 0.75)):
        history.add(a_status(work=Work(1.0, first_token_seconds=mean, first_tokens=count)))
    # 1.5 s, then 0.5 s.
    assert history.lines()["first"] == "·█▃"
