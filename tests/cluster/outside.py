"""What a host outside the cluster reaches of it, for the table of docs/firewall.md: seen from this machine, which is on
the network of the hosts and none of them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml
from clusters import PROVISION, Cluster
from listeners import LISTENERS, LOOPBACK, Seen

from provision.transport.reach import closed

DOCUMENT = Path(__file__).parents[2] / "docs" / "firewall.md"
BEGIN, END = "<!-- made by tests/cluster/test_serving.py -->\n", "<!-- end of the real scan -->\n"


@contextmanager
def firewall(cluster: Cluster) -> Iterator[None]:
    """As somebody with sudo sets it for a cluster that was made without."""
    said = yaml.safe_load(cluster.inventory.read_text())
    path = cluster.inventory.with_name("with-sudo.yaml")
    path.write_text(yaml.safe_dump({**said, "sudo": True}))

    def typed(option: str) -> str:
        command = [PROVISION, "firewall", str(path), option]
        done = subprocess.run(command, env=cluster.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "2 changes made" in typed("--apply")
    try:
        assert "nothing to change" in typed("--apply")
        yield
    finally:
        assert "2 changes made" in typed("--remove")


def look(cluster: Cluster, found: Mapping[str, Iterable[Seen]]) -> dict[str, str]:
    """What listens → `open` or `dropped`, or both if its sockets differ."""
    sockets = [(host, one) for host, every in found.items() for one in every if one.where != LOOPBACK]
    endpoints = {(cluster.host(host).fabric_address, int(one.port)): one for host, one in sockets}
    answers = closed(endpoints, timeout=1.0)
    said: dict[str, set[str]] = {}
    for endpoint, one in endpoints.items():
        why = answers.get(endpoint, "open")
        what = next(known.what for known in LISTENERS if one.is_of(known))
        said.setdefault(what, set()).add("dropped" if why.startswith("no answer") else why)
    return {known.what: " and ".join(sorted(said[known.what])) for known in LISTENERS if known.what in said}


def document(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    rows = "".join(f"| {what} | {before[what]} | {after[what]} |\n" for what in before)
    table = f"| listens | before | after |\n|---|---|---|\n{rows}"
    text = DOCUMENT.read_text()
    start, _, rest = text.partition(BEGIN)
    shown, _, end = rest.partition(END)
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{start}{BEGIN}{table}{END}{end}")
    else:
        assert shown == table, "run this test with WRITE_DOCS=1 in the environment to write the table anew"
