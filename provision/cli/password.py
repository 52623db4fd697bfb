"""The sudo password, typed at the terminal or read from standard input: never an argument, never shown."""

from __future__ import annotations

import getpass
import sys

from provision.core.errors import UsageError
from provision.core.secret import Secret


def ask_sudo_password() -> Secret:
    """Raises UsageError if nothing was given."""
    try:
        if sys.stdin.isatty():
            value = getpass.getpass("sudo password on the hosts: ")
        else:
            value = sys.stdin.readline().removesuffix("\n").removesuffix("\r")
        value.encode()  # where the locale is not UTF-8, other bytes get as far as this
    except EOFError:  # Ctrl-D
        value = ""
    except (OSError, UnicodeError) as error:
        raise UsageError(f"--ask-sudo-password: standard input cannot be read: {error}") from None
    if not value:
        raise UsageError("--ask-sudo-password got no password", hint="type it at the prompt, or pipe it in as one line")
    return Secret(value, "sudo_password")
