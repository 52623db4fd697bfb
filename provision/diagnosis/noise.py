"""Lines that look like a cause but are none: consequences of another failure, or lines of every healthy start."""

from __future__ import annotations

import re

from provision.core.regex import regex
from provision.diagnosis.lines import Line

#: Tried again, or without consequence: vLLM looks at the hub for what a model's folder has already (vllm#33545), torch
#: for an IPv6 address that no host needs (vllm#570), FlashInfer for the fastest kernel, torchvision for its
#: reader of pictures; downloads are resumed, and requests to
#: the hub made again; Ray counts what its event loops do, and reports, as OpenTelemetry does,
#: to somebody who need not be there.
_HARMLESS = (
    r"|Error retrieving (?:safetensors|file list)\b|\[c10d\] The IPv6 network addresses of"
    r"|Skipping tactic .* due to failure while profiling|Error while downloading from https:"
    r"|thrown while requesting [A-Z]+ https?:"
    # Of the first line that is read of a long log, the end alone may be there.
    r"|^(?:Global stats: \d|\t?[\w.:]+ - \d+ total \(\d+ active\))|\btime: +mean = |, total = [\d.]+ ?m?s$"
    r"|usage-stats\.ray\.io|url: /v1/(?:traces|metrics|logs)\b|Failed to load image Python extension"
)

#: They explain nothing themselves, and mislead when they come last. Seen in runs of vLLM 0.32.0 and Ray 2.60.0.
AFTERMATH = regex(
    r"ActorHandleNotFoundError|Engine core initialization failed|RuntimeError: Executor failed|EngineDeadError"
    r"|Failed to kill actor|direct cause of the following exception|leaked (?:instance|type|function|shared)"
    r"|nanobind|resource_tracker|network_util\.cc|state-dump|memory_monitor_utils|metrics exporter|metrics agent"
    r"|^(?:KeyboardInterrupt|SystemExit)|logging\.cc:\d+: +@|^The process is killed by|logging\.cc.*Stack trace"
    r"|(?:WorkerProc|Worker) initialization failed due to|Failed to determine local IP|^PC: @|^@ +0x|SIGTERM received"
    + _HARMLESS
)

_EXCEPTION = regex(r"^(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Exit|Interrupt)\b(?::|$)")
_TYPE_ERROR = regex(r"^(?:Value|Assertion) error, ")  # how pydantic introduces what a validator said
_ERROR = regex(r"^(?:\S+: )?(?:fatal|error)\b|core dumped|Killed process|Unhandled exception", re.IGNORECASE)
_TRACEBACK = regex(r"^(?:Traceback \(most recent|File \"|[~^]+$|raise |return |\^)")


def is_aftermath(line: Line) -> bool:
    return AFTERMATH.search(line.text) is not None


#: Said as a warning, and often ends the start all the same: what is missing there is missed later, under another name.
#: Older versions, which say `with`, try another way.
_IMPORT = regex(r"\bFailed to import from vllm\.\w+(?P<older> with)?\b")


def is_import(line: Line) -> bool:
    """Of vLLM's compiled code."""
    return _IMPORT.search(line.text) is not None


def is_warned(line: Line) -> bool:
    """Whether the program goes on: what such a line quotes is the cause only if nothing else is."""
    match = _IMPORT.search(line.text)
    return bool(match["older"]) if match else line.warned


#: What the kernel writes of a device, a file system or a process; of an unused port, at each start of the host.
_OF_KERNEL = regex(
    r"^(?:NVRM: |nvidia-nvswitch\d*: |(?:Memory cgroup out of|Out of) memory: |[^\[]{1,60}\[\d+\]: segfault "
    r"|(?:mlx[45]_core|bnxt_en|ice|i40e|ixgbe|ena|irdma|pcieport) |nfs: |EXT4-fs |INFO: task )"
)
_KILLED = regex(r"^(?:Memory cgroup out|Out) of memory: ")


def of_kernel(line: Line) -> bool:
    return _OF_KERNEL.match(line.text) is not None


def is_kill(line: Line) -> bool:
    return _KILLED.match(line.text) is not None


#: Exceptions of those who waited for somebody in vain, or were ended with him.
_OF_WAITING = regex(
    r"time[d ]?-?out|connect|broken ?pipe|closed|EOFError|Cancelled|\bDist[A-Z]\w+Error|\bGCS\b|\bray\b|RaySystem|psm_",
    re.IGNORECASE,
)


def is_own(line: Line) -> bool:
    """An exception that tells of the program itself, and not of its waiting for others."""
    return is_exception(line) and line.level != "info" and not is_warned(line) and _OF_WAITING.search(line.text) is None


def is_exception(line: Line) -> bool:
    return _EXCEPTION.search(line.text) is not None or _TYPE_ERROR.search(line.text) is not None


def worth(line: Line) -> int:
    """How much a line is worth if the cause is unknown: 3 an exception, 2 an error, 1 anything else, 0 part of a
    traceback."""
    if is_exception(line):
        return 3
    if _TRACEBACK.search(line.text):
        return 0
    return 2 if line.loud or _ERROR.search(line.text) else 1
