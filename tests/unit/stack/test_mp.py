"""`serve.backend: mp`: which playbook it takes, what each host's process is started with, and what is refused first."""

from dataclasses import replace

import pytest
from cluster_samples import cluster, facts

from provision.cluster.cluster import Cluster
from provision.core.plan import Mode, Plan, make_plan
from provision.core.playbook import Playbook
from provision.core.resource import State
from provision.core.script import Fragment
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.inventory.models import Serve
from provision.resources.absent import Absent, Stopped
from provision.stack.backends import DEFAULT, playbook_of
from provision.stack.mp import StackWithoutRay

LIKE = built_in(DEFAULT)

SERVE = Serve(model="/models/tiny", backend="mp", tensor_parallel=2, pipeline_parallel=2, args={"max-model-len": 8192})
RANKS = ("gpu-01/service:vllm", "gpu-02/service:vllm")


def book(**made: object) -> Playbook:
    return PlaybookFile(built_in("vllm_mp"), LIKE).load()(cluster(**({"serve": SERVE} | made)))  # type: ignore[arg-type]


def ranks(**made: object) -> tuple[list[str], list[str]]:
    """The command lines of the head's process and of the worker's."""
    sample = cluster(**({"serve": SERVE} | made))  # type: ignore[arg-type]
    stack = StackWithoutRay(sample)
    return list(stack.rank(sample.head).command()), list(stack.rank(sample.workers[0]).command())


def blockers(**made: object) -> list[str]:
    found = Playbook()
    StackWithoutRay(cluster(**({"serve": SERVE} | made))).find_blockers(found)  # type: ignore[arg-type]
    return [f"{blocker.host}: {blocker.message}" for blocker in found.blockers]


def value(command: list[str], flag: str) -> str:
    return command[command.index(f"--{flag}") + 1]


def plan(playbook: Playbook, **seen: State) -> Plan:
    """Everything as it is wanted, apart from `seen`: `worker=…`, `head=…` for the two processes."""
    observed = {step.key: step.resource.want() for step in playbook.steps}
    observed |= {RANKS[name == "worker"]: state for name, state in seen.items()}
    return make_plan(Mode.UP, playbook.steps, observed)


def test_the_backend_chooses_the_playbook() -> None:
    def chosen(serve: Serve | None) -> str:
        return playbook_of(cluster(serve=serve).inventory)

    assert chosen(SERVE) == "vllm_mp"
    assert chosen(Serve(model="m")) == chosen(None) == "vllm_ray"


def test_one_process_on_each_host_and_the_api_on_the_heads_alone() -> None:
    head, worker = ranks()
    for rank, command in enumerate((head, worker)):
        assert value(command, "nnodes") == "2"
        assert value(command, "node-rank") == str(rank)
        assert value(command, "master-addr") == "10.0.0.1"
        assert value(command, "master-port") == "29501"
        assert value(command, "distributed-executor-backend") == "mp"
        assert value(command, "max-model-len") == "8192"
        assert command[1:3] == ["serve", "/models/tiny"]
    assert ("--headless" in head, "--headless" in worker) == (False, True)
    assert value(head, "port") == "8000"
    assert not {"--port", "--host"} & set(worker)


def test_a_flag_that_vllm_refuses_beside_headless_stays_on_the_head() -> None:
    head, worker = ranks(serve=SERVE.model_copy(update={"args": {"api-server-count": 2}}))
    assert value(head, "api-server-count") == "2"
    assert "--api-server-count" not in worker


def test_one_host_alone_meets_nobody() -> None:
    two = cluster(serve=Serve(model="m", backend="mp", tensor_parallel=2))
    one = Cluster(two.inventory, two.nodes[:1], two.lock, two.secrets)
    assert "--nnodes" not in StackWithoutRay(one).rank(one.head).command()


def test_each_process_names_its_own_address_and_interface() -> None:
    sample = cluster(serve=SERVE)
    for node, address in zip(sample.nodes, ("10.0.0.1", "10.0.0.2"), strict=True):
        environment = StackWithoutRay(sample).rank(node).environment()
        assert environment["VLLM_HOST_IP"] == address
        assert environment["GLOO_SOCKET_IFNAME"] == "eth0"


def test_the_api_key_is_the_heads_alone() -> None:
    key = {"VLLM_API_KEY": Secret("k"), "HF_TOKEN": Secret("t")}
    sample = cluster(serve=SERVE, secrets=key)
    stack = StackWithoutRay(sample)
    assert {"VLLM_API_KEY", "HF_TOKEN"} <= set(stack.rank(sample.head).environment())
    assert not {"VLLM_API_KEY", "HF_TOKEN"} & set(stack.rank(sample.workers[0]).environment())
    assert "RAY_AUTH_TOKEN" not in stack.rank(sample.head).environment()


def test_nothing_of_ray_is_started_or_asked_for() -> None:
    started = [s for s in book().steps if not isinstance(s.resource, Absent)]
    assert not [s.key for s in started if "ray" in s.key]
    assert blockers(packages=()) == [": python.packages is empty: vLLM comes from there"]


@pytest.mark.parametrize("changed", ["head", "worker"])
def test_a_process_that_is_gone_restarts_all_and_all_are_stopped_first(changed: str) -> None:
    steps = book()
    have = {**(steps.steps[-1].resource.want() or {}), "running": "no: its process is gone"}
    found = plan(steps, **{changed: have})
    order = [change.step.resource for change in found.changes]
    assert [type(resource) is Stopped for resource in order[:2]] == [True, True]
    assert {c.step.key for c in found.changes if c.step.resource.id == "service:vllm"} == set(RANKS)
    assert {c.step.resource.id for c in found.changes[4:]} == {"answers", "ranks"}


def test_all_processes_begin_before_one_is_waited_for() -> None:
    """With more hosts than a run has threads, those that wait would keep the others from beginning."""
    steps = {step.key: step for step in book().steps}
    for key in RANKS:
        assert not set(RANKS) & set(steps[key].after)
    for key in ("gpu-01/ranks", "gpu-02/ranks"):
        assert set(steps[key].after) == set(RANKS)
    assert {"gpu-01/ranks", "gpu-02/ranks"} <= set(steps["gpu-01/answers"].after)


def test_a_model_that_still_loads_is_waited_for_and_not_restarted() -> None:
    steps = book()
    observed = {step.key: step.resource.want() for step in steps.steps}
    observed["gpu-01/answers"] = None
    found = make_plan(Mode.UP, steps.steps, observed)
    assert [c.step.resource.id for c in found.changes] == ["answers"]


def test_ranks_that_have_not_met_yet_are_waited_for_and_not_restarted() -> None:
    steps = book()
    observed = {step.key: step.resource.want() for step in steps.steps}
    observed["gpu-02/ranks"] = {"ranks": "0"}
    assert [c.step.key for c in make_plan(Mode.UP, steps.steps, observed).changes] == ["gpu-02/ranks"]


def test_ranks_that_do_not_meet_say_where_they_were_to_although_the_log_is_silent() -> None:
    sample = cluster(serve=SERVE)
    met = StackWithoutRay(sample).ranks_met(sample.workers[0])
    said = "its ranks have not met those of the other hosts at 10.0.0.1:29501 within 180 s"
    evidence, _ = met.explain(Fragment(1, "", f"{said}\nthe last lines of /x/log:\nINFO waiting\n"))
    assert evidence[0] == said


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            {"serve": SERVE.model_copy(update={"pipeline_parallel": 1, "tensor_parallel": 3})},
            ": tensor_parallel 3 × pipeline_parallel 1 is 3 ranks, which 2 hosts cannot share equally",
        ),
        (
            {"serve": SERVE.model_copy(update={"args": {"data-parallel-size": 2}})},
            ": `--data-parallel-size 2` makes ranks that provision does not place without Ray",
        ),
        (
            {"head": facts("10.0.0.1", gpus=3), "worker": facts("10.0.0.2", gpus=1)},
            "gpu-02: it has 1 GPU, and its share of tensor_parallel 2 × pipeline_parallel 2 over 2 hosts is 2",
        ),
    ],
    ids=["not a multiple of the hosts", "more ranks than TP × PP", "a host with too few"],
)
def test_a_cut_that_the_hosts_cannot_share_equally_is_refused(made: dict[str, object], message: str) -> None:
    assert blockers(**made) == [message]


def test_a_cut_over_equal_shares_is_not_refused() -> None:
    assert blockers() == []
    assert blockers(head=facts("10.0.0.1", gpus=4)) == []


def test_what_is_short_of_gpus_altogether_is_said_once() -> None:
    (said,) = blockers(worker=facts("10.0.0.2", gpus=1))
    assert said.startswith(": tensor_parallel 2 × pipeline_parallel 2 needs 4 GPUs")


def services(playbook: str, backend: str) -> dict[str, object]:
    made = PlaybookFile(built_in(playbook), LIKE).load()(cluster(serve=SERVE.model_copy(update={"backend": backend})))
    return {step.key: step.resource for step in made.steps if "service:" in step.key}


def test_either_playbook_takes_away_what_the_other_one_started() -> None:
    ray, mp = services("vllm_ray", "ray"), services("vllm_mp", "mp")
    assert set(ray) == set(mp)
    assert {key for key, resource in mp.items() if isinstance(resource, Absent)} == {
        "gpu-01/service:ray",
        "gpu-02/service:ray",
    }
    assert {key for key, resource in ray.items() if isinstance(resource, Absent)} == {"gpu-02/service:vllm"}


def test_what_the_other_backend_left_goes_before_ours_begins_and_with_down() -> None:
    steps = book().steps
    seen: dict[str, State] = {step.key: step.resource.want() for step in steps}
    seen["gpu-02/service:ray"] = {"running": "yes", "pid": "7"}
    for mode in (Mode.UP, Mode.DOWN):
        found = make_plan(mode, steps, {key: seen[key] for key in ("gpu-02/service:ray", "gpu-01/service:vllm")})
        (gone,) = [c for c in found.changes if c.step.key == "gpu-02/service:ray"]
        assert gone.want is None
    order = [step.key for step in steps]
    assert order.index("gpu-02/service:ray") < order.index(RANKS[0])


def test_what_is_absent_reads_as_the_thing_itself() -> None:
    sample = cluster(serve=SERVE)
    ray = StackWithoutRay(sample).ray_head()
    gone = Absent(ray)
    assert (gone.id, gone.label) == (ray.id, ray.label)
    assert gone.diff(gone.read(Fragment(0, "running=yes\npid=7\n", "")), None)
    assert not gone.diff(gone.read(Fragment(0, "", "")), None)
    assert replace(gone, of=ray) == gone
