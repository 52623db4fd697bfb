"""Both ends of a connection of a relay show a certificate that the controller made for this run, and take no other."""

from __future__ import annotations

import os
import ssl


class Identity:
    """`authority`, `certificate`, `key`: PEM."""

    def __init__(self, authority: str, certificate: str, key: str) -> None:
        self.server = _context(ssl.PROTOCOL_TLS_SERVER, authority, certificate, key)
        self.client = _context(ssl.PROTOCOL_TLS_CLIENT, authority, certificate, key)


def _context(protocol: ssl._SSLMethod, authority: str, certificate: str, key: str) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    context.load_verify_locations(cadata=authority)
    # Python reads both from files alone: these are pipes, and the key is never on a disk.
    first, second = _pipe(certificate), _pipe(key)
    try:
        context.load_cert_chain(f"/proc/self/fd/{first}", f"/proc/self/fd/{second}")
    finally:
        os.close(first)
        os.close(second)
    return context


def _pipe(text: str) -> int:
    """The end to read from; a few hundred bytes fit in."""
    reading, writing = os.pipe()
    try:
        os.write(writing, text.encode())
    finally:
        os.close(writing)
    return reading
