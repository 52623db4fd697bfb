"""Which of a cluster's secrets are the inventory's, for a service to have in its environment."""

from __future__ import annotations

from provision.cluster.cluster import Cluster
from provision.core.certificate import TLS, TLS_KEY
from provision.core.secret import Secret
from provision.stack.token import RAY_TOKEN

#: Given in files of their own.
_IN_FILES = frozenset({RAY_TOKEN, TLS, TLS_KEY})


def given(cluster: Cluster) -> dict[str, Secret]:
    return {name: value for name, value in cluster.secrets.items() if name not in _IN_FILES}
