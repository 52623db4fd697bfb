"""What the end of `up` tells people to type."""

import shlex
from pathlib import Path

import pytest

from provision.core.certificate import ShownCertificate
from provision.core.finding import Known
from provision.core.outcome import Ended
from provision.inventory.models import Host, SecretSource, Ssh
from provision.payload.ask import CHAT, COMPLETION, EMBEDDING, POOLING
from provision.serving.instructions import ApiKey, Served, curl_line, python_lines, tunnel

HEAD = Host(name="gpu-01", address="203.0.113.7", role="head", ssh=Ssh(user="ubuntu"))
ENDPOINT = ("10.0.0.1", 8000)
RANKS, ANSWERS = "ranks of the model", "model answers with"


def served(**changed: object) -> Served:
    values: dict[str, object] = {
        "model": "llama",
        "endpoint": ENDPOINT,
        "head": HEAD,
        "hosts": ("gpu-01", "gpu-02"),
        "tensor_parallel": 2,
        "pipeline_parallel": 2,
        "over": "over Ray",
        "ranks": RANKS,
        "answers": ANSWERS,
    }
    return Served(**{**values, **changed})  # type: ignore[arg-type]


def known(kind: str = CHAT) -> dict[str, tuple[Known, ...]]:
    return {
        "gpu-01": (
            Known("services", "vLLM", "running"),
            Known("services", RANKS, "0 (PP0 TP0), 1 (PP0 TP1)"),
            Known("services", ANSWERS, kind),
        ),
        "gpu-02": (Known("services", RANKS, "2 (PP1 TP0), 3 (PP1 TP1)"),),
    }


def test_it_says_where_the_model_answers_how_it_is_cut_and_which_rank_runs_where() -> None:
    assert served().lines(Ended(known()))[:4] == [
        "llama answers at http://10.0.0.1:8000/v1",
        "  tensor parallel 2 × pipeline parallel 2, over Ray",
        "  gpu-01  ranks 0 (PP0 TP0), 1 (PP0 TP1)",
        "  gpu-02  ranks 2 (PP1 TP0), 3 (PP1 TP1)",
    ]


def test_what_can_be_copied_begins_in_the_first_column() -> None:
    lines = served().lines(Ended(known()))
    assert lines[5].startswith("curl ")
    assert lines[7].startswith("import ")
    assert len(lines[7:]) == 4


def test_a_port_that_is_closed_from_here_is_brought_here_by_ssh() -> None:
    lines = served().lines(Ended(known(), {ENDPOINT: "no answer within 2 s"}))
    assert any("10.0.0.1:8000 cannot be reached from here (no answer within 2 s)" in line for line in lines)
    assert "ssh -N -L 8000:10.0.0.1:8000 ubuntu@203.0.113.7" in lines
    assert "http://127.0.0.1:8000/v1/chat/completions" in next(line for line in lines if line.startswith("curl"))
    assert any('base_url="http://127.0.0.1:8000/v1"' in line for line in lines)


def test_a_server_on_the_heads_loopback_is_brought_here_and_nothing_local_is_taken_for_it() -> None:
    there = served(endpoint=("127.0.0.1", 8000), local=True)
    assert there.endpoints == []
    lines = there.lines(Ended(known()))
    assert "ssh -N -L 8000:127.0.0.1:8000 ubuntu@203.0.113.7" in lines
    assert any("it listens on gpu-01's loopback" in line for line in lines)


def test_the_tunnel_goes_the_way_we_went() -> None:
    ssh = Ssh(user="ops", port=2222, key="/keys/a b", jump="me@gate", config="/c", known_hosts="/k")
    line = tunnel(HEAD.model_copy(update={"ssh": ssh}), ("fd00::1", 8000))
    words = shlex.split(line)
    assert words[:4] == ["ssh", "-N", "-L", "8000:[fd00::1]:8000"]
    assert words[4:] == [
        *("-F", "/c", "-p", "2222", "-i", "/keys/a b", "-o", "UserKnownHostsFile=/k", "-J", "me@gate"),
        "ops@203.0.113.7",
    ]


@pytest.mark.parametrize(
    ("source", "shell", "python"),
    [
        (None, "", 'api_key="none"'),
        (SecretSource(command="pass x"), '"Authorization: Bearer $VLLM_API_KEY"', 'os.environ["VLLM_API_KEY"]'),
        (SecretSource(env="MY_KEY"), '"Authorization: Bearer $MY_KEY"', 'api_key=os.environ["MY_KEY"]'),
        (SecretSource(file="/k/api key"), "Bearer $(cat '/k/api key')", 'api_key=open("/k/api key").read().strip()'),
    ],
)
def test_a_key_is_named_and_never_shown(source: SecretSource | None, shell: str, python: str) -> None:
    key = ApiKey.of(source, Path("/inventories"))
    assert shell in curl_line("http://a", "llama", CHAT, key)
    assert python in python_lines("http://a", "llama", CHAT, key)[1]


@pytest.mark.parametrize("kind", [CHAT, COMPLETION, EMBEDDING, POOLING])
def test_each_kind_of_model_has_four_lines_that_compile(kind: str) -> None:
    lines = python_lines("http://a", 'odd "name"', kind, ApiKey.of(SecretSource(env="K"), Path("/")))
    assert len(lines) == 4
    compile("\n".join(lines), "printed", "exec")


def test_without_a_log_that_says_which_ranks_run_they_are_counted() -> None:
    lines = served(hosts=("gpu-01",)).lines(
        Ended({"gpu-01": (known()["gpu-01"][0], Known("services", RANKS, "2 ranks"))})
    )
    assert lines[2] == "  gpu-01  2 ranks"


def test_that_it_answers_is_said_only_where_the_server_was_seen_to_be_well() -> None:
    """`up --limit gpu-02` looks at no server; one that is not well was looked at, and does not answer for sure."""
    left_out = {"gpu-02": known()["gpu-02"]}
    assert served().lines(Ended(left_out)) == [
        "whether llama answers was not looked at: it is served on gpu-01, which was left out"
    ]
    for cells in ((), (Known("services", "vLLM", "not ready"),), (Known("services", "vLLM", "not running"),)):
        assert served().lines(Ended({"gpu-01": cells})) == ["whether llama answers was not looked at"]


def certificate(*names: str) -> ShownCertificate:
    return ShownCertificate("ab12" * 16, "cGlu", names, 0, 0, own=True)


def test_over_https_the_lines_go_by_the_certificate() -> None:
    lines = served(certificate=certificate("10.0.0.1", "localhost"), trusted="/state/llama/api.pem").lines(
        Ended(known())
    )
    assert lines[0] == "llama answers at https://10.0.0.1:8000/v1"
    assert "  certificate SHA-256 " + ":".join(["AB", "12"] * 16) in lines
    curl = next(line for line in lines if line.startswith("curl"))
    words = shlex.split(curl)
    assert words[words.index("--pinnedpubkey") + 1] == "sha256//cGlu"
    assert "https://10.0.0.1:8000/v1/chat/completions" in words
    python = "\n".join(lines[lines.index(curl) + 2 :])
    assert "import ssl, openai" in python
    assert 'verify=ssl.create_default_context(cafile="/state/llama/api.pem")' in python
    compile(python, "printed", "exec")


def test_through_a_tunnel_one_of_our_own_is_still_known_by_its_name() -> None:
    own = certificate("10.0.0.1", "127.0.0.1", "localhost")
    lines = served(certificate=own, trusted="/c").lines(Ended(known(), {ENDPOINT: "no answer within 2 s"}))
    assert any('base_url="https://127.0.0.1:8000/v1"' in line for line in lines)


def test_one_of_an_authority_is_asked_for_by_a_name_that_it_has() -> None:
    """Python compares the name, curl the pinned key alone."""
    shown = served(certificate=certificate("*.example.org", "api.example.org"))
    lines = shown.lines(Ended(known()))
    assert any('base_url="https://api.example.org:8000/v1"' in line for line in lines)
    assert not any("ssl." in line for line in lines)
    # What that name is at the end of a tunnel nobody knows.
    through = shown.lines(Ended(known(), {ENDPOINT: "no answer within 2 s"}))
    assert any(line.startswith("curl") and "https://127.0.0.1:8000" in line for line in through)
    assert not any("openai" in line for line in through)


def test_a_server_that_says_nonsense_of_how_it_answers_ends_no_run() -> None:
    assert served().lines(Ended(known("anything"))) == served().lines(Ended(known()))
