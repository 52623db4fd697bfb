"""ServerlessLLM: the plan, what its parts are started with, its ports, and what keeps it from starting."""

import json
import subprocess
from dataclasses import replace
from typing import Any

import pytest
from cluster_samples import LOCK, cluster, facts

from provision.cluster.closing import closing
from provision.cluster.cluster import Cluster
from provision.cluster.firewall import needed
from provision.core.errors import UsageError
from provision.core.finding import Finding, Known
from provision.core.outcome import Ended, outcome_lines
from provision.core.playbook import Playbook
from provision.core.resource import Resource
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.export.export import ExportTerms
from provision.export.gathering import export
from provision.inventory.models import FirewallSettings, Ray
from provision.inventory.runtime import Runtime
from provision.inventory.serverless import ServerlessLlm, SllmModel
from provision.operate.tunnel import tunnel
from provision.proofs.network.ports import members
from provision.resources.image import Image
from provision.resources.ports import PortsFree
from provision.resources.ray import RayHead, RayWorker
from provision.resources.ray_members import RayMembers
from provision.resources.serverless_head import ServerlessHead, ServerlessModels
from provision.resources.serverless_store import ServerlessStore
from provision.resources.service import Service
from provision.resources.still_running import StillRunning
from provision.serving.smoke import smoke
from provision.stack.again import require_services
from provision.stack.backends import DEFAULT, playbook_of
from provision.stack.leftovers import with_leftovers

PACKAGES = {"ray": "2.46.0", "serverless-llm": "0.8.0"}


def made(settings: ServerlessLlm | None = None, *, packages: Any = PACKAGES, **more: Any) -> Cluster:
    update = {key: more.pop(key) for key in ("firewall", "runtime") if key in more}
    found = cluster(**more)
    inventory = found.inventory.model_copy(update={"serverlessllm": settings or ServerlessLlm(), **update})
    return replace(found, inventory=inventory, lock=replace(LOCK, packages=packages))


def book_of(found: Cluster) -> Playbook:
    return PlaybookFile(built_in("serverlessllm"), like=built_in(DEFAULT)).load()(found)


def the(book: Playbook, kind: type[Resource], host: str = "") -> Any:
    (found,) = [s.resource for s in book.steps if isinstance(s.resource, kind) and host in ("", s.host)]
    return found


def blockers(found: Cluster) -> list[str]:
    return [finding.message for finding in book_of(found).blockers]


def test_the_section_chooses_the_playbook_and_a_sound_cluster_has_no_blocker() -> None:
    assert playbook_of(made().inventory) == "serverlessllm"
    assert blockers(made()) == []


def test_the_controller_starts_when_the_members_and_every_store_are_there() -> None:
    book = book_of(made())
    steps = {step.key: step for step in book.steps}
    assert {"gpu-01/ray-members", "gpu-02/service:sllm-store"} <= set(steps["gpu-01/service:sllm"].after)
    assert "gpu-02/service:ray" in steps["gpu-01/ray-members"].after
    assert steps["gpu-01/serverlessllm-models"].follows == ("gpu-01/service:sllm",)
    together = {key for key, step in steps.items() if step.together}
    assert together == {"gpu-01/service:ray", "gpu-02/service:ray", "gpu-02/service:sllm-store", "gpu-01/service:sllm"}


def test_each_node_has_its_own_resources_of_ray_and_its_own_address() -> None:
    book = book_of(made(ray=Ray(args={"resources": '{"disk": 2}'})))
    head, worker = the(book, RayHead), the(book, RayWorker)
    assert json.loads(head.flags()["resources"]) == {"disk": 2, "control_node": 1}
    assert json.loads(worker.flags()["resources"]) == {"disk": 2, "worker_node": 1, "worker_id_0": 1}
    assert (head.flags()["node-ip-address"], worker.flags()["node-ip-address"]) == ("10.0.0.1", "10.0.0.2")
    assert head.flags()["temp-dir"] == worker.flags()["temp-dir"]


def test_the_barrier_waits_for_these_resources() -> None:
    barrier = the(book_of(made()), RayMembers)
    assert barrier.resources == {"10.0.0.1": ("control_node",), "10.0.0.2": ("worker_node", "worker_id_0")}
    assert "gpu-02 10.0.0.2 with 2 GPUs as worker_node + worker_id_0" in barrier.want()["nodes"]
    assert "10.0.0.2 gpu-02 worker_node worker_id_0" in str(barrier.counted().vars["resources"])


def test_the_store_is_told_its_memory_its_folder_and_that_models_are_registered() -> None:
    store = the(book_of(made(ServerlessLlm(mem_pool_size="8GB", storage_path="/data/models"))), ServerlessStore)
    words = " ".join(store.command())
    assert words.endswith(
        "/bin/sllm-store start --host 0.0.0.0 --port 8073 --storage-path /data/models --mem-pool-size 8GB "
        "--registration-required true"
    )
    worker = the(book_of(made(ServerlessLlm(storage_path="/data/models"))), RayWorker)
    assert worker.environment()["STORAGE_PATH"] == store.environment()["STORAGE_PATH"] == "/data/models"


def test_with_sudo_the_models_lie_where_the_services_user_can_write() -> None:
    root = {"uid": 0, "user": "root"}
    book = book_of(made(head=facts("10.0.0.1", **root), worker=facts("10.0.0.2", **root), sudo=True))
    store = the(book, ServerlessStore)
    assert store.storage == f"{store.environment()['HOME']}/serverlessllm"
    assert store.place.user == "provision"


def test_the_head_listens_on_the_clusters_address_and_knows_its_ray() -> None:
    head = the(book_of(made(ServerlessLlm(port=9000, storage_aware=True))), ServerlessHead)
    assert head.command()[1:] == ("start", "--host", "10.0.0.1", "--port", "9000", "--enable-storage-aware")
    assert head.environment()["RAY_ADDRESS"] == "10.0.0.1:6379"


def test_a_secret_of_a_hub_reaches_the_workers_which_fetch_models_and_stands_in_no_command() -> None:
    book = book_of(made(secrets={"HF_TOKEN": Secret("hf-value", "HF_TOKEN")}))
    worker = the(book, RayWorker)
    assert isinstance(worker.environment()["HF_TOKEN"], Secret)
    assert "hf-value" not in repr((worker.command(), worker.aspects()))
    assert "HF_TOKEN" not in the(book, ServerlessHead).environment()


def test_its_ports_are_looked_at_proved_and_closed() -> None:
    found = made()
    ports = {s.key: s.resource.ports for s in book_of(found).steps if isinstance(s.resource, PortsFree)}
    assert ports["gpu-01/ports:sllm"] == ((8343, "ServerlessLLM's API"),)
    assert ports["gpu-02/ports:sllm-store"] == ((8073, "ServerlessLLM's store"),)
    proved = {member.name: {port for port, _ in member.ports} for member in members(found)}
    assert {6379, 8343} <= proved["gpu-01"] and 8073 in proved["gpu-02"]
    head, worker = (closing(found, node) for node in found.nodes)
    assert 6379 in {p.first for p in head.pinned} and (head.api, worker.api) == (8343, 0)
    assert 8073 in {p.first for p in worker.pinned}
    rules = needed(found, {"gpu-01": 22, "gpu-02": 22}, [head, worker]).rules
    assert [rule.ports for rule in rules if rule.to == ("10.0.0.1",)] == [(8343,)]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (made(packages={"ray": "2.46.0"}), "`serverless-llm` is not among the packages"),
        (made(ray=Ray(args={"resources": "disk"})), "`ray.args.resources` is `disk`, expected a JSON object"),
        (made(head=facts("10.0.0.1", uid=0, user="root")), "services run as root starts them here, or on gpu-01"),
        (
            made(runtime=Runtime(container="docker", image="./a.tar"), packages={"ray": "2.46.0", "vllm": "0.9.0.1"}),
            "`serverless-llm` is not in the image",
        ),
    ],
    ids=["packages", "resources", "sudo", "image"],
)
def test_what_cannot_work_blocks(found: Cluster, message: str) -> None:
    assert any(said.startswith(message) for said in blockers(found)), blockers(found)


def test_in_containers_its_programs_are_the_images_and_the_workers_see_the_models() -> None:
    storage = ServerlessLlm(storage_path="/srv/models")
    book = book_of(made(storage, runtime=Runtime(container="docker", image="./a.tar")))
    images = {step.host: step.resource for step in book.steps if isinstance(step.resource, Image)}
    assert {image.names for image in images.values()} == {("python", "ray", "sllm", "sllm-store")}
    assert {host: "/srv/models" in image.mounts for host, image in images.items()} == {"gpu-01": False, "gpu-02": True}
    scratch = the(book, RayHead).setup.scratch
    assert all(scratch in image.mounts for image in images.values()), "the head's, on every host"
    store = the(book, ServerlessStore)
    assert store.command()[0] == f"{images['gpu-02'].path}/bin/sllm-store"
    assert store.lock == the(book, RayWorker).setup.lock == images["gpu-02"].version
    assert store.health().vars["store_python"] == "/usr/bin/python3", "a look at it starts no container"


def test_a_head_alone_runs_no_model() -> None:
    found = made()
    inventory = found.inventory.model_copy(update={"hosts": found.inventory.hosts[:1]})
    assert any("has no worker" in said for said in blockers(replace(found, inventory=inventory, nodes=found.nodes[:1])))


def tokenless(found: Cluster) -> list[Finding]:
    return [finding for finding in book_of(found).findings if finding.id == "ray-without-token"]


def test_a_ray_that_knows_no_token_is_a_warning_until_a_firewall_closes_it() -> None:
    (warning,) = tokenless(made())
    assert warning.host == "gpu-01" and "runs code on every host" in warning.message
    assert "firewall: true" in warning.hint
    assert tokenless(made(firewall=FirewallSettings(enabled=True))) == []
    assert tokenless(made(packages={**PACKAGES, "ray": "2.52.0"})) == []


def test_the_end_of_up_says_how_to_ask_and_how_to_deploy() -> None:
    running = {"gpu-01": (Known("services", "ServerlessLLM", "running"),)}
    book = book_of(made(ServerlessLlm(models={"facebook/opt-1.3b": SllmModel()})))
    lines = outcome_lines(book.outcome, Ended(running))
    assert "ServerlessLLM answers at http://10.0.0.1:8343/v1" in lines
    assert any(line.startswith("curl --noproxy '*' http://10.0.0.1:8343/v1/chat/completions") for line in lines)
    none = outcome_lines(book_of(made()).outcome, Ended(running))
    assert "provision model deploy facebook/opt-1.3b inventory.yaml" in none
    assert "whether ServerlessLLM answers was not looked at" in outcome_lines(book_of(made()).outcome, Ended())


WORDS = "transformers, num_gpus 2"


@pytest.mark.parametrize(
    ("have", "differs"),
    [
        (None, {"a": ("absent", WORDS)}),
        ({"a": WORDS}, {}),
        ({"a": f"person {WORDS}"}, {}),
        ({"a": "transformers"}, {"a": ("transformers", WORDS)}),
        ({"a": "deployed by other means"}, {"a": ("deployed by other means", WORDS)}),
        ({"a": WORDS, "b": "transformers"}, {"b": ("transformers", "absent")}),
        ({"a": WORDS, "b": "person transformers", "c": "deployed by other means"}, {}),
    ],
    ids=["none", "same", "same, of a person", "other settings", "unknown settings", "one too many", "others' stay"],
)
def test_which_models_differ(have: dict[str, str] | None, differs: dict[str, tuple[str, str]]) -> None:
    models = the(book_of(made(ServerlessLlm(models={"a": SllmModel(num_gpus=2)}))), ServerlessModels)
    found = {d.aspect: (d.found or "absent", d.expected or "absent") for d in models.diff(have, models.want())}
    assert found == differs
    assert models.diff(have, None) == ()


def test_commands_that_ask_vllm_say_that_this_is_another() -> None:
    inventory = made().inventory
    with pytest.raises(UsageError, match="what ServerlessLLM serves is not asked from here"):
        smoke(inventory, {})
    with pytest.raises(UsageError, match="no tunnel to ServerlessLLM's API"), tunnel(inventory):
        pass
    with pytest.raises(UsageError, match="ServerlessLLM is not exported"):
        export(inventory, ExportTerms(kind="script"))


def test_its_services_can_be_restarted_by_name() -> None:
    require_services(["sllm", "sllm-store", "ray"], made().inventory, None)
    with pytest.raises(UsageError, match="there is no service `vllm`"):
        require_services(["vllm"], made().inventory, None)


def test_up_stops_a_vllm_that_another_backend_has_left() -> None:
    playbook = PlaybookFile(built_in("serverlessllm"), like=built_in(DEFAULT)).load()
    book = with_leftovers(playbook, removes=False)(made())
    looks = {step.host: step.resource.only for step in book.steps if isinstance(step.resource, StillRunning)}
    assert looks == {"gpu-01": ("vllm",), "gpu-02": ("vllm",)}


def test_each_part_can_be_carried_by_systemd_and_its_scripts_are_shell() -> None:
    root = {"uid": 0, "user": "root", "systemd": True}
    book = book_of(made(head=facts("10.0.0.1", **root), worker=facts("10.0.0.2", **root), sudo=True))
    services = [step.resource for step in book.steps if isinstance(step.resource, Service)]
    assert [service.place.runtime for service in services] == ["kept"] * 4
    for service in services:
        script = service.fix(None, service.want())
        for text in (script.body, service.probe().body, str(script.vars["before"]), str(script.vars["after"])):
            assert subprocess.run(["sh", "-n"], input=text, text=True, check=False).returncode == 0, service.name


def test_an_address_of_ipv6_is_asked_as_a_url_has_it() -> None:
    book = book_of(made())
    head = the(book, ServerlessHead)
    setup = replace(head.ray.setup, network=replace(head.ray.setup.network, node_ip="fd00::1"))
    head = replace(head, ray=replace(head.ray, setup=setup))
    assert head.url == head.health().vars["well_url"] == "http://[fd00::1]:8343"
    assert replace(the(book, ServerlessModels), head=head).probe().vars["url"] == head.url
