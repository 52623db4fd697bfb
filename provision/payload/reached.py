"""Whether anything answers at a URL, where the host has no curl: exit code 0, or 7 and why it does not.

Only that is asked: what answers may be an error, and certificates are judged by whoever fetches. Proxies are those of
the environment.
"""

from __future__ import annotations

import socket
import ssl
import sys
import urllib.error
import urllib.request


def main() -> None:
    try:
        urllib.request.urlopen(sys.argv[1], timeout=8, context=ssl._create_unverified_context()).close()
    except urllib.error.HTTPError:
        pass
    except OSError as error:
        reason = getattr(error, "reason", error)
        # Whoever resets a connection, or is a proxy that refuses, is there.
        there = isinstance(reason, (ssl.SSLError, ConnectionResetError, BrokenPipeError))
        if not there and (isinstance(reason, socket.timeout) or getattr(reason, "errno", None)):
            sys.stderr.write(f"{reason}\n")
            sys.exit(7)
    except Exception:  # what an answer is that is no HTTP is not the question
        pass
