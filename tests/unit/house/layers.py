"""The table of the house: every room, and all that it may import. From the bottom up: a room imports what stands above
it here, and nothing else of ours.

A room is a package of `provision`, by its folder; a package in a room is a room of its own. `provision` is the public
face, `api` the library, `playbooks` the built-in playbooks at the top of the project.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """`rooms`: all of ours that its files import, directly. `libraries`: all that is neither ours nor Python's own.
    `why`: what it is above, and why no more."""

    rooms: tuple[str, ...]
    libraries: tuple[str, ...]
    why: str


LAYERS: Mapping[str, Row] = {
    "core": Row((), (), "values that every room speaks in; who imports nothing can be imported by all"),
    "inventory": Row(
        ("core",),
        ("annotated_types", "packaging", "pydantic", "yaml"),
        "a document becomes frozen models here, and works on values from then on: the one room with YAML and pydantic",
    ),
    "diagnosis": Row(
        ("core",), ("yaml",), "what a log means depends on its lines; the signatures are a document of our own"
    ),
    "payload": Row(
        (),
        ("aiohttp", "ray", "vllm"),
        "what runs on hosts, where there is this room and Python's own; the rest: of the environment that has it",
    ),
    "payload/network": Row((), (), "for the oldest Python of all: a host's own"),
    "payload/firewall": Row((), (), "for a host's own Python, as the network's"),
    "payload/all_reduce": Row((), ("torch",), "torch: of the environment that has it"),
    "payload/records": Row((), (), "for a host's own Python, which judges an environment from outside of it"),
    "payload/relay": Row((), (), "for a host's own Python: it takes files before there is any environment"),
    "payload/weights": Row(
        ("payload/relay",),
        ("huggingface_hub",),
        "huggingface_hub: of the environment that has it; payload/relay: who downloads a share passes it on",
    ),
    "transport": Row(
        ("core", "inventory", "payload", "payload/relay"),
        ("cryptography", "fabric", "paramiko", "tenacity"),
        "carries scripts, whatever they are for; the one room with SSH, so that strict host keys and the leash hold "
        "everywhere; payload: what takes files on a host, and what is said in a relay",
    ),
    "environment": Row(("core", "inventory"), ("packaging", "uv"), "packages, as the inventory asks for them"),
    "weights": Row(
        ("core", "inventory", "payload/weights", "transport"),
        (),
        "the transport's web client asks the hub for the config; payload/weights: both sides list and hash alike",
    ),
    "parallel": Row(("core", "inventory"), ("packaging",), "a cut depends on values alone"),
    "facts": Row(
        ("core", "payload", "weights"),
        (),
        "reads what its part of the payload says; weights: which files count as a model's is the same on both sides",
    ),
    "cluster": Row(
        ("core", "environment", "facts", "inventory", "payload", "transport", "weights"),
        (),
        "what a playbook is a function of: inventory and facts, the lock (environment), what was seen of the model "
        "(weights); payload: how old a Python may be; `gather` alone uses the transport",
    ),
    "checks/gpu": Row(
        ("cluster", "core", "diagnosis", "facts", "inventory", "parallel"),
        (),
        "below the other checks, which ask it what GPUs can be counted on; parallel: the share of the memory that is "
        "wanted; diagnosis: what an Xid means",
    ),
    "checks/host": Row(
        ("cluster", "core", "facts"), (), "below the other checks, which show and explain what stands here by itself"
    ),
    "checks": Row(
        ("checks/gpu", "checks/host", "cluster", "core", "environment", "facts", "inventory", "weights"),
        ("packaging",),
        "facts against what is wanted: by the inventory, the lock (environment), the model's source (weights)",
    ),
    "begin": Row(
        ("checks", "cluster", "core", "facts", "inventory", "transport"),
        (),
        "the first inventory: asks the hosts before there is a playbook; checks: what fits them is the same table; "
        "transport: what an ssh_config names",
    ),
    "resources": Row(
        (
            "cluster", "core", "diagnosis", "environment", "facts", "inventory", "payload", "payload/weights",
            "weights",
        ),
        ("packaging",),
        "describes and never acts; diagnosis: a service that failed says why; cluster, facts: the logs of all hosts "
        "are asked for by what is known of them",
    ),
    "proofs": Row(
        ("core", "payload", "payload/weights", "resources"),
        (),
        "describes; resources: it proves what they have put there",
    ),
    "proofs/network": Row(("cluster", "core", "payload"), (), "describes; between hosts, whatever is on them"),
    "proofs/all_reduce": Row(
        ("cluster", "core", "diagnosis", "payload"), (), "describes; diagnosis: its log says why it failed"
    ),
    "serving": Row(
        ("cluster", "core", "environment", "facts", "inventory", "payload", "transport"),
        ("cryptography",),
        "asks the server that the resources have started, by its stamp, as a host asks it; environment, facts: who "
        "looks from outside needs the addresses of all hosts, and no lock; cryptography: the certificate that it shows",
    ),
    "stack": Row(
        (
            "checks", "checks/gpu", "cluster", "core", "environment", "facts", "inventory", "parallel",
            "payload/weights", "proofs", "proofs/all_reduce", "proofs/network", "resources", "serving", "weights",
        ),
        (),
        "assembles: all that describes comes together here, and nothing that acts",
    ),
    "engine": Row(
        ("cluster", "core", "environment", "inventory", "transport", "weights"),
        (),
        "acts, whatever it is that is described: no resource, check or proof by name; environment, weights: the lock "
        "and the model, which it hands on as values",
    ),
    "export": Row(
        ("cluster", "core", "engine", "environment", "facts", "inventory", "payload", "resources", "stack", "weights"),
        ("typing_extensions", "yaml"),
        "what a playbook describes, as files for a person: above all that describes; engine: it only loads the "
        "playbook; yaml: for files that are written, none is read; weights: the model's config, for a cut that is "
        "`auto`",
    ),
    "after": Row(
        ("cluster", "core", "engine", "environment", "inventory", "payload", "serving", "stack"),
        (),
        "what the library does once a run has ended: asks from here (serving), keeps what is known and the way back, "
        "also on the head (cluster, payload); no run of its own",
    ),
    "operate": Row(
        (
            "cluster", "core", "diagnosis", "engine", "environment", "inventory", "payload", "resources", "serving",
            "transport",
        ),
        (),
        "for the day after: looks and asks, and makes no plan; engine: who was a member before; resources, serving: "
        "where services lie on a host, and "
        "the server's own way to be asked; environment: the lock to compare with; diagnosis: when a line was written",
    ),
    "lab": Row(
        ("core", "environment", "inventory"),
        ("uv", "vllm"),
        "virtual hosts, for whatever is to run on them; environment, uv: the demo asks first for what it will fetch, "
        "and says in the end what is kept; vllm: the stand-ins, which vLLM alone imports",
    ),
    "render": Row(
        (
            "begin", "cluster", "core", "diagnosis", "export", "inventory", "lab", "operate", "parallel", "serving",
            "stack", "transport",
        ),
        ("rich",),
        "shows values, and only takes their types from the other rooms: firewall rules, diagnoses, host keys, answers, "
        "what prune finds (stack), exports, imports (inventory), the lab, how a cluster is (operate), first "
        "inventories (begin)",
    ),
    "testing": Row(
        ("core", "inventory", "render", "transport"),
        ("pytest", "testinfra"),
        "pytest's own view: its messages are those of the command line (render); the one room with the extra",
    ),
    "playbooks": Row(
        ("checks", "cluster", "core", "stack"), (), "what a person copies and edits, so few rooms, and none that acts"
    ),
    "api": Row(
        (
            "after", "checks", "checks/host", "cluster", "core", "engine", "environment", "inventory",
            "operate", "proofs", "serving", "stack", "testing", "weights",
        ),
        ("typing_extensions",),
        "puts describing and acting together; never prints; operate: what a run fetches through, and builds on",
    ),
    "library": Row(
        ("api", "begin", "checks", "core", "environment", "export", "inventory", "operate", "render", "weights"),
        (),
        "what commands do that make no run, as functions with typed results; render: the texts in a bundle; weights: "
        "what of them does not go together",
    ),
    "provision": Row(
        (
            "api", "checks", "checks/host", "cluster", "core", "diagnosis", "environment", "facts", "inventory",
            "library", "operate", "parallel", "proofs", "proofs/all_reduce", "proofs/network", "resources", "serving",
            "stack",
        ),
        (),
        "the public face: names alone, each loaded when it is first used",
    ),
    "aio": Row(
        ("provision",),
        (),
        "the public functions once more, to be awaited",
    ),
    "cli": Row(
        (
            "api", "begin", "core", "diagnosis", "engine", "environment", "export", "inventory", "lab", "library",
            "operate", "parallel", "proofs", "provision", "render", "serving", "stack", "testing", "transport",
        ),
        ("click",),
        "arguments → api → exit code; of the other rooms it takes what has no place in the library: the lab, host "
        "keys, where things are kept, to say which variable moves them, whether there are tests at all (testing), and "
        "the names of the proofs, for `--help`; engine: "
        "that the hosts of a lab are gone, and no members any more; stack: `fit`, by the public face; export: what a "
        "folder gets is written here",
    ),
    "__main__": Row(("cli",), (), "`python -m provision`"),
}  # fmt: skip

#: (files, by their beginnings; modules of Python that they may not import, why): what depends on values alone.
CLOCK = ("time", "datetime", "random", "secrets")
SYSTEM = ("threading", "subprocess", "socket", "os", "pathlib", "shutil", "urllib")
PURE: tuple[tuple[tuple[str, ...], tuple[str, ...], str], ...] = (
    (
        (
            "provision/core/plan.py", "provision/core/resource.py", "provision/core/playbook.py",
            "provision/core/finding.py", "provision/core/proof.py", "provision/core/inquiry.py",
            "provision/core/outcome.py", "provision/core/sizing.py", "provision/core/wording.py",
            "provision/core/majority.py", "provision/core/report.py", "provision/core/events.py",
            "provision/engine/schedule.py", "provision/engine/stages.py",
        ),
        (*CLOCK, *SYSTEM),
        "what is planned depends on values alone, and is tested without a host",
    ),
    (
        (
            "provision/cluster/addresses.py", "provision/cluster/cluster.py", "provision/cluster/firewall.py",
            "provision/cluster/networks.py",
        ),
        (*CLOCK, *SYSTEM),
        "`gather` is the one file of the cluster that contacts hosts",
    ),
    (("provision/checks/",), (*CLOCK, *SYSTEM), "what the facts mean is tested without a host"),
    (
        tuple(f"provision/diagnosis/{name}.py" for name in (
            "__init__", "answer", "diagnose", "explain", "figures", "lines", "noise", "prefixes", "signature", "table",
            "timeline", "xids",
        )),
        ("time", "random", "secrets", *SYSTEM),
        "what a log means is tested without a host; datetime reads the times of its lines; `logs` alone reads files",
    ),
    (("provision/parallel/",), (*CLOCK, *SYSTEM), "who looks at the model is another room"),
    (
        ("provision/testing/results.py", "provision/testing/fold.py"),
        ("time", "subprocess", "os", "tempfile", "threading", "pytest", "testinfra"),
        "what results mean is tested without a session",
    ),
)  # fmt: skip


def table() -> str:
    """As ARCHITECTURE.md has it."""
    lines = ["| room | imports, of ours | libraries | why |", "|---|---|---|---|"]
    for name, row in LAYERS.items():
        cells = (f"`{name}`", _list(row.rooms), _list(row.libraries), row.why)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _list(names: tuple[str, ...]) -> str:
    return " ".join(f"`{name}`" for name in names) or "–"


if __name__ == "__main__":
    sys.stdout.write(table())
