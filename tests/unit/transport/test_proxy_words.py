"""What is shown of a ProxyCommand that failed."""

import pytest

from provision.transport.proxy import program
from provision.transport.tokens import UnknownToken, filled


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


def test_a_token_that_is_not_known_is_told_without_its_command() -> None:
    with pytest.raises(UnknownToken) as told:
        filled("sshpass -p one%ztwo ssh -W %h:%p jump", {"h": "10.0.0.1", "p": "22"}, variables=False)
    assert str(told.value) == "`%z` in a command is not known"
