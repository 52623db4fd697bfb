"""The commands that the README tells a newcomer to type, taken from there and nowhere else."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def commands(readme: str) -> tuple[str, str]:
    """The command that runs the demo, and the one that runs the tests: each the one `sh` block that ends with it."""
    blocks = [block.strip() for block in re.findall(r"^```sh\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)]
    found = [[block for block in blocks if block.endswith(end)] for end in ("provision demo", "pytest")]
    if [len(some) for some in found] != [1, 1]:
        raise SystemExit(f"error: README.md has no one command each for the demo and the tests: {blocks}")
    return found[0][0], found[1][0]


def split(command: str) -> tuple[str, str]:
    """All but the last link of a chain of `&&`, and the last."""
    before, _, last = command.rpartition(" && ")
    return before, last
