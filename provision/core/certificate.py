"""What is public of the certificate that a server shows: a value, whoever has read it."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from provision.core.secret import Secret
from provision.core.values import dataclass

#: What the file with key and certificate is called among a cluster's secrets, and the private key in it alone: no
#: service gets them by its environment.
TLS, TLS_KEY = "serve.tls", "serve.tls.key"


@dataclass(frozen=True)
class ShownCertificate:
    """`fingerprint`: SHA-256 of it, in hex. `pin`: SHA-256 of its public key, in base64, as curl's `--pinnedpubkey`
    wants it. `names`: the addresses and names that it is for. `begins`, `ends`: seconds of Unix. `own`: signed by
    itself. `chain`: SHA-256 of what stands behind it in the file, in hex; empty: nothing does."""

    fingerprint: str
    pin: str
    names: tuple[str, ...]
    begins: float
    ends: float
    own: bool
    chain: str = ""

    @property
    def colons(self) -> str:
        """The fingerprint as browsers and `openssl x509 -fingerprint -sha256` show it."""
        digits = self.fingerprint.upper()
        return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))

    def covers(self, names: Iterable[str]) -> bool:
        return {plain(name) for name in names} <= {plain(name) for name in self.names}


def plain(name: str) -> str:
    """An address or a name, in the one way in which a certificate has it."""
    try:
        return str(ipaddress.ip_address(name.partition("%")[0]))
    except ValueError:
        return name.lower().rstrip(".")


class CertifiedKey(Secret):
    """A private key behind its certificates, as a server reads them from one file, and what is public of it."""

    __slots__ = ("certificate",)

    def __init__(self, pem: str, certificate: ShownCertificate, name: str) -> None:
        super().__init__(pem, name)
        self.certificate = certificate

    def certified(self, names: tuple[str, ...]) -> CertifiedKey:
        """One whose certificate is for `names`, where it is ours to say so."""
        return self
