"""What a run has read here, once it has the hosts for itself."""

from pathlib import Path

import pytest

from provision.core.errors import PlanChanged
from provision.core.secret import Secret
from provision.engine.unchanged import MadeFrom, inventory_files


def told(*values: str) -> dict[str, Secret]:
    return {f"s{place}": Secret(value) for place, value in enumerate(values)}


def test_files_are_compared_whether_it_has_waited_or_not(tmp_path: Path) -> None:
    inventory, lock = tmp_path / "a.yaml", tmp_path / "a.lock"
    inventory.write_text("cluster: a\n")
    asked: list[int] = []
    made_from = MadeFrom([inventory], lambda: asked.append(0) or {})
    made_from.files([lock])
    for waited in (False, True):
        made_from.still(waited)
    assert len(asked) == 2  # at first, and after the wait
    lock.write_text("made meanwhile\n")
    with pytest.raises(PlanChanged, match=r"^`a\.lock` has changed since this run began: nothing was changed"):
        made_from.still(False)
    inventory.unlink()
    with pytest.raises(PlanChanged, match=r"`a\.yaml`, `a\.lock` have changed") as refused:
        made_from.still(True)
    assert refused.value.exit_code == 3


@pytest.mark.parametrize("now", [("old", "new"), ("old",)])
def test_secrets_are_read_again_after_a_wait_alone(now: tuple[str, ...]) -> None:
    answers = [told("old", "old"), told(*now)]
    made_from = MadeFrom([], lambda: answers.pop(0))
    assert made_from.secrets == told("old", "old")
    made_from.still(False)
    with pytest.raises(PlanChanged, match="the secret `s1` has changed") as refused:
        made_from.still(True)
    assert "new" not in str(refused.value)


def test_what_is_read_beside_an_inventory_of_ansible(tmp_path: Path) -> None:
    file = tmp_path / "group_vars" / "all" / "ssh.yml"
    file.parent.mkdir(parents=True)
    file.write_text("ansible_user: ann\n")
    made_from = MadeFrom(inventory_files(tmp_path / "hosts.yaml"))
    file.write_text("ansible_user: bob\n")
    with pytest.raises(PlanChanged, match=r"`ssh\.yml`"):
        made_from.still(False)
