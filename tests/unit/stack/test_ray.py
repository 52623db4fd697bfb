import json
from dataclasses import replace
from typing import Literal

import pytest
from cluster_samples import cluster, facts

from provision.cluster.cluster import Cluster
from provision.core.finding import Known
from provision.core.outcome import Ended, outcome_lines
from provision.core.playbook import Playbook
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.facts import Fabric, Facts
from provision.inventory.models import Expect, Ray, Serve, WeightsSource
from provision.resources.ray import HEAD_ONLY
from provision.resources.text_file import TextFile
from provision.stack.backends import DEFAULT
from provision.stack.ray import Stack
from provision.stack.users import find_user, with_users

LIKE = built_in(DEFAULT)

SERVE = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2)


def blockers(**made: object) -> list[str]:
    book = Playbook()
    Stack(cluster(**made)).find_blockers(book)  # type: ignore[arg-type]
    return [f"{blocker.host}: {blocker.message}" for blocker in book.blockers]


def flags(command: tuple[str, ...]) -> dict[str, str]:
    """`--name=value` words by name."""
    return dict(word.removeprefix("--").partition("=")[::2] for word in command if word.startswith("--"))


def test_nothing_stands_in_the_way_of_a_sound_cluster() -> None:
    assert blockers(serve=SERVE) == []


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"worker": facts("10.0.0.2", gpus=1)}, ": tensor_parallel 2 × pipeline_parallel 2 needs 4 GPUs"),
        ({"worker": facts("10.0.0.2", glibc="2.31")}, "gpu-02: its glibc is `2.31`"),
        ({"head": facts("10.0.0.1", arch="aarch64")}, "gpu-01: its architecture is `aarch64`"),
        ({"packages": ()}, ": python.packages is empty"),
    ],
    ids=["gpus", "glibc", "architecture", "packages"],
)
def test_what_cannot_work_blocks_and_says_where(made: dict[str, object], message: str) -> None:
    (blocker,) = blockers(**({"serve": SERVE, "node_ip": None} | made))
    assert blocker.startswith(message)


def test_gpus_are_not_counted_while_a_host_was_not_asked() -> None:
    assert blockers(serve=Serve(model="x", tensor_parallel=8), unknown=True) == []


@pytest.mark.parametrize(
    "worker",
    [facts("10.0.0.2", gpus=1), facts("10.0.0.2", gpus=0, gpu_fault="hung", gpu_error="nvidia-smi does not answer")],
    ids=["one is missing", "nvidia-smi hangs"],
)
def test_a_model_that_is_short_of_gpus_is_not_told_beside_the_host_that_lacks_them(worker: Facts) -> None:
    assert blockers(serve=SERVE, worker=worker, expect=Expect(gpus=2)) == []


def test_a_worker_has_no_flag_of_the_head_and_joins_it() -> None:
    sample = cluster(ray=Ray(args={"dashboard-host": "0.0.0.0"}))
    stack = Stack(sample)
    head = stack.ray_head()
    worker = stack.ray_worker(sample.workers[0], head)
    assert set(flags(head.command())) >= {"head", "port", "include-dashboard", "dashboard-host"}
    assert not set(flags(worker.command())) & (HEAD_ONLY | {"head"})
    assert flags(worker.command())["address"] == "10.0.0.1:6379"


def test_each_node_names_its_own_address() -> None:
    sample = cluster()
    stack = Stack(sample)
    head = stack.ray_head()
    for node, address in ((head, "10.0.0.1"), (stack.ray_worker(sample.workers[0], head), "10.0.0.2")):
        assert flags(node.command())["node-ip-address"] == address
        assert node.environment()["VLLM_HOST_IP"] == address
        assert node.environment()["NCCL_SOCKET_IFNAME"] == "=eth0"
        assert node.environment()["GLOO_SOCKET_IFNAME"] == "eth0"
        assert "NCCL_IB_HCA" not in node.environment()


@pytest.mark.parametrize("own", [{}, {"RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "9"}], ids=["unasked", "as asked"])
def test_a_node_that_ends_waits_for_no_ray_serve_and_none_that_runs_is_started_anew_for_it(own: dict[str, str]) -> None:
    drain = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
    head = Stack(cluster(ray=Ray(env=own))).ray_head()
    told = [*map(str, head.fix(None, head.want()).vars.values())]
    assert told[told.index(drain) + 1] == own.get(drain, "0")
    assert [value for aspect, value in head.aspects().items() if drain in aspect] == list(own.values())


def test_a_node_with_rdma_devices_names_them() -> None:
    ports = tuple(Fabric(f"mlx5_{i}", 1, "ACTIVE", "InfiniBand", 400.0) for i in range(2))
    head = Stack(cluster(head=facts("10.0.0.1", fabrics=ports))).ray_head()
    assert head.environment()["NCCL_IB_HCA"] == "=mlx5_0,mlx5_1"


def test_what_a_host_says_of_its_environment_wins() -> None:
    sample = cluster(env={"NCCL_SOCKET_IFNAME": "=bond7"}, serve=SERVE)
    head = Stack(sample).ray_head()
    assert head.environment()["NCCL_SOCKET_IFNAME"] == "=bond7"
    assert Stack(sample).server(head).environment()["NCCL_SOCKET_IFNAME"] == "=bond7"


def test_ray_arguments_of_the_inventory_win_and_true_is_a_switch() -> None:
    args = {"num-cpus": 1, "dashboard-host": "0.0.0.0", "no-monitor": True, "enable-resource-isolation": False}
    head = Stack(cluster(ray=Ray(args=args))).ray_head()  # type: ignore[arg-type]
    command = head.command()
    assert "--num-cpus=1" in command
    assert "--dashboard-host=0.0.0.0" in command
    assert "--dashboard-host=127.0.0.1" not in command
    assert "--no-monitor" in command
    assert not any("resource-isolation" in word for word in command)
    assert head.aspects()["--no-monitor"] == "on"


def test_the_token_is_in_no_command_and_no_environment() -> None:
    head = Stack(cluster()).ray_head()
    assert "token-value" not in repr((head.command(), head.environment(), head.aspects()))


def test_vllm_arguments_are_switches_values_and_lists() -> None:
    args = {
        "max-model-len": 8192,
        "enable-auto-tool-choice": True,
        "enable-prefix-caching": False,
        "allowed-origins": ("a", "b"),
        "gpu-memory-utilization": 0.9,
    }
    stack = Stack(cluster(serve=Serve(model="m", name="short", args=args)))  # type: ignore[arg-type]
    words = " ".join(stack.server(stack.ray_head()).command())
    for expected in (
        "/bin/vllm serve /home/ubuntu/.provision/models/m --",
        " --max-model-len 8192",
        " --enable-auto-tool-choice",
        " --no-enable-prefix-caching",
        " --allowed-origins a b",
        " --gpu-memory-utilization 0.9",
        " --served-model-name short",
        " --distributed-executor-backend ray",
        " --host 10.0.0.1",
    ):
        assert expected in words
    assert "True" not in words
    assert "False" not in words


def test_secrets_reach_the_server_by_environment_and_the_ranks_only_to_download() -> None:
    key = {"VLLM_API_KEY": Secret("k"), "HF_TOKEN": Secret("t")}

    def kept(model: str, source: Literal["vllm"] | None = None) -> set[str]:
        stack = Stack(cluster(serve=Serve(model=model, weights=WeightsSource(source=source)), secrets=key))
        server = stack.server(stack.ray_head())
        assert server.environment()["HF_TOKEN"] == key["HF_TOKEN"]
        assert "RAY_AUTH_TOKEN" not in server.environment()
        config = stack.server_config()
        assert isinstance(config, TextFile)
        return set(json.loads(config.text))

    assert {"HF_TOKEN", "VLLM_API_KEY", "PROVISION_SERVICE"} <= kept("/models/tiny")
    assert "HF_TOKEN" in kept("meta/llama"), "it is on every host before the server starts"
    by_vllm = kept("meta/llama", "vllm")
    assert "VLLM_API_KEY" in by_vllm and "HF_TOKEN" not in by_vllm


def test_root_starts_services_as_units_of_the_user_who_logged_in_and_sudo_as_those_of_a_user_of_their_own() -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision")
    stack = Stack(cluster(head=rooted))
    assert (stack.ray_head().place.user, stack.ray_head().place.runtime) == ("ubuntu", "kept")
    assert stack.token(cluster(head=rooted).head).owner == "ubuntu"
    assert stack.ray_head().environment()["HOME"] == "/home/ubuntu"
    with_sudo = cluster(head=rooted, sudo=True)
    assert Stack(with_sudo).ray_head().place.user == "provision"
    assert Stack(with_sudo).ray_head().environment()["HOME"] == "/var/lib/provision/home/provision"
    plain = Stack(cluster(head=facts("10.0.0.1", systemd=True)))
    assert (plain.ray_head().place.user, plain.ray_head().place.runtime) == ("", "session")


@pytest.mark.parametrize("sudo", [False, True])
def test_another_environment_finds_the_same_home_with_what_vllm_has_compiled(sudo: bool) -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision")
    before = cluster(head=rooted if sudo else facts("10.0.0.1"), sudo=sudo, serve=SERVE)
    after = replace(before, lock=replace(before.lock, digest="f" * 64))
    places = []
    for sample in (before, after):
        found = (stack := Stack(sample)).server(stack.ray_head()).environment()
        assert not {"VLLM_CACHE_ROOT", "TRITON_CACHE_DIR", "TORCHINDUCTOR_CACHE_DIR", "XDG_CACHE_HOME"} & {*found}
        places.append({name: found.get(name) for name in ("HOME", "TMPDIR")})
    assert places[0] == places[1] and places[0]["HOME"]


def test_run_as_is_a_user_of_its_own_with_a_home_of_its_own() -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision")
    sample = cluster(head=rooted, worker=rooted, sudo=True, run_as="served", serve=SERVE)
    stack, node = Stack(sample), sample.head
    user = stack.user(node)
    assert user is not None and (user.name, user.claim) == ("served", "llama@gpu-01")
    assert (stack.ray_head().place.user, stack.token(node).owner) == ("served", "served")
    assert stack.ray_head().environment()["HOME"] == "/var/lib/provision/home/served"
    book = PlaybookFile(built_in(DEFAULT), LIKE).load()(sample)
    steps = [step.resource.id for step in book.steps if step.host == "gpu-02"]
    assert steps.index("user:served") < min(
        i for i, key in enumerate(steps) if key.startswith(("secret", "service:ray"))
    )
    same = cluster(head=rooted, sudo=True, run_as="ubuntu")
    assert Stack(same).user(same.head) is None


def test_a_playbook_that_does_not_mention_the_user_gets_one_before_all_that_is_the_user_s() -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision")
    sample = cluster(head=rooted, sudo=True)

    def older(cluster: Cluster) -> Playbook:
        book = Playbook()
        book.add(Stack(cluster).venv(cluster.head), on="gpu-01")
        book.add(Stack(cluster).token(cluster.head), on="gpu-01")
        return book

    assert with_users(older)(sample).steps[0].key == "gpu-01/user:provision"
    built = PlaybookFile(built_in(DEFAULT), LIKE).load()
    assert len(with_users(built)(sample).steps) == len(built(sample).steps)


def test_run_as_needs_root() -> None:
    (needs_root, *_) = blockers(run_as="served")
    assert needs_root == "gpu-01: `run_as: served` needs root"


@pytest.mark.parametrize(
    ("lacks", "said", "way"),
    [
        (("setpriv",), "root has no setpriv here", "install the package util-linux on gpu-01"),
        (("CAP_SETUID", "CAP_SYS_PTRACE"), "root has no CAP_SETUID and CAP_SYS_PTRACE here", "(`--cap-add`)"),
    ],
)
def test_root_that_could_not_act_for_the_services_user_is_told_so_where_there_is_one(
    lacks: tuple[str, ...], said: str, way: str
) -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", login_user="root", systemd=True, lacks=lacks)
    for settings, blocked in (({"sudo": True}, True), ({"run_as": "ops"}, True), ({}, False)):
        book = Playbook()
        made = cluster(head=rooted, **settings)
        find_user(book, made.head)
        found = [(one.message, one.hint) for one in book.blockers]
        assert [(said in message, way in hint) for message, hint in found] == [(True, True)] * blocked


@pytest.mark.parametrize(
    ("login", "run_as", "refused"),
    [("provision", None, True), ("provision", "x", False), ("provision", "provision", False), ("ops", None, False)],
)
def test_services_are_not_those_of_a_login_that_happens_to_have_the_name_of_their_own_user(
    login: str, run_as: "str | None", refused: bool
) -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision", login_user=login)
    book = Playbook()
    made = cluster(head=rooted, sudo=True, run_as=run_as)
    find_user(book, made.head)
    assert any("may become root" in one.message for one in book.blockers) is refused


def test_the_playbook_orders_head_workers_members_and_model() -> None:
    book = PlaybookFile(built_in(DEFAULT), LIKE).load()(cluster(serve=SERVE))
    steps = {step.key: step for step in book.steps}
    assert steps["gpu-02/service:ray"].follows == ("gpu-01/service:ray",)
    assert set(steps["gpu-01/ray-members"].after) == {"gpu-01/service:ray", "gpu-02/service:ray"}
    assert "gpu-01/ray-members" in steps["gpu-01/service:vllm"].after
    well = Ended({"gpu-01": (Known("services", "vLLM", "running"),)})
    assert outcome_lines(book.outcome, well)[0] == "/models/tiny answers at http://10.0.0.1:8000/v1"
    without = PlaybookFile(built_in(DEFAULT), LIKE).load()(cluster())
    assert not [step.key for step in without.steps if "vllm" in step.key]


def test_a_host_s_own_uv_is_used_if_it_is_new_enough_and_root_need_not_trust_it() -> None:
    def uv(version: str, **host: object) -> str:
        made = cluster(head=facts("10.0.0.1", uv="/home/ubuntu/.local/bin/uv", uv_version=version), **host)
        return Stack(made).venv(made.head).uv

    assert uv("0.13.8") == "/home/ubuntu/.local/bin/uv"
    assert uv("0.1.0") == ""
    assert uv("0.13.8", sudo=True) == ""


def test_ray_client_is_off_unless_it_is_given_a_port() -> None:
    head = Stack(cluster()).ray_head()
    folder = "/home/ubuntu/.provision/clusters/llama/gpu-01/ray-start"
    python, starter, ray, start, *_ = head.command()
    assert (python.rpartition("/")[2], starter) == ("python", f"{folder}/ray_start.py")
    assert (ray.rpartition("/")[2], start) == ("ray", "start")
    assert head.aspects()["Ray Client"] == "off"
    assert head.fix(None, head.want()).vars["module_folder"] == folder
    wanted = Stack(cluster(ray=Ray(args={"ray-client-server-port": 10001}))).ray_head()
    assert wanted.command()[1] == "start"
    assert "Ray Client" not in wanted.aspects()
    assert wanted.fix(None, wanted.want()).vars["module_text"] == ""
    (worker,) = cluster().workers
    assert Stack(cluster()).ray_worker(worker, head).command()[1] == "start"


def test_hosts_where_nothing_else_starts_a_service_again_are_said_so_unless_that_was_chosen() -> None:
    rooted = facts("10.0.0.1", uid=0, user="root", systemd=True, root="/opt/provision")

    def said(playbook: str = DEFAULT, **settings: object) -> list[str]:
        made = cluster(serve=SERVE, **settings)
        lines = outcome_lines(PlaybookFile(built_in(playbook), LIKE).load()(made).outcome, Ended({"gpu-01": ()}))
        return [line for line in lines if line.startswith("after a crash or a reboot")]

    only = "after a crash or a reboot: only `up` starts them again on gpu-01: "
    assert said() == [f"{only}`sudo: true` or `loginctl enable-linger` has systemd do it"]
    assert said("vllm_mp", head=rooted, worker=rooted, sudo=True) == [
        f"{only}the ranks of several hosts must start together"
    ]
    assert said(head=rooted, worker=rooted, sudo=True) == []
    assert said(stay_up=False) == []
