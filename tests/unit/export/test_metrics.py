"""What `metrics` writes, read by a real Prometheus that scrapes a server like vLLM's on loopback."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from provision.cli.group import provision
from provision.core.errors import UsageError
from provision.export.dashboard import PANELS
from provision.export.metrics import metrics_files
from provision.inventory import load
from provision.payload.bundle import shell

KEY = "k3y-of-the-metrics"

#: Of vLLM 0.32.0, vllm/v1/metrics/loggers.py; `_total` and `_bucket` are prometheus_client's.
SAID = """\
vllm:num_requests_running{engine="0",model_name="m"} 2.0
vllm:num_requests_waiting{engine="0",model_name="m"} 1.0
vllm:kv_cache_usage_perc{engine="0",model_name="m"} 0.25
vllm:num_preemptions_total{engine="0",model_name="m"} 3.0
vllm:prompt_tokens_total{engine="0",model_name="m"} {n}
vllm:generation_tokens_total{engine="0",model_name="m"} {n}
vllm:time_to_first_token_seconds_bucket{engine="0",le="0.5",model_name="m"} {n}
vllm:time_to_first_token_seconds_bucket{engine="0",le="+Inf",model_name="m"} {n}
vllm:inter_token_latency_seconds_bucket{engine="0",le="0.5",model_name="m"} {n}
vllm:inter_token_latency_seconds_bucket{engine="0",le="+Inf",model_name="m"} {n}
"""

SMI = """#!/bin/sh
printf '0, GPU-a, NVIDIA H100 "80GB", 1024, 81559, 50, 31, 70.12\\n1, GPU-b, NVIDIA A, [N/A], 81559, [N/A], 40, 60\\n'
"""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def collected(tmp_path: Path, smi: str) -> str:
    """What the collector writes, with `smi` as nvidia-smi."""
    programs, out = tmp_path / "bin", tmp_path / "textfile"
    programs.mkdir()
    out.mkdir()
    (programs / "nvidia-smi").write_text(smi)
    (programs / "nvidia-smi").chmod(0o755)
    environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    subprocess.run(["sh", "-c", shell("figures/gpus.sh"), "gpus.sh", out], env=environment, check=True)
    assert [path.name for path in out.iterdir()] == ["provision_gpus.prom"]
    return (out / "provision_gpus.prom").read_text()


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "cluster: llama\nhosts: {gpu-01: {address: 127.0.0.1, role: head}, gpu-02: {address: 'fd00::2'}}\n"
        f"serve: {{model: org/m, port: {free_port()}}}\nsecrets: {{VLLM_API_KEY: {{env: THE_KEY}}}}\n"
    )
    return path


def test_the_key_is_in_no_file_and_the_configuration_names_one(
    inventory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THE_KEY", KEY)
    out = tmp_path / "watch"
    result = CliRunner().invoke(provision, ["metrics", str(inventory), "--out", str(out), "--json"])
    said = json.loads(result.stdout)
    assert result.exit_code == 0 and said["to_add"] == ["vllm-key"]
    assert not [path for path in out.rglob("*") if path.is_file() and KEY in path.read_text()]
    job = yaml.safe_load((out / "prometheus.yml").read_text())["scrape_configs"][0]
    assert job["authorization"] == {"type": "Bearer", "credentials_file": "vllm-key"}
    assert json.loads((out / "targets/node.json").read_text())[1]["targets"] == ["[fd00::2]:9100"]
    assert os.access(out / "gpus.sh", os.X_OK)
    again = CliRunner().invoke(provision, ["metrics", str(inventory), "--out", str(out)])
    assert again.exit_code == 0
    assert "gpu-01 is looked for at its `address`, 127.0.0.1: where the end of `up` names another" in again.stdout
    assert said["notes"] == [line[len("note: ") :] for line in again.stdout.splitlines() if line.startswith("note: ")]
    listens = tmp_path / "listens.yaml"
    listens.write_text(inventory.read_text().replace("serve: {", "serve: {listen: 127.0.0.2, "))
    known = CliRunner().invoke(provision, ["metrics", str(listens), "--out", str(out)])
    assert "note:" not in known.stdout and "127.0.0.2" in (out / "targets/vllm.json").read_text()
    inventory.write_text(inventory.read_text().replace("role: head", "role: head, node_ip: 127.0.0.3"))
    named = CliRunner().invoke(provision, ["metrics", str(inventory), "--out", str(out)])
    assert "note:" not in named.stdout and "127.0.0.3" in (out / "targets/vllm.json").read_text()
    assert CliRunner().invoke(provision, ["metrics", str(inventory), "--out", str(tmp_path)]).exit_code == 2


@pytest.mark.parametrize(
    ("extra", "job"),
    [
        ("without_key: [metrics]", {}),
        ("guard: false", {}),
        ("tls: true, without_key: [metrics]", {"scheme": "https", "tls_config": {"ca_file": "vllm-certificate.pem"}}),
    ],
)
def test_what_the_server_wants_is_what_is_configured(inventory: Path, extra: str, job: dict[str, Any]) -> None:
    inventory.write_text(inventory.read_text().replace("model: org/m", f"model: org/m, {extra}"))
    page = metrics_files(load(inventory, require_secrets=False, require_files=False))["prometheus.yml"].text
    (found, _) = yaml.safe_load(page)["scrape_configs"]
    assert {name: value for name, value in found.items() if name not in ("job_name", "file_sd_configs")} == job


def test_without_a_model_there_is_nothing_to_scrape(inventory: Path) -> None:
    inventory.write_text("cluster: llama\nhosts: {gpu-01: {address: 127.0.0.1, role: head}}\n")
    with pytest.raises(UsageError, match="serves no model"):
        metrics_files(load(inventory, require_secrets=False))


def test_the_collector_leaves_out_what_a_gpu_does_not_tell(tmp_path: Path) -> None:
    said = collected(tmp_path, SMI)
    assert 'provision_gpu_memory_used_bytes{gpu="0",uuid="GPU-a",name="NVIDIA H100 _80GB_"} 1073741824.000' in said
    assert 'provision_gpu_utilization_ratio{gpu="0",uuid="GPU-a",name="NVIDIA H100 _80GB_"} 0.500' in said
    assert 'gpu="1"' in said and not re.search(r'(used_bytes|ratio)\{gpu="1"', said)
    assert "provision_gpu_collected 1" in said


def test_where_nvidia_smi_fails_that_is_what_is_told(tmp_path: Path) -> None:
    said = collected(tmp_path, "#!/bin/sh\necho 'Driver/library version mismatch'\nexit 18\n")
    assert said.splitlines()[-1] == "provision_gpu_collected 0"


@pytest.fixture
def scraped(inventory: Path, tmp_path: Path) -> Iterator[Any]:
    """Answers a query of PromQL by what a Prometheus has scraped: of a server that wants the key, and of a
    node_exporter that tells what the collector has written."""
    asked: list[int] = []
    gpus = collected(tmp_path, SMI)

    class Server(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            node = self.server.server_port == exporter
            allowed = node or self.headers.get("Authorization") == f"Bearer {KEY}"
            asked.append(1)
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write((gpus if node else SAID.replace("{n}", str(10 * len(asked)))).encode() if allowed else b"")

    exporter, own = free_port(), free_port()
    loaded = load(inventory, require_secrets=False)
    assert loaded.serve is not None
    servers = [ThreadingHTTPServer(("127.0.0.1", port), Server) for port in (loaded.serve.port, exporter)]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    out = tmp_path / "watch"
    words = ["metrics", str(inventory), "--out", str(out), "--node-exporter", str(exporter)]
    assert CliRunner().invoke(provision, words).exit_code == 0
    (out / "vllm-key").write_text(KEY)
    config = out / "prometheus.yml"
    config.write_text(config.read_text().replace("15s", "500ms"))
    running = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask(query: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{own}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as answer:
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return found

    try:
        yield ask
    finally:
        running.terminate()
        running.wait()
        for server in servers:
            server.shutdown()
            server.server_close()


@pytest.mark.needs("prometheus")
def test_a_real_prometheus_reads_it_and_every_panel_shows_something(scraped: Any) -> None:
    expressions = [e.replace("$cluster", "llama") for _, _, shown in PANELS for e, _ in shown]
    empty = expressions
    until = time.monotonic() + 60
    while empty and time.monotonic() < until:
        time.sleep(0.5)
        try:
            # A rate wants two looks, and a quantile of none is no number.
            empty = [e for e in empty if not [f for f in scraped(e) if f["value"][1] != "NaN"]]
        except OSError:
            continue
    assert empty == []
    (up,) = scraped('up{job="vllm"}')
    assert up["value"][1] == "1"
    assert {name: up["metric"][name] for name in ("cluster", "host", "role", "model")} == {
        **{"cluster": "llama", "host": "gpu-01", "role": "head", "model": "org/m"}
    }
