"""The last good start is kept for its owner alone, read back as it was, and refused where it is something else."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from provision import api
from provision import inventory as inventories
from provision.after import last_good
from provision.core.errors import PlanChanged, UsageError
from provision.core.plan import Mode, make_plan
from provision.core.report import Report
from provision.engine.playbook_loader import PlaybookFile
from provision.environment.lockfile import no_lock, parse_lock
from provision.inventory.models import Inventory

LOCK = f"# python: 3.11\n# platform: x86_64-manylinux_2_34\ntiny==1.0 --hash=sha256:{'ab' * 32}\n"
TEXT = """
cluster: llama
ssh: {user: ops}
hosts:
  gpu-1: {address: 10.0.0.1, role: head, env: {X: "1"}}
  gpu-2: {address: 10.0.0.2}
ray: {args: {num-cpus: 4}}
python: {packages: [tiny], find_links: [./wheels]}
serve: {model: /models/m, tensor_parallel: auto, pipeline_parallel: 2, args: {enforce-eager: true, max-model-len: 256}}
secrets: {HF_TOKEN: {env: HF_TOKEN}}
accept: [{id: driver, reason: known}]
"""


@pytest.fixture
def inventory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "wheels").mkdir()
    (tmp_path / "a.yaml").write_text(TEXT)
    return inventories.load(tmp_path / "a.yaml", require_secrets=False)


def test_it_is_read_back_as_it_was_and_nobody_else_can_read_it(inventory: Inventory) -> None:
    lock = parse_lock(LOCK, inventory.lock_path)
    last_good.keep(inventory, lock)
    assert last_good.environment(inventory.cluster) == (lock.short,)
    kept = last_good.load(inventory)
    assert kept.inventory == inventory
    assert (kept.lock, kept.lock.text) == (lock, LOCK)
    assert stat.S_IMODE(last_good.place("llama").stat().st_mode) == 0o600


def test_a_run_that_ended_well_while_it_was_waited_for_is_not_taken_back(inventory: Inventory) -> None:
    lock, asked, plan = parse_lock(LOCK, inventory.lock_path), [], make_plan(Mode.UP, [], {})
    last_good.keep(inventory, lock)
    agree = last_good.still(last_good.load(inventory), inventory, asked.append)
    agree(plan)
    assert asked == [plan]
    last_good.keep(inventory, lock)
    with pytest.raises(PlanChanged, match="another run has ended well meanwhile"):
        agree(plan)
    assert asked == [plan]


def test_without_packages_there_is_no_lock_to_keep(inventory: Inventory) -> None:
    last_good.keep(inventory, no_lock(inventory.python, inventory.lock_path))
    assert last_good.load(inventory).lock == no_lock(inventory.python, inventory.lock_path)
    assert last_good.environment(inventory.cluster) == last_good.environment("none-is-kept") == ()


def test_where_there_is_none_that_is_said(inventory: Inventory) -> None:
    with pytest.raises(last_good.NoWayBack, match="no good start of `llama` is kept here"):
        last_good.load(inventory)


PASSWORD = "pw-of-an-index-71"


def test_the_password_of_an_index_is_not_kept_and_comes_from_the_present_inventory(inventory: Inventory) -> None:
    urls = {"index": f"https://me:{PASSWORD}@pypi.example/simple", "extra_indexes": (f"https://{PASSWORD}@b.example",)}
    private = inventory.model_copy(update={"python": inventory.python.model_copy(update=urls)})
    last_good.keep(private, no_lock(private.python, private.lock_path))
    assert PASSWORD not in last_good.place("llama").read_text()
    assert last_good.load(private).inventory == private
    with pytest.raises(UsageError, match="a password that the inventory no longer has"):
        last_good.load(inventory)


def other_version(content: str) -> str:
    return json.dumps({**json.loads(content), "v": 2})


def other_fields(content: str) -> str:
    found = json.loads(content)
    return json.dumps({**found, "inventory": {**found["inventory"], "unheard_of": 1}})


def at(moment: str) -> Callable[[str], str]:
    return lambda content: json.dumps({**json.loads(content), "at": float(moment)})


SPOILT = [
    *(other_version, other_fields, lambda text: text[:100], lambda text: "[]", lambda text: "[" * 100_000),
    *(at("nan"), at("inf"), at("1e300")),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_what_this_version_has_not_kept_is_no_start(inventory: Inventory, spoil: Callable[[str], str]) -> None:
    last_good.keep(inventory, parse_lock(LOCK, inventory.lock_path))
    path = last_good.place("llama")
    path.write_text(spoil(path.read_text()))
    with pytest.raises(last_good.NoWayBack, match="holds no start that this version has kept"):
        last_good.load(inventory)


def test_a_folder_that_cannot_be_written_is_an_error_in_words(inventory: Inventory) -> None:
    last_good.place("llama").mkdir(parents=True)
    with pytest.raises(last_good.NotKept, match=r"last-good\.json` cannot be written"):
        last_good.keep(inventory, no_lock(inventory.python, inventory.lock_path))


def test_one_that_others_could_have_written_is_not_gone_back_to(inventory: Inventory) -> None:
    """It names programs that are run here, to tell secrets."""
    last_good.keep(inventory, parse_lock(LOCK, inventory.lock_path))
    last_good.place("llama").chmod(0o666)
    with pytest.raises(last_good.NoWayBack, match="can be written to by every user"):
        last_good.load(inventory)


def played(inventory: Inventory) -> Path:
    path = inventory.path.parent / "my own.py"
    path.write_text("ONE = 1\n")
    last_good.keep(inventory, parse_lock(LOCK, inventory.lock_path), last_good.played(path))
    return path


def test_the_playbook_of_that_time_is_the_one_to_go_back_with(inventory: Inventory) -> None:
    path = played(inventory)
    assert last_good.playbook(last_good.load(inventory)) == path
    last_good.keep(inventory, parse_lock(LOCK, inventory.lock_path))
    assert last_good.playbook(last_good.load(inventory)) is None


def test_a_playbook_that_is_another_by_now_is_not_gone_back_with(inventory: Inventory) -> None:
    path = played(inventory)
    path.write_text("ONE = 2\n")
    with pytest.raises(UsageError, match="is another than that of the last good start") as found:
        last_good.playbook(last_good.load(inventory))
    assert f"--playbook '{path}'" in found.value.hint
    path.unlink()
    with pytest.raises(UsageError, match="of the last good start cannot be read: No such file"):
        last_good.playbook(last_good.load(inventory))


def test_what_the_playbook_imports_from_beside_it_counts_too(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = inventory.path.parent / "mine.py"
    beside = path.with_name("beside_of_last_good.py")
    beside.write_text("ONE = 1\n")
    path.write_text("import beside_of_last_good\nfrom provision import Playbook\nplaybook = lambda _: Playbook()\n")
    monkeypatch.syspath_prepend(path.parent)
    PlaybookFile(path, like=path.with_name("another")).load()
    book = last_good.with_imports(last_good.played(path))
    last_good.keep(inventory, parse_lock(LOCK, inventory.lock_path), book)
    assert last_good.playbook(last_good.load(inventory)) == path
    beside.write_text("ONE = 2\n")
    with pytest.raises(UsageError, match=r"beside_of_last_good\.py`, which the playbook imports, is another"):
        last_good.playbook(last_good.load(inventory))


def test_a_start_that_an_earlier_provision_has_kept_is_gone_back_to(inventory: Inventory) -> None:
    last_good.keep(inventory, parse_lock(LOCK, inventory.lock_path))
    path = last_good.place("llama")
    content = json.loads(path.read_text())
    del content["playbook"]
    path.write_text(json.dumps(content))
    assert last_good.playbook(last_good.load(inventory)) is None


def test_rollback_takes_the_playbook_of_that_time_unless_one_is_given(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, used = played(inventory), []

    def job(command: str, mode: Mode, kept: Inventory, options: api.Options, **_: object) -> None:
        used.append(options.get("playbook"))
        raise UsageError("that is enough")

    monkeypatch.setattr(api, "_job", job)
    other = path.with_name("other.py")
    for given in (None, other):
        with pytest.raises(UsageError, match="that is enough"):
            api.rollback(inventory, playbook=given)
    assert used == [path, other]
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        api.rollback(inventory)
    with pytest.raises(UsageError, match="that is enough"):
        api.rollback(inventory, playbook=other)


def test_the_way_back_does_not_take_the_playbook_of_the_start_that_failed(
    inventory: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []
    failed = Report("up", Mode.UP, None, ())
    monkeypatch.setattr(api, "_job", lambda *_, **__: None)
    monkeypatch.setattr(api, "_up", lambda *_: failed)
    monkeypatch.setattr(api, "went_back", lambda report, go_back, _: go_back())
    monkeypatch.setattr(api, "rollback", lambda _, **options: used.append(options["playbook"]) or failed)
    api.up(inventory, go_back=True, playbook=inventory.path.with_name("new.py"))
    assert used == [None]
