"""Which folders others could change, as a host says it: any text gives an answer."""

from provision.facts import Exposed, read_facts


def test_what_is_named_is_exposed_and_all_else_is_sound() -> None:
    text = "@folders\nroot|others|1777|root|root|/tmp\nmodel|owner|755|mallory|domain users|/m/a|b\n@disk\n"
    assert read_facts(text).exposed == {
        "root": Exposed("/tmp", "others", "1777", "root", "root"),
        "model": Exposed("/m/a|b", "owner", "755", "mallory", "domain users"),
    }
    assert read_facts("@folders\n").exposed == read_facts("").exposed == {}


def test_what_is_no_such_line_is_passed_over() -> None:
    assert read_facts("@folders\nroot|\nhome|others|777|a|b|/x\nroot|others|777|a|b|relative\n").exposed == {}
