"""What `provision --help` says, and which file holds which command. Imports next to nothing: it is quick."""

from __future__ import annotations

from typing import NamedTuple

from provision.core.exits import Exit


class Command(NamedTuple):
    """`place`: module and name of the click command."""

    place: str
    help: str


#: In the order in which a person meets them.
COMMANDS: dict[str, Command] = {
    "init": Command("provision.cli.init:init", "write an inventory of your hosts, or an example to edit"),
    "trust": Command("provision.cli.trust:trust", "show the hosts' SSH keys, and record them once you agree"),
    "plan": Command("provision.cli.cluster:plan", "show what `up` would change and why, without changing anything"),
    "up": Command("provision.cli.cluster:up", "bring the hosts to the state in the inventory; safe to repeat"),
    "check": Command("provision.cli.check:check", "report every deviation and what to do, without changing anything"),
    "status": Command("provision.cli.status:status", "show hosts, GPUs, the model and what it is doing, in one look"),
    "logs": Command("provision.cli.logs:logs", "show the logs of all services of all hosts on one time line"),
    "bundle": Command("provision.cli.bundle:bundle", "write what a ticket needs to one file, without a secret"),
    "metrics": Command("provision.cli.metrics:metrics", "write what Prometheus and Grafana need to watch the cluster"),
    "exec": Command("provision.cli.exec:exec_", "run a command on the hosts, all at once"),
    "ssh": Command("provision.cli.ssh:ssh", "log in to a host, with OpenSSH's own client"),
    "env": Command("provision.cli.env:env", "open a shell on a host in which `ray` and `vllm` work"),
    "ray": Command("provision.cli.ray:ray", "run Ray's own command on the head, with the cluster's token"),
    "model": Command("provision.cli.model:model", "deploy, list or delete the models of ServerlessLLM"),
    "tunnel": Command("provision.cli.tunnel:tunnel", "bring the model's API, and Ray's dashboard, to this machine"),
    "smoke": Command("provision.cli.smoke:smoke", "send the served model one test request, as its users do"),
    "bench": Command("provision.cli.bench:bench", "put a small load on the served model, and time its answers"),
    "restart": Command("provision.cli.restart:restart", "start services anew, and nothing else"),
    "rollback": Command("provision.cli.rollback:rollback", "start again what the last successful `up` started"),
    "down": Command("provision.cli.cluster:down", "stop what `up` started, and nothing else"),
    "unlock": Command("provision.cli.unlock:unlock", "take the hosts from a run that hangs"),
    "prune": Command("provision.cli.prune:prune", "remove what no environment in use needs from the hosts"),
    "lock": Command("provision.cli.lock:lock", "pin the environment to exact versions and hashes"),
    "lint": Command("provision.cli.lint:lint", "check inventories, playbooks and locks without contacting anything"),
    "fit": Command("provision.cli.fit:fit", "say whether a model fits GPUs, and how it would be cut over them"),
    "explain": Command("provision.cli.explain:explain", "say from logs alone why a model did not start"),
    "firewall": Command(
        "provision.cli.firewall:firewall", "keep other hosts from the cluster's ports, or print the rules"
    ),
    "import": Command(
        "provision.cli.import_compose:import_compose", "write an inventory from the files of a compose guide"
    ),
    "export": Command("provision.cli.export:export", "write what `up` would run as files that need no provision"),
    "completion": Command("provision.cli.completion:completion", "print the completion for bash, zsh or fish"),
    "help": Command("provision.cli.help:help_", "show the page of a command, or all of them for `man`"),
    "schema": Command("provision.cli.schema:schema", "print the inventory's JSON Schema, for your editor"),
    "lab": Command("provision.cli.lab:lab", "virtual hosts on this machine, to try things out without GPUs"),
    "demo": Command(
        "provision.cli.demo:demo", "a complete run on this machine: hosts, Ray, vLLM, one answer, clean up"
    ),
}

_PAGE = """\
usage: provision COMMAND [INVENTORY] [OPTIONS]

Brings up one large language model across GPU machines, over SSH: it checks the machines, installs one
identical environment on each, starts Ray and a vLLM server across them, and proves that the model answers.

In order, with the machines listed in ./inventory.yaml (`provision init` writes one to start from):

  provision up        bring up the cluster; run it again at any time, it changes only what differs
  provision check     see whether it is still as it should be
  provision down      stop it again

No GPU machines at hand? `provision demo` does all of that on this machine, in minutes.

commands:
{commands}

  provision help COMMAND has the options of a command, and an example; so has provision COMMAND --help.

example:
  provision plan cluster.yaml                        what would be done?
  provision up cluster.yaml                          do it
  provision check cluster.yaml --limit 'gpu-0*'      only these hosts
  provision up cluster.yaml --json | jq .event       for programs: one JSON event per line

INVENTORY is ./inventory.yaml if left out, or else what $PROVISION_INVENTORY names.

exit codes:
{exits}

environment:
  PROVISION_INVENTORY   the inventory when none is named
  PROVISION_STATE_DIR   where logs are kept (default: ~/.local/state/provision)
  NO_COLOR              no colour, as --no-color"""


def page() -> str:
    widest = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{widest}}  {command.help}" for name, command in COMMANDS.items())
    exits = "\n".join(f"  {end.value:>3}  {end.meaning}" for end in Exit)
    return _PAGE.format(commands=commands, exits=exits)
