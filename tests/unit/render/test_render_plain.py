import io

from render_samples import HOSTS, a_plan, a_run

from provision.core import events
from provision.render.out import Out
from provision.render.plain import EVERY, PlainView


def shown(run: list[events.Event], stream: io.StringIO, **options: bool) -> str:
    view = PlainView(Out(stream), **options)
    for second, event in enumerate(run):
        view.handle(event, second)
    return stream.getvalue()


def test_a_whole_run_in_a_pipe(stream: io.StringIO) -> None:
    assert (
        shown(a_run(), stream)
        == """\
up: cluster llama, 3 hosts
gpu-01  connecting
gpu-02  connecting
gpu-03  connecting
gpu-01  connected  0.4 s
gpu-02  connected  0.4 s
gpu-03  connected  0.4 s
+ gpu-01  environment 3f9c
~ gpu-01  vllm              --max-model-len 4096 → 8192
                            because environment 3f9c on gpu-01 changes
~ gpu-02  vllm              --max-model-len 4096 → 8192
gpu-01  environment 3f9c
gpu-01  created environment 3f9c  12 s
gpu-01  skipped vllm: cancelled
gpu-02  error: vllm: failed (exit code 1)
three packages have no hashes
"""
    )


def test_verbose_adds_what_the_hosts_print_without_its_colours(stream: io.StringIO) -> None:
    text = shown(a_run(), stream, verbose=True)
    assert "gpu-01  | Installed 169 packages\n" in text
    assert "\x1b" not in text


def test_hosts_with_names_of_different_length_are_aligned(stream: io.StringIO) -> None:
    run = [
        events.RunStarted("", "up", "llama", ("a", "gpu-01")),
        events.Doing("a", "connecting"),
        events.Doing("gpu-01", "connecting"),
    ]
    assert shown(run, stream).splitlines()[1:] == ["a       connecting", "gpu-01  connecting"]


def test_progress_is_said_now_and_then_even_if_nothing_more_comes(stream: io.StringIO) -> None:
    view = PlainView(Out(stream))
    view.handle(events.Doing("a", "downloading"), 100)
    for tenth in range(50):
        view.handle(events.Progress("a", f"{tenth}/50 MB"), 100 + tenth / 10)
    assert stream.getvalue() == "a  downloading\n"
    view.tick(100 + EVERY)
    assert stream.getvalue() == "a  downloading\na  downloading: 49/50 MB\n"
    view.tick(100 + 3 * EVERY)
    assert stream.getvalue().count("\n") == 2


def test_what_takes_a_moment_has_no_line_of_its_own_unless_asked_for(stream: io.StringIO) -> None:
    run = [events.Doing("gpu-01", "looking", passing=True), events.Doing("gpu-01", "Ray head")]
    assert "looking" not in shown(run, stream)
    assert "looking" in shown(run, io.StringIO(), verbose=True)


def test_of_a_check_the_plan_is_not_shown_for_its_findings_say_it(stream: io.StringIO) -> None:
    run = [events.RunStarted("", "check", "llama", HOSTS), events.Planned("", a_plan())]
    assert shown(run, stream) == "check: cluster llama, 3 hosts\n"
