"""Commands of ours in messages and hints, with the inventory and the options that this run was given: so that what is
copied does what is meant, whatever the inventory is called. Pure.

Whoever writes a hint writes the bare command, `provision up --deep`; what shows it knows the rest.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from provision.core.regex import regex
from provision.core.values import dataclass

#: Of a command that takes an inventory: its options with a value, and of those, what is kept of the run's own.
#: A test compares it with the commands themselves.
_RUN = ("--limit", "--playbook")
VALUES: Mapping[str, tuple[str, ...]] = {
    "bench": ("--requests", "--concurrency", "--input-tokens", "--output-tokens", "--deadline"),
    "bundle": ("--out", "-o", *_RUN),
    "check": (*_RUN, "--only", "--skip", "--save", "--against", "--from", "--tests", "--junit", "--html"),
    "down": _RUN,
    "exec": ("--limit", "--timeout"),
    "firewall": ("--limit", "--format", "--look-from"),
    "lock": ("--upgrade-package", "--diff"),
    "metrics": ("--out", "--node-exporter"),
    "plan": (*_RUN, "--out"),
    "prune": ("--limit",),
    "restart": _RUN,
    "rollback": _RUN,
    "smoke": ("--timeout",),
    "status": ("--interval", "--html", "--limit"),
    "trust": ("--limit",),
    "tunnel": ("--port",),
    "unlock": ("--limit", "--why"),
    "up": (*_RUN, "--skip", "--plan", "--html"),
}

#: Those that ask for a password of sudo where they are told to.
PASSWORD = (
    "bench",
    "bundle",
    "check",
    "down",
    "exec",
    "firewall",
    "plan",
    "prune",
    "restart",
    "rollback",
    "smoke",
    "status",
    "tunnel",
    "unlock",
    "up",
)

_TYPED = regex(r"`(provision [^`]*)`")


@dataclass(frozen=True)
class Given:
    """What a run was given on its command line. Nothing is added without an inventory."""

    inventory: str = ""
    playbook: str = ""
    limit: tuple[str, ...] = ()
    ask_sudo_password: bool = False

    def text(self, text: str) -> str:
        """A message: each command in backticks is completed."""
        return _TYPED.sub(lambda typed: f"`{self.command(typed[1])}`", text) if "`provision " in text else text

    def hint(self, text: str) -> str:
        """As `text`; a hint may also be nothing but a command."""
        return self.command(text) if text.startswith("provision ") else self.text(text)

    def command(self, typed: str) -> str:
        """`provision check --deep` with the inventory behind its first word, and what it does not say itself. One that
        names an inventory, takes none, or cannot be read stays as it is."""
        _, _, rest = typed.partition(" ")
        verb, _, more = rest.partition(" ")
        try:
            words = shlex.split(more)
        except ValueError:
            return typed
        if not self.inventory or verb not in VALUES or _names_one(verb, words):
            return typed
        begin, kept = ["provision", verb, self.inventory], self._kept(verb, words)
        return " ".join(part for part in (shlex.join(begin), more, shlex.join(kept)) if part)

    def _kept(self, verb: str, words: list[str]) -> list[str]:
        kept = []
        # The rules that are printed are the same for every host, and so is what is looked at.
        whole = verb == "firewall" and not {"--apply", "--remove"} & set(words)
        if "--limit" in VALUES[verb] and "--limit" not in words and not whole:
            kept += [word for limit in self.limit for word in ("--limit", limit)]
        if self.playbook and "--playbook" in VALUES[verb] and "--playbook" not in words:
            kept += ["--playbook", self.playbook]
        if self.ask_sudo_password and verb in PASSWORD:
            kept += ["--ask-sudo-password"]
        return kept


def _names_one(verb: str, words: list[str]) -> bool:
    """Whether there is a word that is neither an option nor the value of one. Comparing two locks takes none."""
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--diff":
            return True
        if word in VALUES[verb]:
            del left[:1]
        elif not word.startswith("-"):
            return True
    return False
