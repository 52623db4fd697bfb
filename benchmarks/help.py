"""What `provision --help` costs, against the least that a program with click can: importing it.

Processor time (user and system) of whole processes, in turn; of each the least of all rounds counts, since whatever
else the machine does can only add to it.

    python -m benchmarks.help
    python -m benchmarks.help --assert          exit code 1 if `--help` takes more than twice as long
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measuring import command

#: Processor time of `provision --help` ÷ that of `python -c 'import click'`.
MOST = 2.0

ROUNDS = 15


@dataclass(frozen=True)
class Help:
    """Processor seconds."""

    page: float
    click: float

    @property
    def ratio(self) -> float:
        return self.page / self.click

    def __str__(self) -> str:
        return (
            f"provision --help: {self.page * 1000:.0f} ms of CPU, {self.ratio:.2f} times `import click` "
            f"({self.click * 1000:.0f} ms; promised: {MOST:g} times)"
        )


def measure(rounds: int = ROUNDS) -> Help:
    program = Path(sys.executable).parent / "provision"
    run = [program] if program.exists() else [sys.executable, "-c", "from provision.cli import main; main()"]
    with tempfile.TemporaryDirectory(prefix="provision-bench-") as folder:

        def cost(*argv: str | Path) -> float:
            return command(argv, cwd=Path(folder), env=os.environ)

        found = [(cost(*run, "--help"), cost(sys.executable, "-c", "import click")) for _ in range(rounds)]
    return Help(min(page for page, _ in found), min(click for _, click in found))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.help", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assert", dest="promise", action="store_true", help="exit code 1 if the promise is broken")
    asked = parser.parse_args()
    found = measure()
    print(found)
    return 1 if asked.promise and found.ratio > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
