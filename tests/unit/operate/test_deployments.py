"""`provision model`: what is asked on the head, and how its answers are read, without a host."""

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from provision.core.errors import UsageError
from provision.core.script import Fragment, Script
from provision.inventory.models import Host, Inventory
from provision.inventory.serverless import ServerlessLlm, SllmModel
from provision.operate import deployments
from provision.operate.deployments import Deployed, NotDeployed


def inventory(section: ServerlessLlm | None = None) -> Inventory:
    hosts = (Host(name="a", address="10.0.0.1", role="head"),)
    return Inventory(path=Path("inventory.yaml"), cluster="slim", hosts=hosts, serverlessllm=section)


SLIM = inventory(ServerlessLlm(models={"known": SllmModel(num_gpus=2)}))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Script]]:
    def answering(rc: int = 0, stdout: str = "", stderr: str = "") -> list[Script]:
        scripts: list[Script] = []

        class Session:
            def run(self, batch: list[Script], **_: Any) -> list[Fragment]:
                scripts.extend(batch)
                return [Fragment(rc, stdout, stderr)]

        class Transport:
            def connect(self, _: Host) -> Session:
                return Session()

        @contextmanager
        def transport(*_: object, **__: object) -> Any:
            yield Transport()

        monkeypatch.setattr(deployments, "Transport", transport)
        return scripts

    return answering


def test_models_are_listed_with_who_has_deployed_them(asked: Callable[..., list[Script]]) -> None:
    asked(stdout="a/b=transformers, num_gpus 2\nc=person vllm\nd=deployed by other means\n")
    assert deployments.deployed(SLIM) == (
        Deployed("a/b", "transformers, num_gpus 2", "up"),
        Deployed("c", "vllm", "person"),
        Deployed("d", "", "other means"),
    )


def test_a_model_of_the_inventory_is_deployed_as_it_says(asked: Callable[..., list[Script]]) -> None:
    scripts = asked(stdout="::note deployed known\n")
    assert deployments.deploy(SLIM, "known") is True
    ((name, (words, body)),) = json.loads(str(scripts[0].vars["asked"])).items()
    assert (name, words, body["num_gpus"], scripts[0].vars["what"]) == (
        "known",
        "transformers, num_gpus 2",
        2,
        "deploy",
    )
    asked()
    assert deployments.deploy(SLIM, "known") is False
    assert deployments.delete(SLIM, "never-there") is False


def test_one_that_is_away_or_refuses_is_an_error_with_what_to_do(asked: Callable[..., list[Script]]) -> None:
    asked(1, stderr="ServerlessLLM is not running on this host\n")
    with pytest.raises(NotDeployed, match="not running") as raised:
        deployments.deployed(SLIM)
    assert (raised.value.host, raised.value.hint) == ("a", "provision up inventory.yaml")
    asked(1, stderr="x was not deployed: ServerlessLLM answers with HTTP 500: no\n")
    with pytest.raises(NotDeployed, match="HTTP 500") as refused:
        deployments.deploy(SLIM, "x")
    assert "provision logs" in refused.value.hint


def test_wrong_usage_contacts_nobody(asked: Callable[..., list[Script]]) -> None:
    scripts = asked()
    with pytest.raises(UsageError, match="has no ServerlessLLM"):
        deployments.deployed(inventory())
    for name in ("", "a b", "../x", "a/", "-x"):
        with pytest.raises(UsageError, match="cannot be the name of a model"):
            deployments.deploy(SLIM, name)
        with pytest.raises(UsageError, match="cannot be the name of a model"):
            deployments.delete(SLIM, name)
    assert scripts == []
