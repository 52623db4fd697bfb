"""Protection that is switched off is said, however the setting is written and wherever it stands."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cluster_samples import cluster as two_hosts
from cluster_samples import facts

from provision.checks.ids import acceptable
from provision.checks.judge import findings
from provision.checks.protections import of_protections
from provision.checks.protections_table import PROTECTIONS, is_everywhere
from provision.cluster.cluster import Cluster, Node
from provision.core.finding import Finding, Severity
from provision.core.secret import Secret
from provision.facts.model import ModelFolder
from provision.inventory.models import Host, Inventory, Ray, SecretSource, Serve, WeightsSource
from provision.weights.files import ModelFiles, pickles_of

KEY = {"VLLM_API_KEY": SecretSource(env="KEY")}


def cluster(
    *,
    ray: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
    worker_env: Mapping[str, str] | None = None,
    secrets: Mapping[str, SecretSource] | None = None,
    model: ModelFiles | None = None,
    **serve: Any,
) -> Cluster:
    """Two hosts; `env`: of both."""
    shared = {"ray": Ray(**(ray or {}))}
    hosts = (
        Host(name="gpu-01", address="10.0.0.1", role="head", env=dict(env or {}), **shared),
        Host(name="gpu-02", address="10.0.0.2", env={**(env or {}), **(worker_env or {})}, **shared),
    )
    inventory = Inventory(
        path=Path("i.yaml"), cluster="llama", hosts=hosts, serve=Serve(model="/m", **serve), secrets=dict(secrets or {})
    )
    nodes = tuple(Node(host, facts(host.address)) for host in hosts)
    return Cluster(inventory, nodes, two_hosts().lock, {}, model=model)


def seen(**made: Any) -> list[Finding]:
    return list(of_protections(cluster(**made)))


def ids(**made: Any) -> set[str]:
    return {finding.id for finding in seen(**made)}


#: Each protection → what switches it off, in the spellings that there are.
SWITCHED_OFF: Mapping[str, list[dict[str, Any]]] = {
    "ray-auth-off": [
        *({where: {"RAY_AUTH_MODE": "disabled"}} for where in ("env", "worker_env")),
        {"ray": {"env": {"RAY_AUTH_MODE": "disabled"}}},
        {"env": {"RAY_AUTH_MODE": "Disabled"}},
        {"env": {"RAY_AUTH_MODE": ""}},
        {"secrets": {"RAY_AUTH_MODE": SecretSource(env="M")}},
        {"serve": {"env": {"RAY_AUTH_MODE": "disabled"}}},
    ],
    "insecure-serialization": [
        *({"env": {"VLLM_ALLOW_INSECURE_SERIALIZATION": text}} for text in ("1", "01", "2", "true", " 1 ")),
        {"ray": {"env": {"VLLM_ALLOW_INSECURE_SERIALIZATION": "1"}}},
        {"serve": {"env": {"VLLM_ALLOW_INSECURE_SERIALIZATION": "1"}}},
    ],
    "dev-mode": [{"serve": {"env": {"VLLM_SERVER_DEV_MODE": "1"}}}, {"env": {"VLLM_SERVER_DEV_MODE": "1"}}],
    "remote-code": [
        *(
            {"serve": {"args": {name: True}}}
            for name in ("trust-remote-code", "trust_remote_code", "trust-remote", "tru")
        ),
        {"serve": {"args": {"trust_remote": "true"}}},
        {"serve": {"args": {"Trust-Remote-Code": True}}},
    ],
    "runtime-lora": [{"serve": {"env": {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}}}],
    "no-key": [{"serve": {"listen": text}} for text in ("0.0.0.0", "::", "0", "0.0", "[::]", "::0", "0:0:0:0:0:0:0:0")],
    "guard-off": [
        {"serve": {"guard": False}, "secrets": KEY},
        {"serve": {"guard": False, "env": {"VLLM_API_KEY": "k"}}},
    ],
    "other-frontend": [
        {"serve": {"env": {"VLLM_USE_RUST_FRONTEND": "1"}}, "secrets": KEY},
        {"serve": {"args": {"grpc_port": 50051}}, "secrets": KEY},
        {"serve": {"args": {"grpc": True}}, "secrets": KEY},
    ],
    "pickled-weights": [
        {"model": ModelFiles(pickles=("pytorch_model.bin",))},
        {"serve": {"args": {"load-format": "pt"}}},
        {"serve": {"weights": WeightsSource(pickles=True)}},
        {"serve": {"args": {"load_format": "npcache"}}},
    ],
    "local-files": [{"serve": {"args": {"allowed-local-media-path": "/srv"}}}],
    "prompt-embeds": [{"serve": {"args": {"enable_prompt_embeds": True}}}],
    "ray-client": [{"ray": {"args": {"ray-client-server-port": 10001}}}, {"ray": {"args": {"ray_client_server": 1}}}],
    "open-dashboard": [
        {"ray": {"args": {"dashboard-host": "0.0.0.0"}}},
        {"ray": {"args": {"dashboard_host": "10.0.0.1"}}},
    ],
    "config-file": [{"serve": {"args": {"config": "/etc/vllm.yaml"}}}],
}


def test_each_has_its_settings_here() -> None:
    assert [one.id for one in PROTECTIONS] == list(SWITCHED_OFF)


@pytest.mark.parametrize(
    ("name", "made"), [(name, made) for name, every in SWITCHED_OFF.items() for made in every], ids=str
)
def test_what_switches_it_off_is_said_and_nothing_else(name: str, made: dict[str, Any]) -> None:
    made = dict(made)
    found = seen(**made.pop("serve", {}), **made)
    assert [finding.id for finding in found] == [name]
    assert found[0].severity is Severity.WARNING
    assert found[0].evidence


@pytest.mark.parametrize(
    "made",
    [
        {},
        {"secrets": KEY, "listen": "0.0.0.0"},
        {"listen": "10.0.0.1"},
        {"listen": "127.0.0.1"},
        {"args": {"trust-remote-code": False, "enable-prompt-embeds": False, "load-format": "safetensors"}},
        {"env": {"RAY_AUTH_MODE": "token", "VLLM_SERVER_DEV_MODE": "0", "VLLM_ALLOW_INSECURE_SERIALIZATION": "false"}},
        {"args": {"t": 1, "trusted": True, "trust-remote-code-not": True, "grpc": True}},
        {"guard": False},
        {"ray": {"args": {"dashboard-host": "127.0.0.1", "ray-client-server-port": False}}},
        {"model": ModelFiles()},
    ],
    ids=str,
)
def test_nothing_is_said_of_what_is_in_order(made: dict[str, Any]) -> None:
    assert ids(**made) == set()


def test_what_one_host_has_is_said_of_it_and_what_all_have_once() -> None:
    (of_one,) = seen(worker_env={"VLLM_SERVER_DEV_MODE": "1"})
    assert (of_one.host, of_one.evidence) == ("gpu-02", ("env.VLLM_SERVER_DEV_MODE: 1",))
    (of_all,) = seen(env={"VLLM_SERVER_DEV_MODE": "1"})
    assert of_all.host == ""
    made = cluster(ray={"env": {"VLLM_SERVER_DEV_MODE": "1"}})
    serve = made.inventory.serve
    assert serve is not None
    inventory = made.inventory.model_copy(
        update={"serve": serve.model_copy(update={"env": {"VLLM_SERVER_DEV_MODE": "1"}})}
    )
    (both,) = of_protections(Cluster(inventory, made.nodes, made.lock, {}))
    assert both.evidence == ("ray.env.VLLM_SERVER_DEV_MODE: 1", "serve.env.VLLM_SERVER_DEV_MODE: 1")


def test_what_lies_on_the_head_counts_before_what_was_seen_of_it_elsewhere() -> None:
    made = cluster(model=ModelFiles(pickles=("pytorch_model.bin",)))
    sound = ModelFolder("/m", there=True, files=3)
    pickled = ModelFolder("/m", there=True, files=3, pickles=("a.bin", "b.bin", "c.bin", "d.bin"))
    for folder, wanted in ((sound, []), (pickled, ["the model: a.bin, b.bin, c.bin …"])):
        head = Node(made.nodes[0].host, facts("10.0.0.1", model=folder))
        found = of_protections(Cluster(made.inventory, (head, made.nodes[1]), made.lock, {}, model=made.model))
        assert [line for finding in found for line in finding.evidence] == wanted


def test_weights_are_pickles_where_there_are_no_safetensors() -> None:
    assert pickles_of({"pytorch_model-1.bin": 1, "config.json": 1, "training_args.bin": 1}) == ("pytorch_model-1.bin",)
    assert pickles_of({"pytorch_model.bin": 1, "model.safetensors": 1}) == ()
    assert pickles_of({"original/consolidated.pth": 1, "model.gguf": 1}) == ()


def test_the_inventory_of_an_attacker_is_told_all_of_it() -> None:
    """Of several protections at once, each is said by itself."""
    env = {"RAY_AUTH_MODE": "disabled", "VLLM_SERVER_DEV_MODE": "1", "VLLM_ALLOW_INSECURE_SERIALIZATION": "1"}
    made = cluster(ray={"env": env}, env=env, listen="0.0.0.0", args={"trust-remote-code": True})
    said = [
        finding
        for finding in findings(made)
        if finding.id in acceptable() and not finding.id.startswith(("CVE", "GHSA"))
    ]
    assert {finding.id for finding in said} == {
        "ray-auth-off", "dev-mode", "insecure-serialization", "no-key", "remote-code",
    }  # fmt: skip
    assert {finding.host for finding in said} == {""}


def test_each_can_be_accepted() -> None:
    assert {one.id for one in PROTECTIONS} <= set(acceptable())


@pytest.mark.parametrize("text", ["1.2.3.4", "localhost", "::1", "10.0.0.0", "gpu-01", "0.0.0.1"])
def test_an_address_of_one_host_is_not_everywhere(text: str) -> None:
    assert not is_everywhere(text)


def test_a_key_that_is_a_secret_of_the_run_is_seen_by_the_inventory_alone() -> None:
    made = cluster(secrets=KEY, listen="::")
    assert list(of_protections(Cluster(made.inventory, made.nodes, made.lock, {"VLLM_API_KEY": Secret("k")}))) == []
