from provision.core.errors import InventoryError, Problem, ScriptFailed, UsageError
from provision.render.errors import error_lines, joined
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
