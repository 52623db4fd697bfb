"""Key files of any kind, and what of their public halves an agent is asked for."""

from pathlib import Path

import pytest

from provision.transport.key_file import AuthProblem, KeyRing, public_part

PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: jürgen@büro\nPublic-Lines: 1\nAAAA\n"


@pytest.mark.parametrize("content", [PUTTY.encode(), bytes(range(256)), b"ssh-ed25519 \xff\xfe jo"])
def test_of_what_is_no_key_the_agent_is_asked_for_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AuthProblem):
        KeyRing().load(path)
    assert public_part(path) == b""
