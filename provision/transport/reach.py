"""Whether a port can be connected to from here, past SSH: what users of a service would find."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

#: Seconds for a connection to be made; on a network where this is too short, nobody wants to use the service.
PATIENCE = 2.0


def closed(endpoints: Iterable[tuple[str, int]], timeout: float = PATIENCE) -> Mapping[tuple[str, int], str]:
    """Those of `endpoints` that take no TCP connection from here, each with why. All at once."""
    wanted = list(dict.fromkeys(endpoints))
    if not wanted:
        return {}
    with ThreadPoolExecutor(max_workers=min(16, len(wanted))) as pool:
        answers = pool.map(lambda endpoint: _why_closed(endpoint, timeout), wanted)
        return {endpoint: why for endpoint, why in zip(wanted, answers, strict=True) if why}


def _why_closed(endpoint: tuple[str, int], timeout: float) -> str:
    try:
        socket.create_connection(endpoint, timeout).close()
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return f"no answer within {timeout:g} s"
    except (OSError, UnicodeError) as error:
        return (getattr(error, "strerror", None) or str(error)).lower()
    return ""
