"""The barrier before the model: the *expected* nodes and GPUs have joined Ray, or those missing are named.

Too few GPUs do not make vLLM fail, they make it wait in silence for half an hour; so it is not started before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from provision.core.resource import Difference, Resource, State
from provision.core.script import Fragment, Script, Value
from provision.resources.ray import RayHead
from provision.resources.service_scripts import LIBRARY


@dataclass(frozen=True)
class RayMembers(Resource):
    """`expected`: node IP → (host name, GPUs); `unknown`: names of hosts that could not be asked for their address, and
    are not held against what was recorded; `others`: further addresses of the hosts → host name, by which one is known
    that tells Ray the wrong one. Asked on the head through Ray itself, once per start of the head or
    of a worker; what was seen is recorded with the head's identity, so that looking again costs no interpreter."""

    outcome: ClassVar[bool] = True
    area: ClassVar[str] = "services"
    why: ClassVar[str] = "for a node or a GPU that Ray does not count, vLLM waits in silence for half an hour"

    head: RayHead
    expected: Mapping[str, tuple[str, int]] = field(hash=False)
    timeout: float
    unknown: frozenset[str] = frozenset()
    others: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def id(self) -> str:
        return "ray-members"

    @property
    def label(self) -> str:
        return "Ray members"

    def fact(self, _: str) -> str:
        return self.label

    def want(self) -> State:
        return {"nodes": self._nodes()}

    def _nodes(self) -> str:
        return ", ".join(f"{name} {ip} with {gpus} GPUs" for ip, (name, gpus) in sorted(self.expected.items()))

    def diff(self, have: State, want: State) -> tuple[Difference, ...]:
        if have and want and self._known(have.get("nodes", "")) == self._known(want["nodes"]):
            return ()
        return super().diff(have, want)

    def _known(self, nodes: str) -> list[str]:
        return [node for node in nodes.split(", ") if node.partition(" ")[0] not in self.unknown]

    def probe(self) -> Script:
        return Script(f"{LIBRARY}\n{PROBE}", {"dir": self.head.place.folder})

    def explain(self, failed: Fragment) -> tuple[tuple[str, ...], str]:
        folder = self.head.place.folder.rsplit("/", 2)[0]
        if ELSEWHERE in failed.stderr:
            hint = "take `node-ip-address` out of `ray.args`, or set the host's `node_ip` to the address that is meant"
            return failed.tail(), hint
        hint = f"run `provision check`, then look at {folder}/<host>/ray/log on the hosts named above"
        return failed.tail(), hint

    def fix(self, have: State, want: State) -> Script:
        if want is None:
            return Script('rm -f -- "$dir/members"', {"dir": self.head.place.folder})
        variables: dict[str, Value] = {
            "dir": self.head.place.folder,
            "python": f"{self.head.setup.python}/bin/python",
            "address": self.head.address,
            "node_ip": self.head.setup.network.node_ip,
            "token_file": self.head.setup.token_file,
            "expected": "\n".join(f"{ip} {gpus} {name}" for ip, (name, gpus) in self.expected.items()),
            "others": "\n".join(f"{ip} {name}" for ip, name in self.others.items()),
            "nodes": self._nodes(),
            "seconds": int(self.timeout),
        }
        return Script(f"{LIBRARY}\n{WAIT}", variables, timeout=self.timeout + 60)


PROBE = """
read_stamp && alive && [ -f "$dir/members" ] || exit 0
{ read -r head; read -r nodes; } < "$dir/members"
[ "$head" = "$pid $start" ] && echo "nodes=$nodes"
exit 0
"""

#: How the program below tells of a host that joined at another of its addresses.
ELSEWHERE = "joined at another address"

#: Asks Ray until all have joined, or SECONDS_LEFT have passed; then it says who is missing, and ends with 1.
PROGRAM = """
import os, sys, time

import ray

deadline = time.monotonic() + float(os.environ["SECONDS_LEFT"])
expected = {}
for line in os.environ["EXPECTED"].splitlines():
    ip, gpus, name = line.split(" ", 2)
    expected[ip] = (name, int(gpus))
others = dict(line.split(" ", 1) for line in os.environ["OTHERS"].splitlines())
ray.init(os.environ["RAY_ADDRESS"], log_to_driver=False, logging_level="ERROR", configure_logging=False)
while True:
    joined = {}
    for node in ray.nodes():
        if node["Alive"]:
            joined[node["NodeManagerAddress"]] = int(node["Resources"].get("GPU", 0))
    absent = {name: ip for ip, (name, _) in expected.items() if ip not in joined}
    found = {others[ip]: ip for ip in joined if ip not in expected and others.get(ip) in absent}
    elsewhere = [f"{name} (at {at}, not at {absent[name]})" for name, at in found.items()]
    missing = [f"{name} ({ip})" for name, ip in absent.items() if name not in found]
    short = [
        f"{name} ({joined[ip]} of {gpus} GPUs)"
        for ip, (name, gpus) in expected.items()
        if ip in joined and joined[ip] < gpus
    ]
    strangers = [ip for ip in joined if ip not in expected and ip not in found.values()]
    if not elsewhere and not missing and not short and not strangers:
        break
    if time.monotonic() > deadline:
        if elsewhere:
            print("joined at another address:", ", ".join(elsewhere), file=sys.stderr)
        if missing:
            print("did not join Ray in time:", ", ".join(missing), file=sys.stderr)
        if short:
            print("joined with too few GPUs:", ", ".join(short), file=sys.stderr)
        if strangers:
            print("joined, but are not in the inventory:", ", ".join(strangers), file=sys.stderr)
        sys.exit(1)
    print("::progress waiting for", ", ".join(elsewhere + missing + short + strangers), flush=True)
    time.sleep(0.5)
counted, wanted = sum(joined.values()), sum(gpus for _, gpus in expected.values())
print(f"::note Ray counts {len(joined)} of {len(expected)} nodes and {counted} of {wanted} GPUs", flush=True)
"""

WAIT = f"""
read_stamp && alive || {{ echo "the Ray head is not running" >&2; exit 1; }}
export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH="$token_file" RAY_ADDRESS="$address" RAY_USAGE_STATS_ENABLED=0
EXPECTED="$expected" OTHERS="$others" SECONDS_LEFT="$seconds" NODE_IP="$node_ip" "$python" - <<'PY' || exit 1
{PROGRAM}
PY
printf '%s\\n%s\\n' "$pid $start" "$nodes" > "$dir/members"
"""
