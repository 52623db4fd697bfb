"""Which server is asked: the one that the stamp on the head tells of."""

import os
import subprocess
from pathlib import Path

import pytest

from provision.core.errors import ScriptFailed
from provision.core.script import Fragment
from provision.inventory.models import Host, Inventory, Serve
from provision.payload.bundle import shell
from provision.serving.running import _LOOK, NotServing, Running, read_running

HEAD = Host(name="gpu-01", address="203.0.113.7", role="head")
INVENTORY = Inventory(path=Path("c.yaml"), cluster="llama", hosts=(HEAD,), serve=Serve(model="/models/llama"))
STAMP = """\
python=/home/u/.provision/envs/current-llama
environment=3f9c
model=/models/llama
--host=10.0.0.1
--port=8000
$VLLM_HOST_IP=10.0.0.1
pid=77
ready=yes
running=yes
listener=ours
"""


def running(text: str, inventory: Inventory = INVENTORY) -> Running:
    return read_running(Fragment(0, text, ""), inventory)


def test_it_is_asked_where_it_listens_by_the_name_that_it_has() -> None:
    found = running(STAMP + "--served-model-name=llama\n")
    assert (found.url, found.model, found.source) == ("http://10.0.0.1:8000", "llama", "/models/llama")
    assert (found.address, found.port) == ("10.0.0.1", 8000)
    assert running(STAMP).model == "/models/llama"


@pytest.mark.parametrize("everywhere", ["0.0.0.0", "::"])
def test_one_that_listens_everywhere_is_asked_at_the_address_of_its_node(everywhere: str) -> None:
    assert running(STAMP.replace("--host=10.0.0.1", f"--host={everywhere}")).url == "http://10.0.0.1:8000"


def test_an_ipv6_address_is_written_as_urls_have_it() -> None:
    found = running(STAMP.replace("--host=10.0.0.1", "--host=fd00::1"))
    assert (found.url, found.address) == ("http://[fd00::1]:8000", "fd00::1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no model is served here"),
        ("running=no: it did not start\n", "no model is served here: it did not start"),
        (STAMP.replace("running=yes", "running=no: its process is gone"), "served here: its process is gone"),
        (STAMP.replace("ready=yes\n", ""), "the model is still loading"),
    ],
)
def test_where_there_is_nothing_to_ask_up_is_what_to_type(text: str, message: str) -> None:
    with pytest.raises(NotServing, match=message) as caught:
        running(text)
    assert (caught.value.host, caught.value.hint) == ("gpu-01", "provision up c.yaml")


@pytest.mark.parametrize("text", ["listener=other\n", ""])
def test_a_port_that_is_not_the_servers_is_not_asked(text: str) -> None:
    with pytest.raises(NotServing, match="port 8000 is not held by the server that `up` has started"):
        running(STAMP.replace("listener=ours\n", text))


def test_a_look_that_failed_is_not_taken_for_an_answer() -> None:
    with pytest.raises(ScriptFailed):
        read_running(Fragment(1, STAMP, "sh: no space left"), INVENTORY)


def test_the_heads_loopback_is_not_ours() -> None:
    there = running(STAMP.replace("--host=10.0.0.1", "--host=127.0.0.1"))
    assert there.only_there(HEAD)
    assert not there.only_there(HEAD.model_copy(update={"address": "127.0.0.2"}))
    assert not running(STAMP).only_there(HEAD)


@pytest.mark.parametrize("stamp", ["pid=999999999\nstart=1\nready=yes\n", "pid=999999999\nstart=1\n", None])
def test_all_that_the_look_at_a_server_needs_goes_with_it(tmp_path: Path, stamp: str | None) -> None:
    folder = tmp_path / "clusters" / "llama" / "gpu-01" / "vllm"
    folder.mkdir(parents=True)
    (folder / "run").touch()
    if stamp is not None:
        (folder / "stamp").write_text(stamp)
    variables = {"root": str(tmp_path), "cluster": "llama", "host": "gpu-01", "runtimes": ""}
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **variables}
    done = subprocess.run(["sh", "-c", shell(*_LOOK)], env=environment, capture_output=True, text=True, check=False)
    why = "it did not start" if stamp is None else "its process is gone"
    assert (done.stderr, done.stdout.splitlines()[-1]) == ("", f"running=no: {why}")
