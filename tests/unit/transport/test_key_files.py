"""Key files of any kind, and what of their public halves an agent is asked for."""

import shutil
import subprocess
from pathlib import Path

import pytest

from provision.transport.key_file import AuthProblem, KeyRing, beside, certified, public_part

PUTTY = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: jürgen@büro\nPublic-Lines: 1\nAAAA\n"


@pytest.mark.parametrize("content", [PUTTY.encode(), bytes(range(256)), b"ssh-ed25519 \xff\xfe jo"])
def test_of_what_is_no_key_the_agent_is_asked_for_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(AuthProblem):
        KeyRing().load(path)
    assert public_part(path) == b""


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="makes the certificate")
def test_a_certificate_that_is_named_twice_is_tried_once(tmp_path: Path) -> None:
    key = tmp_path / "key"
    for name in ("ca", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    subprocess.run(["ssh-keygen", "-q", "-s", str(tmp_path / "ca"), "-I", "jo", "-n", "jo", f"{key}.pub"], check=True)
    tried = list(certified(KeyRing().load(key), (beside(key), beside(key))))
    assert [one.public_blob is not None for one in tried] == [True, False]
