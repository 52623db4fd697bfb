"""The member: one on each host. It talks to the lead, starts the ranks and watches them; it loads nothing that could
hang."""

from __future__ import annotations

import errno
import json
import os
import re
import selectors
import signal
import socket
import time
from typing import Any

from provision.payload.all_reduce.asked import KIB, LEAD, LOADING, MIB, Asked, progress, say
from provision.payload.all_reduce.kernel import states, unanswered, with_children
from provision.payload.all_reduce.processes import Lines, child
from provision.payload.all_reduce.ranks import Ranks

#: Seconds from one sign of life to the next.
BEAT = 1.0


class Member:
    """`ending`: what it says of itself at the end. `log`: what its ranks print, in a file in memory."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.ending: dict[str, Any] = {}
        self.log = os.memfd_create("all-reduce")

    def run(self) -> None:
        link = self.meet()
        if link is not None:
            with link:
                self.take_part(Lines(link.fileno()))
        say("host=" + json.dumps(self.ending))

    def meet(self) -> socket.socket | None:
        """The lead begins when it begins: until then its port refuses."""
        asked, error = self.asked, ""
        while True:
            left = asked.come - asked.since_began()
            if left <= 0:
                self.ending = {"unreached": error or "connection timed out"}
                return None
            own = (asked.address[asked.me], 0)
            try:
                link = socket.create_connection(asked.meet, timeout=min(3, left), source_address=own)
            except OSError as failure:
                error = os.strerror(failure.errno) if failure.errno else "connection timed out"
                if failure.errno in (errno.EADDRNOTAVAIL, errno.EACCES):
                    self.ending = {"unreached": error}
                    return None
                time.sleep(0.1)
                continue
            try:
                greeting = b""
                while not greeting.endswith(b"\n") and len(greeting) < KIB:
                    data = link.recv(KIB)
                    if not data:
                        raise OSError
                    greeting += data
                if json.loads(greeting) != {"tag": asked.tag(LEAD)}:
                    raise ValueError
            except (OSError, ValueError, RecursionError):
                error = "something else answers there"
                link.close()
                time.sleep(0.3)
                continue
            link.settimeout(None)
            return link

    def take_part(self, lead: Lines) -> None:
        lead.say(name=self.asked.me, tag=self.asked.tag(self.asked.me), stage=LOADING[1])
        (theirs_in, out), (inward, theirs_out) = os.pipe(), os.pipe()

        def work() -> None:
            os.dup2(self.log, 1)
            os.dup2(self.log, 2)
            os.close(out)
            Ranks(self.asked, Lines(theirs_in), Lines(theirs_out)).run()

        ranks = child(work)
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            Watch(self.asked, self.ending, lead, Lines(inward), Lines(out), ranks).run()
        finally:
            os.kill(ranks, signal.SIGKILL)
            os.waitpid(ranks, 0)
            self.ending.update(self.logged())

    def logged(self) -> dict[str, list[str]]:
        """What NCCL says of its ways, each once, and the last lines of all."""
        os.lseek(self.log, 0, os.SEEK_SET)
        with os.fdopen(self.log, "rb") as file:
            lines = file.read(8 * MIB).decode("utf-8", "replace").splitlines()
        told = [line.strip() for line in lines if "NCCL" in line]
        ways = [line for line in told if re.search(r" via |NET/|Using network|WARN|NCCL version|NCCL_\w+ set", line)]
        unique: dict[str, str] = {}
        for line in ways:
            unique.setdefault(re.sub(r"\d+", "0", line.partition("NCCL ")[2]), line)
        return {"ways": [*unique.values()][:60], "tail": [line for line in lines if line.strip()][-15:]}


class Watch:
    """What a member does while its ranks, whose parent is `pid`, are at work: hears them and the lead, and passes on
    what each has to say to the other. `heard`, `ranks`: from them, and to them."""

    def __init__(self, asked: Asked, ending: dict[str, Any], lead: Lines, heard: Lines, ranks: Lines, pid: int) -> None:
        self.asked, self.ending = asked, ending
        self.lead, self.heard, self.ranks, self.pid = lead, heard, ranks, pid
        self.finished: dict[int, dict[str, Any]] = {}
        self.stages: dict[int, tuple[int, str]] = {}
        self.count = 1

    def run(self) -> None:
        asked, lead, beat = self.asked, self.lead, time.monotonic()
        eyes = selectors.DefaultSelector()
        eyes.register(lead.descriptor, selectors.EVENT_READ, lead)
        eyes.register(self.heard.descriptor, selectors.EVENT_READ, self.heard)
        while asked.since_began() < asked.come + asked.load + asked.measure + 10:
            for key, _ in eyes.select(0.2):
                for words in key.data.read():
                    if "stop" in words:
                        self.ending["stage"] = self.furthest_behind()[1]
                        return
                    self.hear(words)
                if key.data is self.heard and self.heard.ended:
                    eyes.unregister(self.heard.descriptor)
                    if "failed" not in self.ending and len(self.finished) < self.count:
                        self.ending["failed"] = "its process ended" + manner(self.pid)
                        lead.say(failed=self.ending["failed"])
                if key.data is lead and lead.ended:
                    self.ending["left"] = True
                    return
            if time.monotonic() - beat > BEAT:
                beat = time.monotonic()
                step, stage = self.furthest_behind()
                pids = with_children(self.pid)
                others = {name: address for name, address in asked.address.items() if name != asked.me}
                lead.say(step=step, stage=stage, state=states(pids), unanswered=unanswered(pids, others))
        self.ending["stage"] = self.furthest_behind()[1]

    def furthest_behind(self) -> tuple[int, str]:
        """The stage of that rank."""
        return min(self.stages.values(), default=LOADING)

    def hear(self, words: dict[str, Any]) -> None:
        lead = self.lead
        if "go" in words:
            gpus = words["go"]["gpus"]
            self.count = max(1, gpus[self.asked.me]) if all(gpus.values()) else 1
            self.ranks.say(**words["go"])
        if "stage" in words:
            self.stages[words["rank"]] = (words["step"], words["stage"])
            progress(words["stage"])
        if "gpus" in words:
            known = {key: words[key] for key in ("gpus", "torch", "cuda", "nccl")}
            self.ending.update(known)
            lead.say(**known)
        if "failed" in words:
            self.ending.setdefault("failed", words["failed"])
            lead.say(failed=words["failed"])
        if "result" in words:
            self.finished[words["rank"]] = words["result"]
            if len(self.finished) == self.count:
                result: dict[str, Any] = {}
                for part in self.finished.values():
                    result.update(part)
                lead.say(result=result)


def manner(pid: int) -> str:
    """How a process ended, left to be collected."""
    try:
        found = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    except OSError:
        return ""
    if found is None:
        return ""
    if found.si_code in (os.CLD_KILLED, os.CLD_DUMPED):
        return " by " + signal.Signals(found.si_status).name
    return f" with exit code {found.si_status}"
