"""`accept`: findings that may stay, each with its reason."""

IDS = ("CVE-2025-32444", "ray-auth-off")
SMALL = "cluster: demo\nhosts: {a: 10.0.0.1}\n"


def test_what_is_accepted_has_its_reason(read):
    inventory = read(SMALL + "accept: [{id: CVE-2025-32444, reason: no Mooncake here}]\n", ids=IDS)
    assert inventory.accepted == {"CVE-2025-32444": "no Mooncake here"}
    assert read(SMALL).accepted == {}


def test_an_id_that_no_finding_has_is_a_mistake_with_the_one_that_was_meant(problem):
    place, path, message, hint = problem(SMALL + "accept:\n  - {id: CVE-2025-3244, reason: x}\n", ids=IDS)
    assert (place, path) == ("4:10", "accept[0].id")
    assert message == "no finding has the id `CVE-2025-3244`"
    assert hint == "did you mean `CVE-2025-32444`?"
    assert "provision check" in problem(SMALL + "accept: [{id: nothing-like-it, reason: x}]\n", ids=IDS)[3]


def test_ids_of_ones_own_have_a_slash_and_are_taken_as_they_are(problems):
    assert problems(SMALL + "accept: [{id: mine/no-backup, reason: x}]\n", ids=IDS) == []


def test_where_the_ids_are_not_known_none_is_a_mistake(problems):
    assert problems(SMALL + "accept: [{id: anything, reason: x}]\n") == []


def test_without_a_reason_nothing_is_accepted(problem):
    assert problem(SMALL + "accept: [{id: ray-auth-off}]\n", ids=IDS)[2] == "`reason` is missing"
    assert problem(SMALL + "accept: [{id: ray-auth-off, reason: ' '}]\n", ids=IDS)[2].startswith("should be a reason")


def test_one_id_is_accepted_once(problem):
    twice = "accept: [{id: ray-auth-off, reason: a}, {id: ray-auth-off, reason: b}]\n"
    assert problem(SMALL + twice, ids=IDS)[2] == "`ray-auth-off` is accepted twice"


def test_something_else_than_a_list_is_a_mistake(problem):
    assert problem(SMALL + "accept: {id: ray-auth-off, reason: a}\n", ids=IDS)[2] == "should be a list, found a mapping"
