"""What is shown of a ProxyCommand that failed."""

import pytest

from provision.transport.proxy import program


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("/usr/bin/nc -x proxy:1080 10.0.0.1 22", "/usr/bin/nc"),
        ("exec env SSHPASS=one sshpass -e ssh -W 10.0.0.1:22 jump", "sshpass"),
        ("SSHPASS='one two three' sshpass -e ssh -W 10.0.0.1:22 jump", "sshpass"),
        ("SSHPASS=$(echo one two) sshpass -e ssh -W 10.0.0.1:22 jump", ""),
        ("SSHPASS='one two nc 10.0.0.1 22", ""),
        ("", ""),
    ],
)
def test_no_part_of_a_variables_value_is_shown(command: str, shown: str) -> None:
    assert program(command) == shown
