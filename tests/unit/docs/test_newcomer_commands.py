"""`tests/newcomer` types what the README says: these are the commands it has to find there."""

import pytest
from newcomer.readme import README, commands, split


def test_the_readme_has_one_command_for_the_demo_and_one_for_the_tests():
    demo, tests = commands(README.read_text())
    assert split(demo)[1].endswith("/provision demo")
    assert split(tests)[1].endswith("/pytest")


def test_a_readme_with_two_ways_to_the_demo_is_refused():
    with pytest.raises(SystemExit, match="no one command"):
        commands("```sh\nprovision demo\n```\n```sh\nsudo provision demo\n```\n```sh\npytest\n```\n")
