"""What is told of public reports of failures. Each names its source, and what it turned out to be.

A wrong cause is worse than none: a log that is not known is told so.
"""

from pathlib import Path

import pytest
from signatures_document import DOCUMENT

from provision import Verdict, explain
from provision.diagnosis.explain import Explained

REPORTS = Path(__file__).parent / "reports"

CAUSE = {
    "pictures-extension": ("user-unknown", "gpu-01"),
    "warned-of-compiled-code": ("module-missing", "gpu-01"),
    "invalid-device-function": ("kernel-image", "gpu-01"),
    "inner-size-not-divisible": ("size-divisible", "10.0.0.2"),
    "custom-op-not-in-build": ("native-code-versions", "gpu-01"),
    "flash-attention-of-another-build": ("native-code-versions", "gpu-01"),
    "quantized-shape": ("quantized-kernel", "gpu-01"),
    "user-without-a-name": ("user-unknown", "gpu-01"),
    "headers-of-the-compiler": ("compiler-missing", "gpu-01"),
    "another-program-killed-before": ("cuda-out-of-memory", "gpu-01"),
    "custom-all-reduce": ("custom-all-reduce", "gpu-01"),
    "custom-all-reduce-through-another-program": ("custom-all-reduce", "gpu-01"),
    "dashboard-agent": ("ray-agent", "gpu-02"),
    "dmesg-with-dates": ("gpu-fault", "gpu-02"),
    "duplicate-gpu-two-hosts": ("nccl-duplicate-gpu", "gpu-02"),
    "error-802": ("fabric-manager", "gpu-01"),
    "failed-to-be-inspected": ("package-versions", "gpu-01"),
    "flashinfer-no-nvcc": ("nvcc-missing", "gpu-02"),
    "fp8-block-not-divisible": ("fp8-blocks", "gpu-01"),
    "gaierror": ("hub-name", "gpu-02"),
    "gb10-page-cache": ("unified-memory", "gpu-02"),
    "graph-capture-of-nccl": ("nccl-graph", "gpu-01"),
    "hub-429": ("hub-rate", "gpu-02"),
    "hub-behind-a-firewall": ("hub-unreachable", "gpu-02"),
    "ib-completion-status-12": ("rdma-lost", "gpu-01"),
    "invalid-device-ordinal": ("device-ordinal", "10.0.0.2"),
    "journal-oom": ("killed-for-memory", "gpu-02"),
    "kernel-lines": ("gpu-lost", "gpu-02"),
    "nccl-attach-shm": ("nccl-shm-attach", "gpu-02"),
    "nccl-link-local": ("nccl-link-local", "gpu-02"),
    "nccl-operation-not-supported": ("nccl-cuda-unsupported", "gpu-01"),
    "nccl-out-of-memory": ("nccl-cuda-memory", "gpu-01"),
    "ninja": ("ninja-missing", "gpu-01"),
    "no-gpu-on-driver-node": ("ray-no-gpu-here", "gpu-01"),
    "nvml-mismatch": ("driver-mismatch", "gpu-01"),
    "oom-by-orphans": ("cuda-memory-shared", "gpu-02"),
    "ptxas-of-triton": ("ptxas", "gpu-01"),
    "ray-oom": ("ray-out-of-memory", "10.0.0.2"),
    "roce-qp-no-such-device": ("rdma-address", "gpu-01"),
    "sampler-memory": ("sampler-memory", "gpu-01"),
    "sigbus-network-fs": ("bus-error-weights", "gpu-02"),
    "transformers-v5": ("transformers-version", "gpu-01"),
    "two-addresses": ("unique-address", "gpu-01"),
    "zmq-cannot-assign": ("listen-address", "gpu-01"),
    "clock-behind": ("hub-clock", "gpu-02"),
    "cuda-fork": ("cuda-fork", "gpu-01"),
    "cuda-no-device": ("no-gpu-seen", "10.0.0.2"),
    "cxxabi": ("glibc-too-old", "gpu-01"),
    "exec-format": ("processor", "gpu-02"),
    "fine-grained-token": ("model-token-scope", "gpu-01"),
    "gated-401": ("model-gated", "gpu-01"),
    "gated-403": ("model-gated", "gpu-02"),
    "glibc": ("glibc-too-old", "gpu-02"),
    "hub-503": ("hub-error", "gpu-01"),
    "input-output-error": ("disk-error", "gpu-02"),
    "ld-lcuda": ("link-libcuda", "gpu-01"),
    "libcuda-missing": ("cuda-library-missing", "gpu-02"),
    "marlin-partition": ("quantized-partition", "gpu-01"),
    "module-named": ("model-weights-unknown", "gpu-01"),
    "nccl-versions-differ": ("nccl-versions", "gpu-01"),
    "numpy-compiled-for-1": ("numpy-abi", "gpu-01"),
    "numpy-dtype-size": ("numpy-abi", "gpu-02"),
    "peer-access": ("cuda-peer-access", "gpu-01"),
    "protobuf-needed": ("package-needed", "gpu-02"),
    "python-h": ("compiler-missing", "gpu-01"),
    "quantization-differs": ("quantization-differs", "gpu-01"),
    "quota": ("disk-quota", "gpu-02"),
    "read-only-home": ("read-only", "gpu-01"),
    "safetensors-cut-short": ("model-weights-damaged", "10.0.0.2"),
    "torch-archive": ("model-archive-damaged", "gpu-01"),
    "triton-shared-memory": ("triton-shared-memory", "10.0.0.2"),
    "weights-of-another-shape": ("model-weights-shape", "gpu-01"),
    "weights-with-another-name": ("model-weights-unknown", "gpu-01"),
    "attention-interface": ("model-layer-kind", "gpu-01"),
    "four-bits-as-none": ("model-weights-shape", "gpu-01"),
    "libcudart-12": ("cuda-library-missing", "gpu-02"),
    "marlin24": ("quantized-kernel", "gpu-01"),
    "moe-block-size": ("quantized-kernel", "gpu-01"),
    "numpy-2-module": ("numpy-module", "gpu-01"),
    "scales-nobody-knows": ("model-weights-unknown", "gpu-01"),
    "stale-cache-of-triton": ("stale-file", "gpu-02"),
    "nvcc-path-with-a-colon": ("nvcc-path", "gpu-01"),
    "worker-ended-by-the-kernel": ("killed-for-memory", "gpu-02"),
    "mig-instance-by-its-name": ("visible-devices", "gpu-01"),
    "gpu-by-its-name": ("visible-devices", ""),
    "parser-of-tool-calls": ("parser-unknown", ""),
    "container-lost-its-gpus": ("gpu-taken-away", "gpu-01"),
    "tokenizers-older-than-the-file": ("tokenizer-newer", ""),
    "flashinfer-cubin-of-another-version": ("flashinfer-versions", "gpu-01"),
    "more-ranks-than-gpus-here": ("ranks-of-one-host", ""),
    "more-ranks-than-gpus-older": ("ranks-of-one-host", ""),
    "attention-without-sparse": ("attention-backend", ""),
    "no-kernel-for-four-bits": ("quantized-kernel", ""),
    "nvlink-that-cannot-be-corrected": ("nvlink-error", "gpu-02"),
    "compiler-of-an-older-cuda": ("nvcc-too-old", ""),
    "offline-and-not-there": ("model-offline", ""),
    "rdma-between-two-subnets": ("rdma-unreachable", "gpu-01"),
    "peer-closed-after-it-was-killed": ("killed-by-its-limit", "gpu-02"),
    "hf-transfer-not-installed": ("package-asked-for", "gpu-02"),
    "unit-without-its-program": ("unit-program", "gpu-02"),
    "unit-that-gave-up-over-a-port": ("port-taken", "gpu-01"),
    "unit-with-an-unknown-user": ("unit-user", "gpu-02"),
    "config-that-is-no-json": ("model-config-damaged", "gpu-02"),
    "no-gcc-for-inductor": ("compiler-missing", ""),
    "proxy-wants-a-password": ("hub-proxy", "gpu-02"),
    "name-of-the-head-not-known": ("rendezvous-name", "gpu-02"),
    "windows-line-ends": ("cuda-out-of-memory", ""),
    "stamped-by-kubernetes": ("nccl-cuda-memory", "gpu-03"),
    "lines-of-dockers-json": ("gpu-memory-held", ""),
    "ranks-with-other-settings": ("dp-settings", "gpu-01"),
    "ray-older-than-needed": ("ray-too-old", ""),
    "uncontained-memory-error": ("gpu-fault", "gpu-03"),
    "driver-not-built-for-this-kernel": ("driver-not-running", "gpu-02"),
    "driver-half-updated": ("driver-mismatch", "gpu-02"),
    "gguf-without-files": ("model-weights-missing", ""),
    "ray-oom-of-another-node": ("ray-out-of-memory", "29.45.33.204"),
    "ray-oom-told-by-the-raylet": ("ray-out-of-memory", "10.95.143.76"),
    "open-kernel-modules-wanted": ("gpu-open-module", "gpu-01"),
    "container-wants-a-newer-driver": ("container-driver-old", "gpu-01"),
    "no-memory-for-cuda-itself": ("cuda-memory-none", "gpu-01"),
    "kernels-not-built-for-the-gpu": ("quantized-kernel-missing", "gpu-01"),
    "memory-that-others-hold": ("cuda-memory-of-others", "gpu-01"),
    "file-of-another-size": ("model-download-size", "gpu-01"),
    "deepgemm-that-was-not-loaded": ("deepgemm-needed", "gpu-01"),
    "driver-without-a-gpu-of-ray": ("ray-no-gpu-on-driver", "gpu-01"),
    # A line of a sound start is said before, and is none.
    "plugin-that-is-not-loaded": ("kv-cache-none", "gpu-01"),
    "warned-of-symmetric-memory": ("rdma-lost", "gpu-01"),
    "kernel-of-days-before": ("kv-cache-none", "gpu-01"),
    "benign-libnccl-net": ("rdma-address", "gpu-01"),
    "benign-tp-exceeds-local": ("nvcc-missing", "gpu-01"),
    "benign-trust-remote-code": ("cuda-out-of-memory", "gpu-01"),
}

LIKELY = {
    "owner-died": ("owner-died", "gpu-01"),
    "triton-pass": ("triton-compile", "gpu-01"),
    "reasoning-with-tools": ("settings-refused", "gpu-01"),
    "compose-worker-has-no-head": ("ray-unreachable", ""),
    "device-side-assert": ("cuda-assert", "gpu-01"),
    "illegal-memory-access": ("cuda-illegal-access", "gpu-02"),
    "nccl-initialization-error": ("nccl-nvls", "gpu-01"),
    "nccl-last-error-cuda": ("nccl-last-error", "gpu-01"),
    "no-node-info": ("ray-head-gone", "gpu-01"),
    "node-taken-for-dead": ("ray-node-dead", "gpu-02"),
    "store-wait-timeout": ("store-timeout", "gpu-01"),
    "unable-to-connect-gcs": ("ray-unreachable", "gpu-02"),
    "xid45-after-abort": ("nccl-timeout", "gpu-02"),
    "zmq-port-collision": ("port-race", "gpu-02"),
    "cuda-error-3-device-count": ("cuda-initialization", "10.0.0.2"),
    "cuda-initialization-error": ("cuda-initialization", "gpu-01"),
    "cuda-unknown-error": ("cuda-unknown", "gpu-01"),
    "heap-corrupted": ("heap-corrupted", "gpu-01"),
    "illegal-instruction": ("illegal-instruction", "gpu-01"),
    "loader-library": ("library-missing-other", "gpu-02"),
    "nccl-message-truncated": ("nccl-truncated", "gpu-02"),
    "nvshmem-devx": ("nvshmem", "gpu-01"),
    "nvshmem-no-transport": ("nvshmem", "gpu-01"),
    "nvshmem-qp": ("nvshmem", "gpu-02"),
    "ray-driver-not-registered": ("ray-raylet-closed", "gpu-01"),
    "ray-worker-crashed-at-start": ("ray-worker-ended", "gpu-02"),
    "ray-worker-hangs-at-start": ("ray-worker-slow", "gpu-02"),
    "segfault-in-nccl": ("segfault", "gpu-01"),
    "segfault-in-the-kernels-log": ("segfault-where", "gpu-02"),
    "segfault-of-python": ("segfault", "gpu-02"),
    "segfault-of-ray": ("segfault", "gpu-01"),
    "ibgda-ah": ("nvshmem", "gpu-01"),
    "libtorch-cuda": ("library-missing-other", "gpu-02"),
    "node-marked-dead": ("ray-node-dead", "gpu-01"),
    "raylet-not-there": ("ray-raylet-closed", "gpu-01"),
    "socket-truncated": ("nccl-truncated", "gpu-01"),
    "triton-cache-race": ("triton-cache", "gpu-01"),
    "worker-exits-without-a-word": ("rank-died", "gpu-01"),
    "inductor-backend-failed": ("torch-compile", "gpu-01"),
    "queue-pair-without-a-reason": ("rdma-error", "node08"),
    "worker-ended-by-a-segfault": ("rank-signal", "gpu-01"),
    "address-of-a-ray-client": ("ray-client-address", "gpu-01"),
    "store-of-the-hub-fails": ("hub-store", ""),
    "store-of-the-hub-breaks-off": ("hub-store", "10.0.0.3"),
    "peer-closed": ("rank-lost", "gpu-01"),
    "raylet-ended": ("ray-raylet-ended", ""),
    "unit-that-gave-up": ("unit-gave-up", "gpu-01"),
    "engines-not-ready-in-time": ("engine-slow", "gpu-01"),
    "head-does-not-answer-the-engine": ("engine-no-head", "gpu-02"),
    "context-parallel-refused": ("settings-refused", ""),
    "a-programs-own-xid": ("cuda-illegal-access", "gpu-02"),
    "link-of-the-network-down": ("link-down", "gpu-02"),
    "file-server-silent": ("file-server-silent", "gpu-02"),
    "symmetric-memory": ("symmetric-memory", "gpu-01"),
    "gpu-without-gsp": ("gpu-not-supported", "gpu-01"),
    "metadata-server-refuses": ("server-unreachable", "gpu-01"),
    "memory-region-of-rdma": ("memory-lock", "gpu-01"),
}
UNKNOWN = {
    "ended-after-a-new-failure",
    "tokenizer-of-mistral",
    "ended-by-the-others",
    "address-family",
    "cuda-401",
    "nvml-assert",
    "something-new",
    "sound-start-only",
    "sound-start-with-warnings",
    "waits-for-a-broadcast-block",
}

ALL = sorted(path.stem for path in REPORTS.glob("*.log"))


def explained(name: str) -> Explained:
    return explain(REPORTS / f"{name}.log")


@pytest.mark.parametrize(("name", "expected"), CAUSE.items())
def test_a_cause_is_told_with_its_host_and_the_line_that_says_it(name: str, expected: tuple[str, str]) -> None:
    found = explained(name)
    assert (found.verdict, found.id, found.host) == (Verdict.CAUSE, *expected)
    assert found.evidence[0].line and found.hint


@pytest.mark.parametrize(("name", "expected"), LIKELY.items())
def test_what_may_follow_from_something_else_is_told_as_likely(name: str, expected: tuple[str, str]) -> None:
    found = explained(name)
    assert (found.verdict, found.id, found.host) == (Verdict.LIKELY, *expected)


@pytest.mark.parametrize("name", sorted(UNKNOWN))
def test_what_is_not_known_is_told_so_with_the_best_lines(name: str) -> None:
    found = explained(name)
    assert (found.verdict, found.id) == (Verdict.UNKNOWN, "")
    assert found.message.startswith("the cause is not known")
    assert found.evidence


def test_of_an_unknown_failure_each_host_has_its_say() -> None:
    assert {(said.host, said.line) for said in explained("something-new").evidence} >= {
        ("gpu-01", "somewhere.NovelError: the flux is inverted"),
        ("gpu-02", "NovelError: flux sensor not calibrated"),
    }


def test_every_report_is_expected_and_most_have_a_cause() -> None:
    """Two of three, those not counted whose log tells no more than a symptom."""
    assert {*CAUSE, *LIKELY, *UNKNOWN} == {*ALL}
    assert len(ALL) >= 180
    assert len(CAUSE) / (len(ALL) - len(LIKELY)) >= 2 / 3
    assert (len(CAUSE) + len(LIKELY)) / len(ALL) >= 9 / 10
    said = " ".join(DOCUMENT.read_text().split())
    assert f"Of {len(ALL)} reports of failures" in said
    assert (
        f"{len(CAUSE)} are told with their cause, {len(LIKELY)} with what is most likely, and {len(UNKNOWN)} as" in said
    )


@pytest.mark.parametrize("name", ALL)
def test_a_report_names_its_source_and_what_it_was(name: str) -> None:
    first, second = (REPORTS / f"{name}.log").read_text().splitlines()[:2]
    assert first.startswith("# source: ")
    assert second.startswith("# known cause: ")
