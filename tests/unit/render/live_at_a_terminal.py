"""The live view at a real terminal, moved on by a test: a line in a named pipe, the first argument, has it take so many
events and draw; into the second it writes for which size that was."""

from __future__ import annotations

import sys
from pathlib import Path

from render_samples import Thing

from provision.core import events
from provision.core.plan import Mode, make_plan
from provision.core.playbook import Playbook
from provision.render.live import LiveView
from provision.render.out import Out
from provision.render.text import Paint

HOSTS = ("gpu-01", "gpu-02", "gpu-03")
LOG = "Loading safetensors checkpoint shards: 42% Completed | 19/45 [01:02<01:25, 3.30s/it] of the model"


def a_run() -> list[events.Event]:
    book = Playbook()
    built = [book.add(Thing("environment 3abe8844a5a2"), on=host) for host in HOSTS]
    head = book.add(Thing("Ray head"), on=HOSTS[0], after=built)
    server = book.add(Thing("vLLM"), on=HOSTS[0], after=head)
    plan = make_plan(Mode.UP, book.steps, {step.key: None for step in book.steps}, ())
    done = [events.StepDone(step.host, step.key, step.resource.label, "+", 61.5) for step in (*built, head)]
    return [
        events.RunStarted("", "up", "llama", HOSTS),
        events.Planned("", plan),
        *(events.Doing(host, "environment 3abe8844a5a2") for host in HOSTS),
        *(events.Progress(host, "installed 141 of 218 packages") for host in HOSTS),
        done[0],
        events.Doing(HOSTS[0], ""),
        *done[1:3],
        events.Doing(HOSTS[0], "Ray head"),
        done[3],
        events.Doing(server.host, "vLLM"),
        events.Progress(server.host, LOG),
    ]


def main(asked: Path, answers: Path) -> None:
    run, taken, now = a_run(), 0, 1000
    view = LiveView(Out(sys.stdout), Paint(False))
    with asked.open() as asked_of, answers.open("w") as answered:
        for line in asked_of:
            for event in run[taken : taken + int(line)]:
                view.handle(event, now)
            taken, now = taken + int(line), now + 1
            view.tick(now)
            print(now - 1000, *view._console.size, file=answered, flush=True)
    view.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
