"""Where there is an API key, vLLM is told of the class that asks for it, on the head alone and from outside of the
environment."""

from collections.abc import Mapping

import pytest
from cluster_samples import cluster, facts

from provision.core.script import Fragment
from provision.core.secret import Secret
from provision.inventory.models import Scalar, Serve
from provision.payload.ask import OPEN
from provision.payload.bundle import module, shell
from provision.resources.vllm import STAYS_HERE, VllmOnRay, VllmServer
from provision.stack.mp import StackWithoutRay
from provision.stack.ray import Stack

KEY = {"VLLM_API_KEY": Secret("k", "VLLM_API_KEY")}
GUARD = "/home/ubuntu/.provision/clusters/llama/gpu-01/vllm-guard"


def server(secrets: Mapping[str, Secret] = KEY, **serve: object) -> VllmOnRay:
    stack = Stack(cluster(serve=Serve(model="/m", tensor_parallel=4, **serve), secrets=secrets))  # type: ignore[arg-type]
    return stack.server(stack.ray_head())


def middlewares(of: VllmServer) -> list[str]:
    words = of.command()
    return [words[index + 1] for index, word in enumerate(words) if word == "--middleware"]


def test_with_a_key_the_server_asks_for_it_everywhere() -> None:
    made = server()
    assert middlewares(made) == ["provision_guard.Guard"]
    assert made.environment()["PYTHONPATH"] == GUARD
    fix = made.fix(None, made.want())
    assert (fix.vars["module_folder"], fix.vars["module_text"]) == (GUARD, module("guard"))
    assert fix.vars["guarded"] == made.probe().vars["guarded"] == "yes"
    # The folder of the service, which it may write, is another.
    assert not GUARD.startswith(f"{made.place.folder}/")
    assert made.fix(made.want(), None).vars["module_text"] == ""


def test_another_text_of_the_class_wants_a_restart() -> None:
    assert len(server().aspects()["guard"]) == 12
    assert "guard" not in server({}).aspects()


@pytest.mark.parametrize("made", [server({}), server(guard=False)], ids=["no key", "switched off"])
def test_where_it_is_not_to_guard_nothing_of_it_is_there(made: VllmOnRay) -> None:
    assert middlewares(made) == []
    assert not {"PYTHONPATH", "PROVISION_GUARD_OPEN"} & set(made.environment())
    fix = made.fix(None, made.want())
    assert fix.vars["module_text"] == fix.vars["guarded"] == ""


def test_a_key_among_the_variables_is_guarded_like_a_secret() -> None:
    assert middlewares(server({}, env={"VLLM_API_KEY": "k"})) == ["provision_guard.Guard"]
    assert middlewares(server({}, env={"VLLM_API_KEY": ""})) == []


def test_what_the_inventory_has_of_its_own_comes_behind_it() -> None:
    env = {"PYTHONPATH": "/opt/mine", "PROVISION_GUARD_OPEN": "metrics", "PROVISION_GUARD_PREFLIGHT": "yes"}
    made = server(env=env, args={"middleware": ("mine.A", "mine.b"), "max-model-len": 8})
    # vLLM wraps each around those before it: the last one is asked first.
    assert middlewares(made) == ["mine.A", "mine.b", "provision_guard.Guard"]
    environment = made.environment()
    assert environment["PYTHONPATH"] == f"{GUARD}:/opt/mine"
    assert environment["PROVISION_GUARD_OPEN"] == environment["PROVISION_GUARD_PREFLIGHT"] == ""


def test_the_inventory_names_what_is_open() -> None:
    made = server(without_key=("ping", "metrics"))
    assert made.environment()["PROVISION_GUARD_OPEN"] == "metrics ping"


@pytest.mark.parametrize("args", [{"allowed-origins": ("a",)}, {"allowed_origins": '["a"]'}, {"allowed-orig": "a"}])
def test_preflights_pass_where_other_origins_are_allowed(args: Mapping[str, Scalar | tuple[Scalar, ...]]) -> None:
    assert server(args=args).environment()["PROVISION_GUARD_PREFLIGHT"] == "yes"
    assert server().environment()["PROVISION_GUARD_PREFLIGHT"] == ""


def test_nothing_of_it_travels_to_the_ranks() -> None:
    assert {"PYTHONPATH", "PROVISION_GUARD_OPEN", "PROVISION_GUARD_PREFLIGHT", "VLLM_API_KEY"} <= set(STAYS_HERE)


def test_without_ray_the_head_is_guarded_and_the_others_have_nothing_to_guard() -> None:
    serve = Serve(model="/m", tensor_parallel=4, backend="mp", env={"VLLM_API_KEY": "plain"})
    stack = StackWithoutRay(cluster(serve=serve, secrets=KEY))
    head, (worker,) = stack.head_rank(), [stack.rank(node) for node in stack._cluster.workers]
    assert middlewares(head) == ["provision_guard.Guard"]
    assert head.until_it_answers().vars["guarded"] == "yes"
    assert middlewares(worker) == []
    assert "PYTHONPATH" not in worker.environment()
    assert worker.fix(None, worker.want()).vars["module_text"] == ""


def test_a_server_that_answers_without_the_key_is_not_explained_by_its_log() -> None:
    log = "INFO Application startup complete.\nRuntimeError: CUDA out of memory"
    failed = Fragment(1, "", f"{OPEN}: /invocations\nvLLM did not become ready\n{log}\n")
    evidence, hint = server().explain(failed)
    assert evidence == ("it answers without the API key: /invocations",)
    assert "`serve.args`" in hint


def test_with_sudo_it_lies_where_root_alone_writes() -> None:
    root = facts("10.0.0.1", uid=0, user="root", login_user="ops", root="/opt/provision", systemd=True)
    sample = cluster(serve=Serve(model="/m", tensor_parallel=4), secrets=KEY, head=root, sudo=True)
    made = Stack(sample).server(Stack(sample).ray_head())
    assert made.place.user == "provision"
    # The script that puts it there gives it to nobody.
    fix = made.fix(None, made.want())
    assert fix.vars["module_name"] == "provision_guard.py"
    assert "chown" not in shell("module.sh")
