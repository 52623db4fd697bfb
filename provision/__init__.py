"""provision: bring up one large language model across GPU machines over SSH.

The library is what the command line is made of: `load` an inventory, then `plan`, `up`, `check` or `down`
it, and ask what it serves with `smoke` and `bench`. None prints, exits or keeps global state.
"""

from typing import TYPE_CHECKING, Any

from provision.core.version import __version__

if TYPE_CHECKING:
    from provision.api import bench, check, down, load, lock, plan, smoke, up

__all__ = ["__version__", "bench", "check", "down", "load", "lock", "plan", "smoke", "up"]


def __getattr__(name: str) -> Any:
    # Loaded on first use: `provision --help` should not wait for the SSH library.
    if name in __all__:
        from provision import api

        return getattr(api, name)
    raise AttributeError(f"module `provision` has no attribute `{name}`")
