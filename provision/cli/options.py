"""The options that commands share, each written once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

from provision.cli import completing
from provision.cli.streams import output_is_closed
from provision.core.errors import ProvisionError, UsageError
from provision.core.values import dataclass
from provision.core.wording import did_you_mean
from provision.proofs.names import PROOFS
from provision.render.screen import Screen

#: In seconds.
_YEAR = 365.0 * 24 * 3600

F = TypeVar("F", bound=Callable[..., Any])

inventory_argument = click.argument(
    "inventory", required=False, type=click.Path(), metavar="[INVENTORY]", shell_complete=completing.inventories
)

deep_option = click.option(
    "--deep",
    is_flag=True,
    help="Compare every file of the environments with what was installed; takes minutes.",
)

skip_option = click.option(
    "--skip",
    metavar="PROOFS",
    multiple=True,
    shell_complete=completing.proofs,
    help=f"Skip these proofs, separated by commas: {', '.join(PROOFS)}; those of your own playbook, too.",
)

wait_option = click.option(
    "--no-wait",
    "no_wait",
    is_flag=True,
    help="End at once (exit code 5) if another run is at work on the hosts.  [default: wait]",
)

yes_option = click.option(
    "-y", "--yes", is_flag=True, help="Do not ask before a model stops answering or data is removed."
)

timings_option = click.option(
    "--timings", is_flag=True, help="Show which part took how long on which host, and what determined the end."
)

html_option = click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the result to FILE (- is standard output) as one page, for a browser.",
)

_SHOWN = (
    click.option("--json", "as_json", is_flag=True, help="One JSON object per line on standard output."),
    click.option("-v", "--verbose", is_flag=True, help="Also show the hosts' output."),
    click.option("-q", "--quiet", is_flag=True, help="Show errors only."),
    click.option("--no-color", is_flag=True, help="No colour; $NO_COLOR does the same."),
)

_RUN = (
    inventory_argument,
    click.option(
        "--limit",
        metavar="PATTERN",
        multiple=True,
        shell_complete=completing.limits,
        help="Only these hosts (names, groups, roles; with *), separated by commas; repeatable.  [default: all hosts]",
    ),
    click.option(
        "--playbook",
        metavar="FILE",
        type=click.Path(path_type=Path),
        help="Your own playbook.  [default: the inventory's, or the built-in one for Ray and vLLM]",
    ),
    click.option(
        "--ask-sudo-password",
        is_flag=True,
        help="Prompt for the hosts' sudo password, or read it as a line from standard input.",
    ),
)


@dataclass(frozen=True)
class ShownOptions:
    """How much is shown, and in which form: the values of `shown_options`. `aside`: on standard error, since standard
    output is for something else."""

    as_json: bool = False
    verbose: bool = False
    quiet: bool = False
    no_color: bool = False
    aside: bool = False

    def screen(self) -> Screen:
        if self.verbose and self.quiet:
            raise UsageError("-v and -q contradict each other", hint="leave one of them out")
        if not self.quiet:
            need_output("; with `-q` it is not needed")
        return Screen(
            as_json=self.as_json, verbose=self.verbose, quiet=self.quiet, no_color=self.no_color, aside=self.aside
        )


@dataclass(frozen=True)
class RunOptions(ShownOptions):
    """What `up`, `plan`, `check` or `down` was asked for: the values of `run_options`, and of `timings_option`."""

    inventory: str | None = None
    limit: tuple[str, ...] = ()
    playbook: Path | None = None
    ask_sudo_password: bool = False
    timings: bool = False


def need_output(otherwise: str = "") -> None:
    """Raises ProvisionError if standard output is closed: nothing should run for output that nobody will read."""
    if output_is_closed():
        raise ProvisionError(f"standard output is closed: nothing was done{otherwise}")


class Seconds(click.FloatRange):
    """A time that can be waited for: `nan` is none, and beyond a year clocks give up."""

    def __init__(self, least: float) -> None:
        super().__init__(min=least, max=_YEAR)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        seconds: float = super().convert(value, param, ctx)
        if math.isnan(seconds):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return seconds


def shown_options(function: F) -> F:
    return _all(function, _SHOWN)


def run_options(function: F) -> F:
    return _all(function, (*_RUN, *_SHOWN))


def deeply(deep: bool) -> dict[str, bool]:
    """What `deep_option` is for the library."""
    return {"deep": True} if deep else {}


def waiting(no_wait: bool) -> dict[str, bool]:
    """What `wait_option` is for the library."""
    return {"wait": False} if no_wait else {}


def skipped(skip: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What `skip_option` is for the library."""
    names = tuple(part.strip() for names in skip for part in names.split(",") if part.strip())
    return {"skip": names} if names else {}


def require_proofs(names: Sequence[str], playbook: Path | None) -> None:
    """Raises UsageError for a name that no built-in proof has; which ones a `playbook` has is known once there is a
    cluster, so the run judges that."""
    for name in names:
        if playbook is None and name not in PROOFS:
            meant = did_you_mean(name, PROOFS, "; ")
            raise UsageError(f"--skip: there is no proof `{name}`{meant}", hint=f"they are {', '.join(PROOFS)}")


def example(text: str) -> str:
    """An epilog that click leaves as it is."""
    return f"\b\nexample:\n{text.rstrip()}"


def _all(function: F, options: tuple[Callable[[F], F], ...]) -> F:
    # Decorators apply from the last to the first, so that --help lists them as written.
    for option in reversed(options):
        function = option(function)
    return function
