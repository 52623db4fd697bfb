"""`demo`: a complete run on this machine, for people without GPUs."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import click

from provision.cli.exit_code import StoppedBySignal
from provision.cli.lab import forget_hosts
from provision.cli.options import RunOptions, ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import SIGNAL, Exit

if TYPE_CHECKING:
    from pathlib import Path

    from provision.inventory.models import Inventory
    from provision.lab.lab import Lab
    from provision.lab.state import Containers
    from provision.render.screen import Screen

#: The tiny model has one answer to any.
QUESTION = "What are you?"

#: What `up` brings up in the containers of whom.
RUNS: Mapping[str, str] = {
    "": "Ray and vLLM",
    "docker": "Ray and vLLM in containers of Docker",
    "podman": "Ray and vLLM in containers of root's Podman",
}


@click.command(
    short_help=COMMANDS["demo"].help,
    epilog=example("""\
  provision demo
  provision demo --runtime docker
  provision demo --runtime podman
  provision demo --keep        then look around: provision lab status --name demo"""),
)
@click.option("--hosts", default=2, show_default=True, type=click.IntRange(1, 8), help="Number of virtual hosts.")
@click.option("--gpus", default=1, show_default=True, type=click.IntRange(1, 4), help="Stand-in GPUs on each host.")
@click.option("--keep", is_flag=True, help="Leave everything running, and print how to use and remove it.")
@click.option(
    "--name", default="demo", show_default=True, help="Name of its lab; demos with different names can run at once."
)
@click.option("--rootless", is_flag=True, help="Use loopback hosts, as an ordinary user gets them, even as root.")
@click.option(
    "--runtime",
    type=click.Choice(["venv", "docker", "podman"]),
    default="venv",
    show_default=True,
    help="What it runs in; `podman` is root's, with `sudo: true`.",
)
@shown_options
def demo(hosts: int, gpus: int, keep: bool, name: str, rootless: bool, runtime: str, **options: Any) -> int:
    """A complete run on this machine, without a GPU, in minutes.

    Creates virtual hosts, brings up real Ray and real vLLM (CPU build, a tiny generated model) across them over real
    SSH, sends the model a request, runs `up` again (nothing to change), `check`, `down`, and cleans up.
    """
    from provision.lab import demo as stage
    from provision.lab.lab import Lab

    shown = ShownOptions(**options)
    screen = shown.screen()
    kind: Containers = "" if runtime == "venv" else cast("Containers", runtime)
    lab = Lab(name=name, say=screen.say)
    with _terminated(), stage.alone(lab, rootless=rootless):
        done = False
        _heading(screen, "hosts", f"{hosts} virtual hosts with {gpus} stand-in GPU{'s' if gpus > 1 else ''} each")
        ready = stage.ready(lab, rootless=rootless, say=screen.say, kind=kind)
        try:
            report = stage.make_lab(lab, ready.ground, hosts=hosts, gpus=gpus, say=screen.say, kind=kind)
            inventory = stage.inventory_of(report)
            for note in report.notes:
                screen.say(f"note: {note}")
            code = _job(inventory, shown, screen, keep=keep, runs=RUNS[kind])
            done = code == Exit.DONE
        finally:
            if keep:
                screen.say("", f"hint: the hosts are left as they are; provision lab down --name {name} removes them")
            else:
                _heading(screen, "clean up", "removing the virtual hosts and everything created for them")
                lab.down()
                forget_hosts(lab, screen)
                screen.say(*_left(lab, ready.installed, done=done))
    return code


def _left(lab: Lab, installed: Sequence[str], *, done: bool) -> list[str]:
    from provision.lab.demo import left_behind

    nothing = ["no process, namespace, mount or rule is left"] if done else []
    lines = nothing + [f"kept for the next time (delete it as you like): {place}" for place in left_behind(lab)]
    return [*lines, f"installed on this machine: {', '.join(installed)}"] if installed else lines


def _job(path: Path, shown: ShownOptions, screen: Screen, *, keep: bool, runs: str) -> int:
    """`runs`: what, and in what. The exit code of the first step that did not do what it should, or 0."""
    from provision import api
    from provision.cli.run import reported, run
    from provision.core.errors import ProvisionError

    asked = RunOptions(**vars(shown), inventory=str(path))
    _heading(screen, "up", f"{runs} across the hosts, over SSH; the first time fetches the packages")
    if code := run("up", api.up, asked):
        return code
    _ask(api.load(path), screen)
    _heading(screen, "up again", "must find nothing to change")
    again = reported("up", api.up, asked)
    if again.exit_code:
        return again.exit_code
    if changed := [f"{host.name}: {label}" for host in again.hosts for label in host.changes]:
        raise ProvisionError("the second `up` changed something", evidence=changed)
    _heading(screen, "check", "must find everything in sync")
    code = run("check", api.check, asked)
    if code or keep:
        return code
    _heading(screen, "down", "stops what `up` started")
    return run("down", api.down, asked, secrets=False)


def _ask(inventory: Inventory, screen: Screen) -> None:
    from provision.render.jsonl import result_line
    from provision.render.text import clean
    from provision.serving.smoke import chat

    _heading(screen, "ask", "one chat completion")
    answer = chat(inventory, QUESTION)
    screen.json(result_line("answer", {"url": answer.url, "question": answer.question, "answer": answer.text}))
    if not screen.as_json:
        told = "(a tiny model with random weights: the point is that it answers)"
        screen.say(f"asked {answer.url}", f"  > {answer.question}", f"  < {clean(answer.text)}", told)


def _heading(screen: Screen, name: str, text: str) -> None:
    from provision.render.jsonl import result_line
    from provision.render.text import Style

    screen.json(result_line("stage", {"stage": name, "text": text}))
    screen.say("", f"{screen.paint(Style.BOLD, f'== {name} ==')} {text}")


@contextlib.contextmanager
def _terminated() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind, so that the hosts are removed. Within a run it cancels that first."""

    def leave(number: int, _: object) -> None:
        raise StoppedBySignal(SIGNAL + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
