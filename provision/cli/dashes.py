"""Commands that end in somebody else's command, behind `--`: what stands there is not ours to read."""

from __future__ import annotations

from pathlib import Path

import click

from provision.core.errors import UsageError

_KEY = "provision.behind"


class WithCommand(click.Command):
    """`behind_dashes()` has what stands behind the first `--`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        at = args.index("--") if "--" in args else len(args)
        ctx.meta[_KEY] = tuple(args[at + 1 :])
        return super().parse_args(ctx, args[:at])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_usage(ctx.command_path, " ".join([*self.collect_usage_pieces(ctx), "-- COMMAND..."]))


def behind_dashes() -> tuple[str, ...]:
    words: tuple[str, ...] = click.get_current_context().meta.get(_KEY, ())
    return words


def inventory_and_host(words: tuple[str, ...]) -> tuple[str | None, str]:
    """Of `[INVENTORY] HOST`. Raises UsageError."""
    named, rest = inventory_first(words)
    if len(rest) != 1:
        problem = "no host is named" if not rest else f"more than one host is named: {', '.join(rest)}"
        raise UsageError(problem, hint="name the inventory and one host, as in `cluster.yaml gpu-02`")
    return named, rest[0]


def inventory_first(words: tuple[str, ...]) -> tuple[str | None, tuple[str, ...]]:
    """The first word is an inventory if it is a file, or looks like one; otherwise the usual one is meant."""
    if words and (Path(words[0]).suffix or "/" in words[0] or Path(words[0]).is_file()):
        return words[0], words[1:]
    return None, words
