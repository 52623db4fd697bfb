"""What an inventory says of the environment, and how a run reaches what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, PrivateAttr

from provision.inventory.package_list import PackageList
from provision.inventory.section import Section
from provision.inventory.words import Version

Env = dict[str, str]


class Python(Section):
    """The environment, identical on every host."""

    version: Version = Field("3.12", description="Python version on the hosts")
    packages: PackageList = Field(
        (), description="requirements, or files of them: `requirements.txt`, `pyproject.toml`, `uv.lock`, `pylock.toml`"
    )
    index: str | None = Field(None, description="package index to use instead of the default")
    extra_indexes: tuple[str, ...] = Field((), description="additional package indexes")
    index_strategy: Literal["first-index", "unsafe-first-match", "unsafe-best-match"] = Field(
        "first-index",
        description="uv's --index-strategy. `first-index`: a package that the main index has is never taken from an "
        "extra one. `unsafe-best-match`: the best version of all indexes, so that whoever can publish on one of them "
        "can replace any package",
    )
    prereleases: Literal["if-necessary-or-explicit", "allow", "disallow"] = Field(
        "if-necessary-or-explicit",
        description="uv's --prerelease. `allow`: also where only another package asks for it",
    )
    find_links: tuple[str, ...] = Field((), description="folders or pages with wheels")
    constraints: tuple[str, ...] = Field((), description="requirements such as `numpy<3`, or `*.txt` files of them")
    overrides: tuple[str, ...] = Field((), description="constraints that override the packages' own requirements")
    torch_backend: str | None = Field(None, description="`cpu`, `cu130`, `auto` …: uv's --torch-backend")
    platform: str = Field("x86_64-manylinux_2_34", description="the hosts' platform, in uv's words")
    wheels: Literal["index", "controller"] = Field(
        "index", description="`controller`: downloaded once here and sent to the hosts, which install offline"
    )
    build: Literal["never", "controller"] = Field(
        "never", description="`controller`: what has no wheel is built once, here, and sent to the hosts by its hash"
    )
    build_on: str | None = Field(
        None, description="the host on which it is built instead, such as one with nvcc; it has to reach the index"
    )
    no_build_isolation: tuple[str, ...] = Field(
        (), description="of `packages` those that are built with the rest of the lock installed, such as `flash-attn`"
    )
    build_packages: tuple[str, ...] = Field(
        (), description="what they need for the build alone, beside setuptools, such as `ninja`; hosts do not get it"
    )
    build_env: Env = Field({}, description="environment of what is built here, such as `MAX_JOBS`")
    existing: str | None = Field(
        None, description="instead of all this: an environment that is on the hosts, `/opt/vllm`; never changed"
    )
    compile: bool = Field(True, description="compile bytecode at installation: slower to build, faster to start")

    #: Of a run, and in no file: credentials may be in it.
    _proxies: Mapping[str, str] = PrivateAttr(default_factory=dict)
    _builder: Callable[..., Any] | None = PrivateAttr(default=None)

    @property
    def proxies(self) -> Mapping[str, str]:
        """The variables by which programs that fetch find the proxy of the inventory; none where it names none."""
        return self._proxies

    @property
    def builder(self) -> Callable[..., Any] | None:
        """What builds in place of this machine (provision.environment.building); None for this machine."""
        return self._builder

    def built_by(self, builder: Callable[..., Any]) -> Python:
        made = self.model_copy()
        made._builder = builder
        return made

    def through(self, proxies: Mapping[str, str]) -> Python:
        made = self.model_copy()
        made._proxies = proxies
        return made
