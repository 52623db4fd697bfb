"""The file with the API's private key and its certificates: beside the server's folder, its user's alone."""

from __future__ import annotations

from collections.abc import Mapping

from provision.core.certificate import ShownCertificate
from provision.core.script import Script
from provision.core.secret import Secret
from provision.core.values import dataclass
from provision.payload.bundle import shell

#: vLLM's flags (entrypoints/launchers/cli_args.py, 0.32.0); uvicorn takes both from one file.
FLAGS = ("ssl-certfile", "ssl-keyfile")


def file_of(folder: str) -> str:
    """`folder`: of the server."""
    return f"{folder}-tls.pem"


def held_question(folder: str) -> Script:
    """Prints what the file holds, if it is one that could be believed."""
    return Script(shell("files/trust.sh", "vllm/certificate.sh"), {"file": file_of(folder)}, private=True)


@dataclass(frozen=True)
class ServerTls:
    """`key`: what the file holds. `certificate`: None where the server is to go, whatever it has."""

    path: str
    key: Secret
    certificate: ShownCertificate | None

    @property
    def fingerprint(self) -> str:
        return self.certificate.fingerprint if self.certificate is not None else ""

    def flags(self) -> dict[str, tuple[str, ...]]:
        return dict.fromkeys(FLAGS, (self.path,))

    def aspects(self) -> Mapping[str, str]:
        """Whoever asks the server goes by it; and another one takes effect with a restart. What is public alone: a
        key has one certificate."""
        chain = self.certificate.chain if self.certificate is not None else ""
        return {"certificate": self.fingerprint, **({"chain": chain[:12]} if chain else {})}


def taken_away(fix: Script, folder: str) -> Script:
    """`fix` of a server that has no certificate (any more): nor a file with a key."""
    return Script(
        f'rm -f -- "$tls_file"\n{fix.body}', {**fix.vars, "tls_file": file_of(folder)}, fix.timeout, uploads=fix.uploads
    )
