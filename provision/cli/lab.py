"""`lab`: virtual hosts on this machine."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING, Any

import click

from provision.cli.options import ShownOptions, example, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit
from provision.lab import network, ports

if TYPE_CHECKING:
    from provision.lab.lab import Lab, LabReport
    from provision.render.screen import Screen

_name = click.option("--name", default="lab", show_default=True, help="Name of the lab; several can run at once.")

_HOSTS = f"Number of hosts; without root at most {ports.MOST_HOSTS}."


@click.group(
    # click's own way without a subcommand is another one in each release.
    invoke_without_command=True,
    short_help=COMMANDS["lab"].help,
    epilog=example("""\
  provision lab up --hosts 3 --gpus 2
  provision up /var/lib/provision-lab/lab/inventory.yaml     `lab up` says where it is
  provision lab down"""),
)
@click.pass_context
def lab(ctx: click.Context) -> None:
    """Virtual hosts on this machine: own network, own root, own processes, own sshd, stand-in GPUs.

    As root they are namespaces, with systemd where it can run. Without root they are sshds on loopback
    addresses, which share this machine's files and processes.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())
        ctx.exit(Exit.USAGE)


@lab.command(
    short_help="create a lab and write its inventory",
    epilog=example("""\
  provision lab up
  provision lab up --hosts 2 --gpus 1 --name small
  provision lab up --fabric
  provision lab up --docker
  provision lab up --podman"""),
)
@click.option("--hosts", default=3, show_default=True, type=click.IntRange(1, network.MOST_HOSTS), help=_HOSTS)
@click.option("--gpus", default=2, show_default=True, type=click.IntRange(0, 64), help="Stand-in GPUs on each host.")
@click.option("--fabric", is_flag=True, help="Give each host a second interface, with jumbo frames (root only).")
@click.option("--docker", is_flag=True, help="Give each host a Docker daemon that knows the GPUs (root only).")
@click.option("--podman", is_flag=True, help="Give each host Podman, which knows the GPUs by CDI (root only).")
@_name
@shown_options
def up(hosts: int, gpus: int, fabric: bool, docker: bool, podman: bool, name: str, **options: Any) -> int:
    """Create a lab, ready to be provisioned, and write an inventory for it.

    Installs missing programs (sshd, iproute2, debootstrap …) through this machine's package manager, after saying so.
    A lab that is already running is left as it is.
    """
    from provision.lab.demo import beside_no_demo
    from provision.lab.lab import Lab

    if docker and podman:
        raise click.UsageError("`--docker` and `--podman` exclude each other")
    screen = ShownOptions(**options).screen()
    asked = Lab(name=name, say=screen.say)
    with beside_no_demo(asked):
        report = asked.up(hosts, gpus, fabric=fabric, containers="docker" if docker else "podman" if podman else "")
    _show(report, screen)
    if not screen.as_json:
        said = "created" if report.changed else "is already running: nothing to change"
        screen.say(f"lab `{name}` {said}", f"hint: provision up {shlex.quote(str(report.inventory))}")
    return Exit.DONE


@lab.command(short_help="show a lab's hosts", epilog=example("  provision lab status"))
@_name
@shown_options
def status(name: str, **options: Any) -> int:
    """Show a lab's hosts. Exit code 1 if there is no such lab, or one of its hosts is not running."""
    from provision.lab.lab import Lab

    screen = ShownOptions(**options).screen()
    report = Lab(name=name, say=screen.say).status()
    _show(report, screen)
    if not report.hosts and not screen.as_json:
        screen.say(f"there is no lab `{name}`")
    if report.inventory and not screen.as_json:
        screen.say(f"inventory: {report.inventory}")
    return Exit.DONE if report.hosts and all(host.running for host in report.hosts) else Exit.FAILED


@lab.command(
    short_help="remove a lab completely",
    epilog=example("""\
  provision lab down
  provision lab down --purge"""),
)
@click.option("--purge", is_flag=True, help="Also delete what labs share, such as the base system.")
@_name
@shown_options
def down(purge: bool, name: str, **options: Any) -> int:
    """Remove a lab completely: processes, namespaces, mounts, bridge, firewall rules, files.

    Also removes what a crashed lab left behind. Safe to repeat.
    """
    from provision.lab.lab import Lab
    from provision.render.jsonl import result_line

    screen = ShownOptions(**options).screen()
    lab = Lab(name=name, say=screen.say)
    report = lab.down(purge=purge)
    forget_hosts(lab, screen)
    screen.json(result_line("lab", {"name": name, "changed": report.changed}))
    if not screen.as_json:
        screen.say(f"lab `{name}` removed" if report.changed else f"there is no lab `{name}`: nothing to change")
    return Exit.DONE


def forget_hosts(lab: Lab, screen: Screen) -> None:
    """Of a lab that is gone, which it stays where this cannot be written: then it is only said."""
    from provision.cli.system_errors import explained
    from provision.core.paths import MOVE
    from provision.engine.members import forget_hosts_of
    from provision.render.text import clean

    try:
        forget_hosts_of(lab.inventory)
    except OSError as error:
        why = explained(error)
        kept = f"warning: its hosts are still kept as members of a cluster: {clean(why.message)}"
        screen.complain([kept, f"hint: {why.hint or MOVE}"])


def _show(report: LabReport, screen: Screen) -> None:
    from provision.render.jsonl import result_line
    from provision.render.lab import lab_json, lab_lines

    screen.json(result_line("lab", lab_json(report)))
    if not screen.as_json:
        screen.say(*lab_lines(report, shutil.get_terminal_size().columns if screen.out.tty else 0))
