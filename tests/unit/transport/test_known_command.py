"""What KnownHostsCommand prints, held against the names that OpenSSH holds it against."""

import pytest

from provision.transport.hostkeys import KnownHosts

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIK0wmN/Cr3JXqmLW7u+g9pTh+wyqDHpSQEIQczXkVx9q"


@pytest.mark.parametrize("marker", ["", "@cert-authority "])
def test_a_line_without_the_port_is_none_for_another_port(marker: str) -> None:
    known = KnownHosts([]).and_printed(f"{marker}gpu-01 {KEY}\n", "[GPU-01]:2222")
    assert known.lookup("[gpu-01]:2222") == known.lookup("gpu-01") == []
    known = KnownHosts([]).and_printed(f"{marker}[gpu-01]:2222 {KEY}\n", "[GPU-01]:2222")
    assert len(known.lookup("[gpu-01]:2222")) == 1


def test_a_revoked_key_is_revoked_for_each_port() -> None:
    known = KnownHosts([]).and_printed(f"@revoked gpu-01 {KEY}\n", "[gpu-01]:2222")
    assert [entry.marker for entry in known.lookup("gpu-01")] == ["@revoked"]
