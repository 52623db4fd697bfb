"""The manual page, from the texts of `--help`: docs/provision.1 is what this prints, and is installed with us."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from provision.cli.group import provision
from provision.cli.page import COMMANDS, page
from provision.core.exits import Exit

#: No date and no version: the page is the same until a text of it changes.
_HEAD = '.TH PROVISION 1 "" "provision" "User Commands"'


def man_page() -> str:
    """In man(7), as groff reads it."""
    return "\n".join([*_front(), *_commands(), *_end()]) + "\n"


def _front() -> Iterator[str]:
    purpose, _, rest = page().partition("\n\n")[2].partition("\n\nIn order")
    intro = " ".join(purpose.split())
    order = rest.partition("\n\n")[2].partition("\n\nNo GPU")[0]
    yield from (_HEAD, ".SH NAME", "provision \\- bring up one large language model across GPU machines, over SSH")
    yield from (".SH SYNOPSIS", ".B provision", ".I COMMAND", "[\\fIINVENTORY\\fR] [\\fIOPTIONS\\fR]")
    yield from (".SH DESCRIPTION", _text(intro), ".PP", "In order:", *_verbatim(order), ".PP")
    yield _text(
        "INVENTORY is ./inventory.yaml if left out, or else what $PROVISION_INVENTORY names; `provision init` "
        "writes one."
    )


def _commands() -> Iterator[str]:
    yield ".SH COMMANDS"
    root = click.Context(provision, info_name="provision", **provision.context_settings)
    for name in COMMANDS:
        command = provision.get_command(root, name)
        assert command is not None
        ctx = click.Context(command, info_name=name, parent=root)
        yield from _command(name, command, ctx)
        if isinstance(command, click.Group):
            for inner in command.list_commands(ctx):
                found = command.get_command(ctx, inner)
                assert found is not None
                yield from _command(f"{name} {inner}", found, click.Context(found, info_name=inner, parent=ctx))


def _command(name: str, command: click.Command, ctx: click.Context) -> Iterator[str]:
    # Releases of click differ in what they say of a group.
    usage = ["COMMAND"] if isinstance(command, click.Group) else command.collect_usage_pieces(ctx)
    yield f'.SS "{_text(" ".join(["provision", name, *usage]))}"'
    for paragraph in (command.help or "").split("\n\n"):
        yield from (_text(" ".join(paragraph.replace("\b", "").split())), ".PP")
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and isinstance(parameter, click.Option) and "--help" not in record[0]:
            yield from (".TP", f".B {_text(record[0])}", _text(" ".join(record[1].split())))
    if command.epilog:
        yield from (".PP", "Example:", *_verbatim(command.epilog.partition("example:\n")[2]))


def _end() -> Iterator[str]:
    yield ".SH EXIT STATUS"
    for end in Exit:
        yield from (".TP", f".B {end.value}", _text(end.meaning))
    yield ".SH ENVIRONMENT"
    for line in page().partition("environment:\n")[2].splitlines():
        name, _, what = line.strip().partition(" ")
        yield from (".TP", f".B {_text(name)}", _text(what.strip()))


def _verbatim(text: str) -> Iterator[str]:
    yield from (".PP", ".nf", ".RS", *(_text(line.strip()) for line in text.rstrip().splitlines() if line.strip()))
    yield from (".RE", ".fi")


def _text(text: str) -> str:
    """One line, no part of which groff takes for its own: `-` is a hyphen to it, and a dot in front a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    escaped = re.sub(r"^([.'])", r"\\&\1", escaped)
    return escaped.replace("’", "\\(cq").replace("…", "...")
