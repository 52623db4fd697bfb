"""The whole remote surface: one SSH connection per host, batches of scripts in one round trip, uploads.

`Transport` opens connections (strict host keys, retries of connecting alone), `Session` runs batches under a
leash that leaves no process behind, and `trust` reads and records host keys. Nothing else imports fabric or
paramiko, and nothing else reveals a Secret.
"""

from __future__ import annotations

import logging

import provision.transport.lean  # noqa: F401 - before all that imports paramiko

# isort: split
from provision.transport.connect import Transport
from provision.transport.session import Session
from provision.transport.trust import ScannedKey, record, scan

__all__ = ["ScannedKey", "Session", "Transport", "record", "scan"]

# What paramiko has to say reaches the caller as an exception; without a handler, Python prints it as well.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
