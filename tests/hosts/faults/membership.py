"""Hosts that come, go, change their part, or are named twice."""

from faults.fault import Fault
from faults.rack import MODEL, ROOT, Rack


def wiped(rack: Rack) -> None:
    """Another disk under the same name and key."""
    rack.kill("lab-3", "ray")
    rack.sh("lab-3", f"rm -rf {ROOT} {MODEL}")


def two_heads(rack: Rack) -> None:
    rack.edit(lambda s: s["hosts"]["lab-2"].update(role="head"))


def twice(rack: Rack) -> None:
    def change(settings):
        settings["hosts"]["lab-4"] = {**settings["hosts"]["lab-3"]}

    rack.edit(change)


def no_head(rack: Rack) -> None:
    rack.edit(lambda s: s["hosts"]["lab-1"].update(role="worker"))


def newcomer_off(rack: Rack) -> None:
    def change(settings):
        address = settings["hosts"]["lab-3"]["address"].rpartition(".")[0] + ".99"
        settings["hosts"]["lab-4"] = {"address": address, "node_ip": address}

    rack.edit(change)


def limited(rack: Rack) -> None:
    rack.kill("lab-1", "vllm")


def gone_while_changing(rack: Rack) -> None:
    rack.kill("lab-2", "ray")
    rack["lab-3"].kill()
    rack.later(lambda: rack["lab-3"].start())


FAULTS = [
    Fault(
        "membership",
        "a worker comes back with an empty disk",
        wiped,
        ("lab-3", "environment"),
        3,
        "the others, which go on",
        "environment",
    ),
    Fault(
        "membership",
        "two hosts are the head",
        two_heads,
        ("head",),
        2,
        "no host was contacted",
        "nothing to change",
        repair="one of them is a worker",
        quick=True,
    ),
    Fault(
        "membership",
        "no host is the head",
        no_head,
        ("role: head",),
        2,
        "no host was contacted",
        "nothing to change",
        repair="name one",
    ),
    Fault(
        "membership",
        "one host under two names",
        twice,
        ("`lab-4` has the same address", "as `lab-3`"),
        2,
        "no host was contacted",
        "nothing to change",
        run="up",
        repair="remove one of the names",
    ),
    Fault(
        "membership",
        "a host that does not exist yet is in the inventory",
        newcomer_off,
        ("lab-4",),
        4,
        "nothing was changed on it",
        "nothing to change",
        repair="switch it on, or remove it",
    ),
    Fault(
        "membership",
        "`--limit` leaves out the head, where vLLM is down",
        limited,
        ("nothing to change (1 of 3 hosts",),
        0,
        "what runs goes on",
        "vLLM",
        run="up --limit lab-2",
    ),
    Fault(
        "membership",
        "one worker is off, another one's Ray is down",
        gone_while_changing,
        ("error: lab-3: ", "unreachable"),
        4,
        "nothing of what needs the host that is off",
        "Ray worker",
        run="up",
        repair="switch it on",
    ),
]
