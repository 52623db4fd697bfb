"""A public host key in the words of known_hosts."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import field

from provision.core.values import dataclass


@dataclass(frozen=True, slots=True)
class HostKey:
    """Its type and its base64 text; `certificate`: what the host showed around it, empty for the key alone."""

    kind: str
    text: str
    certificate: bytes = field(default=b"", compare=False, repr=False)

    @property
    def fingerprint(self) -> str:
        """As ssh-keygen -l prints it: `SHA256:…`."""
        try:
            digest = hashlib.sha256(base64.b64decode(self.text)).digest()
        except ValueError:
            return "unreadable"
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")
