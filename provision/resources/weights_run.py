"""The script that runs a program about the weights on a host, which finds in its environment what it is to do; and what
to do about what the program says when it fails."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.script import Script, Value, environment
from provision.payload.bundle import bundle, shell

#: Programs: what makes a folder sound, what downloads a model first, and what downloads a share of it before.
SEAL, DOWNLOAD, SPREAD = "weights.seal:main", "weights.download:main", "weights.spread:main"

#: Seconds for hundreds of gigabytes over a slow line, or from a slow disk.
TIMEOUT = 86400.0

#: First words of what a failed download says → what to do.
HINTS = {
    "gated": "accept the model's terms on its page, and name the token in the inventory: secrets.HF_TOKEN",
    "not found": "look at serve.model; for a private model name a token in the inventory: secrets.HF_TOKEN",
    "no revision": "look at serve.weights.revision",
    "no way": "set `serve.weights.path` to a folder here, which is sent to the hosts; or HF_ENDPOINT in the hosts' env",
    "refused": "wait a moment and run it again: what has come stays",
    "no space": "make room on that disk, or set `root` to a folder on a larger one",
    "strange files": "remove them, or give the model a folder of its own",
    "closed": "give it to that user: `sudo chown -Rh USER <root>/models`, or set another `root`",
    "not allowed": "let that user read the model, and write where it is to lie: `ls -ld` shows who can",
    "not ours": "move them away, or give the model a folder of its own: a name as serve.model, or another path",
    "no safe place": "use a folder in which nobody else can write: `ls -ld` shows who can; or another `root`",
    "pickles": "choose a model with safetensors; or, if you trust who made it, set `serve.weights.pickles: true`",
    "no hash": "set `serve.weights.path` to a folder here, which is sent to the hosts; or use another HF_ENDPOINT",
    "bad names": "do not use this repository, or this mirror: look at its list of files",
    "not trusted": "do not use this mirror: HF_ENDPOINT in the hosts' env",
    "these files": "run `provision up` again: it transfers them",
    "the environment": "add `huggingface_hub` to python.packages",
}

#: Files of shell: what an earlier version left to root, before it is written to.
HANDOVER = ("files/trust.sh", "weights/handover.sh")

#: Of the variables that a download is given: the one that is a secret.
TOKEN = "HF_TOKEN"

#: Variables of the script (weights/run.sh) that its program reads, in capitals.
_READ = (
    "work", "folder", "manifest", "mark", "models", "cluster", "host", "owner", "ours", "new", "deep", "expected",
    "about", "repo", "revision", "faults", "pickles", "code",
)  # fmt: skip


def capitals(variables: Mapping[str, Value]) -> dict[str, str]:
    """What the script gives to its program of `variables`, as that finds it in its environment."""
    return {name.upper(): str(variables.get(name, "")) for name in _READ}


def run(program: str, variables: Mapping[str, Value], *, also: Mapping[str, Value], timeout: float = TIMEOUT) -> Script:
    """`also`: further variables for the program's environment; a token among them reaches it in another way."""
    open_to_see = {name: value for name, value in also.items() if name != TOKEN}
    given: dict[str, Value] = {
        **dict.fromkeys(_READ, ""),
        **variables,
        **environment(open_to_see),
        "program": bundle(program),
    }
    given["token"] = also.get(TOKEN, "")
    return Script(shell(*HANDOVER, "environment.sh", "weights/run.sh"), given, timeout=timeout)
