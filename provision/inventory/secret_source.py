"""Where a secret comes from, as an inventory says it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from provision.inventory.section import Section
from provision.inventory.words import Variable


class SecretSource(Section):
    """Where a secret's value comes from: exactly one of `env`, `file`, `command`, `vault` and `sops`."""

    env: Variable | None = Field(None, description="environment variable of the controller")
    file: str | None = Field(None, description="file on the controller, relative to the inventory")
    command: str | None = Field(None, description="command for the controller's sh that prints it, `pass show hf`")
    vault: str | None = Field(None, description="file that the program ansible-vault decrypts")
    sops: str | None = Field(None, description="file that the program sops decrypts")
    key: str | None = Field(None, description="where in that file it stands, `a.b`; default: all of the file is it")
    password_file: str | None = Field(
        None, description="file with the vault's password; default: ansible's own settings"
    )

    #: The places of which one is named.
    PLACES: ClassVar[tuple[str, ...]] = ("env", "file", "command", "vault", "sops")
