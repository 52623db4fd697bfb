"""What the facts script printed, as `Facts`. Pure, and total: any text gives facts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from provision.facts.driver import read_library, read_module, read_xids
from provision.facts.folders import read_exposed
from provision.facts.gpus import read_cuda, read_gpus
from provision.facts.links import read_fabrics, read_nvlinks, read_topology
from provision.facts.model import Facts, PythonFound
from provision.facts.model_folder import read_model
from provision.facts.network import read_addresses, read_interfaces, read_listening, read_route
from provision.facts.processes import read_gpu_processes, read_processes, read_programs

#: `ulimit` says `unlimited`: more than anyone can ask for.
UNLIMITED = 2**63 - 1


def read_facts(stdout: str, *, asked_at: float | None = None, answered_at: float | None = None) -> Facts:
    """Never raises: what a host did not say, or said unreadably, is the default of its field.

    `asked_at`, `answered_at`: the controller's clock when it asked, and when it had the answer, in seconds since the
    epoch. How long the question was under way in between is not known: no clock that shows a time between is off.
    """
    sections = _sections(stdout)
    values = _pairs(sections.get("values", ()))
    os_release = _pairs(sections.get("os", ()))
    head = (sections.get("head") or [""])[0].strip()
    route = sections.get("route", [])
    interfaces = read_interfaces(
        sections.get("links", []),
        sections.get("addresses", []),
        sections.get("addresses6", []),
        sections.get("speeds", []),
        route,
    )
    source, device = read_route(head, route, interfaces) if head else (None, None)
    gpus, fault, error = read_gpus(sections.get("gpus", []))
    apps = sections.get("apps", [])
    processes = {**read_processes(apps), **read_processes(sections.get("programs", []))}
    clock = values.get("clock", "")
    return Facts(
        hostname=values.get("hostname", ""),
        user=values.get("user", ""),
        uid=_int(values.get("uid", ""), -1),
        home=values.get("home", ""),
        login_user=values.get("login_user", "") or values.get("user", ""),
        login_home=values.get("login_home", "") or values.get("home", ""),
        arch=values.get("arch", ""),
        kernel=values.get("kernel", ""),
        os_id=_unquoted(os_release.get("ID", "")),
        os_version=_unquoted(os_release.get("VERSION_ID", "")),
        glibc=values.get("glibc", "").removeprefix("glibc ").strip(),
        boot_id=values.get("boot_id", ""),
        uptime_seconds=_float(values.get("uptime", "")),
        clock=_int(clock),
        systemd=values.get("systemd") == "yes",
        lingers=values.get("lingers") == "yes",
        cpus=_int(values.get("cpus", "")),
        memory_bytes=_int(values.get("memory", "").removeprefix("MemTotal:").strip()) * 1024,
        shm_bytes=_df(sections.get("shm", ()), 1),
        nofile_soft=_limit(values.get("nofile_soft", "")),
        nofile_hard=_limit(values.get("nofile_hard", "")),
        root=values.get("root", ""),
        root_place=_place(sections, values.get("boot_id", "")),
        disk_free_bytes=_df(sections.get("disk", ()), 3),
        pythons=_pythons(sections.get("pythons", ())),
        curl=values.get("curl") == "yes",
        flock=values.get("flock") == "yes",
        tar=values.get("tar") == "yes",
        uv=values.get("uv", ""),
        uv_version=_uv_version(values.get("uv_version", "")),
        interfaces=interfaces,
        route_source=source,
        route_interface=device,
        listening=read_listening(sections.get("listening", ())),
        gpus=gpus,
        gpu_fault=fault,
        gpu_error=error,
        driver=next((gpu.driver for gpu in gpus if gpu.driver), None),
        driver_module=read_module(sections.get("module", ())),
        driver_library=read_library(sections.get("library", ())),
        cuda=read_cuda(sections.get("cuda", ())),
        gpu_processes=read_gpu_processes(apps, processes, _float(values.get("uptime", ""))),
        topology=read_topology(sections.get("topology", ())),
        nvlinks=read_nvlinks(sections.get("nvlink", ())),
        fabric_manager=values.get("fabric_manager", ""),
        xids=read_xids(sections.get("xids", ())),
        fabrics=read_fabrics(sections.get("fabrics", ())),
        programs=read_programs(processes),
        clock_offset=_offset(_clock(clock), asked_at, answered_at or asked_at) if asked_at and _int(clock) else None,
        hostname_addresses=read_addresses(sections.get("names", ())),
        exposed=read_exposed(sections.get("folders", ())),
        lacks=_lacks(values),
        model=read_model(
            _pairs(sections["model"]),
            sections.get("files", ()),
            _df(sections.get("modeldisk", ()), 3),
            sections.get("config", ()),
            sections.get("quantization", ()),
        )
        if "model" in sections
        else None,
    )


#: Of linux/capability.h: what root needs to give files away, to become another user, and to see whose a process of that
#: user is.
_CAPABILITIES = {
    0: "CAP_CHOWN", 1: "CAP_DAC_OVERRIDE", 3: "CAP_FOWNER", 6: "CAP_SETGID", 7: "CAP_SETUID", 19: "CAP_SYS_PTRACE"
}  # fmt: skip


def _lacks(values: Mapping[str, str]) -> tuple[str, ...]:
    if not re.fullmatch("[0-9a-f]{1,16}", held := values.get("capabilities", "")):
        return ()
    missing = [name for bit, name in _CAPABILITIES.items() if not int(held, 16) >> bit & 1]
    return tuple(missing if values.get("setpriv") == "yes" else ["setpriv", *missing])


def _sections(text: str) -> dict[str, list[str]]:
    """Lines below each `@name`; what a login banner printed before the first one belongs to none."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in text.split("\n"):
        if re.fullmatch("@[a-z0-9]+", line):
            lines = found.setdefault(line[1:], [])
        else:
            lines.append(line.rstrip("\r"))
    return found


def _pairs(lines: Sequence[str]) -> dict[str, str]:
    """What is said first counts: what comes later may be somebody else's."""
    return dict(line.partition("=")[::2] for line in reversed(lines) if "=" in line)


def _int(text: str, default: int = 0) -> int:
    match = re.match(r"\d{1,18}", text, re.ASCII)
    return int(match[0]) if match else default


def _float(text: str) -> float:
    match = re.match(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII)
    return float(match[0]) if match else 0.0


def _clock(text: str) -> float:
    """A `date` that tells whole seconds alone is half a second behind on average."""
    return _float(text) if re.match(r"\d+\.\d", text, re.ASCII) else _float(text) + 0.5


def _offset(clock: float, earliest: float, latest: float) -> float:
    return clock - min(max(clock, earliest), max(earliest, latest))


def _uv_version(text: str) -> str:
    """`uv 0.9.2 (141369ce7 2025-10-10)`: the number."""
    match = re.match(r"uv (\d{1,6}(?:\.\d{1,6})*)", text, re.ASCII)
    return match[1] if match else ""


def _limit(text: str) -> int:
    return UNLIMITED if text == "unlimited" else _int(text)


def _unquoted(text: str) -> str:
    return text.strip().strip("\"'")


def _place(sections: Mapping[str, Sequence[str]], boot: str) -> str:
    """Names a folder, alike on all hosts that share it: by its server, or else by the machine and the device there.
    Empty where that is not known."""
    numbers, rest = [*sections.get("place", ()), "", ""][:2]
    device, _, inode = numbers.partition(" ")
    disk = [*sections.get("disk", ()), ""][0]
    source = disk.partition(" ")[0]
    # `server:/export` of NFS, Lustre, Ceph and Gluster, `//server/share` of CIFS.
    where = source if ":" in source or source.startswith("//") else f"{boot} {device}" if boot and device else ""
    return f"{where} {inode} {rest}" if where and inode else ""


def _df(lines: Sequence[str], column: int) -> int:
    """Bytes from the last line of `df -Pk`: 1 is the size, 3 what is free. The columns are counted from the
    right, since a device's name may have blanks."""
    cells = next((line.split() for line in reversed(lines) if line.strip()), [])
    return _int(cells[column - 6]) * 1024 if len(cells) >= 6 else 0


def _pythons(lines: Sequence[str]) -> tuple[PythonFound, ...]:
    """Each file once, under the first name that the search path has for it. The version is in the name of
    the file, or of the one that it links to; its patch version was asked, or is in the name of its folder."""
    found: dict[str, PythonFound] = {}
    for line in lines:
        path, target, said, *_ = [*line.split("\t"), "", ""]
        match = re.search(r"/python(3\.\d{1,2})\Z", target, re.ASCII) or re.search(
            r"/python(3\.\d{1,2})\Z", path, re.ASCII
        )
        if match:
            number = re.escape(match[1]) + r"\.\d{1,3}(?:(?:a|b|rc)\d{1,3})?"
            patch = re.match(rf"Python ({number})", said, re.ASCII) or re.search(
                rf"/(?:cpython-|versions/)({number})[-/+]", target, re.ASCII
            )
            found.setdefault(target, PythonFound(path, match[1], patch[1] if patch else ""))
    return tuple(found.values())
