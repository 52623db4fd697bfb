"""`provision export`, as it is typed: which hosts are asked, how it ends, what it says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from provision.cluster import gather
from provision.core.errors import PortClosed

ADDRESSED = """\
cluster: llama
ssh: {user: ubuntu}
hosts:
  gpu-01: {address: 192.0.2.1, node_ip: 10.0.0.1, interface: eth0, role: head}
  gpu-02: {address: 192.0.2.2, node_ip: 10.0.0.2, interface: eth0}
serve: {model: /models/m, tensor_parallel: 2, pipeline_parallel: 2}
secrets: {VLLM_API_KEY: {env: NOT_SET_ANYWHERE}}
"""
IMAGE = ("--image", "vllm/vllm-openai:v0.33.0")


@pytest.fixture(autouse=True)
def nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def ask(*_: object, **__: object) -> None:
        raise PortClosed("gpu-01", "was asked")

    monkeypatch.setattr(gather, "ask", ask)


@pytest.fixture
def addressed(folder: Path) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(ADDRESSED)
    return path


def test_with_all_addresses_no_host_is_asked_and_no_secret_is_wanted(
    addressed: Path, call: Callable[..., Result], folder: Path
) -> None:
    done = call("export", "compose", *IMAGE)
    assert done.exit_code == 0, done.output
    assert "no host was asked: the inventory has every address" in done.output
    assert "secret to write: gpu-01: " in done.output and "VLLM_API_KEY" in done.output
    assert "note: gpu-02: how many GPUs it has: `expect.gpus` says it" in done.output
    assert (folder / "llama-compose" / "gpu-02" / "compose.yaml").is_file()
    assert (folder / "llama-compose" / "README.md").read_text().startswith("# llama, without provision (compose)")


def test_as_json_it_is_one_line(addressed: Path, call: Callable[..., Result]) -> None:
    line = json.loads(call("export", "compose", *IMAGE, "--out", "there", "--json").stdout.splitlines()[-1])
    assert (line["event"], line["kind"], line["folder"], line["asked"]) == ("export", "compose", "there", False)
    assert {"host": "gpu-02", "path": "/opt/llama/clusters/llama/gpu-02/ray-token", "names": []} in line["secrets"]


def test_without_an_address_the_hosts_are_asked(inventory: Path, call: Callable[..., Result]) -> None:
    done = call("export", "compose", *IMAGE)
    assert done.exit_code == 4 and "gpu-01: was asked" in done.output + done.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("compose",), 2, "compose needs an image"),
        (("script",), 3, "python.packages is empty"),
        (("script", "--root", "there"), 2, "expected an absolute path"),
        (("systemd", "--image", "a"), 2, "systemd runs an environment, and no image"),
        (("tarball",), 2, "is not one of `systemd`"),
    ],
)
def test_how_it_ends_where_nothing_can_be_written(
    words: tuple[str, ...], code: int, said: str, addressed: Path, call: Callable[..., Result], folder: Path
) -> None:
    done = call("export", *words)
    assert (done.exit_code, said in done.output + done.stderr) == (code, True), done.output
    assert sorted(path.name for path in folder.iterdir()) == ["inventory.yaml"]


def test_without_a_lock_it_says_so(addressed: Path, call: Callable[..., Result]) -> None:
    addressed.write_text(ADDRESSED + "python: {packages: [vllm==0.33.0]}\n")
    done = call("export", "systemd")
    assert done.exit_code == 1 and "provision lock" in done.output + done.stderr + str(
        getattr(done.exception, "hint", "")
    )
