"""`metrics`: what Prometheus and Grafana need to watch the cluster."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from provision.cli.options import ShownOptions, example, inventory_argument, shown_options
from provision.cli.page import COMMANDS
from provision.core.exits import Exit


@click.command(
    short_help=COMMANDS["metrics"].help,
    epilog=example("""\
  provision metrics cluster.yaml --out watch
  prometheus --config.file=watch/prometheus.yml"""),
)
@inventory_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="The folder to write to, new or of an earlier time.  [default: CLUSTER-metrics]",
)
@click.option(
    "--node-exporter",
    metavar="PORT",
    type=click.IntRange(1, 65535),
    default=9100,
    show_default=True,
    help="The port of node_exporter on the hosts.",
)
@shown_options
def metrics(inventory: str | None, out: Path | None, node_exporter: int, **options: Any) -> int:
    """Write what Prometheus and Grafana need to watch the cluster: targets (file_sd), a scrape configuration, a
    dashboard for vLLM and the GPUs, and a collector of GPU figures for node_exporter, where there is no DCGM.

    Contacts no host. The API key is in no file: the configuration names one that you put it into. Exit code 0: written;
    1: the folder cannot be written; 2: wrong usage or inventory.
    """
    from provision import api
    from provision.cli.find import find_inventory
    from provision.cli.run import existing
    from provision.export.metrics import CERTIFICATE_FILE, KEY_FILE
    from provision.library.metrics import metrics as make
    from provision.render.jsonl import result_line
    from provision.render.text import clean

    screen = ShownOptions(**options).screen()
    loaded = api.load(find_inventory(inventory, os.environ), require_secrets=False, require_files=False)
    made = make(loaded, out, node_exporter=node_exporter)
    folder, files, missing = made.folder, made.files, list(made.to_add)
    told = {"folder": str(folder), "files": sorted(files), "to_add": missing, "notes": list(made.notes)}
    screen.json(result_line("metrics", told))
    if not screen.as_json:
        screen.say(*(f"wrote {existing(folder / name)}" for name in files))
        what = {KEY_FILE: "the API key, mode 0600", CERTIFICATE_FILE: "the server's certificate"}
        screen.say(*(f"note: {clean(note)}" for note in made.notes))
        screen.say(*(f"to add: {existing(folder / name)}: {what[name]}" for name in missing))
    return Exit.DONE
