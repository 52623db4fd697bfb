"""`vllm bench serve` with the API key where no other process sees it, and for a server with a certificate of its own.

vLLM takes the key from its environment alone (benchmarks/lib/endpoint_request_func.py, 0.32.0), and of a certificate it
knows what the system trusts, or nothing (`--insecure`). So the key comes by descriptor 3 and becomes part of this
process's environment as it runs, which /proc does not show; and its connections go to whoever has the certificate
CERTIFICATE, by its SHA-256, and to nobody else.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def only_to(certificate: str) -> None:
    """From now on, aiohttp talks to who has that certificate."""
    import aiohttp

    pin = aiohttp.Fingerprint(bytes.fromhex(certificate))
    made = aiohttp.TCPConnector.__init__

    def make(self: Any, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **{**named, "ssl": pin})

    aiohttp.TCPConnector.__init__ = make


def main() -> None:
    with os.fdopen(3, encoding="utf-8") as stream:
        key = stream.read()
    if key:
        os.environ["OPENAI_API_KEY"] = key
    if certificate := os.environ.pop("CERTIFICATE", ""):
        only_to(certificate)
    sys.argv[0] = "vllm"
    from vllm.entrypoints.cli.main import main as vllm

    sys.exit(vllm())
