"""People's own checks: a pytest plugin that gives a testinfra `host` for each host of an inventory.

Installed, pytest loads it by itself, in every session: it does nothing, and loads nothing, in one without
`--inventory`. `run` is what `provision check --tests` does with it.
"""

from provision.testing.options import pytest_addoption, pytest_configure

__all__ = ["pytest_addoption", "pytest_configure"]
