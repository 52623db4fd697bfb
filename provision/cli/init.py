"""`init`: an inventory to start from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from provision.cli import completing
from provision.cli.examples import read
from provision.cli.find import DEFAULT
from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.errors import UsageError
from provision.core.exits import Exit

if TYPE_CHECKING:
    from provision.render.screen import Screen

_HINT = "edit it, or name another file"


@click.command(
    short_help=COMMANDS["init"].help,
    epilog=example("""\
  provision init --hosts 'gpu-[01:08]' --user ubuntu --model Qwen/Qwen3-8B
  provision init rack.yaml --from hosts.txt --model Qwen/Qwen3-8B
  provision init rack.yaml --from ~/.ssh/config --hosts 'gpu-*'
  provision init rack.yaml --example offline-rack"""),
)
@click.argument("path", required=False, type=click.Path(path_type=Path), default=DEFAULT, metavar="[PATH]")
@click.option(
    "--hosts",
    "hosts",
    metavar="NAMES",
    multiple=True,
    help="The hosts: names, addresses, ranges, [user@]host[:port], separated by commas; with --from a choice, with *.",
)
@click.option(
    "--from",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="A file that names them: one in each line, an ssh_config, an Ansible inventory, an inventory.",
)
@click.option("--user", metavar="NAME", help="The user to log in as.  [default: ssh_config's]")
@click.option("--key", metavar="FILE", help="The private key.  [default: ssh_config's]")
@click.option("--jump", metavar="HOST", help="The jump host to go through, [user@]host[:port].")
@click.option("--model", metavar="NAME", help="The model to serve: its name on the hub, or a folder.")
@click.option("--cluster", metavar="NAME", help="What the cluster is called.  [default: the folder's name]")
@click.option(
    "--example",
    "name",
    metavar="NAME",
    shell_complete=completing.examples,
    help="An example to write instead.  [default: two-nodes]",
)
@shown_options
def init(
    path: Path,
    hosts: tuple[str, ...],
    file: Path | None,
    user: str | None,
    key: str | None,
    jump: str | None,
    model: str | None,
    cluster: str | None,
    name: str | None,
    **options: Any,
) -> int:
    """Write an inventory to PATH: of your hosts, or an example for you to edit.

    PATH is ./inventory.yaml if left out. A file that is there already is never overwritten.

    With --hosts or --from, or in an allocation of Slurm's ($SLURM_JOB_NODELIST), asks the hosts for their GPUs, driver
    and Python, and pins the newest vLLM and Ray that run there; comments in the file say why. Writes nothing on them. A
    host that does not answer stays in the file, with the reason.
    """
    from provision.begin.hosts_from import allocation

    screen = ShownOptions(**options).screen()
    told = {"--user": user, "--key": key, "--jump": jump, "--model": model, "--cluster": cluster}
    of_hosts = [option for option, value in told.items() if value]
    if name and (hosts or file or of_hosts):
        other = "--hosts" if hosts else "--from" if file else of_hosts[0]
        raise UsageError(f"--example and {other} contradict each other", hint="leave one of them out")
    _refuse(path)
    if hosts or file or of_hosts or (allocation(os.environ) and not name):
        return _of_hosts(path, hosts, file, told, screen)
    return _example(path, name or "two-nodes", screen)


def _refuse(path: Path) -> None:
    from provision.library.new_file import refuse_existing

    refuse_existing(path, _HINT)


def _example(path: Path, name: str, screen: Screen) -> int:
    from provision.library.new_file import write_new
    from provision.render.jsonl import result_line

    write_new(path, read(name), _HINT, loads=False)
    screen.json(result_line("init", {"path": str(path), "example": name}))
    if not screen.as_json:
        screen.say(f"wrote {path}", f"hint: put your hosts in, then run `{_then('plan', path)}`")
    return Exit.DONE


def _of_hosts(
    path: Path, hosts: tuple[str, ...], file: Path | None, told: dict[str, str | None], screen: Screen
) -> int:
    from provision.library.init import init as make
    from provision.render.begun import begun_errors, begun_json, begun_lines
    from provision.render.jsonl import result_line

    said: dict[str, Any] = {name.lstrip("-"): value for name, value in told.items()}
    begun = make(path, hosts, file=file, **said)
    made = begun.proposal
    screen.json(result_line("init", begun_json(made, path)))
    errors = begun_errors(made, screen.err_paint)
    if not screen.as_json:
        screen.say(*begun_lines(made, path))
    screen.complain(errors)
    if not (screen.as_json or errors):
        screen.say(f"hint: {_then('plan', path)}")
    return begun.exit_code


def _then(command: str, path: Path) -> str:
    return shlex.join(["provision", command, *([] if str(path) == DEFAULT else [str(path)])])
