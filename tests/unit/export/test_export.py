"""What is exported is what the plan would run, word for word, and no secret."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from cluster_samples import cluster, facts

from provision.cluster.cluster import Cluster
from provision.core.secret import Secret
from provision.engine.playbook_loader import PlaybookFile, built_in
from provision.export.export import Export, ExportTerms, NotExported, exported, placeholders
from provision.inventory.models import Expect, Python, Ray, Serve, Tls
from provision.resources.service import Service
from provision.stack.backends import DEFAULT, playbook_of
from provision.stack.exposed import guarded

KINDS = ("script", "systemd", "ansible", "compose")
SERVE = Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=2, args={"max-model-len": 512})
KEY = {"VLLM_API_KEY": Secret("never-to-be-seen", "VLLM_API_KEY")}


def playbook(made: Cluster) -> Callable:
    return guarded(PlaybookFile(built_in(playbook_of(made.inventory)), like=built_in(DEFAULT)).load(), removes=False)


def export(kind: str, made: Cluster, *, asked: bool = True) -> Export:
    terms = ExportTerms(kind, image="vllm/vllm-openai:v0.33.0" if kind == "compose" else "")
    return exported(terms, made, playbook(made), asked=asked, unknown=())


def services(made: Cluster) -> dict[str, Service]:
    """`HOST/NAME` → what the playbook has there."""
    steps = playbook(made)(made).steps
    return {f"{s.host}/{s.resource.id.partition(':')[2]}": s.resource for s in steps if isinstance(s.resource, Service)}


def test_a_script_has_the_words_and_variables_of_the_plan() -> None:
    made = cluster(serve=SERVE, secrets=KEY)
    files = export("script", made).files
    for name, service in services(made).items():
        text = files[f"{name}.sh"].text.replace(" \\\n    ", " ")
        (command,) = re.findall(r"^exec (.*) </dev/null$", text, re.MULTILINE)
        assert command.endswith(" ".join(service.command()))
        given = dict(re.findall(r"^export (\w+)=(.*)$", text, re.MULTILINE))
        plain = {k: v for k, v in service.environment().items() if not isinstance(v, Secret)}
        assert {k: v for k, v in given.items() if k in plain} == {k: v or "''" for k, v in plain.items()}


def test_a_unit_has_the_words_and_variables_of_the_plan() -> None:
    made = cluster(serve=SERVE, secrets=KEY)
    files = export("systemd", made).files
    for name, service in services(made).items():
        host, _, short = name.partition("/")
        text = files[f"{host}/llama-{short}.service"].text.replace(" \\\n    ", " ")
        assert f"\nExecStart={' '.join(service.command())}\n" in text
        for variable, value in service.environment().items():
            assert (
                isinstance(value, Secret)
                or not value
                or f'"{variable}={value}"' in text.replace(f"Environment={variable}={value}", f'"{variable}={value}"')
            )
    assert "PartOf=llama-ray.service" in files["gpu-01/llama-vllm.service"].text


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_is_in_any_file_and_each_is_named(kind: str) -> None:
    made = cluster(serve=SERVE, secrets=KEY)
    found = export(kind, made)
    assert not [
        name for name, file in found.files.items() if "never-to-be-seen" in file.text or "token-value" in file.text
    ]
    assert [place.names for place in found.secrets["gpu-01"]] == [(), ("VLLM_API_KEY",)]
    assert [place.what for place in found.secrets["gpu-02"]] == ["RAY_AUTH_TOKEN"]
    assert "VLLM_API_KEY" in found.files["README.md"].text


def test_a_placeholder_is_no_secrets_value() -> None:
    found = placeholders(cluster(serve=SERVE).inventory, "RAY_AUTH_TOKEN")
    assert [secret.reveal() for secret in found.values()] == ["placeholder for RAY_AUTH_TOKEN"]


def test_a_worker_waits_for_its_head_and_the_server_for_all_members() -> None:
    files = export("script", cluster(serve=SERVE)).files
    assert "wait_for_head.py" in files["gpu-02/ray.wait.sh"].text
    assert "gpu-01/ray.wait.sh" not in files
    waits = files["gpu-01/vllm.wait.sh"].text
    assert waits.index("wait_for_head.py") < waits.index("wait_for_members.py")
    assert "10.0.0.1 2 gpu-01\n10.0.0.2 2 gpu-02" in waits


def test_without_ray_there_is_a_server_on_each_host() -> None:
    made = cluster(serve=SERVE.model_copy(update={"backend": "mp"}))
    files = export("script", made).files
    assert "--headless" in files["gpu-02/vllm.sh"].text and "--master-addr" in files["gpu-01/vllm.sh"].text
    assert not [name for name in files if "ray" in name.rpartition("/")[2]]


def test_what_keeps_up_from_beginning_is_said_and_nothing_is_written() -> None:
    with pytest.raises(NotExported) as caught:
        export("script", cluster(serve=SERVE, worker=facts("10.0.0.2", gpus=1)))
    assert "needs 4 GPUs, the hosts have 3" in caught.value.message
    assert caught.value.exit_code == 3


def test_where_packages_come_from_is_said_without_its_password() -> None:
    made = cluster(serve=SERVE)
    python = Python(packages=("vllm",), index="https://u:pass-w0rd@index/simple", torch_backend="cu130")
    made = replace(made, inventory=made.inventory.model_copy(update={"python": python}))
    said = export("script", made).notes
    assert said[0] == "where packages come from: https://index/simple: install.sh takes PIP_INDEX_URL"
    assert "torch_backend: cu130" in said[1]
    assert not [note for note in export("compose", made).notes if "packages" in note]


def test_an_interface_that_is_not_known_is_left_out_and_said() -> None:
    found = export("script", cluster(serve=SERVE, worker=facts("10.0.0.2", interfaces=())), asked=False)
    assert "NCCL_SOCKET_IFNAME" not in found.files["gpu-02/ray.sh"].text
    assert found.notes == ("gpu-02: NCCL_SOCKET_IFNAME and GLOO_SOCKET_IFNAME, since its interface is not known",)


def test_a_variable_of_the_inventory_stays_empty_or_not() -> None:
    made = cluster(serve=SERVE, worker=facts("10.0.0.2", interfaces=()))
    nodes = [
        replace(n, host=n.host.model_copy(update={"env": {"NCCL_SOCKET_IFNAME": "eth1", "EMPTY": ""}}))
        for n in made.nodes
    ]
    found = export("script", replace(made, nodes=tuple(nodes)), asked=False)
    assert "export NCCL_SOCKET_IFNAME=eth1\n" in found.files["gpu-02/ray.sh"].text
    assert "export EMPTY=''\n" in found.files["gpu-02/ray.sh"].text
    assert found.notes == ("gpu-02: GLOO_SOCKET_IFNAME, since its interface is not known",)


#: Of the Compose Specification, those that are used.
SERVICE_KEYS = {
    "image", "network_mode", "ipc", "depends_on", "entrypoint", "command", "environment", "volumes", "secrets",
    "deploy", "devices", "cap_add", "ulimits", "restart", "healthcheck",
}  # fmt: skip


def compose(made: Cluster, host: str) -> tuple[dict, dict[str, str]]:
    files = export("compose", made).files
    beside = {name.partition("/")[2]: file.text for name, file in files.items() if name.startswith(f"{host}/")}
    return yaml.safe_load(beside["compose.yaml"]), beside


def test_a_compose_file_is_one_and_mounts_what_is_beside_it() -> None:
    document, beside = compose(cluster(serve=SERVE, secrets=KEY), "gpu-01")
    assert list(document["services"]) == ["ray", "wait-for-head", "wait-for-members", "vllm"]
    for service in document["services"].values():
        assert set(service) <= SERVICE_KEYS
        assert service["image"] == "vllm/vllm-openai:v0.33.0" and service["network_mode"] == service["ipc"] == "host"
        assert all(isinstance(value, str) for value in service["environment"].values())
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            assert source in ("scratch", "/models/tiny") or source.removeprefix("./") in beside
        assert set(service.get("depends_on", {})) <= set(document["services"])
        assert set(service.get("secrets", ())) <= set(document["secrets"])
        assert "/envs/" not in json.dumps(service)  # the image has one of its own
    vllm = document["services"]["vllm"]
    assert vllm["depends_on"]["wait-for-members"] == {"condition": "service_completed_successfully"}
    assert vllm["secrets"] == ["ray-token", "vllm.secrets"] and vllm["environment"]["RAY_AUTH_TOKEN_PATH"].startswith(
        "/run"
    )
    assert document["services"]["ray"]["entrypoint"][2].endswith('ray_start.py "$$(command -v ray)" "$$@"')


def test_a_head_without_gpus_gets_none_in_its_container_and_none_is_waited_for_there() -> None:
    made = cluster(
        serve=Serve(model="/models/tiny", tensor_parallel=2, pipeline_parallel=1), head=facts("10.0.0.1", gpus=0)
    )
    document, _ = compose(made, "gpu-01")
    assert not [name for name, service in document["services"].items() if "deploy" in service]
    assert "deploy" in compose(made, "gpu-02")[0]["services"]["ray"]
    assert "10.0.0.1 0 gpu-01" in document["services"]["wait-for-members"]["environment"]["EXPECTED"]


def test_infiniband_needs_its_device_and_locked_memory() -> None:
    ray, _ = compose(cluster(serve=SERVE, env={"NCCL_IB_HCA": "mlx5_0"}), "gpu-02")
    assert ray["services"]["ray"]["devices"] == ["/dev/infiniband:/dev/infiniband"]
    assert ray["services"]["ray"]["cap_add"] == ["IPC_LOCK"] and "privileged" not in json.dumps(ray)


def test_the_playbook_of_ansible_names_what_is_there() -> None:
    files = export("ansible", cluster(serve=SERVE, secrets=KEY)).files
    hosts = yaml.safe_load(files["inventory.yml"].text)["all"]["children"]
    for group in hosts.values():
        for name, host in group["hosts"].items():
            assert {f"hosts/{name}/{unit}" for unit in host["units"]} <= files.keys()
            assert f"hosts/{name}/install.sh" in files
    plays = yaml.safe_load(files["site.yml"].text)
    used = {key for play in plays for task in play["tasks"] for key in task if key.startswith("ansible.")}
    assert used == {f"ansible.builtin.{name}" for name in ("file", "copy", "command", "systemd")}
    assert [play["name"] for play in plays[1:]] == [
        "Start what waits for nobody but its head",
        "Start what waits for all members",
    ]


def test_values_that_mean_something_to_a_shell_stay_what_they_are() -> None:
    odd = "a $HOME `id` \"q\" 'w' %n \\ \t"
    made = cluster(serve=SERVE, env={"ODD": odd}, ray=Ray(), expect=Expect(gpus=2))
    assert (
        f"export ODD={chr(39)}{odd.replace(chr(39), chr(39) + chr(92) + chr(39) * 2)}{chr(39)}\n"
        in export("script", made).files["gpu-01/ray.sh"].text
    )
    unit = export("systemd", made).files["gpu-01/llama-ray.service"].text
    assert 'Environment="ODD=a $HOME `id` \\"q\\" \'w\' %%n \\\\ \\t"\n' in unit
    document, _ = compose(made, "gpu-02")
    assert document["services"]["ray"]["environment"]["ODD"] == odd.replace("$", "$$")


def test_an_export_replaces_an_export_and_nothing_else(tmp_path: Path) -> None:
    from provision.core.errors import UsageError
    from provision.export.common import File
    from provision.export.writing import write

    write({"a": File("1"), "b/c": File("2", runs=True)}, tmp_path / "out")
    write({"a": File("3")}, tmp_path / "out")
    assert sorted(p.name for p in (tmp_path / "out").rglob("*") if p.is_file()) == [".exported", "a"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a").write_text("mine")
    with pytest.raises(UsageError) as caught:
        write({"a": File("3")}, tmp_path / "mine")
    assert "has files in it that no export has written" in caught.value.message
    assert (tmp_path / "mine" / "a").read_text() == "mine"


def test_a_password_in_a_url_is_no_value_of_a_file(tmp_path: Path) -> None:
    made = cluster(serve=SERVE, env={"HTTPS_PROXY": "http://user:pass-w0rd@proxy:3128"})
    found = export("script", made)
    assert "pass-w0rd" not in "".join(file.text for file in found.files.values())
    assert [place.names for place in found.secrets["gpu-02"]] == [(), ("HTTPS_PROXY",)]
    assert "with_secrets.sh" in found.files["gpu-02/ray.sh"].text
    args = {"otlp-traces-endpoint": "http://user:pass-w0rd@traces"}
    with pytest.raises(NotExported) as caught:
        export("systemd", cluster(serve=SERVE.model_copy(update={"args": args})))
    assert "pass-w0rd" not in caught.value.message and "has a password in a URL" in caught.value.message


def test_https_asks_for_the_file_with_the_key() -> None:
    made = cluster(serve=SERVE.model_copy(update={"tls": Tls(cert="c.pem", key="k.pem")}))
    found = export("script", made)
    whats = {place.path.rpartition("/")[2]: place.what for place in found.secrets["gpu-01"]}
    assert whats["vllm-tls.pem"] == "the API's private key and its certificates in PEM"
    assert "URL=https://10.0.0.1:8000" in found.files["gpu-01/vllm.ready.sh"].text
