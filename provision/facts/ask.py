"""The script that asks a host what it is: raw text in named sections, parsed on the controller."""

from __future__ import annotations

from provision.core.script import Script
from provision.facts.gpus import FIELDS, PLAIN_FIELDS
from provision.facts.processes import SEPARATOR
from provision.payload.bundle import shell

#: Seconds after which a silent nvidia-smi is left behind. It can hang in the kernel, where no signal reaches it.
GPU_PATIENCE = 10

#: Below provision/payload: what all parts have in common; what is looked at while nvidia-smi works; and that.
_BEFORE = ("files/trust.sh", "facts/begin.sh", "facts/about.sh")
_AROUND = (
    "facts/host.sh", "facts/folders.sh", "facts/programs.sh", "facts/network.sh", "facts/driver.sh", "facts/model.sh",
)  # fmt: skip
_BESIDE = ("facts/gpus.sh",)


def facts_script(
    *, head: str = "", root: str = "~/.provision", model: str = "", sent: str = "", run_as: str = ""
) -> Script:
    """`head`: address or name of the host that this one must reach. `root`: where environments will live.
    `model`: the folder of the model, where it is one and not a name on a hub. `sent`: where the controller would send
    it; if `model` does not exist, that is asked about instead. `run_as`: who reads it, if not whoever logs in.

    Takes some 50 ms, and as long as nvidia-smi does (at most GPU_PATIENCE seconds).
    """
    variables = {
        "head": head,
        "root": root,
        "model": model,
        "sent": sent,
        "run_as": run_as,
        "separator": SEPARATOR,
        "fields": " ".join(FIELDS),
        "plain_fields": " ".join(PLAIN_FIELDS),
    }
    body = f"{shell(*_BEFORE)}\nlook_around() {{\n{shell(*_AROUND)}}}\n{shell(*_BESIDE)}"
    return Script(body, {**variables, "patience": GPU_PATIENCE}, timeout=GPU_PATIENCE + 30, whole=True)
