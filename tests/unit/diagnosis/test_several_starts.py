"""Logs that hold more than the failure that somebody asks about: earlier starts, and what had better not be shown."""

from pathlib import Path

import pytest

from provision import Verdict, explain
from provision.diagnosis.explain import Explained

OLD = "ERROR 11-20 00:31:59 [core.py:700] ValueError: No available memory for the cache blocks.\n"
SERVES = "INFO:     Application startup complete.\n"
NEW = "ERROR 11-21 10:31:59 [core.py:700] OSError: [Errno 28] No space left on device: '/var/log/x'\n"


def told(tmp_path: Path, text: str) -> Explained:
    (tmp_path / "vllm.log").write_text(text)
    return explain(tmp_path / "vllm.log")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (OLD + SERVES + NEW, "disk-full"),
        (NEW + SERVES + OLD, "kv-cache-none"),
        (OLD + NEW, "kv-cache-none"),
        # Nothing is known of what came after it.
        (OLD + SERVES, "kv-cache-none"),
        (OLD + SERVES + NEW + SERVES, "kv-cache-none"),
    ],
)
def test_what_an_earlier_start_failed_with_is_not_why_a_later_one_ended(tmp_path: Path, text: str, said: str) -> None:
    assert told(tmp_path, text).id == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ConnectionResetError: [Errno 104] Connection reset by peer", ""),
        ("urllib3: ('Connection aborted.', ConnectionResetError(104, 'Connection reset by peer'))", ""),
        ("hf_xet: error sending request: Connection reset by peer (os error 104)", ""),
        (
            "RuntimeError: [gloo/transport/pair.cc:589] Read error [10.0.0.2]:5: Connection reset by peer",
            "rank-lost",
        ),
    ],
)
def test_a_connection_of_a_client_or_to_a_hub_is_no_ranks(tmp_path: Path, line: str, said: str) -> None:
    assert told(tmp_path, f"{line}\n").id == said


def test_tokens_in_a_log_are_not_shown(tmp_path: Path) -> None:
    token, key = "hf_" + "abcdefghijABCDEFGHIJ", "sk-proj-" + "abcdefghijklmnop"
    found = told(tmp_path, f"ValueError: bad settings {{'HF_TOKEN': '{token}', 'key': '{key}'}}\n")
    assert found.verdict is Verdict.UNKNOWN and "bad settings" in found.evidence[0].line
    named = told(tmp_path, f"vllm: error: unrecognized arguments: --token {token}\n")
    assert named.id == "flag-unknown"
    assert not any(secret in repr(one) for secret in (token, key) for one in (found, named))
