"""docs/faults.md, made from the registry."""

from __future__ import annotations

from collections.abc import Sequence

from faults.fault import KINDS, NOTHING, WHATEVER, Fault

_TOP = """\
# Faults

<!-- Made from the registry: WRITE_DOCS=1 pytest -n0 tests/unit/docs/test_faults_page.py -->

What provision says and does when something goes wrong, for {count} faults of {kinds} kinds. Each is injected on
three lab hosts that serve a model (stand-ins for Ray and vLLM, everything else real), and each line is what a test
sees: the command that meets the fault, its exit code, and words that it says. Then the fault is repaired where a
person has to, and one `provision up` follows. After it the model is served, nothing of ours runs where it should not,
and nothing of anybody else's was touched: a file and a process of a stranger's are on every host.

`pytest -n0 tests/hosts/test_faults.py` goes through a dozen of them, `make long` through all;
`python -m benchmarks.soak` injects a hundred at random, one after another.
"""

_HEAD = (
    "| what is injected | command, exit code | what is said | what is left | the next `up` |\n|---|---|---|---|---|\n"
)


def page(faults: Sequence[Fault]) -> str:
    parts = [_TOP.format(count=len(faults), kinds=len(KINDS))]
    for kind in KINDS:
        rows = "".join(_row(fault) for fault in faults if fault.kind == kind)
        parts.append(f"\n## {kind.capitalize()}\n\n{_HEAD}{rows}")
    return "".join(parts)


def _row(fault: Fault) -> str:
    said = ", ".join(_code(text) for text in fault.sees)
    cells = (fault.what, f"`{fault.run}` {_exit(fault.code)}", said, fault.left, _then(fault))
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |\n"


def _exit(code: int) -> str:
    return str(code) if code >= 0 else f"killed ({-code})"


def _code(text: str) -> str:
    """Words that hold code already are set apart by two."""
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _then(fault: Fault) -> str:
    first = f"{fault.repair}; then " if fault.repair else ""
    if fault.up == NOTHING:
        return f"{first}nothing to change"
    if fault.up == WHATEVER:
        return f"{first}does what is left to do"
    return f"{first}changes {_code(fault.up) if fault.up != 'made' else 'everything'}"
