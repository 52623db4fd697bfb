"""What programs write in front of a message: vLLM, Ray, torch, the kernel, the journal, and who passes their lines on.

Seen in logs of vLLM 0.6 to 0.33 and Ray 2.8 to 2.60; a line may carry several, one inside the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from provision.core.regex import regex
from provision.core.values import dataclass

_MONTHS = {name: number for number, name in enumerate(
    ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
)}  # fmt: skip

# Colours, cursor and titles; also as syslog (`#033`), `cat -v` (`^[`) and web pages (a replacement, or nothing at all)
# write their first character.
_ANSI = regex(
    r"(?:\x1b|\ufffd|\^\[|#033)\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[()][A-Z0-9]|\x1b[=>78]"
    r"|\[(?:\d{1,3};)+\d{1,3}m(?!\])|(?<=\))\[0m"
)
#: Characters of a line that are read, of its beginning and of its end: a prompt or a whole configuration has no end.
_LONGEST = 4096
_REPEATED = regex(r"\s*\[repeated \d+x across cluster\].*$")
_CLOCK = r"(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)(?:[.,:]\d+)*"
_DATE = r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
_NAME = rf"(?P<name>{'|'.join(_MONTHS)}) +(?P<day>\d{{1,2}})"

# `(RayWorkerProc pid=619, ip=10.0.0.2)`, `(VllmWorker rank=1 pid=115)`, `(raylet, ip=10.0.0.2)`, `(autoscaler +7s)`
_PROCESS = regex(
    r"^\((?=[^)]*\b(?:pid|ip)=|raylet\)|gcs_server\)|autoscaler )"
    r"(?P<program>[A-Za-z_][\w.:]*)?(?:[ (]*rank=(?P<rank>\d+)\)?)?"
    r"(?:[, ]*pid=\d+)?(?:, *ip=(?P<ip>[^)\s]+))?(?: \+\d+\w*)?\) ?"
)
_RANK = regex(r"^\[rank(?P<rank>\d+)\]: ?(?=\[)|^\[rank(?P<rank_alone>\d+)\]: ?")
# `ERROR 11-21 00:31:59 [file.py:1063] message`; older: `ERROR 02-09 02:31:11 file.py:389] message`
_VLLM = regex(
    r"^(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?P<month>\d\d)-(?P<day>\d\d) "
    rf"{_CLOCK} (?:\[(?P<file>[^\]]*)\]|[\w./-]+:\d+\]) ?"
)
# Where vLLM tells of a request that failed, such as for a picture that is nowhere: the server goes on.
_OF_A_REQUEST = regex(r"(?:^|/)serving(?:_\w+)?\.py:\d+$")
# `[2026-11-21 00:32:30,754 W 5068 5068] (raylet) rpc_client.h:153: `,
# `2025-03-30 17:22:35,502\tWARNING node.py:1465 -- `
_RAY = regex(
    rf"^\[?{_DATE} {_CLOCK}"
    r"(?: (?P<letter>[A-Z]) \d+ \d+\] (?:\(\w+\) )?\S+:\d+: |\t(?P<level>[A-Z]+) \S+ -- )"
)
_TORCH = regex(r"^\[(?P<letter>[IWEF])(?P<month>\d\d?)(?P<day>\d\d) " rf"{_CLOCK} [^\]]*\] ?")
_KERNEL = regex(r"^\[ *(?P<boot>\d+\.\d+)\] ")
_KERNEL_T = regex(rf"^\[(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_NAME} {_CLOCK} (?P<year>\d{{4}})\] ")
# The journal, rsyslog: `Nov 21 00:31:59 gpu-02 vllm[812]: `, `2026-11-21T00:31:59+00:00 gpu-02 kernel: `
_WHO = r" (?P<host>[\w.-]+) [\w./@()-]+(?:\[\d+\])?: "
_SYSLOG = regex(rf"^(?:<\d{{1,3}}>)?{_NAME} {_CLOCK}{_WHO}")
_SYSLOG_ISO = regex(rf"^{_DATE}T{_CLOCK}(?:Z|[+-]\d\d:?\d\d)?{_WHO}")
# `-o short-full`, `-o short-unix`, `-o short-monotonic`; RFC 5424: `<11>1 2026-11-21T00:31:59Z gpu-02 vllm 12 - - `
_SYSLOG_FULL = regex(rf"^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_DATE} {_CLOCK} \S+{_WHO}")
_SYSLOG_UNIX = regex(rf"^\d{{10}}\.\d{{6}}{_WHO}")
_SYSLOG_BOOT = regex(r"^\[ *(?P<boot>\d+\.\d+)\] (?P<host>[\w.-]+) (?:[\w./@()-]+\[\d+\]|kernel): ")
_SYSLOG_5424 = regex(
    rf"^<\d{{1,3}}>1 {_DATE}T{_CLOCK}(?:Z|[+-]\d\d:\d\d) (?P<host>\S+) \S+ \S+ \S+ (?:-|\[[^\]]*\]) ?\ufeff?"
)
_DATED = regex(rf"^\[?{_NAME} {_CLOCK}\]? +")
_ISO = regex(rf"^\[?{_DATE}[T ]{_CLOCK} ?(?:Z|UTC|[+-]\d\d:?\d\d)?\]?(?: +(?:\| +)?|$)")
# Python's logging, as its examples and most programs set it up: `2026-11-21 00:31:59,123 - name - INFO - `,
# `2026-11-21 00:31:59 INFO `, and uvicorn's `INFO:     `
_NAMED = r"(?P<level>DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL)"
_PYTHON = regex(
    rf"^\[?{_DATE}[T ]{_CLOCK}\]?(?: - [\w.-]+)? (?:- {_NAMED} - |\[?{_NAMED.replace('level', 'plain')}\]?:? +)"
)
_UVICORN = regex(r"^(?P<level>INFO|DEBUG): {2,}")
# Who gathers the lines of several: `[pod/vllm-1/vllm] ` (kubectl --prefix), `vllm-1 vllm ` (stern), `gpu-02: ` (pdsh),
# `3: ` (srun -l), and who quotes them: `> `, `12:`, `vllm.log:12:`, `Line 12: `; only before something that is known.
_KNOWN = (
    r"(?=\(\w+ (?:rank=\d+ )?pid=|(?:DEBUG|INFO|WARNING|ERROR|CRITICAL) \d\d-\d\d "
    r"|\[?\d{4}-\d\d-\d\d[T ]\d\d:|\[rank\d|NVRM: )"
)
_POD = regex(r"^\[pod/(?P<host>[\w.-]+)/[\w.-]+\] ?")
_GATHERED = regex(rf"^(?:(?P<host>[a-z][\w.]*[-\d][\w.-]*)(?:: | [\w-]+ (?:[›>|] )?)|\d+: +){_KNOWN}")
_QUOTED = regex(rf"^(?:(?:> ?)+|(?:[\w./-]+:|Line )?\d+[:\t-]\s*){_KNOWN}")
# `vllm-head-1  | `, as Compose shows several containers
_COMPOSE = regex(r"^(?P<container>[A-Za-z][\w.-]*) +\| ")
# `stderr F `, behind a time: containerd's and CRI-O's own files
_CRI = regex(r"^(?:stdout|stderr) [FP](?: +|$)")
# `gpu-01:4101:4188 [0] `: a host by its own name, a process and a thread
_NCCL_HOST = regex(r"^(?P<host>[A-Za-z][\w-]*):\d+:\d+ \[\d+\] ")
_NCCL = regex(r"\bNCCL (?P<level>WARN|INFO|TRACE|VERSION)\b")
# `… at node (ID: 35…, IP: 10.0.0.2)`, `Memory on the node (IP: 10.0.0.2, ID: 35…)`: who says it may be another.
_ADDRESS = regex(r"(?:\bray::\S+.*\(pid=\d+, ip=|\bnode \((?:ID: \w+, )?IP: )(?P<ip>[\d.]+)")

_ORDER = (
    *(_SYSLOG, _SYSLOG_ISO, _SYSLOG_FULL, _SYSLOG_UNIX, _SYSLOG_BOOT, _SYSLOG_5424, _POD, _GATHERED, _QUOTED),
    *(_PROCESS, _RANK, _VLLM, _RAY, _TORCH, _KERNEL, _KERNEL_T, _PYTHON, _ISO, _DATED, _UVICORN, _COMPOSE, _CRI),
)
_LEVELS = {
    **dict.fromkeys(("ERROR", "CRITICAL", "PANIC", "ERR", "E", "C", "F"), "error"),
    **dict.fromkeys(("WARNING", "WARN", "W"), "warning"),
    **dict.fromkeys(("INFO", "I", "DEBUG", "D", "TRACE", "VERSION"), "info"),
}


@dataclass(slots=True)
class Stripped:
    """A line without its prefixes, and what these told. `stamp`: the groups of the innermost time; `address`: of the
    host whose process it was; `speaker`: what that host calls itself, where nobody else says which it is; `level`:
    `error`, `warning`, `info`, or empty; `warned`: by vLLM or another program in Python, which
    goes on; `file`: of the source, with the line, that logged it."""

    text: str
    program: str = ""
    rank: str = ""
    address: str = ""
    host: str = ""
    speaker: str = ""
    level: str = ""
    warned: bool = False
    file: str = ""
    stamp: dict[str, str] = field(default_factory=dict)

    @property
    def time(self) -> str:
        """As it was written, the largest part first; of the kernel's, the seconds since boot."""
        stamp = self.stamp
        if "hour" not in stamp:
            return f"{stamp['boot']} s after boot" if "boot" in stamp else ""
        date = f"{int(stamp['month']):02}-{int(stamp['day']):02}"
        year = f"{stamp['year']}-" if "year" in stamp else ""
        return f"{year}{date} {stamp['hour']}:{stamp['minute']}:{stamp['second']}"


def strip(raw: str) -> Stripped:
    """Total: any text gives one."""
    if len(raw) > 2 * _LONGEST:
        raw = f"{raw[:_LONGEST]} … {raw[-_LONGEST:]}"
    said = Stripped(_REPEATED.sub("", _ANSI.sub("", raw)).strip())
    while match := next(filter(None, (prefix.match(said.text) for prefix in _ORDER)), None):
        if match.end() == 0:
            break
        said.text = said.text[match.end() :]
        _take(said, match.groupdict())
    if match := _NCCL.search(said.text):
        said.level = _LEVELS[match["level"]]
        said.speaker = named["host"] if (named := _NCCL_HOST.match(said.text)) else ""
    if not said.address and (match := _ADDRESS.search(said.text)):
        said.address = match["ip"]
    said.text = said.text.strip()
    return said


def level_of(word: str) -> str:
    return _LEVELS.get(word, "")


def _take(said: Stripped, groups: Mapping[str, str | None]) -> None:
    said.program = groups.get("program") or said.program
    said.rank = groups.get("rank") or groups.get("rank_alone") or said.rank
    said.address = groups.get("ip") or said.address
    said.host = groups.get("host") or said.host
    word = groups.get("level") or groups.get("plain") or ""
    said.level = level_of(word or groups.get("letter") or "") or said.level
    said.warned = level_of(word) == "warning" if word else said.warned
    said.file = groups.get("file") or said.file
    if _OF_A_REQUEST.search(said.file):
        said.level = "info"
    if groups.get("hour") or groups.get("boot"):
        said.stamp = {name: value for name, value in groups.items() if value is not None}
        if "name" in said.stamp:
            said.stamp["month"] = str(_MONTHS[said.stamp["name"]])
