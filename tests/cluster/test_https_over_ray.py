"""An API that speaks HTTPS, of a model whose ranks real Ray has put on two hosts: the head alone has the key."""

from __future__ import annotations

import json
import os
import re
import ssl
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from clusters import PROVISION, Cluster

from provision.lab.demo import MODEL
from provision.lab.tiny_model import ANSWER, write_tiny_model

pytestmark = pytest.mark.long

KEY = "canary-over-ray-77e1"
PEM = "/home/ops/.provision/clusters/test-https-ray/lab-1/vllm-tls.pem"
DOCUMENT = Path(__file__).parents[2] / "docs" / "serving.md"
FINGERPRINT = "AE:4B:CA:F9:93:2B:93:A1:AA:37:77:DD:EF:81:E6:EE:CF:FD:46:D5:2D:1C:FC:96:8D:6A:04:63:38:0B:1C:98"
BEGIN, END = "<!-- made by tests/cluster/test_https_over_ray.py -->\n", "<!-- end of what up prints -->\n"


@pytest.fixture(scope="module")
def cluster(make_cluster: Callable[..., Cluster], tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    folder = tmp_path_factory.mktemp("stack")
    write_tiny_model(folder / "layer" / MODEL.lstrip("/"))
    made = make_cluster(
        "test-https-ray",
        hosts=2,
        gpus=1,
        fabric=True,
        stack={"model": MODEL, "tensor_parallel": 1, "pipeline_parallel": 2},
        settings={"secrets": {"VLLM_API_KEY": {"env": "VLLM_API_KEY"}}},
        layers=(folder / "layer",),
    )
    made.environment["VLLM_API_KEY"] = KEY
    made.edit(("port: 8000", "port: 8000\n  tls: true"))
    return made


def test_ranks_on_two_hosts_are_served_over_https_and_know_nothing_of_its_key(cluster: Cluster) -> None:
    result = cluster.provision("up")
    assert result.code == 0, result.stderr
    assert {label for _, label in result.changes} >= {"Ray head", "Ray worker", "vLLM"}
    address = f"{cluster.host('lab-1').fabric_address}:8000"
    trusting = ssl.create_default_context(cafile=cluster.state / cluster.lab.name / "api.pem")
    body = {"model": "tiny", "messages": [{"role": "user", "content": "What are you?"}], "max_tokens": 40}
    request = urllib.request.Request(
        f"https://{address}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"},
    )
    with urllib.request.urlopen(request, timeout=60, context=trusting) as answer:
        assert json.load(answer)["choices"][0]["message"]["content"] == ANSWER
    with pytest.raises(OSError):
        urllib.request.urlopen(f"http://{address}/health", timeout=60)
    again = cluster.provision("up")
    assert (again.code, again.changes) == (0, [])
    assert (cluster.provision("check").code, cluster.provision("smoke").code) == (0, 0)


def test_the_other_host_has_neither_the_file_nor_a_word_of_it(cluster: Cluster) -> None:
    pem = cluster.host("lab-1").exec(["cat", PEM]).stdout
    key = pem.partition("-----BEGIN PRIVATE KEY-----\n")[2].splitlines()[0]
    assert len(key) > 40
    found = "grep -rlsF -f /root/pattern /home/ops/.provision/clusters /run /tmp /proc/[0-9]*/environ"
    for name, files in (("lab-1", [PEM]), ("lab-2", [])):
        cluster.host(name).exec(["sh", "-c", 'printf "%s\\n" "$0" > /root/pattern', key])
        assert cluster.host(name).exec(["sh", "-c", found]).stdout.split() == files
        assert cluster.processes(name, re.escape(key)) == []
    environments = "cat /proc/[0-9]*/environ | tr '\\000' '\\n' | grep -c vllm-tls.pem"
    assert cluster.host("lab-2").exec(["sh", "-c", environments]).stdout.strip() == "0"


def test_the_document_has_the_lines_that_up_printed(cluster: Cluster) -> None:
    """The certificate, the addresses and the folders are this run's; the rest is as it stands there."""
    up = [PROVISION, "up", str(cluster.inventory)]
    done = subprocess.run(up, env=cluster.environment, capture_output=True, text=True, check=True)
    printed = done.stdout[done.stdout.index("tiny answers at https://") :].partition("\nnothing to change")[0]
    address = cluster.host("lab-1").fabric_address
    assert address is not None
    kept = str(cluster.state / cluster.lab.name / "api.pem")
    pin = next(word.partition("sha256//")[2].rstrip("'") for word in printed.split() if "sha256//" in word)
    shown = printed.replace(kept, "/home/ann/.local/state/provision/llama/api.pem").replace(address, "10.10.0.11")
    shown = shown.replace(pin, "YhKJG3phE6xw3TXJdrKg2MF2SRqP04D37LwHtZ4PvPE=")
    shown = re.sub(r"SHA-256 [0-9A-F:]{95}", f"SHA-256 {FINGERPRINT}", shown)
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    there, _, after = rest.partition(END)
    text = f"\n~~~console\n{shown.rstrip()}\n~~~\n\n"
    if os.environ.get("WRITE_DOCS"):
        DOCUMENT.write_text(f"{before}{BEGIN}{text}{END}{after}")
    else:
        assert there == text, "run this test with WRITE_DOCS=1 in the environment to write the lines anew"
    assert KEY not in printed
    curl = next(line for line in printed.splitlines() if line.startswith("curl "))
    asked = subprocess.run(["sh", "-c", curl], env=cluster.environment, capture_output=True, text=True, check=True)
    assert '"choices"' in asked.stdout


def test_down_removes_the_key_also_where_the_inventory_serves_no_more(cluster: Cluster) -> None:
    text = cluster.inventory.read_text()
    cluster.inventory.write_text(text[: text.index("\nserve:")] + "\n")
    result = cluster.provision("down")
    assert result.code == 0, result.stderr
    left = cluster.host("lab-1").exec(["find", "/home/ops/.provision/clusters"]).stdout
    assert left == ""
