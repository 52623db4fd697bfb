"""What a lab host really runs and holds is read by an ordinary user, over the real transport."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provision import api
from provision.checks.host.check import questions
from provision.cluster.gather import fleet_of, gather_facts
from provision.core.events import Note, silent
from provision.core.report import Report
from provision.facts import Facts, GpuProcess, Xid, facts_script, read_facts
from provision.inventory import load
from provision.inventory.models import Serve
from provision.lab import Lab
from provision.lab.control import HostControl
from provision.transport import Transport

pytestmark = [
    pytest.mark.hosts,
    pytest.mark.needs("lab"),
]

ENV = "/home/ops/made-up-env"
PACKAGES = f"{ENV}/lib/python3.11/site-packages"
RAYLET = f"{PACKAGES}/ray/core/src/ray/raylet/raylet"

#: Programs that look like Ray's and vLLM's from outside, and do nothing.
PREPARE = f"""
mkdir -p {ENV}/bin {RAYLET.rpartition("/")[0]} {PACKAGES}/ray-2.60.0.dist-info
mkdir -p {PACKAGES}/vllm-0.32.0+cpu.dist-info /opt/model/.cache
cp /bin/dash {RAYLET}
ln -s "$(command -v python3)" {ENV}/bin/python
echo 'import time; time.sleep(300)' > {ENV}/bin/vllm
printf 12345 > /opt/model/model.safetensors
printf 12 > /opt/model/config.json
printf x > /opt/model/.cache/noted-by-a-download
"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    lab = Lab(name=f"test-facts-{os.getpid()}")
    try:
        lab.up(hosts=1, gpus=2, settings={"serve": {"model": "tiny"}})
        done = lab.host("lab-1").exec(["sh", "-ec", PREPARE])
        assert done.returncode == 0, done.stderr
        yield lab
    finally:
        lab.down()


@pytest.fixture
def control(lab: Lab) -> Iterator[HostControl]:
    yield lab.host("lab-1")
    lab.host("lab-1").fault(clear=True)


@pytest.fixture
def facts(lab: Lab) -> Callable[..., Facts]:
    def ask(sudo: bool = False, **asked: str) -> Facts:
        (host,) = load(lab.inventory).hosts
        asked_at = time.time()
        with Transport([host]) as transport:
            (fragment,) = transport.connect(host.model_copy(update={"sudo": sudo})).run([facts_script(**asked)])
        assert (fragment.rc, fragment.stderr) == (0, "")
        return read_facts(fragment.stdout, asked_at=asked_at)

    return ask


def started(control: HostControl, user: str, command: str) -> int:
    """The pid of `command`, which goes on, as the host counts."""
    line = f"{command} </dev/null >/dev/null 2>&1 & echo $!"
    done = control.exec(["runuser", "-u", user, "--", "bash", "-c", line])
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.fixture
def start(control: HostControl) -> Iterator[Callable[[str, str], int]]:
    pids: list[int] = []

    def start(user: str, command: str) -> int:
        pids.append(started(control, user, command))
        return pids[-1]

    yield start
    control.exec(["kill", "-s", "KILL", *map(str, pids)])


def test_a_sound_host_has_sound_values_in_every_field(facts: Callable[..., Facts]) -> None:
    found = facts()
    assert (found.user, found.gpu_fault, found.cuda, found.fabric_manager) == ("ops", None, "13.1", "")
    for gpu in found.gpus:
        assert (gpu.ecc, gpu.ecc_uncorrected, gpu.remapped_pending, gpu.remapped_failure) == (True, 0, False, False)
        assert (gpu.power_limit, gpu.throttle, gpu.sm_clock_max) == (gpu.power_default, 0, 1980)
        assert (gpu.pcie_width, gpu.pcie_gen, gpu.error) == (gpu.pcie_width_max, gpu.pcie_gen_max, "")
        assert (gpu.fabric_state, gpu.fabric_status, gpu.compute_mode) == ("Completed", "Success", "Default")
    assert found.topology == (("X", "NV18"), ("NV18", "X"))
    assert found.nvlinks == ((0, 18, 0), (1, 18, 0))
    assert (found.gpu_processes, found.programs, found.model) == ((), (), None)
    assert found.clock_offset is not None and abs(found.clock_offset) < 30
    assert found.hostname_addresses


def test_ray_and_vllm_are_found_whoever_started_them(facts: Callable[..., Facts], start: Callable[..., int]) -> None:
    ray = start("ops", f"PROVISION_SERVICE=demo/lab-1/ray {RAYLET} -c 'sleep 300; :' x --node_ip_address=10.9.9.9")
    vllm = start("root", f"{ENV}/bin/python {ENV}/bin/vllm serve tiny --api-key hunter2")
    start("root", f"bash -c 'sleep 300; : {ENV}/bin/vllm serve {RAYLET}'")
    by_kind = {program.kind: program for program in facts().programs}
    assert sorted(by_kind) == ["raylet", "vllm"]
    assert (by_kind["raylet"].pid, by_kind["raylet"].user, by_kind["raylet"].node_ip) == (ray, "ops", "10.9.9.9")
    assert (by_kind["raylet"].mark, by_kind["raylet"].version) == ("demo/lab-1/ray", "2.60.0")
    assert (by_kind["vllm"].pid, by_kind["vllm"].user, by_kind["vllm"].mark) == (vllm, "root", "")
    assert {program.environment for program in by_kind.values()} == {ENV}
    assert by_kind["vllm"].version == "0.32.0+cpu"
    assert by_kind["vllm"].command == f"{ENV}/bin/python {ENV}/bin/vllm serve tiny --api-key ***"


def test_a_program_whose_file_was_replaced_says_so(
    facts: Callable[..., Facts], control: HostControl, start: Callable[..., int]
) -> None:
    start("ops", f"{RAYLET} -c 'sleep 300; :'")
    (before,) = facts().programs
    control.exec(["sh", "-c", f"cp /bin/dash {RAYLET}.new && mv {RAYLET}.new {RAYLET}"])
    (after,) = facts().programs
    assert (before.replaced, after.replaced) == (False, True)


def test_who_holds_gpu_memory_is_named_by_user_command_and_service(
    facts: Callable[..., Facts], control: HostControl, start: Callable[..., int]
) -> None:
    ours = start("ops", "PROVISION_SERVICE=demo/lab-1/ray exec sleep 301")
    stranger = start("root", "PROVISION_SERVICE=not/ours/to-see exec sleep 302")
    control.fault(apps=[(ours, 40000, "sleep"), (stranger, 512, "sleep"), (999999, 7, "[Not Found]")], on=1)
    found = facts()
    uuid = found.gpus[1].uuid
    assert [replace(process, since=None) for process in found.gpu_processes] == [
        GpuProcess(ours, uuid, 40000, "ops", "sleep 301", "demo/lab-1/ray"),
        GpuProcess(stranger, uuid, 512, "root", "sleep 302"),
        GpuProcess(999999, uuid, 7),
    ]
    first, second, gone = (process.since for process in found.gpu_processes)
    assert first is not None and second is not None and 0 <= second <= first < 600
    assert gone is None
    assert [gpu.memory_free_mib for gpu in found.gpus] == [81559, 81559 - 40519]


def test_what_one_gpu_shows_is_set_in_its_cells_alone(facts: Callable[..., Facts], control: HostControl) -> None:
    control.fault(cells={"pcie.link.width.current": "8", "nvlink.down": "2"}, on=0)
    control.fault(cells={"power.limit": "350.00 W"})
    found = facts()
    assert [gpu.pcie_width for gpu in found.gpus] == [8, 16]
    assert [gpu.power_limit for gpu in found.gpus] == [350.0, 350.0]
    assert found.nvlinks == ((0, 16, 2), (1, 18, 0))


def test_the_folder_of_the_model_is_counted_without_what_a_download_notes(
    facts: Callable[..., Facts], control: HostControl
) -> None:
    model = facts(model="/opt/model").model
    assert model is not None and model.there and model.digest
    assert (model.files, model.bytes) == (2, 7)
    control.exec(["sh", "-c", "printf y >> /opt/model/.cache/noted-by-a-download"])
    again = facts(model="/opt/model").model
    assert again is not None and again.digest == model.digest
    control.exec(["sh", "-c", "printf 6 >> /opt/model/model.safetensors"])
    changed = facts(model="/opt/model").model
    assert changed is not None and changed.digest != model.digest
    absent = facts(model="~/no/such").model
    assert absent is not None and absent.path == "/home/ops/no/such"
    assert (absent.there, absent.digest, absent.disk_free_bytes > 0) == (False, "", True)


def test_the_kernels_log_is_read_by_whoever_may(facts: Callable[..., Facts], control: HostControl) -> None:
    restricted = Path("/proc/sys/kernel/dmesg_restrict").read_text().strip() == "1"
    assert (facts().xids is None) == restricted
    assert facts(sudo=True).xids is not None
    path, line = "/usr/local/bin/dmesg", "[ 9.5] NVRM: Xid (PCI:0000:18:00): 79, pid=1, GPU has fallen off the bus."
    control.exec(["sh", "-c", f"printf '#!/bin/sh\\necho \"{line}\"\\n' > {path}; chmod 755 {path}"])
    assert facts().xids == (Xid(79, "0000:18:00", 1, "pid=1, GPU has fallen off the bus."),)


UNIT = "/etc/systemd/system/nvidia-fabricmanager.service"


def test_the_fabric_manager_is_asked_for_where_there_is_one(facts: Callable[..., Facts], control: HostControl) -> None:
    assert facts().fabric_manager == ""
    control.exec(["sh", "-c", f"printf '[Service]\\nExecStart=/bin/sleep 300\\n' > {UNIT}; systemctl daemon-reload"])
    try:
        assert facts().fabric_manager == "inactive"
        assert control.exec(["systemctl", "start", "nvidia-fabricmanager"]).returncode == 0
        assert facts().fabric_manager == "active"
    finally:
        control.exec(["sh", "-c", f"systemctl stop nvidia-fabricmanager; rm {UNIT}; systemctl daemon-reload"])


def test_the_drivers_library_is_known_by_the_file_that_it_links_to(
    facts: Callable[..., Facts], control: HostControl
) -> None:
    control.exec(["sh", "-c", "cd /usr/lib && mv libnvidia-ml.so.1 libnvidia-ml.so.580.65.06"])
    control.exec(["ln", "-s", "libnvidia-ml.so.580.65.06", "/usr/lib/libnvidia-ml.so.1"])
    try:
        assert facts().driver_library == "580.65.06"
    finally:
        control.exec(["sh", "-c", "cd /usr/lib && mv libnvidia-ml.so.580.65.06 libnvidia-ml.so.1"])


def test_a_pending_reboot_is_seen(lab: Lab, control: HostControl) -> None:
    def printed() -> Mapping[str, str]:
        inventory = load(lab.inventory)
        with fleet_of(inventory.hosts, silent) as fleet:
            return gather_facts(fleet, inventory, questions())["lab-1"].printed

    assert "reboot" not in printed()
    control.exec(["touch", "/run/reboot-required"])
    assert printed()["reboot"] == "required\n"
    control.exec(["rm", "/run/reboot-required"])


def test_an_nvidia_smi_that_hangs_hides_nothing_else(
    facts: Callable[..., Facts],
    control: HostControl,
    start: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("provision.facts.ask.GPU_PATIENCE", 1)
    ray = start("ops", f"{RAYLET} -c 'sleep 300; :'")
    control.fault(hang=True)
    found = facts(model="/opt/model")
    assert (found.gpu_fault, found.gpus) == ("hung", ())
    assert [program.pid for program in found.programs] == [ray]
    assert found.model is not None and found.model.there and found.cpus > 0


SENDS = """
from provision import Cluster, Playbook
from provision.checks.system import of_system
from provision.stack.model import Model

def playbook(cluster: Cluster) -> Playbook:
    book, model = Playbook(), Model(cluster)
    model.find_blockers(book)
    book.findings += of_system(cluster)
    for node in cluster.nodes:
        book.add(model.on(node, python="/usr/bin/python3", owner=""), on=node.name)
    return book
"""


def test_a_model_that_is_a_folder_here_is_sent_until_the_host_has_one_itself(
    lab: Lab, control: HostControl, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVISION_STATE_DIR", str(tmp_path / "state"))
    folder, playbook = tmp_path / "trained", tmp_path / "sends.py"
    folder.mkdir()
    (folder / "config.json").write_text('{"a": 1}')
    (folder / "model.safetensors").write_bytes(os.urandom(70_000))
    playbook.write_text(SENDS)
    inventory = load(lab.inventory).model_copy(update={"serve": Serve(model=str(folder))})
    notes: list[str] = []

    def run(command: Callable[..., Report], **options: Any) -> Report:
        notes.clear()
        heard = lambda event: notes.append(event.text) if isinstance(event, Note) else None  # noqa: E731
        return command(inventory, playbook=playbook, listener=heard, **options)

    at = "/home/ops/.provision/models/trained"
    for changed in (("weights",), ()):
        report = run(api.up)
        assert (report.exit_code, report.hosts[0].changes) == (0, changed), report.errors
        assert f"{folder} is here, and on no host: it is sent to {at}" in notes
    assert control.exec(["cat", f"{at}/config.json"]).stdout == '{"a": 1}'
    assert run(api.check).exit_code == 0

    control.exec(["sh", "-ec", f"mkdir -p {folder}; cp {at}/* {folder}; chown -R ops: {folder}"])
    report = run(api.up)
    assert report.exit_code == 0, report.errors
    assert any("the hosts serve their own" in note for note in notes)

    control.exec(["sh", "-ec", f"echo more >> {folder}/config.json"])
    report = run(api.check)
    assert [f.message for f in report.findings if f.fact == "model folder"] == [
        f"{folder} is another folder here than on lab-1: here 2 files of 70008 bytes, there 2 files of 70013 bytes"
    ]
    assert run(api.up).exit_code == 1

    control.exec(["rm", "-r", str(folder)])
    assert run(api.down, purge=True).exit_code == 0 and notes == []
    assert control.exec(["ls", "-A", "/home/ops/.provision/models"]).stdout == ""
