"""`firewall`: keep others from the cluster's ports, or print what that takes."""

from __future__ import annotations

import os
from typing import Any

import click

from provision.cli import completing
from provision.cli.given import given_of
from provision.cli.options import RunOptions, example, inventory_argument, shown_options, wait_option, waiting
from provision.cli.page import COMMANDS
from provision.core.errors import UsageError
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["firewall"].help,
    epilog=example("""\
  provision firewall cluster.yaml
  provision firewall cluster.yaml --apply
  provision firewall cluster.yaml --look-from ubuntu@192.0.2.7
  provision firewall cluster.yaml --remove
  provision firewall cluster.yaml --format ufw"""),
)
@inventory_argument
@click.option(
    "--format",
    "kind",
    type=click.Choice(["nftables", "iptables", "ufw"]),
    help="The firewall to print rules for.  [default: nftables]",
)
@click.option("--apply", "apply_", is_flag=True, help="Set the rules on the hosts, as root, with nftables.")
@click.option("--remove", is_flag=True, help="Take away what --apply, or `firewall: true`, has set.")
@click.option("--look", is_flag=True, help="Try from here which of the cluster's sockets can be connected to.")
@click.option("--look-from", metavar="HOST", help="The same from another host: [user@]host[:port].")
@click.option(
    "--limit",
    metavar="PATTERN",
    multiple=True,
    shell_complete=completing.limits,
    help="With --apply or --remove only these hosts, as for `up`.  [default: all hosts]",
)
@wait_option
@click.option("--ask-sudo-password", is_flag=True, help="Prompt for the hosts' sudo password.")
@shown_options
def firewall(
    inventory: str | None,
    kind: str | None,
    apply_: bool,
    remove: bool,
    look: bool,
    look_from: str | None,
    limit: tuple[str, ...],
    no_wait: bool,
    ask_sudo_password: bool,
    **options: Any,
) -> int:
    """Keep hosts outside the cluster from its ports: those of Ray and of the model's ranks.

    Without --apply, prints the rules, the same for every host, ready to be loaded there, and changes nothing. Asks the
    hosts for their addresses, unless the inventory has a `node_ip` for each.

    With --apply, each host gets a table of nftables of this cluster's own, which drops connections to the cluster's
    ports that come from elsewhere, and nothing else. A host takes it back by itself unless it can be reached by another
    connection within a minute. From then on `up` keeps it, `check` notices when it is off, and `down` takes it away.

    With --look or --look-from, shows what a host outside the cluster reaches of it; exit code 3 if that is more than
    the model's API.
    """
    asked = RunOptions(inventory=inventory, limit=limit, ask_sudo_password=ask_sudo_password, **options)
    if sum((apply_, remove, look or bool(look_from))) > 1:
        raise UsageError("--apply, --remove and --look are one each", hint="leave the others out")
    if no_wait and not (apply_ or remove):
        raise UsageError("--no-wait is for --apply and --remove: nothing else waits here", hint="leave it out")
    if look or look_from:
        return _looked(asked, look_from or "")
    if apply_ or remove:
        if kind:
            raise UsageError("--format is for printing: --apply sets nftables", hint="leave one of the two out")
        from provision import api
        from provision.cli.run import run

        return run("firewall", api.set_firewall, asked, secrets=False, remove=remove, **waiting(no_wait))
    if limit:
        raise UsageError("--limit is for --apply and --remove: what is printed is the same for every host")
    return _printed(asked, kind or "nftables")


def _looked(asked: RunOptions, source: str) -> int:
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.render.jsonl import result_line
    from provision.render.look import look_json, look_lines
    from provision.serving.look import look

    screen = asked.screen()
    loaded = api.load(find_inventory(asked.inventory, os.environ), require_secrets=False)
    found = look(loaded, source, sudo_password=prompt() if asked.ask_sudo_password else None)
    screen.json(result_line("look", look_json(found)))
    if not screen.as_json:
        screen.say(*map(given_of(asked).text, look_lines(found, screen.paint)))
    return Exit.NO if found.reached else Exit.DONE


def _printed(asked: RunOptions, kind: str) -> int:
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.render.firewall import FORMATS, firewall_json
    from provision.render.jsonl import result_line

    screen = asked.screen()
    loaded = api.load(find_inventory(asked.inventory, os.environ), require_secrets=False)
    found = api.firewall(loaded, sudo_password=prompt() if asked.ask_sudo_password else None)
    screen.json(result_line("firewall", firewall_json(found)))
    if not screen.as_json:
        screen.say(*map(given_of(asked).text, FORMATS[kind](found)))
    return Exit.DONE
