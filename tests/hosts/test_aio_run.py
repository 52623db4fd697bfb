"""`provision.aio` and the library on real hosts: what they leave behind is nothing."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import changes
from loopback import wait_until
from own_playbooks import WORKS, Here

import provision
from provision import aio
from provision.inventory.models import Host

pytestmark = pytest.mark.hosts

#: Says that it has begun, in a file, and goes on for long.
SLOW = f'{WORKS}; echo $$ > "$path.pid"; sleep 300'


def threads() -> list[str]:
    return sorted(thread.name for thread in threading.enumerate())


@pytest.fixture
def here(make_host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    return Here(tmp_path, [make_host(), make_host()])


def test_no_thread_is_left_of_what_was_awaited_nor_of_what_was_called(here: Here) -> None:
    before = threads()
    heard: list[int] = []

    async def main() -> None:
        book = here.playbook()
        report = await aio.up(here.inventory, playbook=book, listener=lambda _: heard.append(threading.get_ident()))
        assert (report.exit_code, changes(report)) == (0, 2)
        assert threads() == before
        for again in await asyncio.gather(*(aio.check(here.inventory, playbook=book) for _ in range(2))):
            assert (again.exit_code, again.findings) == (0, ())

    asyncio.run(main())
    assert set(heard) == {threading.get_ident()} and len(heard) > 5
    assert threads() == before
    assert provision.down(here.inventory, playbook=here.playbook()).exit_code == 0
    assert threads() == before and here.made == []


def test_cancelling_the_task_ends_what_runs_on_the_hosts(here: Here) -> None:
    before = threads()

    def processes() -> list[int]:
        return [int(path.read_text()) for path in here.kept.glob("*.pid") if path.read_text().strip()]

    async def main() -> None:
        task = asyncio.create_task(aio.up(here.inventory, playbook=here.playbook(fix=SLOW)))
        while len(processes()) < 2 and not task.done():
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert threads() == before and len(processes()) == 2
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes()))
