"""What each host runs for the timed all-reduce. It reads from its environment what it is to do, and prints lines of
JSON: `lead=…` on the first host, and `host=…` on each.

Three kinds of processes, none of which outlives this one:
- the member, one on each host, talks to the lead and watches what it started. It loads nothing that could hang.
- the lead, beside the member of the first host: it knows who came, says when to begin, and who is stuck.
- the ranks: one for each GPU, as the model will have, where all hosts have CUDA (NCCL); else one for each host (Gloo).
  torch is loaded once, by their parent, and only then forked: eight times is slow from a shared file system.
"""

from __future__ import annotations

import json
import os
import resource
import socket

from provision.payload.all_reduce.asked import Asked, say
from provision.payload.all_reduce.lead import Lead
from provision.payload.all_reduce.member import Member
from provision.payload.all_reduce.processes import child


def main() -> None:
    asked = Asked(json.loads(os.environ.pop("ALL_REDUCE")))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    if asked.names[0] == asked.me:
        lead_and_take_part(asked)
    else:
        Member(asked).run()


def lead_and_take_part(asked: Asked) -> None:
    family = socket.AF_INET6 if ":" in asked.meet[0] else socket.AF_INET
    try:
        listener = socket.create_server(asked.meet, family=family, backlog=256)
    except OSError as error:
        why = [error.strerror or str(error)]
        say("lead=" + json.dumps({"outcome": "port", "why": why, "seats": {}}))
        return
    lead = Lead(asked, listener)
    pid = child(lead.run)
    listener.close()
    Member(asked).run()
    os.waitpid(pid, 0)
    os.lseek(lead.record, 0, os.SEEK_SET)
    with os.fdopen(lead.record) as file:
        say("lead=" + file.read())
