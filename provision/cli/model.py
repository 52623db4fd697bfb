"""`model`: what ServerlessLLM has deployed."""

from __future__ import annotations

from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit

_SUDO = click.option("--ask-sudo-password", is_flag=True, help="Prompt for the head's sudo password.")
_NAME = click.argument("name")


@click.group(
    short_help=COMMANDS["model"].help,
    epilog=example("""\
  provision model deploy facebook/opt-1.3b cluster.yaml
  provision model list cluster.yaml
  provision model delete facebook/opt-1.3b cluster.yaml"""),
)
def model() -> None:
    """Deploy, list or delete the models of a running ServerlessLLM (`serve: {backend: serverlessllm}`).

    The head is asked over SSH, so that the ports of ServerlessLLM may be closed to this machine. What `up` is to have
    deployed stands in the inventory: `serverlessllm: {models: ...}`.
    """


@model.command(
    "deploy",
    short_help="have ServerlessLLM fetch and serve a model",
    epilog=example("""\
  provision model deploy facebook/opt-1.3b
  provision model deploy facebook/opt-1.3b cluster.yaml --num-gpus 2"""),
)
@_NAME
@inventory_argument
@click.option("--backend", type=click.Choice(["transformers", "vllm"]), help="What runs it.  [default: transformers]")
@click.option("--num-gpus", type=click.IntRange(0), help="GPUs of one instance.  [default: 1]")
@click.option("--min-instances", type=click.IntRange(0), help="Instances kept while nobody asks.  [default: 0]")
@click.option("--max-instances", type=click.IntRange(1), help="Instances at most.  [default: 10]")
@_SUDO
@shown_options
def deploy(name: str, inventory: str | None, ask_sudo_password: bool, **options: Any) -> int:
    """Have ServerlessLLM fetch the model NAME to a worker, and load it when it is asked for.

    Its settings are those of the inventory, or else the defaults; options change single ones. A model that is deployed
    like this is left as it is; with other settings it is deleted and deployed again. It is deployed until ServerlessLLM
    is restarted. Exit code 1: ServerlessLLM does not run, or refused; 2: wrong usage; 4: the head could not be reached.
    """
    from provision.inventory.serverless import SllmModel
    from provision.operate import deployments

    given = {key: options.pop(key) for key in ("backend", "num_gpus", "min_instances", "max_instances")}
    own = {key: value for key, value in given.items() if value is not None}

    def act(loaded: Any, **how: Any) -> bool:
        known = deployments.section_of(loaded).models.get(name, SllmModel())
        return deployments.deploy(loaded, name, known.model_copy(update=own), **how)

    return _changed("deploy", name, act, inventory, ask_sudo_password, options)


@model.command(
    "delete",
    short_help="have ServerlessLLM forget a model",
    epilog=example("""\
  provision model delete facebook/opt-1.3b cluster.yaml"""),
)
@_NAME
@inventory_argument
@_SUDO
@shown_options
def delete(name: str, inventory: str | None, ask_sudo_password: bool, **options: Any) -> int:
    """Have ServerlessLLM forget the model NAME; what it fetched stays on the workers.

    Of one that is not there, nothing is done. Exit codes as of `deploy`.
    """
    from provision.operate import deployments

    def act(loaded: Any, **how: Any) -> bool:
        return deployments.delete(loaded, name, **how)

    return _changed("delete", name, act, inventory, ask_sudo_password, options)


@model.command(
    "list",
    short_help="list the models that ServerlessLLM has",
    epilog=example("""\
  provision model list cluster.yaml"""),
)
@inventory_argument
@_SUDO
@shown_options
def list_(inventory: str | None, ask_sudo_password: bool, **options: Any) -> int:
    """List the models that ServerlessLLM has, with their settings and who has deployed them. Changes nothing.

    Exit codes as of `deploy`.
    """
    from provision.operate import deployments
    from provision.render.jsonl import result_line
    from provision.render.text import clean

    screen = ShownOptions(**options).screen()
    found = _on_the_head(deployments.deployed, inventory, ask_sudo_password)
    rows = [{"name": one.name, "settings": one.settings, "by": one.by} for one in found]
    screen.json(result_line("model-list", {"models": rows}))
    if not screen.as_json:
        by = {"up": "by `up`", "person": "by `provision model deploy`", "other means": "by other means"}
        lines = [f"{clean(one.name)}  {clean(one.settings) or 'settings not known'}  {by[one.by]}" for one in found]
        screen.say(*(lines or ["no model is deployed"]))
    return Exit.DONE


def _changed(
    what: str, name: str, act: Any, inventory: str | None, ask_sudo_password: bool, options: dict[str, Any]
) -> int:
    from provision.render.jsonl import result_line
    from provision.render.text import clean

    screen = ShownOptions(**options).screen()
    changed = _on_the_head(act, inventory, ask_sudo_password)
    screen.json(result_line(f"model-{what}", {"name": name, "changed": changed}))
    if not screen.as_json:
        there = "was deployed with these settings" if what == "deploy" else "was not deployed"
        done = "deployed" if what == "deploy" else "deleted"
        screen.say(f"{done} {clean(name)}" if changed else f"nothing to change: {clean(name)} {there}")
    return Exit.DONE


def _on_the_head(act: Any, inventory: str | None, ask_sudo_password: bool) -> Any:
    import os

    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.password import ask_sudo_password as prompt
    from provision.cli.stoppable import stoppable

    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False)
    password = prompt() if ask_sudo_password else None
    with stoppable() as stop:
        return act(loaded, cancel=stop.cancel, sudo_password=password)
