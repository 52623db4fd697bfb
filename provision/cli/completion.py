"""`completion`: what a shell has to be told so that it completes our command lines."""

from __future__ import annotations

import sys

import click

from provision.cli.options import example, need_output
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["completion"].help,
    epilog=example("""\
  provision completion bash > ~/.local/share/bash-completion/completions/provision
  provision completion zsh > ~/.zfunc/_provision       with `fpath+=~/.zfunc` before `compinit` in ~/.zshrc
  provision completion fish > ~/.config/fish/completions/provision.fish
  eval "$(provision completion bash)"                  for this shell alone"""),
)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")), metavar="bash|zsh|fish")
def completion(shell: str) -> int:
    """Print the completion for a shell: commands, options, and hosts, groups, services and models of the inventory.

    Completing contacts no host: names are those of the inventory that the line names, or else of the usual one.
    """
    from click.shell_completion import get_completion_class

    from provision.cli.group import provision
    from provision.render.out import Out

    need_output()
    kind = get_completion_class(shell)
    assert kind is not None
    made = kind(provision, {}, "provision", "_PROVISION_COMPLETE")
    # Not `made.source()`, which starts bash to ask for its version.
    Out(sys.stdout).lines((made.source_template % made.source_vars()).splitlines())
    return Exit.DONE
