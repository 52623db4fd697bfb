"""What one line of a log means. The table of them is data: signatures/*.yaml."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from enum import Enum

from provision.core.values import dataclass
from provision.diagnosis.figures import figures
from provision.diagnosis.port_keys import DEFAULTS, another


class Kind(Enum):
    """How much a line explains. A cause explains the failure. A symptom is often the first sign of a cause that is
    logged elsewhere. A vague line says that it failed, and not why. Waiting is also logged by a start that is merely
    slow. The first kind that is found counts."""

    CAUSE = "cause"
    SYMPTOM = "symptom"
    VAGUE = "vague"
    WAIT = "wait"


@dataclass(frozen=True)
class Signature:
    """`pattern` is searched in one line, without its prefixes. `cause` and `fix` may name its groups, what
    `provision.diagnosis.figures` works out from them, `{host}`, and `{another}` for a `port` that is taken. `fix` can
    be acted on as it stands: an edit of the inventory, or a command.

    `beside`: searched in the dozen lines before and after it in the same log, for what one line does not say. `quiet`:
    it counts also in a line of level info, which a sound start has, too. `until`: searched in what the same log says
    later: it went well after all. It may name the groups, `{so}`. `echo`: it is also said of the end of somebody else,
    so that an exception before it counts more, be it known or not.

    `source`: where the wording was seen: `run` (vLLM 0.32.0 and Ray 2.60.0, executed), the file that raises it, or
    the public issue. `examples`: such lines; each is this signature's and no other's.
    """

    id: str
    pattern: re.Pattern[str]
    cause: str
    fix: str
    source: str
    examples: tuple[str, ...]
    kind: Kind = Kind.CAUSE
    beside: re.Pattern[str] | None = None
    quiet: bool = False
    until: str = ""
    echo: bool = False

    def over(self, found: Mapping[str, str | None]) -> re.Pattern[str] | None:
        """What a line says by which it was over."""
        if not self.until:
            return None
        return re.compile(re.sub(r"\{([a-z]+)\}", lambda match: re.escape(found.get(match[1]) or ""), self.until))

    def told(self, found: Mapping[str, str | None], host: str, keys: Mapping[int, str] = DEFAULTS) -> tuple[str, str]:
        """Cause and fix, with what stands in the line. `keys`: port → the key of the inventory that moves it."""
        values = {
            **figures(found),
            "another": another(found.get("port"), keys),
            **{k: v for k, v in found.items() if v is not None},
            "host": host or "the host",
        }
        # Where nobody says which host it was, an edit of the inventory still has a place for its name.
        fix = self.fix if host else self.fix.replace("hosts.{host}", "hosts.<name>")
        return _filled(self.cause, values), _typed(fix, values)


def _typed(text: str, values: Mapping[str, str]) -> str:
    """Within backticks stands what is typed: what a log says there is quoted for the shell."""
    quoted = {name: shlex.quote(value) for name, value in values.items()}
    parts = text.split("`")
    return "`".join(_filled(part, quoted if index % 2 else values) for index, part in enumerate(parts))


def _filled(text: str, values: Mapping[str, str]) -> str:
    """An inventory edit has braces of its own: only those around one word are ours."""
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], "?"), text)
