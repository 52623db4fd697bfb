import pytest

from provision.core.events import Event, Note, Output, Progress, heard


@pytest.mark.parametrize(
    ("line", "events"),
    [
        ("::progress waiting for gpu-02", [Progress("gpu-01", "waiting for gpu-02")]),
        ("::progress ", []),
        ("::note port 80 is open", [Note("gpu-01", "port 80 is open")]),
        ("anything else", [Output("gpu-01", "anything else", "stderr")]),
    ],
)
def test_a_line_of_a_script_is_one_event_at_most(line: str, events: list[Event]) -> None:
    told: list[Event] = []
    heard("gpu-01", "stderr", line, told.append)
    assert told == events
