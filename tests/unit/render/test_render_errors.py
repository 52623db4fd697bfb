from provision.core.errors import InventoryError, PortClosed, Problem, ScriptFailed, UsageError
from provision.render.errors import all_error_lines, error_lines, joined
from provision.render.text import Paint


def test_a_host_error_names_host_evidence_and_hint() -> None:
    error = ScriptFailed(
        "gpu-03", "only 4 of 8 GPUs joined", evidence=("CUDA_VISIBLE_DEVICES=0,1,2,3",), hint="remove it\nthen up"
    )
    assert error_lines(error) == [
        "error: gpu-03: only 4 of 8 GPUs joined",
        "  CUDA_VISIBLE_DEVICES=0,1,2,3",
        "hint: remove it",
        "      then up",
    ]


def test_all_problems_of_an_inventory_are_shown_at_once() -> None:
    error = InventoryError(
        [
            Problem("inventory.yaml", 14, 7, "hosts.gpu-03", "unknown key `adress`", "did you mean `address`?"),
            Problem("inventory.yaml", 0, 0, "", "no head"),
        ]
    )
    assert error_lines(error) == [
        "error: inventory.yaml:14:7: hosts.gpu-03: unknown key `adress`",
        "hint: did you mean `address`?",
        "",
        "error: inventory.yaml: no head",
    ]


def test_the_same_error_twice_is_shown_once() -> None:
    block = error_lines(UsageError("no inventory"))
    assert joined([block, block, ["other"]]) == ["error: no inventory", "", "other"]


def test_evidence_cannot_bring_escape_codes_of_its_own() -> None:
    lines = error_lines(ScriptFailed("h\x1b[2J", "m", evidence=("\x1b[31mred",)), Paint(False))
    assert "\x1b" not in "".join(lines)


def test_the_same_error_of_several_hosts_is_one() -> None:
    down, hint = "jump host: nothing listens on port 22 of `bastion`", "nc -vz bastion 22"
    behind = [PortClosed(f"gpu-{number:03}", down, hint=hint) for number in range(200)]
    other = ScriptFailed("gpu-007", "the facts could not be read", evidence=("no space",))
    assert all_error_lines([*behind, other, *behind[:1]]) == [
        f"error: 200 hosts (gpu-000 … gpu-199): {down}",
        f"hint: {hint}",
        "",
        "error: gpu-007: the facts could not be read",
        "  no space",
    ]


def test_errors_that_name_their_own_host_are_one_and_others_are_not() -> None:
    own = [PortClosed(name, f"nothing listens on `{name}`", hint=f"ssh {name}") for name in ("a", "b")]
    assert all_error_lines(own) == ["error: a, b: nothing listens on `<host>`", "hint: ssh <host>"]
    differ = [ScriptFailed("a", "m", evidence=("1",)), ScriptFailed("b", "m", evidence=("2",)), ScriptFailed("c", "m")]
    heads = [line for line in all_error_lines(differ) if line.startswith("error")]
    assert heads == ["error: a: m", "error: b: m", "error: c: m"]
    assert all_error_lines([PortClosed("a", "m"), ScriptFailed("b", "m")]) == ["error: a: m", "", "error: b: m"]


def test_hosts_that_differ_in_their_address_alone_have_one_error() -> None:
    def gone(number: int) -> PortClosed:
        address = f"10.0.0.{number}"
        error = PortClosed(f"gpu-{number}", f"nothing listens on port 22 of `{address}`", hint=f"nc -vz {address} 22")
        error.address = address
        return error

    assert all_error_lines([gone(1), gone(11)]) == [
        "error: gpu-1, gpu-11: nothing listens on port 22 of `<address>`",
        "  gpu-1 is 10.0.0.1, gpu-11 is 10.0.0.11",
        "hint: nc -vz <address> 22",
    ]
    assert all_error_lines([gone(1)])[0] == "error: gpu-1: nothing listens on port 22 of `10.0.0.1`"
    many = all_error_lines([gone(number) for number in range(1, 201)])
    assert many[0].startswith("error: 200 hosts (gpu-1 … gpu-200): ")
    assert many[1].endswith("gpu-8 is 10.0.0.8 … and 192 more")
